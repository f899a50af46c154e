"""The audit of what is pinned: it sees each fault, asks the advisory service, and says when it could not."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI, Request

from tests import dependency_audit
from tests.dashboards.served import served

HASH = f" \\\n    --hash=sha256:{'0' * 64}\n"
SMALL = f"idna==3.18{HASH}six==1.17.0{HASH}colorama==0.4.6 ; sys_platform == 'none'{HASH}"
HERE = {"idna": "3.18", "six": "1.17.0"}
HOLE = {
    "id": "PYSEC-2099-1",
    "summary": "made up",
    "affected": [
        {
            "package": {"name": "six", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.18.0"}]}],
        }
    ],
}


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """An advisory service that speaks as OSV does and knows of one hole, in six 1.17.0."""
    app = FastAPI()

    @app.post("/v1/query")
    async def query(request: Request) -> dict[str, object]:
        asked = json.loads(await request.body())
        vulnerable = (asked["package"]["name"], asked["version"]) == ("six", "1.17.0")
        return {"vulns": [HOLE]} if vulnerable else {}

    with served(app) as address:
        yield f"{address}/v1/query"


@pytest.fixture(scope="module")
def nowhere() -> str:
    """An address where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/v1/query"


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A small lock."""
    path = tmp_path / "requirements.lock"
    path.write_text(SMALL)
    return path


def test_a_good_lock_has_no_fault():
    """Hashed, installed as pinned, of no known hole: nothing to say. What is for another system need not be there."""
    assert dependency_audit.faults_of(SMALL, HERE) == []


def test_the_lock_of_this_project_has_no_fault():
    """Every pin of requirements.lock is hashed, has no hole that is known to us, and comes by name alone."""
    lock = dependency_audit.LOCK.read_text()
    meant = {pin.name: pin.version for pin in dependency_audit.pins(lock) if pin.applies}
    assert len(meant) > 100
    assert dependency_audit.faults_of(lock, meant) == []
    assert set(dependency_audit.SAFE_FROM) <= set(meant), "a line about what is pinned no more"


@pytest.mark.parametrize(
    ("lock", "installed", "said"),
    [
        ("idna==3.18\n", {"idna": "3.18"}, "idna 3.18 has no hash"),
        (f"jinja2==3.1.5{HASH}", {"jinja2": "3.1.5"}, "jinja2 3.1.5 has a known hole (CVE-2025-27516)"),
        (SMALL, {**HERE, "left-over": "1.0"}, "left-over 1.0 is installed and the lock does not name it"),
        (SMALL, {**HERE, "six": "1.16.0"}, "six 1.16.0 is installed where the lock names 1.17.0"),
        (SMALL, {"six": "1.17.0"}, "idna of the lock is not installed"),
        (f"--index-url https://mirror.example/simple\n{SMALL}", HERE, "names an address"),
        (f"--extra-index-url=mirror\n{SMALL}", HERE, "names an address"),
        (f"idna @ https://mirror.example/idna-3.18.whl{HASH}", HERE, "names an address"),
    ],
)
def test_every_fault_is_seen(lock: str, installed: dict[str, str], said: str):
    """A missing hash, a known hole, a stray, another version, a missing package, an address: one fault each."""
    found = dependency_audit.faults_of(lock, installed)
    assert len(found) == 1
    assert said in found[0]


def test_what_is_not_pinned_is_refused():
    """A range is no pin."""
    with pytest.raises(ValueError, match="exact versions"):
        dependency_audit.pins(f"idna>=3{HASH}")


def test_a_hole_the_service_knows_fails_the_audit(lock: Path, service: str, capsys: pytest.CaptureFixture[str]):
    """pip-audit asks the service about each pin; its answer names package, advisory and the way out."""
    assert dependency_audit.main(["--lock", str(lock), "--service", service], HERE) == 1
    assert "six 1.17.0 has a known hole (PYSEC-2099-1), closed in 1.18.0" in capsys.readouterr().err


def test_without_a_hole_the_audit_passes(tmp_path: Path, service: str):
    """Asked about everything, it has nothing to say, also where the service is a must."""
    sound = tmp_path / "requirements.lock"
    sound.write_text(f"idna==3.18{HASH}")
    assert dependency_audit.ask(sound, service) == ([], "")
    assert dependency_audit.main(["--strict", "--lock", str(sound), "--service", service], {"idna": "3.18"}) == 0


def test_a_service_out_of_reach_is_said_and_fails_only_when_strict(
    lock: Path, nowhere: str, capsys: pytest.CaptureFixture[str]
):
    """What could not be asked is never silently fine; the rest of the audit is done all the same."""
    given = ["--lock", str(lock), "--service", nowhere]
    assert dependency_audit.main(given, HERE) == 0
    said = capsys.readouterr()
    assert "the advisory service was not asked about everything" in said.err
    assert "by the advisory service" not in said.out
    assert dependency_audit.main([*given, "--strict"], HERE) == 1
    assert dependency_audit.main(given, {**HERE, "left-over": "1.0"}) == 1
