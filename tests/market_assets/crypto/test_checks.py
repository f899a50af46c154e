"""Every crypto judgement passes on sound data and has been seen to fail."""

from collections.abc import Callable, Iterable
from typing import Any

import dagster as dg
import polars as pl
import pytest

from market_assets.core.checks import Judgement, contract_holds, no_synthetic_source
from market_assets.core.contracts import ContractViolation, Table
from market_assets.core.judgements import closed_when_read
from market_assets.crypto import schemas
from market_assets.crypto.checks import CHECKS, FRESHNESS, account, candles, overlays, signals
from tests.market_assets.crypto import check_frames as frames
from tests.market_assets.crypto.check_frames import (
    BOTH_DAYS,
    CANDLES,
    D0,
    DAY,
    EVENING,
    FIRST_DAY,
    HOUR,
    KLINES,
    LATER,
    MINUTE,
    NOTHING,
    OF_ROWS,
    PAPER,
    ROWS,
    RULE,
    SECOND_DAY,
    SIGNALS,
    TARGETS,
    TODAY,
    TWO_DAYS,
)

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
Case = tuple[str, Callable[[], Judgement]]
Broken = tuple[str, dg.AssetCheckSeverity, Callable[[], Judgement]]
AGREED, APART = {"archive_compared": 1440, "archive_conflicts": 0}, {"archive_compared": 1440, "archive_conflicts": 1}
QUARANTINE = schemas.CryptoKlines.contract().quarantine()

SOUND: list[Case] = [
    ("no_synthetic_source", lambda: no_synthetic_source(KLINES, sandboxed=False)),
    ("minutes_complete", lambda: candles.minutes_complete(frames.lacking(), frames.due(("BTCUSDT", 1440)))),
    ("minutes_complete", lambda: candles.minutes_complete(frames.lacking(), frames.due())),
    ("candles_sound", lambda: candles.candles_sound(KLINES)),
    ("candles_sound", lambda: candles.candles_sound(CANDLES)),
    ("takers_within_volume", lambda: candles.takers_within_volume(KLINES.with_columns(taker_buy_base="volume"))),
    ("closed_when_read", lambda: closed_when_read(KLINES)),
    ("closed_when_read", lambda: closed_when_read(KLINES.with_columns(ingested_at=pl.col("ts") + MINUTE))),
    ("no_jumps", lambda: candles.no_jumps(frames.at(KLINES, 700, close=109.9), EVENING)),
    ("no_jumps", lambda: candles.no_jumps(KLINES, EVENING.with_columns(close=pl.lit(91.0)))),
    ("archive_agrees", lambda: candles.archive_agrees(AGREED)),
    ("quarantine_empty", lambda: candles.quarantine_empty(QUARANTINE.empty())),
    ("stream_alive", lambda: candles.stream_alive(None, 90.0)),
    ("stream_alive", lambda: candles.stream_alive(90.0, 90.0)),
    ("sums_agree", lambda: candles.sums_agree(CANDLES, KLINES, LATER)),
    ("sums_agree", lambda: candles.sums_agree(CANDLES.clear(), KLINES.clear(), LATER)),
    ("nothing_unclosed", lambda: candles.nothing_unclosed(CANDLES, D0 + DAY)),
    # 868 candles of two symbols: 8 are 0.9 %
    ("candles_complete", lambda: candles.candles_complete(partly(8))),
    ("candles_complete", lambda: candles.candles_complete(CANDLES.clear())),
    ("changes_agree", lambda: candles.changes_agree(CANDLES)),
    ("changes_agree", lambda: candles.changes_agree(CANDLES.with_columns(change_24h_pct=pl.lit(1.5)))),
    ("candles_fresh", lambda: candles.candles_fresh(frames.aged(0.9, 1.5))),
    ("one_row_a_candle", lambda: overlays.one_row_a_candle(ROWS, OF_ROWS)),
    ("directions_sound", lambda: overlays.directions_sound(ROWS)),
    ("zones_around_close", lambda: overlays.zones_around_close(ROWS)),
    ("no_look_ahead", lambda: overlays.no_look_ahead(ROWS, ROWS.head(2))),
    ("no_look_ahead", lambda: overlays.no_look_ahead(ROWS, ROWS.clear())),
    ("no_look_ahead", lambda: overlays.no_look_ahead(ROWS, ROWS.with_columns(pl.col("atr_14") * (1 + 1e-10)))),
    ("regime_known", lambda: overlays.regime_known(ROWS)),
    ("regime_known", lambda: overlays.regime_known(frames.overlays({"regime": "UNKNOWN", "is_warm": False}))),
    # 2 timeframes of 1,000 ms are 2,000
    ("overlays_quick", lambda: overlays.overlays_quick(frames.telemetry(latency_ms=1000.0), 2000.0)),
    ("overlays_small", lambda: overlays.overlays_small(frames.telemetry(rss_delta_mb=512.0), 512.0)),
    ("stops_on_losing_side", lambda: signals.stops_on_losing_side(SIGNALS)),
    ("stops_on_losing_side", lambda: signals.stops_on_losing_side(frames.signals({"stop_price": None}))),
    ("votes_add_up", lambda: signals.votes_add_up(SIGNALS)),
    ("both_sides_occur", lambda: signals.both_sides_occur(frames.decided(90, "ENTER_LONG", "HOLD", "ENTER_SHORT"))),
    ("both_sides_occur", lambda: signals.both_sides_occur(frames.decided(89, "ENTER_LONG"))),
    ("both_sides_occur", lambda: signals.both_sides_occur(frames.decided(0, "HOLD"))),
    ("signals_expected", lambda: signals.signals_expected(frames.tradeable(1, 6, 0), 10, TODAY)),
    ("signals_expected", lambda: signals.signals_expected(frames.tradeable(5, 6, 6), 10, TODAY)),
    # two days are not three; what is older than those was told then
    ("signals_expected", lambda: signals.signals_expected(frames.tradeable(0, 0), 10, TODAY)),
    ("signals_expected", lambda: signals.signals_expected(frames.tradeable(1, 0, 0, 0, 0), 10, TODAY)),
    ("rules_labelled", lambda: signals.rules_labelled(frames.advice())),
    ("rules_labelled", lambda: signals.rules_labelled(frames.advice(**RULE))),
    ("rules_labelled", lambda: signals.rules_labelled(frames.advice(status="parse_error", blended_direction=None))),
    ("replies_valid", lambda: signals.replies_valid(frames.calls(("ok", 18), ("parse_error", 2)))),
    ("replies_valid", lambda: signals.replies_valid(frames.calls(("parse_error", 9), ("ok", 20)))),
    ("replies_valid", lambda: signals.replies_valid(frames.calls())),
    ("one_account_a_day", lambda: account.one_account_a_day(BOTH_DAYS, TWO_DAYS)),
    ("one_account_a_day", lambda: account.one_account_a_day(NOTHING, [])),
    ("equity_adds_up", lambda: account.equity_adds_up(BOTH_DAYS, NOTHING, PAPER)),
    ("equity_adds_up", lambda: account.equity_adds_up(SECOND_DAY, FIRST_DAY, PAPER)),
    (
        "equity_adds_up",
        lambda: account.equity_adds_up(of_version(2, FIRST_DAY), FIRST_DAY.with_columns(a_day_before()), PAPER),
    ),
    ("limits_kept", lambda: account.limits_kept(BOTH_DAYS, PAPER)),
    ("limits_kept", lambda: account.limits_kept(at_every_limit(), PAPER)),
    ("limits_kept", lambda: account.limits_kept(frames.entered(sold(), later()), PAPER)),
    ("quantities_sound", lambda: account.quantities_sound(BOTH_DAYS)),
    ("entered_after_signal", lambda: account.entered_after_signal(BOTH_DAYS)),
    ("positions_carried", lambda: account.positions_carried(SECOND_DAY, FIRST_DAY)),
    ("positions_carried", lambda: account.positions_carried(BOTH_DAYS, NOTHING)),
    ("positions_carried", lambda: account.positions_carried(of_version(2, SECOND_DAY).head(1), FIRST_DAY)),
    ("drawdown_bearable", lambda: account.drawdown_bearable(below_peak(0.1999))),
    ("drawdown_bearable", lambda: account.drawdown_bearable(NOTHING)),
    ("none_without_trades", lambda: account.none_without_trades(frames.metrics())),
    ("none_without_trades", lambda: account.none_without_trades(frames.metrics(**frames.NO_TRADES))),
    ("sharpe_bearable", lambda: account.sharpe_bearable(frames.metrics(sharpe=1.0))),
    ("sharpe_bearable", lambda: account.sharpe_bearable(frames.metrics(sharpe=None))),
    ("sharpe_bearable", lambda: account.sharpe_bearable(frames.metrics(sharpe=-1.0, window="7d"))),
    ("sharpe_bearable", lambda: account.sharpe_bearable(frames.metrics(sharpe=-1.0, scope="BTCUSDT"))),
    ("win_rate_bearable", lambda: account.win_rate_bearable(frames.metrics(), TARGETS)),
    ("win_rate_bearable", lambda: account.win_rate_bearable(frames.metrics(win_rate_ratio=None), TARGETS)),
]


def partly(n: int) -> pl.DataFrame:
    """The day's candles, n of which lack minutes."""
    return CANDLES.with_columns(complete=pl.int_range(pl.len()) >= n)


def a_day_before() -> pl.Expr:
    return pl.col("day") - pl.duration(days=1)


def of_version(version: int, frame: pl.DataFrame) -> pl.DataFrame:
    """The same account under other rules."""
    return frame.with_columns(strategy_version=pl.lit(version, pl.Int32))


def at_every_limit() -> pl.DataFrame:
    """Ten positions of 5 %, 15 % of a group and 20 % in all, at a minute apart."""
    at = {"size_ratio": 0.05, "entry_exposure_ratio": 0.2, "entry_group_ratio": 0.15}
    return frames.entered(*(at | {"entry_ts": D0 + (60 + k) * MINUTE} for k in range(10)))


def sold() -> dict[str, Any]:
    """A position that was left at 03:00."""
    return {"symbol": "BTCUSDT", "qty_open": 0.0, "exit_ts": D0 + 3 * HOUR, "status": "closed"}


def later(hours: float = 3) -> dict[str, Any]:
    """Another of the same symbol, entered then."""
    return {"symbol": "BTCUSDT", "entry_ts": D0 + hours * HOUR}


def below_peak(share: float) -> pl.DataFrame:
    """The account on its second day, so far below its peak; on the first it was further."""
    return frames.trades(frames.account(drawdown_ratio=0.5), frames.account(1, drawdown_ratio=share))


def fresh(*ages: float | None) -> Callable[[], Judgement]:
    return lambda: candles.candles_fresh(frames.aged(*ages))


def jumping(place: int, close: float, before: float = 100.0) -> Callable[[], Judgement]:
    evening = EVENING.with_columns(close=pl.lit(before))
    return lambda: candles.no_jumps(frames.at(KLINES, place, close=close), evening)


def limit(*rows: dict[str, Any]) -> Callable[[], Judgement]:
    return lambda: account.limits_kept(frames.entered(*rows), PAPER)


def equity(frame: pl.DataFrame, before: pl.DataFrame = NOTHING) -> Callable[[], Judgement]:
    return lambda: account.equity_adds_up(frame, before, PAPER)


BROKEN: list[Broken] = [
    ("no_synthetic_source", ERROR, lambda: no_synthetic_source(KLINES, sandboxed=True)),
    ("no_synthetic_source", ERROR, lambda: no_synthetic_source(frames.SENTIMENT, sandboxed=True)),
    (
        "no_synthetic_source",
        ERROR,
        lambda: no_synthetic_source(frames.at(KLINES, 9, source="binance_rest-sandbox"), sandboxed=False),
    ),
    (
        "minutes_complete",
        WARN,
        lambda: candles.minutes_complete(frames.lacking(BTCUSDT=1), frames.due(("BTCUSDT", 1440))),
    ),
    # 72 of 1,440 are 5 %
    (
        "minutes_complete",
        WARN,
        lambda: candles.minutes_complete(frames.lacking(BTCUSDT=72), frames.due(("BTCUSDT", 1440))),
    ),
    (
        "minutes_complete",
        ERROR,
        lambda: candles.minutes_complete(
            frames.lacking(BTCUSDT=73), frames.due(("ADAUSDT", 1440), ("BTCUSDT", 1440), ("ETHUSDT", 1440))
        ),
    ),
    ("candles_sound", ERROR, lambda: candles.candles_sound(frames.at(KLINES, 3, high=99.0))),
    ("candles_sound", ERROR, lambda: candles.candles_sound(frames.at(KLINES, 3, low=100.5))),
    ("candles_sound", ERROR, lambda: candles.candles_sound(frames.at(KLINES, 3, ts=D0 + 1.5 * MINUTE))),
    ("candles_sound", ERROR, lambda: candles.candles_sound(CANDLES.with_columns(pl.col("ts") + MINUTE))),
    ("takers_within_volume", ERROR, lambda: candles.takers_within_volume(frames.at(KLINES, 3, taker_buy_base=10.1))),
    (
        "closed_when_read",
        ERROR,
        lambda: closed_when_read(frames.at(KLINES, 3, ingested_at=D0 + 3 * MINUTE + 59.9 * MINUTE / 60)),
    ),
    ("no_jumps", WARN, jumping(700, 110.1)),
    ("no_jumps", WARN, jumping(700, 89.9)),
    # the first minute of the day, against the evening before
    ("no_jumps", WARN, jumping(700, 100.0, before=112.0)),
    ("archive_agrees", ERROR, lambda: candles.archive_agrees(APART)),
    (
        "quarantine_empty",
        WARN,
        lambda: candles.quarantine_empty(KLINES.head(1).with_columns(reason=pl.lit("high_low_crossed"))),
    ),
    ("stream_alive", WARN, lambda: candles.stream_alive(90.1, 90.0)),
    ("stream_alive", ERROR, lambda: candles.stream_alive(270.1, 90.0)),
    ("sums_agree", ERROR, lambda: candles.sums_agree(frames.at(CANDLES, 3, volume=50.0 + 1e-4), KLINES, LATER)),
    ("sums_agree", ERROR, lambda: candles.sums_agree(frames.at(CANDLES, 3, trade_count=26), KLINES, LATER)),
    (
        "sums_agree",
        ERROR,
        lambda: candles.sums_agree(CANDLES.filter(pl.col("timeframe") != "1d"), KLINES, LATER),
    ),
    (
        "sums_agree",
        ERROR,
        lambda: candles.sums_agree(CANDLES.filter(pl.col("symbol") != "ETHUSDT"), KLINES, LATER),
    ),
    # the day lacks its last minute, and one of its candles
    ("sums_agree", ERROR, lambda: candles.sums_agree(CANDLES, KLINES.filter(pl.col("ts") < D0 + 23 * HOUR), LATER)),
    ("nothing_unclosed", ERROR, lambda: candles.nothing_unclosed(CANDLES, D0 + DAY - MINUTE)),
    ("candles_complete", WARN, lambda: candles.candles_complete(partly(9))),
    ("candles_complete", WARN, lambda: candles.candles_complete(partly(CANDLES.height))),
    (
        "changes_agree",
        ERROR,
        lambda: candles.changes_agree(
            CANDLES.with_columns(change_24h_pct=pl.when(pl.col("timeframe") == "5m").then(2.0).otherwise(1.5))
        ),
    ),
    ("candles_fresh", WARN, fresh(0.9, 1.51)),
    ("candles_fresh", WARN, fresh(3.0)),
    ("candles_fresh", ERROR, fresh(3.01)),
    ("candles_fresh", ERROR, fresh(0.9, None)),
    ("one_row_a_candle", ERROR, lambda: overlays.one_row_a_candle(ROWS.head(2), OF_ROWS)),
    ("one_row_a_candle", ERROR, lambda: overlays.one_row_a_candle(ROWS, OF_ROWS.head(2))),
    ("directions_sound", ERROR, lambda: overlays.directions_sound(frames.overlays({}, {"st_dir": 0}))),
    ("directions_sound", ERROR, lambda: overlays.directions_sound(frames.at(ROWS, 1, ch_dir=2))),
    (
        "zones_around_close",
        ERROR,
        lambda: overlays.zones_around_close(frames.overlays({"zone_supports": [99.0, 100.0]})),
    ),
    (
        "zones_around_close",
        ERROR,
        lambda: overlays.zones_around_close(frames.overlays({"zone_resistances": [101.0, 99.9]})),
    ),
    ("no_look_ahead", ERROR, lambda: overlays.no_look_ahead(ROWS, frames.at(ROWS, 0, atr_14=1.0 + 1e-8))),
    ("no_look_ahead", ERROR, lambda: overlays.no_look_ahead(ROWS, frames.at(ROWS, 0, atr_14=None))),
    ("no_look_ahead", ERROR, lambda: overlays.no_look_ahead(ROWS, frames.at(ROWS, 0, regime="TRANSITION"))),
    ("no_look_ahead", ERROR, lambda: overlays.no_look_ahead(ROWS.head(1), ROWS.head(2))),
    ("regime_known", WARN, lambda: overlays.regime_known(frames.overlays({}, {"regime": "UNKNOWN"}))),
    ("overlays_quick", WARN, lambda: overlays.overlays_quick(frames.telemetry(latency_ms=1000.1), 2000.0)),
    ("overlays_small", WARN, lambda: overlays.overlays_small(frames.telemetry(rss_delta_mb=512.1), 512.0)),
    (
        "stops_on_losing_side",
        ERROR,
        lambda: signals.stops_on_losing_side(frames.signals({"stop_price": 60_000.0})),
    ),
    (
        "stops_on_losing_side",
        ERROR,
        lambda: signals.stops_on_losing_side(frames.signals(frames.SHORT | {"stop_price": 59_000.0})),
    ),
    (
        "stops_on_losing_side",
        ERROR,
        lambda: signals.stops_on_losing_side(frames.signals({"targets": [59_999.0, 62_400.0, 63_600.0]})),
    ),
    ("votes_add_up", ERROR, lambda: signals.votes_add_up(frames.signals({"n_plus": 4}))),
    ("votes_add_up", ERROR, lambda: signals.votes_add_up(frames.signals({"n_minus": 0}))),
    ("votes_add_up", ERROR, lambda: signals.votes_add_up(frames.signals({"vote_confidence": 4 / 6}))),
    ("both_sides_occur", WARN, lambda: signals.both_sides_occur(frames.decided(90, "ENTER_LONG", "HOLD"))),
    ("both_sides_occur", WARN, lambda: signals.both_sides_occur(frames.decided(90, "ENTER_SHORT"))),
    ("both_sides_occur", WARN, lambda: signals.both_sides_occur(frames.decided(90, "HOLD"))),
    # a day within the 90 has no rows
    (
        "both_sides_occur",
        WARN,
        lambda: signals.both_sides_occur(frames.decided(90, "HOLD").filter(pl.col("ts") != D0 - 30 * DAY)),
    ),
    ("signals_expected", WARN, lambda: signals.signals_expected(frames.tradeable(0, 0, 0), 10, TODAY)),
    ("signals_expected", WARN, lambda: signals.signals_expected(frames.tradeable(6, 0, 6, 3), 10, TODAY)),
    ("signals_expected", WARN, lambda: signals.signals_expected(frames.tradeable(1, 1, 1), 1, TODAY)),
    ("rules_labelled", ERROR, lambda: signals.rules_labelled(frames.advice(**RULE | {"model": "a-model"}))),
    ("rules_labelled", ERROR, lambda: signals.rules_labelled(frames.advice(**RULE | {"blended_direction": 1}))),
    ("rules_labelled", ERROR, lambda: signals.rules_labelled(frames.advice(status="parse_error"))),
    ("replies_valid", WARN, lambda: signals.replies_valid(frames.calls(("ok", 17), ("parse_error", 3)))),
    ("replies_valid", WARN, lambda: signals.replies_valid(frames.calls(("ok", 10), ("parse_error", 10)))),
    ("replies_valid", ERROR, lambda: signals.replies_valid(frames.calls(("ok", 99), ("parse_error", 11)))),
    (
        "one_account_a_day",
        ERROR,
        lambda: account.one_account_a_day(BOTH_DAYS.filter(pl.col("row_kind") != "account"), []),
    ),
    ("one_account_a_day", ERROR, lambda: account.one_account_a_day(pl.concat([BOTH_DAYS, FIRST_DAY]), TWO_DAYS)),
    ("one_account_a_day", ERROR, lambda: account.one_account_a_day(FIRST_DAY, TWO_DAYS)),
    ("equity_adds_up", ERROR, equity(frames.at(BOTH_DAYS, 2, realised_pnl=7.0 + 2e-6))),
    ("equity_adds_up", ERROR, equity(frames.at(BOTH_DAYS, 1, unrealised_pnl=4.0))),
    ("equity_adds_up", ERROR, equity(frames.at(SECOND_DAY, 0, equity_start=10_004.0, equity_end=10_006.0), FIRST_DAY)),
    # the account opens with its start equity
    ("equity_adds_up", ERROR, equity(frames.trades(frames.account(equity_start=9_000.0, equity_end=9_000.0)))),
    ("limits_kept", ERROR, limit({"size_ratio": 0.0501})),
    ("limits_kept", ERROR, limit({"entry_exposure_ratio": 0.2001})),
    ("limits_kept", ERROR, limit({"entry_group_ratio": 0.1501})),
    ("limits_kept", ERROR, limit({"entry_group_ratio": None})),
    # 2 % of 10,000 is 2 units of 100
    ("limits_kept", ERROR, limit({"qty": 2.5, "qty_open": 2.5})),
    ("limits_kept", ERROR, limit(*({} for _ in range(11)))),
    ("limits_kept", ERROR, limit(sold(), later(2.9))),
    (
        "quantities_sound",
        ERROR,
        lambda: account.quantities_sound(frames.trades(frames.position(qty_open=2.001))),
    ),
    (
        "quantities_sound",
        ERROR,
        lambda: account.quantities_sound(frames.trades(frames.position(qty_open=0.1, status="closed"))),
    ),
    (
        "entered_after_signal",
        ERROR,
        lambda: account.entered_after_signal(frames.trades(frames.position(signal_time=D0 + HOUR + MINUTE / 60))),
    ),
    ("positions_carried", ERROR, lambda: account.positions_carried(SECOND_DAY.head(1), FIRST_DAY)),
    ("positions_carried", ERROR, lambda: account.positions_carried(BOTH_DAYS.head(3), NOTHING)),
    ("drawdown_bearable", WARN, lambda: account.drawdown_bearable(below_peak(0.20))),
    ("drawdown_bearable", WARN, lambda: account.drawdown_bearable(below_peak(0.2499))),
    ("drawdown_bearable", ERROR, lambda: account.drawdown_bearable(below_peak(0.25))),
    ("none_without_trades", ERROR, lambda: account.none_without_trades(frames.metrics(n_trades=0))),
    *(
        (
            "none_without_trades",
            ERROR,
            lambda name=name: account.none_without_trades(frames.metrics(**frames.NO_TRADES | {name: 0.0})),
        )
        for name in ("sharpe", "max_drawdown_ratio", "profit_factor", "es95_ratio")
    ),
    ("sharpe_bearable", WARN, lambda: account.sharpe_bearable(frames.metrics(sharpe=0.99))),
    ("sharpe_bearable", WARN, lambda: account.sharpe_bearable(frames.metrics(sharpe=0.5))),
    ("sharpe_bearable", ERROR, lambda: account.sharpe_bearable(frames.metrics(sharpe=0.49))),
    ("win_rate_bearable", WARN, lambda: account.win_rate_bearable(frames.metrics(win_rate_ratio=0.549), TARGETS)),
]

#: what the contract itself says, of section 5.5, 9 and 10
BOUNDS: list[tuple[type[Table], pl.DataFrame, dict[str, Any]]] = [
    (schemas.CryptoKlines, KLINES, {"close": 0.0}),
    (schemas.CryptoKlines, KLINES, {"volume": -0.1}),
    (schemas.CryptoKlines, KLINES, {"taker_buy_base": -0.1}),
    (schemas.CryptoKlines, KLINES, {"close": float("nan")}),
    (schemas.CryptoOverlays, ROWS, {"ofi_20": 1.001}),
    (schemas.CryptoOverlays, ROWS, {"ofi_20": -1.001}),
    (schemas.CryptoOverlays, ROWS, {"regime_vol_rank": 1.001}),
    (schemas.CryptoOverlays, ROWS, {"regime_range_rank": -0.001}),
    (schemas.CryptoOverlays, ROWS, {"atr_14": float("inf")}),
    (schemas.CryptoPaperTrades, FIRST_DAY, {"drawdown_ratio": 1.001}),
    (schemas.CryptoSuccessMetrics, frames.metrics(), {"max_drawdown_ratio": 1.001}),
    (schemas.CryptoSuccessMetrics, frames.metrics(), {"max_drawdown_ratio": -0.001}),
]


def numbered(names: Iterable[str]) -> list[str]:
    return [f"{name}-{n}" for n, name in enumerate(names)]


@pytest.mark.parametrize(("name", "judge"), SOUND, ids=numbered(name for name, _ in SOUND))
def test_sound_data_pass(name: str, judge: Callable[[], Judgement]) -> None:
    """Also at the edge of what is allowed."""
    verdict = judge()
    assert verdict.passed, (name, dict(verdict.evidence))


@pytest.mark.parametrize(("name", "severity", "judge"), BROKEN, ids=numbered(name for name, *_ in BROKEN))
def test_broken_data_fail(name: str, severity: dg.AssetCheckSeverity, judge: Callable[[], Judgement]) -> None:
    """Each judgement sees the fault that it is there for, with the severity of the specification."""
    verdict = judge()
    assert not verdict.passed, name
    assert verdict.severity == severity


@pytest.mark.parametrize(("table", "frame", "values"), BOUNDS, ids=numbered(str(next(iter(v))) for *_, v in BOUNDS))
def test_a_value_out_of_bounds_breaks_the_contract(
    table: type[Table], frame: pl.DataFrame, values: dict[str, Any]
) -> None:
    """Shares, ranks, flow and prices have bounds, and nothing is NaN or infinite."""
    holds = contract_holds(table.contract())
    assert holds.blocking
    assert holds.judge(frame).passed
    with pytest.raises(ContractViolation, match=next(iter(values))):
        holds.judge(frames.at(frame, 0, **values))


def test_of_the_running_day_only_candles_that_are_over_are_compared() -> None:
    """At 06:02 the last candle of four hours ended at 04:00; minutes after it are in no candle yet."""
    morning = frames.MORNING
    over = CANDLES.filter(pl.col("available_at") <= D0 + 6 * HOUR)
    now = D0 + 6 * HOUR + 2 * MINUTE
    assert candles.sums_agree(over, morning, now).passed
    four_hours = (pl.col("timeframe") == "4h") & (pl.col("symbol") == "BTCUSDT")
    wrong = over.with_columns(volume=pl.when(four_hours).then(pl.col("volume") + 1).otherwise("volume"))
    verdict = candles.sums_agree(wrong, morning, now)
    assert verdict.evidence["rows"].select("symbol", "timeframe").rows() == [("BTCUSDT", "4h")]


def test_ages_are_counted_in_lengths_of_the_candle() -> None:
    """At 00:06 the last candle of five minutes is six old, that of a day has just ended; one was never seen."""
    lengths = {"5m": 5, "1d": 1440}
    found = candles.ages(CANDLES, ["BTCUSDT", "SOLUSDT"], lengths, D0 + DAY + 6 * MINUTE)
    ages = {(symbol, name): age for symbol, name, age in found.select("symbol", "timeframe", "age").iter_rows()}
    assert ages == {
        ("BTCUSDT", "5m"): pytest.approx(1.2),
        ("BTCUSDT", "1d"): pytest.approx(6 / 1440),
        ("SOLUSDT", "5m"): None,
        ("SOLUSDT", "1d"): None,
    }


def test_every_declared_check_is_tried() -> None:
    """No judgement of the domain goes without both; those judged every few minutes are among them."""
    declared = {key.name for check in CHECKS for key in check.check_keys} - {"contract"}
    assert declared == {name for name, *_ in BROKEN} == {name for name, _ in SOUND}
    assert set(FRESHNESS) <= declared


def test_every_table_is_held_to_its_contract() -> None:
    tables = {key.asset_key.to_user_string() for check in CHECKS for key in check.check_keys if key.name == "contract"}
    assert tables == {table.contract().name for table in schemas.TABLES}


def test_rows_of_every_raw_table_say_where_they_come_from() -> None:
    """Common 6: no raw asset goes without the judgement of its sources."""
    guarded = {
        key.asset_key.to_user_string()
        for check in CHECKS
        for key in check.check_keys
        if key.name == "no_synthetic_source"
    }
    assert guarded == {"crypto_klines", "crypto_sentiment"}
