"""The pages. Every page module has the same shape: a `PAGE` with its path, title, layout and callbacks.

A new domain adds one module and one line to `shell.PAGES`. Layouts are empty frames with ids;
callbacks fill them, in a thread each, so that a slow read never holds up the REST API.
"""
