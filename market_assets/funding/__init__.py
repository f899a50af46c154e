"""Perpetual funding: what holders of perpetual futures pay each other, venue by venue, and where venues disagree.

One row is one settled payment of one contract (`funding_rates`), one look at a contract's current state
(`funding_snapshot`), or what follows from them: completeness, statistics, an hourly grid, spreads between
venues, and pairs of legs ranked net of costs (`funding_opportunities`). Sources: the public endpoints of
some twenty exchanges, none of which needs a key. Cadence: snapshots every few minutes, settlements hourly.
Tables: contracts, rates, snapshot, completeness, statistics, hourly_rates, spreads, spread_statistics,
opportunities.
"""
