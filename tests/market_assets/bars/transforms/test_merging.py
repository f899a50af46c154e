"""Which source may fill the holes of another."""

from datetime import UTC, datetime

import polars as pl
import pytest

from market_assets.bars.settings import BarsSettings
from market_assets.bars.transforms.merging import laid_over, merged
from tests.market_assets.bars.minute_rows import BTC, MINUTE, rows

AT = datetime(2026, 11, 16, 12, tzinfo=UTC)
BARS = BarsSettings()
POLYGON = BTC._replace(source="polygon", fallback_level=3)
BASE = rows(AT, [100.0] * 40)


def other(difference: float, first: datetime = AT, n: int = 60) -> pl.DataFrame:
    """Minutes of polygon that differ from 100 by so much of it."""
    return rows(first, [100.0 * (1 + difference)] * n, POLYGON)


@pytest.mark.parametrize(
    ("difference", "status", "n_filled"),
    [(0.0, "ok", 20), (0.0019, "ok", 20), (0.0021, "warn", 0), (-0.0099, "warn", 0), (0.0101, "error", 0)],
)
def test_a_source_fills_only_what_it_agrees_about(difference: float, status: str, n_filled: int) -> None:
    """Up to 0.2 % the last 20 minutes come from polygon; beyond nothing does; beyond 1 % it is an error."""
    found = merged(BASE, other(difference), BARS)
    assert (found.status, found.n_filled, found.rows.height) == (status, n_filled, 40 + n_filled)
    assert found.rows["source"].to_list() == ["yahoo"] * 40 + ["polygon"] * n_filled
    assert found.disagrees is (status in ("warn", "error"))


def test_thirty_common_minutes_are_needed() -> None:
    """29 are too few to agree about, 30 are enough."""
    few, enough = (merged(BASE, other(0.0, AT + (40 - n) * MINUTE), BARS) for n in (29, 30))
    assert (few.status, few.n_filled, few.rows.height) == ("too_few", 0, 40)
    assert (enough.status, enough.n_filled) == ("ok", 30)


def test_half_of_the_minutes_may_be_far_apart() -> None:
    """The median decides: 19 of 40 common minutes 5 % off do no harm, 21 do."""
    for n_off, status in ((19, "ok"), (21, "error")):
        frame = rows(AT, [105.0] * n_off + [100.0] * (60 - n_off), POLYGON)
        assert merged(BASE, frame, BARS).status == status


def test_instruments_of_two_kinds_are_never_mixed() -> None:
    """A future fills no hole of an index, however close its price."""
    found = merged(BASE, rows(AT, [100.0] * 60, POLYGON._replace(kind="future")), BARS)
    assert (found.status, found.n_filled, found.agreement) == ("kinds", 0, None)


def test_a_source_fills_its_own_holes() -> None:
    """What the same source says later needs no comparison; what it said first stands."""
    found = merged(BASE, rows(AT + 39 * MINUTE, [200.0] * 3), BARS)
    assert (found.status, found.n_filled, found.rows["close"].to_list()) == ("ok", 2, [100.0] * 40 + [200.0] * 2)


def test_whole_days_only() -> None:
    """With merge_mode = whole nothing is filled, and a disagreement is told all the same."""
    whole = BarsSettings(merge_mode="whole")
    assert merged(BASE, other(0.0), whole).status == "whole"
    assert merged(BASE, other(0.02), whole).status == "error"
    assert merged(BASE.clear(), other(0.0), whole).n_filled == 60


def test_the_running_day_is_the_streams() -> None:
    """Its minutes stand, and what was asked for fills: 40 of the stream, 20 of polygon."""
    streamed = BASE.with_columns(origin=pl.lit("stream"))
    laid = laid_over(streamed, other(0.001), BARS, is_final=False)
    assert laid.merged.rows["origin"].to_list() == ["stream"] * 40 + ["rest"] * 20


def test_a_day_that_is_over_is_what_was_asked_for() -> None:
    """Asked-for minutes win; of 35 that both have 5 differ; the stream keeps the 5 that were not served."""
    streamed = rows(AT, [100.0] * 35 + [100.5] * 5).with_columns(origin=pl.lit("stream"))
    laid = laid_over(streamed, other(0.0, AT + 5 * MINUTE, 40), BARS, is_final=True)
    assert laid.merged.rows["origin"].to_list() == ["stream"] * 5 + ["rest"] * 40
    assert set(laid.merged.rows["close"]) == {100.0}
    assert laid.revision.revised_rows == 5
    assert laid.revision.max_rel_diff == pytest.approx(0.5 / 100.5)
