"""The btc domain's choices: source, windows, thresholds. Frozen data, validated."""

import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from market_assets.core.settings import RateBudget, Section

#: raised when the same settings give other values: rows of another feature_version are not comparable
CODE_VERSION = 1


def _whole(value: object) -> object:
    if isinstance(value, bool | float):
        raise ValueError("must be a whole number")
    return value


#: a whole number of 32 bits, as tables hold it; YAML's `yes` and `6.0` are none, an environment variable's text may be
Whole = Annotated[int, BeforeValidator(_whole), Field(le=2**31 - 1)]
Count = Annotated[Whole, Field(ge=1)]
NotNegative = Annotated[Whole, Field(ge=0)]
#: rows of a slope; one row has none
SlopeRows = Annotated[Whole, Field(ge=2)]

#: what of the domain can be exported, and where each group's columns come from
FEATURE_GROUPS = ("processed", "rpn", "bins", "dominance", "signals")
EXPORT_GROUPS = ("raw", *FEATURE_GROUPS, "all_features", "latest_signals", "labels", "performance", "training_data")
Format = Literal["csv", "json", "parquet"]
FORMATS: tuple[Format, ...] = ("csv", "json", "parquet")

#: context of a validation that leaves out what settings of one section must be together (see config.findings)
SINGLY = {"settings": "singly"}


class BtcSection(Section):
    """A section of the domain: numbers are finite and no bools, and what its settings must be together is told."""

    model_config = ConfigDict(allow_inf_nan=False)

    def contradictions(self) -> dict[tuple[str, ...], str]:
        """Rules over several settings that do not hold: their names, and what must hold."""
        return {}

    @field_validator("*", mode="before")
    @classmethod
    def _bool_is_no_number(cls, value: object, info: ValidationInfo) -> object:
        named = cls.model_fields.get(info.field_name or "")
        if isinstance(value, bool) and named is not None and named.annotation is float:
            raise ValueError("must be a number")
        return value

    @model_validator(mode="after")
    def _fits_together(self, info: ValidationInfo) -> Self:
        if info.context is not SINGLY and (said := self.contradictions()):
            raise ValueError("; ".join(said.values()))
        return self


def _holds(name: str, rows: int, window: str, hours: int) -> dict[tuple[str, ...], str]:
    return {} if rows <= hours else {(name, window): f"{name} ({rows}) must not exceed {window} ({hours})"}


def _once(name: str, hours: tuple[int, ...]) -> dict[tuple[str, ...], str]:
    return {} if len(set(hours)) == len(hours) else {(name,): f"{name} must differ from each other; were {hours}"}


class EndpointSettings(BtcSection):
    """Paths below the metrics root of the vendor."""

    price: str = "market/price_usd_close"
    ohlc: str = "market/price_usd_ohlc"
    long_liquidations: str = "derivatives/futures_liquidated_volume_long_sum"
    short_liquidations: str = "derivatives/futures_liquidated_volume_short_sum"


class GlassnodeSettings(BtcSection):
    """Glassnode. The key comes from GLASSNODE_API_KEY alone."""

    base_url: str = "https://api.glassnode.com"
    endpoints: EndpointSettings = EndpointSettings()
    requests_per_minute: Count = Field(10, description="Requests start at least 60 s / this apart")
    requests_per_day: NotNegative = Field(0, description="Daily credits of the plan; 0 is no limit")
    fetch_ohlc: bool = Field(False, description="Also ask for open, high, low, close")
    timeout_s: float = Field(120.0, gt=0)
    max_attempts: Count = 5
    first_wait_s: float = Field(6.0, ge=0, description="Wait before the second request; doubles")

    @property
    def budget(self) -> RateBudget:
        """The windows of the key."""
        return RateBudget(per_minute=self.requests_per_minute, per_day=self.requests_per_day)


class DatabaseSettings(BtcSection):
    """PostgreSQL in parts, where MARKET_ASSETS_POSTGRES_URL is not set; the password is DB_PASSWORD."""

    host: str = Field("localhost", min_length=1)
    port: Annotated[Whole, Field(ge=1, le=65535)] = 5432
    database: str = Field("btc_analysis", min_length=1)
    user: str = Field(min_length=1)
    password: SecretStr = Field(min_length=1)


class LoggingSettings(BtcSection):
    """The domain's log file, under `<home>/logs`."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    file: str = Field("btc_pipeline.log", min_length=1)
    max_mb: Count = 100
    backups: NotNegative = 5


class ProcessingSettings(BtcSection):
    """How much at a time, and when data are old."""

    batch_size: Count = Field(10_000, description="Rows computed at a time; has no influence on any value")
    default_days_back: Count = Field(30, description="Range of a reader's call without one")
    max_age_hours: float = Field(2.0, gt=0, description="Age that is a warning")
    stale_hours: float = Field(6.0, gt=0, description="Age that is an error")


class DataQualitySettings(BtcSection):
    """Short gaps and outliers of the liquidation series."""

    interpolation_limit: NotNegative = Field(3, description="Hours a value is carried forward; nothing is interpolated")
    outlier_threshold: float = Field(3.0, gt=0, description="Multiples of the interquartile range")
    min_data_points: Count = Field(100, description="Values a window needs before anything is an outlier")


class PreprocessSettings(BtcSection):
    """Taming of outliers."""

    outlier_window_hours: Count = 4320
    compression: Literal["soft", "none"] = "soft"
    scale: Literal["native", "log1p"] = "native"


class RpnSettings(BtcSection):
    """Trend, Kalman filter, and what is derived of them."""

    wavelet: str = "coif3"
    level: Count = 6
    fir_cutoff: float = Field(1e-9, gt=0)
    fir_min_weight: float = Field(0.95, gt=0, le=1)
    kalman_q: float = Field(0.05, gt=0)
    kalman_r: float = Field(80.0, gt=0)
    kalman_p0: float = Field(50.0, gt=0)
    kalman_prior_share: float = Field(0.5, ge=0, le=1)
    kalman_warm_obs: Count = 200
    ema_span_diff: Count = 16
    ema_span_lld: Count = 12
    z_window: Count = 24
    z_min: Count = 20
    z_clip: float = Field(20.0, gt=0)
    extreme_window_hours: Count = 720

    def contradictions(self) -> dict[tuple[str, ...], str]:
        """Whether a z-score's window can hold the values it needs."""
        return _holds("z_min", self.z_min, "z_window", self.z_window)

    @field_validator("wavelet")
    @classmethod
    def _known(cls, value: str) -> str:
        import pywt  # only where settings are read; a wheel of some weight

        if value not in pywt.wavelist(kind="discrete"):
            raise ValueError(f"unknown wavelet {value!r}; pywt.wavelist(kind='discrete') lists the known ones")
        return value


class BinSettings(BtcSection):
    """Weekly bin models, and the path over their bins."""

    n_clusters: Annotated[Whole, Field(ge=2, le=128)] = Field(9, description="Bins are 8-bit numbers from 0")
    method: Literal["kmeans_trailing", "quantile_trailing"] = "kmeans_trailing"
    train_hours: Count = 8760
    min_train_rows: Count = 2160
    max_iter: Count = 1000
    max_model_age_hours: Count = 672
    momentum_window_hours: Count = 720

    def contradictions(self) -> dict[tuple[str, ...], str]:
        """Whether a training window can hold the rows it needs."""
        return _holds("min_train_rows", self.min_train_rows, "train_hours", self.train_hours)


Quantiles = tuple[float, float]


class DominanceSettings(BtcSection):
    """Which side is being liquidated."""

    window_hours: Count = 8760
    min_hours: Count = 720
    outer_quantiles: Quantiles = (0.20, 0.80)
    inner_quantiles: Quantiles = (0.40, 0.60)
    rpn_mid_low: float = Field(0.48, ge=0, le=1)
    rpn_mid_high: float = Field(0.52, ge=0, le=1)
    high_quantile: float = Field(0.80, gt=0, lt=1)
    classification_enabled: bool = True

    def contradictions(self) -> dict[tuple[str, ...], str]:
        """Whether the window can hold its hours, the quantiles increase inside (0, 1), and the middle is a range."""
        said: dict[tuple[str, ...], str] = {}
        (low, high), (inner_low, inner_high) = self.outer_quantiles, self.inner_quantiles
        for name, (below, above) in (("outer_quantiles", (low, high)), ("inner_quantiles", (inner_low, inner_high))):
            if not 0 < below < above < 1:
                said[name,] = f"{name} must increase inside (0, 1); were {below}, {above}"
        if not said and not low < inner_low < inner_high < high:
            said["outer_quantiles", "inner_quantiles"] = (
                "quantiles must increase: outer low < inner low < inner high < outer high; "
                f"were {low}, {inner_low}, {inner_high}, {high}"
            )
        if self.rpn_mid_low > self.rpn_mid_high:
            said["rpn_mid_low", "rpn_mid_high"] = (
                f"rpn_mid_low ({self.rpn_mid_low}) must not exceed rpn_mid_high ({self.rpn_mid_high})"
            )
        return said | _holds("min_hours", self.min_hours, "window_hours", self.window_hours)


class SignalSettings(BtcSection):
    """Slopes, exhaustion, reversal."""

    beta_window: SlopeRows = 8
    beta_windows_extra: tuple[SlopeRows, SlopeRows, SlopeRows] = (3, 10, 24)
    ceiling_bottom_enabled: bool = True
    reversal_enabled: bool = True
    reverse_window: Count = 8
    reverse_threshold_rel: float = Field(0.02, ge=0)
    dedupe_rows: Count = 3


class FeatureSettings(BtcSection):
    """Everything that a feature's value depends on, by stage."""

    rpn: RpnSettings = RpnSettings()
    bin: BinSettings = BinSettings()
    dominance: DominanceSettings = DominanceSettings()
    signals: SignalSettings = SignalSettings()


class LabelSettings(BtcSection):
    """Outcomes."""

    horizons: tuple[Count, ...] = Field((1, 6, 24), min_length=1, description="Hours")
    entry_delay_hours: NotNegative = 1
    deadband: float = Field(0.0, ge=0, description="Returns within it are neither up nor down")

    def contradictions(self) -> dict[tuple[str, ...], str]:
        """Whether each horizon is there once: it is part of a row's key."""
        return _once("horizons", self.horizons)


class PerformanceSettings(BtcSection):
    """Realised quality of the signals."""

    windows_hours: tuple[Count, ...] = Field((168, 720), min_length=1)
    cost_bps: float = Field(10.0, ge=0, description="Round trip")

    def contradictions(self) -> dict[tuple[str, ...], str]:
        """Whether each window is there once: it is part of a row's key."""
        return _once("windows_hours", self.windows_hours)


class TrainingSettings(BtcSection):
    """How training data are thinned, split and purged."""

    min_hours_between_signals: NotNegative = 6
    balance: bool = False
    test_split: float = Field(0.2, ge=0)
    validation_split: float = Field(0.15, ge=0)
    embargo_hours: NotNegative = 48
    impute: Literal["median_train", "none"] = "median_train"
    seed: NotNegative = 42

    def contradictions(self) -> dict[tuple[str, ...], str]:
        """Whether the split leaves rows to train on."""
        test, validation = self.test_split, self.validation_split
        if test + validation < 1:
            return {}
        said = f"test_split + validation_split must be below 1; were {test} + {validation}"
        return {("test_split", "validation_split"): said}


class ExportSettings(BtcSection):
    """Files made of the domain's tables."""

    default_format: Format = "csv"
    formats: tuple[Format, ...] = FORMATS
    max_records: Count = 50_000

    def contradictions(self) -> dict[tuple[str, ...], str]:
        """Whether the format used where none is named is one that may be used."""
        if self.default_format in self.formats:
            return {}
        said = f"default_format ({self.default_format}) must be one of formats ({', '.join(self.formats)})"
        return {("default_format", "formats"): said}


class BtcApiSettings(BtcSection):
    """The domain's REST answers; host, port and CORS are those of `api`."""

    rate_limit_per_minute: Count = 100
    cache_seconds: float = Field(60.0, ge=0)


class DashboardSettings(BtcSection):
    """The btc page; its port is that of `api`."""

    auto_refresh_seconds: Count = 300
    status_refresh_seconds: Count = 30
    height: Count = Field(500, description="Pixels of a plot")
    template: str = Field("plotly_dark", min_length=1)
    max_data_points: Annotated[Whole, Field(ge=10)] = 10_000
    default_range: Literal["1h", "6h", "24h", "3d", "7d", "30d", "90d"] = "24h"


class BtcSettings(BtcSection):
    """Settings under the key `btc`."""

    history_start: date = Field(date(2021, 2, 1), description="First day; the recursive filters begin there")
    publication_lag_minutes: NotNegative = 10
    late_grace_hours: NotNegative = Field(6, description="Hours after which what is known of an hour stands")
    schedule_minute: Annotated[Whole, Field(ge=0, le=59)] = 15
    repair_days: Count = Field(7, description="Days for which missing hours are asked for again, hourly")
    glassnode: GlassnodeSettings = GlassnodeSettings()
    database: DatabaseSettings | None = None
    logging: LoggingSettings = LoggingSettings()
    processing: ProcessingSettings = ProcessingSettings()
    data_quality: DataQualitySettings = DataQualitySettings()
    preprocess: PreprocessSettings = PreprocessSettings()
    features: FeatureSettings = FeatureSettings()
    labels: LabelSettings = LabelSettings()
    performance: PerformanceSettings = PerformanceSettings()
    training_data: TrainingSettings = TrainingSettings()
    export: ExportSettings = ExportSettings()
    api: BtcApiSettings = BtcApiSettings()
    dashboard: DashboardSettings = DashboardSettings()

    def contradictions(self) -> dict[tuple[str, ...], str]:
        """Whether the outlier window can hold the values it needs."""
        points, hours = self.data_quality.min_data_points, self.preprocess.outlier_window_hours
        return _holds("data_quality.min_data_points", points, "preprocess.outlier_window_hours", hours)

    @property
    def start(self) -> datetime:
        """First hour of the history."""
        return datetime(self.history_start.year, self.history_start.month, self.history_start.day, tzinfo=UTC)

    @property
    def delay(self) -> timedelta:
        """From the start of an hour to the instant its row can first be used."""
        return timedelta(hours=1, minutes=self.publication_lag_minutes)

    @property
    def feature_version(self) -> str:
        """12 hex digits of a SHA-256 over every setting that a stored feature or label depends on, and CODE_VERSION."""
        parts = {
            "code": CODE_VERSION,
            "history_start": self.history_start.isoformat(),
            "publication_lag_minutes": self.publication_lag_minutes,
            **{
                name: getattr(self, name).model_dump(mode="json")
                for name in ("data_quality", "preprocess", "features", "labels")
            },
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:12]
