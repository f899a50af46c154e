"""Which partitions of each asset a range means: `AAPL|2020...XOM|2024`, `2026-10-01...2026-10-05`, or one key.

A range names keys of the dimensions of one of the assets. Another asset's dimension of that name has the same keys, a
longer or shorter period those that lie in the same time, and a dimension that the range does not name all of its keys.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from market_assets.core import clock
from market_assets.core.contracts import TIME_FORMATS, WHOLE
from market_assets.core.errors import InvalidRequest, UnknownName
from market_assets.core.partitions import SEPARATOR, dimension_keys
from market_assets.tables import TABLES

#: how a range is written, as Dagster does
BETWEEN = "..."
#: dimension -> its keys, in the order of the partition definition
Cut = Mapping[str, Sequence[str]]


def cut_of(graph: AssetGraph, instance: dg.DagsterInstance, asset: str) -> Cut:
    """How an asset is cut; without dimensions where it is not."""
    definition = graph.get(dg.AssetKey(asset)).partitions_def
    if definition is None:
        return {}
    return dict(zip(TABLES[asset].dimensions, dimension_keys(definition, instance), strict=True))


def partitions_of(cuts: Mapping[str, Cut], text: str | None) -> dict[str, list[str]]:
    """Asset -> the partitions that a range means; one without dimensions has `all`.

    Raises UnknownName with near names for keys that are no partitions, and InvalidRequest for what is no range.
    """
    cut = [asset for asset, dimensions in cuts.items() if dimensions]
    if not cut:
        return {asset: [WHOLE] for asset in cuts}
    if text is None:
        raise InvalidRequest(f"{cut[0]} is cut into partitions: say which, for example {_example(cuts[cut[0]])}")
    named = _named(text, [cuts[asset] for asset in cut])
    return {
        asset: [SEPARATOR.join(key) for key in itertools.product(*_chosen(dimensions, named))]
        if dimensions
        else [WHOLE]
        for asset, dimensions in cuts.items()
    }


def _named(text: str, cuts: Sequence[Cut]) -> Cut:
    """The keys of each dimension from one end of a range to the other."""
    first, between, last = text.partition(BETWEEN)
    ends = first, last if between else first
    candidates = list(_candidates(cuts))
    for cut in candidates:
        named = [_parts(end, cut) for end in ends]
        if all(_is_of(parts, cut) for parts in named):
            blocks = zip(cut.items(), *named, strict=True)
            return {name: _block(keys, begin, end, text) for (name, keys), begin, end in blocks}
    raise _unknown(ends, candidates)


def _candidates(cuts: Sequence[Cut]) -> Iterator[Cut]:
    """What a range may be of: a whole cut first, then each dimension alone."""
    yield from cuts
    yield from ({name: keys} for cut in cuts if len(cut) > 1 for name, keys in cut.items())


def _parts(end: str, cut: Cut) -> list[str]:
    return end.split(SEPARATOR, len(cut) - 1) if len(cut) > 1 else [end]


def _is_of(parts: Sequence[str], cut: Cut) -> bool:
    return len(parts) == len(cut) and all(part in keys for part, keys in zip(parts, cut.values(), strict=True))


def _block(keys: Sequence[str], first: str, last: str, text: str) -> Sequence[str]:
    found = keys[keys.index(first) : keys.index(last) + 1]
    if not found:
        raise InvalidRequest(f"a range goes from its first key to its last; {text}: {first} comes after {last}")
    return found


def _unknown(ends: Sequence[str], candidates: Sequence[Cut]) -> Exception:
    """What is wrong with ends that are of no cut: a key that does not exist, or another form."""
    for cut in candidates:
        parts = [_parts(end, cut) for end in ends]
        if any(len(end) != len(cut) for end in parts):
            continue
        for end in parts:
            for part, (name, keys) in zip(end, cut.items(), strict=True):
                if part not in keys:
                    return UnknownName(name, part, keys)
    return InvalidRequest(f"{ends[0]} is no partition of these assets; one looks like {_example(candidates[0])}")


def _example(cut: Cut) -> str:
    ends = (SEPARATOR.join(keys[at] for keys in cut.values()) for at in (0, -1) if all(cut.values()))
    return BETWEEN.join(ends) or "its first key...its last key, once it has any"


def _chosen(cut: Cut, named: Cut) -> list[list[str]]:
    """The keys of each dimension that are meant."""
    periods = [
        _period(name, key) for name, keys in named.items() if name in TIME_FORMATS for key in (keys[0], keys[-1])
    ]
    chosen: list[list[str]] = []
    for name, keys in cut.items():
        if name in named:
            wanted = set(named[name])
            chosen.append([key for key in keys if key in wanted])
        elif name in TIME_FORMATS and periods:
            first, until = periods[0][0], periods[-1][1]
            chosen.append([key for key in keys if _period(name, key)[0] < until and first < _period(name, key)[1]])
        else:
            chosen.append(list(keys))
    return chosen


def _period(dimension: str, key: str) -> tuple[datetime, datetime]:
    """When a year, week or day begins and ends."""
    if dimension == "year":
        return clock.instant(f"{key}-01-01"), clock.instant(f"{int(key) + 1}-01-01")
    start = clock.instant(key)
    return start, start + timedelta(days=7 if dimension == "week" else 1)
