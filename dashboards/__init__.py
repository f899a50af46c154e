"""The Plotly app and the REST API, one ASGI app."""
