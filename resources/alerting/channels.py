"""Channels: where messages go, by Apprise. Their addresses are secrets, and come from the environment alone.

A variable may hold several addresses: all of them are told, and the channel took the message if one of them did.
"""

import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from market_assets.ops.settings import AlertSettings
from resources.alerting.records import Text
from resources.http import redact

if TYPE_CHECKING:
    from apprise import Apprise

#: apprise, and what it speaks HTTP with: at level DEBUG both tell addresses whole
_LOGGERS = ("apprise", "urllib3.connectionpool")
_PLAIN_WORD = re.compile(r"[a-z_.-]+")
_HOST = re.compile(r"(?i)localhost|[\d.]+|\[?[\da-f]*:[\da-f:]*\]?|(?:[a-z\d-]+\.)+[a-z]{2,12}")
#: a shorter piece of an address is no key, and would be found inside ordinary words
_SHORTEST_KEY = 8
_LONGEST_SAID = 300


@dataclass(frozen=True)
class Outcome:
    """What became of one message at one channel."""

    channel: str
    is_taken: bool
    #: why not, or which of several addresses did not take it; without addresses
    said: str


class Channels:
    """The channels of the settings."""

    def __init__(self, settings: AlertSettings, environment: Mapping[str, str] | None = None) -> None:
        self._settings = settings
        self._environment = os.environ if environment is None else environment

    def send(self, channel: str, text: Text, tone: str = "info") -> Outcome:
        """Hand a message to a channel and wait for at most `timeout_s`. `tone` is one of Apprise's types of notice.

        An empty variable is a channel that takes nothing: no error, so that the next channel is tried.
        """
        variable = self._settings.channels[channel]
        value = self._environment.get(variable, "").strip()
        if not value:
            return Outcome(channel, False, f"the environment variable {variable} is empty or not set")
        _hide(value)
        from apprise import Apprise, AppriseAsset

        asset = AppriseAsset(app_id="market-assets", app_desc="market-assets", service_timeout=self._settings.timeout_s)
        services, addresses = Apprise(asset=asset), _addresses(value)
        n_unread = sum(not self._add(services, address) for address in addresses)
        unread = [f"{n_unread} of {len(addresses)} addresses in {variable} are none that Apprise knows"]
        if not len(services):
            return Outcome(channel, False, unread[0])
        with services.notify(
            text.body, title=text.title, notify_type=tone, body_format="text", timeout=self._settings.timeout_s
        ) as result:
            # one that its address calls optional counts as a success whatever became of it
            failed = [_why(service.name, service.status.name, service.logs()) for service in result if not any(service)]
            is_taken = len(failed) < len(result)
        said = redact.text("; ".join(failed + (unread if n_unread else [])))
        return Outcome(channel, is_taken, said[:_LONGEST_SAID])

    def _add(self, services: "Apprise", address: str) -> bool:
        """Add an address; its sockets wait as long as a channel may take, unless the address says how long."""
        service = services.instantiate(address, asset=services.asset)
        if service is None:
            return False
        if "rto=" not in address:
            service.socket_read_timeout = self._settings.timeout_s
        if "cto=" not in address:
            service.socket_connect_timeout = min(service.socket_connect_timeout, self._settings.timeout_s)
        return services.add(service)


class _NoAddresses(redact.RedactingFilter):
    """Lets pass what happened, without keys, and nothing of how."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Drop what is below INFO; rewrite the rest."""
        return record.levelno >= logging.INFO and super().filter(record)


def _why(service: str, status: str, logs: Iterator[object]) -> str:
    told = [str(getattr(entry, "message", entry)) for entry in logs]
    return f"{service}: {told[-1] if told else 'no answer in time' if status == 'TIMEOUT' else status.lower()}"


def _hide(value: str) -> None:
    """Have addresses, and the keys in them, removed from everything this process shows."""
    for secret in _secrets(value):
        redact.remember(secret)
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(present, _NoAddresses) for present in logger.filters):
            logger.addFilter(_NoAddresses())


def _addresses(value: str) -> list[str]:
    """The addresses in a variable, with commas, semicolons or white space between."""
    return re.split(r"[\s,;]+(?=[A-Za-z\d]+://)", value)


def _secrets(value: str) -> Iterator[str]:
    """Every address in a variable, and the pieces of it that are no ordinary words: Apprise rewrites addresses."""
    for address in _addresses(value):
        if "://" in address or len(address) >= _SHORTEST_KEY:
            yield address
        rest = address.partition("://")[2]
        yield rest
        login = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[0]
        password = login.partition(":")[2]
        yield from (password, unquote(password))
        for piece in re.split(r"[/:@?&=,;]+", rest):
            is_word = _PLAIN_WORD.fullmatch(piece) and len(piece) < 2 * _SHORTEST_KEY
            if len(piece) >= _SHORTEST_KEY and not is_word and not _HOST.fullmatch(piece):
                yield from (piece, unquote(piece))
