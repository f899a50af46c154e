"""`market-assets plan`: what a backfill would take, before anything runs."""

from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from market_assets.core import clock
from market_assets.settings import settings

if TYPE_CHECKING:
    from rich.table import Table

    from resources.plans.plan import Plan

#: exit code where a budget makes it take more than a day
LONGER = 3


def plan(
    assets: Annotated[
        str, typer.Argument(help="names separated by commas, or selections: group:bars, equities_daily_bars+")
    ],
    span: Annotated[
        str | None,
        typer.Argument(metavar="RANGE", help="first...last partition, or one: 2026-10-01...2026-10-05, AAPL|2024"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
) -> None:
    """Print partitions, requests, budgets, days, time and bytes that materialising assets takes; nothing is asked.

    Exit code 0 where it fits into what is left of today's budgets, 3 where it takes more than a day.
    """
    import dagster as dg

    from market_assets.definitions import defs
    from market_assets.ops.standstill import instance_of
    from resources.plans.plan import plan as planned

    with instance_of(settings()) as found, dg.DagsterInstance.ephemeral() as empty:
        made = planned(settings(), defs.resolve_asset_graph(), found or empty, assets, span, clock.now())
    if as_json:
        typer.echo(orjson.dumps(made.json(), option=orjson.OPT_INDENT_2).decode())
    else:
        _print(made)
    raise typer.Exit(0 if made.days_needed == 1 else LONGER)


def _print(made: "Plan") -> None:
    from rich.console import Console

    console = Console(soft_wrap=True)
    console.print(_assets(made))
    if made.needs:
        console.print(_vendors(made))
    for note in made.notes:
        console.print(f"note: {note}", markup=False)
    if made.unknown:
        console.print(f"never materialised, so without an estimate: {', '.join(made.unknown)}", markup=False)
    days = made.days_needed
    fits = "fits into today's budgets" if days == 1 else f"takes {days} days with the budgets as they are set"
    time = "time unknown" if made.seconds is None else f"about {_duration(made.seconds)}"
    console.print(f"{made.requests:,} requests at most, {time}, {_size(made.bytes)}: {fits}", markup=False)


def _assets(made: "Plan") -> "Table":
    from rich.table import Table

    table = Table("asset", "partitions", "requests", "time", "rows", "size", title="plan")
    for one in made.assets:
        table.add_row(
            one.asset,
            f"{one.partitions:,}",
            ", ".join(f"{vendor} {n:,}" for vendor, n in one.requests.items()),
            "" if one.seconds is None else _duration(one.seconds),
            "" if one.rows is None else f"{one.rows:,}",
            "" if one.bytes is None else _size(one.bytes),
        )
    return table


def _vendors(made: "Plan") -> "Table":
    from rich.table import Table

    table = Table("vendor", "requests", "counted as", "left today", "a minute", "minutes", "days", title="vendors")
    for need in made.needs:
        table.add_row(
            f"{need.vendor} ({need.lane})" if need.lane else need.vendor,
            f"{need.requests:,}",
            f"{need.credits:,}",
            "no limit" if need.per_day is None else f"{need.left_today:,} of {need.per_day:,}",
            "no limit" if need.per_minute is None else f"{need.per_minute:,.0f}",
            "" if need.minutes is None else f"{need.minutes:,.1f}",
            str(need.days_needed),
        )
    return table


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _size(n_bytes: int | None) -> str:
    if n_bytes is None:
        return "size unknown"
    return f"{n_bytes / 1e6:,.1f} MB" if n_bytes < 1e9 else f"{n_bytes / 1e9:,.1f} GB"
