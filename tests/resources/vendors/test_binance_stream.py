"""What Binance's frames say: recorded ones, and what no candle can be."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from market_assets.settings import load
from resources.http.errors import Malformed
from resources.stream.candle import Farewell, Update
from resources.vendors.binance_stream import parse, stream_name, url

AT = datetime(2021, 7, 22, 22, 26, tzinfo=UTC)
#: as the venue documents it
FRAME = (
    '{"stream":"nknusdt@kline_1m","data":{"e":"kline","E":1633998523963,"s":"NKNUSDT","k":{"t":1633998480000,'
    '"T":1633998539999,"s":"NKNUSDT","i":"1m","f":19862761,"L":19862790,"o":"0.3527","c":"0.3528","h":"0.3528",'
    '"l":"0.3522","v":"25877","n":30,"x":false,"q":"9116.046","V":"58","Q":"20.4624","B":"0"}}}'
)


def changed(**k: Any) -> str:
    """The documented frame with other values of its candle."""
    frame = json.loads(FRAME)
    frame["data"]["k"] |= k
    return json.dumps(frame)


def test_every_value_is_where_the_venue_documents_it() -> None:
    """Wrapped or bare, text or bytes: the same candle, forming, with the venue's own instant."""
    told = parse(FRAME, AT)
    assert isinstance(told, Update)
    one = told.candle
    assert (told.is_final, told.at) == (False, datetime(2021, 10, 12, 0, 28, 43, 963000, tzinfo=UTC))
    assert (one.symbol, one.ts) == ("NKNUSDT", datetime(2021, 10, 12, 0, 28, tzinfo=UTC))
    assert (one.open, one.high, one.low, one.close) == (0.3527, 0.3528, 0.3522, 0.3528)
    assert (one.volume, one.quote_volume, one.trade_count) == (25877.0, 9116.046, 30)
    assert (one.taker_buy_base, one.taker_buy_quote, one.source) == (58.0, 20.4624, "binance_stream")
    assert parse(json.dumps(json.loads(FRAME)["data"]), AT) == told
    assert parse(FRAME.encode(), AT) == told


def test_recorded_frames(shared_data: Path) -> None:
    """Of the recorded futures frames 4 of 67 are final, of the spot ones none; all of them can be read."""
    finals: dict[str, list[bool]] = {}
    for market in ("usdm", "spot"):
        lines = (shared_data / "recorded" / "binance_ws" / f"{market}_kline_1m.jsonl").read_text().splitlines()
        for line in lines:
            recorded = json.loads(line)
            told = parse(json.dumps(recorded["msg"]), datetime.fromtimestamp(recorded["recv_ts"], UTC))
            assert isinstance(told, Update)
            assert told.candle.symbol == recorded["msg"]["stream"].partition("@")[0].upper()
            finals.setdefault(market, []).append(told.is_final)
    assert {market: (sum(each), len(each)) for market, each in finals.items()} == {"usdm": (4, 67), "spot": (0, 2)}


def test_a_final_candle_arrives_after_its_close() -> None:
    """Where our clock is behind the venue's, arrival is told by the venue's: no row is stored from before its close."""
    early = datetime(2021, 10, 12, 0, 28, 50, tzinfo=UTC)
    told = parse(changed(x=True), early)
    assert isinstance(told, Update)
    assert told.candle.ingested_at == datetime(2021, 10, 12, 0, 29, tzinfo=UTC)


def test_a_farewell_is_no_candle() -> None:
    """`serverShutdown` is told apart, wrapped or bare; what is about something else is passed over."""
    assert isinstance(parse('{"e":"serverShutdown","E":1770000000000}', AT), Farewell)
    assert isinstance(parse('{"stream":"!x","data":{"e":"serverShutdown","E":1}}', AT), Farewell)
    assert parse('{"result":null,"id":1}', AT) is None
    assert parse('{"e":"aggTrade","s":"BTCUSDT"}', AT) is None


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        ("<html>", "not JSON"),
        ("[1]", "must be an object"),
        ('{"data": 5}', "data must be an object"),
        ('{"e":"kline","E":1633998523963}', "k is missing"),
        (changed(i="5m"), "k.i must be 1m"),
        (changed(t=1633998480001), "k.t must be a whole minute"),
        (changed(t="1633998480000"), "k.t must be in milliseconds"),
        (changed(x="true"), "k.x must be"),
        (changed(o=0.3527), "k.o must be text"),
        (changed(c="nan"), "k.c must be a number written as text"),
        (changed(l="0.36"), "prices within their range"),
        (changed(o="0", l="0"), "prices within their range"),
        (changed(V="25878"), "k.V must lie in 0 to k.v"),
        (changed(n=-1), "no sum below 0"),
    ],
)
def test_what_no_candle_can_be_is_named(frame: str, says: str) -> None:
    """A frame that cannot be read is Malformed with the place of its first offence."""
    with pytest.raises(Malformed, match=says):
        parse(frame, AT)


def test_the_address() -> None:
    """Lower-case names on the market's own path; of the sandbox under the vendor's route."""
    names = "streams=btcusdt@kline_1m/ethusdt@kline_1m"
    symbols = ("BTCUSDT", "ETHUSDT")
    assert stream_name("BTCUSDT") == "btcusdt@kline_1m"
    assert url(load(), symbols) == f"wss://fstream.binance.com/market/stream?{names}"
    assert url(load(crypto={"market": "spot"}), symbols) == f"wss://stream.binance.com:9443/stream?{names}"
    boxed = load(vendors="sandbox", sandbox_url="http://127.0.0.1:9000")
    assert url(boxed, symbols) == f"ws://127.0.0.1:9000/binance_usdm/market/stream?{names}"
