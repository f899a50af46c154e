"""The face of the graph: Plotly pages and the REST API, one ASGI app.

Here belongs what a browser or an HTTP client sees: figures, pages, routes, bodies. Everything is
read, nothing is computed that a table should hold: a number that two readers need is an asset.
Only `orchestrator.py` imports Dagster, and only when asked.
"""
