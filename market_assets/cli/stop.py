"""`market-assets stop | start | backup`: everything to a standstill, on again, and a copy of it."""

import getpass
import os
import platform
from typing import TYPE_CHECKING, Annotated

import typer

from market_assets.core.errors import MarketAssetsError
from market_assets.settings import Settings, settings

if TYPE_CHECKING:
    import dagster as dg

    from market_assets.ops.standstill import Stopped
    from resources.backup import Backup

Line = tuple[str, str]


def stop(
    reason: Annotated[str, typer.Option(help="why, for whoever finds it standing still")] = "",
    wait_s: Annotated[float, typer.Option(min=0, help="longest wait for what has started")] = 300.0,
    backup: Annotated[bool, typer.Option("--backup/--no-backup", help="take a backup at the end")] = True,
) -> None:
    """Emergency stop: schedules, sensors, queue, backfills and collectors; what runs is let finish.

    Exit code 0 only if nothing runs any more and the backup, if one was asked for, is whole.
    """
    from market_assets.ops.standstill import Standstill, instance_of

    found = settings()
    with instance_of(found) as instance:
        standing = Standstill(found, instance, _definitions, tell=lambda text: typer.echo(text, err=True))
        stopped = standing.stop(reason, _who(), wait_s)
        lines = _lines(stopped, has_instance=instance is not None)
    whole = True
    if backup:
        taken, told = _backed_up(found)
        whole = taken is not None and not taken.missing
        lines += told
    lines.append(("to go on", "market-assets start"))
    _print("stopped" if stopped.is_still else "NOT stopped", lines)
    raise typer.Exit(0 if stopped.is_still and whole else 1)


def start() -> None:
    """Turn on again exactly what `stop` had turned off, and let collectors start."""
    from market_assets.ops.standstill import Standstill, instance_of

    found = settings()
    with instance_of(found) as instance:
        started = Standstill(found, instance, _definitions).start()
    lines = [(one.kind, f"{one.name}: on") for one in started.turned_on]
    lines += [(one.kind, f"{one.name}: left as it is (on already, or no longer there)") for one in started.left]
    _print("started", lines or [("nothing", "had been turned off")])


def backup() -> None:
    """Take a backup of this home into its folder `backups`. Exit code 1 where something is missing in it."""
    taken, lines = _backed_up(settings())
    _print("backup", lines)
    raise typer.Exit(0 if taken is not None and not taken.missing else 1)


def _definitions() -> "dg.Definitions":
    from market_assets.definitions import defs

    return defs


def _who() -> str:
    # a container may run under a number that nobody has given a name
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return f"{name}@{platform.node()}"


def _lines(stopped: "Stopped", *, has_instance: bool) -> list[Line]:
    if not has_instance:
        lines = [("Dagster", "no instance here (no dagster.yaml in DAGSTER_HOME): nothing to turn off")]
    else:
        lines = [(one.kind, f"{one.name}: off") for one in stopped.turned_off]
        lines.append(("queue", f"{len(stopped.cancelled_runs)} runs cancelled"))
        lines += [
            ("backfill", f"{one}: cancelled; launch what is missing again") for one in stopped.cancelled_backfills
        ]
        lines.append(("runs", f"{len(stopped.ended_runs)} had started and have ended"))
        lines += [("run", f"{one}: STILL RUNNING; wait longer (--wait-s), or terminate it") for one in stopped.running]
    lines += [("collector", f"{one}: ended") for one in sorted(stopped.ended_collectors)]
    lines += [("collector", f"{one}: STILL RUNNING; end it by SIGTERM") for one in stopped.collecting]
    return lines


def _backed_up(found: Settings) -> "tuple[Backup | None, list[Line]]":
    from resources.backup import take

    try:
        taken = take(found)
    except (MarketAssetsError, OSError) as failed:
        return None, [("backup", f"FAILED: {failed}")]
    lines = [("backup", str(taken.path))]
    lines.append(("tables", f"{len(taken.tables)} with {taken.partitions:,} partitions, {taken.rows:,} rows"))
    lines += sorted(taken.parts.items())
    lines += [(name, f"MISSING: {why}") for name, why in sorted(taken.missing.items())]
    return taken, lines


def _print(title: str, lines: list[Line]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, show_header=False)
    for line in lines:
        table.add_row(*line)
    Console(soft_wrap=True).print(table)
