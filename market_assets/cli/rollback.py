"""`market-assets rollback`: a table, or part of it, as it was at an instant."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from market_assets.core import clock
from market_assets.core.errors import InvalidRequest
from market_assets.settings import settings
from market_assets.tables import TABLES, contract

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from market_assets.core.contracts import Contract
    from market_assets.ops.rollback import Step
    from resources.stores import Written

_SHOWN = 50


def rollback(
    table: Annotated[str, typer.Argument(help="table, for example crypto_klines")],
    as_of: Annotated[str, typer.Option("--as-of", help="instant, as 2026-11-03T14:05:00Z, or a date: its midnight")],
    partition: Annotated[str | None, typer.Option(help="one partition, for example 2026-11-03|BTCUSDT")] = None,
    start: Annotated[str | None, typer.Option(help="first day of the partitions")] = None,
    end: Annotated[str | None, typer.Option(help="last day of the partitions, inclusive")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only show what would be done")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """Publish the versions that were current at an instant again, as new versions: this too can be rolled back.

    What is computed from the table follows by itself while the sensor `follow` runs. What fetches the table may
    bring back what was rolled back: `market-assets stop` first, where that is to be feared.
    """
    from market_assets.ops.rollback import carry_out, chosen, plan
    from market_assets.ops.standstill import instance_of
    from resources.stores import open_store

    found, kind = settings(), contract(table)
    store, then = open_store(found), _instant(as_of)
    steps = plan(store, kind, then, chosen(store, kind, partition=partition, start=start, end=end))
    _print(table, then, steps)
    due = [step for step in steps if step.fate == "roll back"]
    if dry_run or not due:
        return
    if not yes:
        typer.confirm(f"Publish {len(due)} partitions of {table} as of {then.isoformat()} again?", abort=True)
    with instance_of(found) as instance:
        done = carry_out(store, kind, then, steps, _report(kind, then, instance))
    typer.echo(f"{len(done)} partitions of {table} rolled back")


def _report(kind: "Contract", then: datetime, instance: object) -> "Callable[[str, Written], None]":
    import dagster as dg

    from market_assets.ops.rollback import report_to

    if kind.name in TABLES and isinstance(instance, dg.DagsterInstance):
        return report_to(instance, kind, then)
    if kind.name in TABLES:
        typer.echo("notice: no Dagster instance here, so nothing downstream follows by itself", err=True)
    return lambda partition, written: None


def _instant(text: str) -> datetime:
    try:
        return clock.instant(text)
    except ValueError as wrong:
        raise InvalidRequest(f"--as-of: {wrong}") from None


def _print(name: str, then: datetime, steps: "Sequence[Step]") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(soft_wrap=True)
    table = Table("partition", "what happens", "rows now", "published", "rows then", "published then")
    table.title = f"{name} as of {then.isoformat()}"
    # what is done first, and of a long list the beginning
    ordered = sorted(steps, key=lambda step: (step.fate != "roll back", step.fate, step.partition))
    for step in ordered[:_SHOWN]:
        old = step.then
        table.add_row(
            step.partition,
            step.fate,
            f"{step.current.rows:,}",
            step.current.published_at.isoformat(),
            f"{old.rows:,}" if old else "",
            old.published_at.isoformat() if old else "",
        )
    console.print(table)
    counts: dict[str, int] = {}
    for step in ordered:
        counts[step.fate] = counts.get(step.fate, 0) + 1
    console.print("; ".join(f"{fate}: {count}" for fate, count in sorted(counts.items())) or "no partition")
