"""Settings of the bars domain: instruments, sources, fallback, indicators, signals, risk, live collector."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from market_assets.bars.instruments import CURATED, Bound, InstrumentRow, Source, spelled
from market_assets.core.settings import RateBudget, Section

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]

SOURCES: tuple[Source, ...] = ("yahoo", "alphavantage", "twelvedata", "polygon")
AlphaId = Literal[
    "momentum_v3", "mean_revert_v2", "breakout_v2", "volume_v1", "sentiment_v1", "corr_arb_v1"
]  # fmt: skip
ALPHAS: tuple[AlphaId, ...] = (
    "momentum_v3",
    "mean_revert_v2",
    "breakout_v2",
    "volume_v1",
    "sentiment_v1",
    "corr_arb_v1",
)
#: days that hold `indicators.warm_bars` bars, also of 390-bar sessions with holidays between
LOOK_BACK_DAYS = 12
#: days that signals are walked through before their own, for the outcomes they are scored by
OUTCOME_DAYS = 30
MacroName = Literal["usd_index", "vix", "ust10y", "ust2y"]


class AlphaVantageSettings(Section):
    """Alpha Vantage: minute functions need a premium key, whose budget has to be set here."""

    base_url: str = "https://www.alphavantage.co"
    budget: RateBudget = RateBudget(per_second=1, per_day=25)
    delay_s: float = Field(0.0, ge=0, description="Time after a minute's end when its bar is served")


class TwelveDataSettings(Section):
    """Twelve Data: budgets count credits, and large requests cost several."""

    base_url: str = "https://api.twelvedata.com"
    budget: RateBudget = RateBudget(per_minute=8, per_day=800)
    delay_s: float = Field(130.0, ge=0, description="Time after a minute's end when its bar is served")


class FredSettings(Section):
    """FRED, the source of macro series. Without a key its public CSV files are asked for."""

    base_url: str = "https://api.stlouisfed.org"
    csv_url: str = "https://fred.stlouisfed.org"
    budget: RateBudget = RateBudget(per_minute=60)


class SourceExclusion(Section):
    """Days of a symbol that a source must not serve."""

    source: Source
    symbol: str
    first: date
    last: date


class IndicatorSettings(Section):
    """The 16 indicators."""

    warm_bars: Count = Field(2500, description="Bars before a day that its values are computed from")


class MacroSettings(Section):
    """Daily macro series with their release times."""

    enabled: bool = Field(True, description="Whether they are asked for; without them macro columns are null")
    series: dict[MacroName, str] = Field(
        {"usd_index": "DTWEXBGS", "vix": "VIXCLS", "ust10y": "DGS10", "ust2y": "DGS2"},
        description="Our name -> FRED's id",
    )
    release_lag_bd: int = Field(1, ge=0, description="Business days after an observation when it can be used")
    usd_index_lag_days: int = Field(7, ge=0, description="The same for the dollar index, in days")
    release_hour: int = Field(22, ge=0, le=23, description="Hour (UTC) of the release")
    start_date: date = Field(date(2024, 1, 1), description="First observation")
    z_window: Annotated[int, Field(ge=2)] = Field(60, description="Observations before one that it is compared with")
    fred: FredSettings = FredSettings()

    def __hash__(self) -> int:
        # its mapping has no hash, and settings are keys
        return hash(self.model_dump_json())


class SignalSettings(Section):
    """The alphas, their score and their grades."""

    profile: Literal["production", "relaxed"] = Field("production", description="Which thresholds are in force")
    strategy_version: Count = Field(1, description="Raise it when the rules are retuned")
    horizon_bars: Count = Field(240, description="Bars after which a signal that met neither level is over")
    outcome_days: Annotated[int, Field(ge=1, le=30)] = Field(30, description="Days of outcomes that p_win is of")
    min_outcomes: Count = Field(30, description="Outcomes below which a signal is unproven")
    q_aplus: float = Field(8.5, ge=0, le=10)
    q_min: float = Field(7.0, ge=0, le=10)
    q_min_relaxed: float = Field(3.0, ge=0, le=10)
    weights: dict[AlphaId, Annotated[float, Field(ge=0.1, le=2)]] = Field(
        {}, description="Weight of an alpha, 1 unless set"
    )
    ttl_min: Count = Field(15, description="Minutes after which a signal is shown no more")

    def __hash__(self) -> int:
        # its mapping has no hash, and settings are keys
        return hash(self.model_dump_json())


class RiskSettings(Section):
    """Levels, sizing and the rules that the compliance table checks."""

    horizon_bars: Count = Field(60, description="Bars that the risk of a position is meant for")
    max_leverage: Positive = 1.5
    es95_max_ratio: Share = Field(0.01, description="Expected shortfall of a position, as a share of equity")
    max_daily_loss_ratio: Share = 0.05
    max_drawdown_ratio: Share = 0.10
    min_trading_days: int = Field(5, ge=0)
    flat_before_close_min: int = Field(0, ge=0, description="Minutes before a session's end without open signals")


class FilterSettings(Section):
    """Execution filters of live signals."""

    spread_percentile: Annotated[float, Field(ge=0, le=100)] = 60.0
    spread_window: Count = 100
    spread_min_seen: Count = 20
    max_slippage_bps: Positive = 2.0
    max_latency_ms: Positive = 400.0
    latency_strikes: Count = 3
    pause_s: Positive = 60.0
    max_quotes: Count = Field(20, description="Quotes in `quotes_s` above which the tape is too fast")
    quotes_s: Positive = 10.0


class StreamSettings(Section):
    """The live collector."""

    interval_s: float = Field(1.0, ge=0.1, description="Between two quotes of a symbol, where budgets allow it")
    budget_share: float = Field(1.0, gt=0, le=1, description="Share of a source's remaining budget it may use")
    close_delay_s: float = Field(2.0, ge=0, description="Time after a minute's end that its quotes may take")
    flush_s: Positive = Field(10.0, description="Longest time a closed bar waits to be stored")
    cache_bars: Count = Field(5000, description="Bars kept hot, per symbol")
    warn_s: Positive = Field(10.0, description="Age of the last quote that is a warning, 3 intervals at least")
    error_s: Positive = Field(60.0, description="Age of the last quote that is an error, 6 intervals at least")


class BarsSettings(Section):
    """Settings under the key `bars`."""

    symbols: tuple[str, ...] = Field(
        tuple(row.symbol for row in CURATED), min_length=1, description="House symbols, each with an instrument row"
    )
    instruments: tuple[InstrumentRow, ...] = Field((), description="Rows before the curated ones, by symbol")
    start_date: date = Field(date(2025, 1, 1), description="First day of the partitions")
    sources: tuple[Source, ...] = Field(SOURCES, min_length=1, description="Order of preference")
    source_exclusions: tuple[SourceExclusion, ...] = ()
    timeout_s: Positive = Field(5.0, description="Time for one request to a source")
    close_grace_s: float = Field(60.0, ge=0, description="Time after its end from which a bar is final")
    min_batch_quality: Share = Field(0.8, description="Mean quality score of an answer that is accepted")
    min_coverage_always: Share = Field(0.9, description="Share of the expected minutes, of markets that never close")
    min_coverage: Share = Field(0.5, description="The same of all other markets, where minutes may have no trades")
    merge_mode: Literal["fill", "whole"] = Field("fill", description="Whether another source may fill missing minutes")
    overlap_ok: Positive = Field(0.002, description="Relative difference of closes up to which two sources agree")
    overlap_error: Positive = Field(0.01, description="From which they contradict each other")
    overlap_min: Count = Field(30, description="Common minutes that two sources are compared on at least")
    micro_batch_min: Annotated[int, Field(ge=1, le=30)] = Field(
        5, description="Minutes between runs of the running day"
    )
    trailing_days: Count = Field(2, description="Days asked for again every night")
    reconcile: bool = Field(True, description="Whether each day a second source is asked, to compare")
    trust_days: Annotated[int, Field(ge=1, le=30)] = Field(30, description="Days of comparisons a trust score is of")
    sentiment_plugin: str | None = Field(
        None,
        pattern=r"^[\w.]+:\w+$",
        description="`module:function` that gives sentiment; without it the column is null",
    )
    alphavantage: AlphaVantageSettings = AlphaVantageSettings()
    twelvedata: TwelveDataSettings = TwelveDataSettings()
    indicators: IndicatorSettings = IndicatorSettings()
    macro: MacroSettings = MacroSettings()
    signals: SignalSettings = SignalSettings()
    risk: RiskSettings = RiskSettings()
    filters: FilterSettings = FilterSettings()
    stream: StreamSettings = StreamSettings()

    @field_validator("symbols", "sources")
    @classmethod
    def _distinct(cls, stated: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(stated)) < len(stated):
            raise ValueError(f"must differ from each other; was {', '.join(stated)}")
        return stated

    @model_validator(mode="after")
    def _known(self) -> Self:
        rows = self.rows
        unknown = [symbol for symbol in self.symbols if symbol not in rows]
        if unknown:
            raise ValueError(f"bars.symbols need a row in bars.instruments; {', '.join(unknown)} have none")
        lost = [f"{row.symbol} -> {alt}" for row in rows.values() for alt in row.alt_symbols if alt not in rows]
        if lost:
            raise ValueError(f"alt_symbols must be instruments; was {', '.join(lost)}")
        spelled(rows.values())
        if self.overlap_ok > self.overlap_error:
            raise ValueError("bars.overlap_ok must not lie above bars.overlap_error")
        return self

    @property
    def rows(self) -> dict[str, InstrumentRow]:
        """Every instrument by its house symbol: the user's rows over the curated ones."""
        return {row.symbol: row for row in (*CURATED, *self.instruments)}

    def instrument(self, symbol: str) -> InstrumentRow:
        """The row of a house symbol. Raises KeyError; the settings have a row for every symbol in use."""
        return self.rows[symbol]

    def named(self, name: str) -> str | None:
        """The house symbol in use that a name variant (any case) stands for; None where none does."""
        known = spelled(self.rows[symbol] for symbol in self.symbols)
        return known.get(name.upper())

    def chain(self, symbol: str) -> list[Bound]:
        """Where a symbol's bars may come from, best first.

        Its own ids at the sources in order; where it may switch kinds, those of its alternatives after them. The
        index in this list is the fallback level.
        """
        row = self.instrument(symbol)
        rows = [row, *(self.instrument(alt) for alt in row.alt_symbols if row.allow_kind_switch)]
        return [
            Bound(source, one.ids[source], one.symbol, one.kind)
            for one in rows
            for source in (row.sources or self.sources)
            if source in one.ids
        ]

    def min_covered(self, calendar: str) -> float:
        """Share of the expected minutes from which an answer is accepted."""
        return self.min_coverage_always if calendar == "always" else self.min_coverage

    @property
    def delays_s(self) -> dict[Source, float]:
        """Source -> seconds after a minute's end when its bar is served."""
        told: dict[Source, float] = {"alphavantage": self.alphavantage.delay_s, "twelvedata": self.twelvedata.delay_s}
        return {source: told.get(source, 0.0) for source in SOURCES}

    def is_excluded(self, source: str, symbol: str, day: date) -> bool:
        """Whether a source must not serve a symbol's day."""
        return any(
            one.source == source and one.symbol == symbol and one.first <= day <= one.last
            for one in self.source_exclusions
        )
