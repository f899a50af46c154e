"""Whatever a vendor sends instead of what was agreed, the answer is a VendorError or a frame, never a crash."""

import copy
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from resources.http.errors import VendorError
from resources.http.transport import Reply
from resources.vendors import polygon, polygon_minutes, polygon_wire, yahoo, yahoo_minutes
from resources.vendors.daily import finished, finished_actions
from tests.resources.vendors.instruments import AAPL, EVENING, aggs
from tests.resources.vendors.minute_bodies import (
    OPEN,
    P_BTC,
    Y_EUR,
    minute,
    minute_chart,
    nanos,
    snapshot,
    spark,
    spark_meta,
)

YEAR = (date(2020, 1, 1), date(2020, 12, 31))
JUNK: tuple[Any, ...] = (None, True, -1, 0, 1.5, 10**18, "", "x", [], [None], ["x"], {}, {"x": 1})


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every member of a JSON value, at most two of each list."""
    yield path
    members = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, member in members:
        yield from places(member, (*path, key))


def spoilt(body: Any) -> Iterator[Any]:
    """Copies of `body` with one member replaced by junk, or removed."""
    for path in places(body):
        for junk in JUNK:
            if not path:
                yield junk
                continue
            changed = copy.deepcopy(body)
            holder = changed
            for key in path[:-1]:
                holder = holder[key]
            holder[path[-1]] = junk
            yield changed
        if path and isinstance(path[-1], str):
            del holder[path[-1]]
            yield changed


def verdicts(bodies: Iterator[Any], read: Any) -> tuple[int, int]:
    """How many bodies were read, and how many refused."""
    good = refused = 0
    for body in bodies:
        try:
            read(Reply(200, json.dumps(body).encode(), {}, EVENING))
            good += 1
        except VendorError as error:
            assert error.detail
            refused += 1
    return good, refused


def test_no_spoilt_polygon_body_crashes_the_reader(shared_data: Path):
    """Every member of the recorded aggregates replaced by junk of every type."""
    path = "recorded/polygon/v2_aggs_ticker_AAPL_range_1_day_2005-04-01_2005-04-04.json"
    body = json.loads((shared_data / path).read_text())

    def read(reply: Reply) -> None:
        found = polygon_wire.read_body(reply)
        polygon_wire.next_page(found, "http://x")
        rows = polygon.parse_aggregates(found, AAPL, EVENING, adjusted=True)
        finished(rows, source="polygon", price_basis="unadjusted", first=YEAR[0], last=YEAR[1])

    good, refused = verdicts(spoilt({**body, "next_url": "https://a.b/c?cursor=d"}), read)
    assert refused > 150
    assert good > 50


def test_no_spoilt_grouped_body_crashes_the_reader(shared_data: Path):
    """Every member of the recorded whole-market body replaced by junk of every type."""
    path = "recorded/polygon/v2_aggs_grouped_locale_us_market_stocks_2005-04-04_adjusted_true.json"
    body = json.loads((shared_data / path).read_text())
    body["results"][0]["T"] = "AAPL"
    day = date(2020, 10, 14)

    def read(reply: Reply) -> None:
        polygon.parse_grouped(polygon_wire.read_body(reply), day, [AAPL], EVENING, adjusted=True)

    good, refused = verdicts(spoilt(body), read)
    assert refused > 80
    assert good > 40


@pytest.mark.parametrize("kind", ["splits", "dividends"])
def test_no_spoilt_polygon_action_crashes_the_reader(shared_data: Path, kind: str):
    """Every member of the recorded reference bodies replaced by junk of every type."""
    body = json.loads((shared_data / f"recorded/polygon/v3_reference_{kind}.json").read_text())
    body["results"] = [{**row, "ticker": "AAPL"} for row in body["results"][:2]]
    parse = {"splits": polygon.parse_splits, "dividends": polygon.parse_dividends}[kind]

    def read(reply: Reply) -> None:
        rows = parse(polygon_wire.read_body(reply), AAPL)
        finished_actions([{**row, "source": "polygon", "ingested_at": EVENING} for row in rows], AAPL)

    good, refused = verdicts(spoilt(body), read)
    assert refused > 50
    assert good > 10


def test_no_spoilt_yahoo_body_crashes_the_reader(shared_data: Path):
    """Every member of the recorded chart replaced by junk of every type, events included."""
    path = "recorded/yahoo/chart-AAPL-2020-08-31-to-2020-11-07.json"
    body = json.loads((shared_data / path).read_text())["response"]["bodyJson"]

    def read(reply: Reply) -> None:
        found = yahoo.parse_chart(json.loads(reply.body), AAPL, EVENING)
        finished(
            yahoo.unadjusted(found.bars, found.splits),
            source="yahoo",
            price_basis="unadjusted_derived",
            first=YEAR[0],
            last=YEAR[1],
        )
        yahoo.parse_listing(json.loads(reply.body))

    good, refused = verdicts(spoilt(body), read)
    assert refused > 250
    assert good > 100


def test_no_spoilt_body_of_minutes_or_quotes_crashes_its_reader():
    """Every member of an agreed body of minutes or quotes replaced by junk of every type, at both vendors."""
    entry = {
        "ticker": "X:BTCUSD",
        "last_updated": nanos(OPEN),
        "session": {"close": 1.0, "volume": 2},
        "last_trade": {"price": 1.5, "sip_timestamp": nanos(OPEN)},
        "last_quote": {"bid": 1.0, "ask": 2.0, "last_updated": nanos(OPEN)},
    }
    minutes = aggs(minute(OPEN), ticker="X:BTCUSD")

    def read_minutes(reply: Reply) -> None:
        polygon_minutes.parse_aggregate_minutes(polygon_wire.read_body(reply), P_BTC, EVENING)

    def read_quotes(reply: Reply) -> None:
        polygon_minutes.parse_snapshot(polygon_wire.read_body(reply), [P_BTC], EVENING)

    def read_chart(reply: Reply) -> None:
        yahoo_minutes.parse_chart_minutes(json.loads(reply.body), Y_EUR, EVENING)

    def read_spark(reply: Reply) -> None:
        yahoo_minutes.parse_spark(json.loads(reply.body), [Y_EUR], EVENING)

    for body, read in (
        (minutes, read_minutes),
        (snapshot(entry), read_quotes),
        (minute_chart([(OPEN, 1.5, 0)], Y_EUR.vendor_id), read_chart),
        (spark(spark_meta(Y_EUR.vendor_id, 1.5)), read_spark),
    ):
        good, refused = verdicts(spoilt(body), read)
        assert good > 10
        assert refused > 50
