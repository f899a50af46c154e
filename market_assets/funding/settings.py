"""Settings of the funding domain: exchanges, how each is asked, windows, costs, thresholds."""

from datetime import date
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from market_assets.core.settings import RateBudget, Section

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class HistorySettings(Section):
    """Where settled history is asked for. Nobody needs a key."""

    base_url: str = Field(description="Address of its public API")
    budget: RateBudget = Field(RateBudget(per_second=5), description="Requests of settled history")


class VenueSettings(HistorySettings):
    """How one exchange is asked."""

    market_budget: RateBudget = Field(RateBudget(per_second=5), description="Requests of listings and current state")
    workers: Count = Field(4, description="Requests under way at once")


def _venue(base_url: str, budget: RateBudget | None = None, market: RateBudget | None = None) -> VenueSettings:
    common = budget or RateBudget(per_second=5)
    return VenueSettings(base_url=base_url, budget=common, market_budget=market or common)


_BINANCE = RateBudget(per_5_minutes=500)


def _over(default: Any, stated: Any) -> Any:
    """What is stated, over a default; of sections both count, name by name."""
    if not isinstance(default, dict) or not isinstance(stated, dict):
        return stated
    return default | {name: _over(default.get(name), value) for name, value in stated.items()}


class VenuesSettings(Section):
    """Address and budget of each exchange; what is not stated keeps its default."""

    binance_usdm: VenueSettings = _venue("https://fapi.binance.com", _BINANCE, RateBudget(per_second=20))
    binance_coinm: VenueSettings = _venue("https://dapi.binance.com", _BINANCE, RateBudget(per_second=20))
    binance_archive: HistorySettings = HistorySettings(
        base_url="https://data.binance.vision", budget=RateBudget(per_second=10)
    )
    bybit: VenueSettings = _venue("https://api.bybit.com")
    okx: VenueSettings = _venue("https://www.okx.com")
    bitget: VenueSettings = _venue("https://api.bitget.com")
    gate: VenueSettings = _venue("https://api.gateio.ws")
    kucoin: VenueSettings = _venue("https://api-futures.kucoin.com")
    mexc: VenueSettings = _venue("https://contract.mexc.com")
    deribit: VenueSettings = _venue("https://www.deribit.com")
    hyperliquid: VenueSettings = _venue("https://api.hyperliquid.xyz", RateBudget(per_minute=1200))
    dydx: VenueSettings = _venue("https://indexer.dydx.trade")
    aster: VenueSettings = _venue("https://fapi.asterdex.com")
    backpack: VenueSettings = _venue("https://api.backpack.exchange")
    lighter: VenueSettings = _venue("https://mainnet.zklighter.elliot.ai", RateBudget(per_second=1))
    pacifica: VenueSettings = _venue("https://api.pacifica.fi", RateBudget(per_minute=90))
    hibachi: VenueSettings = _venue("https://data-api.hibachi.xyz")
    krakenfutures: VenueSettings = _venue("https://futures.kraken.com")
    htx: VenueSettings = _venue("https://api.hbdm.com")
    drift: VenueSettings = _venue("https://data.api.drift.trade")
    bingx: VenueSettings = _venue("https://open-api.bingx.com", market=RateBudget(per_second=20))

    @model_validator(mode="before")
    @classmethod
    def _over_defaults(cls, stated: Any) -> Any:
        if not isinstance(stated, dict):
            return stated
        defaults = {name: described.default.model_dump() for name, described in cls.model_fields.items()}
        return {name: _over(defaults[name], own) if name in defaults else own for name, own in stated.items()}


#: every exchange with a venue record of its own: keys of the partitions, in this order
EXCHANGES: tuple[str, ...] = tuple(name for name in VenuesSettings.model_fields if name != "binance_archive")
#: exchange -> whoever runs it, where that is not the exchange's own name
VENUE_OF = {"binance_usdm": "binance", "binance_coinm": "binance"}


class InstrumentOverride(Section):
    """A native base that is another asset than its name says."""

    exchange: str
    native_base: str = Field(min_length=1)
    base_asset: str = Field(min_length=1)
    multiplier: float = Field(1.0, gt=0, description="Units of base_asset in one native base")


#: names whose multiplier is known without asking prices: (native base, asset, multiplier)
_PREFIXED = [
    *(
        (f"1000{name}", name, 1000.0)
        for name in ("PEPE", "SHIB", "BONK", "FLOKI", "LUNC", "XEC", "SATS", "RATS", "CAT")
    ),
    ("1MBABYDOGE", "BABYDOGE", 1e6),
    ("1000000MOG", "MOG", 1e6),
]
_LOWER_K = [(f"k{name}", name, 1000.0) for name in ("PEPE", "SHIB", "BONK", "FLOKI", "LUNC", "NEIRO")]
_LOWER_K_EXCHANGES = ("hyperliquid", "backpack", "lighter", "pacifica")
_XBT = [InstrumentOverride(exchange=name, native_base="XBT", base_asset="BTC") for name in ("kucoin", "krakenfutures")]


def _curated() -> tuple[InstrumentOverride, ...]:
    known = [(exchange, *row) for exchange in EXCHANGES for row in _PREFIXED]
    known += [(exchange, *row) for exchange in _LOWER_K_EXCHANGES for row in _LOWER_K]
    rows = [
        InstrumentOverride(exchange=exchange, native_base=native, base_asset=base, multiplier=multiplier)
        for exchange, native, base, multiplier in known
    ]
    return (*rows, *_XBT)


CURATED = _curated()


class TakerFees(Section):
    """Taker fee of each exchange (bps of notional, one fill). Yours depends on your tier: edit it."""

    binance_usdm: float = Field(5.0, ge=0)
    binance_coinm: float = Field(5.0, ge=0)
    bybit: float = Field(5.5, ge=0)
    okx: float = Field(5.0, ge=0)
    bitget: float = Field(6.0, ge=0)
    gate: float = Field(5.0, ge=0)
    kucoin: float = Field(6.0, ge=0)
    mexc: float = Field(2.0, ge=0)
    deribit: float = Field(5.0, ge=0)
    hyperliquid: float = Field(4.5, ge=0)
    dydx: float = Field(5.0, ge=0)
    aster: float = Field(4.0, ge=0)
    backpack: float = Field(5.0, ge=0)
    lighter: float = Field(0.0, ge=0)
    pacifica: float = Field(4.0, ge=0)
    hibachi: float = Field(4.5, ge=0)
    krakenfutures: float = Field(5.0, ge=0)
    htx: float = Field(5.0, ge=0)
    drift: float = Field(10.0, ge=0)
    bingx: float = Field(5.0, ge=0)
    others: float = Field(5.0, ge=0, description="Exchanges asked by way of ccxt")

    def of(self, exchange: str) -> float:
        """The fee of an exchange (bps)."""
        fee: float = getattr(self, exchange, self.others)
        return fee


class OpportunitySettings(Section):
    """What a pair of legs costs, and which pairs count."""

    max_age_min: float = Field(10.0, gt=0, description="Oldest snapshot of a leg")
    slippage_pct: float = Field(0.04, ge=0, description="Sum over the four fills of a round trip (%)")
    holding_days: float = Field(7.0, gt=0, description="Days over which the round trip is spread")
    oi_share: Share = Field(0.01, description="Share of a leg's open interest that is still tradable")
    notify: bool = Field(False, description="Whether a good pair fails a check, to be told of it")
    notify_net_apr: float = Field(30.0, description="Net yearly percent worth a notice")


class FundingSettings(Section):
    """Settings under the key `funding`."""

    start_date: date = Field(date(2025, 1, 1), description="First day of the partitions")
    exchanges: tuple[str, ...] = Field(EXCHANGES, min_length=1, description="Exchanges that are asked")
    ccxt_exchanges: tuple[str, ...] = Field((), description="Ids of further exchanges, asked by way of ccxt (extra)")
    snapshot_min: Annotated[int, Field(ge=1, le=30)] = Field(5, description="Minutes between snapshots")
    window_days: Annotated[int, Field(ge=2, le=90)] = Field(30, description="Days of completeness and statistics")
    trailing_days: Count = Field(3, description="Days asked for again every night")
    repair_hours: Count = Field(6, description="Hours between two repairs of the same gap")
    repair_tries: Count = Field(12, description="Repairs of the same gap at most")
    repair_partitions: Count = Field(200, description="Partitions a repair asks for at most")
    archive: bool = Field(True, description="Past months of Binance come from its archive files")
    venues: VenuesSettings = VenuesSettings()
    instrument_overrides: tuple[InstrumentOverride, ...] = Field((), description="Before the curated ones")
    taker_fee_bps: TakerFees = TakerFees()
    opp: OpportunitySettings = OpportunitySettings()
    breaker_open_s: float = Field(300.0, gt=0, description="Time a venue's breaker stays open")
    page_size: Count = Field(50, le=50, description="Opportunities a page of the REST API has at most")

    @model_validator(mode="after")
    def _known(self) -> Self:
        unknown = sorted(set(self.exchanges) - set(EXCHANGES))
        if unknown:
            raise ValueError(f"funding.exchanges are some of {', '.join(EXCHANGES)}; was {', '.join(unknown)}")
        if len(set(self.exchanges)) < len(self.exchanges):
            raise ValueError("funding.exchanges must differ from each other")
        strange = sorted({one.exchange for one in self.instrument_overrides} - {*EXCHANGES, *self.ccxt_exchanges})
        if strange:
            raise ValueError(f"funding.instrument_overrides name an exchange of ours; was {', '.join(strange)}")
        return self

    @property
    def enabled(self) -> tuple[str, ...]:
        """Every exchange that is asked, those by way of ccxt last."""
        return (*self.exchanges, *(name for name in self.ccxt_exchanges if name not in self.exchanges))

    @property
    def overrides(self) -> tuple[InstrumentOverride, ...]:
        """The user's, then the curated ones; the first of an exchange and native base counts."""
        return (*self.instrument_overrides, *CURATED)

    def venue(self, exchange: str) -> VenueSettings:
        """How an exchange is asked; of one by way of ccxt, whose address ccxt knows, the common budget."""
        found: VenueSettings = getattr(self.venues, exchange, VenueSettings(base_url=""))
        return found

    def venue_of(self, exchange: str) -> str:
        """Whoever runs an exchange: two legs at one venue are no pair."""
        return VENUE_OF.get(exchange, exchange)
