"""The language model that advises: any vendor that speaks OpenAI's chat completions, DeepSeek by default.

Quirks (seen 2026, see vendors.md): while a request is queued the vendor sends blank lines, so that an idle
time-out never fires and the body begins with white space; an answer may be cut at max_tokens; 402 is an empty
account. The `openai` SDK is the lowest layer here, under the same retry, budget, breaker, statistics and raw
store as every other vendor; its own retries are off.
"""

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import orjson

from market_assets.core.errors import MarketAssetsError
from market_assets.core.settings import FetchSettings, RateBudget
from market_assets.crypto.settings import AdviceSettings
from market_assets.crypto.transforms.advice import chat, prompts
from market_assets.settings import Settings
from resources.http import judge, redact, workers
from resources.http.breaker import Breaker
from resources.http.budget import Budget
from resources.http.client import SANDBOX_KEY, Guarded, Metered, Reading, Recorded
from resources.http.errors import Malformed, Unauthorized, Unavailable, VendorError
from resources.http.raw import RawStore
from resources.http.retry import Retried
from resources.http.state import VendorState, fingerprint
from resources.http.transport import Reply, Request, Timing, Transport
from resources.vendors import json_shape

if TYPE_CHECKING:
    from openai import AsyncOpenAI

NAME = "advisor"
KEY_VARIABLE = "ADVISOR_API_KEY"
PATH = "/chat/completions"
#: the SDK and what it stands on log requests and their options
_LOGGERS = ("openai", "openai._base_client", "httpx2", "httpcore2.connection", "httpcore2.http11", "httpcore2.proxy")
_DAY = timedelta(days=1)


class NoSdk(MarketAssetsError):
    """The package that speaks to the model is not installed."""


class OutOfCredit(VendorError):
    """The account is empty (402): nothing more is asked on this UTC day."""

    outcome = "out_of_credit"
    remedy = "Nothing more is asked before midnight UTC; pay the vendor's account, or set crypto.advice.enabled: false"


@dataclass(frozen=True)
class Said:
    """A model's reply: the text of its message, and where the raw body is kept."""

    content: str
    raw_reply_ref: str
    latency_ms: float
    received_at: datetime


class Advisor:
    """Asks the model. Every call raises VendorError."""

    def __init__(
        self, advice: AdviceSettings, stack: Transport, breaker: Breaker, timing: Timing, *, url: str, attempts: int
    ) -> None:
        self._advice, self._stack, self._breaker, self._timing = advice, stack, breaker, timing
        self._url, self._attempts = url, attempts

    @classmethod
    def connect(cls, settings: Settings, *, rates: RateBudget | None = None, timing: Timing | None = None) -> Self:
        """The client by the settings: live with the key, or against the sandbox, which has no budget of its own.

        Raises NoSdk where the extra `llm` is not installed.
        """
        advice, timed, sandbox = settings.crypto.advice, timing or Timing(), settings.vendors == "sandbox"
        secret = settings.advisor_api_key
        # a real key has no business in the sandbox
        key = secret.get_secret_value().strip() if secret and not sandbox else SANDBOX_KEY
        if key != SANDBOX_KEY:
            redact.remember(key)
        state = VendorState.of(settings.home)
        # one request may use all of the time: a queue is not a failure before that
        whole = {"deadline_s": advice.deadline_s, "timeout_s": advice.deadline_s}
        fetch: FetchSettings = settings.fetch.model_copy(update=whole)
        budget = Budget.of(
            NAME,
            fingerprint(NAME, key),
            rates or (RateBudget() if sandbox else advice.budget),
            state,
            wait_s=fetch.budget_wait_s,
            now=timed.wall,
            setting="crypto.advice.max_calls_per_day",
        )
        breaker = Breaker(
            NAME, state, fetch.breaker_failures, fetch.breaker_open_s, fetch.breaker_successes, now=timed.wall
        )
        wire = Sdk(settings.base_url(NAME), key, timed)
        read = Reading(Recorded(wire, NAME, RawStore.of(settings.home, state)))
        retried = Retried(Metered(read, NAME, state, timed), budget, breaker, fetch, timed)
        stack = Guarded(retried, breaker, state, timed)
        return cls(advice, stack, breaker, timed, url=wire.url, attempts=fetch.attempts)

    def ask(self, text: str, context: str = "") -> Said:
        """The model's reply to `text`, one JSON object, whole within `crypto.advice.deadline_s`, retries included.

        Raises VendorError; OutOfCredit also blocks the source until midnight UTC.
        """
        return self._say(text, context, prompts.parameters(self._advice))

    def chat(self, text: str, context: str = "") -> Said:
        """The model's reply to `text` in its own words. Otherwise as `ask`, and from the same budget."""
        return self._say(text, context, chat.parameters(self._advice))

    def _say(self, text: str, context: str, parameters: dict[str, Any]) -> Said:
        workers.check()
        asked = {"model": self._advice.model, "messages": [{"role": "user", "content": text}], **parameters}
        request = Request(
            url=self._url,
            headers={},
            endpoint=PATH,
            context=context,
            read=_content,
            attempts=self._attempts,
            timeout_s=self._advice.deadline_s,
            method="POST",
            content=orjson.dumps(asked),
        )
        began = self._timing.monotonic()
        try:
            reply = self._stack.send(request)
        except OutOfCredit:
            self._breaker.block(_midnight_after(self._timing.wall()))
            raise
        latency_ms = (self._timing.monotonic() - began) * 1000
        return Said(reply.value, reply.digest, latency_ms, reply.received_at)


class Sdk:
    """The lowest layer: one request by the `openai` SDK, whole within its time or not at all.

    A client for each request, in a loop of its own: only a cancelled task keeps a deadline that blank lines
    would put off for ever, and a pool would not outlive its loop.
    """

    def __init__(self, base_url: str, key: str, timing: Timing) -> None:
        try:
            import openai
        except ImportError:
            raise NoSdk(
                "the advisor speaks by the package openai, and it is not installed; "
                "install the extra: pip install 'market-assets[llm]', or set crypto.advice.enabled: false"
            ) from None
        self._openai, self._base_url, self._key, self._timing = openai, base_url.rstrip("/"), key, timing
        self.url = f"{self._base_url}{PATH}"
        _guard_logs()

    def send(self, request: Request) -> Reply:
        """Send one request. Raises Unavailable where no whole answer arrives within its timeout."""
        try:
            return asyncio.run(self._send(request))
        except TimeoutError:
            raise self._unavailable(request, f"no whole answer within {request.timeout_s:.1f} s") from None
        except self._openai.APIConnectionError as lost:
            cause = lost.__cause__ or lost
            raise self._unavailable(request, f"no answer ({type(cause).__name__}: {cause})") from None

    async def _send(self, request: Request) -> Reply:
        async with asyncio.timeout(request.timeout_s), self._client(request.timeout_s) as client:
            try:
                raw = await client.chat.completions.with_raw_response.create(**orjson.loads(request.content))
                answer = raw.http_response
            except self._openai.APIStatusError as refused:
                answer = refused.response
            return Reply(answer.status_code, answer.content, dict(answer.headers), self._timing.now())

    def _client(self, timeout_s: float) -> "AsyncOpenAI":
        local = urlsplit(self._base_url).hostname in {"127.0.0.1", "localhost", "::1"}
        return self._openai.AsyncOpenAI(
            api_key=self._key,
            base_url=self._base_url,
            max_retries=0,
            timeout=timeout_s,
            # redirects are answers, not instructions: the key goes nowhere else
            http_client=self._openai.DefaultAsyncHttpxClient(follow_redirects=False, trust_env=not local),
        )

    def _unavailable(self, request: Request, detail: str) -> Unavailable:
        return Unavailable(NAME, detail, endpoint=request.endpoint, context=request.context)


def is_enabled(settings: Settings) -> bool:
    """Whether a model may be asked: it is switched on, and there is a key (the sandbox needs none)."""
    has_key = settings.vendors == "sandbox" or settings.advisor_api_key is not None
    return settings.crypto.advice.enabled and has_key


def _content(reply: Reply) -> str:
    """The text of a reply's message, without keys; it may be empty or cut. Raises what anything else means."""
    judge.refuse(
        NAME,
        replace(reply, body=_bare(reply.body)),
        {
            401: lambda detail: Unauthorized(
                NAME, f"the key is refused ({detail})", advice=f"Set {KEY_VARIABLE} to a valid key; no retry was made"
            ),
            402: lambda detail: OutOfCredit(NAME, detail),
        },
    )
    body = json_shape.parse(NAME, reply.body.strip())
    choices = json_shape.member(NAME, body, "choices", list)
    if not choices:
        raise Malformed(NAME, "choices must hold a message, was empty")
    message: Any = json_shape.member(NAME, choices[0], "choices[0].message", dict)
    # null where the model said nothing: an empty reply, which the caller cannot use
    return redact.text(json_shape.text(NAME, message, "choices[0].message.content") or "")


def _bare(body: bytes) -> bytes:
    """What stands inside `error` of a refusal, so that its message is found; any other body as it is."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    inside = found.get("error") if isinstance(found, dict) else None
    return orjson.dumps(inside) if isinstance(inside, dict) else body


def _midnight_after(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0) + _DAY


def _guard_logs() -> None:
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(present, redact.RedactingFilter) for present in logger.filters):
            logger.addFilter(redact.RedactingFilter())
