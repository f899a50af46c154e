"""How many of the settlements that were due are stored, and which are missing."""

from collections.abc import Sequence
from datetime import date, datetime

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from market_assets.funding.schemas import FundingCompleteness
from market_assets.funding.transforms import slots
from market_assets.funding.transforms.epochs import Window, due, epochs, numbered, settled, spells
from market_assets.funding.transforms.terms import CONTRACT

#: class -> the least completeness_pct it stands for
CLASSES = {"complete": 95.0, "partial_high": 80.0, "partial_medium": 50.0}


def completeness(
    rates: pl.DataFrame,
    contracts: pl.DataFrame,
    floors: pl.DataFrame,
    *,
    days: Sequence[date],
    window_days: int,
    now: datetime,
    start: date | None = None,
) -> pl.DataFrame:
    """FundingCompleteness of `days`: every contract that was listed or settled in the `window_days` up to the day.

    A day's window is [day + 1 - window_days, day + 1), cut at `now`; a settlement is due 10 minutes after its slot.
    Before `start`, the first day that is kept at all, nothing is due.
    `rates` (FundingRates) reach back to the first window; `floors`: exchange, native_symbol, history_floor. Raises
    UnknownName for a contract of `rates` that `contracts` (FundingContracts) lacks.

    Slots that were due follow from the events (see `epochs`); a slot is hit by an event within 10 minutes, and
    counts once. Without a known interval nothing was due, and completeness_pct is null.
    """
    contract = FundingCompleteness.contract()
    known = floors.group_by(CONTRACT).agg(pl.col("history_floor").max())
    found = [_of_window(rates, contracts, known, Window.of(day, window_days, now, start)) for day in sorted(set(days))]
    return contract.conform(pl.concat([contract.empty(), *(frame.select(list(contract.columns)) for frame in found)]))


def _of_window(rates: pl.DataFrame, contracts: pl.DataFrame, floors: pl.DataFrame, window: Window) -> pl.DataFrame:
    listed = spells(contracts, window)
    events = settled(rates, listed, window)
    spans = due(listed, events, window).join(floors, on=CONTRACT, how="left", maintain_order="left")
    on_grid = numbered(events)
    named = spans.select("spell", *CONTRACT, "history_floor")
    stretches = epochs(on_grid, spans).join(named, on="spell", maintain_order="left")
    placed = _placed(on_grid, stretches, window)
    hits = placed.filter("is_hit").unique(["epoch", "slot"], keep="first", maintain_order=True)
    found = _contracts(spans)
    for part in (_expected(stretches), _counted(placed, hits), _gaps(_missing(hits, stretches))):
        found = found.join(part, on=CONTRACT, how="left", maintain_order="left", validate="1:1")
    return _judged(found).with_columns(day=pl.lit(window.day))


def _placed(events: pl.DataFrame, stretches: pl.DataFrame, window: Window) -> pl.DataFrame:
    """Events with slot, is_hit (that slot was due), is_counted (of the window: a hit, or besides what was due)."""
    placed = events.join(
        stretches.select("epoch", *CONTRACT, "first_slot", "last_slot"), on="epoch", maintain_order="left"
    ).with_columns(slot=slots.nearest(), is_off=slots.is_off_grid())
    # the settlement of a slot belongs where the slot does
    at = pl.when("is_off").then("time").otherwise(slots.instant_of(pl.col("slot")))
    return placed.with_columns(
        is_hit=~pl.col("is_off") & pl.col("slot").is_between("first_slot", "last_slot"),
        is_counted=at.is_between(window.first_us, window.due_us),
    )


def _missing(hits: pl.DataFrame, stretches: pl.DataFrame) -> pl.DataFrame:
    """Runs of due slots without an event: contract, gap_starts, gap_ends, gap_slots, n_unrecoverable; by time."""
    edges = [
        stretches.select("epoch", slot=pl.col(name) + step) for name, step in (("first_slot", -1), ("last_slot", 1))
    ]
    before = pl.col("slot").shift(1).over("epoch")
    start, step = pl.col("gap_starts"), pl.col("step")
    too_old = (pl.col("history_floor").dt.epoch("us") - start + step - 1) // step
    return (
        pl.concat([hits.select("epoch", "slot"), *edges])
        .sort("epoch", "slot")
        .with_columns(n=pl.col("slot") - before - 1)
        .filter(pl.col("n") > 0)
        .join(stretches.select("epoch", *CONTRACT, "step", "phase", "history_floor"), on="epoch", maintain_order="left")
        .with_columns(
            gap_starts=slots.instant_of(pl.col("slot") - pl.col("n")), gap_ends=slots.instant_of(pl.col("slot") - 1)
        )
        .sort(*CONTRACT, "gap_starts")
        .select(
            *CONTRACT,
            start.cast(UTC_MICROS),
            pl.col("gap_ends").cast(UTC_MICROS),
            gap_slots=pl.col("n").cast(pl.Float64),
            n_unrecoverable=too_old.fill_null(0).clip(0, pl.col("n")),
        )
    )


def _expected(stretches: pl.DataFrame) -> pl.DataFrame:
    return stretches.group_by(CONTRACT, maintain_order=True).agg(
        epoch_starts=pl.col("begins").cast(UTC_MICROS),
        epoch_intervals=pl.col("step") / slots.HOUR_US,
        expected_slots=(pl.col("last_slot") - pl.col("first_slot") + 1).sum(),
    )


def _counted(placed: pl.DataFrame, hits: pl.DataFrame) -> pl.DataFrame:
    counted = placed.group_by(CONTRACT, maintain_order=True).agg(counted=pl.col("is_counted").cast(pl.Int64).sum())
    hit = hits.group_by(CONTRACT).agg(hit_slots=pl.len().cast(pl.Int64))
    return counted.join(hit, on=CONTRACT, how="left", maintain_order="left")


def _gaps(missing: pl.DataFrame) -> pl.DataFrame:
    return missing.group_by(CONTRACT, maintain_order=True).agg(
        pl.col("gap_starts", "gap_ends", "gap_slots"), pl.col("n_unrecoverable").sum()
    )


def _contracts(spans: pl.DataFrame) -> pl.DataFrame:
    """One row per contract, named as at the window's end; of contracts that had one symbol in turn the last one."""
    return (
        spans.group_by(CONTRACT, maintain_order=True)
        .agg(
            pl.col("symbol", "base_asset", "is_active", "history_floor", "valid_from").last(),
            pl.col("first_event").min(),
            pl.col("last_event").max(),
        )
        .sort("valid_from", maintain_order=True)
        .unique(["exchange", "symbol"], keep="last", maintain_order=True)
    )


def _judged(found: pl.DataFrame) -> pl.DataFrame:
    """With 0 and no gap where nothing was found, surplus_rows, completeness_pct and completeness_class.

    A contract without any stretch is one whose interval is unknown.
    """
    numbers = ("expected_slots", "hit_slots", "n_unrecoverable")
    nothing = pl.lit([])
    is_due = pl.col("expected_slots") > 0
    share = pl.when(is_due).then(100.0 * pl.col("hit_slots") / pl.col("expected_slots"))
    by_share = pl.when(pl.col("completeness_pct") > 0).then(pl.lit("incomplete")).otherwise(pl.lit("no_data"))
    for name, least in reversed(CLASSES.items()):
        by_share = pl.when(pl.col("completeness_pct") >= least).then(pl.lit(name)).otherwise(by_share)
    unknown = pl.col("is_unknown")
    return (
        found.with_columns(
            pl.col(*numbers, "counted").fill_null(0),
            pl.col("epoch_starts", "epoch_intervals", "gap_starts", "gap_ends", "gap_slots").fill_null(nothing),
            is_unknown=pl.col("epoch_starts").is_null(),
        )
        .with_columns(completeness_pct=share, surplus_rows=pl.col("counted") - pl.col("hit_slots"))
        .with_columns(completeness_class=pl.when(unknown).then(pl.lit("interval_unknown")).otherwise(by_share))
    )
