"""Everything that can go wrong between us and a vendor.

    MarketAssetsError
      VendorError                vendor, endpoint, context, what happened, what to do
        RateLimited       r c    429, 418 or a quota named in the body; or blocked by an earlier one
        Unavailable       r c    no connection, a timeout, a 5xx
        Malformed           c    not JSON, or another shape than agreed; names the first offence
          Truncated       r c    the connection ended inside the body
        Unauthorized             the key is wrong
          MissingKey             there is no key: nothing was sent
        NotEntitled              the plan does not include it (403)
        NotFound                 the vendor does not know it (404)
        BadRequest               any other 4xx: our request is wrong
        CircuitOpen              not sent: the breaker is open
        BudgetExhausted          not sent: the key's window is spent
        Clipped                  the answer starts later than the window asked
        EmptyUnexpected          no rows where sessions were due
        AllSourcesFailed         every source of a chain failed; carries each failure

r is retried within the call; c counts towards the breaker once the call has failed.
Texts carry no key: every part passes `redact.text`. All of them can be pickled.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Self

from market_assets.core.errors import MarketAssetsError
from resources.http import redact


class VendorError(MarketAssetsError):
    """A vendor did not give what was asked. `str()` says who, where, what, and what to do."""

    #: name of this outcome in statistics and traces
    outcome: ClassVar[str] = "failed"
    retried: ClassVar[bool] = False
    counts: ClassVar[bool] = False
    #: what to do next, where the error says nothing more specific
    remedy: ClassVar[str] = ""

    def __init__(
        self,
        vendor: str,
        detail: str,
        *,
        endpoint: str = "",
        context: str = "",
        retry_at: datetime | None = None,
        retry_after_s: float | None = None,
        advice: str | None = None,
    ) -> None:
        self.vendor = vendor
        self.detail = redact.text(detail)
        self.endpoint = redact.text(endpoint)
        self.context = redact.text(context)
        #: instant from which asking again makes sense, where known
        self.retry_at = retry_at
        #: seconds the vendor asked us to wait
        self.retry_after_s = retry_after_s
        self.advice = redact.text(self.remedy if advice is None else advice)
        super().__init__(self._text())

    def _text(self) -> str:
        where = " ".join(
            part for part in (self.vendor, self.endpoint, f"[{self.context}]" if self.context else "") if part
        )
        return f"{where}: {self.detail.rstrip('.')}. {self.advice}".rstrip(". ") + "."

    def located(self, endpoint: str, context: str) -> Self:
        """This error with the place filled in, where it did not know it."""
        self.endpoint = self.endpoint or redact.text(endpoint)
        self.context = self.context or redact.text(context)
        self.args = (self._text(),)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__.copy())


def _rebuild(kind: type[VendorError], args: tuple[Any, ...], state: dict[str, Any]) -> VendorError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


class RateLimited(VendorError):
    """Too many requests: HTTP 429 or 418, a quota named in the body, or a block that still lasts."""

    outcome, retried, counts = "rate_limited", True, True
    remedy = "Wait, or lower the vendor's budget in the settings"


class Unavailable(VendorError):
    """No usable answer: connection refused or lost, timeout, HTTP 5xx."""

    outcome, retried, counts = "unavailable", True, True
    remedy = "Try again later; the stored partition stays"


class Malformed(VendorError):
    """An answer of another shape than agreed; the detail names the first offending element."""

    outcome, counts = "malformed", True
    remedy = "Nothing was stored, the old partition stays; look at the raw response"


class Truncated(Malformed):
    """The connection ended before the body did."""

    retried = True


class Unauthorized(VendorError):
    """The vendor refuses the key."""

    outcome = "unauthorized"

    @classmethod
    def of_key(cls, vendor: str, variable: str, said: str) -> Self:
        """That a vendor refuses the key in an environment variable, in its words."""
        return cls(
            vendor,
            f"the key in {variable} is refused ({said})",
            advice=f"Set {variable} to a valid key; no retry was made",
        )


class MissingKey(Unauthorized):
    """The vendor needs a key and none is set; nothing was sent."""

    outcome = "missing_key"


class NotEntitled(VendorError):
    """The key is good, its plan does not include what was asked."""

    outcome = "not_entitled"
    remedy = "Nothing was stored; ask for less history or upgrade the plan"


class NotFound(VendorError):
    """The vendor does not know the instrument; the detail is its answer."""

    outcome = "not_found"
    remedy = "Check the vendor's id of the symbol"


class BadRequest(VendorError):
    """The vendor rejects the request itself; asking again gives the same answer."""

    outcome = "bad_request"
    remedy = "Check the vendor's id and the dates; this is a configuration error or a bug"


class CircuitOpen(VendorError):
    """Not sent: the source failed several times in a row and rests."""

    outcome = "circuit_open"


class BudgetExhausted(VendorError):
    """Not sent: the key's requests of this window are spent."""

    outcome = "budget"


class Clipped(VendorError):
    """The answer starts well after the asked window: the plan's history was cut off silently."""

    outcome = "clipped"
    remedy = "Nothing was stored; ask for less history, upgrade the plan, or correct the symbol's valid_from"


class EmptyUnexpected(VendorError):
    """No rows, although the calendar has sessions due inside the listing window."""

    outcome = "empty_unexpected"
    remedy = "Nothing was stored; check the vendor's id and the symbol's valid_from and valid_to"


class AllSourcesFailed(VendorError):
    """No source of a chain could serve the request. `failures` has one error per source tried."""

    outcome = "all_failed"

    def __init__(self, chain: str, context: str, failures: Sequence[VendorError], trace: Sequence[str]) -> None:
        self.failures, self.trace = tuple(failures), tuple(trace)
        waits = [failure.retry_at for failure in failures if failure.retry_at is not None]
        after = f"Retry after {min(waits):%Y-%m-%d %H:%M:%SZ} or see" if waits else "See"
        super().__init__(
            chain,
            "needs one healthy source; " + "; ".join(trace),
            context=context,
            retry_at=min(waits, default=None),
            advice=f'Nothing was stored, the old partition stays. {after} RUNBOOK "All sources down"',
        )
