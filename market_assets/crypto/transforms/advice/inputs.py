"""What is known of the market and the account when a signal is made; nothing of it is from later."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import polars as pl

from market_assets.crypto.settings import SignalSettings
from market_assets.crypto.transforms.advice.replies import Call

_KEY = ("symbol", "timeframe", "ts")
_OVERLAYS = ("st_dir", "ofi_20", "zone_near_dist_pct", "align_dir", "align_score")
_OF_SIGNAL = ("symbol", "price", "change_24h_pct")
_PROPOSAL = ("action", "feature_confidence", "size_ratio", "stop_price", "targets")
_RULES = ("timeframe", "min_votes", "max_against", "min_confidence", "base_size", "max_size", "stop_atr", "trail_atr")
_ACCOUNT = ("day", "row_kind", "symbol", "side", "status", "exposure_ratio", "drawdown_ratio")
#: an older value of the index says nothing of today
_FRESH_DAYS = 1
_DAY = timedelta(days=1)


def tradeable(
    signals: pl.DataFrame, overlays: pl.DataFrame | None, sentiment: pl.DataFrame | None
) -> list[dict[str, Any]]:
    """The tradeable rows of crypto_signals in order, each with the overlays and the sentiment of its time."""
    newest = signals.sort(*_KEY, "strategy_version").unique(_KEY, keep="last", maintain_order=True)
    chosen = newest.filter("is_tradeable").with_columns(__date=pl.col("signal_time").dt.date(), regime=_known("regime"))
    if overlays is None:
        chosen = chosen.with_columns(pl.lit(None).alias(name) for name in _OVERLAYS)
    else:
        chosen = chosen.join(overlays.select(*_KEY, *_OVERLAYS), on=_KEY, how="left", validate="m:1")
    if sentiment is None or sentiment.is_empty():
        chosen = chosen.with_columns(sentiment=pl.lit(None))
    else:
        known = sentiment.select(__date="obs_date", sentiment="value").sort("__date")
        chosen = chosen.sort("__date").join_asof(known, on="__date", tolerance=f"{_FRESH_DAYS}d")
    return chosen.sort(_KEY).to_dicts()


def inputs(call: Call, row: Mapping[str, Any], account: Mapping[str, Any], rules: SignalSettings) -> dict[str, Any]:
    """The inputs of `call` about a row of `tradeable`; None is unknown."""
    market = {name: row[name] for name in (*_OF_SIGNAL, "sentiment", "regime", *_OVERLAYS)}
    given = market | dict(account)
    if call in ("risk", "sizing"):
        return given | {"proposal": {name: row[name] for name in _PROPOSAL}}
    if call == "optimise":
        return given | {"rules": rules.model_dump(include=set(_RULES))}
    return given


def accounts(paper: pl.DataFrame | None) -> dict[date, dict[str, Any]]:
    """What was known of the paper account during each day: how it stood at the end of the day before."""
    if paper is None:
        return {}
    rows = paper.select(_ACCOUNT).sort(_ACCOUNT)
    found: dict[date, dict[str, Any]] = {}
    for day, row_kind, symbol, side, status, exposure, drawdown in rows.iter_rows():
        if row_kind == "account":
            known = found.setdefault(day + _DAY, {"open_positions": []})
            known |= {"exposure": exposure, "drawdown": drawdown}
        elif row_kind == "position" and status == "open":
            known = found.setdefault(day + _DAY, {"open_positions": [], "exposure": None, "drawdown": None})
            known["open_positions"].append({"symbol": symbol, "side": side})
    return found


#: what is known of an account that nobody keeps
NO_ACCOUNT: Mapping[str, Any] = {"open_positions": None, "exposure": None, "drawdown": None}


def _known(name: str) -> pl.Expr:
    return pl.when(pl.col(name) != "UNKNOWN").then(pl.col(name))
