"""Databases, copied while others use them."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from market_assets.core.errors import MarketAssetsError
from resources.http import redact

_DUMP = "pg_dump"
_BUSY_S = 30.0
_TIMEOUT_S = 3600


class DumpFailed(MarketAssetsError):
    """pg_dump ended with an error."""


def copy_sqlite(source: Path, to: Path) -> None:
    """A consistent copy of a SQLite file, with what its write-ahead log holds."""
    to.parent.mkdir(parents=True, exist_ok=True)
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=_BUSY_S)) as read,
        closing(sqlite3.connect(to)) as written,
    ):
        read.backup(written)


def dump_postgres(address: str, to: Path) -> str | None:
    """Dump a database in pg_dump's custom format; returns why it could not be done, None where it was.

    The address goes by the environment: a command line is read by everybody on the machine. Raises DumpFailed.
    """
    tool = shutil.which(_DUMP)
    if tool is None:
        return f"{_DUMP} is not on the PATH; install PostgreSQL's client tools, or back the server up by its own means"
    to.parent.mkdir(parents=True, exist_ok=True)
    ended = subprocess.run(  # noqa: S603 - a fixed command; nothing of it comes from outside
        [tool, "--format=custom", "--no-password", f"--file={to}"],
        env={**os.environ, **_environment(address)},
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if ended.returncode:
        raise DumpFailed(f"{_DUMP} must succeed; it said: {redact.text(ended.stderr.strip())[:500]}")
    return None


def _environment(address: str) -> Mapping[str, str]:
    """libpq's variables for an address."""
    from psycopg.conninfo import conninfo_to_dict

    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    stated = {names[name]: str(value) for name, value in conninfo_to_dict(address).items() if name in names and value}
    if "PGPASSWORD" in stated:
        redact.remember(stated["PGPASSWORD"])
    return stated
