"""The `market-assets` command: what Dagster's own command line does not do."""

import os
import sys
from pathlib import Path

import typer

from market_assets.cli import (
    alerts,
    backup,
    config,
    data,
    health,
    plan,
    retention,
    rollback,
    services,
    status,
    stop,
    stream,
    symbols,
)
from market_assets.core.errors import MarketAssetsError

app = typer.Typer(
    name="market-assets",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="The market data of a quant desk as one Dagster asset graph.",
)
app.add_typer(config.app, name="config", help="Check, show or start the settings file.")
app.add_typer(symbols.app, name="symbols", help="The universe: list, add, remove.")
app.add_typer(alerts.app, name="alerts", help="What is wrong now: list, acknowledge, silence, try the channels.")
app.command()(services.sandbox)
app.command()(services.serve)
app.command()(stream.stream)
app.command()(services.demo)
app.command()(status.status)
app.command()(health.health)
app.command()(data.export)
app.command()(plan.plan)
app.command()(stop.stop)
app.command()(stop.start)
app.command()(backup.backup)
app.command()(backup.restore)
app.command()(retention.retention)
app.command()(rollback.rollback)


def main() -> None:
    """Run the command; an error made for people is printed as one line, without a traceback."""
    try:
        home = Path(os.environ.get("MARKET_ASSETS_HOME", "data")).resolve() / "dagster"
        if (home / "dagster.yaml").exists():  # what `make dev` made; status and health look there
            os.environ.setdefault("DAGSTER_HOME", str(home))
        app()
    except MarketAssetsError as error:
        typer.secho(f"error: {error}", fg=typer.colors.RED, err=True)
        sys.exit(1)
