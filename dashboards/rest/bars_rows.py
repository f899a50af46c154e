"""What the routes of minute bars share: what requests name."""

from typing import Annotated

from fastapi import Path, Query

from market_assets.bars import readers

SymbolName = Annotated[str, Path(max_length=40, description="House symbol or one of its variants: EURUSD, US100")]
Timeframe = Annotated[str, Query(max_length=10, description=f"One of {', '.join(readers.TIMEFRAMES)}")]
Equity = Annotated[float, Query(gt=0, le=1e15, description="Money of the account")]
