"""When raw data is asked for."""
