"""Days on which settlements are missing that can still be fetched."""

from datetime import UTC, date, datetime, timedelta

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from market_assets.funding.transforms.gaps import gap_days

HOUR = timedelta(hours=1)
BEFORE = datetime(2026, 10, 5, 9, tzinfo=UTC)


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 10, day, hour, tzinfo=UTC)


def lacking(*rows: tuple[str, list[tuple[datetime, datetime]], datetime | None]) -> list[tuple[str, date]]:
    """Days of gaps: exchange, its gaps (first and last missing settlement), its floor."""
    frame = pl.DataFrame(
        {
            "exchange": [exchange for exchange, _, _ in rows],
            "history_floor": [floor for _, _, floor in rows],
            "gap_starts": [[first for first, _ in gaps] for _, gaps, _ in rows],
            "gap_ends": [[last for _, last in gaps] for _, gaps, _ in rows],
        },
        schema={
            "exchange": pl.String,
            "history_floor": UTC_MICROS,
            "gap_starts": pl.List(UTC_MICROS),
            "gap_ends": pl.List(UTC_MICROS),
        },
    )
    return list(gap_days(frame, before=BEFORE).iter_rows())


def test_a_gap_names_every_day_it_touches():
    """From its first missing settlement to its last; each exchange and day once, in order."""
    found = lacking(("okx", [(at(1, 23), at(3, 1)), (at(3, 8), at(3, 8))], None), ("bybit", [(at(2), at(2))], None))
    assert found == [
        ("bybit", date(2026, 10, 2)),
        ("okx", date(2026, 10, 1)),
        ("okx", date(2026, 10, 2)),
        ("okx", date(2026, 10, 3)),
    ]


def test_what_the_exchange_does_not_keep_is_left_out():
    """A gap before the floor cannot be closed; of one across it the part from the floor on."""
    assert lacking(("okx", [(at(1), at(1, 16))], at(2))) == []
    assert lacking(("okx", [(at(1), at(3))], at(2, 8))) == [("okx", date(2026, 10, 2)), ("okx", date(2026, 10, 3))]
    assert lacking(("okx", [(at(2, 8), at(2, 8))], at(2, 8))) == [("okx", date(2026, 10, 2))]


def test_what_may_still_come_by_itself_is_left_out():
    """A gap that begins at that instant or later is none yet."""
    assert lacking(("okx", [(BEFORE, BEFORE + HOUR)], None)) == []
    assert lacking(("okx", [(BEFORE - HOUR, BEFORE + HOUR)], None)) == [("okx", date(2026, 10, 5))]


def test_without_gaps_there_is_no_day():
    """No contract, and contracts without a gap."""
    assert lacking() == []
    assert lacking(("okx", [], None)) == []
