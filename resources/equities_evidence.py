"""What is known about missing or doubtful sessions: fetch outcomes, quarantine, the second source.

The second source is asked once per symbol, over whole years, because its answer costs the same.
A symbol it does not answer for is named, and never counted as agreement.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import polars as pl

from market_assets.core import calendars
from market_assets.core.contracts import UTC_MICROS
from market_assets.equities import schemas
from market_assets.equities.transforms import gaps, sessions, status
from resources.equities_fetch import EquitiesFetch
from resources.fetch_log import FetchLog
from resources.http.errors import Unauthorized, VendorError
from resources.stores.protocol import PartitionStore

_BARS = schemas.EquitiesDailyBars.contract()


class SecondSource(NamedTuple):
    """Sessions the second source has, and the symbol-years it was asked for in whole."""

    sessions: pl.DataFrame
    asked: pl.DataFrame


class Compared(NamedTuple):
    """Bars of both sources for the symbols that the second one answered for."""

    first: pl.DataFrame
    second: pl.DataFrame
    unanswered: list[str]


@dataclass(frozen=True)
class Evidence:
    """Evidence about the given years."""

    fetch: EquitiesFetch
    store: PartitionStore
    log: FetchLog
    years: Sequence[int]

    def due_sessions(self) -> dict[str, pl.DataFrame]:
        """The due sessions of the years, by calendar."""
        start, end = self._span()
        asked = {name: calendars.sessions_frame(name, start, end) for name in (*calendars.EXCHANGES, calendars.ALWAYS)}
        return sessions.due(asked, self.fetch.as_of, self.fetch.settings.equities.vendor_delay_min)

    def partition_states(self) -> pl.DataFrame:
        """symbol, year, state (stored, failed, clipped) of every partition that was ever asked for."""
        states = dict.fromkeys(self.store.partitions(_BARS), "stored")
        for row in self.log.outcomes(_BARS.name).filter(pl.col("error").is_not_null()).iter_rows(named=True):
            states[row["partition"]] = "clipped" if row["outcome"] == "clipped" else "failed"
        rows = [(*key.rsplit("|", 1), state) for key, state in sorted(states.items())]
        frame = pl.DataFrame(rows, schema={"symbol": pl.String, "year": pl.String, "state": pl.String}, orient="row")
        return frame.with_columns(pl.col("year").cast(pl.Int32)).filter(pl.col("year").is_in(list(self.years)))

    def quarantined(self) -> pl.DataFrame:
        """symbol and session_date of rejected rows of the years."""
        start, end = self._span()
        rejected = self.store.read(_BARS.quarantine(), columns=["symbol", "session_date"], start=start, end=end)
        return rejected.unique(maintain_order=True)

    def given_up(self) -> pl.DataFrame:
        """symbol, year of the partitions whose repairs are spent."""
        limit = self.fetch.settings.equities.repair_days
        spent = [key for key, days in self.log.repair_days(_BARS.name).items() if len(days) >= limit]
        rows = [(key.rsplit("|", 1)[0], int(key.rsplit("|", 1)[1])) for key in sorted(spent)]
        return pl.DataFrame(rows, schema=gaps.SYMBOL_YEARS, orient="row")

    def second_source(self, bars: pl.DataFrame, warn: Callable[[str], object]) -> SecondSource:
        """What the second source has of the symbol-years in which stored bars lack a session."""
        sessions_found = [pl.DataFrame(schema=gaps.SYMBOL_SESSIONS)]
        asked: list[tuple[str, int]] = []
        for symbol, years in self._lacking(bars).items():
            try:
                answer = self.fetch.second_source(symbol, date(min(years), 1, 1), date(max(years), 12, 31))
            except VendorError as failed:
                warn(f"second source, {symbol}: {failed}; its gaps stay unexplained")
                continue
            sessions_found.append(answer.select(list(gaps.SYMBOL_SESSIONS)))
            asked += [(symbol, year) for year in years]
        return SecondSource(pl.concat(sessions_found), pl.DataFrame(asked, schema=gaps.SYMBOL_YEARS, orient="row"))

    def compared(self, bars: pl.DataFrame, warn: Callable[[str], object]) -> Compared:
        """The stored bars and the second source's, for every symbol it answers for.

        Raises the vendor's error where it answers for none.
        """
        answers: list[pl.DataFrame] = [_BARS.empty()]
        unanswered: list[str] = []
        last_error: VendorError | None = None
        for (symbol,), own in bars.partition_by("symbol", as_dict=True, maintain_order=True).items():
            try:
                answers.append(self.fetch.second_source(str(symbol), *_ends(own["session_date"])))
            except Unauthorized:
                raise
            except VendorError as failed:
                warn(f"second source, {symbol}: {failed}")
                unanswered.append(str(symbol))
                last_error = failed
        if last_error is not None and len(answers) == 1:
            raise last_error
        return Compared(bars.filter(~pl.col("symbol").is_in(unanswered)), pl.concat(answers), unanswered)

    def _lacking(self, bars: pl.DataFrame) -> dict[str, list[int]]:
        """symbol -> years with a due, listed session that is not stored although the partition is."""
        stored = self.partition_states().filter(state="stored").select("symbol", "year")
        missing = (
            sessions.expected(self.fetch.symbols, self.due_sessions())
            .filter("listed")
            .join(bars, on=["symbol", "session_date"], how="anti")
            .select("symbol", year=pl.col("session_date").dt.year().cast(pl.Int32))
            .join(stored, on=["symbol", "year"])
            .unique()
            .sort("symbol", "year")
        )
        return {
            str(key[0]): part["year"].to_list() for key, part in missing.partition_by("symbol", as_dict=True).items()
        }

    def _span(self) -> tuple[date, date]:
        return date(min(self.years), 1, 1), date(max(self.years), 12, 31)


def fetches(store: PartitionStore, log: FetchLog) -> pl.DataFrame:
    """How the fetches of each symbol went: columns of `status.FETCHES`."""
    published = pl.DataFrame(
        [(m.partition.rsplit("|", 1)[0], m.published_at) for m in store.manifests(_BARS)],
        schema={"symbol": pl.String, "last_materialized_at": UTC_MICROS},
        orient="row",
    )
    asked = log.outcomes(_BARS.name).with_columns(symbol=pl.col("partition").str.replace(r"\|[^|]*$", ""))
    return (
        published.group_by("symbol")
        .agg(pl.col("last_materialized_at").max())
        .join(
            asked.sort("finished_at")
            .group_by("symbol")
            .agg(last_success_at=pl.col("succeeded_at").max(), last_error=pl.col("error").drop_nulls().last()),
            on="symbol",
            how="full",
            coalesce=True,
        )
        .select(list(status.FETCHES))
        .sort("symbol")
    )


def _ends(days: pl.Series) -> tuple[date, date]:
    first, last = days.min(), days.max()
    assert isinstance(first, date) and isinstance(last, date)
    return first, last
