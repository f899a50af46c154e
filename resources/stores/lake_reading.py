"""Reading the lake: which files hold the asked rows, and what is left to filter in each."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from market_assets.core.contracts import Contract
from resources.stores.evolution import as_declared
from resources.stores.lake_files import Declared, Decoded, decode, manifest_of
from resources.stores.lake_listing import LakeListing
from resources.stores.lake_versions import LakeVersions
from resources.stores.names import SUFFIX, quoted
from resources.stores.request import Request


@dataclass(frozen=True)
class LakeReader:
    """Reads partitions of one lake. Takes no lock: published files do not change."""

    lake: Path
    versions: LakeVersions
    listing: LakeListing

    def read(self, asked: Request) -> pl.DataFrame:
        """The asked rows and columns, sorted by the key."""
        contract = asked.contract
        found = [part for part in self._found(asked, keep=True) if part.frame.height]
        if not found:
            return contract.empty().select(asked.columns)
        parts = [_declared(asked, part) for part in found]
        frames, needed = [part.frame for part in parts], asked.needed()
        if len({frame.width for frame in frames}) > 1:  # of a large file only what is needed is read
            frames = [frame.select([name for name in contract.columns if name in needed]) for frame in frames]
        # a caller may alter its frame in place: never hand out the one that is kept
        rows = pl.concat(frames) if len(frames) > 1 else frames[0].clone()
        if len(needed) < len(rows.columns):
            rows = rows.select([name for name in rows.columns if name in needed])
        left = asked.remaining(*_span(found))
        if left is not None:
            rows = rows.filter(left)
        if not _in_order(parts):
            rows = rows.sort(list(contract.key), maintain_order=True)
        return rows if rows.columns == asked.columns else rows.select(asked.columns)

    def frames(self, asked: Request, *, keep: bool) -> Iterator[pl.DataFrame]:
        """The asked rows, partition by partition."""
        for found in self._found(asked, keep=keep):
            rows = _declared(asked, found).frame
            left = asked.remaining(found.manifest.min_time, found.manifest.max_time)
            yield (rows if left is None else rows.filter(left)).select(asked.columns)

    def listed(self, contract: Contract) -> list[str]:
        """The partitions stored now, sorted."""
        return self.listing.names(contract.name)

    def partitions(self, asked: Request) -> list[str]:
        """The partitions stored at `as_of`."""
        listed = self.listed(asked.contract)
        return listed if asked.as_of is None else [name for name in listed if self._path(asked, name) is not None]

    def _found(self, asked: Request, *, keep: bool) -> Iterator[Decoded]:
        names = asked.candidates()
        if names is None:
            names = [name for name in self.listed(asked.contract) if asked.admits(name)]
        for name in names:
            found = self._decoded(asked, name, keep=keep)
            if found is not None:
                yield found

    def _decoded(self, asked: Request, partition: str, *, keep: bool) -> Decoded | None:
        path = self._path(asked, partition)
        if path is None:
            return None
        found = decode(path, asked.needed(), keep=keep)
        if found is None or asked.as_of is None or found.manifest.published_at <= asked.as_of:
            return found
        # replaced between the two looks: the version of that time has just been kept
        older = self.versions.at(found.manifest, asked.as_of)
        return None if older is None else decode(str(older), asked.needed(), keep=keep)

    def _path(self, asked: Request, partition: str) -> str | None:
        path = f"{self.lake}/{asked.contract.name}/{quoted(partition)}{SUFFIX}"
        if asked.as_of is None:
            return path
        current = manifest_of(path)
        if current is None:
            return None
        if current.published_at <= asked.as_of:
            return path
        older = self.versions.at(current, asked.as_of)
        return None if older is None else str(older)


def _declared(asked: Request, found: Decoded) -> Declared:
    """The rows as the contract of the request declares them, and their span; kept beside what was decoded."""
    contract, known = asked.contract, found.declared
    if known is not None and known.contract is contract:
        return known
    rows, key = found.frame, list(contract.key)
    if rows.schema != contract.schema:
        is_whole = len(rows.columns) == len(found.stored)
        columns = None if is_whole else asked.needed()
        where = f"partition {found.manifest.partition}"
        rows = as_declared(contract, rows, where, stored=found.stored, columns=columns)
        if any(isinstance(contract.schema[name], pl.Enum) for name in key):
            rows = rows.sort(key, maintain_order=True)  # a category may have been declared between two others
    found.declared = Declared(contract, rows, _key_at(rows, key, 0), _key_at(rows, key, -1))
    return found.declared


def _key_at(rows: pl.DataFrame, key: list[str], row: int) -> tuple[Any, ...]:
    """The key of one row as it sorts, an Enum by the place of its category; empty without rows."""
    if rows.is_empty():
        return ()
    columns = (rows.get_column(name) for name in key)
    return tuple((column.to_physical() if isinstance(column.dtype, pl.Enum) else column)[row] for column in columns)


def _span(found: list[Decoded]) -> tuple[datetime | None, datetime | None]:
    """First and last time over partitions that all have rows."""
    firsts = [part.manifest.min_time for part in found]
    lasts = [part.manifest.max_time for part in found]
    known = [first for first in firsts if first is not None], [last for last in lasts if last is not None]
    if len(known[0]) < len(found) or len(known[1]) < len(found):
        return None, None
    return min(known[0]), max(known[1])


def _in_order(parts: list[Declared]) -> bool:
    """Whether the partitions, each sorted by the key and none empty, follow one another by the key."""
    return all(before.last_key <= after.first_key for before, after in itertools.pairwise(parts))
