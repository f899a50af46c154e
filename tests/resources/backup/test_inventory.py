"""What the schedule does: OpsBackup of all that is kept."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from market_assets.core import clock
from market_assets.ops.schemas import OpsBackup
from market_assets.ops.settings import BackupSettings
from market_assets.settings import load
from resources.backup import verify
from resources.backup.inventory import take_and_list
from resources.backup.plain import UnreadableSettings
from tests.resources.backup.homes import MASKED, filled, furnish

AT = datetime(2026, 3, 3, 3, tzinfo=UTC)


def days(settings: BackupSettings, *numbers: int) -> pl.DataFrame:
    """The table after a backup on each of these days."""
    for number in numbers:
        with clock.frozen(AT + timedelta(days=number)):
            found = take_and_list(load(backup=settings))
    return OpsBackup.contract().validate(found)


def test_a_backup_is_taken_archived_and_listed(home: Path, tmp_path: Path):
    """Its counts, why it is kept, and the name of its archive, which is whole."""
    with clock.frozen(AT - timedelta(hours=1)):
        filled()
    furnish(home)
    (tmp_path / "nas").mkdir()
    found = days(BackupSettings(daily=2, monthly=0, archive_to=str(tmp_path / "nas"), archives=1), 0, 1, 2)
    assert found["name"].to_list() == ["20260304T030000Z", "20260305T030000Z"]
    assert found["kept_as"].to_list() == ["daily", "newest"]
    assert found["archive"].to_list() == [None, "market-assets-20260305T030000Z.tar"]
    newest = found.row(1, named=True)
    assert (newest["store"], newest["n_tables"], newest["n_partitions"], newest["n_rows"]) == ("duckdb", 1, 2, 4)
    assert newest["taken_at"] == AT + timedelta(days=2)
    assert newest["missing"] == []
    folder = home / "backups" / newest["name"]
    assert newest["size_bytes"] == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    (archive,) = (tmp_path / "nas").iterdir()
    assert (archive.name, verify(archive).rows) == (newest["archive"], 4)


def test_a_place_for_archives_that_is_gone_is_told(home: Path, tmp_path: Path):
    """The backup is taken, older ones go all the same, and the table says what is missing."""
    found = days(BackupSettings(daily=1, monthly=0, archive_to=str(tmp_path / "unplugged")), 0, 1)
    assert found.height == 1
    assert found["archive"].to_list() == [None]
    (missing,) = found["missing"].to_list()[0]
    assert missing.startswith("archive: ")
    assert "must be a folder" in missing
    assert len(list((home / "backups").iterdir())) == 1


def test_what_is_missing_in_a_backup_is_listed(home: Path):
    """Dagster's server whose address nobody can read; no secret."""
    furnish(home, dagster=f"storage: {{postgres: {{postgres_db: {{password: {MASKED}}}}}}}\n")
    (missing,) = days(BackupSettings(), 0)["missing"].to_list()[0]
    assert missing.startswith("dagster's server: storage.postgres.postgres_url")
    assert MASKED not in missing


def test_months_are_listed_as_such(home: Path):
    """One of February, kept because it is the newest of its month."""
    found = days(BackupSettings(daily=1, monthly=1), -10, -5, 0)
    assert found.select("name", "kept_as").rows() == [("20260226T030000Z", "monthly"), ("20260303T030000Z", "newest")]


def test_none_can_be_taken(home: Path):
    """That is an error of the run, not a row."""
    settings = load()
    (home / "config.yaml").write_text("a: [")
    with pytest.raises(UnreadableSettings):
        take_and_list(settings)
