"""What a model is asked. The same inputs give the same text, and so the same hash."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from market_assets.crypto.settings import AdviceSettings
from market_assets.crypto.transforms.advice.replies import MAX_SIZE, Call

Inputs = Mapping[str, Any]

_TASKS: Mapping[Call, str] = {
    "signal": "Give a second opinion: what would you do with this market now?",
    "risk": "Judge the risk of the proposed entry: let it pass, or not, and with which size?",
    "sizing": "Size the proposed entry.",
    "optimise": "Suggest what to change about the rules that made this signal.",
}
_REPLIES: Mapping[Call, tuple[str, ...]] = {
    "signal": (
        '"recommended_action": "ENTER_LONG", "ENTER_SHORT", "HOLD" or "CLOSE_POSITION"',
        '"confidence": number from 0 to 1',
        '"reasoning": text of at most 2000 characters',
        f'"position_size": share of equity, number from 0 to {MAX_SIZE}',
        '"entry_conditions": list of texts',
        '"exit_strategy": object of "stop_loss" (price), "take_profit" (price) and "trailing_stop" (distance in price),'
        " each a number or null",
    ),
    "risk": (
        '"approved": true or false',
        f'"adjusted_size": share of equity, number from 0 to {MAX_SIZE}',
        '"reasoning": text',
        '"risk_score": number from 0 (none) to 1',
        '"concerns": list of texts',
    ),
    "sizing": (
        f'"size": share of equity, number from 0 to {MAX_SIZE}',
        '"reasoning": text',
        '"adjustments": list of texts',
        '"risk_warnings": list of texts',
    ),
    "optimise": (
        '"suggestions": list of objects of "category", "recommendation", "reasoning" (texts) and "priority" '
        '("high", "medium" or "low")',
    ),
}


@dataclass(frozen=True)
class Prompt:
    """One question."""

    call: Call
    text: str
    #: what it is about, for messages: symbol and instant
    context: str
    #: SHA-256 of text, model and parameters
    hash: str


def prompt(call: Call, inputs: Inputs, advice: AdviceSettings, context: str = "") -> Prompt:
    """The question of `call` about `inputs`, whose unknown values are null and named."""
    unknown = sorted(name for name, value in inputs.items() if value is None)
    lines = [
        f"call: {call}",
        "You advise on trading a crypto market. Everything you know of it is in the inputs below.",
        _TASKS[call],
        "Reply with one JSON object of exactly these keys and nothing else:",
        *(f"- {line}" for line in _REPLIES[call]),
        "Inputs as JSON, where null means unknown; do not guess what is unknown:",
        json.dumps(dict(inputs), sort_keys=True, allow_nan=False, ensure_ascii=False),
        f"Unknown: {', '.join(unknown) or 'nothing'}",
    ]
    text = "\n".join(lines)
    return Prompt(call, text, context, _hash(text, advice))


def parameters(advice: AdviceSettings) -> dict[str, Any]:
    """What is asked along with every prompt."""
    return {
        "temperature": advice.temperature,
        "max_tokens": advice.max_tokens,
        "response_format": {"type": "json_object"},
    }


def _hash(text: str, advice: AdviceSettings) -> str:
    given = json.dumps({"prompt": text, "model": advice.model, **parameters(advice)}, sort_keys=True)
    return hashlib.sha256(given.encode()).hexdigest()
