"""`market-assets status`: how things stand, once or as a page that redraws itself."""

import contextlib
import signal
import time
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from market_assets.core.errors import MarketAssetsError
from market_assets.settings import settings

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from market_assets.cli.status_state import Looks


def status(
    watch: Annotated[bool, typer.Option("--watch", help="draw it again and again, until Ctrl-C")] = False,
    every: Annotated[float, typer.Option(min=0.1, help="seconds between two looks of --watch")] = 5.0,
) -> None:
    """Print services, last runs, exchanges, sources and tables, as far as they can be measured."""
    if watch:
        _watch(every)
        return
    console, looks = _opened()
    console.print(_drawn(looks, console))


def _watch(every: float) -> None:
    """Look again and again until somebody ends it, which is no error."""
    # a background shell ignores SIGINT, supervisors send SIGTERM: both end a page in order
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        console, looks = _opened()
        has_screen = console.is_terminal and not console.is_dumb_terminal
        (_redraw if has_screen else _repeat)(looks, console, every)


def _opened() -> "tuple[Console, Looks]":
    from rich.console import Console

    from market_assets.cli.status_state import Looks

    return Console(), Looks(settings())


def _redraw(looks: "Looks", console: "Console", every: float) -> NoReturn:
    """A page of its own on a terminal, which is as it was before when this ends."""
    from rich.live import Live

    from market_assets.cli.status_view import Fitted

    first = Fitted(_watched(looks, console))
    with Live(first, console=console, screen=True, auto_refresh=False) as page:
        while True:
            time.sleep(every)
            page.update(Fitted(_watched(looks, console)), refresh=True)


def _repeat(looks: "Looks", console: "Console", every: float) -> NoReturn:
    """One text after the other, for pipes and files."""
    while True:
        console.print(_watched(looks, console))
        time.sleep(every)


def _watched(looks: "Looks", console: "Console") -> "RenderableType":
    """What there is to see now, or why it cannot be read now: the next look may."""
    try:
        return _drawn(looks, console)
    except (MarketAssetsError, OSError) as failed:
        from rich.text import Text

        return Text(f"cannot be read now: {failed}")


def _drawn(looks: "Looks", console: "Console") -> "RenderableType":
    from market_assets.cli import status_view

    return status_view.whole(looks.state(), console.width)
