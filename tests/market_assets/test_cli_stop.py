"""`market-assets stop | start | rollback`: what they print, and their exit codes."""

import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from market_assets.cli import app
from market_assets.core import clock
from market_assets.core.errors import InvalidRequest, MarketAssetsError
from market_assets.crypto.schemas import CryptoSignals
from market_assets.ops import standstill
from market_assets.settings import load
from resources.stores import open_store
from resources.stores.errors import VersionPruned
from tests.market_assets.crypto.advice_frames import signal, signals

SIGNALS = CryptoSignals.contract()
DAY = "2026-10-05|BTCUSDT"
FIRST = datetime(2026, 10, 6, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch):
    """Looks follow each other at once."""
    monkeypatch.setattr(standstill, "_LOOK_S", 0.0)
    monkeypatch.setenv("COLUMNS", "200")


def run(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=answer)


def dagster_yaml(home: Path) -> None:
    shutil.copyfile(Path(__file__).resolve().parents[2] / "dagster.yaml", home / "dagster" / "dagster.yaml")


def stored(price: float, at: datetime) -> None:
    with clock.frozen(at):
        open_store(load()).write(SIGNALS, DAY, signals(signal(price=price)))


def price() -> float:
    return float(open_store(load()).read(SIGNALS, [DAY])["price"].item())


def test_stop_and_start(home: Path):
    """A home with Dagster: what was turned off is listed, the backup is there, and start names the same."""
    dagster_yaml(home)
    stopped = run("stop", "--reason", "bad prices")
    assert stopped.exit_code == 0, stopped.output
    assert "stopped" in stopped.output
    assert "follow: off" in stopped.output
    assert json.loads((home / "stop").read_text())["reason"] == "bad prices"
    (backup,) = (home / "backups").iterdir()
    assert str(backup) in stopped.output.replace("\n", "")
    assert (backup / "dagster" / "schedules" / "schedules.db").exists()
    started = run("start")
    assert started.exit_code == 0, started.output
    assert "follow: on" in started.output
    assert not (home / "stop").exists()


def test_stop_without_dagster_stops_collectors(home: Path):
    """The marker is written all the same, and no backup where none is wanted."""
    stopped = run("stop", "--no-backup")
    assert stopped.exit_code == 0, stopped.output
    assert "no instance here" in stopped.output
    assert (home / "stop").exists()
    assert not (home / "backups").exists()


def test_stop_says_what_does_not_stop(home: Path):
    """A held lock: exit code 1, and its name."""
    import fcntl

    (home / "state").mkdir(parents=True)
    with (home / "state" / "stream-crypto.lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        stopped = run("stop", "--no-backup", "--wait-s", "0")
    assert stopped.exit_code == 1
    assert "NOT stopped" in stopped.output
    assert "stream-crypto: STILL RUNNING" in stopped.output


def test_a_backup_that_fails_is_told(home: Path, monkeypatch: pytest.MonkeyPatch):
    """All is stopped, and yet the exit code is 1: what was to be kept is not."""
    monkeypatch.setenv("MARKET_ASSETS_HOME", str(home))
    (home / "backups").write_text("a file where a folder should be")
    stopped = run("stop")
    assert stopped.exit_code == 1
    assert "backup" in stopped.output
    assert "FAILED" in stopped.output
    assert run("backup").exit_code == 1


def test_rollback_asks_first(home: Path):
    """The plan is shown; no means no; yes publishes the old version again, without Dagster with a notice."""
    stored(1.0, FIRST)
    stored(900.0, FIRST + HOUR)
    asked = ("rollback", "crypto_signals", "--as-of", "2026-10-06T12:30:00Z")
    shown = run(*asked, "--dry-run")
    assert shown.exit_code == 0, shown.output
    assert "roll back: 1" in shown.output
    assert DAY in shown.output
    refused = run(*asked, answer="n\n")
    assert refused.exit_code == 1
    assert price() == 900.0
    agreed = run(*asked, answer="y\n")
    assert agreed.exit_code == 0, agreed.output
    assert "1 partitions of crypto_signals rolled back" in agreed.output
    assert "nothing downstream follows" in agreed.output
    assert price() == 1.0
    again = run(*asked, "--yes")
    assert "as it was: 1" in again.output


def test_rollback_tells_dagster(home: Path):
    """A materialisation event for the partition, in the instance of this home."""
    import dagster as dg

    dagster_yaml(home)
    stored(1.0, FIRST)
    stored(900.0, FIRST + HOUR)
    done = run("rollback", "crypto_signals", "--as-of", FIRST.isoformat(), "--partition", DAY, "--yes")
    assert done.exit_code == 0, done.output
    with dg.DagsterInstance.from_config(os.environ["DAGSTER_HOME"]) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("crypto_signals"))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.partition == DAY


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        (("nosuch", "--as-of", "2026-10-06"), MarketAssetsError, "no table named 'nosuch'"),
        (("crypto_signals", "--as-of", "yesterday"), InvalidRequest, "--as-of: an instant is written like"),
        (("crypto_signals", "--as-of", "2026-10-06T12:00:00"), InvalidRequest, "needs an offset"),
        (("crypto_signals", "--as-of", "2026-10-06", "--partition", "x"), MarketAssetsError, "no partition of"),
    ],
)
def test_rollback_refuses(home: Path, arguments: tuple[str, ...], kind: type[Exception], words: str):
    """What is not there or cannot be read is said, and nothing is written."""
    stored(1.0, FIRST)
    refused = run("rollback", *arguments, "--yes")
    assert isinstance(refused.exception, kind)
    assert words in str(refused.exception)


def test_rollback_to_what_is_no_longer_kept(home: Path, monkeypatch: pytest.MonkeyPatch):
    """The version was pruned: an error before anything is written."""
    monkeypatch.setenv("MARKET_ASSETS_RETENTION__VERSIONS", "0")
    stored(1.0, FIRST)
    stored(900.0, FIRST + HOUR)
    refused = run("rollback", "crypto_signals", "--as-of", FIRST.isoformat(), "--yes")
    assert isinstance(refused.exception, VersionPruned)
    assert price() == 900.0
