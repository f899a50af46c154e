"""What the scanner did: symbols looked at, alphas that fired, what was accepted, and why the rest was not."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from market_assets.bars.settings import ALPHAS, SignalSettings
from market_assets.bars.transforms.signals.scoring import NOTES


@dataclass(frozen=True, kw_only=True)
class BarsScannerStats:
    """One scan: every count is of the rows it was made from."""

    symbols_scanned: int
    alphas: tuple[str, ...]
    fired: int
    accepted: int
    #: reason -> signals that were rejected for it, by name; one signal may have several
    rejected_by_reason: dict[str, int]
    #: close of the newest bar that was looked at; None without any
    last_scan: datetime | None
    profile: str


def scanner_stats(features: pl.DataFrame, signals: pl.DataFrame, ours: SignalSettings) -> BarsScannerStats:
    """Count `signals` (BarsSignals) that `features` (BarsScannerFeatures; symbol and ts are read) led to."""
    newest = features.get_column("ts").max()
    rejected = signals.filter(~pl.col("accepted")).get_column("reject_reasons").to_list()
    reasons = Counter(reason for found in rejected for reason in found if reason not in NOTES)
    n_accepted = int(signals.get_column("accepted").sum())
    return BarsScannerStats(
        symbols_scanned=features.get_column("symbol").n_unique(),
        alphas=ALPHAS,
        fired=signals.height,
        accepted=n_accepted,
        rejected_by_reason=dict(sorted(reasons.items())),
        last_scan=newest + timedelta(minutes=1) if isinstance(newest, datetime) else None,
        profile=ours.profile,
    )
