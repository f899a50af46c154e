"""Minute bars of indices, currencies, gold, futures and coins: several sources, one trusted series.

One row of `bars_minute` is one closed minute of one symbol from one named source. Sources are Yahoo's chart, Alpha
Vantage, Twelve Data and Polygon, in a configured order; a live collector hands over the running day. The running day
is asked for every few minutes while its market is open, and each day once more when it is over.
Tables: bars_minute, bars_indicators, bars_macro_daily, bars_scanner_features, bars_signals, bars_outcomes,
bars_reconciliation, bars_source_health.
"""
