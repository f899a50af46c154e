"""What the crypto routes share: names."""

from typing import Annotated

from fastapi import Path, Query

from dashboards.services import Services
from market_assets.core.errors import UnknownName
from market_assets.reading import SEPARATOR

KLINES = "crypto_klines"
_NAMES = 40

SymbolName = Annotated[str, Path(max_length=_NAMES, description="Symbol as the venue spells it: BTCUSDT")]
OneSymbol = Annotated[str | None, Query(max_length=_NAMES, description="Only this symbol")]


def known_symbol(app: Services, name: str) -> str:
    """The symbol of that name, in the settings or stored. Raises UnknownName with the near ones."""
    configured, spelled = app.settings.crypto.symbols, name.upper()
    if spelled in configured:
        return spelled
    stored = {part.partition.partition(SEPARATOR)[2] for part in app.data.manifests(KLINES)}
    if spelled not in stored:
        raise UnknownName("symbol", name, sorted({*configured, *stored}))
    return spelled
