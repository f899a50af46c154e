"""Raw responses, stored before they are read: `<home>/raw/<vendor>/<sha256[:2]>/<sha256>.zst`.

Content-addressed: the name is the digest of the stored body, so the same answer is kept once. Keys
are removed before the digest is taken. Which request brought it, when, with which status, is in the
table `raw_responses` of the vendors' state.
"""

import os
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import zstandard

from market_assets.core.errors import MarketAssetsError
from resources.http import redact
from resources.http.state import VendorState
from resources.removed import Removed

_LEVEL = 3


class RawBodyDamaged(MarketAssetsError):
    """A stored body is missing or is not what its name says."""


@dataclass(frozen=True)
class RawStore:
    """Every body a vendor sent, for as long as the retention says."""

    root: Path
    state: VendorState

    @classmethod
    def of(cls, home: Path, state: VendorState) -> "RawStore":
        """The raw store of a home."""
        return cls(home / "raw", state)

    def put(self, vendor: str, body: bytes, *, url: str, status: int, received_at: datetime) -> str:
        """Keep `body` without keys; returns the SHA-256 it is found by."""
        clean = redact.body(body)
        digest = sha256(clean).hexdigest()
        path = self.path(vendor, digest)
        # the age of a body is that of its last arrival
        arrived = (received_at.timestamp(), received_at.timestamp())
        try:
            os.utime(path, arrived)
        except FileNotFoundError:
            self._write(path, zstandard.ZstdCompressor(level=_LEVEL).compress(clean))
            os.utime(path, arrived)
        with self.state.transaction() as db:
            db.execute(
                "INSERT INTO raw_responses (vendor, sha256, url, status, received_at, bytes) VALUES (?, ?, ?, ?, ?, ?)",
                (vendor, digest, redact.text(url), status, received_at.timestamp(), len(clean)),
            )
        return digest

    def get(self, vendor: str, digest: str) -> bytes:
        """The stored body. Raises RawBodyDamaged where it is gone or does not match its name."""
        path = self.path(vendor, digest)
        try:
            body = zstandard.ZstdDecompressor().decompress(path.read_bytes())
        except (FileNotFoundError, zstandard.ZstdError) as broken:
            raise RawBodyDamaged(
                f"raw response {digest} of {vendor} cannot be read ({broken}); fetch it again"
            ) from None
        if sha256(body).hexdigest() != digest:
            raise RawBodyDamaged(f"raw response {digest} of {vendor} is not what its name says; fetch it again")
        return body

    def path(self, vendor: str, digest: str) -> Path:
        """Where a body is kept."""
        return self.root / vendor / digest[:2] / f"{digest}.zst"

    def prune(self, now: datetime, keep_days: int, *, dry_run: bool = False) -> Removed:
        """Remove bodies that did not arrive within `keep_days`, and the notes of what brought them.

        What a killed writer left behind goes with them, uncounted. A dry run counts the same and touches nothing.
        """
        oldest = (now - timedelta(days=keep_days)).timestamp()
        if not dry_run:
            with self.state.transaction() as db:
                db.execute("DELETE FROM raw_responses WHERE received_at < ?", (oldest,))
            for abandoned in self.root.glob("*/*/.*.tmp"):
                _remove_if_older(abandoned, oldest, dry_run=False)
        sizes = [_remove_if_older(path, oldest, dry_run=dry_run) for path in self.root.glob("*/*/*.zst")]
        gone = [size for size in sizes if size is not None]
        return Removed(examined=len(sizes), removed=len(gone), bytes=sum(gone))

    def _write(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".tmp", delete=False) as beside:
            beside.write(content)
            beside.flush()
            os.fsync(beside.fileno())
        Path(beside.name).replace(path)


def _remove_if_older(path: Path, oldest: float, *, dry_run: bool) -> int | None:
    """The size of what went; None where it is younger, or went by itself meanwhile."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    if found.st_mtime >= oldest:
        return None
    if not dry_run:
        path.unlink(missing_ok=True)
    return found.st_size
