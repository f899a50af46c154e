"""Errors that a person reads. Each says what must hold, what was, where, and what to do next."""

import difflib
from collections.abc import Iterable


class MarketAssetsError(Exception):
    """Base of every error this project raises on purpose."""


class UnknownName(MarketAssetsError, LookupError):
    """A table, column, symbol or partition that does not exist; lists the nearest that do."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name = kind, name
        self.near = near(name, known)
        hint = f"; did you mean {', '.join(self.near)}?" if self.near else ""
        super().__init__(f"no {kind} named {name!r}{hint}")


class InvalidRequest(MarketAssetsError, ValueError):
    """A request that cannot be answered as it was put (a date that is none, a range backwards)."""


class NotMaterialised(MarketAssetsError, LookupError):
    """A table of the graph that holds no data yet; names the command that makes it."""


def near(name: str, known: Iterable[str], most: int = 5) -> list[str]:
    """The known names closest to `name`, best first."""
    folded = {item.casefold(): item for item in known}
    hits = difflib.get_close_matches(name.casefold(), folded, n=most, cutoff=0.5)
    return [folded[hit] for hit in hits]
