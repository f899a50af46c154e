"""A configuration as a person handles it: a sample, one setting at a time, a file."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from market_assets.btc import config
from market_assets.btc.settings import BtcSettings
from market_assets.core.errors import InvalidRequest, UnknownName
from market_assets.settings import load
from tests.market_assets.btc.test_findings import DATABASE, KEYS


def test_the_sample_states_every_setting_but_the_database() -> None:
    """Each key at its default, as plain YAML, and no secret."""
    sample = config.create_sample_config()
    assert yaml.safe_load(yaml.safe_dump(sample)) == sample
    assert "database" not in sample
    for key in KEYS:
        if not key.startswith("database."):
            at: Any = sample
            for name in key.split("."):
                at = at[name]
    assert BtcSettings.model_validate(sample) == BtcSettings()


def test_one_setting_is_read_by_its_dotted_key() -> None:
    """A value or a section, from settings or from a mapping, where what is not stated has its default."""
    assert config.get(BtcSettings(), "features.rpn.level") == 6
    assert config.get({"features": {"rpn": {"level": 5}}}, "features.rpn.level") == 5
    assert config.get({}, "features.rpn.wavelet") == "coif3"
    assert config.get({}, "labels") == BtcSettings().labels
    assert config.get({}, "database.host") is None
    assert config.get({"database": DATABASE}, "database.port") == 5432
    with pytest.raises(UnknownName, match=r"no setting named 'features.rpn.lvel'; did you mean .*features.rpn.level"):
        config.get({}, "features.rpn.lvel")
    with pytest.raises(InvalidRequest, match=r"processing.batch_size"):
        config.get({"processing": {"batch_size": 0}}, "labels.horizons")


def test_one_setting_is_replaced_by_its_dotted_key() -> None:
    """New settings, validated as a whole; those given stay as they were, and so does the version of features."""
    first = BtcSettings()
    version = first.feature_version
    second = config.set_(first, "features.rpn.level", 5)
    assert (first.features.rpn.level, second.features.rpn.level) == (6, 5)
    assert second.model_copy(update={"features": first.features}) == first
    assert (first.feature_version, second.feature_version != version) == (version, True)
    assert config.set_({"publication_lag_minutes": 12}, "labels.horizons", [1, 2]).publication_lag_minutes == 12
    assert config.set_(first, "database", DATABASE).database is not None
    assert config.set_(config.set_(first, "database", DATABASE), "database.port", 5433).database.port == 5433  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("features.bin.min_train_rows", 9000, r"features.bin.min_train_rows: .* must not exceed train_hours"),
        ("features.rpn", {"level": 0, "wavlet": "db4"}, r"(?s)features.rpn.wavlet: .*features.rpn.level: "),
        ("database.host", "db.example", r"database.user: must be set, is missing; DB_USER in the environment"),
        ("processing.batch_size", "10", r"must be a whole number"),
    ],
)
def test_no_invalid_setting_is_made(key: str, value: object, said: str) -> None:
    """The error names every finding, also those that the new value makes between settings."""
    with pytest.raises(InvalidRequest, match=said):
        config.set_({}, key, value)


@pytest.mark.parametrize("key", ["", "features.rpn.lvel", "features.rpn.level.deep", "level", "features."])
def test_no_unknown_setting_is_made(key: str) -> None:
    """A misspelt key is an error, not a new setting."""
    with pytest.raises(UnknownName):
        config.set_({}, key, 1)


def test_a_saved_configuration_is_the_one_that_is_loaded(home: Path) -> None:
    """Under the key `btc` of the settings file; the other domains' settings stay, and the rights of the file."""
    file = home / "config.yaml"
    file.write_text("store: duckdb\nequities: {start_year: 2016}\nbtc: {repair_days: 3}\n")
    file.chmod(0o640)
    chosen = config.set_(BtcSettings(), "labels.horizons", [2, 48])
    config.save(chosen, file)
    assert load().btc == chosen
    assert load().equities.start_year == 2016
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in home.iterdir() if path.is_file()] == ["config.yaml"]


def test_no_secret_is_saved(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that a mapping states is refused; that of the settings is left out, and DB_PASSWORD completes the file."""
    with pytest.raises(InvalidRequest, match=r"database.password is not written .* as DB_PASSWORD"):
        config.save({"database": DATABASE}, home / "config.yaml")
    with pytest.raises(InvalidRequest, match=r"glassnode.api_key is not written .* as GLASSNODE_API_KEY"):
        config.save({"glassnode": {"api_key": "s3cr3t-w0rd"}}, home / "config.yaml")
    assert not (home / "config.yaml").exists()
    chosen = config.set_({}, "database", DATABASE)
    config.save(chosen, home / "config.yaml")
    assert "s3cr3t" not in (home / "config.yaml").read_text()
    monkeypatch.setenv("DB_PASSWORD", "s3cr3t-w0rd")
    assert load().btc == chosen


@pytest.mark.parametrize(("held", "said"), [("[1, 2]\n", "mapping"), ("a: b: c\n", "no YAML"), ("\x00", "no YAML")])
def test_a_file_that_is_no_settings_file_is_not_replaced(tmp_path: Path, held: str, said: str) -> None:
    """What is there may be somebody's work."""
    (tmp_path / "notes.yaml").write_text(held)
    with pytest.raises(InvalidRequest, match=said):
        config.save({}, tmp_path / "notes.yaml")
    assert (tmp_path / "notes.yaml").read_text() == held


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails while writing leaves the old file, and nothing beside it."""
    file = tmp_path / "config.yaml"
    config.save({"repair_days": 3}, file)
    before = file.read_text()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        config.save({"repair_days": 4}, file)
    assert file.read_text() == before
    assert [path for path in tmp_path.iterdir() if path.is_file()] == [file]


def test_an_invalid_configuration_is_not_saved(tmp_path: Path) -> None:
    """Every finding is told, and no file is made."""
    with pytest.raises(InvalidRequest, match=r"(?s)processing.batch_size: .*repair_days: "):
        config.save({"processing": {"batch_size": 0}, "repair_days": 0}, tmp_path / "config.yaml")
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []
