"""Readers of the bars domain, over a home written by hand (`tests/dashboards/bars_home.py`)."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from market_assets.bars import readers
from market_assets.core.errors import InvalidRequest, NotMaterialised, UnknownName
from market_assets.settings import Settings
from resources.stores.protocol import PartitionStore
from tests.dashboards import bars_home
from tests.dashboards.bars_home import FIRST, HOUR, MINUTE, NOW, TODAY, features

ASKED: dict[str, Callable[..., Any]] = {
    "bars": lambda **asked: readers.bars("BTCUSD", **asked),
    "indicators": lambda **asked: readers.indicators("BTCUSD", **asked),
    "signals": readers.signals,
    "outcomes": readers.outcomes,
    "reconciliation": readers.reconciliation,
    "scanner_stats": readers.scanner_stats,
    "latest_signals": lambda **asked: readers.latest_signals(1000, **asked),
    "analytics_overview": readers.analytics_overview,
    "analytics_alphas": readers.analytics_alphas,
    "analytics_risk": readers.analytics_risk,
    "analytics_compliance": readers.analytics_compliance,
    "reliability": readers.reliability,
}
SECOND = timedelta(seconds=1)


@pytest.fixture
def configured(home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of an empty home."""
    return bars_home.configure(monkeypatch)


@pytest.fixture
def store(configured: Settings) -> PartitionStore:
    """The store with the home in it."""
    return bars_home.fill(configured)


def hours(found: pl.DataFrame) -> list[str]:
    return [f"{at:%d %H:%M}" for at in found["ts"]]


# --- bars and values -----------------------------------------------------------------------------------------------


def test_a_bar_is_made_of_its_minutes(store: PartitionStore):
    """First open, highest, lowest, last close, the sum of what was traded; and where it came from."""
    nine, ten, eleven = readers.bars("BTCUSD", timeframe="1h", limit=3, store=store).iter_rows(named=True)
    # minute 2159 since the 4th closes at 62,159; sixty minutes opened sixty lower
    assert (eleven["open"], eleven["high"], eleven["low"], eleven["close"]) == (62_099.0, 62_159.5, 62_098.5, 62_159.0)
    assert (eleven["volume"], eleven["n_minutes"], eleven["source"], eleven["fallback_level"]) == (
        120.0,
        60,
        "yahoo",
        0,
    )
    assert (ten["source"], ten["fallback_level"]) == ("twelvedata", 2)
    assert (nine["n_minutes"], nine["volume"]) == (59, 118.0)
    assert readers.bars("EURUSD", timeframe="4h", store=store)["volume"].null_count() == 3


@pytest.mark.parametrize(
    ("timeframe", "newest"),
    [("1m", "05 12:01"), ("5m", "05 11:55"), ("15m", "05 11:45"), ("30m", "05 11:30"), ("4h", "05 08:00")],
)
def test_a_bar_that_is_not_over_is_not_told(store: PartitionStore, timeframe: str, newest: str):
    """At 12:03 the bar from 12:00 on has not closed in any of them."""
    assert hours(readers.bars("BTCUSD", timeframe=timeframe, limit=1, store=store)) == [newest]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"start": TODAY - HOUR, "end": TODAY + HOUR}, ["04 23:00", "05 00:00", "05 01:00"]),
        ({"start": TODAY + 10 * MINUTE, "end": TODAY + 2 * HOUR - MINUTE}, ["05 01:00"]),
        ({"start": "2026-10-05T10:00:00Z", "end": "2026-10-05T10:30:00Z"}, ["05 10:00"]),
        ({"start": "2026-10-05", "limit": 2}, ["05 00:00", "05 01:00"]),
        ({"end": date(2026, 10, 4), "limit": 2}, ["04 22:00", "04 23:00"]),
        ({"end": "2026-10-04", "limit": 1}, ["04 23:00"]),
        ({"start": date(2026, 10, 5), "end": "2026-10-05T00:59:00Z"}, ["05 00:00"]),
    ],
)
def test_bars_count_by_their_open(store: PartitionStore, asked: dict[str, Any], expected: list[str]):
    """Both ends are inclusive, a bar is whole or not there, and with a start the first ones are given."""
    found = readers.bars("BTCUSD", timeframe="1h", **asked, store=store)
    assert hours(found) == expected
    assert found["n_minutes"].min() == (59 if "05 09:00" in expected else 60)


def test_a_symbol_has_its_names_and_no_others(store: PartitionStore):
    """Variants in any case; the exchange operator's stock is no index, and what is not in use is unknown."""
    for name in ("NAS100", "us100", "^NDX", "ustec"):
        assert readers.bars(name, store=store)["symbol"].unique().to_list() == ["NAS100"]
    for name in ("NDAQ", "GOLD", "US500", ""):
        with pytest.raises(UnknownName):
            readers.bars(name, store=store)
    with pytest.raises(UnknownName, match="EURUSD"):
        readers.latest("EURUSDX", store=store)
    with pytest.raises(UnknownName, match="1h"):
        readers.bars("BTCUSD", timeframe="2h", store=store)
    with pytest.raises(UnknownName, match="momentum_v3"):
        readers.signals(alpha="momentum_v2", store=store)


def test_values_are_read_by_time(store: PartitionStore):
    """The newest without a start, the first ones with one."""
    newest = readers.indicators("BTCUSD", limit=2, store=store)
    assert (hours(newest), newest["ema_9"].to_list()) == (["05 12:00", "05 12:01"], [62_160.0, 62_161.0])
    assert hours(readers.indicators("BTCUSD", start="2026-10-05", limit=1, store=store)) == ["05 00:00"]


@pytest.mark.parametrize("name", ASKED)
def test_nothing_stored_is_an_error_that_names_the_command(configured: Settings, name: str):
    """Never an empty frame that looks like a quiet market."""
    with pytest.raises(NotMaterialised, match="dagster asset materialize"):
        ASKED[name]()


@pytest.mark.parametrize("name", ["bars", "indicators", "signals", "outcomes", "reconciliation", "latest_signals"])
def test_as_of_reads_what_was_published_then(store: PartitionStore, name: str):
    """A minute before the home was filled there was nothing."""
    assert ASKED[name](as_of=NOW + MINUTE, store=store).height > 0
    assert ASKED[name](as_of=NOW - MINUTE, store=store).height == 0
    with pytest.raises(InvalidRequest, match="as_of"):
        ASKED[name](as_of=datetime(2026, 10, 5), store=store)


# --- this moment ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age_s", "pace_s", "state", "level"),
    [
        (10, 1.0, "LIVE", 1),
        (11, 1.0, "DELAYED", 2),
        (60, 1.0, "DELAYED", 2),
        (61, 1.0, "STALE", 2),
        # slowly polled: 3 and 6 intervals
        (972, 324.0, "LIVE", 1),
        (1944, 324.0, "DELAYED", 2),
        (30, None, "DELAYED", 2),
    ],
)
def test_a_price_ages_by_its_pace(configured: Settings, age_s: int, pace_s: float | None, state: str, level: int):
    """By the source's own instant of it, and never stamped anew."""
    quote = features("BTCUSD", NOW - age_s * SECOND, 65_000.0, effective_interval_s=pace_s, bid=64_999.0)
    bars_home.stream(configured, quote)
    found = readers.latest("BTCUSD")
    assert (found.state, found.feature_level, found.age_s, found.price) == (state, level, age_s, 65_000.0)
    assert (found.source, found.level, found.is_warm, found.values["ema_9"], found.bid) == (
        *("yahoo", 0, True, 65_000.0), 64_999.0,
    )  # fmt: skip


def test_stored_rows_serve_where_no_collector_does(store: PartitionStore):
    """Level 3: price and instant of the newest bar's close, and the values of that bar; never called live."""
    found = readers.latest("BTCUSD", store=store)
    assert (found.state, found.feature_level, found.price, found.age_s) == ("DELAYED", 3, 62_161.0, 60.0)
    assert (found.values["ema_9"], found.values["rsi_14"], found.is_forming, found.reasons) == (
        *(62_161.0, None, False), None,
    )  # fmt: skip


def test_the_newer_of_hot_and_stored_is_told(configured: Settings, store: PartitionStore):
    """A quote that is stale gives way to a bar that opened after it, and to no other."""
    bars_home.stream(configured, features("BTCUSD", NOW - 2 * HOUR, 1.0)).close()
    assert readers.latest("BTCUSD", store=store).feature_level == 3
    bars_home.stream(configured, features("BTCUSD", NOW - 61 * SECOND, 1.0)).close()
    assert readers.latest("BTCUSD", store=store).feature_level == 2
    assert readers.latest("BTCUSD", live=False, store=store).feature_level == 3
    # what no source said a price of is not told from there at all
    bars_home.stream(configured, features("BTCUSD", None, None)).close()
    assert readers.latest("BTCUSD", store=store).feature_level == 3


def test_a_closed_market_does_not_age(configured: Settings, store: PartitionStore):
    """CLOSED, with its next open; a running collector's last quote stands, a dead one's only against older bars."""
    friday = datetime(2026, 10, 2, 13, 40, tzinfo=UTC)
    bars_home.stream(configured, features("NAS100", friday, 24_500.0)).close()
    found = readers.latest("us100", store=store)
    assert (found.state, found.feature_level, found.price) == ("CLOSED", 2, 24_500.0)
    assert (found.market_open, found.next_open) == (False, datetime(2026, 10, 5, 13, 30, tzinfo=UTC))
    bars_home.stream(configured, features("NAS100", friday, 24_500.0), at=NOW - MINUTE).close()
    found = readers.latest("us100", store=store)
    assert (found.state, found.feature_level, found.price) == ("CLOSED", 3, 24_029.0)


def test_the_board_has_a_row_for_every_symbol(configured: Settings):
    """Also for those that nothing is known of: null, and no number in its place."""
    found = readers.board()
    assert found.schema == readers.BOARD
    assert found["symbol"].to_list() == list(bars_home.SYMBOLS)
    assert found["state"].to_list() == ["NO DATA"] * 3
    assert found.select(pl.exclude("symbol", "state", "market_open", "next_open")).null_count().row(0) == (3,) * 35
    bars_home.fill(configured)
    bars_home.stream(configured)
    found = readers.board()
    assert found["state"].to_list() == ["LIVE", "DELAYED", "CLOSED"]
    assert found["feature_level"].to_list() == [1, 3, 3]


def test_a_stored_price_is_stale_after_an_hour_of_its_market(configured: Settings, store: PartitionStore,
                                                             monkeypatch: pytest.MonkeyPatch):  # fmt: skip
    """EURUSD's last bar closed at 11:41; hours in which its market is closed do not count."""
    for at, state in (("2026-10-05T12:41:00Z", "DELAYED"), ("2026-10-05T12:42:00Z", "STALE")):
        monkeypatch.setenv("MARKET_ASSETS_NOW", at)
        assert readers.latest("EURUSD", store=store).state == state


# --- sources -------------------------------------------------------------------------------------------------------


def test_sources_tell_today_and_this_moment(configured: Settings, store: PartitionStore):
    """Rows of today by source, agreement of the days before, what is left of budgets, how often they are asked."""
    bars_home.stream(configured)
    found = {row["source"]: row for row in readers.sources(store=store).iter_rows(named=True)}
    assert list(found) == ["yahoo", "alphavantage", "twelvedata", "polygon"]
    yahoo, twelve = found["yahoo"], found["twelvedata"]
    # of the 5th: 722 minutes of BTCUSD without one, 60 of them borrowed, and 701 of EURUSD
    assert (yahoo["rows_served"], twelve["rows_served"]) == (722 - 1 - 60 + 701, 60)
    assert (yahoo["enabled"], yahoo["state"], yahoo["success_rate"]) == (True, "closed", None)
    assert (yahoo["agreement_ratio"], yahoo["trust_score"]) == (pytest.approx(0.9), pytest.approx(0.9))
    assert (yahoo["polling"], twelve["polling"], found["polygon"]["polling"]) == ("polling", "slower", None)
    assert twelve["effective_intervals"] == [{"symbol": "BTCUSD", "seconds": 324.0}]
    assert [(one["window"], one["used"], one["limit"]) for one in yahoo["budget"]] == [
        ("minute", 0, 60),
        ("day", 0, 2000),
    ]
    assert not twelve["enabled"]


def test_sources_as_of_are_what_was_stored(store: PartitionStore):
    """The newest day of bars_source_health then; what only the moment tells is null."""
    found = readers.sources(as_of=NOW + MINUTE, store=store)
    assert found["source"].to_list() == ["yahoo", "twelvedata"]
    assert found["trust_score"].to_list() == [0.81, 0.81]
    assert found["polling"].null_count() == 2


def test_comparisons_are_newest_first(store: PartitionStore):
    """Of all symbols or one; one that could not be made says why."""
    assert readers.reconciliation(store=store)["symbol"].to_list() == ["BTCUSD", "EURUSD"]
    assert readers.reconciliation("eurusd", store=store)["reason"].to_list() == ["budget"]


# --- signals -------------------------------------------------------------------------------------------------------


def test_sizes_are_the_golden_ones(store: PartitionStore):
    """The specification: 1,000 of equity hold 12.51 lots, whose expected shortfall is 9.99404."""
    best = readers.latest_signals(1000, store=store).row(0, named=True)
    assert best["lots"] == 12.51
    assert best["es95"] == pytest.approx(9.99404, rel=1e-5)
    assert list(best) == list(readers.SIGNALS_NOW)


def test_the_best_come_first_and_old_ones_not_at_all(store: PartitionStore):
    """By q_star; fired a quarter of an hour ago at most; rejected ones only where asked for, after the others."""
    found = readers.latest_signals(1000, store=store)
    assert found.select("symbol", "q_star").rows() == [("BTCUSD", 9.4983), ("EURUSD", 7.5)]
    assert readers.latest_signals(1000, top=1, store=store).height == 1
    every = readers.latest_signals(1000, include_rejected=True, top=1, store=store)
    assert every["accepted"].to_list() == [True, False]
    assert every["reject_reasons"].to_list() == [["no_quote"], ["unproven", "no_quote"]]


def test_ties_go_by_confidence_then_by_symbol(configured: Settings):
    """Equal scores are ordered all the same."""
    store = bars_home.fill(configured)
    ties = [
        bars_home.signal(symbol, NOW - 5 * MINUTE, q_star=9.0, confidence=confidence)
        for symbol, confidence in (("NAS100", 0.7), ("EURUSD", 0.7), ("BTCUSD", 0.6))
    ]
    bars_home.write(store, "bars_signals", ties)
    assert readers.latest_signals(1000, store=store)["symbol"].to_list() == ["EURUSD", "NAS100", "BTCUSD"]


@pytest.mark.parametrize(
    ("age_s", "reasons", "accepted", "told"),
    [
        (1, [], True, []),
        (1, ["no_sigma"], True, ["no_sigma"]),
        (1, ["spread_wide"], False, ["spread_wide"]),
        (30, ["no_quote"], False, ["no_quote", "stale"]),
    ],
)
def test_the_market_of_now_judges_too(
    configured: Settings, store: PartitionStore, age_s: int, reasons: list[str], accepted: bool, told: list[str]
):
    """Execution filters and an old price reject; an old price makes it less sure as well."""
    bars_home.stream(configured, features("BTCUSD", NOW - age_s * SECOND, 100.0, reasons=reasons))
    found = readers.latest_signals(1000, include_rejected=True, store=store).filter(
        symbol="BTCUSD", alpha_id="momentum_v3"
    )
    assert found.select("accepted", "reject_reasons", "stale").row(0) == (accepted, told, age_s > 10)
    assert found["confidence"][0] == pytest.approx(0.64 if age_s > 10 else 0.8)


def test_too_small_an_account_has_no_lots_and_is_told_why(store: PartitionStore):
    """Below the smallest lot: 0 lots and the reason; the signal is what it is."""
    (best, *_) = readers.latest_signals(0.5, store=store).iter_rows(named=True)
    assert (best["lots"], best["accepted"], best["reject_reasons"]) == (0.0, True, ["no_quote", "below_min_lot"])
    for equity in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InvalidRequest, match="equity"):
            readers.latest_signals(equity, store=store)


def test_the_scan_is_that_of_the_newest_day(store: PartitionStore):
    """Two symbols were looked at; five signals of the 5th, of which one was rejected."""
    found = readers.scanner_stats(store=store)
    assert (found.symbols_scanned, found.fired, found.accepted) == (2, 5, 4)
    assert (found.rejected_by_reason, found.last_scan, found.profile) == ({"unproven": 1}, NOW - MINUTE, "production")


def test_signals_and_outcomes_are_newest_first(store: PartitionStore):
    """Of all or of a symbol, an alpha, the accepted ones."""
    assert readers.signals(limit=2, store=store)["ts"].to_list() == [
        NOW - 3 * MINUTE,
        TODAY + timedelta(hours=11, minutes=55),
    ]
    assert readers.signals(symbol="eurusd", accepted=False, store=store)["alpha_id"].to_list() == ["breakout_v2"]
    assert readers.signals(alpha="volume_v1", store=store).height == 1
    assert readers.outcomes(store=store)["r_multiple"].to_list() == [2.0, -1.0, 2.0]
    assert readers.outcomes(start=FIRST, end=FIRST + 12 * HOUR, store=store)["r_multiple"].to_list() == [-1.0]


# --- analytics -----------------------------------------------------------------------------------------------------


def test_equity_follows_the_outcomes(store: PartitionStore):
    """1 % of 1,000 at risk each: +20, -10, +20; the fall from 1,020 to 1,010 is its drawdown."""
    found = readers.analytics_overview(store=store)
    assert found.curve["equity"].to_list() == pytest.approx([1020.0, 1010.0, 1030.0])
    assert found.metrics.max_drawdown_ratio == pytest.approx(10 / 1020)
    assert (found.metrics.n_trades, found.metrics.win_rate_ratio) == (3, pytest.approx(2 / 3))
    assert readers.analytics_overview(equity=5000, start=TODAY, store=store).curve["equity"].to_list() == [5100.0]


def test_each_alpha_is_told_of_the_same_time(store: PartitionStore):
    """Its signals and their ends; nulls where there was none."""
    by_name = {row["alpha_id"]: row for row in readers.analytics_alphas(store=store).iter_rows(named=True)}
    momentum = by_name["momentum_v3"]
    assert (momentum["n_signals"], momentum["n_outcomes"], momentum["expectancy_r"]) == (5, 3, 1.0)
    assert (by_name["sentiment_v1"]["n_signals"], by_name["sentiment_v1"]["win_rate_ratio"]) == (0, None)
    today = readers.analytics_alphas(start=TODAY, store=store).row(0, named=True)
    assert (today["n_signals"], today["n_outcomes"]) == (3, 1)


def test_risk_is_null_before_there_are_enough_days(configured: Settings, store: PartitionStore):
    """Three days are not thirty. Both rising symbols move together; one without common minutes with neither."""
    found = readers.analytics_risk(store=store)
    assert (found.n_obs, found.var95_ratio, found.normal_es95_ratio) == (3, None, None)
    pairs = {(a, b): (n, r) for a, b, n, r in found.correlations.iter_rows()}
    n, together = pairs[("BTCUSD", "EURUSD")]
    assert (n, together) == (698, pytest.approx(1.0, abs=1e-4))
    assert pairs[("BTCUSD", "NAS100")] == (0, None)


def test_risk_of_a_normal_distribution(configured: Settings, store: PartitionStore, monkeypatch: pytest.MonkeyPatch):
    """2.06271 deviations of the daily returns +2 %, -1/102, +2/101."""
    bars_home.configure(monkeypatch, METRICS__MIN_OBS="3")
    found = readers.analytics_risk(store=store)
    returns = pl.Series([20 / 1000, -10 / 1020, 20 / 1010])
    assert found.normal_es95_ratio == pytest.approx(2.06271 * returns.std(ddof=1), rel=1e-5)
    assert found.es95_ratio == pytest.approx(10 / 1020)


def test_rules_are_judged_by_the_outcomes(store: PartitionStore):
    """Three days traded are fewer than five; a rule that is off is neither kept nor broken."""
    found = {row["rule"]: row["passed"] for row in readers.analytics_compliance(store=store).iter_rows(named=True)}
    assert found == {"daily_loss": True, "max_drawdown": True, "min_trading_days": False, "flat_before_close": None}


def test_promises_are_held_against_what_came(store: PartitionStore):
    """0.55 won once; 0.65 was promised twice and won once, also where the signal fired before the start."""
    found = readers.reliability(store=store).filter(pl.col("n") > 0)
    assert found.select("n", "predicted", "realised").rows() == [(1, pytest.approx(0.55), 1.0), (2, 0.65, 0.5)]
    late = readers.reliability(start=TODAY + timedelta(hours=6, minutes=30), store=store)
    assert late["n"].sum() == 1
