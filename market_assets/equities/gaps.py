"""The gaps of `equities_daily_bars`: causes as `equities_gaps` judged them, and what was lost since."""

from collections.abc import Iterable
from datetime import datetime

import polars as pl

from market_assets.core import gaps as core_gaps
from market_assets.core import partitions
from market_assets.equities.schemas import EquitiesDailyBars, EquitiesGaps, EquitiesSymbols
from market_assets.equities.sessions import all_sessions
from market_assets.equities.transforms import gap_kinds, sessions
from market_assets.equities.transforms.gaps import SYMBOL_YEARS
from market_assets.settings import Settings
from resources.fetch_log import FetchLog
from resources.stores.protocol import PartitionStore

_BARS = EquitiesDailyBars.contract()
_GAPS = EquitiesGaps.contract()


def typed_gaps(store: PartitionStore, found: Settings, now: datetime) -> pl.DataFrame:
    """FOUND: the runs of missing sessions of every symbol that was asked for, with their kind."""
    symbols = store.read(EquitiesSymbols.contract())
    bars = {made.partition: made.published_at for made in store.manifests(_BARS)}
    if symbols.is_empty() or not bars:
        return core_gaps.found([])
    judged_at = {made.partition: made.published_at for made in store.manifests(_GAPS)}
    outcomes = FetchLog(found.home).outcomes(_BARS.name)
    lost = _lost(bars, outcomes)
    years = [int(year) for year in {*map(_year, (*bars, *lost)), *judged_at}]
    # a year that was never judged says nothing yet: its judgement is on its way
    newer = [key for key, at in bars.items() if _year(key) in judged_at and at > judged_at[_year(key)]]
    rows = store.read(_BARS, newer, columns=["symbol", "session_date"]) if newer else _BARS.empty()
    standing = gap_kinds.Standing(
        stored=_symbol_years(bars),
        lost=_symbol_years(lost),
        newer=_symbol_years(newer),
        rows=rows.select("symbol", "session_date"),
        refused=_symbol_years(outcomes.filter(outcome="clipped")["partition"]),
    )
    due = sessions.due(all_sessions(min(years), max(years)), now, found.equities.vendor_delay_min)
    return gap_kinds.typed(store.read(_GAPS), symbols, due, standing)


def _lost(stored: Iterable[str], outcomes: pl.DataFrame) -> set[str]:
    """Partitions that are not there although they were: stored once, or with years of the symbol on both sides."""
    have = set(stored)
    years: dict[str, list[int]] = {}
    for key in have:
        symbol, _, year = key.rpartition(partitions.SEPARATOR)
        years.setdefault(symbol, []).append(int(year))
    between = {
        f"{symbol}{partitions.SEPARATOR}{year}" for symbol, own in years.items() for year in range(min(own), max(own))
    }
    once = set(outcomes.filter(pl.col("succeeded_at").is_not_null())["partition"])
    failed = set(outcomes.filter(pl.col("error").is_not_null())["partition"])
    return ((between - failed) | once) - have


def _symbol_years(keys: Iterable[str]) -> pl.DataFrame:
    rows = [(key.rpartition(partitions.SEPARATOR)[0], int(_year(key))) for key in sorted(keys)]
    return pl.DataFrame(rows, schema=SYMBOL_YEARS, orient="row")


def _year(key: str) -> str:
    return key.rpartition(partitions.SEPARATOR)[2]
