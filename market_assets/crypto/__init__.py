"""Crypto: minute candles of one venue, chart overlays, rule-based signals, and a simulated account that trades them.

One row is one closed minute candle (`crypto_klines`), a coarser candle built from them, the overlays of a candle,
a decision at its close, a position of the simulated account, or how that account did (`crypto_success_metrics`).
Sources: Binance, futures or spot, by REST, WebSocket and daily archive, none of which needs a key; the Fear & Greed
index; optionally a language model. Cadence: every few minutes, or as candles close while `market-assets stream` runs;
the account at the end of each UTC day. Tables: klines, timeframes, overlays, feature_telemetry, signals, sentiment,
advice, paper_trades, success_metrics.
"""
