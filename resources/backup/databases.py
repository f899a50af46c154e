"""Databases, copied while others use them, and put back."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from market_assets.core.errors import MarketAssetsError
from resources.http import redact

_DUMP, _RESTORE = "pg_dump", "pg_restore"
_BUSY_S = 30.0
_TIMEOUT_S = 6 * 3600


class DumpFailed(MarketAssetsError):
    """pg_dump or pg_restore ended with an error."""


def copy_sqlite(source: Path, to: Path) -> None:
    """A consistent copy of a SQLite file, with what its write-ahead log holds."""
    to.parent.mkdir(parents=True, exist_ok=True)
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=_BUSY_S)) as read,
        closing(sqlite3.connect(to)) as written,
    ):
        read.backup(written)


def damage_of_sqlite(file: Path) -> str | None:
    """What SQLite finds wrong in a file that nobody writes; None where it finds nothing."""
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)) as db:
            said = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as wrong:
        said = str(wrong)
    return None if said == "ok" else said


def dump_postgres(address: str, to: Path, snapshot: str | None = None) -> str | None:
    """Dump a database in pg_dump's custom format, as a `snapshot` that another session holds sees it.

    Returns why it could not be done, None where it was. Raises DumpFailed.
    """
    if (absent := _absent(_DUMP)) is not None:
        return absent
    to.parent.mkdir(parents=True, exist_ok=True)
    seen_by = [f"--snapshot={snapshot}"] if snapshot is not None else []
    _run([_DUMP, "--format=custom", f"--file={to}", *seen_by], address)
    return None


def restore_postgres(dump: Path, address: str) -> None:
    """Put a dump into an empty database, all of it or nothing. Raises DumpFailed."""
    check_can_restore()
    whole = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    # an empty name is the one of the environment
    _run([_RESTORE, *whole, "--dbname=", str(dump)], address)


def check_can_restore() -> None:
    """Raise DumpFailed where there is no pg_restore."""
    if (absent := _absent(_RESTORE)) is not None:
        raise DumpFailed(absent)


def same_database(one: str, other: str) -> bool:
    """Whether two addresses name one database of one server, whoever logs in."""
    ours, theirs = ({**_environment(address)} for address in (one, other))
    return all(ours.get(name) == theirs.get(name) for name in ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE"))


def _absent(tool: str) -> str | None:
    if shutil.which(tool) is not None:
        return None
    return f"{tool} is not on the PATH; install PostgreSQL's client tools, or use the server's own means"


def _run(command: Sequence[str], address: str) -> None:
    """Run a client tool. The address goes by the environment: a command line is read by everybody on the machine."""
    tool = command[0]
    try:
        ended = subprocess.run(  # noqa: S603 - a fixed command; of what comes from outside it holds paths alone
            [*command, "--no-password"],
            env={**os.environ, **_environment(address)},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DumpFailed(f"{tool} must end within {_TIMEOUT_S // 3600} hours; look at what it waits for") from None
    if ended.returncode:
        raise DumpFailed(f"{tool} must succeed; it said: {redact.text(ended.stderr.strip())[:500]}")


def _environment(address: str) -> dict[str, str]:
    """libpq's variables for an address."""
    import psycopg

    try:
        options = psycopg.pq.Conninfo.parse(address.encode())
    except psycopg.Error:
        # what libpq says about it may quote the password
        raise DumpFailed(
            "the address of a database is like postgresql://user:password@host:5432/database (special characters in "
            "the password written as %XX); it cannot be read as one"
        ) from None
    stated = {one.envvar.decode(): one.val.decode() for one in options if one.envvar and one.val}
    if "PGPASSWORD" in stated:
        redact.remember(stated["PGPASSWORD"])
    return stated
