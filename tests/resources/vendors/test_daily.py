"""What all vendors share: instruments, windows, and the two checks of an answer's coverage."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from market_assets.equities.schemas import EquitiesSymbols
from resources.http.errors import Clipped, EmptyUnexpected, NotFound
from resources.vendors.daily import BARS, Instrument, check_not_clipped, check_not_empty
from tests.resources.vendors.instruments import AAPL, BTC, EVENING, LONG_AGO

YEAR = (date(2021, 1, 1), date(2021, 12, 31))


def bars_of(*days: date) -> pl.DataFrame:
    rows = [dict.fromkeys(BARS) | {"session_date": day, "source": "polygon"} for day in days]
    return pl.DataFrame(rows, schema=BARS)


def listed(first: date, last: date | None = None) -> Instrument:
    return Instrument("AAPL", "stock", "XNYS", {"polygon": "AAPL"}, first, last)


def test_an_instrument_is_a_row_of_the_universe():
    """Ids come from the row's columns; a null id is no id, and asking for it says which column to set."""
    row = dict.fromkeys(EquitiesSymbols.contract().columns) | {
        "symbol": "VIX", "asset_class": "index", "calendar": "XNYS", "polygon_id": "I:VIX", "valid_from": LONG_AGO,
    }  # fmt: skip
    instrument = Instrument.of_row(row)
    assert instrument.id_at("polygon") == "I:VIX"
    assert not instrument.has_volume
    with pytest.raises(NotFound, match="Set its yahoo_id"):
        instrument.id_at("yahoo")


def test_the_first_bar_may_be_five_sessions_late():
    """The sixth session of 2021 is Monday 11 January: five late is passed, six is clipped."""
    check_not_clipped(bars_of(date(2021, 1, 11)), AAPL, *YEAR, EVENING)
    with pytest.raises(Clipped, match=r"AAPL 2021-01-01..2021-12-31.*first bar is of 2021-01-12, 6 sessions after"):
        check_not_clipped(bars_of(date(2021, 1, 12)), AAPL, *YEAR, EVENING)


def test_a_listing_within_the_window_is_not_clipping():
    """Who was listed in June has no bars before June, and is judged from June on."""
    check_not_clipped(bars_of(date(2021, 6, 1)), listed(date(2021, 6, 1)), *YEAR, EVENING)
    with pytest.raises(Clipped):
        check_not_clipped(bars_of(date(2021, 6, 30)), listed(date(2021, 6, 1)), *YEAR, EVENING)


def test_crypto_days_are_counted_every_day():
    """Six days late is six sessions late where every day is one."""
    bars = bars_of(date(2021, 1, 7))
    with pytest.raises(Clipped, match="6 sessions after"):
        check_not_clipped(bars, BTC, *YEAR, EVENING)


def test_no_rows_is_not_called_clipped():
    """Emptiness is the other check's matter."""
    check_not_clipped(bars_of(), AAPL, *YEAR, EVENING)


def test_no_rows_where_sessions_were_due_is_an_error():
    """A week with five sessions and no bar is named with what was due."""
    with pytest.raises(EmptyUnexpected, match="5 sessions were due from 2021-01-04 to 2021-01-08"):
        check_not_empty(bars_of(), AAPL, date(2021, 1, 4), date(2021, 1, 10), EVENING, vendor="polygon", delay_min=120)


@pytest.mark.parametrize(
    ("instrument", "start", "end", "as_of"),
    [
        (AAPL, date(2021, 1, 16), date(2021, 1, 18), EVENING),  # a weekend and Martin Luther King Day
        (listed(date(2022, 1, 3)), *YEAR, EVENING),  # before the listing
        (listed(LONG_AGO, date(2020, 6, 30)), *YEAR, EVENING),  # after it
        (AAPL, date(2026, 11, 20), date(2026, 12, 31), datetime(2026, 11, 20, 22, 59, tzinfo=UTC)),  # not due yet
    ],
)
def test_no_rows_where_none_are_expected_is_fine(instrument: Instrument, start: date, end: date, as_of: datetime):
    """Holidays, days outside the listing window and bars not due yet are known to be empty."""
    check_not_empty(bars_of(), instrument, start, end, as_of, vendor="polygon", delay_min=120)


def test_a_window_is_cut_to_listing_and_due_date():
    """Start by valid_from, end by valid_to or by the last session closed for the vendor's delay."""
    saturday = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert AAPL.window(date(2026, 1, 1), date(2026, 12, 31), saturday, 120) == (date(2026, 1, 1), date(2026, 11, 20))
    assert listed(date(2026, 3, 2), date(2026, 3, 31)).window(date(2026, 1, 1), date(2026, 12, 31), saturday, 120) == (
        date(2026, 3, 2),
        date(2026, 3, 31),
    )
    assert AAPL.window(date(2027, 1, 1), date(2027, 12, 31), saturday, 120) is None
