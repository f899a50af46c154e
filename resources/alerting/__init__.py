"""Telling people: what is found wrong, the book of incidents, the channels that carry messages."""
