"""Where judgements of funding data begin to warn, and what they do not judge."""

from datetime import timedelta
from typing import Any

import dagster as dg
import polars as pl
import pytest

from market_assets.funding.checks import completeness, contracts, rates, spreads
from tests.market_assets.funding.check_frames import (
    COMPLETE,
    DAY_RATES,
    EXCHANGES,
    LEGS,
    judged_of,
    lacking,
    partly,
    renamed,
    round_of,
    set_where,
)
from tests.market_assets.funding.transforms import histories, pair_frames
from tests.market_assets.funding.transforms.pair_frames import D0, HOUR, NOON, hour

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
#: exchanges of eight in the round, age (min), contracts without a rate of 25 an exchange -> score of spec section 5
HEALTH = [
    (8, 2.0, 0, 100.0),
    # 12 / 2 and a warning of age
    (8, 12.0, 0, 100 - 6 - 5),
    # 40 / 2 and an error of age
    (8, 40.0, 0, 100 - 20 - 15),
    # at most 25 for age
    (8, 59.0, 0, 100 - 25 - 15),
    # 30 / 8, a warning of the missing one, and an error of its age
    (7, 2.0, 0, 100 - 3.75 - 5 - 15),
    # 30 / 2 and two errors
    (4, 2.0, 0, 100 - 15 - 15 - 15),
    # a fifth unknown: 20 / 5 and a warning
    (8, 2.0, 5, 100 - 4 - 5),
    # all of it
    (4, 40.0, 25, 100 - 15 - 20 - 20 - 15 - 15 - 5),
    (0, 2.0, 0, 0.0),
]


@pytest.mark.parametrize(("n", "age_min", "unknown", "score"), HEALTH)
def test_health_score(n: int, age_min: float, unknown: int, score: float) -> None:
    """By hand; healthy from 80, an error below 50."""
    latest = round_of(EXCHANGES[:n], age_min)
    place = pl.int_range(pl.len()).over("exchange")
    latest = set_where(latest, place < unknown, predicted_rate_native=None)
    verdict = judged_of(latest)
    assert verdict.evidence["score"] == pytest.approx(score, abs=1e-9)
    assert verdict.passed == (score >= 80)
    if not verdict.passed:
        assert verdict.severity == (ERROR if score < 50 else WARN)


def test_a_unit_slip_names_its_exchange_alone() -> None:
    """Of four the one that is 8,000 times the others; of 19 contracts nothing is said, nor of a factor of 20."""
    factor = pl.when(pl.col("exchange") == "gate").then(8000.0).otherwise(1.0)
    slipped = DAY_RATES.with_columns(rate_1h=pl.col("rate_1h") * factor)
    assert rates.unit_suspect(slipped).evidence["rows"]["exchange"].to_list() == ["gate"]
    few = slipped.filter((pl.col("exchange") != "gate") | (pl.col("symbol") != "A00-USDT-PERP"))
    assert rates.unit_suspect(few).passed
    within = DAY_RATES.with_columns(rate_1h=pl.col("rate_1h") * (1 + (factor - 1) * 18.9 / 7999))
    assert rates.unit_suspect(within).passed


def test_units_are_compared_day_by_day() -> None:
    """A day on which rates were a hundred times larger everywhere is no slip."""
    wild = DAY_RATES.with_columns(pl.col("day") + timedelta(days=1), pl.col("rate_1h") * 100)
    assert rates.unit_suspect(pl.concat([DAY_RATES, wild])).passed


def test_a_spread_far_smaller_than_its_legs_adds_up() -> None:
    """Rates that differ in the last digits only lose theirs in the difference; that is no error."""
    rows = []
    for k, digits in enumerate((1e-16, 1e-14, 1e-12, 1e-10, 1e-8, 1e-6)):
        at = D0 + k * HOUR
        rows += [hour("bybit", at, 1.2345678e-5, 1.0), hour("okx", at, 1.2345678e-5 * (1 + digits), 1.0)]
    pairs = pair_frames.paired(rows, LEGS)
    assert pairs.height == 6
    assert spreads.spreads_add_up(pairs).passed


def test_a_contract_of_which_nothing_was_due_is_not_judged() -> None:
    """Listed just now. One whose interval is unknown is."""
    new = lacking(30, completeness_class="no_data", completeness_pct=None, expected_slots=0, hit_slots=0)
    assert completeness.contracts_complete(new).passed
    unknown = lacking(30, completeness_class="interval_unknown", completeness_pct=None, expected_slots=0, hit_slots=0)
    assert completeness.contracts_complete(unknown).severity == ERROR


def test_shares_are_of_an_exchange_and_of_active_contracts() -> None:
    """Ten of a hundred at one exchange are not hidden by nine hundred of others; delisted ones do not count."""
    others = pl.concat([renamed(COMPLETE, exchange=name) for name in EXCHANGES[2:]])
    assert not completeness.contracts_complete(pl.concat([partly(10), others])).passed
    delisted = partly(10).with_columns(is_active=pl.col("completeness_class") == "complete")
    assert completeness.contracts_complete(delisted).passed


@pytest.mark.parametrize(
    ("interval", "age_hours", "severity"),
    [(1.0, 1.4, None), (1.0, 1.6, WARN), (1.0, 7.0, WARN), (1.0, 7.1, ERROR), (4.0, 6.1, WARN), (4.0, 10.1, ERROR)],
)
def test_settlements_are_due_by_their_own_interval(
    interval: float, age_hours: float, severity: dg.AssetCheckSeverity | None
) -> None:
    """1.5 intervals, then an interval and 6 h; the interval is the last one's. A delisted contract owes nothing."""
    frame = lacking(1, epoch_intervals=[8.0, interval], last_event=NOON - age_hours * HOUR)
    verdict = completeness.settled_in_time(frame, NOON)
    assert (None if verdict.passed else verdict.severity) == severity
    assert completeness.settled_in_time(frame.with_columns(is_active=pl.lit(False)), NOON).passed


def seen_at(*looks: tuple[float, float], name: str = "BTC") -> list[dict[str, Any]]:
    """Runs of looks at a contract."""
    return [histories.seen(name, looks=run) for run in looks]


@pytest.mark.parametrize(
    ("rows", "before"),
    [
        # one run over the day before, one that ended earlier, one that began later
        ([*seen_at((0, 48)), *seen_at((0, 20), name="OLD"), *seen_at((30, 48), name="NEW")], ["BTC"]),
        # looks every hour, as they lie in the files: that of 24 h before, or the last one earlier
        ([*seen_at((23, 23), (24, 24), (48, 48)), *seen_at((24, 24), name="GONE")], ["BTC", "GONE"]),
        ([*seen_at((23, 23), (25, 25), (48, 48)), *seen_at((23, 23), name="GONE")], ["BTC", "GONE"]),
        # nobody looked for three days
        ([*seen_at((0, 0), (72, 72)), *seen_at((0, 0), name="GONE")], ["BTC", "GONE"]),
        # the first look, and the looks of the first day
        (seen_at((48, 48)), []),
        (seen_at((25, 25), (48, 48)), []),
        ([], []),
    ],
)
def test_what_was_listed_a_day_before(rows: list[dict[str, Any]], before: list[str]) -> None:
    """That is compared with the newest look; what was lost while nobody looked is lost as well."""
    found = contracts.a_day_before(histories.frame(rows))
    assert found["native_symbol"].to_list() == [f"{name}_USDT" for name in before]
