"""What the btc domain asks its vendor, cut into the days of the graph.

A run's contiguous days are one unit: one request per series brings its whole range. The answer is laid
beside the versions stored already; what of it is new, late or known is `transforms.raw`'s judgement.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any

import polars as pl

from market_assets.btc import schemas
from market_assets.btc.settings import BtcSettings
from market_assets.btc.transforms import raw
from market_assets.core.contracts import Contract
from market_assets.settings import Settings
from resources.http.errors import EmptyUnexpected
from resources.partition_fetch import FetchedPartitions, Unit
from resources.stores.protocol import PartitionStore
from resources.vendors import glassnode
from resources.vendors.glassnode import FetchedPoints
from resources.vendors.registry import Vendors

_PRICE: Contract = schemas.BtcPrice.contract()
_LIQUIDATIONS: Contract = schemas.BtcLiquidations.contract()
_DAY = timedelta(days=1)
_DAY_HOURS = 24
#: an answer without any value for more hours than this is not believed
_BELIEVED_EMPTY_HOURS = 6


@dataclass(frozen=True)
class _Metric:
    """One request: an endpoint, and the columns its values become."""

    endpoint: str
    #: column of the answer -> column of the table
    columns: Mapping[str, str]
    #: unit asked for, where the metric has several
    currency: str | None = None


@dataclass(frozen=True)
class _Brought:
    """The answers to a unit's requests, one column per value; row rules are applied."""

    #: ts and the columns of the table
    values: pl.DataFrame
    #: rows of the table's quarantine
    rejected: pl.DataFrame
    requests: list[dict[str, Any]]
    ingested_at: datetime


@dataclass(frozen=True)
class BtcFetch:
    """The vendor, the versions stored so far, and the instant that decides which hours are asked for."""

    settings: Settings
    vendors: Vendors
    store: PartitionStore
    as_of: datetime

    def units(self, keys: Sequence[str]) -> list[Unit]:
        """One unit per contiguous range of days in `keys` (`2026-11-20`), oldest first."""
        blocks: list[list[str]] = []
        for key in sorted(set(keys)):
            follows = blocks and date.fromisoformat(blocks[-1][-1]) + _DAY == date.fromisoformat(key)
            blocks[-1].append(key) if follows else blocks.append([key])
        return [Unit(_span(block), tuple(block)) for block in blocks]

    def price(self, unit: Unit) -> FetchedPartitions:
        """Versions of the hourly close of a unit's days. Raises a VendorError where not every request is answered."""
        own = self._own.glassnode
        asked = [_Metric(own.endpoints.price, MappingProxyType({"v": "price"}))]
        if own.fetch_ohlc:
            asked.append(_Metric(own.endpoints.ohlc, MappingProxyType({name: name for name in glassnode.OHLC})))
        return self._fetch(_PRICE, unit, asked)

    def liquidations(self, unit: Unit) -> FetchedPartitions:
        """Versions of the hourly liquidations (BTC) of a unit's days. Raises as `price` does."""
        paths = self._own.glassnode.endpoints
        asked = [
            _Metric(paths.long_liquidations, MappingProxyType({"v": "long_liquidations"}), "native"),
            _Metric(paths.short_liquidations, MappingProxyType({"v": "short_liquidations"}), "native"),
        ]
        return self._fetch(_LIQUIDATIONS, unit, asked)

    @property
    def _own(self) -> BtcSettings:
        return self.settings.btc

    def _fetch(self, contract: Contract, unit: Unit, asked: Sequence[_Metric]) -> FetchedPartitions:
        first, until = _midnight(unit.partitions[0]), _midnight(unit.partitions[-1]) + _DAY
        columns = tuple(name for metric in asked for name in metric.columns.values())
        stored = self.store.read(contract, list(unit.partitions))
        due = raw.elapsed(first, until, self._own, self.as_of)
        if due.is_empty():
            return self._cut(contract, unit, columns, stored, due, None)
        brought = self._ask(contract, asked, first, until, due)
        answer = raw.Answer(
            values=brought.values,
            columns=columns,
            first=first,
            until=until,
            asked_at=self.as_of,
            ingested_at=brought.ingested_at,
            source=self.settings.source_name(glassnode.NAME),
        )
        return self._cut(contract, unit, columns, raw.appended(contract, stored, answer, self._own), due, brought)

    def _ask(
        self, contract: Contract, asked: Sequence[_Metric], first: datetime, until: datetime, due: pl.Series
    ) -> _Brought:
        values, rejected = due.to_frame(), [contract.quarantine().empty()]
        answers = [self._answer(metric, first, until, due) for metric in asked]
        ingested_at = max(answer.facts.received_at for answer in answers)
        for metric, answer in zip(asked, answers, strict=True):
            stated = due.to_frame().join(answer.frame.rename(dict(metric.columns)), on="ts", how="left")
            for name in metric.columns.values():
                broken = _breaks(contract, name).fill_null(False)
                rejected.append(self._rejected(contract, stated.filter(broken), name, ingested_at))
                good = stated.select("ts", pl.when(~broken).then(pl.col(name)).alias(name))
                values = values.join(good, on="ts", how="left", validate="1:1")
        return _Brought(values, pl.concat(rejected), [answer.facts.metadata() for answer in answers], ingested_at)

    def _answer(self, metric: _Metric, first: datetime, until: datetime, due: pl.Series) -> FetchedPoints:
        """The answer to one request. Raises EmptyUnexpected where it knows nothing of more than six elapsed hours."""
        client = self.vendors.glassnode
        if "v" in metric.columns:
            answer = client.points(metric.endpoint, first, until, currency=metric.currency)
        else:
            answer = client.ohlc(metric.endpoint, first, until)
        known = answer.frame.filter(
            pl.col("ts").is_in(due.implode()), pl.any_horizontal(pl.col(list(metric.columns)).is_not_null())
        )
        if known.is_empty() and due.len() > _BELIEVED_EMPTY_HOURS:
            raise EmptyUnexpected(
                glassnode.NAME,
                f"no value, although {due.len()} hours had elapsed from {due[0]:%Y-%m-%d %H:%M}Z on",
                endpoint=metric.endpoint,
                context=f"{first:%Y-%m-%d}..{until - _DAY:%Y-%m-%d}",
                advice="Nothing was stored, no hour was made final; the next hourly run asks again. "
                "If it stays so, check btc.glassnode.endpoints and look at the raw response",
            )
        return answer

    def _rejected(self, contract: Contract, rows: pl.DataFrame, name: str, ingested_at: datetime) -> pl.DataFrame:
        stated = {
            "ts": pl.col("ts"),
            "available_at": pl.col("ts") + self._own.delay,
            "ingested_at": pl.lit(ingested_at),
            "is_late": pl.lit(False),
            "source": pl.lit(self.settings.source_name(glassnode.NAME)),
            name: pl.col(name),
            "reason": pl.lit(f"bad_{name}"),
            "run_id": pl.lit(""),
            "row_number": pl.col("row_number"),
        }
        schema = contract.quarantine().schema
        return rows.select(stated.get(column, pl.lit(None)).cast(kind).alias(column) for column, kind in schema.items())

    def _cut(
        self,
        contract: Contract,
        unit: Unit,
        columns: Sequence[str],
        versions: pl.DataFrame,
        due: pl.Series,
        brought: _Brought | None,
    ) -> FetchedPartitions:
        found, quarantine = contract.split(versions), contract.quarantine()
        rejected = quarantine.split(brought.rejected) if brought else {}
        days = self._by_day(contract, columns, versions, due, brought.ingested_at if brought else None)
        answers = brought.requests if brought else []
        no_rows, none_rejected = contract.empty(), quarantine.empty()
        return FetchedPartitions(
            frames={key: found.get(key, no_rows) for key in unit.partitions},
            quarantined={key: rejected.get(key, none_rejected) for key in unit.partitions},
            metadata={
                key: {"requests": len(answers), "answers": answers, **days.get(key, _NO_HOURS)}
                for key in unit.partitions
            },
        )

    def _by_day(
        self,
        contract: Contract,
        columns: Sequence[str],
        versions: pl.DataFrame,
        due: pl.Series,
        ingested_at: datetime | None,
    ) -> dict[str, dict[str, Any]]:
        """What is told of each day that has an elapsed hour."""
        hours = (
            due.to_frame()
            .join(raw.canonical(versions, columns), on="ts", how="left")
            .join(raw.finality(versions, columns, self._own), on="ts", how="left")
            .join(_late_rows(versions, ingested_at), on="ts", how="left")
        )
        days = hours.group_by(day=contract.partition_expr()).agg(
            expected_rows=pl.len(),
            missing_slots=pl.any_horizontal(pl.col(columns).is_null()).sum(),
            late_rows=pl.col("late_rows").sum(),
            new_late_rows=pl.col("new_late_rows").sum(),
            complete=(pl.len() == _DAY_HOURS) & pl.col("is_final").all(),
        )
        return {row.pop("day"): row for row in days.iter_rows(named=True)}


#: what is told of a day none of whose hours has elapsed
_NO_HOURS: Mapping[str, Any] = MappingProxyType(
    {"expected_rows": 0, "missing_slots": 0, "late_rows": 0, "new_late_rows": 0, "complete": False}
)


def _late_rows(versions: pl.DataFrame, ingested_at: datetime | None) -> pl.DataFrame:
    """ts with late_rows, and new_late_rows: those of the fetch that ended at `ingested_at`."""
    late = versions.filter("is_late")
    return late.group_by("ts").agg(
        late_rows=pl.len(),
        new_late_rows=(pl.col("ingested_at") == pl.lit(ingested_at, late.schema["ingested_at"])).sum(),
    )


def _breaks(contract: Contract, name: str) -> pl.Expr:
    """Whether a value breaks its column's row rule."""
    column, value = contract.column(name), pl.col(name)
    return value <= column.gt if column.gt is not None else value < column.ge


def _midnight(key: str) -> datetime:
    day = date.fromisoformat(key)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _span(days: Sequence[str]) -> str:
    return f"{days[0]}..{days[-1]}" if len(days) > 1 else days[0]
