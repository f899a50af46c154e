"""What a model may answer, typed: every key is needed, another key is refused, numbers stay in their bounds."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from market_assets.core.errors import MarketAssetsError

Call = Literal["signal", "risk", "sizing", "optimise"]
Confidence = Annotated[float, Field(ge=0, le=1)]
#: share of equity: no advice goes beyond it, the stand-in's included
MAX_SIZE = 0.05
Size = Annotated[float, Field(ge=0, le=MAX_SIZE)]


class UnusableReply(MarketAssetsError, ValueError):
    """A reply that is not what was asked for; names the first offence."""


class _Reply(BaseModel):
    # strict: a number given as text is another answer than the one agreed on
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class ExitStrategy(_Reply):
    """Where to leave; null is no such level."""

    stop_loss: float | None
    take_profit: float | None
    trailing_stop: float | None


class SignalReply(_Reply):
    """What to do."""

    recommended_action: Literal["ENTER_LONG", "ENTER_SHORT", "HOLD", "CLOSE_POSITION"]
    confidence: Confidence
    reasoning: Annotated[str, Field(max_length=2000)]
    position_size: Size
    entry_conditions: list[str]
    exit_strategy: ExitStrategy


class RiskReply(_Reply):
    """Whether to let it pass."""

    approved: bool
    adjusted_size: Size
    reasoning: str
    risk_score: Confidence
    concerns: list[str]


class SizingReply(_Reply):
    """How much."""

    size: Size
    reasoning: str
    adjustments: list[str]
    risk_warnings: list[str]


class Suggestion(_Reply):
    """One thing to change."""

    category: str
    recommendation: str
    reasoning: str
    priority: Literal["high", "medium", "low"]


class OptimiseReply(_Reply):
    """What to change about the rules."""

    suggestions: list[Suggestion]


Reply = SignalReply | RiskReply | SizingReply | OptimiseReply

REPLIES: dict[Call, type[Reply]] = {
    "signal": SignalReply,
    "risk": RiskReply,
    "sizing": SizingReply,
    "optimise": OptimiseReply,
}


def parse(call: Call, content: str) -> Reply:
    """The typed reply in a message's text. Raises UnusableReply with the first offence, never with its value."""
    try:
        return REPLIES[call].model_validate_json(content.strip())
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the reply"
        raise UnusableReply(f"unusable reply to {call}: {place}: {first['msg']}") from None
