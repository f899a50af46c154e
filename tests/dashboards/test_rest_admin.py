"""Writes: keys, audit, the universe, the cache. Keys are checked, hashed and never shown again."""

import sqlite3

import pytest
from starlette.testclient import TestClient

from dashboards.app import create_app
from market_assets.settings import Settings

from .conftest import KEY
from .served import served

SYMBOLS, KEYS = "/api/v1/admin/symbols", "/api/v1/admin/api-keys"
WRITES = [("GET", SYMBOLS), ("POST", SYMBOLS), ("DELETE", SYMBOLS), ("GET", KEYS), ("POST", KEYS), ("DELETE", KEYS)]


@pytest.mark.parametrize(("method", "path"), [*WRITES, ("POST", "/api/cache/clear")])
@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "guess"}])
def test_a_write_needs_a_key_even_on_loopback(client: TestClient, method: str, path: str, headers: dict[str, str]):
    """Without a key, or with a wrong one, every write is 401 in the one error shape."""
    answer = client.request(method, path, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


def test_a_key_is_shown_once_and_stored_as_a_hash(client: TestClient, configured: Settings, writer: dict[str, str]):
    """The made key works, the list does not show it, and the file holds neither it nor the first key."""
    made = client.post(KEYS, json={"name": "desk"}, headers=writer)
    assert made.status_code == 201
    key = made.json()["key"]
    listed = client.get(KEYS, headers={"X-API-Key": key})
    assert listed.status_code == 200
    assert [entry["name"] for entry in listed.json()["keys"]] == ["desk", "settings"]
    assert key not in listed.text
    stored = (configured.home / "state" / "api_keys.sqlite").read_bytes()
    assert key.encode() not in stored
    assert KEY.encode() not in stored


def test_a_closed_key_no_longer_works(client: TestClient, writer: dict[str, str]):
    """After DELETE the key is refused and stays on record as inactive."""
    key = client.post(KEYS, json={"name": "desk"}, headers=writer).json()["key"]
    assert client.delete(KEYS, params={"name": "desk"}, headers=writer).status_code == 200
    assert client.get(KEYS, headers={"X-API-Key": key}).status_code == 401
    entries = {entry["name"]: entry["active"] for entry in client.get(KEYS, headers=writer).json()["keys"]}
    assert entries == {"desk": False, "settings": True}


def test_a_key_name_is_used_once(client: TestClient, writer: dict[str, str]):
    """A second key of the same name, or the settings' own name, is 422; an unknown one to close is 404."""
    client.post(KEYS, json={"name": "desk"}, headers=writer)
    assert client.post(KEYS, json={"name": "desk"}, headers=writer).status_code == 422
    assert client.post(KEYS, json={"name": "settings"}, headers=writer).status_code == 422
    missing = client.delete(KEYS, params={"name": "desc"}, headers=writer)
    assert missing.status_code == 404
    assert "desk" in missing.json()["detail"]


def test_every_write_leaves_an_audit_row(client: TestClient, configured: Settings, writer: dict[str, str]):
    """Who, what and how it ended, refused calls included; reads leave none."""
    client.get("/api/v1/symbols")
    client.post("/api/cache/clear")
    client.post("/api/cache/clear", headers=writer)
    with sqlite3.connect(configured.home / "state" / "api_keys.sqlite") as db:
        rows = db.execute("SELECT name, method, path, status FROM audit ORDER BY rowid").fetchall()
    assert rows == [(None, "POST", "/api/cache/clear", 401), ("settings", "POST", "/api/cache/clear", 200)]


def test_the_key_of_the_settings_can_be_changed(configured: Settings):
    """The old first key stops working once the settings name another; without any, none is left."""
    from pydantic import SecretStr

    create_app(configured)
    changed = TestClient(create_app(configured.model_copy(update={"api_key": SecretStr("another-key")})))
    assert changed.get(KEYS, headers={"X-API-Key": KEY}).status_code == 401
    assert changed.get(KEYS, headers={"X-API-Key": "another-key"}).status_code == 200
    closed = TestClient(create_app(configured.model_copy(update={"api_key": None})))
    answer = closed.get(KEYS, headers={"X-API-Key": "another-key"})
    assert answer.status_code == 401
    assert "MARKET_ASSETS_API_KEY" in answer.json()["detail"]


def test_clearing_the_cache_counts_and_keeps_stored_data(client: TestClient, writer: dict[str, str]):
    """Kept answers and frames go; the next request reads the store and finds the same bars."""
    before = client.get("/api/v1/historical/AAPL").json()
    cleared = client.post("/api/cache/clear", headers=writer).json()
    assert cleared["status"] == "success"
    assert cleared["entries_cleared"] >= 1
    again = client.get("/api/v1/historical/AAPL")
    assert again.headers["X-Cache"] == "miss"
    assert again.json() == before


def test_a_removed_symbol_keeps_its_data(client: TestClient, writer: dict[str, str]):
    """DELETE takes a symbol out of the schedules; twice is no error; its bars are still served."""
    assert client.delete(SYMBOLS, params={"symbol": "AAPL"}, headers=writer).status_code == 200
    again = client.delete(SYMBOLS, params={"symbol": "AAPL"}, headers=writer)
    assert "already" in again.json()["message"]
    overrides = client.get(SYMBOLS, headers=writer).json()["data"]
    assert [(row["symbol"], row["active"]) for row in overrides] == [("AAPL", False)]
    assert client.get("/api/v1/historical/AAPL").json()["count"] == 5
    assert client.delete(SYMBOLS, params={"symbol": "APPL"}, headers=writer).status_code == 404


def test_a_mapping_that_is_none_is_refused(client: TestClient, writer: dict[str, str]):
    """POST validates the mapping: an unknown class or field is 422 and changes nothing."""
    for wrong in ({"symbol": "NVDA", "asset_class": "warrant"}, {"symbol": "NVDA", "colour": "green"}, {}):
        assert client.post(SYMBOLS, json=wrong, headers=writer).status_code == 422
    assert client.get(SYMBOLS, headers=writer).json()["count"] == 0


def test_a_new_symbol_is_asked_of_the_vendor(
    configured: Settings, monkeypatch: pytest.MonkeyPatch, writer: dict[str, str]
):
    """A ticker the vendor lists joins the universe and its backfill is announced; one it does not know is refused."""
    from market_assets.core import clock
    from market_assets.settings import load
    from resources.sandbox.app import create_app as create_sandbox
    from resources.sandbox.synthetic import SyntheticBackend

    at = clock.instant("2024-01-12T00:00:00Z")
    with served(create_sandbox(SyntheticBackend(seed=7), now=lambda: at)) as address:
        monkeypatch.setenv("POLYGON_API_KEY", "sandbox-key")
        found = load(vendors="sandbox", sandbox_url=address)
        client = TestClient(create_app(found))
        added = client.post(SYMBOLS, json={"symbol": "NVDA"}, headers=writer)
        assert added.status_code == 201, added.text
        assert "backfills" in added.json()["backfill"]
        assert "NVDA" in client.get("/api/v1/symbols").json()["symbols"]
        twice = client.post(SYMBOLS, json={"symbol": "NVDA"}, headers=writer)
        assert twice.status_code in (200, 201)
        refused = client.post(SYMBOLS, json={"symbol": "NOSUCHTICKER"}, headers=writer)
        assert (refused.status_code, refused.json()["code"]) == (422, "refused_by_vendor")
        assert "NOSUCHTICKER" not in client.get("/api/v1/symbols").json()["symbols"]
