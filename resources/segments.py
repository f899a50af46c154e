"""Looks at a vendor's current state: appended, never changed, and all that can ever be known of that moment.

One Parquet file a look under `<home>/segments/<origin>/<table>/<exchange>/<day>/`, merged when a day has many and
when the next one begins.
What the sandbox said and what real vendors said lie in different places.
"""

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Self

import polars as pl

from market_assets.core.errors import MarketAssetsError
from market_assets.settings import Settings

_MERGE_AT = 24
#: while a merge removes what it has merged, several listings in a row name files that are gone
_ATTEMPTS = 50
_UNFINISHED = ".part"
#: length of the instant that a file's name begins with
_STAMP = len("HHMMSSffffff")


@dataclass(frozen=True)
class Segments:
    """The looks of one table. Safe to append to from several processes."""

    root: Path
    schema: pl.Schema
    #: a row's identity: what a broken-off merge left twice is read once
    key: tuple[str, ...]
    #: what merging a day's looks makes of them, beside joining them
    merge: Callable[[pl.DataFrame], pl.DataFrame] = lambda rows: rows

    @classmethod
    def of(
        cls,
        settings: Settings,
        table: str,
        schema: pl.Schema,
        key: Sequence[str],
        merge: Callable[[pl.DataFrame], pl.DataFrame] = lambda rows: rows,
    ) -> Self:
        """The looks of a table in the home and from the vendors in force."""
        return cls(settings.home / "segments" / settings.vendors / table, schema, tuple(key), merge)

    def append(self, exchange: str, at: datetime, look: pl.DataFrame) -> None:
        """Store one look, whole or not at all."""
        folder = self.root / exchange / f"{at:%Y-%m-%d}"
        _write(folder / _named(f"{at:%H%M%S%f}"), look.select(list(self.schema)).cast(self.schema))
        n_looks = len(_files(folder))
        if n_looks > _MERGE_AT:
            self._rewrite(folder, self.merge)
        if n_looks == 1:
            self._merge_day_before(exchange, at.date())

    def read(self, exchange: str, days: Sequence[date] | None = None) -> pl.DataFrame:
        """The looks of an exchange, of those days (None: all), sorted by the key; typed and empty without any."""
        for _ in range(_ATTEMPTS):
            wanted = self.days(exchange) if days is None else days
            files = [file for day in wanted for file in _files(self.root / exchange / day.isoformat())]
            try:
                return self._joined(files)
            except FileNotFoundError:
                continue  # merged by another process since they were listed
        raise MarketAssetsError(f"the looks under {self.root / exchange} changed {_ATTEMPTS} times while being read")

    def newest(self, exchange: str, time_column: str) -> pl.DataFrame:
        """The rows of the newest look; none where there was none."""
        days = self.days(exchange)
        rows = self.read(exchange, days[-1:])
        return rows.filter(pl.col(time_column) == pl.col(time_column).max())

    def days(self, exchange: str) -> list[date]:
        """The days with a look, oldest first."""
        folder = self.root / exchange
        return sorted(date.fromisoformat(path.name) for path in folder.iterdir()) if folder.exists() else []

    def exchanges(self) -> list[str]:
        """The exchanges with a look."""
        return sorted(path.name for path in self.root.iterdir()) if self.root.exists() else []

    def size(self, exchange: str, day: date) -> int:
        """Bytes of a day's looks."""
        return sum(file.stat().st_size for file in _files(self.root / exchange / day.isoformat()))

    def rewrite(self, exchange: str, day: date, kept: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
        """Replace a day's looks by what `kept` makes of them."""
        self._rewrite(self.root / exchange / day.isoformat(), kept)

    def remove(self, exchange: str, day: date) -> None:
        """Remove a day's looks; none there is no failure."""
        folder = self.root / exchange / day.isoformat()
        if folder.exists():
            # a killed writer's unfinished file would keep the folder
            for file in folder.iterdir():
                file.unlink(missing_ok=True)
            folder.rmdir()

    def _merge_day_before(self, exchange: str, day: date) -> None:
        """Of a day that is over one file is enough: all of them are read every hour."""
        for before in [one for one in self.days(exchange) if one < day][-1:]:
            folder = self.root / exchange / before.isoformat()
            if len(_files(folder)) > 1:
                self._rewrite(folder, self.merge)

    def _rewrite(self, folder: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
        files = _files(folder)
        if not files:
            return
        # the merged file is there before the others go: a crash in between leaves rows twice, never none
        _write(folder / _named(files[-1].stem[:_STAMP]), change(self._joined(files)))
        for file in files:
            file.unlink(missing_ok=True)

    def _joined(self, files: Sequence[Path]) -> pl.DataFrame:
        rows = [pl.read_parquet(file) for file in files]
        if not rows:
            return pl.DataFrame(schema=self.schema)
        return pl.concat(rows).unique(list(self.key), keep="last", maintain_order=True).sort(list(self.key))


def _named(stamp: str) -> str:
    """A name of its own: of looks at the same instant the one stored later comes later."""
    return f"{stamp}-{time.monotonic_ns():016x}-{uuid.uuid4().hex[:4]}.parquet"


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet")) if folder.exists() else []


def _write(path: Path, rows: pl.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}{_UNFINISHED}")
    rows.write_parquet(unfinished, compression="zstd")
    unfinished.replace(path)
