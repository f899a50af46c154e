"""Settings of the crypto domain: symbols, market, overlays, signals, paper account, advisor, thresholds."""

from datetime import date, timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from market_assets.core.settings import RateBudget, Section

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Market = Literal["um_futures", "spot"]
OverlayName = Literal["supertrend", "chandelier", "liquidity", "order_flow", "regime", "alignment"]

OVERLAYS: tuple[OverlayName, ...] = ("supertrend", "chandelier", "liquidity", "order_flow", "regime", "alignment")
#: timeframes built from minutes -> minutes of each, shortest first
MINUTES = {"5m": 5, "15m": 15, "1h": 60, "4h": 240, "1d": 1440}
#: days of candles that the overlays of a day may look back on
LOOK_BACK_DAYS = 320


class ListingWindow(Section):
    """When a symbol could be traded, where the venue's own listing does not tell it."""

    symbol: str
    valid_from: date | None = None
    valid_to: date | None = Field(None, description="First day without trading")


#: renamed from one day to the next: the venue lists neither end of the old name
CURATED_LISTINGS = (
    ListingWindow(symbol="MATICUSDT", valid_to=date(2024, 9, 11)),
    ListingWindow(symbol="POLUSDT", valid_from=date(2024, 9, 13)),
)


class Venue(Section):
    """How one market of the venue is asked."""

    #: its name: route of the sandbox, name of its breaker
    vendor: str
    base_url: str
    #: path of its routes
    root: str
    stream_url: str
    #: candles of a page
    page: Count
    #: weight we allow ourselves a minute: 60 % of what the venue allows
    per_minute: Count
    #: folder of its archive
    archive: str


VENUES: dict[Market, Venue] = {
    "um_futures": Venue(
        vendor="binance_usdm",
        base_url="https://fapi.binance.com",
        root="/fapi/v1",
        stream_url="wss://fstream.binance.com/market/stream",
        page=1500,
        per_minute=1440,
        archive="/data/futures/um/daily/klines",
    ),
    "spot": Venue(
        vendor="binance_spot",
        base_url="https://api.binance.com",
        root="/api/v3",
        stream_url="wss://stream.binance.com:9443/stream",
        page=1000,
        per_minute=3600,
        archive="/data/spot/daily/klines",
    ),
}


class OverlaySettings(Section):
    """Which overlays are computed, and from how many bars before each day."""

    enabled: tuple[OverlayName, ...] = OVERLAYS
    lookback_bars: Count = Field(600, description="Bars before a day, of 5m to 4h")
    lookback_bars_1d: Annotated[int, Field(ge=1, le=LOOK_BACK_DAYS)] = 320

    def lookback(self, timeframe: str) -> int:
        """Bars before a day that its overlays are computed from."""
        return self.lookback_bars_1d if timeframe == "1d" else self.lookback_bars

    def reach(self, timeframe: str) -> timedelta:
        """How long before a day they may lie: twice as long as they last, so that missing candles do not shorten it.

        What lies beyond a longer hole is not looked at, however much of it was loaded.
        """
        twice = timedelta(minutes=2 * self.lookback(timeframe) * MINUTES[timeframe])
        return min(twice, timedelta(days=LOOK_BACK_DAYS))


class LiquiditySettings(Section):
    """The volume profile of the liquidity overlay."""

    window: Count = Field(100, description="Bars of the profile, the current one included")
    recent: Count = Field(50, description="Newest bars that count twice")
    bins: Count = 50
    pad_share: float = Field(0.05, ge=0, description="Room below the lowest low and above the highest high")
    high_close: Share = Field(0.6, description="Close position above which the upper bins weigh more")
    low_close: Share = Field(0.4, description="Close position below which the lower bins weigh more")
    side_weight: float = Field(1.3, gt=0)
    all_weight: float = Field(0.7, ge=0)
    recent_weight: float = Field(0.45, ge=0)
    kernel: tuple[float, ...] = (0.1, 0.2, 0.4, 0.2, 0.1)
    threshold_quantile: Share = 0.95
    min_distance_pct: float = Field(0.5, ge=0, description="Nearest that two zones may be (% of price)")

    @model_validator(mode="after")
    def _kernel_has_a_centre(self) -> Self:
        if len(self.kernel) % 2 == 0:
            raise ValueError("liquidity.kernel needs an odd number of weights, so that it has a centre")
        return self


class RegimeSettings(Section):
    """The market regime overlay."""

    fast: Count = 20
    slow: Count = 50
    range_bars: Count = 14
    volume_bars: Count = 50
    rank_window: Count = Field(500, description="Previous values that a rank is of")
    rank_window_1d: Count = 250
    trend_min: float = Field(0.9, gt=0, description="Trend score above which it is a trend")
    vol_rank: Share = Field(0.7, description="Volatility rank above which a trend is a volatile one")
    range_rank: Share = Field(0.3, description="Range rank below which a range is a compression")
    confirm_bars: Count = Field(3, description="Last labels that must agree")


class SignalSettings(Section):
    """Rule-based decisions."""

    timeframe: Literal["5m", "15m", "1h", "4h", "1d"] = Field("1h", description="Primary timeframe")
    strategy_version: Count = Field(1, description="Raise it when the rules are retuned")
    min_votes: Annotated[int, Field(ge=1, le=6)] = 4
    max_against: Annotated[int, Field(ge=0, le=6)] = 1
    zone_near_pct: float = Field(1.0, gt=0, description="Distance below which a zone votes")
    align_min: Share = 0.75
    flow_min: Share = 0.05
    min_confidence: Share = Field(0.60, description="Feature confidence from which a signal is tradeable")
    base_size: Share = Field(0.02, description="Size ratio at full confidence")
    max_size: Share = 0.05
    stop_atr: float = Field(2.0, gt=0)
    min_stop_atr: float = Field(0.5, gt=0)
    zone_stop_pct: float = Field(0.5, ge=0)
    target_pcts: tuple[float, float, float] = (2.0, 4.0, 6.0)
    target_shares: tuple[float, float, float] = (0.5, 0.25, 0.25)
    trail_arm_pct: float = Field(1.5, gt=0)
    trail_atr: float = Field(1.5, gt=0)
    time_stop_min: Count = 240


class PaperSettings(Section):
    """The simulated account."""

    start_day: date | None = Field(None, description="First day of the account; None is crypto.start_date")
    start_equity: float = Field(10_000.0, gt=0, description="USD")
    entry_mode: Literal["next_open", "zone_limit"] = "next_open"
    zone_limit_pct: float = Field(0.5, gt=0, description="Farthest zone that a limit order waits at")
    zone_limit_min: Count = Field(15, description="Minutes until a limit order expires")
    slippage_pct: float = Field(0.05, ge=0)
    commission_pct: float = Field(0.1, ge=0)
    no_bar_min: Count = Field(5, description="Minutes without a bar after which an order is cancelled")
    confidence_drop: Share = Field(0.15, description="Fall of feature confidence that closes a position")
    max_position: Share = Field(0.05, description="Share of equity in one position")
    max_exposure: Share = 0.20
    max_positions: Count = 10
    max_group: Share = Field(0.15, description="Share of equity in correlated symbols")
    correlation: Share = Field(0.8, description="Correlation of daily returns that links two symbols")
    correlation_days: Count = 30
    correlation_min_days: Count = 20
    max_drawdown: Share = Field(0.10, description="Drawdown from which nothing new is entered")


class TargetSettings(Section):
    """What the paper account is measured against."""

    win_rate: Share = 0.55
    sharpe: float = 1.5
    max_drawdown: Share = 0.10


class SentimentSettings(Section):
    """The Fear & Greed index."""

    enabled: bool = Field(True, description="Whether it is asked for, as context of the advisor")
    base_url: str = "https://api.alternative.me"
    budget: RateBudget = RateBudget(per_minute=30)


class AdviceSettings(Section):
    """The optional language model."""

    enabled: bool = False
    base_url: str = "https://api.deepseek.com"
    model: str = Field("deepseek-v4-flash", min_length=1)
    temperature: float = Field(0.0, ge=0, le=2)
    max_tokens: Count = 4000
    deadline_s: float = Field(120.0, gt=0, description="Time for one call with its retries")
    max_calls_per_day: Count = 200
    max_failures: Count = Field(3, description="Consecutive failures after which a run asks no more")

    @property
    def budget(self) -> RateBudget:
        """Calls a day."""
        return RateBudget(per_day=self.max_calls_per_day)


class TelemetrySettings(Section):
    """What an overlay may cost."""

    max_latency_ms: float = Field(2000.0, gt=0, description="Per partition")
    max_rss_mb: float = Field(512.0, gt=0)


class StreamSettings(Section):
    """The live collector."""

    flush_s: float = Field(10.0, gt=0, description="Longest time a closed candle waits to be stored")
    silent_s: float = Field(90.0, gt=0, description="Time without a message after which it connects anew")
    first_wait_s: float = Field(1.0, gt=0, description="Wait before the second attempt to connect")
    max_wait_s: float = Field(30.0, gt=0)
    cache_bars: Count = Field(5000, description="Candles kept for the live page, per symbol")


class CryptoSettings(Section):
    """Settings under the key `crypto`."""

    market: Market = Field("um_futures", description="USD-margined perpetuals, or spot")
    symbols: tuple[str, ...] = Field(
        (
            "BTCUSDT",
            "ETHUSDT",
            "ADAUSDT",
            "SOLUSDT",
            "DOTUSDT",
            "LINKUSDT",
            "LTCUSDT",
            "BCHUSDT",
            "XRPUSDT",
            "POLUSDT",
        ),
        min_length=1,
        description="Symbols, as the venue spells them",
    )
    start_date: date = Field(date(2024, 1, 1), description="First day of the partitions")
    listings: tuple[ListingWindow, ...] = Field((), description="Before the curated ones and the venue's own")
    base_url: str | None = Field(None, description="Address of the venue or of a mirror; None is the market's own")
    stream_url: str | None = Field(None, description="Address of its stream; None is the market's own")
    budget: RateBudget | None = Field(None, description="Request weight; None is 60 % of what the market allows")
    live: bool = Field(True, description="Whether the venue itself is asked; without it the archive alone")
    archive: bool = Field(True, description="Whether closed days come from the daily archive first")
    close_grace_s: float = Field(5.0, ge=0, description="Time after its end from which a candle is final")
    profile: Literal["scalp", "swing", "custom"] = Field("custom", description="Cadence: 1, 15, or cadence_min")
    cadence_min: Annotated[int, Field(ge=1, le=30)] = Field(5, description="Minutes between runs of the running day")
    trailing_days: Count = Field(2, description="Days asked for again every night")
    overlays: OverlaySettings = OverlaySettings()
    liquidity: LiquiditySettings = LiquiditySettings()
    regime: RegimeSettings = RegimeSettings()
    signals: SignalSettings = SignalSettings()
    paper: PaperSettings = PaperSettings()
    targets: TargetSettings = TargetSettings()
    sentiment: SentimentSettings = SentimentSettings()
    advice: AdviceSettings = AdviceSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    stream: StreamSettings = StreamSettings()

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.symbols)) < len(self.symbols):
            raise ValueError("crypto.symbols must differ from each other")
        strange = [name for name in self.symbols if not (name.isascii() and name.isalnum() and name.isupper())]
        if strange:
            raise ValueError(f"crypto.symbols are spelled as BTCUSDT; was {', '.join(strange)}")
        return self

    @property
    def venue(self) -> Venue:
        """How the market in use is asked, own addresses and budget included."""
        common = VENUES[self.market]
        return common.model_copy(
            update={
                "base_url": self.base_url or common.base_url,
                "stream_url": self.stream_url or common.stream_url,
            }
        )

    @property
    def request_budget(self) -> RateBudget:
        """Request weight the venue may be asked for."""
        return self.budget or RateBudget(per_minute=self.venue.per_minute)

    @property
    def cadence(self) -> int:
        """Minutes between runs of the running day."""
        return {"scalp": 1, "swing": 15}.get(self.profile, self.cadence_min)

    @property
    def account_start(self) -> date:
        """First day of the paper account."""
        return self.paper.start_day or self.start_date

    def listing(self, symbol: str) -> ListingWindow | None:
        """What is known of a symbol's window: the user's row, then the curated one."""
        return next((row for row in (*self.listings, *CURATED_LISTINGS) if row.symbol == symbol), None)
