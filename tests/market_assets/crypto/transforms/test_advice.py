"""What a model is asked, which replies count, what stands in for it, and how both are blended."""

import json
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from market_assets.crypto.schemas import CryptoAdvice
from market_assets.crypto.settings import AdviceSettings, CryptoSettings
from market_assets.crypto.transforms.advice import Answer, Prompt, advice_rows, blended
from market_assets.crypto.transforms.advice.prompts import prompt
from market_assets.crypto.transforms.advice.replies import UnusableReply, parse
from tests.market_assets.crypto.advice_frames import (
    HOUR,
    NOON,
    inputs_of,
    overlays,
    paper,
    reply,
    sentiment,
    signal,
    signals,
)

CRYPTO = CryptoSettings()
CALLS = ["optimise", "risk", "signal", "sizing"]


class Model:
    """Answers every call well, or as `script` says in turn; remembers what it was asked."""

    def __init__(self, script: list[Answer] | None = None, **replies: Mapping[str, Any]) -> None:
        self.asked: list[Prompt] = []
        self._script, self._replies = list(script or []), replies

    def __call__(self, question: Prompt) -> Answer:
        self.asked.append(question)
        if self._script:
            return self._script.pop(0)
        said = self._replies.get(question.call, reply(question.call))
        return Answer("ok", f"\n\n {json.dumps(said)}", "digest-of-raw", 1250.0)

    def inputs(self, call: str) -> dict[str, Any]:
        return inputs_of(next(question.text for question in self.asked if question.call == call))


def rows_of(frame: pl.DataFrame, call: str) -> dict[str, Any]:
    return frame.row(by_predicate=pl.col("call") == call, named=True)


def advised(ask: Callable[[Prompt], Answer] | None, *rows: dict[str, Any], **context: Any) -> pl.DataFrame:
    frame = advice_rows(
        signals(*rows),
        context.get("overlays"),
        context.get("sentiment"),
        context.get("paper"),
        context.get("crypto", CRYPTO),
        ask,
    )
    return CryptoAdvice.contract().validate(frame)


@pytest.mark.parametrize(
    ("model", "rule", "value"),
    [
        (("ENTER_LONG", 0.8), ("ENTER_LONG", 0.6), 0.74),
        (("ENTER_SHORT", 0.8), ("ENTER_LONG", 0.6), -0.38),
        (("HOLD", 0.9), ("ENTER_LONG", 0.6), 0.18),
        (("CLOSE_POSITION", 0.9), ("ENTER_SHORT", 0.5), -0.15),
        # 0.7 x 0.3 against 0.3 x 0.7: even
        (("ENTER_LONG", 0.3), ("ENTER_SHORT", 0.7), 0.0),
        (("ENTER_SHORT", 0.15), ("ENTER_LONG", 0.35), 0.0),
    ],
)
def test_blend(model: tuple[str, float], rule: tuple[str, float], value: float):
    """Goldens of the specification (0.74, -0.38); what has no side adds nothing; even is no direction."""
    direction, strength = blended(*model, *rule)
    assert direction * strength == pytest.approx(value, abs=1e-12)
    assert direction == (value > 0) - (value < 0)


def test_what_a_model_says_is_stored_by_call():
    """Four calls of one signal, each reply in its columns and whole as payload; only `signal` is blended."""
    model = Model()
    found = advised(model, signal())
    assert found["call"].to_list() == CALLS
    assert set(found["advisor_source"]) == {"llm"}
    assert set(found["status"]) == {"ok"}
    assert set(found["model"]) == {"deepseek-v4-flash"}
    told = rows_of(found, "signal")
    assert (told["action"], told["confidence"], told["position_size"]) == ("ENTER_LONG", 0.8, 0.03)
    assert (told["blended_direction"], told["blended_confidence"]) == (1, pytest.approx(0.74, abs=1e-12))
    assert (told["raw_reply_ref"], told["latency_ms"]) == ("digest-of-raw", 1250.0)
    assert (told["ts"], told["available_at"]) == (NOON, NOON + HOUR)
    assert json.loads(told["payload"]) == reply("signal")
    risk = rows_of(found, "risk")
    assert (risk["approved"], risk["risk_score"], risk["position_size"]) == (True, 0.25, 0.015)
    assert rows_of(found, "sizing")["position_size"] == 0.01
    assert json.loads(rows_of(found, "optimise")["payload"]) == reply("optimise")
    others = found.filter(pl.col("call") != "signal")
    assert others["blended_direction"].null_count() == others["action"].null_count() == 3
    assert {row["prompt_hash"] for row in found.to_dicts()} == {question.hash for question in model.asked}


def test_only_tradeable_signals_are_sent_and_optimise_is_asked_once_a_day():
    """Of three signals of a day the one that is not tradeable is not asked about; a new day is optimised anew."""
    rows = [signal(NOON), signal(NOON + HOUR, is_tradeable=False), signal(NOON + 2 * HOUR), signal(NOON + 12 * HOUR)]
    model = Model()
    found = advised(model, *rows)
    assert found.group_by("call").len().sort("call").rows() == [
        ("optimise", 2),
        ("risk", 3),
        ("signal", 3),
        ("sizing", 3),
    ]
    assert found.filter(call="optimise")["ts"].to_list() == [NOON, NOON + 12 * HOUR]
    assert len(model.asked) == found.height


def test_without_tradeable_signals_nothing_is_asked():
    """No row, and no call."""
    model = Model()
    assert advised(model, signal(is_tradeable=False)).is_empty()
    assert advised(model).is_empty()
    assert model.asked == []


def test_of_two_strategy_versions_the_newer_one_is_asked_about():
    """Old decisions stay in crypto_signals beside retuned ones."""
    model = Model()
    found = advised(model, signal(price=50_000.0), signal(strategy_version=2))
    assert found.height == 4
    assert model.inputs("signal")["price"] == 60_000.0


def test_a_prompt_says_what_is_known():
    """Call, the word JSON, every key of the reply, and the inputs of the specification, sorted."""
    row = signal()
    model = Model()
    held = paper(date(2026, 10, 4), exposure=0.15, drawdown=0.02, held={"ETHUSDT": "long"})
    mood = sentiment({date(2026, 10, 4): 30, date(2026, 10, 5): 41})
    advised(model, row, overlays=overlays(row), sentiment=mood, paper=held)
    assert model.inputs("signal") == {
        "symbol": "BTCUSDT",
        "price": 60_000.0,
        "change_24h_pct": 1.25,
        "sentiment": 41,
        "regime": "TRENDING_LOW_VOL",
        "st_dir": 1,
        "ofi_20": 0.12,
        "zone_near_dist_pct": -0.4,
        "align_dir": 1,
        "align_score": 1.0,
        "open_positions": [{"symbol": "ETHUSDT", "side": "long"}],
        "exposure": 0.15,
        "drawdown": 0.02,
    }
    assert list(model.inputs("signal")) == sorted(model.inputs("signal"))
    assert model.inputs("risk")["proposal"]["size_ratio"] == 0.02
    assert model.inputs("optimise")["rules"]["min_votes"] == 4
    for question in model.asked:
        assert question.text.startswith(f"call: {question.call}\n")
        assert "JSON" in question.text
        assert question.text.endswith("Unknown: nothing")
        assert all(f'"{key}"' in question.text for key in reply(question.call))


def test_what_is_not_known_is_null_and_named():
    """Endpoint down, no account, no overlays: nulls in the prompt, never a neutral 50."""
    model = Model()
    advised(model, signal(change_24h_pct=None, regime="UNKNOWN"), sentiment=None)
    given = model.inputs("signal")
    unknown = sorted(name for name, value in given.items() if value is None)
    assert unknown == sorted(set(given) - {"symbol", "price"})
    assert model.asked[0].text.endswith(f"Unknown: {', '.join(unknown)}")


@pytest.mark.parametrize(
    ("days", "known"),
    [({-3: 20, -2: 25}, None), ({-1: 30}, 30), ({0: 41, -1: 30}, 41), ({1: 80}, None), ({1: 80, -1: 30}, 30)],
)
def test_sentiment_is_of_the_day_or_the_day_before(days: dict[int, int], known: int | None):
    """A value of tomorrow is not known yet, and one of the day before yesterday says nothing of today."""
    model = Model()
    mood = sentiment({date(2026, 10, 5) + timedelta(days=offset): value for offset, value in days.items()})
    advised(model, signal(), sentiment=mood)
    assert model.inputs("signal")["sentiment"] == known


@pytest.mark.parametrize(("day", "exposure"), [(3, None), (4, 0.15), (5, None), (6, None)])
def test_the_account_is_that_of_the_end_of_the_day_before(day: int, exposure: float | None):
    """How the account stood later than the signal is unknown to it; so is how it stood days ago."""
    model = Model()
    advised(model, signal(), paper=paper(date(2026, 10, day), exposure=0.15, drawdown=0.0, held={}))
    assert model.inputs("signal")["exposure"] == exposure
    assert model.inputs("signal")["open_positions"] == ([] if exposure is not None else None)


def test_the_same_question_has_the_same_hash():
    """The order of inputs does not count; text, model and every parameter do."""
    one = prompt("signal", {"price": 1.0, "symbol": "X", "st_dir": None}, AdviceSettings())
    assert (
        prompt("signal", {"st_dir": None, "symbol": "X", "price": 1.0}, AdviceSettings(), "elsewhere").hash == one.hash
    )
    others = [
        prompt("risk", {"price": 1.0, "symbol": "X", "st_dir": None}, AdviceSettings()),
        prompt("signal", {"price": 2.0, "symbol": "X", "st_dir": None}, AdviceSettings()),
        prompt("signal", {"price": 1.0, "symbol": "X", "st_dir": None}, AdviceSettings(model="another")),
        prompt("signal", {"price": 1.0, "symbol": "X", "st_dir": None}, AdviceSettings(temperature=0.5)),
        prompt("signal", {"price": 1.0, "symbol": "X", "st_dir": None}, AdviceSettings(max_tokens=10)),
    ]
    assert len({one.hash, *(other.hash for other in others)}) == 6
    # deadlines and budgets are not what is asked
    settings = AdviceSettings(deadline_s=1, max_calls_per_day=1, max_failures=1)
    assert prompt("signal", {"price": 1.0, "symbol": "X", "st_dir": None}, settings).hash == one.hash


@pytest.mark.parametrize("call", CALLS)
def test_a_documented_reply_is_read(call: Any):
    """Every key of the specification, white space before it."""
    assert json.loads(parse(call, f"\n \n{json.dumps(reply(call))}").model_dump_json()) == reply(call)


@pytest.mark.parametrize(
    ("call", "said", "offence"),
    [
        ("signal", {"action": "ENTER_LONG"}, "recommended_action: Field required"),
        ("signal", reply("signal", action="HOLD"), "action: Extra inputs are not permitted"),
        ("signal", reply("signal", recommended_action="BUY"), "recommended_action: Input should be"),
        ("signal", reply("signal", confidence=1.01), "confidence: Input should be less than or equal to 1"),
        ("signal", reply("signal", confidence="0.8"), "confidence: Input should be a valid number"),
        ("signal", reply("signal", position_size=0.051), "position_size: Input should be less than or equal to 0.05"),
        ("signal", reply("signal", reasoning="x" * 2001), "reasoning: String should have at most 2000"),
        ("signal", reply("signal", exit_strategy={"stop_loss": 1.0}), "exit_strategy.take_profit: Field required"),
        ("risk", reply("risk", approved="yes"), "approved: Input should be a valid boolean"),
        ("risk", reply("risk", risk_score=-0.1), "risk_score: Input should be greater than or equal to 0"),
        ("risk", reply("risk", adjusted_size=0.06), "adjusted_size: Input should be less than or equal to 0.05"),
        ("sizing", reply("sizing", size=0.06), "size: Input should be less than or equal to 0.05"),
        ("sizing", reply("sizing", adjustments="none"), "adjustments: Input should be a valid"),
        ("optimise", {"suggestions": [{"category": "x"}]}, "suggestions.0.recommendation: Field required"),
    ],
)
def test_any_other_reply_is_refused_by_its_first_offence(call: Any, said: dict[str, Any], offence: str):
    """A missing or extra key, another type, or a number out of bounds; `action` is not `recommended_action`."""
    with pytest.raises(UnusableReply, match=f"unusable reply to {call}: {offence}"):
        parse(call, json.dumps(said))


@pytest.mark.parametrize("text", ["", "{", '{"confidence": NaN}', "I would buy", "[]", "null"])
def test_what_is_no_object_is_refused(text: str):
    """Empty, cut or plain text."""
    with pytest.raises(UnusableReply, match="unusable reply to risk"):
        parse("risk", text)


def test_the_documented_key_is_read_and_the_other_is_a_parse_error():
    """The trap of the specification: a reply with `action` recommends nothing."""
    wrong = {key: value for key, value in reply("signal").items() if key != "recommended_action"}
    found = advised(Model(signal=wrong | {"action": "ENTER_LONG"}), signal())
    told = rows_of(found, "signal")
    assert (told["advisor_source"], told["status"], told["action"], told["confidence"]) == (
        "llm",
        "parse_error",
        "HOLD",
        0.0,
    )
    assert told["reasoning"].startswith("unusable reply to signal: recommended_action: Field required")
    assert told["blended_direction"] is None
    assert told["raw_reply_ref"] == "digest-of-raw"


def test_an_unusable_verdict_lets_nothing_pass():
    """risk: approved false; sizing: no size."""
    found = advised(Model(risk={"approved": True}, sizing={}), signal())
    assert rows_of(found, "risk")["approved"] is False
    assert rows_of(found, "sizing")["position_size"] is None
    assert found.filter(status="parse_error")["call"].to_list() == ["risk", "sizing"]


def test_three_failures_in_a_row_end_the_asking():
    """Three time-outs: the rest is the rules' and labelled so; nothing more is asked."""
    rows = [signal(NOON + n * HOUR) for n in range(3)]
    model = Model([Answer("unavailable")] * 100)
    found = advised(model, *rows)
    assert len(model.asked) == 3
    assert found.height == 10
    assert set(found["advisor_source"]) == {"rule"}
    assert set(found["status"]) == {"unavailable"}
    assert found["model"].null_count() == 10


def test_a_good_reply_between_failures_starts_the_count_anew():
    """Time-out, refusal, good, time-out, unusable: never three in a row; the third failure after a good one ends it."""
    good = Answer("ok", json.dumps(reply("sizing")), "d", 1.0)
    script = [
        Answer("unavailable"),  # signal
        Answer("refused"),  # risk
        good,  # sizing
        Answer("unavailable"),  # optimise
        Answer("ok", "not JSON", "d", 1.0),  # signal of the second
        Answer("unavailable"),  # risk of the second
    ]
    model = Model(script)
    found = advised(model, signal(), signal(NOON + HOUR))
    assert len(model.asked) == 6
    assert found.select("call", "advisor_source", "status").rows() == [
        ("optimise", "rule", "unavailable"),
        ("risk", "rule", "refused"),
        ("signal", "rule", "unavailable"),
        ("sizing", "llm", "ok"),
        ("risk", "rule", "unavailable"),
        ("signal", "llm", "parse_error"),
        ("sizing", "rule", "unavailable"),
    ]


def test_the_stand_in_repeats_the_rules():
    """Switched off: action, size and stop of the signal, its confidence, risk 1 - 0.6; the same every time."""
    row = signal()
    found = advised(None, row, overlays=overlays(row))
    assert set(found["advisor_source"]) == {"rule"}
    assert set(found["status"]) == {"disabled"}
    told = rows_of(found, "signal")
    assert (told["action"], told["confidence"], told["position_size"]) == ("ENTER_LONG", 0.6, 0.02)
    assert json.loads(told["payload"])["exit_strategy"] == {
        "stop_loss": 59_000.0,
        "take_profit": 61_200.0,
        "trailing_stop": 450.0,
    }
    assert told["reasoning"] == (
        "Rule stand-in, no model's opinion: ENTER_LONG by the votes, feature confidence 0.6000, size 0.0200 of equity."
    )
    risk = rows_of(found, "risk")
    assert (risk["approved"], risk["risk_score"]) == (True, pytest.approx(0.4, abs=1e-12))
    assert rows_of(found, "sizing")["position_size"] == 0.02
    nothing = ("model", "prompt_hash", "raw_reply_ref", "latency_ms", "blended_direction", "blended_confidence")
    assert all(found[name].null_count() == 4 for name in nothing)
    assert_frame_equal(found, advised(None, row))


def test_the_stand_in_stays_within_what_advice_may_size():
    """A signal of 8 % of equity, which the settings may allow, is advised with 5 %."""
    assert rows_of(advised(None, signal(size_ratio=0.08)), "sizing")["position_size"] == 0.05


def test_order_of_rows_does_not_matter():
    """Signals in another order: the same questions in the same order, the same rows."""
    rows = [signal(), signal(symbol="ETHUSDT"), signal(NOON + HOUR)]
    one, other = Model(), Model()
    first = advised(one, *rows)
    reordered = signals(*rows).reverse()
    again = advice_rows(reordered, None, None, None, CRYPTO, other)
    assert_frame_equal(first, again)
    assert one.asked == other.asked
