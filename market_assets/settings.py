"""One typed object for every setting: environment over the config file over defaults.

The file is YAML, `<home>/config.yaml` unless `MARKET_ASSETS_CONFIG` names another. Its dotted keys
are environment variables with `__`: `equities.start_year` is `MARKET_ASSETS_EQUITIES__START_YEAR`.
Secrets come from the environment alone.
"""

import functools
import hashlib
import os
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from market_assets.core.errors import MarketAssetsError
from market_assets.core.settings import (
    ApiSettings,
    FetchSettings,
    GapSettings,
    PolygonSettings,
    QualitySettings,
    RetentionSettings,
    StoreKind,
    VendorMode,
    YahooSettings,
)
from market_assets.equities.settings import EquitiesSettings

#: settings that must not stand in a file -> the variable that holds each
SECRETS = {
    "postgres_url": "MARKET_ASSETS_POSTGRES_URL",
    "api_key": "MARKET_ASSETS_API_KEY",
    "polygon_api_key": "POLYGON_API_KEY",
}


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

    fetch: FetchSettings = FetchSettings()
    quality: QualitySettings = QualitySettings()
    gaps: GapSettings = GapSettings()
    retention: RetentionSettings = RetentionSettings()
    api: ApiSettings = ApiSettings()
    polygon: PolygonSettings = PolygonSettings()
    yahoo: YahooSettings = YahooSettings()
    equities: EquitiesSettings = EquitiesSettings()

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
        sources: tuple[PydanticBaseSettingsSource, ...] = (init_settings, env_settings)
        if file is None:
            return sources
        in_file = YamlConfigSettingsSource(settings_cls, yaml_file=file)
        stated = {name.lower() for name in in_file()}
        secrets = [
            f"  {name} stands in {file}: a secret belongs in the environment alone, as {variable}"
            for name, variable in SECRETS.items()
            if name in stated
        ]
        if secrets:
            raise InvalidSettings("settings are not valid:\n" + "\n".join(secrets))
        return (*sources, in_file)

    def base_url(self, vendor: str) -> str:
        """Where a vendor is asked: its own address, or the sandbox's route for it."""
        if self.vendors == "sandbox":
            return f"{self.sandbox_url}/{vendor}"
        section: PolygonSettings | YahooSettings = getattr(self, vendor)
        return section.base_url

    def config_hash(self) -> str:
        """Fingerprint of what computed values depend on: sources, thresholds, windows; no address, no secret."""
        parts = (self.equities, self.quality, self.gaps)
        return hashlib.sha256("".join(part.model_dump_json() for part in parts).encode()).hexdigest()[:16]

    def source_name(self, vendor: str) -> str:
        """The `source` of rows fetched now: marked where they come from the sandbox."""
        return f"{vendor}-sandbox" if self.vendors == "sandbox" else vendor


def config_file() -> Path | None:
    """The settings file in use, or None where there is none."""
    named = os.environ.get("MARKET_ASSETS_CONFIG")
    path = Path(named) if named else Path(os.environ.get("MARKET_ASSETS_HOME", "data")) / "config.yaml"
    return path if named or path.exists() else None


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
