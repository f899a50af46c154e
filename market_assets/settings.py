"""One typed object for every setting: environment over the config file over defaults.

The file is YAML, `<home>/config.yaml` unless `MARKET_ASSETS_CONFIG` names another. Its dotted keys
are environment variables with `__`: `equities.start_year` is `MARKET_ASSETS_EQUITIES__START_YEAR`.
Secrets come from the environment alone. The names that earlier deployments of `btc` use (DB_HOST, LOG_LEVEL
and their kind, `market_assets.btc.findings.OLDER_NAMES`) count below ours and above the file.
"""

import functools
import hashlib
import os
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError, ValidatorFunctionWrapHandler, field_validator
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    YamlConfigSettingsSource,
)

from market_assets.bars.settings import AlphaVantageSettings, BarsSettings, FredSettings, TwelveDataSettings
from market_assets.btc import findings as btc_findings
from market_assets.btc.settings import BtcSettings, GlassnodeSettings
from market_assets.core.errors import MarketAssetsError
from market_assets.core.settings import (
    ApiSettings,
    FetchSettings,
    GapSettings,
    MetricsSettings,
    PolygonSettings,
    QualitySettings,
    RetentionSettings,
    StoreKind,
    VendorMode,
    YahooSettings,
)
from market_assets.crypto.settings import AdviceSettings, CryptoSettings, SentimentSettings
from market_assets.equities.settings import EquitiesSettings
from market_assets.funding.settings import FundingSettings, HistorySettings
from market_assets.ops.settings import AlertSettings, BackupSettings

#: settings that must not stand in a file -> the variable that holds each
SECRETS = {
    "postgres_url": "MARKET_ASSETS_POSTGRES_URL",
    "api_key": "MARKET_ASSETS_API_KEY",
    "polygon_api_key": "POLYGON_API_KEY",
    "glassnode_api_key": "GLASSNODE_API_KEY",
    "advisor_api_key": "ADVISOR_API_KEY",
    "alphavantage_api_key": "ALPHAVANTAGE_API_KEY",
    "twelvedata_api_key": "TWELVEDATA_API_KEY",
    "fred_api_key": "FRED_API_KEY",
    "redis_url": "REDIS_URL",
}
#: the same for secrets of a section, by dotted key
SECTION_SECRETS = {f"btc.{key}": variable for key, variable in btc_findings.SECRETS.items()}
#: parts of `btc` that no stored value depends on
_NOT_COMPUTED_FROM: dict[str, Any] = dict.fromkeys(
    ("database", "logging", "processing", "export", "api", "dashboard"), True
) | {"glassnode": {"base_url"}}
#: the same of `crypto`
_NOT_COMPUTED_FROM_CRYPTO = {"base_url", "stream_url", "budget", "stream", "telemetry", "cadence_min", "profile"}
#: the same of `bars`
_NOT_COMPUTED_FROM_BARS: dict[str, Any] = dict.fromkeys(
    ("alphavantage", "twelvedata", "stream", "filters", "timeout_s", "micro_batch_min", "reconcile"), True
) | {"macro": {"fred"}}

#: sources of minute bars that need no key
_KEYLESS = ("yahoo",)


class InvalidSettings(MarketAssetsError):
    """The settings do not validate; one line per error, each naming its key."""


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="MARKET_ASSETS_", env_nested_delimiter="__", env_ignore_empty=True, extra="forbid", frozen=True
    )

    home: Path = Field(Path("data"), description="Where everything is kept")
    store: StoreKind = Field("duckdb", description="Parquet lake with DuckDB, or PostgreSQL")
    postgres_url: SecretStr | None = Field(None, description="PostgreSQL address, for store=postgres")
    vendors: VendorMode = Field("live", description="Real vendors, or the sandbox")
    sandbox_url: str = Field("http://127.0.0.1:8051", description="Where the sandbox listens")
    api_key: SecretStr | None = Field(None, description="First key of the REST API")
    polygon_api_key: SecretStr | None = Field(
        None, validation_alias="POLYGON_API_KEY", description="Key of Polygon (Massive)"
    )
    glassnode_api_key: SecretStr | None = Field(
        None, validation_alias="GLASSNODE_API_KEY", description="Key of Glassnode"
    )
    advisor_api_key: SecretStr | None = Field(
        None, validation_alias="ADVISOR_API_KEY", description="Key of the language model that advises"
    )
    alphavantage_api_key: SecretStr | None = Field(
        None, validation_alias="ALPHAVANTAGE_API_KEY", description="Key of Alpha Vantage"
    )
    twelvedata_api_key: SecretStr | None = Field(
        None, validation_alias="TWELVEDATA_API_KEY", description="Key of Twelve Data"
    )
    fred_api_key: SecretStr | None = Field(
        None, validation_alias="FRED_API_KEY", description="Key of FRED; without one its CSV files are asked for"
    )
    redis_url: SecretStr | None = Field(
        None, validation_alias="REDIS_URL", description="Redis to keep the hot bars in as well"
    )

    fetch: FetchSettings = FetchSettings()
    quality: QualitySettings = QualitySettings()
    gaps: GapSettings = GapSettings()
    retention: RetentionSettings = RetentionSettings()
    alerts: AlertSettings = AlertSettings()
    backup: BackupSettings = BackupSettings()
    api: ApiSettings = ApiSettings()
    polygon: PolygonSettings = PolygonSettings()
    yahoo: YahooSettings = YahooSettings()
    equities: EquitiesSettings = EquitiesSettings()
    btc: BtcSettings = BtcSettings()
    funding: FundingSettings = FundingSettings()
    crypto: CryptoSettings = CryptoSettings()
    bars: BarsSettings = BarsSettings()
    metrics: MetricsSettings = MetricsSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment over the config file over defaults; no .env file is read behind the user's back."""
        file = config_file()
        older = InitSettingsSource(settings_cls, init_kwargs=_older_names())
        sources: tuple[PydanticBaseSettingsSource, ...] = (init_settings, env_settings, older)
        if file is None:
            return sources
        in_file = YamlConfigSettingsSource(settings_cls, yaml_file=file)
        secrets = [
            f"  {name} stands in {file}: a secret belongs in the environment alone, as {variable}"
            for name, variable in (SECRETS | SECTION_SECRETS).items()
            if _states(in_file(), name)
        ]
        if secrets:
            raise InvalidSettings("settings are not valid:\n" + "\n".join(secrets))
        return (*sources, in_file)

    @field_validator("btc", mode="wrap")
    @classmethod
    def _every_finding(cls, stated: object, validate: ValidatorFunctionWrapHandler) -> BtcSettings:
        """The section, or everything that is wrong in it: pydantic leaves out what rules over several say."""
        try:
            btc: BtcSettings = validate(stated)
        except ValidationError:
            told = [
                InitErrorDetails(
                    type=PydanticCustomError("setting", "{said}", {"said": finding.said}),
                    loc=tuple(finding.key.split(".")) if finding.key else (),
                    input=None,
                )
                for finding in btc_findings.findings(stated)
            ]
            raise ValidationError.from_exception_data("btc", told) from None
        return btc

    def base_url(self, vendor: str) -> str:
        """Where a vendor is asked: its own address, or the sandbox's route for it."""
        if self.vendors == "sandbox":
            return f"{self.sandbox_url}/{vendor}"
        return self.vendor(vendor).base_url

    @property
    def vendor_names(self) -> list[str]:
        """Every vendor in use: the equities chain in its order, the one that reconciles, then those of one domain."""
        equities = (*self.equities.sources, self.equities.reconcile.source)
        crypto = (self.crypto.venue.vendor, *(("alternative_me",) if self.crypto.sentiment.enabled else ()))
        advisor = ("advisor",) if self.crypto.advice.enabled else ()
        bars = (*self.bars.sources, *(("fred",) if self.bars.macro.enabled else ()))
        return list(dict.fromkeys((*equities, "glassnode", *self.funding.enabled, *crypto, *advisor, *bars)))

    def vendor(
        self, name: str
    ) -> (
        PolygonSettings
        | YahooSettings
        | GlassnodeSettings
        | HistorySettings
        | SentimentSettings
        | AdviceSettings
        | AlphaVantageSettings
        | TwelveDataSettings
        | FredSettings
    ):
        """The section of a vendor: its address and its budget. A vendor of one domain has it there."""
        sections: dict[
            str,
            PolygonSettings
            | YahooSettings
            | GlassnodeSettings
            | HistorySettings
            | SentimentSettings
            | AdviceSettings
            | AlphaVantageSettings
            | TwelveDataSettings
            | FredSettings,
        ] = {
            "polygon": self.polygon,
            "yahoo": self.yahoo,
            "glassnode": self.btc.glassnode,
            "binance_archive": self.funding.venues.binance_archive,
            "alternative_me": self.crypto.sentiment,
            "advisor": self.crypto.advice,
            "alphavantage": self.bars.alphavantage,
            "twelvedata": self.bars.twelvedata,
            "fred": self.bars.macro.fred,
        }
        return sections[name] if name in sections else self.funding.venue(name)

    def askable(self, symbol: str) -> bool:
        """Whether any source of a symbol of `bars` can be asked: it needs no key, or has one, or is the sandbox's."""
        return any(
            self.vendors == "sandbox" or bound.source in _KEYLESS or getattr(self, f"{bound.source}_api_key")
            for bound in self.bars.chain(symbol)
        )

    def config_hash(self) -> str:
        """Fingerprint of what computed values depend on: sources, thresholds, windows; no address, no secret."""
        parts = [part.model_dump_json() for part in (self.equities, self.quality, self.metrics)]
        parts.append(self.gaps.model_dump_json(include={"warn_share", "error_share"}))
        parts.append(self.btc.model_dump_json(exclude=_NOT_COMPUTED_FROM))
        parts.append(self.funding.model_dump_json(exclude={"venues"}))
        parts.append(self._crypto)
        parts.append(self._bars)
        return _fingerprint("".join(parts))

    def crypto_hash(self) -> str:
        """The same of the crypto domain alone: what other domains are set to does not change its rows."""
        return _fingerprint(self._crypto)

    def bars_hash(self) -> str:
        """The same of the bars domain alone."""
        return _fingerprint(self._bars)

    @property
    def _bars(self) -> str:
        return self.bars.model_dump_json(exclude=_NOT_COMPUTED_FROM_BARS)

    @property
    def _crypto(self) -> str:
        return self.crypto.model_dump_json(exclude=_NOT_COMPUTED_FROM_CRYPTO)

    def source_name(self, vendor: str) -> str:
        """The `source` of rows fetched now: marked where they come from the sandbox."""
        return f"{vendor}-sandbox" if self.vendors == "sandbox" else vendor


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def config_file() -> Path | None:
    """The settings file in use, or None where there is none."""
    named = os.environ.get("MARKET_ASSETS_CONFIG")
    path = Path(named) if named else Path(os.environ.get("MARKET_ASSETS_HOME", "data")) / "config.yaml"
    return path if named or path.exists() else None


def _older_names() -> dict[str, Any]:
    """What the variables of earlier deployments set, as the tree of a file."""
    btc: dict[str, dict[str, str]] = {}
    for variable, key in btc_findings.OLDER_NAMES.items():
        if value := os.environ.get(variable):
            section, name = key.split(".")
            btc.setdefault(section, {})[name] = value.upper() if variable == "LOG_LEVEL" else value
    return {"btc": btc} if btc else {}


def _states(tree: object, key: str) -> bool:
    """Whether a tree states a dotted key; the first name may be of any case, as for pydantic."""
    first, *others = key.split(".")
    at = {str(name).lower(): value for name, value in tree.items()} if isinstance(tree, dict) else {}
    if first not in at:
        return False
    return not others or _states(at[first], ".".join(others))


@functools.cache
def settings() -> Settings:
    """The settings of this process. Raises InvalidSettings naming every key that is wrong."""
    return load()


def load(**overrides: Any) -> Settings:
    """Read the settings anew, with `overrides` on top."""
    try:
        return Settings(**overrides)
    except ValidationError as invalid:
        lines = [
            f"  {'.'.join(str(part) for part in error['loc'])}: {error['msg']}"
            for error in invalid.errors(include_input=False, include_url=False)
        ]
        raise InvalidSettings("settings are not valid:\n" + "\n".join(lines)) from None
    except SettingsError as unread:
        text = getattr(unread.__cause__, "doc", None)
        names = [name for name, value in os.environ.items() if name.startswith("MARKET_ASSETS_") and value == text]
        said = f"{', '.join(names)}: a list or a section is written as JSON, like [1, 6] or {{}}"
        raise InvalidSettings(f"settings are not valid:\n  {said if names else unread}") from None
