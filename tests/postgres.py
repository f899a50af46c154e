"""Databases of the real PostgreSQL server that tests run against."""

import contextlib
import uuid
from collections.abc import Iterator


@contextlib.contextmanager
def new_database(server: str) -> Iterator[str]:
    """The address of an empty database of the server, which is dropped afterwards."""
    import psycopg

    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
    yield server.replace("/postgres?", f"/{name}?", 1)
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
