"""Bitcoin liquidations: hourly features and signals that never see the future.

One row is one hour, stamped by its start. Source: Glassnode (price, liquidated futures volume).
Cadence: hourly, ten minutes after the hour is over; bin models weekly.
Tables: price, liquidations, processed, rpn, bin_models, bins, dominance, signals, labels,
training_data, signal_performance, each with the prefix `btc_`.
"""
