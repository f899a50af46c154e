"""`market-assets symbols`: who is in the universe. A new symbol is asked of the vendor first."""

from datetime import date
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from market_assets.core.clock import instant
from market_assets.core.errors import InvalidRequest
from market_assets.equities.settings import AssetClass, SymbolSettings
from market_assets.equities.universe import add_symbol, remove_symbol, universe, with_listing
from market_assets.settings import settings
from resources.stores import open_store

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_symbols() -> None:
    """Print the universe."""
    found = universe(open_store(settings()), settings().equities)
    table = Table("symbol", "class", "active", "valid from", "valid to")
    for line in found.values():
        table.add_row(
            line.symbol,
            line.asset_class,
            "yes" if line.active else "no",
            str(line.valid_from),
            str(line.valid_to or ""),
        )
    Console().print(table)


@app.command()
def add(
    symbol: str,
    asset_class: Annotated[AssetClass, typer.Option(help="what it is")] = "stock",
    polygon_id: Annotated[str | None, typer.Option(help="id at Polygon where the rules do not give it")] = None,
    yahoo_id: Annotated[str | None, typer.Option(help="id at Yahoo where the rules do not give it")] = None,
    valid_from: Annotated[str | None, typer.Option(help="first listed day; asked of the vendor by default")] = None,
) -> None:
    """Add a symbol. A sensor then creates its partitions and backfills only it.

    The vendor is asked first: a ticker it does not know is refused with the vendor's answer.
    """
    store, found = open_store(settings()), settings()
    first_day = _day(valid_from) if valid_from else None
    known = universe(store, found.equities)
    if symbol in known and known[symbol].active:
        typer.echo(f"{symbol} is in the universe already")
        return
    line = SymbolSettings(symbol=symbol, asset_class=asset_class, polygon_id=polygon_id, yahoo_id=yahoo_id)
    listed, name = with_listing(found, line)
    if first_day:
        listed = listed.model_copy(update={"valid_from": first_day})
    add_symbol(store, listed)
    typer.echo(f"added {symbol} ({name}), listed from {listed.valid_from}; the symbol sensor backfills it")


@app.command()
def remove(symbol: str) -> None:
    """Take a symbol out of the schedules. Its data stay and can still be read."""
    changed = remove_symbol(open_store(settings()), settings().equities, symbol)
    typer.echo(f"removed {symbol} from the schedules; its data stay" if changed else f"{symbol} was removed already")


def _day(text: str) -> date:
    try:
        return instant(text).date()
    except ValueError as wrong:
        raise InvalidRequest(f"--valid-from: {wrong}") from None
