"""The report of health as a whole: one part that fails hides no other, and the document tells all of it."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from dashboards.health import assess, report
from dashboards.rest.health_bodies import Components, HealthBody
from dashboards.services import Services
from market_assets.settings import Settings, load
from resources.stores import open_store

from . import crypto_home, ops_home


@pytest.fixture
def found(home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home of crypto and operations, at 2026-10-05 12:03."""
    configured = crypto_home.filled(monkeypatch)
    for name, rows in ops_home.tables().items():
        ops_home.HOME.write(open_store(configured), name, rows)
    return configured


def documented(body: dict) -> None:
    """The body is one that the document allows, and has every field that it names."""
    HealthBody.model_validate(body)
    for name, field in Components.model_fields.items():
        told = body["components"][name]
        assert told["note"]
        assert told["detail"] is None or told["detail"]
        assert field.annotation is not None
        assert set(field.annotation.model_fields) <= set(told), name


def test_every_field_of_the_document_is_told(found: Settings):
    """Of a filled home: what is stored of a table's condition stands beside its lateness."""
    body = report(found)
    documented(body)
    tables = body["components"]["condition"]["tables"]
    assert tables["crypto_klines"]["yesterday"] == "missing"
    assert tables["ops_gaps"]["late_s"] is None


def test_of_an_empty_home_nothing_is_assumed(home: Path):
    """There is nothing to judge: idle, or not configured; only the machine is measured."""
    body = report(load())
    documented(body)
    statuses = {name: one["status"] for name, one in body["components"].items() if name != "machine"}
    assert statuses == {
        **dict.fromkeys(("storage", "standstill"), "healthy"),
        **dict.fromkeys(("instance", "automation", "stream", "redis"), "not_configured"),
        **dict.fromkeys(("condition", "sources", "backup", "alerts"), "idle"),
        **{"scheduler": "unknown", "data_pipeline": "degraded"},
    }


def test_a_part_that_cannot_be_looked_at_is_unknown_with_the_reason(found: Settings):
    """The book of incidents is no database: alerts are unknown, all their numbers null, and the rest is judged."""
    book = found.home / "state" / "incidents.sqlite"
    book.parent.mkdir(exist_ok=True)
    book.write_bytes(b"this is not a database, and says so in more than a hundred bytes" * 4)
    body = report(found)
    documented(body)
    told = body["components"]["alerts"]
    assert (told["status"], told["errors"]) == ("unknown", None)
    assert told["detail"].startswith("DatabaseError: file is not a database")
    assert body["components"]["storage"]["status"] == "healthy"
    assert body["components"]["condition"]["n_late"] is not None


def test_without_the_store_nothing_is_said_of_what_is_in_it(home: Path):
    """Unhealthy; tables, backups and freshness are unknown, and no password is shown."""
    address = SecretStr("postgresql://u:hunter2@127.0.0.1:9/none")
    body = report(load(store="postgres", postgres_url=address))
    documented(body)
    assert body["status"] == "unhealthy"
    for name in ("data_pipeline", "condition", "backup"):
        told = body["components"][name]
        assert (told["status"], told["detail"]) == ("unknown", "the store cannot be read")
    assert "hunter2" not in str(body)


def test_what_changes_slowly_is_not_looked_at_every_time(found: Settings):
    """A table that was just published is counted some seconds later; the store itself is asked every time."""
    services = Services.of(found)
    first = assess(services)["components"]
    ops_home.HOME.write(open_store(found), "ops_backup", ops_home.tables()["ops_backup"][:1])
    again = assess(services)["components"]
    assert again["backup"] == first["backup"]
    assert again["storage"]["query_time_ms"] != first["storage"]["query_time_ms"]
    assert assess(Services.of(found))["components"]["backup"]["n_kept"] == 1
