"""What two sources say of the same minutes, as one row each pair. Frames in, frames out."""

from datetime import date
from typing import Any, NamedTuple

import polars as pl

from market_assets.bars.schemas import BarsReconciliation
from market_assets.bars.settings import BarsSettings
from market_assets.bars.transforms.agreement import Agreement, agreement
from market_assets.core.contracts import Contract

CONTRACT: Contract = BarsReconciliation.contract()
#: other_source where none could be asked
NOBODY = "-"


class Other(NamedTuple):
    """The source that was asked to compare, or why none was."""

    source: str = NOBODY
    kind: str | None = None
    #: ts, close, ingested_at; None where it has not been asked
    frame: pl.DataFrame | None = None
    reason: str | None = None


def compared(stored: pl.DataFrame, other: Other, bars: BarsSettings) -> pl.DataFrame:
    """BarsReconciliation of the minutes stored for one symbol and day: a row for each of their sources.

    Different kinds of instruments are told and not judged. No stored minute: no row.
    """
    parts = stored.sort("ts").partition_by("source", "instrument_kind", maintain_order=True)
    rows = [_compared(part, other, bars) for part in parts]
    frame = pl.DataFrame(rows, schema=CONTRACT.schema, orient="row")
    # a source whose rows are of two kinds is compared by those it has most of
    return CONTRACT.conform(
        frame.sort("n_stored", descending=True, maintain_order=True).unique(
            list(CONTRACT.key), keep="first", maintain_order=True
        )
    )


def _compared(part: pl.DataFrame, other: Other, bars: BarsSettings) -> dict[str, Any]:
    kind = part["instrument_kind"][0]
    same_kind = other.kind == kind
    apart = agreement(part, other.frame, bars) if other.frame is not None and same_kind else _NOTHING
    day: date = part["ts"][0].date()
    return {
        "symbol": part["symbol"][0],
        "day": day,
        "source": part["source"][0],
        "other_source": other.source,
        "instrument_kind": kind,
        "other_kind": other.kind,
        "n_stored": part.height,
        "n_other": 0 if other.frame is None else other.frame.height,
        "n_common": apart.n_common,
        "median_diff_ratio": apart.median,
        "p95_diff_ratio": apart.p95,
        "max_diff_ratio": apart.largest,
        "bias_ratio": apart.bias,
        "agreement_ratio": apart.share,
        "status": _status(apart, other, same_kind=same_kind, bars=bars),
        "reason": other.reason,
        "ingested_at": None if other.frame is None else other.frame["ingested_at"].max(),
    }


def _status(apart: Agreement, other: Other, *, same_kind: bool, bars: BarsSettings) -> str:
    if other.kind is not None and not same_kind:
        return "kinds"
    return "not_compared" if other.frame is None else apart.status(bars)


_NOTHING = Agreement(0, None, None, None, None, None)
