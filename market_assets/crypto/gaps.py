"""The gaps of `crypto_klines`: minutes a symbol lacks, of the last days between those stored or asked for."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from market_assets.core import clock
from market_assets.core import gaps as core_gaps
from market_assets.core.partitions import day_and_name, key_of, keys_of
from market_assets.crypto.schemas import CryptoKlines
from market_assets.crypto.transforms import gaps
from market_assets.crypto.transforms.gaps import KnownDay
from market_assets.settings import Settings
from resources.crypto_listings import known_windows
from resources.partition_answers import answers
from resources.stores.protocol import PartitionStore

_KLINES = CryptoKlines.contract()
_DAY = timedelta(days=1)
_MINUTES_A_DAY = 1440
_UNASKED: Mapping[str, Any] = {"n_rows": None, "answered_at": None, "outcome": None}
#: the nightly runs of a day have ended by then
_SETTLED = timedelta(hours=6)
#: where only the archive is asked: a day is in it a day after its end, and asked for in the night after that
_ARCHIVED = timedelta(days=2)


def typed_gaps(store: PartitionStore, found: Settings, now: datetime) -> pl.DataFrame:
    """FOUND: the runs of missing minutes of every symbol, with their kind. Asks nobody."""
    told = {str(row["partition"]): row for row in answers(store, found.home, _KLINES).iter_rows(named=True)}
    days = _known(told, found, now)
    lacking = [key for key in sorted(days) if key not in told or told[key]["n_rows"] != _MINUTES_A_DAY]
    minutes = _minutes(store, found, lacking)
    others: dict[date, list[KnownDay]] = {}
    for one in days.values():
        others.setdefault(one.day, []).append(one)
    parts = [
        gaps.typed(
            days[key],
            [other for other in others[days[key].day] if other.symbol != days[key].symbol],
            minutes,
            clock.instant(days[key].day),
        )
        for key in lacking
    ]
    return pl.concat([core_gaps.found([]), *parts])


def _known(told: Mapping[str, Mapping[str, Any]], found: Settings, now: datetime) -> dict[str, KnownDay]:
    """Partition -> what is known of it, of every day looked at. `told`: partition -> row of ANSWERS."""
    stored = [day_and_name(key) for key, row in told.items() if row["n_rows"] is not None]
    since = {symbol: day for day, symbol in sorted(stored, reverse=True)}
    # what was never asked for since is a backfill, which is a person's choice
    last = {symbol: day for day, symbol in sorted(map(day_and_name, told))}
    windows = known_windows(found)
    days: dict[str, KnownDay] = {}
    for day in _days(found, now):
        for symbol in (name for name in found.crypto.symbols if name in since and since[name] <= day <= last[name]):
            row = told.get(key_of(day, symbol), _UNASKED)
            days[key_of(day, symbol)] = KnownDay(
                symbol,
                day,
                # one that is gone from the store has to be asked for again, whenever it was answered
                answered_at=None if row["n_rows"] is None else row["answered_at"],
                failed=row["outcome"],
                listed_from=windows[symbol].first,
                listed_until=windows[symbol].until,
            )
    return days


def _days(found: Settings, now: datetime) -> list[date]:
    """The days looked at: those of the last `gaps.repair_days` of which nothing comes by itself any more."""
    wait = _SETTLED if found.crypto.live else _SETTLED + _ARCHIVED
    first = max(found.crypto.start_date, now.date() - found.gaps.repair_days * _DAY)
    last = (now - wait).date() - _DAY
    return [first + n * _DAY for n in range((last - first).days + 1)]


def _minutes(store: PartitionStore, found: Settings, lacking: list[str]) -> Mapping[str, pl.DataFrame]:
    """Partition -> minutes of the days that lack some and of those around them, of every symbol."""
    days = {day_and_name(key)[0] + n * _DAY for key in lacking for n in (-1, 0, 1)}
    keys = keys_of(sorted(days), found.crypto.symbols)
    return _KLINES.split(store.read(_KLINES, keys, columns=["symbol", "ts"])) if keys else {}
