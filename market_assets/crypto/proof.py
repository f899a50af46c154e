"""The proof of a restore: how the account did, computed again from its restored trades, is what was published."""

from typing import Any

import polars as pl

from market_assets.core.contracts import WHOLE
from market_assets.core.judgements import same
from market_assets.crypto.schemas import CryptoPaperTrades, CryptoSuccessMetrics
from market_assets.crypto.settings import CryptoSettings
from market_assets.crypto.transforms.success_metrics import success_metrics
from market_assets.settings import settings
from resources.stores.protocol import PartitionStore

TRADES, METRICS = CryptoPaperTrades.contract(), CryptoSuccessMetrics.contract()


def recomputed_metrics(store: PartitionStore) -> list[str]:
    """What differs between CryptoSuccessMetrics as published and as computed from the stored trades; empty: nothing.

    Nothing differs either where none are published, or where trades were published later than they: their turn comes.
    """
    manifest = store.manifest(METRICS, WHOLE)
    published = store.read(METRICS)
    if manifest is None or published.is_empty():
        return []
    as_of = published.item(0, "as_of_day")
    trades = store.read(TRADES).filter(pl.col("day") <= as_of)
    found = settings()
    again = success_metrics(trades, _as_published(found.crypto, published.row(0, named=True)), found.metrics)
    differences = apart(published, again)
    days = (one for one in store.manifests(TRADES) if one.partition <= f"{as_of}")
    return [] if any(one.published_at > manifest.published_at for one in days) else differences


def apart(published: pl.DataFrame, again: pl.DataFrame) -> list[str]:
    """Where two CryptoSuccessMetrics differ: rows that one of them lacks, and values by column."""
    key = list(METRICS.key)
    ours, theirs = published.sort(key), again.select(published.columns).sort(key)
    if not ours.select(key).equals(theirs.select(key)):
        lost = [f"{row} was published and is not computed" for row in _rows(ours, theirs)]
        return lost + [f"{row} is computed and was not published" for row in _rows(theirs, ours)]
    different = [name for name in ours.columns if not same(ours[name], theirs[name])]
    return [f"{name} of {_first_apart(ours, theirs, name)}" for name in different]


def _as_published(crypto: CryptoSettings, row: dict[str, Any]) -> CryptoSettings:
    """The settings under which the rows were published, as far as rows tell: others may be in force since."""
    targets = crypto.targets.model_copy(
        update={
            "win_rate": row["target_win_rate_ratio"],
            "sharpe": row["target_sharpe"],
            "max_drawdown": row["target_max_drawdown_ratio"],
        }
    )
    signals = crypto.signals.model_copy(update={"strategy_version": row["strategy_version"]})
    # an account without any row is told as of its first day
    paper = crypto.paper.model_copy(update={"start_day": row["as_of_day"]})
    return crypto.model_copy(update={"targets": targets, "signals": signals, "paper": paper})


def _rows(ours: pl.DataFrame, theirs: pl.DataFrame) -> list[str]:
    lacking = ours.join(theirs, on=list(METRICS.key), how="anti").select(METRICS.key)
    return [" ".join(map(str, row)) for row in lacking.iter_rows()]


def _first_apart(ours: pl.DataFrame, theirs: pl.DataFrame, name: str) -> str:
    pairs = ((ours[name].slice(at, 1), theirs[name].slice(at, 1)) for at in range(ours.height))
    at, (was, found) = next((at, pair) for at, pair in enumerate(pairs) if not same(*pair))
    where = " ".join(map(str, ours.select(METRICS.key).row(at)))
    return f"{where} was published as {was.item()}, and is {found.item()}"
