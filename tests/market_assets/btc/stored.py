"""Small btc tables as they are stored: columns by hand, the rest as its contract allows."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from market_assets.btc import schemas
from market_assets.btc.settings import BtcSettings
from market_assets.core.contracts import Contract, Table
from resources.stores.protocol import PartitionStore

BTC = BtcSettings()
HOUR = timedelta(hours=1)
FIRST = datetime(2024, 6, 1, tzinfo=UTC)
#: of an hour that has what it needs
WARM = {"is_warm": True, "bin_warm": True, "is_filled": False, "is_gap": False}


def at(hour: float, first: datetime = FIRST) -> datetime:
    """That many hours after `first`."""
    return first + hour * HOUR


def hours(n: int, first: datetime = FIRST) -> list[datetime]:
    """n hours from `first` on."""
    return [at(k, first) for k in range(n)]


def table(declared: type[Table], ts: Sequence[datetime], **columns: Any) -> pl.DataFrame:
    """Rows of a table at `ts`: `columns` are lists or one value for all.

    What is not stated is null, or, where that is not allowed, a warm hour's value or 0.
    """
    contract = declared.contract()
    stated = {name: value if isinstance(value, list) else [value] * len(ts) for name, value in columns.items()}
    known = {"ts": list(ts), "available_at": [time + BTC.delay for time in ts], **stated}
    for name, spec in contract.columns.items():
        if name not in known:
            known[name] = [_default(name, spec)] * len(ts)
    frame = pl.DataFrame({name: known[name] for name in contract.columns}, schema=contract.schema)
    return contract.validate(frame)


def _default(name: str, spec: Any) -> object:
    own = {"feature_version": BTC.feature_version, "source": "glassnode-sandbox", "ingested_at": FIRST, **WARM}
    if name in own:
        return own[name]
    if spec.nullable:
        return None
    return False if spec.dtype == pl.Boolean else 0


def keep(store: PartitionStore, contract: Contract, frame: pl.DataFrame) -> None:
    """Store a frame, partition by partition."""
    for partition, part in contract.split(frame).items():
        store.write(contract, partition, part)


def labels(ts: Sequence[datetime], horizon: int, returns: Sequence[float | None], **columns: Any) -> pl.DataFrame:
    """Labels of one horizon with those returns, known when they mature."""
    known = [time + (horizon + 1) * HOUR + BTC.delay for time in ts]
    signs = [None if value is None else (value > 0) - (value < 0) for value in returns]
    return table(
        schemas.BtcLabels,
        ts,
        **{
            "horizon_h": horizon,
            "available_at": known,
            "return_exec": list(returns),
            "return_close": list(returns),
            "label_class": signs,
            **columns,
        },
    )


def signals(ts: Sequence[datetime], classes: Sequence[str | None], **columns: Any) -> pl.DataFrame:
    """Signals of those classes, with their sign and the level that the class has."""
    sides = [None if name is None else name.endswith("Buy") - name.endswith("Sell") for name in classes]
    level = {"Strong": 3, "Weak": 1, "Neutral": 0}
    found = [None if name is None else level.get(name.split("_")[0], 2) for name in classes]
    levels = {
        f"signal_l{n}": [None if side is None else side * (n == own) for side, own in zip(sides, found, strict=True)]
        for n in (1, 2, 3)
    }
    return table(schemas.BtcSignals, ts, signal_class=list(classes), signal_sign=sides, **levels, **columns)
