"""Reader of the signals that still count, sized for an account. See `readers`."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from market_assets.bars.readers_live import hot_in_force, is_alive, of_hot
from market_assets.bars.readers_rows import SIGNALS, filled
from market_assets.bars.standing import Latest
from market_assets.bars.transforms.signals.scoring import NOTES
from market_assets.bars.transforms.sizing import known_equity, sized
from market_assets.core import clock
from market_assets.core.contracts import UTC_MICROS
from market_assets.reading import Moment, Wanted, instant
from market_assets.settings import Settings, settings
from resources.stores.protocol import PartitionStore
from resources.stream.bars.reading import HotBars

#: columns of `latest_signals`
SIGNALS_NOW = pl.Schema(
    {
        "symbol": pl.String(),
        "action": pl.String(),
        "confidence": pl.Float64(),
        "q_star": pl.Float64(),
        "es95": pl.Float64(),
        "stop_loss": pl.Float64(),
        "take_profit_1": pl.Float64(),
        "take_profit_2": pl.Float64(),
        "lots": pl.Float64(),
        "alpha_id": pl.String(),
        "regime": pl.String(),
        #: JSON: the inputs of the alpha
        "features": pl.String(),
        "grade": pl.String(),
        "p_win": pl.Float64(),
        "n_outcomes": pl.Int64(),
        "signal_time": UTC_MICROS,
        "stale": pl.Boolean(),
        "accepted": pl.Boolean(),
        "reject_reasons": pl.List(pl.String()),
    }
)


_STALE = "stale"
#: how much less sure a signal is whose price is old
_STALE_FACTOR = 0.8


def latest_signals(
    equity: float,
    *,
    include_rejected: bool = False,
    top: int = 3,
    as_of: Moment | None = None,
    store: PartitionStore | None = None,
    hot: HotBars | None = None,
) -> pl.DataFrame:
    """SIGNALS_NOW: the `top` accepted signals that still count, best first, sized for `equity`; then the rejected.

    A signal counts for `bars.signals.ttl_min` after it fired. While a collector runs, an old price and the execution
    filters reject it too; notes (`no_quote`: there was no bid and ask to judge by) do not. A size of 0 lots has its
    reason among the others and rejects nothing: another account may hold it.
    Raises InvalidRequest unless equity is positive.
    """
    known_equity(equity)
    found, known = settings(), instant(as_of, "as_of")
    now = known or clock.now()
    since = now - timedelta(minutes=found.bars.signals.ttl_min)
    # rows are filed by the open of their minute, which ended when they fired
    wanted = Wanted(SIGNALS, start=since - timedelta(minutes=1), end=now, as_of=as_of)
    fired = wanted.read(filled(store, SIGNALS)).filter(pl.col("signal_time").is_between(since, now))
    live = _live(fired["symbol"].unique().to_list(), found, hot, now) if known is None else {}
    told = [_now(row, live.get(row["symbol"]), equity, found) for row in fired.iter_rows(named=True)]
    best = pl.DataFrame(told, schema=SIGNALS_NOW).sort(
        "q_star", "confidence", "symbol", "alpha_id", descending=[True, True, False, False]
    )
    accepted = best.filter("accepted").head(top)
    return pl.concat([accepted, best.filter(~pl.col("accepted"))]) if include_rejected else accepted


def _live(symbols: list[str], found: Settings, hot: HotBars | None, now: datetime) -> dict[str, Latest]:
    """Symbol -> how it stands, of those that a running collector has a price of."""
    cache = hot or hot_in_force(found)
    if not symbols or not is_alive(cache.status(), now):
        return {}
    features = [seen for symbol in symbols if (seen := cache.latest(symbol)) is not None]
    return {one.symbol: one for each in features if (one := of_hot(each, found, now)) is not None}


def _now(row: Mapping[str, Any], live: Latest | None, equity: float, found: Settings) -> dict[str, Any]:
    """A row of SIGNALS_NOW: what was stored, what the market says now, and the size."""
    reasons, confidence = list(row["reject_reasons"]), row["confidence"]
    if live is not None and live.reasons is not None:
        # what could not be judged then can be now
        reasons = list(dict.fromkeys([*(one for one in reasons if one not in NOTES), *live.reasons]))
    if live is not None and live.state in ("DELAYED", "STALE") and _STALE not in reasons:
        reasons, confidence = [*reasons, _STALE], confidence * _STALE_FACTOR
    size = sized(row, equity=equity, instrument=found.bars.instrument(row["symbol"]), risk=found.bars.risk)
    is_accepted = NOTES.issuperset(reasons)
    if size.reason is not None and size.reason not in reasons:
        reasons.append(size.reason)
    own = {name: row[name] for name in SIGNALS_NOW if name in row}
    return own | {
        "confidence": confidence,
        "es95": size.es95,
        "lots": size.lots,
        "stale": _STALE in reasons,
        "accepted": is_accepted,
        "reject_reasons": reasons,
    }
