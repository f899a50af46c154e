"""What the sandbox's advisor replies: a mechanical opinion on the inputs of a prompt, the same for the same prompt.

A prompt names what it asks in a line `call: signal|risk|sizing|optimise`, and carries its inputs as one JSON object.
Unknown inputs are null and count for neither side.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

Inputs = Mapping[str, Any]

MAX_SIZE = 0.05

_CALL = re.compile(r"^call: *(signal|risk|sizing|optimise) *$", re.MULTILINE)
_SIDES = {-1: "ENTER_SHORT", 0: "HOLD", 1: "ENTER_LONG"}
#: voices that must agree for a side
_AGREED = 2
_STOP, _TARGET, _TRAIL = 0.02, 0.04, 0.01
_MOST_DRAWDOWN, _MOST_EXPOSURE = 0.10, 0.20
_CALM_FLOW = 0.10


def reply(text: str) -> dict[str, Any] | None:
    """The reply to a prompt; None to one that names no call."""
    called = _CALL.search(text)
    if called is None:
        return None
    given = inputs_of(text[called.end() :])
    return {"signal": _signal, "risk": _risk, "sizing": _sizing, "optimise": _optimise}[called[1]](given)


def inputs_of(text: str) -> Inputs:
    """The first JSON object of a text; nothing where there is none."""
    decoder = json.JSONDecoder()
    for opening in re.finditer(r"\{", text):
        try:
            found, _ = decoder.raw_decode(text, opening.start())
        except json.JSONDecodeError:
            continue
        if isinstance(found, dict):
            return found
    return {}


def _signal(given: Inputs) -> dict[str, Any]:
    side, price = _side(given), _number(given, "price")
    levels = dict.fromkeys(("stop_loss", "take_profit", "trailing_stop"))
    if side and price:
        shares = {"stop_loss": 1 - side * _STOP, "take_profit": 1 + side * _TARGET, "trailing_stop": _TRAIL}
        levels = {name: round(price * share, 8) for name, share in shares.items()}
    return {
        "recommended_action": _SIDES[side],
        "confidence": _confidence(given),
        "reasoning": _reasoning(given),
        "position_size": _size(given),
        "entry_conditions": ["enter at the open after the close of the signal's candle"] * abs(side),
        "exit_strategy": levels,
    }


def _risk(given: Inputs) -> dict[str, Any]:
    concerns = _concerns(given)
    return {
        "approved": not concerns and _size(given) > 0,
        "adjusted_size": 0.0 if concerns else _size(given),
        "reasoning": _reasoning(given),
        "risk_score": round(1 - _confidence(given), 4),
        "concerns": concerns,
    }


def _sizing(given: Inputs) -> dict[str, Any]:
    concerns = _concerns(given)
    return {
        "size": round(_size(given) / (1 + len(concerns)), 6),
        "reasoning": _reasoning(given),
        "adjustments": [f"halved for: {concern}" for concern in concerns],
        "risk_warnings": concerns,
    }


def _optimise(given: Inputs) -> dict[str, Any]:
    calm = abs(_number(given, "ofi_20") or 0.0) < _CALM_FLOW
    suggestion = {
        "category": "order flow",
        "recommendation": "raise the least order flow that votes" if calm else "keep the least order flow that votes",
        "reasoning": _reasoning(given),
        "priority": "medium" if calm else "low",
    }
    return {"suggestions": [suggestion]}


def _voices(given: Inputs) -> int:
    """Supertrend, alignment and order flow together: -3 to 3."""
    signs = (_number(given, name) or 0.0 for name in ("st_dir", "align_dir", "ofi_20"))
    return sum((value > 0) - (value < 0) for value in signs)


def _side(given: Inputs) -> int:
    voices = _voices(given)
    return (voices >= _AGREED) - (voices <= -_AGREED)


def _confidence(given: Inputs) -> float:
    return round(0.5 + 0.15 * abs(_voices(given)), 4)


def _size(given: Inputs) -> float:
    """The size proposed where there is a proposal, else what the voices are worth."""
    proposal = given.get("proposal")
    proposed = _number(proposal, "size_ratio") if isinstance(proposal, dict) else None
    size = MAX_SIZE * _confidence(given) * abs(_side(given)) / 2 if proposed is None else proposed
    return round(min(max(size, 0.0), MAX_SIZE), 6)


def _concerns(given: Inputs) -> list[str]:
    limits = {"drawdown": _MOST_DRAWDOWN, "exposure": _MOST_EXPOSURE}
    return [
        f"{name} of {value:.4f} is at or above {limit}"
        for name, limit in limits.items()
        if (value := _number(given, name)) is not None and value >= limit
    ]


def _reasoning(given: Inputs) -> str:
    named = ("st_dir", "align_dir", "ofi_20", "regime", "sentiment")
    told = ", ".join(f"{name} {'unknown' if given.get(name) is None else given[name]}" for name in named)
    return f"Sandbox's mechanical opinion on {given.get('symbol') or 'an unnamed symbol'}: {told}."


def _number(given: Inputs, name: str) -> float | None:
    value = given.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
