"""The table of advice: each tradeable signal asked about, or answered by the stand-in."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from market_assets.crypto.schemas import CryptoAdvice
from market_assets.crypto.settings import CryptoSettings
from market_assets.crypto.transforms.advice import inputs, replies
from market_assets.crypto.transforms.advice.prompts import Prompt, prompt
from market_assets.crypto.transforms.advice.replies import (
    Call,
    OptimiseReply,
    Reply,
    RiskReply,
    SignalReply,
    SizingReply,
    UnusableReply,
)
from market_assets.crypto.transforms.advice.stand_in import stand_in

#: asked about every tradeable signal
_OF_EACH: tuple[Call, ...] = ("signal", "risk", "sizing")
_SIDES = {"ENTER_LONG": 1, "ENTER_SHORT": -1}
_MODEL_WEIGHT, _RULE_WEIGHT = 0.7, 0.3
#: what an unusable reply counts as: nothing is entered, nothing passes
_REFUSING: dict[Call, dict[str, Any]] = {
    "signal": {"action": "HOLD", "confidence": 0.0},
    "risk": {"approved": False},
    "sizing": {},
    "optimise": {},
}


@dataclass(frozen=True)
class Answer:
    """What came of one question: the text of the reply, or why there is none."""

    status: Literal["ok", "refused", "unavailable"]
    content: str = ""
    #: digest of the stored raw reply
    raw_reply_ref: str | None = None
    latency_ms: float | None = None


#: asks a model, and never raises for what a model or its vendor does
Ask = Callable[[Prompt], Answer]


def advice_rows(
    signals: pl.DataFrame,
    overlays: pl.DataFrame | None,
    sentiment: pl.DataFrame | None,
    paper: pl.DataFrame | None,
    crypto: CryptoSettings,
    ask: Ask | None,
) -> pl.DataFrame:
    """Rows of CryptoAdvice: signal, risk and sizing of each tradeable signal, optimise of a symbol's first of a day.

    Without `ask` all are the stand-in's, status `disabled`. After `advice.max_failures` failures in a row (a reply
    that cannot be used counts as one) the rest is the stand-in's, status `unavailable`, and nothing more is asked.
    """
    contract = CryptoAdvice.contract()
    desk = _Desk(crypto, ask)
    known = inputs.accounts(paper)
    rows = []
    for row, call in _questions(inputs.tradeable(signals, overlays, sentiment)):
        account = known.get(row["ts"].date(), inputs.NO_ACCOUNT)
        rows.append(desk.row(call, row, account))
    return contract.conform(pl.DataFrame(rows, schema=contract.schema))


def blended(model_action: str, model_confidence: float, rule_action: str, rule_confidence: float) -> tuple[int, float]:
    """Direction (-1, 0, 1) and strength of model and rule together, 70 to 30; neither HOLD nor CLOSE has a side."""
    model = _MODEL_WEIGHT * _SIDES.get(model_action, 0) * model_confidence
    # rounded: two sides that are even must not differ by a float's last bit
    both = round(model + _RULE_WEIGHT * _SIDES.get(rule_action, 0) * rule_confidence, 12)
    return (both > 0) - (both < 0), abs(both)


@dataclass
class _Desk:
    """Asks, reads what is answered, and stops asking after too many failures in a row."""

    crypto: CryptoSettings
    ask: Ask | None
    failures: int = 0

    def row(self, call: Call, signal: Mapping[str, Any], account: Mapping[str, Any]) -> dict[str, Any]:
        """The row of one question."""
        if self.ask is None:
            return self._by_rule(call, signal, "disabled")
        if self.failures >= self.crypto.advice.max_failures:
            return self._by_rule(call, signal, "unavailable")
        about = f"{signal['symbol']} {signal['timeframe']} {signal['ts']:%Y-%m-%dT%H:%MZ}"
        given = inputs.inputs(call, signal, account, self.crypto.signals)
        question = prompt(call, given, self.crypto.advice, about)
        answer = self.ask(question)
        if answer.status != "ok":
            self.failures += 1
            return self._by_rule(call, signal, answer.status)
        return self._by_model(question, signal, answer)

    def _by_model(self, question: Prompt, signal: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
        told = _row(question.call, signal, "llm", "ok") | {
            "model": self.crypto.advice.model,
            "prompt_hash": question.hash,
            "raw_reply_ref": answer.raw_reply_ref,
            "latency_ms": answer.latency_ms,
        }
        try:
            reply = replies.parse(question.call, answer.content)
        except UnusableReply as unusable:
            self.failures += 1
            refusing = _REFUSING[question.call]
            return told | refusing | {"status": "parse_error", "reasoning": str(unusable)}
        self.failures = 0
        told |= _told(reply)
        if isinstance(reply, SignalReply):
            direction, strength = blended(
                reply.recommended_action, reply.confidence, signal["action"], signal["feature_confidence"]
            )
            told |= {"blended_direction": direction, "blended_confidence": strength}
        return told

    def _by_rule(self, call: Call, signal: Mapping[str, Any], status: str) -> dict[str, Any]:
        return _row(call, signal, "rule", status) | _told(stand_in(call, signal))


def _questions(rows: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], Call]]:
    optimised = set()
    for row in rows:
        for call in _OF_EACH:
            yield row, call
        day = (row["symbol"], row["ts"].date())
        if day not in optimised:
            optimised.add(day)
            yield row, "optimise"


def _row(call: Call, signal: Mapping[str, Any], advisor: str, status: str) -> dict[str, Any]:
    """What every row has; what is not known of it is null."""
    of_signal = {name: signal[name] for name in ("symbol", "timeframe", "ts", "available_at")}
    nothing: dict[str, Any] = dict.fromkeys(CryptoAdvice.contract().columns)
    return nothing | of_signal | {"call": call, "advisor_source": advisor, "status": status}


def _told(reply: Reply) -> dict[str, Any]:
    """The columns of a reply, and all of it as JSON."""
    told: dict[str, Any] = {"payload": reply.model_dump_json()}
    match reply:
        case SignalReply():
            return told | {
                "action": reply.recommended_action,
                "confidence": reply.confidence,
                "position_size": reply.position_size,
                "reasoning": reply.reasoning,
            }
        case RiskReply():
            return told | {
                "approved": reply.approved,
                "position_size": reply.adjusted_size,
                "risk_score": reply.risk_score,
                "reasoning": reply.reasoning,
            }
        case SizingReply():
            return told | {"position_size": reply.size, "reasoning": reply.reasoning}
        case OptimiseReply():
            return told
