"""A language model's chat completions on the wire, compatible with OpenAI's, without a model.

What it replies is worked out from the prompt (`advisor_replies.py`), so equal prompts get equal replies. As with
DeepSeek, empty lines come before the answer (they say that a request is queued), and `response_format` of JSON needs
the word json in the prompt. Any key but the unknown ones of `keys.py` is served.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from resources.sandbox import advisor_replies
from resources.sandbox.desk import Desk, json_response
from resources.sandbox.faults import Fault
from resources.sandbox.keys import UNKNOWN

VENDOR = "advisor"

_QUEUED = b"\n\n\n"
#: seconds between the empty lines of a request that waits
_LINE_S = 0.1
_TOKEN_CHARS = 4
#: status -> message, type and code of the error
_ERRORS = {
    400: ("Invalid request", "invalid_request_error", "invalid_request_error"),
    401: ("Authentication Fails, Your api key is invalid", "authentication_error", "invalid_request_error"),
    402: ("Insufficient Balance", "unknown_error", "invalid_request_error"),
    422: ("Invalid parameters", "invalid_request_error", "invalid_request_error"),
    429: ("Rate limit reached", "rate_limit_error", None),
    503: ("Server overloaded", "server_error", None),
}
_OTHER = ("Internal server error", "server_error", None)


@dataclass(frozen=True)
class Ask:
    """What a request asks for."""

    body: bytes
    model: str
    #: all messages, one after the other
    text: str
    in_json: bool
    stream: bool

    @classmethod
    def of(cls, body: bytes) -> Self:
        """Read a request; what it lacks is empty."""
        try:
            asked = orjson.loads(body)
        except orjson.JSONDecodeError:
            asked = None
        asked = asked if isinstance(asked, dict) else {}
        messages = asked.get("messages")
        said = [message for message in messages if isinstance(message, dict)] if isinstance(messages, list) else []
        return cls(
            body=body,
            model=str(asked.get("model", "")),
            text="\n".join(str(message.get("content", "")) for message in said),
            in_json=asked.get("response_format") == {"type": "json_object"},
            stream=bool(asked.get("stream")),
        )

    @property
    def wrong(self) -> str | None:
        """Why it cannot be answered; None where it can."""
        if not self.model or not self.text:
            return "a request needs `model` and `messages`"
        if self.stream:
            return "the sandbox does not stream replies: leave `stream` out"
        if self.in_json and "json" not in self.text.lower():
            return "Prompt must contain the word 'json' to use 'response_format' of type 'json_object'."
        return None


def router(desk: Desk) -> APIRouter:
    """The vendor's routes, under `/advisor`."""
    routes = APIRouter()

    async def complete(request: Request) -> Response:
        ask = Ask.of(await request.body())
        queued_s = 0.0

        def respond(struck: list[Fault]) -> Response:
            nonlocal queued_s
            queued_s = max((fault.seconds for fault in struck if fault.kind == "queued"), default=0.0)
            return _authorised(request, ask, struck, int(desk.now().timestamp()))

        symbol = advisor_replies.inputs_of(ask.text).get("symbol")
        called = [symbol] if isinstance(symbol, str) else []
        response = await desk.answer(VENDOR, request, called, respond, _error)
        if not queued_s:
            return response
        return StreamingResponse(_waiting(bytes(response.body), queued_s), 200, media_type="application/json")

    for root in ("", "/v1"):
        routes.add_route(f"/{VENDOR}{root}/chat/completions", complete, methods=["POST"])
    return routes


def _authorised(request: Request, ask: Ask, struck: Sequence[Fault], created: int) -> Response:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or key.strip() in UNKNOWN:
        return _error(401)
    if ask.wrong:
        return _error(400, ask.wrong)
    content, finish = _content(ask, {fault.kind for fault in struck})
    answer = orjson.dumps(_completion(ask, content, finish, created))
    return Response(_QUEUED + answer, 200, media_type="application/json")


def _content(ask: Ask, struck: set[str]) -> tuple[str, str]:
    """The text of the reply, and why it ended."""
    reply = advisor_replies.reply(ask.text)
    if "not_json_reply" in struck or (reply is None and not ask.in_json):
        return "On balance I would wait for the next close before I commit to anything.", "stop"
    reply = {"reply": "There is nothing to advise on."} if reply is None else reply
    if "bad_reply" in struck:
        reply = {"action": reply.pop("recommended_action", "HOLD"), **reply}
    content = orjson.dumps(reply).decode()
    if "empty_reply" in struck:
        return "", "stop"
    return (content[: len(content) // 2], "length") if "cut_reply" in struck else (content, "stop")


def _completion(ask: Ask, content: str, finish: str, created: int) -> dict[str, Any]:
    asked, said = _tokens(ask.text), _tokens(content)
    return {
        "id": hashlib.blake2b(ask.body, digest_size=16).hexdigest(),
        "object": "chat.completion",
        "created": created,
        "model": ask.model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content},
                "logprobs": None,
                "finish_reason": finish,
            }
        ],
        "usage": {
            "prompt_tokens": asked,
            "completion_tokens": said,
            "total_tokens": asked + said,
            "prompt_tokens_details": {"cached_tokens": 0},
            "prompt_cache_hit_tokens": 0,
            "prompt_cache_miss_tokens": asked,
        },
        "system_fingerprint": "fp_sandbox",
    }


def _tokens(text: str) -> int:
    return -(-len(text) // _TOKEN_CHARS)


async def _waiting(answer: bytes, seconds: float) -> AsyncIterator[bytes]:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        yield b"\n"
        await asyncio.sleep(min(left, _LINE_S))
    yield answer


def _error(status: int, message: str | None = None) -> Response:
    usual, kind, code = _ERRORS.get(status, _OTHER)
    return json_response({"error": {"message": message or usual, "type": kind, "param": None, "code": code}}, status)
