"""What the graph stores when sources fail: the next one's minutes, another kind where it may, or what was there."""

from typing import Any

import polars as pl
import pytest

from tests.desk import failed_checks, reason, told
from tests.market_assets.bars.conftest import DERIVED, FIRST, LAST, QUICK, Bars, brought

FRIDAY, MONDAY = str(FIRST), str(LAST)
COIN, INDEX = f"{FRIDAY}|BTCUSD", f"{FRIDAY}|NAS100"
VENDORS = ("yahoo", "alphavantage", "twelvedata", "polygon")
#: everything that has the index is down, but not what has its future
NO_INDEX = [f"{name}:503:symbol=NAS100" for name in ("yahoo", "twelvedata", "polygon")]
#: name of the fault -> faults, and how each source in the chain of a coin ended
FAULTS: dict[str, tuple[list[str], list[str]]] = {
    "outage": (["yahoo:503"], ["error", "ok"]),
    "quota": (["yahoo:429"], ["quota", "ok"]),
    "empty": ([f"yahoo:missing_rows:dates={FRIDAY}"], ["empty", "ok"]),
    "poor rows": ([f"yahoo:duplicates:dates={FRIDAY}"], ["invalid", "ok"]),
    "half of it": (["yahoo:clip"], ["partial", "ok"]),
    "slow": (["yahoo:timeout:seconds=2"], ["error", "ok"]),
    "premium": (["yahoo:503", "alphavantage:premium"], ["error", "not_entitled", "ok"]),
    "credits": (
        ["yahoo:503", "alphavantage:premium", "twelvedata:credits"],
        ["error", "not_entitled", "quota", "ok"],
    ),
    "plan": (
        ["yahoo:not_json", "alphavantage:daily_limit", "twelvedata:plan_gated"],
        ["error", "quota", "not_entitled", "ok"],
    ),
}


def minutes(bars: Bars, key: str) -> tuple[pl.DataFrame, dict[str, Any]]:
    """The minutes of a partition after a run of it, and what its materialisation tells."""
    facts = told(bars.run("bars_minute", keys=[key]), "bars_minute")
    return bars.desk.read("bars_minute", key), facts[key]


@pytest.mark.parametrize("fault", FAULTS)
def test_the_next_source_serves(fresh: Bars, fault: str) -> None:
    """In the order of the settings, whatever way each fails; the trace tells of every one, and the rows of the last."""
    faults, outcomes = FAULTS[fault]
    if fault == "credits":
        # they come back with the next minute of the clock, for which the client would wait
        fresh.desk.set(MARKET_ASSETS_FETCH__DEADLINE_S="5")
    if fault == "slow":
        fresh.desk.set(MARKET_ASSETS_BARS__TIMEOUT_S="0.2")
    fresh.desk.sandbox.fault(*faults)
    result = brought(fresh.desk, COIN)
    rows, facts = result.frames[COIN], result.metadata[COIN]
    steps = facts["fallback_steps"]
    assert [(step["source"], step["level"]) for step in steps] == list(zip(VENDORS, range(4), strict=True))[
        : len(steps)
    ]
    assert [step["outcome"] for step in steps] == outcomes
    assert [step["reason"] != "" for step in steps] == [outcome != "ok" for outcome in outcomes]
    level = len(steps) - 1
    served = dict(rows.group_by("source").agg(pl.col("fallback_level").unique().first()).iter_rows())
    # half a day stays and the other half is filled; anything else is the last one's alone
    expected = {"yahoo-sandbox": 0} if fault == "half of it" else {}
    assert served == expected | {f"{VENDORS[level]}-sandbox": level}
    assert (rows.height, facts["missing_slots"], facts["complete"]) == (1440, 0, True)


def test_what_is_stored_stays_when_every_source_fails(growing: Bars) -> None:
    """Not a byte of it changes; the run fails, and says of each source why."""
    before = growing.desk.bytes_of("bars_minute")
    growing.desk.sandbox.fault(*(f"{name}:500" for name in VENDORS))
    (result,) = growing.run("bars_minute", keys=[COIN], succeed=False)
    assert not result.success
    assert growing.desk.bytes_of("bars_minute") == before
    said = reason(result)
    assert all(name in said for name in (*VENDORS, "BTCUSD", FRIDAY)), said
    sources = growing.desk.read("bars_minute")["source"].unique().to_list()
    assert sources == ["yahoo-sandbox"]


def test_three_requests_are_sent_to_a_source_that_fails(fresh: Bars) -> None:
    """One layer retries, and the chain does not ask again."""
    fresh.desk.sandbox.heal()
    fresh.desk.sandbox.fault("yahoo:500")
    rows, facts = minutes(fresh, COIN)
    assert fresh.desk.sandbox.asked("yahoo") == {"/v8/finance/chart/BTC-USD": 3}
    assert sum(fresh.desk.sandbox.asked("alphavantage").values()) == 1
    assert (rows.height, facts["sources"]) == (1440, {"alphavantage-sandbox": 1440})
    assert (
        facts["fallback_trace"].startswith("yahoo: error")
        and "> alphavantage: ok, 1440 rows" in facts["fallback_trace"]
    )
    assert failed_checks(fresh.results["bars_minute"], "bars_minute")["first_choice_serves"] == "WARN"


def test_another_kind_serves_only_where_it_may(growing: Bars) -> None:
    """The index is out everywhere: without the switch the day fails; with it the future serves, and breaks the basis.

    Once: on its first row, not on that of the next day, which is the index again. Averages begin anew at both.
    """
    growing.desk.sandbox.fault(*NO_INDEX)
    (refused,) = growing.run("bars_minute", keys=[INDEX], succeed=False)
    assert "NAS100" in reason(refused)
    before = growing.desk.read("bars_minute", INDEX)
    assert set(before["instrument_kind"]) == {"index"}

    row = growing.desk.settings.bars.instrument("NAS100").model_dump(mode="json")
    config = {
        "symbols": ["NAS100"],
        "instruments": [row | {"allow_kind_switch": True}],
        "indicators": {"warm_bars": 300},
    }
    growing.desk.configure(bars=config)
    rows, facts = minutes(growing, INDEX)
    # attempts of the first run have opened no breaker: the index may be asked for elsewhere again
    assert [step["outcome"] for step in facts["fallback_steps"]][-1] == "ok"
    assert facts["fallback_steps"][-1]["level"] == 3
    assert rows.select("source", "instrument_kind", "fallback_level").unique().rows() == [
        ("yahoo-sandbox", "future", 3)
    ]
    assert rows["basis_break"].to_list() == [True] + [False] * (rows.height - 1)
    assert rows.height == 390
    assert failed_checks(growing.results["bars_minute"], "bars_minute")["kind_unchanged"] == "WARN"
    assert not growing.desk.read("bars_minute", f"{MONDAY}|NAS100")["basis_break"].any()

    growing.run(*DERIVED, keys=[INDEX, f"{MONDAY}|NAS100"])
    for key in (INDEX, f"{MONDAY}|NAS100"):
        values = growing.desk.read("bars_indicators", key).sort("ts")
        # a future has a volume, the index has none
        assert values["vwap"].null_count() == (0 if key == INDEX else values.height)
        assert values["bars_in_segment"].to_list() == list(range(1, values.height + 1)), key
        assert values["ema_9"].is_null().to_list() == [True] * 8 + [False] * (values.height - 8)
        # seeded with the mean of its own first nine closes, not carried over from the other kind
        assert values["ema_9"][8] == pytest.approx(values["close"][:9].mean(), rel=1e-12)


@pytest.mark.parametrize(("ratio", "severity"), [("0.005", "WARN"), ("0.02", "ERROR")])
def test_a_source_that_disagrees_does_not_fill(fresh: Bars, ratio: str, severity: str) -> None:
    """Half of yahoo's day and a second source that is off by half a percent, or by two: nothing is mixed."""
    fresh.desk.sandbox.fault("yahoo:clip", f"alphavantage:off_by:ratio={ratio}")
    rows, facts = minutes(fresh, COIN)
    assert rows["source"].unique().to_list() == ["alphavantage-sandbox"]
    assert len(facts["disagreements"]) == 1
    assert "alphavantage and yahoo-sandbox differ" in facts["disagreements"][0]
    assert failed_checks(fresh.results["bars_minute"], "bars_minute")["fills_agree"] == severity


def test_a_source_that_is_off_is_found_by_the_comparison(growing: Bars) -> None:
    """Two percent beside the stored minutes is an error of agreement, and lowers the trust of both."""
    growing.desk.sandbox.fault("alphavantage:off_by")
    growing.run("bars_reconciliation", keys=[COIN])
    (row,) = growing.desk.read("bars_reconciliation", COIN).to_dicts()
    assert (row["status"], row["agreement_ratio"]) == ("error", 0.0)
    assert row["bias_ratio"] == pytest.approx(0.02, rel=0.01)
    assert failed_checks(growing.results["bars_reconciliation"], "bars_reconciliation") == {"sources_agree": "ERROR"}


def test_a_second_source_that_fails_fails_nothing(growing: Bars) -> None:
    """The row says why, and the next one is compared."""
    growing.desk.sandbox.fault("alphavantage:premium", "twelvedata:503", "polygon:503")
    growing.run("bars_reconciliation", keys=[COIN])
    (row,) = growing.desk.read("bars_reconciliation", COIN).to_dicts()
    assert (row["other_source"], row["status"], row["n_common"]) == ("-", "not_compared", 0)
    assert all(name in row["reason"] for name in VENDORS[1:])


def test_partial_stays_partial(fresh: Bars) -> None:
    """Every source has the later half alone: 630 of 1,260 minutes are accepted, no row is made up, nothing is warm."""
    fresh.desk.sandbox.fault(*(f"{name}:clip" for name in VENDORS))
    key = f"{FRIDAY}|EURUSD"
    facts = told(fresh.run("bars_minute", "bars_indicators", keys=[key]), "bars_minute")[key]
    rows = fresh.desk.read("bars_minute", key)
    assert (rows.height, facts["expected_rows"], facts["missing_slots"]) == (630, 1260, 630)
    assert facts["missing_ranges"] == ["00:00..10:29"]
    assert failed_checks(fresh.results["bars_minute"], "bars_minute")["minutes_covered"] == "ERROR"
    fresh.desk.configure(bars={"symbols": ["EURUSD"]})
    fresh.run("bars_indicators", keys=[key])
    values = fresh.desk.read("bars_indicators", key)
    assert values.height == 630
    assert not values["is_warm"].any()


def test_a_backfill_that_does_not_fit_is_refused_before_anything_is_sent(fresh: Bars) -> None:
    """23 days of a coin, 7 of them a request, on a source of 2 requests a day: told in days, and no request is sent."""
    # only live vendors have budgets; these live ones are the sandbox
    url = fresh.desk.sandbox.url
    fresh.desk.configure(bars=QUICK, yahoo={"base_url": f"{url}/yahoo", "budget": {"per_day": 2}})
    fresh.desk.set(MARKET_ASSETS_VENDORS="live")
    fresh.desk.sandbox.heal()
    days = [f"2026-09-{n:02}|BTCUSD" for n in range(8, 31)]
    (result,) = fresh.run("bars_minute", keys=days, succeed=False)
    said = reason(result)
    assert "yahoo needs 4 requests, 2 of 2 are left today, which takes 2 days" in said
    assert "2026-09-17..2026-09-30 fits now" in said
    assert all(not fresh.desk.sandbox.asked(name) for name in VENDORS)
    assert fresh.desk.stored("bars_minute") == []
