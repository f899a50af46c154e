"""What a page is, and how its callbacks run."""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import structlog
from dash import Dash
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashboards.services import Services

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Page:
    """One page. `path` is its first path segment with the slash; what follows is the page's own."""

    path: str
    title: str
    layout: Callable[[], Component]
    register: Callable[[Dash, Services], None]

    def owns(self, path: str) -> bool:
        """Whether a URL path belongs to this page."""
        return path == self.path or (self.path != "/" and path.startswith(f"{self.path}/"))


def in_thread(callback: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Run a callback in a thread: on the FastAPI backend it would otherwise hold the event loop."""

    @functools.wraps(callback)
    async def run(*values: Any) -> Any:
        try:
            return await asyncio.to_thread(callback, *values)
        except PreventUpdate:
            raise
        except Exception:
            # Dash answers 500 and says no more
            _log.exception("page callback failed", callback=callback.__qualname__)
            raise

    return run
