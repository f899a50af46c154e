"""The asset graph: one folder a domain, the same files in each."""
