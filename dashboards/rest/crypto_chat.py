"""`/api/v1/crypto/chat`: a question in free words to the language model. What it says decides nothing."""

from collections.abc import Callable
from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from dashboards.rest.answers import json_answer
from dashboards.rest.auth import Writer
from dashboards.rest.crypto_bodies import ChatBody
from dashboards.rest.crypto_rows import known_symbol
from dashboards.rest.errors import BAD_BODY, RESPONSES, ApiError, ErrorBody
from dashboards.rest.requests import ServicesOf, marked
from dashboards.services import Services
from market_assets.core import clock
from market_assets.core.errors import NotMaterialised
from market_assets.crypto import readers
from market_assets.crypto.transforms.advice.chat import question
from resources.vendors.advisor import KEY_VARIABLE, Advisor, NoSdk
from resources.vendors.registry import Vendors

router = APIRouter(prefix="/api/v1/crypto", tags=["crypto"], responses=RESPONSES)

_MOST = 4000
_POSITION = ("symbol", "side", "qty_open", "entry_price", "mark_price", "unrealised_pnl", "stop_price")
_OVERLAYS = ("base", "supertrend", "order_flow", "liquidity", "regime", "alignment")


class ChatQuestion(BaseModel):
    """What is asked."""

    message: Annotated[str, Field(min_length=1, max_length=_MOST, description="The question, in free words")]
    symbol: Annotated[str | None, Field(max_length=40, description="What it is about; all symbols without")] = None


@router.post(
    "/chat",
    response_model=ChatBody,
    responses=BAD_BODY | {409: {"model": ErrorBody, "description": "The advisor is switched off, or has no key"}},
)
def chat(app: ServicesOf, _writer: Writer, asked: ChatQuestion) -> Response:
    """Ask the language model about the newest stored state. Counts against crypto.advice.max_calls_per_day."""
    symbol = None if asked.symbol is None else known_symbol(app, asked.symbol)
    advisor = _advisor(app)
    said = advisor.chat(question(asked.message, _facts(app, symbol)), "chat")
    if not said.content.strip():
        raise ApiError(503, "advisor_unavailable", "the model answered without any text; ask again, or ask for less")
    return json_answer(
        marked(
            app,
            {
                "reply": said.content.strip(),
                "advisor_source": "llm",
                "model": app.settings.crypto.advice.model,
                "symbol": symbol,
                "latency_ms": said.latency_ms,
                "timestamp": clock.now(),
            },
        )
    )


def _advisor(app: Services) -> Advisor:
    """The model's client. Raises ApiError 409 where it may not be asked, 503 where it cannot."""
    if not app.settings.crypto.advice.enabled:
        raise ApiError(
            409, "advisor_disabled", "the advisor is switched off; set crypto.advice.enabled: true and restart the app"
        )
    try:
        advisor = Vendors(app.settings).advisor
    except NoSdk as lacking:
        raise ApiError(503, "advisor_unavailable", str(lacking)) from None
    if advisor is None:
        raise ApiError(
            409, "advisor_without_key", f"the advisor is switched on but has no key; set {KEY_VARIABLE} and restart"
        )
    return advisor


def _facts(app: Services, symbol: str | None) -> dict[str, Any]:
    """What is stored of the market and of the account; null where nothing is."""
    store, frame = app.data.store, app.settings.crypto.signals.timeframe
    states = readers.symbol_states(store=store).to_dicts()
    facts: dict[str, Any] = {"now": clock.now(), "symbols": [row for row in states if symbol in (None, row["symbol"])]}
    if symbol is not None:
        facts["overlays"] = _or_none(lambda: readers.overlays(symbol, frame, _OVERLAYS, limit=1, store=store))
    facts["account"] = _or_none(lambda: readers.equity(limit=1, store=store))
    facts["positions"] = _or_none(lambda: readers.positions(store=store).select(_POSITION))
    return facts


def _or_none(load: Callable[[], pl.DataFrame]) -> list[dict[str, Any]] | None:
    try:
        return load().to_dicts()
    except NotMaterialised:
        return None
