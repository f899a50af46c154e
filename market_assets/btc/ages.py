"""How old each btc table is, and how old it may be: one rule for the checks and for whoever shows it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl

from market_assets.btc.settings import BtcSettings
from market_assets.core.contracts import Contract
from resources.stores.protocol import PartitionStore

_HOUR, _DAY_HOURS = timedelta(hours=1), 24.0
#: outcomes of the longest horizon are judged by their hour; of models the newest usable one counts
LABEL_HOURS, MODEL_LATE_DAYS, MODEL_STALE_DAYS = 36.0, 8.0, 28.0


@dataclass(frozen=True)
class TableAge:
    """Age in hours, None without a row that counts; above `late` it is a warning, above `stale` an error."""

    hours: float | None
    late: float
    stale: float | None

    @property
    def status(self) -> str:
        """ok, late, stale or empty."""
        if self.hours is None:
            return "empty"
        if self.stale is not None and self.hours > self.stale:
            return "stale"
        return "late" if self.hours > self.late else "ok"


class _Rule(NamedTuple):
    """Which rows count, the clock an age is measured on, and when it is late or stale (hours)."""

    of: pl.Expr
    since: str
    late: float
    stale: float | None


def table_age(store: PartitionStore, contract: Contract, btc: BtcSettings, now: datetime) -> TableAge:
    """The age of a table at `now`, of what was available then. Reads the newest partitions only."""
    rule = _rule(contract.name, btc)
    since = _newest(store, contract, rule, now)
    return TableAge(None if since is None else (now - since) / _HOUR, rule.late, rule.stale)


def _rule(table: str, btc: BtcSettings) -> _Rule:
    late, stale, every = btc.processing.max_age_hours, btc.processing.stale_hours, pl.lit(value=True)
    if table == "btc_labels":
        return _Rule(pl.col("horizon_h") == max(btc.labels.horizons), "ts", LABEL_HOURS, None)
    if table == "btc_bin_models":
        usable = pl.col("status") == "ok"
        return _Rule(usable, "available_at", _DAY_HOURS * MODEL_LATE_DAYS, _DAY_HOURS * MODEL_STALE_DAYS)
    if table == "btc_signal_performance":
        return _Rule(every, "available_at", _DAY_HOURS + late, _DAY_HOURS + stale)
    return _Rule(every, "available_at", late, stale)


def _newest(store: PartitionStore, contract: Contract, rule: _Rule, now: datetime) -> datetime | None:
    counts = rule.of & (pl.col("available_at") <= now)
    for key in reversed(store.partitions(contract)):
        found = store.read(contract, [key], columns=[rule.since], where=counts)
        if found.height:
            newest: datetime = found[rule.since].max()  # type: ignore[assignment]
            return newest
    return None
