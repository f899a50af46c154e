"""Sound crypto tables to be judged, and ways to break them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from market_assets.core.contracts import Table
from market_assets.crypto import schemas
from market_assets.crypto.settings import OVERLAYS, PaperSettings, TargetSettings
from market_assets.crypto.transforms.timeframes import timeframes
from tests.market_assets.crypto import advice_frames
from tests.market_assets.crypto.transforms import minute_frames, overlay_rows

D0 = datetime(2026, 11, 20, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
#: long after the day
LATER = D0 + 2 * DAY
TODAY = D0.date()
PAPER, TARGETS = PaperSettings(), TargetSettings()

KLINES = pl.concat(
    [
        minute_frames.klines(D0, 1440, symbol="BTCUSDT", close=100.0),
        minute_frames.klines(D0, 1440, symbol="ETHUSDT", close=50.0),
    ]
)
EVENING = minute_frames.klines(D0 - MINUTE, 1, symbol="BTCUSDT", close=100.0)
CANDLES = timeframes(KLINES, EVENING.clear(), LATER)
SENTIMENT = advice_frames.sentiment({TODAY: 20})
#: 06:00 of the running day
MORNING = KLINES.filter(pl.col("ts") < D0 + 6 * HOUR)


def due(*minutes: tuple[str, int]) -> pl.DataFrame:
    """How many minutes are due of symbols on the first day."""
    rows = [(symbol, TODAY, n) for symbol, n in minutes]
    return pl.DataFrame(rows, {"symbol": pl.String, "day": pl.Date, "expected": pl.Int64}, orient="row")


def lacking(**minutes: int) -> pl.DataFrame:
    """Runs of missing minutes from midnight."""
    rows = [(symbol, D0, D0 + n * MINUTE, n, "ours") for symbol, n in minutes.items()]
    stamp = schemas.CryptoKlines.contract().schema["ts"]
    schema = {"symbol": pl.String, "start": stamp, "end": stamp, "n_minutes": pl.Int64, "cause": pl.String}
    return pl.DataFrame(rows, schema, orient="row")


def at(frame: pl.DataFrame, place: int, **values: Any) -> pl.DataFrame:
    """The frame with other values in one row."""
    here = pl.int_range(pl.len()) == place
    return frame.with_columns(
        pl.when(here).then(pl.lit(value, frame.schema[name])).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    )


def aged(*ages: float | None) -> pl.DataFrame:
    """Ages of newest candles, in lengths of them."""
    return pl.DataFrame({"symbol": "BTCUSDT", "timeframe": "5m", "age": pl.Series(ages, dtype=pl.Float64)})


def overlays(*rows: dict[str, Any]) -> pl.DataFrame:
    """Overlays of BTCUSDT hour by hour, by default bullish, with what the rows say otherwise."""
    hours = [
        overlay_rows.LONG | {"ts": D0 + n * HOUR, "available_at": D0 + (n + 1) * HOUR} | row
        for n, row in enumerate(rows)
    ]
    found: pl.DataFrame = overlay_rows.overlays(*hours)
    return found


ROWS = overlays({}, {"st_dir": None, "ch_dir": 0}, {"zone_supports": [99.6, 98.0], "zone_resistances": [100.5]})
OF_ROWS = ROWS.select("symbol", "timeframe", "ts")


def telemetry(**stated: Any) -> pl.DataFrame:
    """What the overlays of one partition cost: 10 ms each on each of two timeframes."""
    contract = schemas.CryptoFeatureTelemetry.contract()
    common = {"symbol": "BTCUSDT", "day": TODAY, "rows": 24, "latency_ms": 10.0, "cpu_ms": 9.0, "rss_delta_mb": 0.1}
    rows = [
        common | {"timeframe": frame, "overlay": name, "output_bytes": 100, "started_at": LATER} | stated
        for frame in ("5m", "1h")
        for name in ("base", *OVERLAYS)
    ]
    return contract.validate(pl.DataFrame(rows, schema=contract.schema))


def signals(*rows: dict[str, Any]) -> pl.DataFrame:
    """Signals hour by hour, by default a tradeable long."""
    return advice_frames.signals(*(advice_frames.signal(D0 + n * HOUR, **row) for n, row in enumerate(rows)))


SHORT: dict[str, Any] = {
    "action": "ENTER_SHORT",
    "n_plus": 1,
    "n_minus": 5,
    "stop_price": 61_000.0,
    "targets": [58_800.0, 57_600.0, 56_400.0],
    **{f"vote_{name}": -1 for name in ("supertrend", "chandelier", "liquidity", "alignment", "flow")},
    "vote_regime": 1,
}
HOLD: dict[str, Any] = {
    "action": "HOLD",
    "n_plus": 3,
    "n_minus": 3,
    "vote_confidence": 0.5,
    "is_tradeable": False,
    **{f"vote_{name}": 1 for name in ("supertrend", "chandelier", "liquidity")},
    **{f"vote_{name}": -1 for name in ("alignment", "flow", "regime")},
    **dict.fromkeys(("stop_price", "stop_distance_pct", "targets", "trail_arm_price", "trail_distance")),
}
SIGNALS = signals({}, SHORT, HOLD)


def decided(days: int, *actions: str) -> pl.DataFrame:
    """One decision a day over so many days up to yesterday, in turn."""
    rows = [
        {"symbol": "BTCUSDT", "ts": D0 - (n + 1) * DAY, "action": actions[n % len(actions)], "is_tradeable": True}
        for n in range(days)
    ]
    return pl.DataFrame(
        rows, {"symbol": pl.String, "ts": CANDLES.schema["ts"]} | {"action": pl.String, "is_tradeable": pl.Boolean}
    )


def tradeable(*per_day: int) -> pl.DataFrame:
    """So many tradeable signals on each day up to yesterday, and one row that is not."""
    rows = [
        {"symbol": "BTCUSDT", "ts": D0 - (n + 1) * DAY + k * HOUR, "action": "ENTER_LONG", "is_tradeable": k > 0}
        for n, count in enumerate(per_day)
        for k in range(count + 1)
    ]
    return pl.DataFrame(
        rows, {"symbol": pl.String, "ts": CANDLES.schema["ts"]} | {"action": pl.String, "is_tradeable": pl.Boolean}
    )


def advice(**stated: Any) -> pl.DataFrame:
    """A model's answer on one signal."""
    row = {
        "symbol": "BTCUSDT",
        "timeframe": "1h",
        "ts": D0,
        "call": "signal",
        "advisor_source": "llm",
        "status": "ok",
        "model": "a-model",
        "blended_direction": 1,
        "blended_confidence": 0.74,
        "available_at": D0 + HOUR,
    }
    return _table(schemas.CryptoAdvice, [row | stated])


RULE = {"advisor_source": "rule", "status": "disabled", "model": None, "blended_direction": None}


def calls(*statuses: tuple[str, int]) -> pl.DataFrame:
    """Answers of the model one after another: so many of each status."""
    told = [status for status, n in statuses for _ in range(n)]
    return pl.concat([advice(ts=D0 + k * HOUR, status=status) for k, status in enumerate(told)] or [advice().clear()])


def _table(table: type[Table], rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    contract = table.contract()
    return contract.validate(pl.DataFrame([dict.fromkeys(contract.columns) | row for row in rows], contract.schema))


def account(n: int = 0, **stated: Any) -> dict[str, Any]:
    """The account of the n-th day: it neither gained nor lost."""
    common = {"day": TODAY + n * DAY, "row_kind": "account", "trade_id": "account", "strategy_version": 1}
    flat = {"equity_start": 10_000.0, "equity_end": 10_000.0, "peak_equity": 10_000.0, "realised_pnl": 0.0}
    return common | flat | {"fees": 0.0, "exposure_ratio": 0.0, "drawdown_ratio": 0.0} | stated


def position(n: int = 0, trade_id: str = "a", **stated: Any) -> dict[str, Any]:
    """A position of 2 % that was entered at 01:00 of the n-th day and is worth what it cost."""
    entered = D0 + n * DAY + HOUR
    return {
        "day": TODAY + n * DAY,
        "row_kind": "position",
        "trade_id": trade_id,
        "strategy_version": 1,
        "symbol": "BTCUSDT",
        "side": "long",
        "signal_time": entered,
        "size_ratio": 0.02,
        "qty": 2.0,
        "qty_open": 2.0,
        "entry_ts": entered,
        "entry_price": 100.0,
        "entry_exposure_ratio": 0.02,
        "entry_group_ratio": 0.02,
        "unrealised_pnl": 0.0,
        "status": "open",
    } | stated


def trades(*rows: dict[str, Any]) -> pl.DataFrame:
    """Rows of the paper account."""
    return _table(schemas.CryptoPaperTrades, rows)


#: entered on the first day and 5 up at its end; sold on the second with 7 gained in all, 0.4 of it fees
FIRST_DAY = trades(account(equity_end=10_005.0), position(unrealised_pnl=5.0))
SECOND_DAY = trades(
    account(1, equity_start=10_005.0, equity_end=10_007.0, realised_pnl=7.0),
    position(1, entry_ts=D0 + HOUR, signal_time=D0 + HOUR, qty_open=0.0, exit_ts=D0 + DAY + HOUR, status="closed"),
)
BOTH_DAYS = pl.concat([FIRST_DAY, SECOND_DAY])
NOTHING = FIRST_DAY.clear()
TWO_DAYS: list[date] = [TODAY, TODAY + DAY]


def entered(*rows: dict[str, Any]) -> pl.DataFrame:
    """Positions entered on the first day, each of a symbol of its own unless they say so."""
    return trades(
        account(), *({**position(0, f"t{k:02d}", symbol=f"C{k:02d}USDT"), **row} for k, row in enumerate(rows))
    )


def metrics(**stated: Any) -> pl.DataFrame:
    """The account's 30 days."""
    row = {
        "as_of_day": TODAY,
        "scope": "ALL",
        "window": "30d",
        "strategy_version": 1,
        "n_obs": 30,
        "n_trades": 12,
        "n_breakeven": 0,
        "win_rate_ratio": 0.55,
        "sharpe": 1.0,
        "max_drawdown_ratio": 0.0,
        "target_win_rate_ratio": 0.55,
        "target_sharpe": 1.5,
        "target_max_drawdown_ratio": 0.1,
    }
    return _table(schemas.CryptoSuccessMetrics, [row | stated])


NO_TRADES = dict.fromkeys(("win_rate_ratio", "sharpe", "max_drawdown_ratio")) | {"n_trades": 0}
