"""Small btc tables as they are stored: columns by hand, the rest as its contract allows."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from market_assets import tables
from market_assets.btc import schemas
from market_assets.btc.settings import BtcSettings
from market_assets.core.contracts import Table
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


def write(store: PartitionStore, **frames: pl.DataFrame) -> None:
    """Store frames by table name without `btc_`, partition by partition."""
    for name, frame in frames.items():
        contract = tables.contract(f"btc_{name}")
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


def features(ts: Sequence[datetime], **levels: Any) -> dict[str, pl.DataFrame]:
    """The five feature tables at `ts`; values tell the hour."""
    n = len(ts)
    return {
        "processed": table(schemas.BtcProcessed, ts, price=[100.0 + k for k in range(n)]),
        "rpn": table(schemas.BtcRpn, ts, risk_priority_number=[k / n for k in range(n)], n_obs=300, st_long_x=1.0),
        "bins": table(schemas.BtcBins, ts, bin_index=[k % 9 for k in range(n)]),
        "dominance": table(schemas.BtcDominance, ts, dominance=0, dominance_class="Congestion", st_run=3),
        "signals": table(schemas.BtcSignals, ts, **{"signal_l1": 0, "signal_l2": 0, "signal_l3": 0, **levels}),
    }


def outcomes(n: int, seed: int = 1) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Signals and labels over n hours."""
    draw = np.random.default_rng(seed)
    ts = hours(n)
    classes = [str(name) for name in draw.choice(schemas.SIGNAL_CLASSES, n)]
    known = [labels(ts, horizon, draw.normal(0, 0.01, n).tolist()) for horizon in BTC.labels.horizons]
    return signals(ts, classes), pl.concat(known)


def training_rows(n: int, seed: int = 7, **columns: Any) -> pl.DataFrame:
    """Warm training rows of n hours; every third hour is neutral."""
    draw = np.random.default_rng(seed)
    ts = hours(n)
    returns = draw.normal(0, 0.01, n)
    values = {
        "available_at": [time + 25 * HOUR + BTC.delay for time in ts],
        "label_available_at": [time + 25 * HOUR + BTC.delay for time in ts],
        "feature_available_at": [time + BTC.delay for time in ts],
        "signal_class": ["Neutral" if k % 3 == 0 else "Buy" for k in range(n)],
        "kalman_diff": [None if k % 7 == 0 else float(draw.normal()) for k in range(n)],
        "bin_index": [None if k % 11 == 0 else int(draw.integers(9)) for k in range(n)],
        "corr_case": [None if k % 13 == 0 else "LUSUL" for k in range(n)],
        "return_exec_24": returns.tolist(),
        "label_class_24": [int(np.sign(value)) for value in returns],
        "n_obs": 300,
        "dominance": 1,
    }
    return table(schemas.BtcTrainingData, ts, **(values | columns))
