"""Raw responses: found by what they are, without keys, whole or not at all."""

import os
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from resources.http import redact
from resources.http.raw import RawBodyDamaged, RawStore
from resources.http.state import VendorState
from resources.removed import Removed
from tests.resources.vendor_host import START


@pytest.fixture
def raw(tmp_path: Path) -> RawStore:
    return RawStore.of(tmp_path, VendorState.of(tmp_path))


def put(raw: RawStore, body: bytes, url: str = "https://a.b/c", at=START) -> str:
    return raw.put("polygon", body, url=url, status=200, received_at=at)


def test_a_body_is_found_by_its_digest(raw: RawStore, tmp_path: Path):
    """Path and name are the SHA-256 of the body."""
    body = b'{"results": []}'
    digest = put(raw, body)
    assert digest == sha256(body).hexdigest()
    assert (tmp_path / "raw" / "polygon" / digest[:2] / f"{digest}.zst").is_file()
    assert raw.get("polygon", digest) == body


def test_the_same_body_is_kept_once_and_noted_twice(raw: RawStore, tmp_path: Path):
    """Two equal answers are one file with two notes of when and what for."""
    put(raw, b"same")
    put(raw, b"same", url="https://a.b/d", at=START + timedelta(days=1))
    assert len(list((tmp_path / "raw").glob("*/*/*"))) == 1
    assert [row[0] for row in raw.state.rows("SELECT url FROM raw_responses ORDER BY id")] == [
        "https://a.b/c",
        "https://a.b/d",
    ]


def test_keys_are_removed_before_the_digest(raw: RawStore):
    """A body that echoes the key is stored without it, and so is the URL."""
    redact.remember("ECHOED-KEY-1")
    digest = put(raw, b'{"Information": "your API key as ECHOED-KEY-1"}', url="https://a.b/c?apikey=ECHOED-KEY-1")
    assert raw.get("polygon", digest) == b'{"Information": "your API key as [REDACTED]"}'
    assert raw.state.rows("SELECT url FROM raw_responses") == [("https://a.b/c?apikey=[REDACTED]",)]


def test_damage_is_noticed(raw: RawStore):
    """A body that is gone, cut or changed is an error, never an answer."""
    digest = put(raw, b"precious")
    path = raw.path("polygon", digest)
    other = raw.path("polygon", put(raw, b"another"))
    path.write_bytes(other.read_bytes())
    with pytest.raises(RawBodyDamaged, match="not what its name says"):
        raw.get("polygon", digest)
    path.write_bytes(b"")
    with pytest.raises(RawBodyDamaged, match="cannot be read"):
        raw.get("polygon", digest)
    path.unlink()
    with pytest.raises(RawBodyDamaged):
        raw.get("polygon", digest)


def test_pruning_goes_by_the_last_arrival(raw: RawStore):
    """After 90 days a body goes, with its note; one that arrived again stays; a killed writer's rest goes."""
    old = put(raw, b"old", at=START)
    again = put(raw, b"again", at=START)
    put(raw, b"again", at=START + timedelta(days=60))
    abandoned = raw.path("polygon", old).parent / ".half.tmp"
    abandoned.write_bytes(b"half")
    os.utime(abandoned, (START.timestamp(), START.timestamp()))
    kept = raw.path("polygon", old).stat().st_size
    would = raw.prune(START + timedelta(days=91), keep_days=90, dry_run=True)
    assert raw.path("polygon", old).exists() and abandoned.exists()
    assert raw.state.rows("SELECT count(*) FROM raw_responses") == [(3,)]
    gone = raw.prune(START + timedelta(days=91), keep_days=90)
    assert would == gone == Removed(examined=2, removed=1, bytes=kept)
    assert not raw.path("polygon", old).exists()
    assert not abandoned.exists()
    assert raw.get("polygon", again) == b"again"
    assert raw.state.rows("SELECT count(*) FROM raw_responses") == [(1,)]
