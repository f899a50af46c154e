"""What the logs of a home know of the sources of minute bars on one day."""

from datetime import date, timedelta

import polars as pl

from market_assets.bars.transforms.health import Facts, Latency
from market_assets.core import clock
from market_assets.settings import Settings
from resources.http.state import VendorState
from resources.source_calls import SourceCalls
from resources.vendors.registry import Vendors

_DAY = timedelta(days=1)
#: a source of rows that came from the sandbox is marked
_MARK = "-sandbox"
#: the window of a budget that is told of
_WINDOW = "day"


def source_facts(settings: Settings, vendors: Vendors, day: date) -> Facts:
    """How the sources of `bars.sources` did on a day. Of a day that is over the budget left is what was not used."""
    calls, state = SourceCalls(settings.home), VendorState.of(settings.home)
    noted = calls.day(day)
    first = clock.instant(day)
    end = min(first + _DAY, clock.now())
    spent = dict(noted.group_by("source").agg(pl.col("credits").sum()).iter_rows())
    left: dict[str, int] = {}
    errors: dict[str, str] = {}
    for source in settings.bars.sources:
        window = next((use for use in vendors.minute_source(source).budget() if use.name == _WINDOW), None)
        if window is not None:
            used = window.used if day == clock.today() else spent.get(source, 0)
            left[source] = max(0, window.limit - used)
        error = calls.last_error(source, day)
        if error is not None:
            errors[source] = error
    return Facts(
        calls=noted,
        latencies={source: Latency(*found) for source, found in calls.latencies(day).items()},
        states={source: state.state_at(source, end) for source in settings.bars.sources},
        opens={source: state.openings(source, first, first + _DAY) for source in settings.bars.sources},
        budget_left=left,
        last_errors=errors,
    )


def unmarked(rows: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """The rows with plain names of sources in those columns: `yahoo` for `yahoo-sandbox`."""
    return rows.with_columns(pl.col(name).str.strip_suffix(_MARK) for name in columns)
