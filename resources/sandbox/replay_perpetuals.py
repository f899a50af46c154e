"""Recorded settlements of perpetuals: the table `funding_rates`, and what it tells of listings and current state.

Needed are the columns exchange, native_symbol, funding_time_native (or funding_time), rate_native and
interval_hours; mark_price is read where it exists. Contracts whose name fits no family of their exchange
in `perpetual_venues.py`, or whose interval is nowhere recorded, are left out.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from market_assets.core.contracts import UTC_MICROS
from resources.sandbox.perpetual_venues import Form, form_of
from resources.sandbox.perpetuals import HOUR_MS, Floats, Perpetual, Quote, Settlements
from resources.sandbox.recording import NoRecording, read

TABLE = "funding_rates"

_MINUTE_MS = 60_000
#: the first that a row has is when it was settled
_STAMPS = ("funding_time_native", "funding_time")
_NUMBERS = ("rate_native", "interval_hours", "mark_price")


@dataclass(frozen=True)
class Record:
    """One recorded contract."""

    form: Form
    native_base: str
    settled: Settlements

    @property
    def listed_ms(self) -> int:
        """One interval before the first recorded settlement (epoch milliseconds)."""
        first = int(self.settled.time_ms[0])
        return first - first % _MINUTE_MS - int(_known(self.settled.interval_hours)[0] * HOUR_MS)


class ReplayPerpetuals:
    """Contracts as far as they are recorded; none where nothing is."""

    def __init__(self, directory: Path) -> None:
        """Raises NoRecording for a table that lacks a column."""
        recorded = read(directory, TABLE, ("exchange", "native_symbol", "rate_native", "interval_hours"))
        stamps = [] if recorded is None else [name for name in _STAMPS if name in recorded.columns]
        if recorded is not None and not stamps:
            raise NoRecording(f"{directory / TABLE} must have the column {' or '.join(_STAMPS)}; has neither")
        self._records = {} if recorded is None else _records(recorded, stamps)

    def __len__(self) -> int:
        return sum(len(records) for records in self._records.values())

    def perpetuals(self, exchange: str, at: datetime) -> Sequence[Perpetual]:
        """Contracts whose record has begun by `at`; a record that ends does not say that trading ended."""
        at_ms = at.timestamp() * 1000
        records = self._records.get(exchange, {})
        return [_listed(exchange, name, record, at) for name, record in records.items() if record.listed_ms <= at_ms]

    def settlements(self, exchange: str, native_symbol: str, at: datetime) -> Settlements:
        """Recorded settlements up to `at`."""
        record = self._records.get(exchange, {}).get(native_symbol)
        return Settlements.empty() if record is None else _by(record, at)

    def quotes(self, exchange: str, at: datetime) -> Mapping[str, Quote]:
        """The next recorded settlement as prediction, the last one's mark; None where neither is near enough."""
        listed = self.perpetuals(exchange, at)
        return {one.native_symbol: _quote(self._records[exchange][one.native_symbol].settled, at) for one in listed}


def _records(frame: pl.DataFrame, stamps: Sequence[str]) -> dict[str, dict[str, Record]]:
    absent = [pl.lit(None, pl.Float64).alias(name) for name in _NUMBERS if name not in frame.columns]
    by = ["exchange", "native_symbol", "stamp", *(name for name in ("ingested_at",) if name in frame.columns)]
    newest = (
        frame.with_columns(*absent, stamp=pl.coalesce(stamps).cast(UTC_MICROS))
        .sort(by)
        .unique(["exchange", "native_symbol", "stamp"], keep="last", maintain_order=True)
    )
    found: dict[str, dict[str, Record]] = {}
    for (exchange, symbol), rows in newest.group_by("exchange", "native_symbol", maintain_order=True):
        fitting, settled = form_of(str(exchange), str(symbol)), _settled(rows)
        if fitting is not None and not np.isnan(settled.interval_hours).all():
            found.setdefault(str(exchange), {})[str(symbol)] = Record(*fitting, settled)
    return found


def _settled(rows: pl.DataFrame) -> Settlements:
    numbers = [rows[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in _NUMBERS]
    return Settlements(rows["stamp"].dt.epoch("ms").to_numpy(), *numbers)


def _by(record: Record, at: datetime) -> Settlements:
    return record.settled.window(None, math.floor(at.timestamp() * 1000) + 1)


def _listed(exchange: str, native_symbol: str, record: Record, at: datetime) -> Perpetual:
    form = record.form
    known, first = (_known(rows.interval_hours) for rows in (_by(record, at), record.settled))
    return Perpetual(
        exchange=exchange,
        native_symbol=native_symbol,
        native_base=record.native_base,
        quote=form.quote,
        settle=form.settle or record.native_base,
        kind=form.kind,
        contract_size=1.0 if form.usd is None else form.usd[record.native_base != "BTC"],
        oi_unit=form.oi_unit,
        interval_hours=float(known[-1] if len(known) else first[0]),
        listed_at=datetime.fromtimestamp(record.listed_ms / 1000, UTC),
    )


def _quote(settled: Settlements, at: datetime) -> Quote:
    """From the settlements on both sides of `at`, where `at` lies within their intervals."""
    at_ms = at.timestamp() * 1000
    after = int(np.searchsorted(settled.time_ms, at_ms, "right"))
    last, following = settled.take(slice(max(after - 1, 0), after)), settled.take(slice(after, after + 1))
    ahead = len(following) and following.time_ms[0] - following.interval_hours[0] * HOUR_MS - _MINUTE_MS <= at_ms
    recent = len(last) and at_ms < last.time_ms[0] + last.interval_hours[0] * HOUR_MS
    mark = _stated(last.mark[0]) if recent else None
    if ahead:
        return _expecting(following, int(following.time_ms[0]), mark)
    if recent:
        return _expecting(last, int(last.time_ms[0] + last.interval_hours[0] * HOUR_MS), mark)
    return Quote(None, None, None, None, None, None)


def _expecting(row: Settlements, next_ms: int, mark: float | None) -> Quote:
    """A rate and an interval like those of this row, next settled at an instant, to the minute."""
    return Quote(
        predicted_rate=_stated(row.rate[0]),
        interval_hours=_stated(row.interval_hours[0]),
        next_funding_ms=next_ms - next_ms % _MINUTE_MS,
        mark=mark,
        index=None,
        open_interest=None,
    )


def _known(numbers: Floats) -> Floats:
    return numbers[~np.isnan(numbers)]


def _stated(number: float) -> float | None:
    return None if math.isnan(number) else float(number)
