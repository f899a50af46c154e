"""Sentiment: as it was known, within reach, and nothing else."""

from datetime import timedelta

import polars as pl
import pytest

from market_assets.bars.transforms.features.sentiment import last_said
from market_assets.core.contracts import UTC_MICROS
from market_assets.core.errors import InvalidRequest
from tests.market_assets.bars.transforms.features.stored_bars import MINUTE, D

SCHEMA = {"symbol": pl.String, "available_at": UTC_MICROS, "sentiment": pl.Float64}


def said(*rows):
    return pl.DataFrame(list(rows), schema=SCHEMA, orient="row")


def at(*keys):
    return pl.DataFrame(list(keys), schema={"symbol": pl.String, "ts": UTC_MICROS}, orient="row")


def test_the_last_value_of_the_symbol_counts_from_when_it_was_known():
    """Said at the close of a minute it is that minute's; said a microsecond later it is the next one's."""
    rows = at(("EURUSD", D + MINUTE), ("BTCUSD", D), ("BTCUSD", D + MINUTE), ("BTCUSD", D + 2 * MINUTE))
    found = last_said(
        rows,
        said(
            ("BTCUSD", D + 2 * MINUTE + timedelta(microseconds=1), 0.75),
            ("BTCUSD", D + 2 * MINUTE, -1.0),
            ("EURUSD", D, 1.0),
        ),
        12,
    )
    assert found.to_list() == [1.0, None, -1.0, 0.75]


def test_what_is_out_of_reach_is_not_used():
    """Twelve days before the day of the bar are in reach, to the microsecond."""
    edge = D - timedelta(days=12)
    late = at(("BTCUSD", D + timedelta(hours=23)))
    assert last_said(late, said(("BTCUSD", edge, 0.5)), 12).to_list() == [0.5]
    assert last_said(late, said(("BTCUSD", edge - timedelta(microseconds=1), 0.5)), 12).to_list() == [None]


@pytest.mark.parametrize("value", [1.01, -1.01, float("nan")])
def test_a_value_outside_its_range_is_refused(value):
    """It says which, and where it came from."""
    with pytest.raises(InvalidRequest, match=r"must lie in -1 to 1; was .*BTCUSD.* bars\.sentiment_plugin"):
        last_said(at(("BTCUSD", D)), said(("BTCUSD", D, value)), 12)


def test_without_a_value_there_is_none():
    """No plug-in, or one that knows nothing."""
    for nothing in (said(), said(("BTCUSD", D, None))):
        assert last_said(at(("BTCUSD", D)), nothing, 12).to_list() == [None]
