"""ccxt's client of an exchange, whose requests travel over clients of ours."""

import contextlib
import re
import threading
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from market_assets.core.errors import MarketAssetsError
from market_assets.core.settings import RateBudget
from market_assets.settings import Settings
from resources.http.client import VendorClient
from resources.http.errors import (
    BadRequest,
    Malformed,
    NotEntitled,
    NotFound,
    RateLimited,
    Unavailable,
    VendorError,
)
from resources.http.transport import Reply, Timing
from resources.vendors import json_shape
from resources.venues.exchange import Answered, Lane, lane_client
from resources.venues.venue import Ask
from resources.venues.wire import refuse

#: rows of history asked for at a time: no exchange in ccxt refuses it
PAGE_ROWS = 100
MARKETS, HISTORY = "loadMarkets", "fetchFundingRateHistory"
RATES, RATE, INTERESTS = "fetchFundingRates", "fetchFundingRate", "fetchOpenInterests"
_METHODS = {
    MARKETS: "load_markets",
    HISTORY: "fetch_funding_rate_history",
    RATES: "fetch_funding_rates",
    RATE: "fetch_funding_rate",
    INTERESTS: "fetch_open_interests",
}
_REMOVE = "Take it out of funding.ccxt_exchanges"
#: its own rate limit stays off, and what funding does not need is not asked for
_OPTIONS = {"enableRateLimit": False, "options": {"defaultType": "swap"}, "has": {"fetchCurrencies": False}}
#: of a bug in ccxt, or of an answer it does not expect
_UNREAD = (KeyError, TypeError, ValueError, AttributeError, IndexError)
#: a range of 56 hours, and how exchanges write its ends (some ask for what is later than one before)
_FIRST, _LAST = 1_700_000_000_000, 1_700_201_600_000
_WRITTEN = (
    re.compile(r"1700000000|1699999999|2023-11-14T22:13:20"),
    re.compile(r"1700201600|1700201599|2023-11-17T06:13:20"),
)
#: a contract for dry runs
_CONTRACT: dict[str, Any] = {
    "id": "BTCUSDT",
    "symbol": "BTC/USDT:USDT",
    "type": "swap",
    "subType": "linear",
    "contractSize": 1.0,
    "precision": {"amount": 1, "price": 1},
    "limits": {},
    "info": {},
    **dict.fromkeys(("base", "baseId"), "BTC"),
    **dict.fromkeys(("quote", "quoteId", "settle", "settleId"), "USDT"),
    **dict.fromkeys(("swap", "contract", "linear", "active"), True),
    **dict.fromkeys(("spot", "margin", "future", "option", "inverse"), False),
}


class MissingExtra(MarketAssetsError):
    """ccxt is not installed."""


class _Sent(Exception):
    """Stops a dry run where it would send."""


def client_of(exchange: str) -> Any:
    """ccxt's client of an exchange. Raises MissingExtra without ccxt, BadRequest where ccxt cannot serve it."""
    ccxt = _ccxt(exchange)
    if exchange not in ccxt.exchanges:
        raise BadRequest(exchange, f"ccxt {ccxt.__version__} does not know it", advice=_REMOVE)
    client = getattr(ccxt, exchange)(_OPTIONS)
    if client.has.get(HISTORY) is not True or not any(client.has.get(name) is True for name in (RATES, RATE)):
        raise BadRequest(exchange, "ccxt has no settled and predicted funding of it", advice=_REMOVE)
    return client


def _ccxt(exchange: str) -> Any:
    try:
        # an extra, and half a second
        return import_module("ccxt")
    except ImportError:
        raise MissingExtra(
            f"{exchange} is asked by way of ccxt, which is not installed: pip install 'market-assets[ccxt]', "
            "or take it out of funding.ccxt_exchanges"
        ) from None


def takes_ranges(client: Any) -> bool:
    """Whether ccxt sends both ends of a range of history, in one unit; nothing is sent to find out."""
    sent: list[tuple[str, Any]] = []

    def note(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> None:
        sent.extend(parse_qsl(urlsplit(url).query))
        sent.extend(orjson.loads(body).items() if isinstance(body, str) else ())
        raise _Sent

    dry = type(client)(_OPTIONS)
    dry.fetch = note
    dry.set_markets([_CONTRACT])
    with contextlib.suppress(_Sent):
        dry.fetch_funding_rate_history(_CONTRACT["symbol"], _FIRST, PAGE_ROWS, {"until": _LAST})
    # ccxt's own name of the end, which it passes on where it does not translate it
    values = [str(value) for name, value in sent if name != "until"]
    first, last = ([value for value in values if end.match(value)] for end in _WRITTEN)
    return bool(first and last) and len(first[0]) == len(last[0])


def _all(rows: Any, *_: Any, **__: Any) -> Any:
    return rows


class CcxtSender:
    """Carries out calls of ccxt, one at a time, over clients of ours: one a host and lane."""

    def __init__(
        self, settings: Settings, exchange: str, *, rates: RateBudget | None = None, timing: Timing | None = None
    ) -> None:
        self.exchange, self.client = exchange, client_of(exchange)
        self.client.fetch = self._fetch
        # ccxt would cut an answer of another range or contract to nothing: whether it is one, `pager` judges
        self.client.filter_by_since_limit = self.client.filter_by_symbol_since_limit = _all
        self._settings, self._rates, self._timing = settings, rates, timing
        self._https: dict[tuple[str, Lane], VendorClient] = {}
        self._turn = threading.Lock()
        self._lane: Lane = "market"
        self._context = ""
        self._replies: list[Reply] = []

    def send(self, ask: Ask, lane: Lane) -> Answered:
        """What a call of ccxt gives. Raises VendorError."""
        with self._turn:
            self._replies, self._context, self._lane = [], ask.context, "market"
            if ask.path != MARKETS:
                self._call("load_markets")
            self._lane = lane
            value = self._call(_METHODS[ask.path], *((True,) if ask.path == MARKETS else ()), **(ask.json or {}))
            now = (self._timing or Timing()).now()
            received_at = max((reply.received_at for reply in self._replies), default=now)
            return Answered(value, sum(reply.requests for reply in self._replies), received_at)

    def close(self) -> None:
        """Close every client."""
        for http in self._https.values():
            http.close()

    def read(self, reply: Reply) -> Any:
        """The JSON value of an answer that ccxt takes for a success. Raises VendorError."""
        if reply.status in {403, 418, 429, 451} or reply.status >= 500:
            refuse(self.exchange, reply)
        try:
            value = orjson.loads(reply.body)
        except orjson.JSONDecodeError:
            value = None
        self._guarded(
            self.client.handle_errors,
            reply.status, "", "", "GET", dict(reply.headers), reply.body.decode("utf-8", "replace"), value, {}, None,
        )  # fmt: skip
        refuse(self.exchange, reply)
        return json_shape.parse(self.exchange, reply.body)

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self._guarded(getattr(self.client, name), *args, **kwargs)

    def _guarded(self, call: Any, *args: Any, **kwargs: Any) -> Any:
        ccxt = _ccxt(self.exchange)
        try:
            return call(*args, **kwargs)
        except ccxt.BaseError as refused:
            meanings: dict[type[Exception], type[VendorError]] = {
                ccxt.BadSymbol: NotFound,
                ccxt.RateLimitExceeded: RateLimited,
                ccxt.DDoSProtection: RateLimited,
                ccxt.AuthenticationError: NotEntitled,
                ccxt.NetworkError: Unavailable,
            }
            kind = next((own for theirs, own in meanings.items() if isinstance(refused, theirs)), BadRequest)
            raise kind(self.exchange, f"ccxt: {type(refused).__name__}: {refused}", context=self._context) from None
        except _UNREAD as failed:
            said = f"ccxt cannot read the answer ({type(failed).__name__}: {failed})"
            raise Malformed(self.exchange, said, context=self._context) from failed

    def _fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        """In place of ccxt's own: the value of one answer. Headers are those of keys, which nothing here needs."""
        parts = urlsplit(url)
        http = self._http(f"{parts.scheme}://{parts.netloc}")
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        if method == "GET" and not body:
            value, reply = http.get(path, read=self.read, context=self._context)
        elif method == "POST" and isinstance(body, str) and body.startswith("{"):
            value, reply = http.post(path, orjson.loads(body), read=self.read, context=self._context)
        else:
            raise BadRequest(self.exchange, f"ccxt asks by {method} with a body that is no JSON", endpoint=parts.path)
        self._replies.append(reply)
        return value

    def _http(self, origin: str) -> VendorClient:
        settings = self._settings
        base_url = settings.base_url(self.exchange) if settings.vendors == "sandbox" else origin
        known_as = (base_url, self._lane)
        if known_as not in self._https:
            self._https[known_as] = lane_client(
                settings, self.exchange, self._lane, base_url=base_url, rates=self._rates, timing=self._timing
            )
        return self._https[known_as]
