"""A question in free words: what the model is told along with it. Its answer is shown as it is, and decides nothing."""

import json
from collections.abc import Mapping
from typing import Any

from market_assets.crypto.settings import AdviceSettings


def question(message: str, facts: Mapping[str, Any]) -> str:
    """The text that is sent: what is known (JSON values, null for unknown) and then what somebody asks."""
    return "\n".join(
        (
            "You answer a question about a crypto market and a simulated account that trades it.",
            "Everything you know of them is in the inputs below; say so where they do not answer the question.",
            "Inputs as JSON, where null means unknown; do not guess what is unknown:",
            json.dumps(dict(facts), sort_keys=True, allow_nan=False, ensure_ascii=False, default=str),
            "Question:",
            message,
        )
    )


def parameters(advice: AdviceSettings) -> dict[str, Any]:
    """What is asked along with every question: plain text instead of JSON."""
    return {"temperature": advice.temperature, "max_tokens": advice.max_tokens}
