"""The tabs of the operations page, asked as Dash's renderer asks them."""

import json

import pytest

from .callbacks import ask, cards
from .ops_home import HOME

CONDITION = [
    ("condition-note", "children"),
    ("condition-place", "style"),
    ("condition-cards", "children"),
    ("condition-map", "figure"),
    ("condition-map", "style"),
    ("condition-reasons", "children"),
]
GAPS = [
    ("gaps-note", "children"),
    ("gaps-place", "style"),
    ("gaps-cards", "children"),
    ("gaps-said", "children"),
    ("gaps-grid", "rowData"),
    ("gaps-grid-place", "style"),
]
VERSION, THEME = ("ops-version", "data", "x"), ("theme", "data", "light")


def test_the_condition_tab_counts_the_newest_day_and_tells_every_reason(monkeypatch: pytest.MonkeyPatch):
    """One ok, one late, one degraded on the 5th; four rows over both days that are not ok; a cell for each of six."""
    got = ask(HOME.reader(monkeypatch), CONDITION, ("condition-days", "value", "7"), VERSION, THEME)
    counted = {label: value for label, (value, _) in cards(got["condition-cards"]["children"]).items()}
    assert counted == {"Ok": "1", "Degraded": "1", "Missing": "0", "Late": "1"}
    (heat,) = got["condition-map"]["figure"]["data"]
    assert heat["x"] == ["2026-10-04", "2026-10-05"]
    # rows from below: funding_snapshot, crypto_klines, bars_signals; 0 ok, 1 late, 2 degraded, 3 missing
    assert heat["z"] == [[0, 1], [3, 0], [2, 2]]
    told = json.dumps(got["condition-reasons"])
    assert "What is not ok, 4" in told
    assert "the newest look is old" in told


@pytest.mark.parametrize(
    ("status", "names"), [("open", ["ETHUSDT"]), ("given_up", ["IBM"]), ("all", ["ETHUSDT", "IBM", "NAS100"])]
)
def test_the_gaps_tab_shows_holes_by_status(monkeypatch: pytest.MonkeyPatch, status: str, names: list[str]):
    """One of each; the cards count them and what the open one costs."""
    got = ask(HOME.reader(monkeypatch), GAPS, ("gaps-status", "value", status), VERSION)
    assert sorted(row["name"] for row in got["gaps-grid"]["rowData"]) == names
    told = cards(got["gaps-cards"]["children"])
    assert told["Open"][0] == told["Given up"][0] == told["Explained"][0] == "1"
    assert told["Repairs due"] == ("1", "partitions, 2 requests at most")


def test_the_upkeep_tab_tells_that_a_table_did_not_come_back(monkeypatch: pytest.MonkeyPatch):
    """A failed drill is red, and names the table."""
    outputs = [("upkeep-cards", "children"), ("upkeep-parts", "children")]
    got = ask(HOME.reader(monkeypatch), outputs, VERSION)
    told = cards(got["upkeep-cards"]["children"])
    assert (told["Last backup"][0], told["Last restore drill"][0], told["Removed last time"][0]) == (
        "9 h ago",
        "FAILED",
        "4",
    )
    assert "2 rows differ" in json.dumps(got["upkeep-parts"])


def test_without_data_each_tab_says_what_to_run(monkeypatch: pytest.MonkeyPatch):
    """The command that makes the table stands there."""
    client = HOME.empty(monkeypatch)
    condition = ask(client, CONDITION, ("condition-days", "value", "7"), VERSION, THEME)
    gaps = ask(client, GAPS, ("gaps-status", "value", "open"), VERSION)
    upkeep = ask(client, [("upkeep-cards", "children"), ("upkeep-parts", "children")], VERSION)
    for got, table in ((condition, "ops_condition"), (gaps, "ops_gaps"), (upkeep, "ops_restore_drill")):
        assert f"--select {table}" in json.dumps(got)
