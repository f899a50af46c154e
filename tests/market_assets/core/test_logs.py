"""The log file: what is in it, what is never in it, and that it neither grows nor loses entries."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from market_assets.core.logs import log_to_file
from resources.http import redact

LOGGERS = ("test_logs.domain", "test_logs.outside")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    yield
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.NOTSET)
        for handler in list(logger.handlers):
            logger.removeHandler(handler)


def started(file: Path, level: str = "INFO", max_mb: int = 1, backups: int = 2) -> logging.Logger:
    """The first logger, writing to `file`."""
    log_to_file(LOGGERS, file, level=level, max_mb=max_mb, backups=backups, clean=redact.text)
    return logging.getLogger(LOGGERS[0])


def test_both_loggers_and_those_below_write_to_one_file(tmp_path: Path) -> None:
    """An entry is instant in UTC, level, process, logger and message; the folder is made with the first entry."""
    file = tmp_path / "logs" / "btc.log"
    started(file)
    assert not file.parent.exists()
    logging.getLogger("test_logs.domain.vendor").info("asked for %d hours", 24)
    logging.getLogger("test_logs.outside").warning("late")
    first, second = file.read_text().splitlines()
    instant, level, _, said = first.split(" ", 3)
    assert (instant[10], instant[-1], level, said) == ("T", "Z", "INFO", "test_logs.domain.vendor: asked for 24 hours")
    assert second.endswith("test_logs.outside: late")


def test_calling_again_changes_nothing(tmp_path: Path) -> None:
    """Definitions are loaded more than once in a process: each entry is still written once."""
    for _ in range(3):
        started(tmp_path / "btc.log").info("once")
    assert len((tmp_path / "btc.log").read_text().splitlines()) == 3
    assert [len(logging.getLogger(name).handlers) for name in LOGGERS] == [1, 1]


def test_other_arguments_take_the_place_of_the_first(tmp_path: Path) -> None:
    """Another home, and no entry of it in the file of the first."""
    started(tmp_path / "first.log").info("one")
    started(tmp_path / "second.log").info("two")
    assert "two" not in (tmp_path / "first.log").read_text()
    assert (tmp_path / "second.log").read_text().endswith("two\n")


def test_the_level_decides_what_is_written(tmp_path: Path) -> None:
    """INFO is written although the root logger asks for WARNING; DEBUG only where it is asked for."""
    log = started(tmp_path / "btc.log")
    log.debug("small")
    log.info("middle")
    assert "small" not in (tmp_path / "btc.log").read_text()
    started(tmp_path / "btc.log", level="DEBUG").debug("small")
    started(tmp_path / "btc.log", level="ERROR").warning("large")
    assert [line.rsplit(" ", 1)[1] for line in (tmp_path / "btc.log").read_text().splitlines()] == ["middle", "small"]


def test_a_handler_of_somebody_else_stays(tmp_path: Path) -> None:
    """Dagster's or a test's own handler is not ours to remove."""
    other = logging.NullHandler()
    logging.getLogger(LOGGERS[0]).addHandler(other)
    started(tmp_path / "a.log")
    started(tmp_path / "b.log")
    assert other in logging.getLogger(LOGGERS[0]).handlers


def test_no_key_reaches_the_file(tmp_path: Path) -> None:
    """Neither by message, nor by argument, nor inside a traceback."""
    redact.remember("k3y-0f-the-v3nd0r")
    log = started(tmp_path / "btc.log")
    log.info("asked with k3y-0f-the-v3nd0r and %s", {"X-Api-Key": "never-told-before"})
    try:
        raise RuntimeError("refused k3y-0f-the-v3nd0r")
    except RuntimeError:
        log.exception("failed at https://vendor.example/?api_key=never-told-before")
    text = (tmp_path / "btc.log").read_text()
    assert "Traceback" in text
    assert "k3y-0f-the-v3nd0r" not in text
    assert "never-told-before" not in text


def test_a_full_file_is_rotated_and_the_oldest_forgotten(tmp_path: Path) -> None:
    """1 MB with two backups: four files of entries leave the newest three, none above the limit."""
    log = started(tmp_path / "btc.log", backups=2)
    for number in range(40):
        log.info("%02d %s", number, "x" * 100_000)
    files = [tmp_path / name for name in ("btc.log.2", "btc.log.1", "btc.log")]
    assert sorted(path.name for path in tmp_path.glob("btc.log*")) == ["btc.log", "btc.log.1", "btc.log.2"]
    assert all(path.stat().st_size <= 1_000_000 for path in files)
    kept = [line.split(" ")[4] for path in files for line in path.read_text().splitlines()]
    # 9 entries of 100,0xx bytes fit into 1,000,000: 36..39 in the newest, 9 in each backup
    assert kept == [f"{number:02d}" for number in range(18, 40)]


def test_without_backups_a_full_file_begins_anew(tmp_path: Path) -> None:
    """No backup and no growth without end either; an entry larger than the file is written all the same."""
    log = started(tmp_path / "btc.log", backups=0)
    for _ in range(12):
        log.info("x" * 100_000)
    assert len((tmp_path / "btc.log").read_text().splitlines()) == 3
    log.info("y" * 2_000_000)
    assert (tmp_path / "btc.log").read_text().endswith("y\n")
    assert [path.name for path in tmp_path.glob("btc.log*")] == ["btc.log"]


PROCESS = """
import logging, sys
from pathlib import Path
from market_assets.core.logs import log_to_file
log_to_file(["p"], Path(sys.argv[1]), level="INFO", max_mb=1, backups=9, clean=str)
for number in range(150):
    logging.getLogger("p").info("%s-%d %s", sys.argv[2], number, "x" * 10_000)
"""


def test_processes_that_rotate_one_file_lose_no_entry(tmp_path: Path) -> None:
    """Daemon, run and web server write the same file: three processes of 150 entries are 450 whole ones."""
    file = tmp_path / "btc.log"
    running = [subprocess.Popen([sys.executable, "-c", PROCESS, str(file), name]) for name in "abc"]
    assert [process.wait(120) for process in running] == [0, 0, 0]
    lines = [line for path in tmp_path.glob("btc.log*") for line in path.read_text().splitlines()]
    assert {line.split(" ")[4] for line in lines} == {f"{name}-{number}" for name in "abc" for number in range(150)}
    assert len(lines) == 450
    assert all(path.stat().st_size <= 1_000_000 for path in tmp_path.glob("btc.log*"))
    assert len(list(tmp_path.glob("btc.log.*"))) == 4


def test_an_entry_that_cannot_be_written_stops_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder in the file's place, or arguments that do not fit: told on standard error without the entry."""
    monkeypatch.setattr(logging.getLogger(LOGGERS[0]), "propagate", False)  # pytest's own handler would raise
    (tmp_path / "btc.log").mkdir()
    started(tmp_path / "btc.log").info("lost, X-Api-Key: %s", "never-told-before")
    started(tmp_path / "other.log").info("%d hours", "some")
    directory, arguments = capsys.readouterr().err.splitlines()
    assert directory.startswith(f"no entry written to {tmp_path / 'btc.log'}: IsADirectoryError")
    assert arguments.startswith(f"no entry written to {tmp_path / 'other.log'}: TypeError")
