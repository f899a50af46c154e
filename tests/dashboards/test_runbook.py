"""The RUNBOOK as a page: every check and alert has an entry that a message can link to."""

import re

import pytest
from starlette.testclient import TestClient

from dashboards import runbook
from dashboards.runbook import RUNBOOK, Runbook
from market_assets.definitions import build_defs
from market_assets.ops.transforms.incidents import RULES
from market_assets.settings import Settings, load
from market_assets.tables import TABLES

GROUPS: dict[str, list[str]] = {}
for table in TABLES:
    GROUPS.setdefault(table.split("_", maxsplit=1)[0], []).append(table)
SMALL = """# Title

## Alerts

| alert | what to do |
| --- | --- |
| `disk_used`, `cpu_used` | make room |

## Checks

| asset: check | what to do |
| --- | --- |
| `a_one`, `a_two`: `sound` | look |
| same: `fresh`; `b_one`: `whole` | wait |
| any b table: `kept` | report |
| any: `contract` | report |

| other | table |
| --- | --- |
| `not_an_alert` | x |
"""


@pytest.fixture(scope="module")
def whole() -> Runbook:
    """That of this project."""
    return Runbook(RUNBOOK.read_text(), GROUPS)


def test_rows_are_marked_by_what_their_first_cell_names():
    """Several tables, several checks, the same as above, all of a group, all; nothing of other tables."""
    found = Runbook(SMALL, {"a": ["a_one", "a_two"], "b": ["b_one", "b_two"]}).anchors
    assert found == {
        *("title", "alerts", "checks", "alert-disk_used", "alert-cpu_used"),
        *("check-a_one-sound", "check-a_two-sound", "check-a_one-fresh", "check-a_two-fresh", "check-b_one-whole"),
        *("check-b_one-kept", "check-b_two-kept"),
        *(f"check-{name}-contract" for name in ("a_one", "a_two", "b_one", "b_two")),
    }


def test_every_check_of_the_graph_has_an_entry(whole: Runbook):
    """Whatever check fails, the link of its message leads to a row."""
    keys = build_defs().resolve_asset_graph().asset_check_keys
    wanted = {runbook.check_anchor(key.asset_key.to_user_string(), key.name) for key in keys}
    assert sorted(wanted - whole.anchors) == []


def test_every_entry_is_of_a_check_that_there_is(whole: Runbook):
    """No row outlives its check: a check that a row names exists on one of the tables that it names."""
    keys = build_defs().resolve_asset_graph().asset_check_keys
    known = {runbook.check_anchor(key.asset_key.to_user_string(), key.name) for key in keys}
    names = {key.name for key in keys}
    told = {one for one in whole.anchors if one.startswith("check-")}
    assert sorted({one.rsplit("-", 1)[1] for one in told} - names) == []
    assert known <= told


def test_every_alert_has_an_entry(whole: Runbook):
    """Of each rule what it means, what the graph does, and what a person does."""
    assert {one for one in whole.anchors if one.startswith("alert-")} == {runbook.alert_anchor(rule) for rule in RULES}


def test_the_page_serves_it_with_its_anchors(client: TestClient):
    """HTML with a row that carries the anchor of an alert."""
    answer = client.get("/runbook")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert re.search(r'<td><a id="alert-heartbeat"></a><code>heartbeat</code>', answer.text)


def test_every_routine_of_the_old_manuals_is_shown_by_a_test():
    """Each row of the table links a test function that there is."""
    text = RUNBOOK.read_text()
    section = text[text.index("## What the five old manuals said") :].split("\n## ")[0]
    rows = [
        line for line in section.splitlines() if line.startswith("| ") and not line.startswith(("| domain", "| ---"))
    ]
    assert {row.split("|")[1].strip() for row in rows} == {"all", "equities", "btc", "bars", "crypto", "funding"}
    assert len(rows) > 60
    for row in rows:
        shown = re.search(r"\[(test_\w+)\]\((tests/\S+\.py)\) \|$", row)
        assert shown, row
        assert f"def {shown[1]}(" in (RUNBOOK.parent / shown[2]).read_text(), row


def test_every_setting_that_it_names_exists():
    """Dotted keys in README and RUNBOOK are keys of the settings, or begin some where a star follows."""
    known = Settings.model_json_schema()
    sections = set(known["properties"])
    text = RUNBOOK.read_text() + (RUNBOOK.parent / "README.md").read_text()
    named = re.findall(r"`([a-z]+)((?:\.[a-z_0-9]+)+)(\*?)", text)
    settings = load().model_dump(mode="json")
    wrong = []
    for section, rest, star in named:
        at = settings.get(section) if section in sections else None
        for part in rest.strip(".").split("."):
            if not isinstance(at, dict) or not at:
                break
            if part not in at and not (star and any(name.startswith(part) for name in at)):
                wrong.append(f"{section}{rest}{star}")
            at = at.get(part)
    assert len(named) > 60
    assert wrong == []
