"""What is stored about one symbol, in words and tables: the rows behind the marks of the chart."""

from dataclasses import dataclass
from typing import Any

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboards.figures import FLAGS
from dashboards.pages import widgets, wording
from market_assets.equities.transforms.adjust import Adjustment

#: kind of table -> its name
DETAILS = {
    "reconciliation": "Reconciliation",
    "actions": "Splits and dividends",
    "gaps": "Gaps",
    "flags": "Flagged bars",
}


@dataclass(frozen=True)
class Known:
    """All that is stored about one symbol; a table that was never materialised is None."""

    bars: pl.DataFrame | None
    #: what the prices of `bars` are adjusted for
    basis: Adjustment
    actions: pl.DataFrame | None
    gaps: pl.DataFrame | None
    differences: pl.DataFrame | None


def describe(known: Known, asked: Adjustment) -> str:
    """One line under the name: how much, from when to when, from whom."""
    bars = known.bars
    if bars is None or bars.is_empty():
        return ""
    sources = ", ".join(bars["source"].unique().sort())
    parts = [
        f"{bars.height:,} sessions",
        f"{wording.day(bars['session_date'][0])} to {wording.day(bars['session_date'][-1])}",
        f"from {sources}",
    ]
    if known.actions is not None and known.actions.height:
        n_splits = known.actions.filter(kind="split").height
        parts.append(f"{n_splits} splits, {known.actions.height - n_splits} dividends")
    if known.basis != asked:
        parts.append("shown raw: its corporate actions are not materialised")
    return "  ·  ".join(parts)


@dataclass(frozen=True)
class Details:
    """One table under the chart: grid columns and rows, and what is said above them."""

    note: Component
    columns: list[dict[str, Any]]
    rows: list[dict[str, Any]]


def details(known: Known, kind: str) -> Details:
    """The table of that kind. A grid draws only the rows in view; as HTML, thousands of cells would stall the page."""
    if kind == "actions":
        return _actions(known.actions)
    if kind == "gaps":
        return _gaps(known.gaps)
    if kind == "flags":
        return _flagged(known.bars)
    return _reconciled(known.differences)


def _reconciled(found: pl.DataFrame | None) -> Details:
    if found is None:
        return _nothing("no second source was compared yet.", widgets.materialise("equities_reconciliation"))
    if found.is_empty():
        return _nothing("the second source has no session of this symbol.")
    order = {"fail": 0, "missing_a": 1, "missing_b": 2, "investigate": 3}
    worst = found.sort(
        pl.col("status").replace_strict(order, default=4), pl.col("session_date"), descending=[False, True]
    )
    verdicts = found["status"].value_counts(sort=True).iter_rows()
    counts = ", ".join(f"{n:,} {status.replace('_', ' ')}" for status, n in verdicts)
    columns = [
        widgets.column("session_date", "Session", minWidth=108),
        widgets.column(
            "status",
            "Verdict",
            cellClassRules={
                "cell-healthy": "params.value == 'ok'",
                "cell-warning": "params.value == 'investigate'",
                "cell-stale": "params.value == 'fail' || params.value == 'missing_a' || params.value == 'missing_b'",
            },
        ),
        widgets.column("close_a", "Close a", ",.2f"),
        widgets.column("close_b", "Close b", ",.2f"),
        widgets.column("difference_bps", "Difference, bps", ",.1f"),
        widgets.column("volume_ratio", "Volume b / a", ".2f"),
        widgets.column("source_a", "a"),
        widgets.column("source_b", "b"),
    ]
    rows = _rows(worst, columns, difference_bps=pl.col("rel_diff") * 1e4)
    return Details(_said(f"{counts}. Worst first."), columns, rows)


def _actions(found: pl.DataFrame | None) -> Details:
    if found is None:
        asset = "equities_corporate_actions"
        return _nothing(f"{asset} is not materialised yet.", widgets.materialise(asset))
    if found.is_empty():
        return _nothing("the vendor states no split and no dividend of this symbol.")
    columns = [
        widgets.column("ex_date", "Ex date"),
        widgets.column("kind", "Kind"),
        widgets.column("split_ratio", "Split ratio", ",.4~f"),
        widgets.column("amount", "Cash per share", ",.4~f"),
        widgets.column("price_factor", "Price factor", ".6f"),
        widgets.column("source", "Source"),
    ]
    note = f"{found.height:,} actions. Prices before an ex date are multiplied by its factor."
    return Details(_said(note), columns, _rows(found.sort("ex_date", descending=True), columns))


def _gaps(found: pl.DataFrame | None) -> Details:
    if found is None:
        return _nothing("gaps were not looked for yet.", widgets.materialise("equities_gaps"))
    if found.is_empty():
        return Details(_said("No session is missing."), [], [])
    columns = [
        widgets.column("gap_start", "First"),
        widgets.column("gap_end", "Last"),
        widgets.column("n_sessions", "Sessions", ",d"),
        widgets.column("cause", "Cause"),
        widgets.column("status", "Status", cellClassRules={"cell-warning": "params.value == 'open'"}),
    ]
    note = f"{found['n_sessions'].sum():,} missing sessions in {found.height:,} run(s)."
    return Details(_said(note), columns, _rows(found.sort("gap_start", descending=True), columns))


def _flagged(bars: pl.DataFrame | None) -> Details:
    if bars is None or bars.is_empty():
        return _nothing("no bar is stored.")
    found = bars.filter(pl.any_horizontal(*FLAGS)).sort("session_date", descending=True)
    if found.is_empty():
        return Details(_said("No bar is flagged."), [], [])
    columns = [
        widgets.column("session_date", "Session", minWidth=108),
        widgets.column("quality_score", "Quality", ".2f"),
        *(widgets.column(name, name.capitalize(), ",.2f") for name in ("open", "high", "low", "close")),
        widgets.column("volume", "Volume", ",.0f", minWidth=116),
        widgets.column("flags", "Flags", minWidth=180),
    ]
    raised = [pl.when(flag).then(pl.lit(text)) for flag, text in FLAGS.items()]
    note = f"{found.height:,} of {bars.height:,} bars are flagged."
    rows = _rows(found, columns, flags=pl.concat_str(raised, separator=", ", ignore_nulls=True))
    return Details(_said(note), columns, rows)


def _rows(frame: pl.DataFrame, columns: list[dict[str, Any]], **computed: pl.Expr) -> list[dict[str, Any]]:
    shown = frame.with_columns(**computed).select([column["field"] for column in columns])
    return shown.with_columns(pl.col(pl.Date).cast(pl.String)).to_dicts()


def _said(text: str) -> Component:
    return html.P(text, className="quiet")


def _nothing(reason: str, command: str | None = None) -> Details:
    return Details(widgets.empty(reason, command), [], [])
