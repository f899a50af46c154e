"""What stands in for a model: the rules' own decision in the shape of a reply, the same every time."""

from collections.abc import Mapping
from typing import Any

from market_assets.crypto.transforms.advice.replies import (
    MAX_SIZE,
    Call,
    ExitStrategy,
    OptimiseReply,
    Reply,
    RiskReply,
    SignalReply,
    SizingReply,
)


def stand_in(call: Call, signal: Mapping[str, Any]) -> Reply:
    """The reply of the rules to `call` about a row of crypto_signals that is tradeable."""
    confidence, size = signal["feature_confidence"], min(signal["size_ratio"], MAX_SIZE)
    reasoning = (
        f"Rule stand-in, no model's opinion: {signal['action']} by the votes, "
        f"feature confidence {confidence:.4f}, size {size:.4f} of equity."
    )
    if call == "signal":
        targets = signal["targets"] or [None]
        levels = ExitStrategy(
            stop_loss=signal["stop_price"], take_profit=targets[0], trailing_stop=signal["trail_distance"]
        )
        return SignalReply(
            recommended_action=signal["action"],
            confidence=confidence,
            reasoning=reasoning,
            position_size=size,
            entry_conditions=[],
            exit_strategy=levels,
        )
    if call == "risk":
        return RiskReply(
            approved=signal["is_tradeable"],
            adjusted_size=size,
            reasoning=reasoning,
            risk_score=1 - confidence,
            concerns=[],
        )
    if call == "sizing":
        return SizingReply(size=size, reasoning=reasoning, adjustments=[], risk_warnings=[])
    return OptimiseReply(suggestions=[])
