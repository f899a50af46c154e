import time, polars as pl
from tests.desk import failed_checks
def test_it(crypto):
    for a in crypto.results: print(a, failed_checks(crypto.results[a], a))
    s=crypto.desk.read("crypto_signals"); print(s.group_by("action","is_tradeable").len().sort("len"))
    print(crypto.desk.read("crypto_paper_trades").group_by("day","row_kind").len())
    print(crypto.desk.read("crypto_paper_trades").filter(row_kind="position").group_by("side","exit_reason").len())
    print({t:(crypto.desk.read(t).height) for t in ["crypto_klines","crypto_timeframes","crypto_overlays","crypto_feature_telemetry","crypto_signals","crypto_sentiment","crypto_advice","crypto_paper_trades","crypto_success_metrics"]})
