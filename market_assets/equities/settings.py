"""The equities domain's choices: universe, sources, thresholds. Frozen data, validated."""

from datetime import date
from typing import Literal

from pydantic import Field, model_validator

from market_assets.core.settings import Section

AssetClass = Literal["stock", "etf", "index", "crypto"]
CALENDAR_OF: dict[str, str] = {"stock": "XNYS", "etf": "XNYS", "index": "XNYS", "crypto": "always"}
Source = Literal["polygon", "yahoo"]
SOURCES: tuple[Source, ...] = ("polygon", "yahoo")

_STOCKS = "AAPL MSFT GOOGL AMZN NVDA META TSLA BRK.B JPM V JNJ WMT PG MA UNH HD DIS BAC XOM KO"
_ETFS = "SPY QQQ IWM DIA VTI VOO EFA EEM AGG TLT LQD HYG GLD SLV USO XLF XLK XLE XLV VNQ"
_CRYPTO = "BTC ETH SOL XRP ADA DOGE AVAX DOT LINK LTC BCH UNI ATOM XLM ALGO ETC FIL NEAR AAVE APT"


#: Yahoo numbers coins whose ticker another coin took first
_YAHOO_COINS = {"UNI-USD": "UNI7083-USD", "APT-USD": "APT21794-USD"}


class SymbolSettings(Section):
    """One line of the universe. Vendor ids that are not given follow the mapping rules of the class."""

    symbol: str
    asset_class: AssetClass = "stock"
    currency: str = "USD"
    polygon_id: str | None = None
    yahoo_id: str | None = None
    active: bool = True
    valid_from: date = date(1990, 1, 1)
    valid_to: date | None = None


def _default_universe() -> tuple[SymbolSettings, ...]:
    listed = [("stock", s) for s in _STOCKS.split()] + [("etf", s) for s in _ETFS.split()]
    coins = [("crypto", f"{coin}-USD") for coin in _CRYPTO.split()]
    return tuple(
        SymbolSettings(symbol=symbol, asset_class=kind, yahoo_id=_YAHOO_COINS.get(symbol))
        for kind, symbol in listed + coins
    )


class ScoreSettings(Section):
    """Thresholds of the quality score."""

    extreme_ratio: float = Field(5.0, gt=0)
    gap_ratio: float = Field(0.10, gt=0)
    volume_high: float = Field(10.0, gt=1)
    volume_low: float = Field(0.1, gt=0, lt=1)


class ReconcileSettings(Section):
    """Which source checks the first one, and how far they may differ."""

    source: Source = "yahoo"
    ok_ratio: float = Field(0.002, gt=0)
    fail_ratio: float = Field(0.01, gt=0)


class EquitiesSettings(Section):
    """Settings under the key `equities`."""

    start_year: int = Field(2015, ge=1990, le=2100)
    backfill_years: int = Field(5, ge=1)
    universe: tuple[SymbolSettings, ...] = Field(default_factory=_default_universe)
    sources: tuple[Source, ...] = SOURCES
    vendor_delay_min: int = Field(120, ge=0)
    min_quality: float = Field(0.85, ge=0, le=1)
    trailing_sessions: int = Field(30, ge=1, description="Sessions re-fetched for late corrections")
    repair_days: int = Field(5, ge=1, description="Days on which a partition with an open gap is fetched again")
    score: ScoreSettings = ScoreSettings()
    reconcile: ReconcileSettings = ReconcileSettings()

    @model_validator(mode="after")
    def _sources_differ(self) -> "EquitiesSettings":
        if not self.sources:
            raise ValueError("equities.sources must name at least one source")
        if self.sources[0] == self.reconcile.source:
            raise ValueError(f"equities.reconcile.source must differ from the first source ({self.sources[0]})")
        return self
