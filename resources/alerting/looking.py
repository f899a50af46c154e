"""One look at everything: each part by itself, so that one that cannot be looked at hides no other."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from market_assets.core.errors import MarketAssetsError
from market_assets.ops.transforms.incidents import Finding
from resources.alerting.round import Collected
from resources.http import redact

log = logging.getLogger("market_assets.alerts")


class NotNow(MarketAssetsError):
    """A part cannot be judged now, and that is no fault: what is known of it stays as it is."""


@dataclass(frozen=True)
class Part:
    """What looks at some subjects."""

    name: str
    #: prefixes of the subjects that nobody knows anything of while it fails
    about: Sequence[str]
    look: Callable[[datetime], Iterable[Finding]]


def look(parts: Iterable[Part], since: Mapping[str, datetime], now: datetime) -> Collected:
    """Everything that is wrong now. A part that fails is a finding itself, and its subjects are unknown.

    `since` tells of findings that last (by fingerprint) when they began, which most parts cannot tell.
    """
    findings: list[Finding] = []
    unknown: set[str] = set()
    for part in parts:
        try:
            findings += part.look(now)
        except NotNow as reason:
            log.debug("%s: %s", part.name, reason)
            unknown.update(part.about)
        except Exception as failed:
            log.exception("%s could not be looked at", part.name)
            unknown.update(part.about)
            findings.append(_blind(part.name, failed, now))
    lasting = (replace(one, since=min(one.since, since.get(one.fingerprint, one.since))) for one in findings)
    return Collected(tuple(lasting), frozenset(unknown))


def _blind(name: str, failed: Exception, now: datetime) -> Finding:
    kind = type(failed).__name__
    said = f"Alerts cannot look at {name} ({kind}: {redact.text(str(failed))[:300]}): what is wrong there is not told."
    return Finding(f"alerts:{name}", "cannot_look", kind, "ERROR", said, now)
