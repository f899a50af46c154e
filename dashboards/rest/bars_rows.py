"""What the routes of minute bars share: names of symbols and timeframes."""

from typing import Annotated

from fastapi import Path, Query

from dashboards.rest.errors import ApiError
from market_assets.bars import readers

SymbolName = Annotated[str, Path(max_length=40, description="House symbol or one of its variants: EURUSD, US100")]
Timeframe = Annotated[str, Query(max_length=10, description=f"One of {', '.join(readers.TIMEFRAMES)}")]
Equity = Annotated[float, Query(gt=0, le=1e15, description="Money of the account")]


def known_timeframe(name: str) -> str:
    """The timeframe. Raises ApiError 404 with those there are."""
    if name not in readers.TIMEFRAMES:
        known = ", ".join(readers.TIMEFRAMES)
        raise ApiError(404, "unknown_timeframe", f"no timeframe {name!r} here; available: {known}")
    return name
