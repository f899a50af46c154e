"""`market-assets alerts`: what it lists, whom it reaches, what it changes, and its exit codes."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from market_assets.cli.alerts import app
from market_assets.core.errors import InvalidRequest, UnknownName
from market_assets.ops.settings import AlertSettings
from market_assets.ops.transforms.incidents import Finding
from market_assets.settings import settings
from resources.alerting.book import IncidentBook
from resources.alerting.round import AlertRound, Collected
from tests.resources.vendor_host import Host

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
SOURCE = Finding("source:polygon", "breaker_open", "polygon", "ERROR", "Polygon [all of it] fails.", NOON)
BARS = Finding("bars_minute", "run_failed", "", "ERROR", "", NOON, upstream=frozenset({"source:polygon"}))
LATE = Finding("btc_prices", "freshness", "", "WARN", "It is late.", NOON)


@pytest.fixture
def book(home: Path, monkeypatch: pytest.MonkeyPatch) -> IncidentBook:
    """One incident of each kind: 1 and 2 explain and are explained, 3 stands alone, 4 has recovered."""
    monkeypatch.setenv("MARKET_ASSETS_NOW", (NOON + timedelta(minutes=5)).isoformat())
    monkeypatch.setenv("COLUMNS", "200")
    book, found = IncidentBook(home), [SOURCE, BARS, LATE, replace(LATE, subject="gone")]
    for at in (NOON, NOON + timedelta(minutes=1)):
        AlertRound(AlertSettings(settle_s=0), book, lambda now: Collected(tuple(found))).run(at)
        found.pop()
        found.append(LATE)
    return book


@pytest.fixture
def webhook() -> Iterator[Host]:
    """A webhook that takes what is posted."""
    host = Host()
    yield host
    host.close()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def ids(book: IncidentBook) -> dict[str, int]:
    return {entry.incident.finding.subject: entry.id for entry in book.all()}


def test_a_list_without_more_is_of_what_has_not_recovered(book: IncidentBook) -> None:
    """Whether it is asked for by its name or not."""
    shown = run("list").stdout
    assert run().stdout == shown
    lines = shown.splitlines()
    (source,) = [at for at, line in enumerate(lines) if "source:polygon" in line]
    assert "Polygon [all of it] fails. Explains 1 more." in lines[source + 1]
    (bars,) = [line for line in shown.splitlines() if "bars_minute" in line]
    assert f"attached of {ids(book)['source:polygon']}" in bars
    assert "gone" not in shown


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("open", {"source:polygon", "btc_prices"}),
        ("attached", {"bars_minute"}),
        ("recovered", {"gone"}),
        ("silenced", set()),
        ("all", {"source:polygon", "bars_minute", "btc_prices", "gone"}),
    ],
)
def test_a_list_is_of_a_state_and_json_where_that_is_asked_for(
    book: IncidentBook, state: str, expected: set[str]
) -> None:
    """As programs read it, with and without the word `list`."""
    for command in (["list"], []):
        rows = json.loads(run(*command, "--state", state, "--json").stdout)
        assert {row["subject"] for row in rows} == expected
    if "source:polygon" in expected:
        row = next(row for row in rows if row["subject"] == "source:polygon")
        assert (row["since"], row["severity"], row["n_attached"]) == ("2026-11-03T12:00:00Z", "ERROR", 1)


def test_an_incident_is_acknowledged_by_whom_is_there(book: IncidentBook) -> None:
    """The name and the machine are kept; an attached one means its cause."""
    told = run("acknowledge", str(ids(book)["bars_minute"]))
    assert told.exit_code == 0
    assert "source:polygon breaker_open: acknowledged by " in told.stdout
    (row,) = json.loads(run("--state", "acknowledged", "--json").stdout)
    assert (row["subject"], "@" in row["acknowledged_by"]) == ("source:polygon", True)
    assert isinstance(run("acknowledge", "99").exception, UnknownName)


def test_a_silence_begins_is_listed_and_ends(book: IncidentBook) -> None:
    """By hours or until an instant."""
    assert "silence 1: btc_* until 2026-11-03T14:05:00+00:00" in run("silence", "btc_*", "--hours", "2").stdout
    assert run("silence", "x/y", "--until", "2026-11-04", "--reason", "it [moves]").exit_code == 0
    shown = run().stdout
    assert "silence 1: btc_* until" in shown
    assert "by " in shown
    assert ": it [moves]" in shown
    assert [row["subject"] for row in json.loads(run("--state", "silenced", "--json").stdout)] == ["btc_prices"]
    assert run("unsilence", "1").stdout == "silence 1 of btc_* has ended\n"
    assert json.loads(run("--state", "silenced", "--json").stdout) == []
    assert isinstance(run("unsilence", "1").exception, UnknownName)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "give either --hours or --until"),
        (["--hours", "1", "--until", "2026-11-04"], "give either --hours or --until"),
        (["--until", "tomorrow"], "--until: an instant is written like"),
        (["--until", "2026-11-01"], "ends later than now"),
    ],
)
def test_a_silence_has_one_end_that_lies_ahead(book: IncidentBook, options: list[str], said: str) -> None:
    """The error says which."""
    error = run("silence", "btc_*", *options).exception
    assert isinstance(error, InvalidRequest)
    assert said in str(error)


def test_a_test_goes_through_every_channel(home: Path, webhook: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only through the first that takes it; exit code 1 where one does not, with the reason."""
    monkeypatch.setenv("MARKET_ASSETS_ALERTS__CHANNELS", '{"desk": "DESK_URL", "boss": "BOSS_URL"}')
    monkeypatch.setenv("DESK_URL", webhook.url.replace("http", "json") + "/desk")
    monkeypatch.delenv("BOSS_URL", raising=False)
    told = run("test")
    assert told.exit_code == 1
    reason = "the environment variable BOSS_URL is empty or not set"
    assert told.stdout.splitlines() == ["desk: taken", f"boss: NOT taken ({reason})"]
    monkeypatch.setenv("BOSS_URL", webhook.url.replace("http", "json") + "/boss")
    assert run("test").exit_code == 0
    assert [asked.path for asked in webhook.asked] == ["/desk", "/desk", "/boss"]
    assert "This is a test" in json.loads(webhook.asked[0].content)["message"]


def test_without_channels_a_test_says_what_to_write(home: Path) -> None:
    """There is nobody to be told."""
    settings.cache_clear()
    error = run("test").exception
    assert isinstance(error, InvalidRequest)
    assert "alerts.channels" in str(error)
