"""`market-assets health`: whether all is well, for people and for scripts."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from market_assets.settings import settings

if TYPE_CHECKING:
    from rich.text import Text

_EXITS = {"healthy": 0, "degraded": 1}
_STYLES = {"healthy": "green", "idle": "dim", "not_configured": "dim", "degraded": "yellow", "unknown": "yellow"}
#: a line of a pipe or file is as long as it has to be
_ENDLESS = 10_000


def health(
    as_json: Annotated[bool, typer.Option("--json", help="the body of GET /health instead of a table")] = False,
) -> None:
    """Print how every component stands. Exit code 0 healthy, 1 degraded, 2 unhealthy."""
    from dashboards.health import report

    found = report(settings())
    if as_json:
        _print_json(found)
    else:
        _print(found)
    raise typer.Exit(_EXITS.get(str(found["status"]), 2))


def _print_json(found: dict[str, Any]) -> None:
    import orjson
    from rich.console import Console

    Console().print_json(orjson.dumps(found).decode())


def _print(found: dict[str, Any]) -> None:
    """A line for every component; what is wrong stands behind how it stands."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("component", "status", "how it stands", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    for name, one in found["components"].items():
        said = f"{one['note']}: {one['detail']}" if one["detail"] else one["note"]
        table.add_row(name, _status(one["status"]), Text(said))
    console = Console() if sys.stdout.isatty() else Console(width=_ENDLESS)
    with console.capture() as drawn:
        console.print(Text.assemble("overall ", _status(found["status"])))
        console.print(table)
    # columns are filled up with spaces
    typer.echo("\n".join(line.rstrip() for line in drawn.get().splitlines()))


def _status(word: str) -> "Text":
    from rich.text import Text

    return Text(word, style=_STYLES.get(word, "bold red"))
