"""What the wires of venues have in common: instants in queries, and refusals told by a code in the body."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from resources.http import judge
from resources.http.errors import BadRequest, Malformed, NotEntitled, NotFound, RateLimited, Unavailable, VendorError
from resources.http.retry import retry_after
from resources.http.transport import Reply
from resources.vendors import json_shape

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BLOCKED = "The exchange may not serve this address or country; ask from elsewhere or take it out of funding.exchanges"


def millis(at: datetime) -> int:
    """The first whole millisecond since 1970 at or after `at`: [a, b) holds those from millis(a) to millis(b) - 1."""
    return -((_EPOCH - at) // timedelta(milliseconds=1))


def seconds(at: datetime) -> int:
    """The first whole second since 1970 at or after `at`: [a, b) holds those from seconds(a) to seconds(b) - 1."""
    return -((_EPOCH - at) // timedelta(seconds=1))


def refuse(vendor: str, reply: Reply, own: Mapping[int, Callable[[str], VendorError]] | None = None) -> None:
    """Raise what a status other than 2xx means; 403 and 451 bar an address, where they do not tell of frequency.

    `own` are the venue's own meanings.
    """

    def barred(detail: str) -> VendorError:
        if "frequent" in detail.lower():
            return _limited(vendor, detail, reply)
        return NotEntitled(vendor, detail, advice=_BLOCKED)

    judge.refuse(vendor, reply, {403: barred, 451: barred, **(own or {})})


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """Bodies that say themselves whether they are a success: `{code, message, data}` in a venue's own words."""

    vendor: str
    #: the member that tells success, and what it says then
    status: str
    ok: str
    #: the member that names the refusal
    code: str
    message: str
    #: codes of a spent quota
    quota: frozenset[str]
    #: codes of an unknown instrument, each with a word that must be in the message
    unknown: Mapping[str, str] = field(default_factory=dict)
    #: codes of a venue that cannot answer for now
    busy: frozenset[str] = frozenset()

    def read(self, reply: Reply) -> Mapping[str, Any]:
        """The body of a success. Raises what its code or its status means, and Malformed where it is no object.

        The code is looked at first: venues send the same refusal as 200, 400 or 429.
        """
        try:
            body = json_shape.parse(self.vendor, reply.body)
        except Malformed:
            # a gateway's page: its status says more than that it is no JSON
            refuse(self.vendor, reply)
            raise
        said: Mapping[str, Any] = body if isinstance(body, dict) else {}
        is_success = str(said.get(self.status)) == self.ok
        if not is_success and reply.status < 500 and (refusal := self._refusal(said, reply)) is not None:
            raise refusal
        refuse(self.vendor, reply)
        if self.status not in said:
            json_shape.member(self.vendor, body, self.status, object)
        if not is_success:
            raise BadRequest(self.vendor, self._words(said))
        return said

    def _refusal(self, said: Mapping[str, Any], reply: Reply) -> VendorError | None:
        """What a code means that we know, or that comes with HTTP 400; None for every other answer."""
        code, words = str(said.get(self.code)), self._words(said)
        if code in self.quota:
            return _limited(self.vendor, words, reply)
        if code in self.unknown and self.unknown[code] in words.lower():
            return NotFound(self.vendor, words)
        if code in self.busy:
            return Unavailable(self.vendor, words)
        return BadRequest(self.vendor, words) if reply.status == 400 and self.code in said else None

    def _words(self, body: Mapping[str, Any]) -> str:
        return f"code {body.get(self.code)}: {body.get(self.message)}"


def _limited(vendor: str, detail: str, reply: Reply) -> RateLimited:
    return RateLimited(vendor, detail, retry_after_s=retry_after(reply.headers.get("retry-after"), reply.received_at))
