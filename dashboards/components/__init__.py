"""What `GET /health` is made of, beyond the data themselves: one file looks at one thing.

Each component has `status`, `note` (how it stands, in a few words) and `detail` (what is wrong and what to do, or
null). A number nobody measured is null.
"""
