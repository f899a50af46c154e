"""`market-assets retention`: what is past its time goes now, or is only counted."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from market_assets.core import clock
from market_assets.settings import settings

if TYPE_CHECKING:
    import polars as pl


def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only count what would go")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for programs: one object per kind")] = False,
) -> None:
    """Remove what `retention.*` says, as the daily run of `ops_retention` does. What goes does not come back.

    Exits with 1 where a kind broke off; the others are done then.
    """
    from market_assets.ops.standstill import instance_of
    from resources.retention import BROKE_OFF, thin_out

    found = settings()
    with instance_of(found) as instance:
        done = thin_out(found, instance, clock.now(), dry_run=dry_run)
    if as_json:
        typer.echo(json.dumps(done.to_dicts(), default=lambda at: at.isoformat(), indent=2))
    else:
        _print(done, dry_run=dry_run)
    if done["detail"].str.contains(BROKE_OFF, literal=True).any():
        raise typer.Exit(1)


def _print(done: "pl.DataFrame", *, dry_run: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(
        "what", "rule", "older than", "looked at", "would go" if dry_run else "removed", "MB", "stays, and why"
    )
    table.columns[1].no_wrap = table.columns[2].no_wrap = True
    for row in done.iter_rows(named=True):
        since, size = row["kept_since"], row["removed_bytes"]
        table.add_row(
            row["what"],
            row["rule"].replace(", ", "\n"),
            f"{since:%Y-%m-%d}" if since else "",
            f"{row['n_examined']:,}",
            f"{row['n_removed']:,}",
            f"{size / 1e6:,.1f}" if size is not None else "",
            row["detail"],
        )
    Console(soft_wrap=True).print(table)
