"""Hours without a value: which, and whether asking again may bring them."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import polars as pl

from market_assets.btc.gaps import typed_gaps
from market_assets.btc.schemas import BtcLiquidations, BtcPrice
from market_assets.btc.settings import BtcSettings
from market_assets.btc.transforms.gaps import hours_without_value
from market_assets.settings import settings
from resources.stores import open_store
from tests.market_assets.btc import stored

TABLE = BtcPrice.contract()
DAY = datetime(2024, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
#: all of DAY could be used a day ago, and the vendor is asked for it for six more days
NEXT_NOON = DAY + 36 * HOUR
NINE_DAYS_LATER = DAY + 9 * 24 * HOUR
Row = tuple[str, int, int, str]


def versions(values: Mapping[int, float | None], *, late: Mapping[int, float] | None = None) -> pl.DataFrame:
    """Stored rows of these hours after DAY, and those that came too late."""
    hours = [DAY + n * HOUR for n in values]
    timely = stored.table(BtcPrice, hours, price=list(values.values()), ingested_at=DAY + 50 * HOUR, is_late=False)
    late = late or {}
    more = stored.table(
        BtcPrice,
        [DAY + n * HOUR for n in late],
        price=list(late.values()),
        ingested_at=DAY + 60 * HOUR,
        is_late=True,
    )
    return pl.concat([timely, more])


def day_of(*missing: int, null: tuple[int, ...] = ()) -> dict[int, float | None]:
    """24 hours without the missing ones; of some the vendor had no value."""
    return {n: None if n in null else 100.0 + n for n in range(24) if n not in missing}


def found(rows: pl.DataFrame, *, now: datetime = NEXT_NOON, days: tuple[int, ...] = (1,)) -> list[Row]:
    """Partition, first hour after DAY, hours to the end, kind."""
    gaps = hours_without_value(TABLE, rows, ["price"], [date(2024, 6, day) for day in days], BtcSettings(), now)
    return [
        (partition, (start - DAY) // HOUR, (end - start) // HOUR, kind)
        for partition, start, end, n, kind in gaps.select(
            "partition", "gap_start", "gap_end", "n_missing", "kind"
        ).rows()
        if n == (end - start) // HOUR
    ]


def test_a_whole_day_has_no_gap():
    """24 values."""
    assert found(versions(day_of())) == []


def test_hours_without_a_row_are_ours_at_any_age():
    """Every elapsed hour is stored with its day, also without a value: who lacks the row lost it."""
    lacking = [("2024-06-01", 3, 2, "ours"), ("2024-06-01", 9, 1, "ours")]
    assert found(versions(day_of(3, 4, 9))) == lacking
    assert found(versions(day_of(3, 4, 9)), now=NINE_DAYS_LATER) == lacking


def test_hours_the_vendor_had_no_value_for_are_asked_again_for_a_week():
    """The schedule asks for seven days (btc.repair_days); what is missing then, the vendor does not have."""
    rows = versions(day_of(null=(0, 1)))
    assert found(rows) == [("2024-06-01", 0, 2, "ours")]
    assert found(rows, now=DAY + 7 * 24 * HOUR) == [("2024-06-01", 0, 2, "ours")]
    assert found(rows, now=DAY + 8 * 24 * HOUR) == [("2024-06-01", 0, 2, "vendor_has_no_data")]


def test_a_value_that_came_too_late_is_not_asked_for_again():
    """It is stored and never used: asking would bring it once more."""
    rows = versions(day_of(null=(5, 6)), late={6: 7.0})
    assert found(rows) == [("2024-06-01", 5, 1, "ours"), ("2024-06-01", 6, 1, "vendor_has_no_data")]


def test_days_between_stored_ones_were_lost():
    """Days before the first and after the last stored one are the schedule's."""
    rows = pl.concat([versions(day_of()), versions({n + 48: 1.0 for n in range(24)})])
    assert found(rows, now=DAY + 80 * HOUR, days=(1, 3)) == [("2024-06-02", 24, 24, "ours")]


def test_what_may_still_come_by_itself_is_no_gap():
    """An hour can be used after 70 minutes, and six hours later it is final: at 18:10 that of 11:00 is judged."""
    rows = versions(dict.fromkeys(range(11), 1.0))
    assert found(rows, now=DAY + 18 * HOUR + timedelta(minutes=9)) == []
    assert found(rows, now=DAY + 18 * HOUR + timedelta(minutes=10)) == [("2024-06-01", 11, 1, "ours")]


def test_each_column_of_each_table_is_looked_at():
    """Prices and both sides of the liquidations, from the store; an empty one has no gaps."""
    store = open_store(settings())
    assert typed_gaps(store, settings(), NEXT_NOON).is_empty()
    hours = [DAY + n * HOUR for n in range(24)]
    no_long = [None if n == 7 else 1.0 for n in range(24)]
    made = {"ingested_at": DAY + 50 * HOUR, "is_late": False}
    stored.write(
        store,
        price=stored.table(BtcPrice, hours[1:], price=1.0, **made),
        liquidations=stored.table(BtcLiquidations, hours, long_liquidations=no_long, short_liquidations=2.0, **made),
    )
    told = typed_gaps(store, settings(), NEXT_NOON)
    assert told.select("table", "name", "gap_start").rows() == [
        ("btc_price", "price", hours[0]),
        ("btc_liquidations", "long_liquidations", hours[7]),
    ]
