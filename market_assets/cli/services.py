"""`market-assets sandbox | serve | demo`: the processes this project runs besides Dagster's."""

from pathlib import Path
from typing import Annotated

import typer

from market_assets.core import clock
from market_assets.settings import settings


def sandbox(
    port: Annotated[int, typer.Option(help="port on 127.0.0.1")] = 8051,
    seed: Annotated[int, typer.Option(help="seed of the synthetic market")] = 7,
    replay: Annotated[Path | None, typer.Option(help="serve recorded data laid out as <table>/*.parquet")] = None,
    fault: Annotated[
        list[str] | None, typer.Option(help="a fault, for example polygon:429:retry_after=2:times=3")
    ] = None,
    start: Annotated[str | None, typer.Option(help="what its clock says at the start, as 2025-05-05T00:00:00Z")] = None,
    speed: Annotated[float, typer.Option(min=0.001, help="how many times as fast as time its clock runs")] = 1.0,
) -> None:
    """Serve every vendor's wire format locally: no keys, no internet."""
    from resources.sandbox.app import run

    try:
        begins = None if start is None else clock.instant(start)
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong), param_hint="--start") from None
    run(port=port, seed=seed, replay=replay, faults=fault or [], start=begins, speed=speed)


def serve(
    host: Annotated[str | None, typer.Option(help="address to bind; api.host by default")] = None,
    port: Annotated[int | None, typer.Option(help="port; api.port by default")] = None,
) -> None:
    """Serve the app and its REST API."""
    from dashboards.app import run

    found = settings()
    changed = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    run(found.model_copy(update={"api": found.api.model_copy(update=changed)}))


def demo(
    once: Annotated[bool, typer.Option("--once", help="stop after the table")] = False,
    home: Annotated[Path, typer.Option(help="where the demo keeps its data; emptied first")] = Path("data/demo"),
) -> None:
    """Sandbox, Dagster and app together, backfilled, with a table of what was done and the addresses."""
    from market_assets.demo import Demo

    raise typer.Exit(Demo(home).run(once=once))
