"""`market-assets stop | start`: everything to a standstill, and on again."""

from typing import TYPE_CHECKING, Annotated

import typer

from market_assets.cli.backup import Line, backed_up, shown
from market_assets.cli.who import who
from market_assets.settings import settings

if TYPE_CHECKING:
    import dagster as dg

    from market_assets.ops.standstill import Stopped


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
        stopped = standing.stop(reason, who(), wait_s)
        lines = _lines(stopped, has_instance=instance is not None)
    whole = True
    if backup:
        taken, told = backed_up(found)
        whole = taken is not None and not taken.missing
        lines += told
    lines.append(("to go on", "market-assets start"))
    shown("stopped" if stopped.is_still else "NOT stopped", lines)
    raise typer.Exit(0 if stopped.is_still and whole else 1)


def start() -> None:
    """Turn on again exactly what `stop` had turned off, and let collectors start."""
    from market_assets.ops.standstill import Standstill, instance_of

    found = settings()
    with instance_of(found) as instance:
        started = Standstill(found, instance, _definitions).start()
    lines = [(one.kind, f"{one.name}: on") for one in started.turned_on]
    lines += [(one.kind, f"{one.name}: left as it is (on already, or no longer there)") for one in started.left]
    shown("started", lines or [("nothing", "had been turned off")])


def _definitions() -> "dg.Definitions":
    from market_assets.definitions import defs

    return defs


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
