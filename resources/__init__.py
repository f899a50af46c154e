"""Everything outside the graph: vendor clients, the HTTP stack, the stores, the sandbox."""
