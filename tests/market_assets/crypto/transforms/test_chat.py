"""What the model is told along with a question in free words."""

import json
from datetime import UTC, datetime

import pytest

from market_assets.crypto.settings import AdviceSettings
from market_assets.crypto.transforms.advice.chat import parameters, question


def test_what_is_known_comes_before_what_is_asked():
    """Instants as text, the unknown as null, whatever the order they are given in; the question last."""
    at = datetime(2026, 10, 5, 12, tzinfo=UTC)
    text = question('What now? {"price": 1}', {"price": None, "at": at})
    assert text == question('What now? {"price": 1}', {"at": at, "price": None})
    lines = text.splitlines()
    assert json.loads(lines[3]) == {"at": "2026-10-05 12:00:00+00:00", "price": None}
    assert lines[-2:] == ["Question:", 'What now? {"price": 1}']


def test_what_is_no_number_is_refused():
    """A model must not be told NaN."""
    with pytest.raises(ValueError, match="JSON"):
        question("?", {"price": float("nan")})


def test_plain_text_is_asked_for():
    """The same settings as for advice, but no JSON."""
    assert parameters(AdviceSettings(temperature=0.5, max_tokens=10)) == {"temperature": 0.5, "max_tokens": 10}
