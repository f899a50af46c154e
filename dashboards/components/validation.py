"""How much of what is stored is valid or complete, domain by domain: the newest numbers that are stored."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl

from dashboards.services import Services
from market_assets.btc.transforms.integrity import integrity_of_newest_day
from market_assets.funding import readers as funding

_HOURS = ("ts", "price", "long_filled", "short_filled", "is_filled")


@dataclass(frozen=True)
class Rate:
    """One share. What is not stored has none."""

    value: float
    #: what it is a share of, of which day, and whose is the lowest
    of: str


def validation(services: Services) -> dict[str, Any]:
    """Domain -> name, value (0 to 1) and meaning of its measure; value and meaning null where nothing is stored."""
    found = {domain: (name, measure(services)) for domain, (name, measure) in _MEASURES.items()}
    return {
        domain: {"measure": name, "value": rate.value if rate else None, "of": rate.of if rate else None}
        for domain, (name, rate) in found.items()
    }


def _equities(services: Services) -> Rate | None:
    """As the check `validation_rate` counts it."""
    status = services.data.load_or_none("equities_symbol_status")
    counted = None if status is None else status.filter(pl.col("status") != "inactive").select("n_rows", "n_validated")
    n_rows, n_validated = counted.sum().row(0) if counted is not None else (0, 0)
    return Rate(n_validated / n_rows, f"of {n_rows:,} bars of active symbols are validated") if n_rows else None


def _btc(services: Services) -> Rate | None:
    """As the check `integrity` scores it."""
    manifests = [one for one in services.data.manifests("btc_processed") if one.rows]
    if not manifests:
        return None
    newest = date.fromisoformat(max(one.partition for one in manifests))
    hours = services.data.load("btc_processed", start=newest - timedelta(days=1), end=newest, columns=list(_HOURS))
    report = integrity_of_newest_day(hours, services.settings.btc.start)
    return Rate(
        report.overall_score, f"score of the 24 hours up to {report.end:%Y-%m-%d %H:%M}Z, {report.n_missing} missing"
    )


def _bars(services: Services) -> Rate | None:
    """As the check `batch_quality` judges it: the lowest mean of a symbol."""
    data = services.data
    stored = [one.partition.partition("|")[0] for one in data.manifests("bars_minute") if one.rows]
    if not stored:
        return None
    newest = date.fromisoformat(max(stored))
    rows = data.load("bars_minute", start=newest, end=newest, columns=["symbol", "ts", "quality_score"])
    means = rows.group_by("symbol").agg(pl.col("quality_score").mean()).sort("quality_score", "symbol")
    symbol, value = means.row(0)
    return Rate(value, f"lowest mean score of {means.height} symbols on {newest}: {symbol}")


def _funding(services: Services) -> Rate | None:
    """As the check `contracts_complete` counts it: the lowest share of an exchange."""
    data = services.data
    if not data.manifests("funding_completeness"):
        return None
    name = "newest completeness"
    rows = data.kept(name, ["funding_completeness"], lambda: funding.completeness(store=data.store))
    judged = rows.filter(
        "is_active", (pl.col("expected_slots") > 0) | (pl.col("completeness_class") == "interval_unknown")
    )
    shares = judged.group_by("exchange").agg(share=(pl.col("completeness_class") == "complete").mean())
    if shares.is_empty():
        return None
    exchange, value = shares.sort("share", "exchange").row(0)
    return Rate(value, f"lowest share of complete contracts of {shares.height} exchanges: {exchange}")


#: domain -> the check that judges it, and what measures it
_MEASURES: Mapping[str, tuple[str, Callable[[Services], Rate | None]]] = {
    "equities": ("validation_rate", _equities),
    "btc": ("integrity", _btc),
    "funding": ("contracts_complete", _funding),
    "bars": ("batch_quality", _bars),
}
