"""Keys never leave the process: what is logged, raised, stored or shown passes through here first.

Two nets. Values: every key a client is given is remembered here, and its value is removed wherever
it appears, also where a vendor echoes it. Names: whatever follows `apiKey=`, `Authorization:` and
their kind is removed although nobody told us the value.
"""

import logging
import re
from urllib.parse import quote, quote_plus

MASK = "[REDACTED]"
#: a shorter value would be found inside ordinary words
_SHORTEST = 4
_NAMES = (
    r"(?:x[-_])?api[-_]?key|access[-_]?token|auth[-_]?token|token|client[-_]?secret|secret|password|crumb|signature"
)
_IN_QUERY = re.compile(rf"(?i)(\b(?:{_NAMES})=)([^&;\s\"'<>#]+)")
_IN_JSON = re.compile(rf"(?i)(\"(?:{_NAMES}|authorization|cookie)\"\s*:\s*\")((?:[^\"\\]|\\.)*)")
_IN_HEADER = re.compile(
    r"(?i)(['\"]?\b(?:(?:proxy-)?authorization|x-api-key|(?:set-)?cookie)['\"]?\s*[:=,]\s*(?:b(?=['\"]))?['\"]?(?:bearer\s+|basic\s+)?)"
    r"([^\s'\",}\)\[]+)"
)
#: each pattern needs one of these: a search for them is a hundred times cheaper than the patterns
_HINTS = ("key", "token", "secret", "password", "crumb", "signature", "authorization", "cookie")
_secrets: set[str] = set()


def remember(secret: str) -> None:
    """Have `secret` removed, as it is and as URLs spell it, from everything this process shows."""
    if len(secret) >= _SHORTEST:
        _secrets.update({secret, quote(secret, safe=""), quote_plus(secret)})


def text(shown: str) -> str:
    """`shown` without key values and without what follows a key's name."""
    for secret in sorted(_secrets, key=len, reverse=True):
        shown = shown.replace(secret, MASK)
    folded = shown.lower()
    if not any(hint in folded for hint in _HINTS):
        return shown
    shown = _IN_QUERY.sub(rf"\g<1>{MASK}", shown)
    shown = _IN_JSON.sub(rf"\g<1>{MASK}", shown)
    return _IN_HEADER.sub(rf"\g<1>{MASK}", shown)


def body(raw: bytes) -> bytes:
    """A response body without keys. Bytes that are no text pass unchanged."""
    return text(raw.decode("latin-1")).encode("latin-1", "replace")


class RedactingFilter(logging.Filter):
    """Removes keys from log records: httpx logs every URL with its query at level INFO."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record's message; never drops it."""
        record.msg, record.args = text(record.getMessage()), None
        return True


def guard_logs() -> None:
    """Put the filter on the loggers of httpx and httpcore. Calling it again changes nothing."""
    for name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy"):
        logger = logging.getLogger(name)
        if not any(isinstance(present, RedactingFilter) for present in logger.filters):
            logger.addFilter(RedactingFilter())
