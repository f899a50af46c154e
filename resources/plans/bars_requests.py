"""Requests of the bars domain: days asked for together, month by month; a second source; macro series."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import polars as pl

from market_assets.bars.instruments import Bound
from market_assets.core.partitions import day_and_name
from resources.bars_fetch import BARS, window_of
from resources.minute_answers import Answers, Window
from resources.partition_fetch import by_month
from resources.plans.asking import Asking, Asks
from resources.plans.bars import Planner
from resources.vendors.fred import NAME as FRED


def minute(asking: Asking, keys: Sequence[str]) -> Iterator[Asks]:
    """The first source of each symbol's day that can be asked. A block of days ends with the month that is stored."""
    planner = _planner(asking)
    for unit in by_month(keys):
        served, unserved = planner.served(unit.partitions)
        for (symbol, why), days in unserved.items():
            asking.notes.append(f"no source for {symbol} {days[0]}..{days[-1]} ({len(days)} days): {why}")
        yield from (Asks(source, n) for source, n in planner.requests(served).items())


def macro_daily(asking: Asking, keys: Sequence[str]) -> Iterator[Asks]:
    """Each series whole; none where they are switched off."""
    macro = asking.settings.bars.macro
    yield Asks(FRED, len(macro.series) if macro.enabled else 0)


def reconciliation(asking: Asking, keys: Sequence[str]) -> Iterator[Asks]:
    """The first source of the stored kind that has not served a day itself, for each day with bars."""
    planner = _planner(asking)
    served: dict[Bound, list[Window]] = defaultdict(list)
    known = _served_by(asking, keys)
    for key in sorted(keys):
        day, symbol = day_and_name(key)
        window = window_of(asking.settings, symbol, day, asking.now)
        if window is None:
            continue
        chain = asking.settings.bars.chain(symbol)
        if key in known:
            names, kind = known[key]
        elif asking.comes(BARS, key) and (first := planner.first(chain, window)[0]) is not None:
            names, kind = {asking.settings.source_name(first.source)}, first.kind
        else:
            continue
        others = [one for one in chain if one.kind == kind and asking.settings.source_name(one.source) not in names]
        other, _ = planner.first(others, window)
        if other is not None:
            served[other].append(window)
    yield from (Asks(source, n) for source, n in planner.requests(served).items())


def _planner(asking: Asking) -> Planner:
    return Planner(asking.settings, Answers(asking.vendors.minute_source, asking.state), asking.now)


def _served_by(asking: Asking, keys: Sequence[str]) -> dict[str, tuple[set[str], str]]:
    """Stored partition -> sources of its minutes, and the kind of most of them."""
    kinds = pl.col("instrument_kind").cast(pl.String)
    found = (
        asking.store.scan(BARS, sorted(keys))
        .group_by(partition=BARS.partition_expr())
        .agg(sources=pl.col("source").cast(pl.String).unique(), kind=kinds.mode().sort().first())
        .collect()
    )
    return {key: (set(sources), kind) for key, sources, kind in found.iter_rows()}
