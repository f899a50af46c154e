"""What every domain is built from: contracts, partitions, checks, clock, calendars, indicators.

Nothing here knows a domain, a vendor or a store.
"""
