"""Cursors: the options of a listing, carried opaquely from one page to the next."""

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode


def encode(options: Mapping[str, object]) -> str:
    """A cursor that carries these options."""
    return base64.urlsafe_b64encode(urlencode(options).encode()).decode().rstrip("=")


def decode(cursor: str) -> dict[str, str]:
    """The options of a cursor. Raises ValueError for text that is none."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise ValueError(f"{cursor!r} is no cursor") from None
    options = dict(parse_qsl(text))
    if not options or not options.get("offset", "0").isdigit():
        raise ValueError(f"{cursor!r} is no cursor")
    return options
