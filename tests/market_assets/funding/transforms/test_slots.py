"""When settlements are due."""

import polars as pl
import pytest

from market_assets.funding.transforms import slots
from tests.market_assets.funding.transforms.histories import T0, at


def gridded(*stamps: float, interval: float | None = 8.0) -> pl.DataFrame:
    """Events at these hours, with their grid."""
    frame = pl.DataFrame(
        {"name": "x", "funding_time": [at(stamp) for stamp in stamps], "interval_hours": interval},
        schema_overrides={"funding_time": pl.Datetime("us", "UTC"), "interval_hours": pl.Float64},
    )
    return slots.with_grid(frame, ["name"])


def test_the_phase_is_the_most_frequent_one():
    """KuCoin settles at 04, 12 and 20 o'clock; an odd event does not move it, nor do seconds of jitter."""
    got = gridded(4, 12.001, 19.999, 22.5)
    assert got["phase"].unique().to_list() == [4 * 3_600_000_000]
    assert got.select(slots.is_off_grid()).to_series().to_list() == [False, False, False, True]


def test_of_equally_frequent_phases_the_smallest_counts():
    """A feed that tells every settlement again half an hour later."""
    assert gridded(0, 0.5, 1, 1.5, interval=1.0)["phase"].unique().to_list() == [0]


@pytest.mark.parametrize(("minutes", "off"), [(10, False), (10.1, True), (-10, False), (-10.1, True)])
def test_an_event_within_ten_minutes_is_on_the_grid(minutes, off):
    """Early or late."""
    got = gridded(0, 8, 16 + minutes / 60).select(slots.is_off_grid()).to_series()
    assert got.to_list()[2] is off


def test_slots_are_counted_from_1970():
    """T0 is 20148 days after it: slot 60444 of 8 h, and the next one begins half an interval before it is due."""
    assert (T0.date() - T0.date().replace(1970, 1, 1)).days == 20148
    got = gridded(0, 3.9, 4.1, 8)
    assert got.select(slots.nearest()).to_series().to_list() == [60444, 60444, 60445, 60445]
    assert got.select(slots.instant_of(slots.nearest()).cast(pl.Datetime("us", "UTC"))).to_series().to_list() == [
        at(0),
        at(0),
        at(8),
        at(8),
    ]


def test_an_unknown_interval_has_no_grid():
    """Step, phase and the judgement are null."""
    got = gridded(0, 8, interval=None)
    assert got["phase"].null_count() == got.select(slots.is_off_grid()).to_series().null_count() == 2
