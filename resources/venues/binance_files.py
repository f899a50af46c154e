"""Files of Binance's archive: one zip a symbol and period with one CSV table in it, its checksum beside it.

A file that does not exist is no error: a period appears some time after its end, and only of what was listed.
"""

import csv
import io
import zipfile
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from market_assets.core.settings import RateBudget
from market_assets.settings import Settings
from resources.http import judge
from resources.http.client import VendorClient, connect
from resources.http.errors import Malformed, NotFound
from resources.http.transport import Reply, Timing
from resources.venues.exchange import patient

NAME = "binance_archive"


class Packed(NamedTuple):
    """A zip, the line of its checksum, and what they took."""

    content: bytes
    checksum: bytes
    received_at: datetime
    requests: int


def client(settings: Settings, *, rates: RateBudget | None = None, timing: Timing | None = None) -> VendorClient:
    """The archive by the settings; all who ask it share budget and breaker."""
    return connect(
        settings,
        NAME,
        fetch=patient(settings, settings.funding.venues.binance_archive.budget),
        rates=rates,
        budget_setting=f"funding.venues.{NAME}.budget",
        timing=timing,
    )


def packed(http: VendorClient, path: str, context: str) -> Packed | None:
    """The file at `path` with its checksum; None where there is no such file.

    Raises Malformed where it has no checksum, and VendorError where the archive does not answer.
    """
    try:
        content, first = http.get(path, read=_body, context=context)
    except NotFound:
        return None
    try:
        checksum, second = http.get(f"{path}.CHECKSUM", read=_body, context=context)
    except NotFound:
        folder, _, name = path.rpartition("/")
        raise Malformed(NAME, f"{name} has no checksum", endpoint=folder, context=context) from None
    return Packed(content, checksum, second.received_at, first.requests + second.requests)


def unpacked(content: bytes, checksum: bytes) -> bytes:
    """The one table of a zip. Raises Malformed where it is not what its checksum says, or no such zip."""
    stated, own = checksum.decode("ascii", "replace").split(), sha256(content).hexdigest()
    if not stated or stated[0].lower() != own:
        raise Malformed(NAME, f"its checksum must be {stated[0] if stated else 'stated'}, was {own}")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            if len(names) != 1:
                raise Malformed(NAME, f"the zip must hold one table, holds {len(names)} files")
            return archive.read(names[0])
    except zipfile.BadZipFile as broken:
        raise Malformed(NAME, f"no zip ({broken})") from None


def lines(table: bytes) -> list[list[str]]:
    """The lines of a CSV table that are not empty. Raises Malformed."""
    try:
        return [line for line in csv.reader(io.StringIO(table.decode())) if line]
    except (UnicodeDecodeError, csv.Error) as broken:
        raise Malformed(NAME, f"the table is no CSV ({broken})") from None


def has_header(table: list[list[str]]) -> bool:
    """Whether the first line names columns: older files begin with their first row."""
    return bool(table) and not table[0][0].isdigit()


def _body(reply: Reply) -> bytes:
    judge.refuse(NAME, reply)
    return reply.body
