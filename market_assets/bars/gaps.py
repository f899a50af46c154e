"""The gaps of `bars_minute`: minutes a symbol lacks, of the last days between those stored or asked for."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from market_assets.bars.instruments import Bound
from market_assets.bars.schemas import BarsMinute, BarsReconciliation
from market_assets.bars.transforms import gaps
from market_assets.core import clock, trading_hours
from market_assets.core.partitions import day_and_name, key_of
from market_assets.settings import Settings
from resources.partition_answers import answers
from resources.stores.protocol import PartitionStore
from resources.vendors.yahoo_minutes import HISTORY

_MINUTE, _COMPARED = BarsMinute.contract(), BarsReconciliation.contract()
_DAY = timedelta(days=1)
#: the nightly runs of a day have ended by then
_SETTLED = timedelta(hours=6)
#: source -> how far back its minutes go, of pairs at least; others keep years
_KEEPS: Mapping[str, timedelta] = {"yahoo": HISTORY, "alphavantage": timedelta(days=30)}
#: how a source that answered without rows stands in what the fetch log tells
_EMPTY = "no rows, although"


def typed_gaps(store: PartitionStore, found: Settings, now: datetime) -> pl.DataFrame:
    """FOUND: the runs of missing market minutes of every symbol, with their kind. Asks nobody."""
    told = {str(row["partition"]): row for row in answers(store, found.home, _MINUTE).iter_rows(named=True)}
    expected = _expected(told, found, now)
    lacking = [key for key, due in expected.items() if (_n_rows(told, key) or 0) < len(due)]
    is_coin = {symbol: found.bars.instrument(symbol).calendar == "always" for symbol in found.bars.symbols}
    coins = {day for day, symbol in map(day_and_name, lacking) if is_coin[symbol]}
    of_coins = [key for key in expected if is_coin[day_and_name(key)[1]] and day_and_name(key)[0] in coins]
    stored = _read(store, sorted({*lacking, *of_coins}))
    missing = [
        pl.DataFrame({"symbol": symbol, "day": day, "ts": expected[key]}, schema=gaps.MINUTES)
        for key in lacking
        for day, symbol in [day_and_name(key)]
    ]
    rejected = store.read(_MINUTE.quarantine(), lacking, columns=["symbol", "ts"]) if lacking else stored.clear()
    return gaps.typed(
        _days(store, told, expected, lacking, found, now),
        pl.concat([gaps.MINUTES.to_frame(), *missing]).join(stored, on=["symbol", "ts"], how="anti"),
        rejected.with_columns(day=pl.col("ts").dt.date()),
        stored.filter(pl.col("symbol").is_in([symbol for symbol, always in is_coin.items() if always])),
    )


def _expected(told: Mapping[str, Mapping[str, Any]], found: Settings, now: datetime) -> dict[str, pl.Series]:
    """Partition -> minutes of its market, of every day looked at with any. `told`: partition -> row of ANSWERS."""
    stored = [day_and_name(key) for key in told if _n_rows(told, key) is not None]
    since = {symbol: day for day, symbol in sorted(stored, reverse=True)}
    # what was never asked for since is a backfill, which is a person's choice
    asked = {symbol: day for day, symbol in sorted(map(day_and_name, told))}
    first = max(found.bars.start_date, now.date() - found.gaps.repair_days * _DAY)
    last = (now - _SETTLED).date() - _DAY
    expected: dict[str, pl.Series] = {}
    for day in (first + n * _DAY for n in range((last - first).days + 1)):
        start, minutes = clock.instant(day), dict[str, pl.Series]()
        for symbol in (name for name in found.bars.symbols if name in since and since[name] <= day <= asked[name]):
            calendar = found.bars.instrument(symbol).calendar
            if calendar not in minutes:
                minutes[calendar] = trading_hours.minutes(calendar, start, start + _DAY)
            if len(minutes[calendar]):
                expected[key_of(day, symbol)] = minutes[calendar]
    return expected


def _days(
    store: PartitionStore,
    told: Mapping[str, Mapping[str, Any]],
    expected: Mapping[str, pl.Series],
    lacking: Sequence[str],
    found: Settings,
    now: datetime,
) -> pl.DataFrame:
    """DAYS of every day looked at."""
    elsewhere = _minutes_elsewhere(store, lacking, told)
    rows = []
    for key in expected:
        (day, symbol), row = day_and_name(key), told.get(key, {})
        instrument = found.bars.instrument(symbol)
        answered_at, outcome = _answer(key, row)
        rows.append(
            {
                "symbol": symbol,
                "day": day,
                "calendar": instrument.calendar,
                "is_listed": instrument.exists(day),
                "is_kept": any(_keeps(found, bound, day, now) for bound in found.bars.chain(symbol)),
                "n_rows": row.get("n_rows"),
                "answered_at": answered_at,
                "outcome": outcome,
                "n_other": elsewhere.get(key),
            }
        )
    return pl.DataFrame(rows, schema=gaps.DAYS, orient="row")


def _answer(key: str, row: Mapping[str, Any]) -> tuple[datetime | None, str | None]:
    """When the sources of a day answered last, and how the last fetch failed where none did.

    A fetch in which a source had no rows has failed, and was answered all the same. What is gone from the store has
    to be asked for again, whenever it was answered.
    """
    if not row or row["error"] is None:
        return (row["answered_at"] if row and row["n_rows"] is not None else None), None
    day, symbol = day_and_name(key)
    # the text of a run over several days tells of each under its symbol and day
    own = re.search(rf"\[{re.escape(f'{symbol} {day}')}\](.*?)(?=\[{re.escape(symbol)} \d|$)", row["error"], re.DOTALL)
    if own is not None and _EMPTY in own[1]:
        return row["finished_at"], None
    return (row["answered_at"] if row["n_rows"] is not None else None), row["outcome"]


def _minutes_elsewhere(
    store: PartitionStore, keys: Sequence[str], told: Mapping[str, Mapping[str, Any]]
) -> dict[str, int]:
    """Partition -> minutes that a second source of the same kind has beyond those stored, by the last comparison."""
    if not keys:
        return {}
    compared = store.read(_COMPARED, list(keys)).filter(pl.col("other_kind") == pl.col("instrument_kind"))
    found = compared.group_by("symbol", "day", "other_source").agg(
        pl.col("n_other").max(), pl.col("n_common", "n_stored").sum()
    )
    most: dict[str, int] = {}
    for row in found.iter_rows(named=True):
        key = key_of(row["day"], row["symbol"])
        # what was stored since then is taken as theirs
        more = row["n_other"] - row["n_common"] - ((_n_rows(told, key) or 0) - row["n_stored"])
        most[key] = max(most.get(key, 0), more)
    return most


def _keeps(found: Settings, bound: Bound, day: date, now: datetime) -> bool:
    """Whether a source can be asked for a day, and still has it."""
    has_key = found.vendors == "sandbox" or bound.source == "yahoo" or getattr(found, f"{bound.source}_api_key")
    keeps = _KEEPS.get(bound.source)
    is_there = keeps is None or clock.instant(day) >= now - keeps
    return bool(has_key) and is_there and not found.bars.is_excluded(bound.source, bound.symbol, day)


def _n_rows(told: Mapping[str, Mapping[str, Any]], key: str) -> int | None:
    return told[key]["n_rows"] if key in told else None


def _read(store: PartitionStore, keys: Sequence[str]) -> pl.DataFrame:
    """symbol and ts of what is stored of these partitions."""
    return store.read(_MINUTE, keys, columns=["symbol", "ts"])
