"""Settings: every key can be set from the file and from the environment, and what is wrong is named."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import orjson
import pytest
import yaml
from pydantic import BaseModel

from market_assets.bars.instruments import InstrumentRow
from market_assets.btc.findings import OLDER_NAMES
from market_assets.btc.settings import DatabaseSettings
from market_assets.core import clock
from market_assets.settings import SECRETS, SECTION_SECRETS, InvalidSettings, Settings, load, settings

EXAMPLE = Path(__file__).resolve().parents[2] / ".env.example"
#: read by the project, not part of the settings object
BESIDE = {
    "MARKET_ASSETS_CONFIG",
    "MARKET_ASSETS_NOW",
    "MARKET_ASSETS_DAGSTER_POSTGRES_URL",
    "MARKET_ASSETS_CODE_HOST",
    "POSTGRES_PASSWORD",
}
#: keys whose other value cannot be made from the default by a rule
OTHERS: dict[str, Any] = {
    "home": "elsewhere",
    "api.page_rows": 1000,
    "api.cors_origins": ["https://desk.example"],
    "equities.universe": [{"symbol": "IBM"}],
    "equities.sources": ["polygon"],
    "equities.reconcile.source": "polygon",
    "btc.history_start": "2022-02-02",
    "btc.features.rpn.wavelet": "db4",
    "btc.features.dominance.outer_quantiles": [0.1, 0.9],
    "btc.features.dominance.inner_quantiles": [0.3, 0.7],
    "btc.features.dominance.rpn_mid_high": 0.6,
    "btc.features.signals.beta_windows_extra": [4, 12, 48],
    "btc.labels.horizons": [2, 12],
    "btc.labels.deadband": 0.001,
    "btc.performance.windows_hours": [24],
    "btc.export.formats": ["csv"],
    "funding.start_date": "2025-02-02",
    "funding.exchanges": ["bybit"],
    "funding.ccxt_exchanges": ["phemex"],
    "funding.instrument_overrides": [
        {"exchange": "bybit", "native_base": "XBT", "base_asset": "BTC", "multiplier": 1.0}
    ],
    "funding.taker_fee_bps.lighter": 1.5,
    "funding.page_size": 25,
    "backup.archive_to": "elsewhere",
    "retention.tables": {"crypto_advice": 400},
    "retention.delete_exchanges": {"bybit": 1000},
    "gaps.repair_budget": 0.25,
    "alerts.channels": {"desk": "ALERTS_DESK_URL"},
    "alerts.critical": ["desk"],
    "alerts.warning": ["desk"],
    "alerts.escalation": ["desk"],
    "alerts.quiet_hours": {"start": "22:00:00", "end": "06:30:00", "time_zone": "Europe/Zurich"},
    "alerts.disk_used": [0.5, 0.6],
    "alerts.memory_used": [0.5, 0.6],
    "alerts.cpu_used": [0.5, 0.6],
    "alerts.late_periods": [3.0, 5.0],
    "alerts.api_errors": [0.1, 0.2],
    "alerts.cache_hits": [0.2, 0.05],
    "alerts.backup_age_h": [30.0, 60.0],
    "crypto.symbols": ["BTCUSDT"],
    "crypto.start_date": "2025-02-02",
    "crypto.listings": [{"symbol": "XYZUSDT", "valid_from": "2025-02-02", "valid_to": None}],
    "crypto.base_url": "https://mirror.example",
    "crypto.stream_url": "wss://mirror.example/stream",
    "crypto.budget": {"per_second": 0, "per_minute": 500, "per_5_minutes": 0, "per_day": 0},
    "crypto.overlays.enabled": ["supertrend"],
    "crypto.overlays.lookback_bars_1d": 100,
    "crypto.liquidity.kernel": [0.2, 0.6, 0.2],
    "crypto.signals.target_pcts": [1.0, 2.0, 3.0],
    "crypto.signals.target_shares": [0.4, 0.4, 0.2],
    "crypto.paper.start_day": "2025-02-02",
    "crypto.advice.temperature": 0.5,
    "metrics.risk_free_annual": 0.02,
    "bars.symbols": ["EURUSD"],
    "bars.instruments": [{"symbol": "USDJPY", "kind": "spot", "calendar": "fx_24x5", "yahoo": "JPY=X"}],
    "bars.start_date": "2025-02-02",
    "bars.sources": ["polygon"],
    "bars.source_exclusions": [{"source": "yahoo", "symbol": "EURUSD", "first": "2025-02-02", "last": "2025-02-03"}],
    "bars.overlap_ok": 0.003,
    "bars.trust_days": 20,
    "bars.alphavantage.delay_s": 30.0,
    "bars.signals.outcome_days": 20,
    "bars.sentiment_plugin": "desk.mood:sentiment",
    "bars.macro.series": {"vix": "VIXCLS"},
    "bars.macro.start_date": "2024-02-02",
    "bars.signals.weights": {"momentum_v3": 0.5},
}
#: what has to be set beside a key so that the whole is valid
COMPANIONS: dict[str, dict[str, Any]] = {"equities.reconcile.source": {"equities.sources": ["yahoo"]}}
COMPANIONS |= {
    f"alerts.{route}": {"alerts.channels": {"desk": "ALERTS_DESK_URL"}}
    for route in ("critical", "warning", "escalation")
}
#: a database needs a user, and the password that only the environment holds
COMPANIONS |= {f"btc.database.{name}": {"btc.database.user": "desk"} for name in ("host", "port", "database")}


def leaves(model: type[BaseModel], prefix: str = "", stated: Any = None) -> Iterator[tuple[str, Any, Any]]:
    """Dotted key, annotation and default of every setting that is no section; `stated` is the section's default."""
    for name, described in model.model_fields.items():
        kind = described.annotation
        section = DatabaseSettings if DatabaseSettings in get_args(kind) else kind
        default = described.get_default(call_default_factory=True) if stated is None else getattr(stated, name)
        if isinstance(section, type) and issubclass(section, BaseModel):
            yield from leaves(section, f"{prefix}{name}.", default)
        else:
            yield f"{prefix}{name}", kind, default


def is_secret(name: str) -> bool:
    """Whether a top-level field is one of the secrets, which only the environment holds."""
    return "Secret" in str(Settings.model_fields[name].annotation)


KEYS = {key: (kind, default) for key, kind, default in leaves(Settings)}
OPEN_KEYS = [key for key in KEYS if key not in SECTION_SECRETS and ("." in key or not is_secret(key))]


def other(key: str) -> Any:
    """A valid value that is not the default."""
    if key in OTHERS:
        return OTHERS[key]
    kind, default = KEYS[key]
    if get_origin(kind) is Literal:
        return next(choice for choice in get_args(kind) if choice != default)
    if isinstance(default, str) or kind is str:
        return f"{default}/other"
    if isinstance(default, bool):
        return not default
    return default + 1 if isinstance(default, int) else default / 2


def variable(key: str) -> str:
    """The environment variable of a dotted key."""
    alias = Settings.model_fields[key].validation_alias if key in Settings.model_fields else None
    return str(alias) if alias else f"MARKET_ASSETS_{key.replace('.', '__').upper()}"


def nested(values: dict[str, Any]) -> dict[str, Any]:
    """Dotted keys as the tree of a YAML file."""
    tree: dict[str, Any] = {}
    for key, value in values.items():
        *sections, name = key.split(".")
        at = tree
        for section in sections:
            at = at.setdefault(section, {})
        at[name] = value
    return tree


def found(key: str) -> Any:
    """The value in force, as plain data."""
    value: Any = load().model_dump(mode="json")
    for part in key.split("."):
        value = None if value is None else value[part]  # a section that may be left out
    return value


def as_expected(key: str, value: Any) -> Any:
    """What `found` shows of a value: a universe line and an instrument come with their defaults."""
    if key == "bars.instruments":
        return [InstrumentRow(**row).model_dump(mode="json") for row in value]
    if key != "equities.universe":
        return value
    return [Settings(equities={"universe": value}).equities.universe[0].model_dump(mode="json")]


@pytest.fixture(autouse=True)
def _no_older_names(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*OLDER_NAMES, *SECRETS.values()):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("key", [key for key in OPEN_KEYS if key != "home"])
def test_every_key_is_read_from_the_file(home: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """A value in config.yaml reaches the settings under the same dotted key."""
    values = {key: other(key), **COMPANIONS.get(key, {})}
    assert found(key) != as_expected(key, other(key)), "the other value is not the default"
    if key.startswith("btc.database."):
        monkeypatch.setenv("DB_PASSWORD", "s3cr3t-value")
    (home / "config.yaml").write_text(yaml.safe_dump(nested(values)))
    assert found(key) == as_expected(key, other(key))


@pytest.mark.parametrize("key", OPEN_KEYS)
def test_every_key_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """`equities.start_year` is MARKET_ASSETS_EQUITIES__START_YEAR, and so on for each key; lists are JSON."""
    if key.startswith("btc.database."):
        monkeypatch.setenv("DB_PASSWORD", "s3cr3t-value")
    for name, value in {key: other(key), **COMPANIONS.get(key, {})}.items():
        monkeypatch.setenv(variable(name), value if isinstance(value, str) else orjson.dumps(value).decode())
    assert found(key) == as_expected(key, other(key))


@pytest.mark.parametrize("name", [name for name in Settings.model_fields if is_secret(name)])
def test_secrets_are_read_from_the_environment_and_never_shown(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The value is there for the one who asks for it, and stars for everybody else."""
    monkeypatch.setenv(variable(name), "s3cr3t-value")
    current = load()
    assert getattr(current, name).get_secret_value() == "s3cr3t-value"
    assert "s3cr3t-value" not in repr(current) + str(current.model_dump(mode="json")) + current.model_dump_json()


def test_environment_over_file_over_default(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each level answers only for the keys that the one above leaves open, also inside one section."""
    (home / "config.yaml").write_text("equities: {start_year: 2016, min_quality: 0.9}\n")
    monkeypatch.setenv("MARKET_ASSETS_EQUITIES__START_YEAR", "2017")
    equities = load().equities
    assert (equities.start_year, equities.min_quality, equities.vendor_delay_min) == (2017, 0.9, 120)


def test_another_file_can_be_named(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MARKET_ASSETS_CONFIG wins over the file in the home."""
    (home / "config.yaml").write_text("equities: {start_year: 2016}\n")
    (tmp_path / "named.yaml").write_text("equities: {start_year: 2018}\n")
    monkeypatch.setenv("MARKET_ASSETS_CONFIG", str(tmp_path / "named.yaml"))
    assert load().equities.start_year == 2018


def test_an_empty_variable_is_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """`.env` has empty lines for what is not set: they leave the default."""
    monkeypatch.setenv("MARKET_ASSETS_EQUITIES__START_YEAR", "")
    monkeypatch.setenv("POLYGON_API_KEY", "")
    assert (load().equities.start_year, load().polygon_api_key) == (2015, None)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("store: sqlite", ["store: ", "'duckdb' or 'postgres'"]),
        ("stor: duckdb", ["stor: ", "not permitted"]),
        ("equities: {start_yaer: 2016}", ["equities.start_yaer: ", "not permitted"]),
        ("equities: {start_year: next}", ["equities.start_year: ", "integer"]),
        ("equities: {start_year: 1800}", ["equities.start_year: ", "1990"]),
        ("equities: {universe: [{symbol: A, asset_class: bond}]}", ["equities.universe.0.asset_class: ", "'crypto'"]),
        ("equities: {sources: []}", ["equities: ", "equities.sources must name at least one source"]),
        ("equities: {sources: [yahoo]}", ["equities: ", "must differ from the first source (yahoo)"]),
        ("polygon: {budget: {per_minute: -1}}", ["polygon.budget.per_minute: ", "greater than or equal to 0"]),
        ("api: {port: 70000}", ["api.port: ", "65535"]),
        ("btc: {features: {rpn: {lvel: 3}}}", ["btc.features.rpn.lvel: ", "did you mean features.rpn.level?"]),
        ("btc: {features: {rpn: {level: 6.5}}}", ["btc.features.rpn.level: ", "whole number"]),
        ("btc: {processing: {batch_size: yes}}", ["btc.processing.batch_size: ", "whole number"]),
        ("btc: {labels: {horizons: [1, 0]}}", ["btc.labels.horizons.1: ", "greater than or equal to 1, was 0"]),
        ("btc: {features: {bin: {min_train_rows: 9000}}}", ["btc.features.bin.min_train_rows: ", "must not exceed"]),
        ("btc: [1]", ["btc: ", "must be a mapping of settings"]),
    ],
)
def test_an_error_is_named_by_its_key(home: Path, text: str, named: list[str]) -> None:
    """Key, rule and nothing else: no traceback of a library, no link."""
    (home / "config.yaml").write_text(text)
    with pytest.raises(InvalidSettings) as refused:
        load()
    lines = str(refused.value).splitlines()
    assert lines[0] == "settings are not valid:"
    assert len(lines) == 2
    assert lines[1].startswith(f"  {named[0]}")
    assert named[1] in lines[1]
    assert "errors.pydantic.dev" not in lines[1]


def test_all_errors_are_told_at_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line per mistake, wherever it was made."""
    (home / "config.yaml").write_text("store: sqlite\ngaps: {warn_share: 2}\n")
    monkeypatch.setenv("MARKET_ASSETS_API__PORT", "web")
    with pytest.raises(InvalidSettings) as refused:
        load()
    assert sorted(line.split(":")[0].strip() for line in str(refused.value).splitlines()[1:]) == [
        "api.port",
        "gaps.warn_share",
        "store",
    ]


def test_every_mistake_in_btc_is_told_at_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules between settings beside errors of single ones, in one section, of the file and of the environment."""
    (home / "config.yaml").write_text("btc: {features: {dominance: {rpn_mid_low: 0.9, min_hours: some, mid: 1}}}\n")
    monkeypatch.setenv("MARKET_ASSETS_BTC__FEATURES__DOMINANCE__INNER_QUANTILES", "[0.6, 0.4]")
    monkeypatch.setenv("MARKET_ASSETS_BTC__REPAIR_DAYS", "0")
    monkeypatch.setenv("DB_HOST", "db.example")
    with pytest.raises(InvalidSettings) as refused:
        load()
    assert sorted(line.split(": ")[0].strip() for line in str(refused.value).splitlines()[1:]) == [
        "btc.database.password",
        "btc.database.user",
        "btc.features.dominance.inner_quantiles",
        "btc.features.dominance.mid",
        "btc.features.dominance.min_hours",
        "btc.features.dominance.rpn_mid_low",
        "btc.repair_days",
    ]


def test_a_list_that_is_no_json_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what a list looks like is said."""
    monkeypatch.setenv("MARKET_ASSETS_BTC__LABELS__HORIZONS", "1;6;24")
    with pytest.raises(InvalidSettings, match=r"MARKET_ASSETS_BTC__LABELS__HORIZONS: .* JSON, like \[1, 6\]"):
        load()


OLDER = {
    "DB_HOST": ("database.host", "db.example", "db.example"),
    "DB_PORT": ("database.port", "5433", 5433),
    "DB_NAME": ("database.database", "liquidations", "liquidations"),
    "DB_USER": ("database.user", "trader", "trader"),
    "LOG_LEVEL": ("logging.level", "debug", "DEBUG"),
    "LOG_FILE": ("logging.file", "desk.log", "desk.log"),
}


@pytest.mark.parametrize("name", OLDER)
def test_older_names_count_above_the_file_and_below_ours(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Each name of an earlier deployment fills its setting: over the file, under MARKET_ASSETS_BTC__..."""
    key, given, expected = OLDER[name]
    file = {
        "database.host": "file.example",
        "database.port": 7777,
        "database.database": "in_the_file",
        "database.user": "filed",
        "logging.level": "ERROR",
        "logging.file": "file.log",
    }
    (home / "config.yaml").write_text(yaml.safe_dump({"btc": nested(file)}))
    monkeypatch.setenv("DB_PASSWORD", "s3cr3t-value")
    assert found(f"btc.{key}") == file[key]
    monkeypatch.setenv(name, given)
    assert found(f"btc.{key}") == expected
    assert {other: found(f"btc.{other}") for other in file if other != key} == {
        other: value for other, value in file.items() if other != key
    }
    monkeypatch.setenv(variable(f"btc.{key}"), "ERROR" if key == "logging.level" else "1234")
    assert found(f"btc.{key}") == {"logging.level": "ERROR", "database.port": 1234}.get(key, "1234")


def test_every_older_name_is_tried_here() -> None:
    """A name that is added there is tested here; the password has tests of its own."""
    assert set(OLDER) | {"DB_PASSWORD"} == set(OLDER_NAMES)


def test_a_database_is_there_only_where_somebody_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """None by default; with user and password of the older names, the rest has its defaults; an empty one is none."""
    monkeypatch.setenv("DB_HOST", "")
    assert load().btc.database is None
    monkeypatch.setenv("DB_USER", "desk")
    monkeypatch.setenv("DB_PASSWORD", "s3cr3t-value")
    database = load().btc.database
    assert database is not None
    assert (database.host, database.port, database.database) == ("localhost", 5432, "btc_analysis")
    assert (database.user, database.password.get_secret_value()) == ("desk", "s3cr3t-value")
    assert "s3cr3t" not in repr(load()) + load().model_dump_json()


@pytest.mark.parametrize("key", SECTION_SECRETS)
def test_a_secret_of_a_section_is_refused_in_the_file(home: Path, key: str) -> None:
    """The variable to use is named; the value is not shown."""
    (home / "config.yaml").write_text(yaml.safe_dump(nested({key: "s3cr3t-value"})))
    with pytest.raises(InvalidSettings, match=rf"{key} stands in .*: a secret .* as {SECTION_SECRETS[key]}") as refused:
        load()
    assert "s3cr3t" not in str(refused.value)


def test_the_fingerprint_knows_no_place_and_no_habit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the database is and what is logged or shown has no influence on values; a threshold has."""
    before = load().config_hash()
    for name, value in {"DB_USER": "desk", "DB_PASSWORD": "s3cr3t-value", "LOG_LEVEL": "DEBUG"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MARKET_ASSETS_BTC__DASHBOARD__HEIGHT", "700")
    monkeypatch.setenv("MARKET_ASSETS_BTC__GLASSNODE__BASE_URL", "http://127.0.0.1:9")
    assert load().config_hash() == before
    monkeypatch.setenv("MARKET_ASSETS_BTC__FEATURES__RPN__LEVEL", "5")
    assert load().config_hash() != before


def test_the_secrets_that_no_file_may_hold_are_all_secrets() -> None:
    """A new secret field is refused in the file as well."""
    assert set(SECRETS) == {name for name in Settings.model_fields if is_secret(name)}


def test_a_wrong_secret_is_not_shown_in_the_error(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error elsewhere does not print the values beside it."""
    monkeypatch.setenv("POLYGON_API_KEY", "s3cr3t-value")
    monkeypatch.setenv("MARKET_ASSETS_STORE", "sqlite")
    with pytest.raises(InvalidSettings) as refused:
        load()
    assert "s3cr3t-value" not in str(refused.value)


def test_settings_are_read_once_and_frozen() -> None:
    """Everybody in a process sees the same object, and nobody changes it."""
    assert settings() is settings()
    with pytest.raises(ValueError, match="frozen"):
        settings().store = "postgres"  # type: ignore[misc]


def examples() -> dict[str, str]:
    """The variables of `.env.example`."""
    lines = [line.strip() for line in EXAMPLE.read_text().splitlines()]
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_every_variable_of_the_example_is_a_setting() -> None:
    """What a person may copy means something."""
    known = {variable(name) for name in Settings.model_fields} | BESIDE | set(OLDER_NAMES)
    assert set(examples()) - known == set()


def test_every_variable_of_its_own_is_in_the_example() -> None:
    """Each top-level setting that is no section of the file can be found there, and so can those beside."""
    single = {variable(key) for key in KEYS if "." not in key}
    assert (single | BESIDE | set(OLDER_NAMES)) - set(examples()) == set()


def test_the_example_as_it_is_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copied and loaded unedited it gives the defaults."""
    for name in [name for name in os.environ if name.startswith("MARKET_ASSETS_")]:
        monkeypatch.delenv(name)
    defaults = load()
    for name, value in examples().items():
        monkeypatch.setenv(name, value)
    assert load() == defaults
    assert clock.now().year >= 2026, "an empty MARKET_ASSETS_NOW does not stop the clock"
