"""Daily bars of US stocks, ETFs, cash indices and daily crypto pairs.

One row is one session of one symbol. Sources: Polygon, then Yahoo; Yahoo also reconciles.
Cadence: after each close, with a trailing re-fetch for late corrections.
Tables: symbols, daily_bars, corporate_actions, scored_bars, adjusted_bars, gaps, features,
reconciliation, symbol_status, each with the prefix `equities_`.
"""
