"""Where funding stands in its own distribution (spec section 7, common.md 9)."""

from datetime import date, datetime, timedelta
from statistics import fmean, median, stdev
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.funding.schemas import FundingCompleteness, FundingSnapshot, FundingStatistics
from market_assets.funding.transforms.statistics import statistics
from tests.market_assets.funding.transforms.histories import at, event, every, looked, seen, settled
from tests.market_assets.funding.transforms.histories import contracts as known_contracts

#: the window of thirty days that ends with it begins at T0
LAST = date(2025, 3, 30)
END = 30 * 24
LATER = at(END + 100)
APR = 876_000


def look(hours: float, rate_1h: float | None, name: str = "BTC") -> dict[str, Any]:
    """A snapshot row."""
    return {
        "exchange": "gate",
        "symbol": f"{name}-USDT-PERP",
        "snapshot_at": at(hours),
        "native_symbol": f"{name}_USDT",
        "base_asset": name,
        "predicted_rate_1h": rate_1h,
        "latency_ms": 1.0,
        "is_trailing": False,
        "ingested_at": at(hours),
        "source": "gate",
    }


def share(percent: float | None, day: date = LAST, name: str = "BTC") -> dict[str, Any]:
    """A completeness row."""
    return {
        "day": day,
        "exchange": "gate",
        "native_symbol": f"{name}_USDT",
        "symbol": f"{name}-USDT-PERP",
        "completeness_pct": percent,
    }


def judged(
    rates: pl.DataFrame,
    looks: list[dict] | None = None,
    shares: list[dict] | None = None,
    *,
    now: datetime = LATER,
    days: tuple[date, ...] = (LAST,),
) -> pl.DataFrame:
    """The table of these rates, looks and shares."""
    frame = statistics(
        rates,
        pl.DataFrame(looks or [], schema=FundingSnapshot.contract().schema),
        pl.DataFrame([share(100.0)] if shares is None else shares, schema=FundingCompleteness.contract().schema),
        days=days,
        window_days=30,
        now=now,
    )
    return FundingStatistics.contract().validate(frame)


def hourly(*values: float, until: float = END, **stated: Any) -> pl.DataFrame:
    """Hourly rates that end just before `until`."""
    first = until - len(values)
    rows = [event(first + n, value, interval_hours=1.0, **stated) for n, value in enumerate(values)]
    return settled(rows, known_contracts(seen(), seen("ETH")))


def found(*values: float, **stated: Any) -> dict[str, Any]:
    """The one row of hourly rates."""
    return judged(hourly(*values), **stated).row(0, named=True)


def test_golden_the_last_rate_among_the_earlier_ones():
    """h = 1..30 and x = 40: std 8.80341, z 2.78301, modified z 2.20337, percentile 100."""
    row = found(*range(1, 31), 40)
    assert row["z_settled"] == pytest.approx(2.78301, rel=1e-5)
    assert row["modified_z_settled"] == pytest.approx(2.20337, rel=1e-5)
    assert (row["percentile_settled"], row["settled_rate_1h"], row["settled_time"]) == (100.0, 40.0, at(END - 1))
    assert (row["n_points"], row["zone"]) == (31, "active")
    tied = found(*range(1, 31), 15)
    assert tied["percentile_settled"] == pytest.approx(48.3333, rel=1e-5)
    assert tied["zone"] == "stable"


def test_golden_the_predicted_rate_among_all_settled_ones():
    """Another quantity: all 30 settled rates are its history."""
    row = found(*range(1, 31), looks=[look(END - 1, 40.0)])
    assert row["std_1h"] == pytest.approx(8.80341, rel=1e-5)
    assert row["z_predicted"] == pytest.approx(2.78301, rel=1e-5)
    assert (row["percentile_predicted"], row["predicted_rate_1h"]) == (100.0, 40.0)
    # with itself left out the last settled rate has 29 points
    assert row["z_settled"] is None


def test_the_distribution_is_that_of_all_points():
    """1..30 per hour and as yearly percent, MAD not scaled."""
    row = found(*range(1, 31))
    expected = {"mean": 15.5, "median": 15.5, "mad": 7.5, "min": 1.0, "max": 30.0}
    assert {name: row[f"{name}_1h"] for name in expected} == expected
    assert {name: row[f"{name}_30d_apr"] for name in expected} == {name: APR * x for name, x in expected.items()}
    assert row["std_dev_30d_apr"] == pytest.approx(8.80341 * APR, rel=1e-5)


def test_fewer_than_thirty_points_tell_nothing():
    """Null, not 50; the last settled and the predicted rate are told nevertheless."""
    row = found(*range(1, 30), looks=[look(END - 1, 40.0)])
    told = ("n_points", "settled_rate_1h", "predicted_rate_1h", "confidence", "zone")
    assert [row[name] for name in told] == [29, 29.0, 40.0, "very_high", "stable"]
    numbers = [name for name in row if name.endswith(("_1h", "_apr", "_settled", "_predicted")) and name not in told]
    assert len(numbers) == 18
    assert {row[name] for name in numbers} == {None}


def test_a_constant_history_has_no_scale():
    """z is null, a percentile is not: everything ties."""
    row = found(*[1e-5] * 40, looks=[look(END - 1, 2e-5)])
    assert (row["z_settled"], row["modified_z_settled"], row["z_abs_settled"], row["z_predicted"]) == (None,) * 4
    assert (row["percentile_settled"], row["percentile_predicted"], row["zone"]) == (50.0, 100.0, "stable")


def test_a_median_deviation_of_zero_has_no_modified_z():
    """Most rates equal, some not: the standard deviation is there, the median one is not."""
    row = found(*[1e-5] * 30, 2e-5, 3e-5, 4e-5)
    assert row["modified_z_settled"] is None
    assert row["z_settled"] > 2


def test_signed_and_absolute_values_are_told_apart():
    """A rate of -40 after 1..30 is far below, and as large as 40 is above."""
    row = found(*range(1, 31), -40)
    assert row["z_settled"] == pytest.approx((-40 - 15.5) / 8.80341, rel=1e-5)
    assert row["z_abs_settled"] == pytest.approx(2.78301, rel=1e-5)
    assert (row["percentile_settled"], row["zone"]) == (0.0, "active")


def test_zero_is_a_rate():
    """Among 30 rates of 1..30 it is the smallest, and counts as a point."""
    row = found(*range(1, 31), 0.0)
    assert (row["n_points"], row["min_1h"], row["settled_rate_1h"], row["percentile_settled"]) == (31, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("n", "percent", "confidence"),
    [
        (9, 100.0, "none"),
        (10, 49.9, "low"),
        (10, None, "low"),
        (10, 50.0, "medium"),
        (10, 79.9, "medium"),
        (10, 80.0, "high"),
        (10, 94.9, "high"),
        (10, 95.0, "very_high"),
    ],
)
def test_confidence_follows_completeness(n, percent, confidence):
    """Below ten points there is none; unknown completeness is a low one."""
    row = found(*range(n), shares=[share(percent)])
    assert (row["confidence"], row["completeness_pct"]) == (confidence, percent)


def test_an_eight_hour_contract_deserves_the_same_confidence():
    """90 of 90 settlements are as good as 720 of 720."""
    row = judged(settled(every(8, first=0, until=END))).row(0, named=True)
    assert (row["n_points"], row["confidence"]) == (90, "very_high")


def test_completeness_of_another_day_is_not_this_ones():
    """Nor that of another contract: unknown."""
    row = found(*range(40), shares=[share(100.0, date(2025, 3, 29)), share(100.0, name="ETH")])
    assert (row["completeness_pct"], row["confidence"]) == (None, "low")


def test_the_window_of_a_day_that_is_over_is_thirty_days():
    """From T0 to the last settlement before midnight, whatever is loaded besides."""
    rates = settled(every(1, first=-30, until=END + 30))
    row = judged(rates).row(0, named=True)
    assert (row["n_points"], row["settled_time"]) == (720, at(END - 1))


def test_the_window_of_a_day_that_is_not_over_ends_now():
    """Thirty days up to noon, whose settlement is in it and the one thirty days before is not; nothing later is."""
    now = at(END - 12)
    rates = settled(every(1, first=-30, until=END))
    row = judged(rates, [look(END - 12, 1.0), look(END - 11, 2.0)], now=now).row(0, named=True)
    assert (row["n_points"], row["settled_time"], row["predicted_rate_1h"]) == (720, at(END - 12), 1.0)
    before = judged(rates, now=at(8) - timedelta(minutes=1), days=(date(2025, 3, 1),)).row(0, named=True)
    assert before["settled_time"] == at(7)


def test_a_row_can_be_used_from_its_newest_input_on():
    """The last settlement or the look, whichever is later."""
    rates = hourly(*range(40))
    assert judged(rates)["available_at"].to_list() == [at(END - 1)]
    assert judged(rates, [look(END - 0.5, 1.0)])["available_at"].to_list() == [at(END - 0.5)]
    assert judged(rates, [look(END - 3, 1.0)])["available_at"].to_list() == [at(END - 1)]


def test_the_newest_look_of_the_day_counts():
    """Even if it has no rate; a look of another day is none of this one's."""
    rates = hourly(*range(40))
    assert judged(rates, [look(END - 2, 1.0), look(END - 1, None)])["predicted_rate_1h"].to_list() == [None]
    assert judged(rates, [look(END - 25, 1.0), look(END, 3.0)])["predicted_rate_1h"].to_list() == [None]


def test_a_contract_needs_a_rate_or_a_look():
    """Listed today: a look without any settlement is a row."""
    rows = judged(hourly(*range(40)), [look(END - 1, 1.0, "NEW")], [])
    assert rows.select("symbol", "n_points", "confidence", "available_at").rows() == [
        ("BTC-USDT-PERP", 40, "low", at(END - 1)),
        ("NEW-USDT-PERP", 0, "none", at(END - 1)),
    ]


def test_a_rate_of_unknown_interval_is_no_point():
    """It cannot be compared."""
    known = known_contracts(*looked(hours=[9999], interval_hours=None))
    rates = settled([*every(8, first=0, until=400), event(403)], known)
    row = judged(rates).row(0, named=True)
    assert (row["n_points"], row["settled_time"]) == (50, at(392))


def test_a_symbol_that_passed_on_is_the_last_holders():
    """Two contracts had it in the window: one row, with the rates of the later one."""
    known = known_contracts(*looked(hours=[0, 1]), *looked(hours=range(100, 800, 20), native_symbol="BTC2_USDT"))
    rows = [event(0), *every(8, first=104, until=END, native_symbol="BTC2_USDT")]
    got = judged(settled(rows, known))
    assert got.select("symbol", "n_points").rows() == [("BTC-USDT-PERP", 77)]


def test_nothing_gives_nothing():
    """No rates, no looks."""
    assert judged(settled([])).equals(FundingStatistics.contract().empty())


RATES = st.lists(st.sampled_from([-2e-4, -1e-5, 0.0, 1e-5, 1e-5, 5e-5, 3e-4]), min_size=1, max_size=60)


@given(RATES, RATES, st.none() | st.sampled_from([-1e-3, 0.0, 1e-5, 2e-4]), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=20)
def test_statistics_are_those_of_plain_lists(values, others, predicted, random):
    """Against the standard library, contract by contract; the order of rows is irrelevant."""
    rates = pl.concat([hourly(*values), hourly(*others, native_symbol="ETH_USDT")])
    looks = [look(END - 1, predicted)]
    table = judged(rates.sample(fraction=1.0, shuffle=True, seed=random.randint(0, 999)), looks)
    assert table.equals(judged(rates, looks))
    row = table.row(0, named=True)
    if len(values) >= 30:
        assert row["mean_1h"] == pytest.approx(fmean(values), abs=1e-15)
        assert row["mad_1h"] == pytest.approx(median(abs(x - median(values)) for x in values), abs=1e-15)
    for name, x, history in (("settled", values[-1], values[:-1]), ("predicted", predicted, values)):
        if len(history) < 30 or x is None:
            assert row[f"z_{name}"] is row[f"percentile_{name}"] is None
            continue
        below, ties = sum(h < x for h in history), sum(h == x for h in history)
        assert row[f"percentile_{name}"] == pytest.approx(100 * (below + ties / 2) / len(history))
        deviation = stdev(history)
        expected = None if deviation < 1e-12 else (x - fmean(history)) / deviation
        assert row[f"z_{name}"] == (expected if expected is None else pytest.approx(expected, rel=1e-9, abs=1e-9))


@given(RATES, RATES)
@settings(deadline=None, max_examples=10)
def test_later_events_change_no_earlier_day(values, later):
    """What settles, or is looked at, after a day says nothing of it."""
    rates, after = hourly(*values), hourly(*later, until=END + len(later))
    looks = [look(END - 1, 1e-5)]
    alone = judged(rates, looks)
    assert judged(pl.concat([rates, after]), [*looks, look(END, 9.0)]).equals(alone)
    both = judged(pl.concat([rates, after]), looks, days=(LAST, date(2025, 3, 31)))
    assert both.filter(day=LAST).equals(alone)
