"""A local server that speaks every vendor's wire format over real HTTP, without keys or internet.

One vendor is one file (`polygon.py`, `glassnode.py`, `bybit.py`, ...): wire format, keys, plans, limits and
error bodies of that vendor, and nothing about where prices and rates come from. Those come from a backend
(`backend.py`): `synthetic.py` simulates a seeded market, `replay.py` serves recorded tables.
`faults.py` makes vendors misbehave on request. `convert.py` lays recorded files out for replay.
What production code does with an answer does not belong here.
"""
