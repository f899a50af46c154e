"""The upkeep tab of the operations page: backups, the last restore drill, and what was thinned out."""

from datetime import datetime
from typing import Any

import polars as pl
from dash import Dash, Output, html
from dash.development.base_component import Component

from dashboards.pages import widgets, wording
from dashboards.pages.ops_condition import VERSION
from dashboards.pages.page import in_thread
from dashboards.services import Services
from market_assets.core import clock

_BACKUP, _DRILL, _RETENTION = "ops_backup", "ops_restore_drill", "ops_retention"


def layout(_services: Services, _search: str) -> Component:
    """The tab, empty."""
    return html.Div([html.Div(id="upkeep-cards"), html.Div(id="upkeep-parts")])


def register(app: Dash, services: Services) -> None:
    """Connect the tab."""

    @app.callback(Output("upkeep-cards", "children"), Output("upkeep-parts", "children"), VERSION)
    @in_thread
    def show(_version: Any) -> Any:
        kept, drilled, thinned = (services.data.load_or_none(name) for name in (_BACKUP, _DRILL, _RETENTION))
        return _cards(kept, drilled, thinned), [_backups(kept), _drill(drilled), _retention(thinned)]


def _cards(kept: pl.DataFrame | None, drilled: pl.DataFrame | None, thinned: pl.DataFrame | None) -> Component:
    taken, restored = _newest(kept, "taken_at"), _newest(drilled, "drilled_at")
    sound = drilled is not None and bool(drilled["is_equal"].all()) and drilled.height > 0
    return widgets.cards(
        widgets.card("Last backup", _ago(taken), wording.instant(taken), "good" if taken else "bad"),
        widgets.card("Backups kept", "0" if kept is None else f"{kept.height:,}", "see backup.daily, backup.monthly"),
        widgets.card(
            "Last restore drill",
            wording.NO_DATA if restored is None else "came back whole" if sound else "FAILED",
            wording.instant(restored),
            "good" if sound else "idle" if restored is None else "bad",
        ),
        widgets.card("Removed last time", wording.NO_DATA if thinned is None else f"{thinned['n_removed'].sum():,}"),
    )


def _newest(rows: pl.DataFrame | None, column: str) -> datetime | None:
    return None if rows is None else max(rows[column].to_list(), default=None)


def _ago(at: datetime | None) -> str:
    return wording.NO_DATA if at is None else f"{wording.age((clock.now() - at).total_seconds())} ago"


def _backups(kept: pl.DataFrame | None) -> Component:
    if kept is None:
        return widgets.panel("Backups", widgets.empty("no backup was taken yet", widgets.materialise(_BACKUP)))
    rows = [
        [
            html.Code(row["name"]),
            wording.instant(row["taken_at"]),
            row["kept_as"],
            f"{row['n_tables']:,}",
            f"{row['n_rows']:,}",
            wording.size(row["size_bytes"]),
            row["archive"] or "",
            ", ".join(row["missing"]) or "",
        ]
        for row in kept.sort("taken_at", descending=True).iter_rows(named=True)
    ]
    columns = [
        *(("backup", "left"), ("taken", "left"), ("kept as", "left"), ("tables", "right"), ("rows", "right")),
        *(("size", "right"), ("archive", "left"), ("missing in it", "left")),
    ]
    return widgets.panel("Backups", widgets.table(columns, rows))


def _drill(drilled: pl.DataFrame | None) -> Component:
    if drilled is None:
        return widgets.panel(
            "Restore drill", widgets.empty("no backup was restored on trial yet", widgets.materialise(_DRILL))
        )
    rows = [
        [
            html.Code(row["table"]),
            f"{row['n_partitions']:,}",
            f"{row['n_rows']:,}",
            f"{row['n_rows_restored']:,}",
            widgets.pill("equal" if row["is_equal"] else "differs", "good" if row["is_equal"] else "bad"),
            row["detail"],
        ]
        for row in drilled.sort("is_equal", "table").iter_rows(named=True)
    ]
    columns = [
        *(("part", "left"), ("partitions", "right"), ("rows stated", "right"), ("rows restored", "right")),
        *(("verdict", "left"), ("what differs", "left wide")),
    ]
    return widgets.panel("Restore drill", widgets.table(columns, rows))


def _retention(thinned: pl.DataFrame | None) -> Component:
    if thinned is None:
        return widgets.panel("Retention", widgets.empty("nothing was thinned out yet", widgets.materialise(_RETENTION)))
    rows = [
        [
            row["what"],
            html.Code(row["rule"]),
            f"{row['n_examined']:,}",
            f"{row['n_removed']:,}",
            wording.size(row["removed_bytes"]) if row["removed_bytes"] is not None else "",
            row["detail"],
        ]
        for row in thinned.iter_rows(named=True)
    ]
    columns = [
        *(("what", "left"), ("rule", "left"), ("looked at", "right"), ("removed", "right"), ("freed", "right")),
        ("what stayed, and why", "left wide"),
    ]
    return widgets.panel("Retention", widgets.table(columns, rows))
