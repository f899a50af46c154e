"""What is stored about one symbol, in words and tables: the rows behind the marks of the chart."""

from dataclasses import dataclass

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


def details(known: Known, kind: str) -> Component:
    """The table under the chart."""
    if kind == "actions":
        return _actions(known.actions)
    if kind == "gaps":
        return _gaps(known.gaps)
    if kind == "flags":
        return _flagged(known.bars)
    return _reconciled(known.differences)


_SHOWN = 200


def _reconciled(found: pl.DataFrame | None) -> Component:
    if found is None:
        return widgets.empty("no second source was compared yet.", widgets.materialise("equities_reconciliation"))
    if found.is_empty():
        return widgets.empty("the second source has no session of this symbol.")
    worst = found.sort(
        pl.col("status").replace_strict({"fail": 0, "missing_a": 1, "missing_b": 2, "investigate": 3}, default=4),
        pl.col("session_date"),
        descending=[False, True],
    ).head(_SHOWN)
    columns = [
        ("session", "left"), ("verdict", "left"), ("close a", "right"), ("close b", "right"),
        ("difference", "right"), ("volume b/a", "right"), ("a", "left"), ("b", "left"),
    ]  # fmt: skip
    rows = [
        [
            wording.day(row["session_date"]),
            widgets.pill(row["status"].replace("_", " "), widgets.TONES.get(row["status"], "warn")),
            _price(row["close_a"]),
            _price(row["close_b"]),
            f"{row['rel_diff'] * 1e4:,.1f} bps" if row["rel_diff"] is not None else "",
            f"{row['volume_ratio']:.2f}" if row["volume_ratio"] is not None else "",
            row["source_a"],
            row["source_b"],
        ]
        for row in worst.iter_rows(named=True)
    ]
    counts = ", ".join(
        f"{n:,} {status.replace('_', ' ')}" for status, n in found["status"].value_counts(sort=True).iter_rows()
    )
    return html.Div([html.P(f"{counts}. Worst first.", className="quiet"), widgets.table(columns, rows)])


def _actions(found: pl.DataFrame | None) -> Component:
    if found is None:
        asset = "equities_corporate_actions"
        return widgets.empty(f"{asset} is not materialised yet.", widgets.materialise(asset))
    if found.is_empty():
        return widgets.empty("the vendor states no split and no dividend of this symbol.")
    columns = [("ex date", "left"), ("kind", "left"), ("value", "right"), ("price factor", "right"), ("source", "left")]
    rows = [
        [
            wording.day(row["ex_date"]),
            row["kind"].replace("_", " "),
            f"{row['split_to']:g} for {row['split_from']:g}" if row["kind"] == "split" else f"{row['amount']:,.4f}",
            f"{row['price_factor']:.6f}" if row["price_factor"] is not None else "unknown",
            row["source"],
        ]
        for row in found.sort("ex_date", descending=True).head(_SHOWN).iter_rows(named=True)
    ]
    return widgets.table(columns, rows)


def _gaps(found: pl.DataFrame | None) -> Component:
    if found is None:
        return widgets.empty("gaps were not looked for yet.", widgets.materialise("equities_gaps"))
    if found.is_empty():
        return html.P("No session is missing.", className="quiet")
    columns = [("first", "left"), ("last", "left"), ("sessions", "right"), ("cause", "left"), ("status", "left")]
    rows = [
        [
            wording.day(row["gap_start"]),
            wording.day(row["gap_end"]),
            wording.count(row["n_sessions"]),
            row["cause"].replace("_", " "),
            widgets.pill(row["status"], "warn" if row["status"] == "open" else "idle"),
        ]
        for row in found.sort("gap_start", descending=True).head(_SHOWN).iter_rows(named=True)
    ]
    return widgets.table(columns, rows)


def _flagged(bars: pl.DataFrame | None) -> Component:
    if bars is None or bars.is_empty():
        return widgets.empty("no bar is stored.")
    found = bars.filter(pl.any_horizontal(*FLAGS)).sort("session_date", descending=True)
    if found.is_empty():
        return html.P("No bar is flagged.", className="quiet")
    columns = [
        ("session", "left"), ("quality", "right"), ("open", "right"), ("high", "right"), ("low", "right"),
        ("close", "right"), ("volume", "right"), ("flags", "left"),
    ]  # fmt: skip
    rows = [
        [
            wording.day(row["session_date"]),
            f"{row['quality_score']:.2f}",
            *[_price(row[name]) for name in ("open", "high", "low", "close")],
            wording.count(row["volume"]) if row["volume"] is not None else "",
            ", ".join(text for flag, text in FLAGS.items() if row[flag]),
        ]
        for row in found.head(_SHOWN).iter_rows(named=True)
    ]
    return html.Div(
        [html.P(f"{found.height:,} of {bars.height:,} bars.", className="quiet"), widgets.table(columns, rows)]
    )


def _price(value: float | None) -> str:
    return "" if value is None else f"{value:,.2f}"
