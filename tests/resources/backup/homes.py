"""Homes to back up, and backups that were tampered with by somebody who can compute digests."""

import hashlib
import io
import sqlite3
import tarfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from market_assets.crypto.schemas import CryptoSignals
from market_assets.settings import Settings, load
from resources.backup import manifest
from resources.stores import open_store
from tests.market_assets.crypto.advice_frames import HOUR, NOON, signal, signals

SIGNALS = CryptoSignals.contract()
DAY = "2026-10-05|BTCUSDT"
MASKED = "marked-secret-42ab"


def filled(**given: Any) -> Settings:
    """A home with two partitions of one table and its settings."""
    settings = load(**given)
    store = open_store(settings)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        store.write(SIGNALS, f"2026-10-05|{symbol}", signals(signal(symbol=symbol), signal(NOON + HOUR, symbol=symbol)))
    return settings


def furnish(home: Path, dagster: str = "telemetry: {enabled: false}\n") -> None:
    """Everything else a backup takes: state, looks, Dagster's databases, settings with a secret."""
    for name in ("dagster/history/runs.db", "state/fetches.sqlite"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(home / name)) as db:
            db.execute("CREATE TABLE t (x)")
            db.execute("INSERT INTO t VALUES (42)")
            db.commit()
    (home / "dagster" / "dagster.yaml").write_text(dagster)
    (home / "config.yaml").write_text(f"crypto:\n  base_url: https://user:{MASKED}@mirror.example\n")
    (home / "segments" / "live").mkdir(parents=True)
    (home / "segments" / "live" / "look.parquet").write_text("look")


def restated(folder: Path, **changed: Any) -> None:
    """Write a backup's manifest anew with other statements, and its right digest."""
    manifest.write(replace(manifest.read(folder), **changed))


def sealed(path: Path, members: Sequence[tuple[tarfile.TarInfo, bytes]], behind: bytes = b"") -> Path:
    """An archive of those members, and of some bytes behind them, whose seal is right."""
    body = io.BytesIO()
    for member, content in members:
        member.size = len(content)
        body.write(member.tobuf() + content + bytes(-len(content) % 512))
    body.write(behind)
    seal = tarfile.TarInfo("archive.sha256")
    seal.size = 64
    digest = hashlib.sha256(body.getvalue()).hexdigest().encode()
    body.write(seal.tobuf(tarfile.PAX_FORMAT) + digest.ljust(512, b"\0") + bytes(1024))
    path.write_bytes(body.getvalue())
    return path


def members_of(folder: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    """The files of a backup as members of an archive, the manifest first."""
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    names.sort(key=lambda name: name != "manifest.json")
    return [(tarfile.TarInfo(name), (folder / name).read_bytes()) for name in names]
