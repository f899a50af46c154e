"""Yahoo's wire format, from recorded bodies and from a scripted vendor on a real socket."""

import gzip
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from market_assets.equities.schemas import EquitiesDailyBars
from resources.http.errors import BadRequest, Malformed, NotFound, RateLimited
from resources.vendors import yahoo
from resources.vendors.daily import Instrument
from resources.vendors.yahoo import Dividend, Split, Yahoo
from tests.resources.vendor_host import START, Host, Says, StillTime, live_settings
from tests.resources.vendors.instruments import AAPL, BTC, EVENING, LONG_AGO, VIX, at_open, chart

FOUR_FOR_ONE = {"splits": {"1598880600": {"date": 1598880600, "numerator": 4, "denominator": 1, "splitRatio": "4:1"}}}


@pytest.fixture
def client(host: Host, still: StillTime) -> Yahoo:
    return Yahoo.connect(live_settings(host), timing=still.timing)


def recorded(shared_data: Path, name: str):
    path = shared_data / "recorded" / "yahoo" / name
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return json.loads(text)["response"]["bodyJson"]


def said(shared_data: Path, case: str) -> Says:
    lines = (shared_data / "recorded" / "errors.jsonl").read_text().splitlines()
    line = next(row for row in map(json.loads, lines) if (row["vendor"], row["case"]) == ("yahoo", case))
    return Says(line["body"].encode(), line["status"], line["headers"])


def test_recorded_autumn_of_2020(shared_data: Path):
    """49 sessions from the split day on, its close 129.04 (MANIFEST), one dividend on 2020-11-06."""
    found = yahoo.parse_chart(recorded(shared_data, "chart-AAPL-2020-08-31-to-2020-11-07.json"), AAPL, EVENING)
    bars = yahoo.unadjusted(found.bars, found.splits)
    assert bars.height == 49
    assert bars.select("session_date", "open", "high", "low", "close", "volume").row(0) == (
        date(2020, 8, 31), 127.58, 131.0, 126.0, 129.04, 225702700.0,
    )  # fmt: skip
    assert found.splits == (Split(date(2020, 8, 31), 1.0, 4.0),)
    assert found.dividends == (Dividend(date(2020, 11, 6), 0.205),)
    assert found.currency == "USD"


def test_yahoos_close_before_the_split_is_stored_as_it_traded(host: Host, client: Yahoo):
    """AAPL 2020-08-28: Yahoo says 124.8075 (as float32), traded was 499.23; the split day itself stays."""
    rows = [(at_open(date(2020, 8, 28), 13), 124.80750274658203, 187629916), (1598880600, 129.0399932861328, 225702700)]
    host.script = [Says(chart(rows, events=FOUR_FOR_ONE))]
    frame = client.daily_bars(AAPL, date(2020, 8, 28), date(2020, 8, 31), as_of=EVENING).frame
    assert frame.select("session_date", "close", "volume", "price_basis").rows() == [
        (date(2020, 8, 28), 499.23, 187629916 / 4, "unadjusted_derived"),
        (date(2020, 8, 31), 129.04, 225702700.0, "unadjusted_derived"),
    ]


def test_a_split_after_the_window_is_reversed_too(host: Host, client: Yahoo):
    """Asking for 2014 alone asks Yahoo up to now, because its 2014 prices know the split of 2020."""
    both = {
        "splits": {
            **FOUR_FOR_ONE["splits"],
            "1402320600": {"date": 1402320600, "numerator": 7, "denominator": 1, "splitRatio": "7:1"},
        }
    }
    # 2014-06-06 traded at 645.57: 23.0560714 in the shares of 2026; 2014-06-09 at 93.70
    rows = [
        (at_open(date(2014, 6, 6), 13), 645.57 / 28, 1),
        (at_open(date(2014, 6, 9), 13), 93.7 / 4, 1),
        (1598880600, 129.04, 1),
    ]
    host.script = [Says(chart(rows, events=both))]
    frame = client.daily_bars(AAPL, date(2014, 1, 1), date(2014, 12, 31), as_of=EVENING).frame
    assert frame.select("session_date", "close").rows() == [(date(2014, 6, 6), 645.57), (date(2014, 6, 9), 93.7)]
    assert host.asked[0].query == {
        "interval": "1d",
        "period1": str(int(datetime(2013, 12, 31, tzinfo=UTC).timestamp())),
        "period2": str(int(START.timestamp())),
        "events": "div,splits",
        "includePrePost": "false",
    }


def test_recorded_dividends_of_a_year(shared_data: Path):
    """MSFT paid 0.56 three times and 0.62 once between February 2021 and January 2022."""
    body = recorded(shared_data, "historical-via-chart-MSFT-dividends-2021-02-01-to-2022-01-31.csv.json.gz")
    msft = Instrument("MSFT", "stock", "XNYS", {"yahoo": "MSFT"}, LONG_AGO)
    found = yahoo.parse_chart(body, msft, EVENING)
    assert found.dividends == (
        Dividend(date(2021, 2, 17), 0.56),
        Dividend(date(2021, 5, 19), 0.56),
        Dividend(date(2021, 8, 18), 0.56),
        Dividend(date(2021, 11, 17), 0.62),
    )
    assert found.bars.height == 252


def test_a_dividend_before_a_split_is_told_as_paid():
    """0.265 before a 2-for-1 was 0.53 per share of its day; one on or after the split day is as stated."""
    split = Split(date(2020, 6, 1), 1, 2)
    assert yahoo.as_paid(Dividend(date(2020, 3, 2), 0.265), [split]) == 0.53
    assert yahoo.as_paid(Dividend(date(2020, 6, 1), 0.265), [split]) == 0.265


def test_actions_of_a_chart(host: Host, client: Yahoo):
    """Split terms, converted dividends, their basis, currency and source."""
    events = {**FOUR_FOR_ONE, "dividends": {"1596807000": {"amount": 0.205, "date": 1596807000}}}
    host.script = [Says(chart([(1598880600, 129.04, 1)], events=events))]
    frame = client.actions(AAPL).frame
    columns = ["ex_date", "kind", "split_from", "split_to", "amount", "amount_basis", "currency", "source"]
    assert frame.select(columns).rows() == [
        (date(2020, 8, 7), "cash_dividend", None, None, 0.82, "split_adjusted_converted", "USD", "yahoo"),
        (date(2020, 8, 31), "split", 1.0, 4.0, None, None, None, "yahoo"),
    ]  # fmt: skip


def test_recorded_window_without_bars_is_empty(shared_data: Path):
    """A weekend answers 200 without `timestamp` and with quote [{}]: no rows. (Recorded for 1m: asked as such.)"""
    body = recorded(shared_data, "chart-AAPL-2025-02-01-to-2025-02-02-includePrePost-false-interval-1m.json")
    with pytest.raises(Malformed, match="dataGranularity must be '1d', as asked, was '1m'"):
        yahoo.parse_chart(body, AAPL, EVENING)
    body["chart"]["result"][0]["meta"]["dataGranularity"] = "1d"
    assert yahoo.parse_chart(body, AAPL, EVENING).bars.height == 0


def test_recorded_quotes_without_timestamps_are_malformed(shared_data: Path):
    """Prices that nothing dates are not an empty answer."""
    body = recorded(shared_data, "chart-notimestamp-quotes-length.fake.json")
    with pytest.raises(Malformed, match=r"quote\[0\].open must have one value per timestamp: 1 for 0"):
        yahoo.parse_chart(body, AAPL, EVENING)


@pytest.mark.parametrize(
    ("name", "instrument", "first", "close"),
    [
        ("chart-AMZN-2020-01-01-to-2020-01-03.json", "AMZN", date(2020, 1, 2), 94.9005),
        ("chart-EURUSD_X-2020-01-01-to-2020-01-03.json", "EURUSD=X", date(2020, 1, 1), 1.12208),
        ("chart-GC_F-2020-01-01-to-2020-01-03.json", "GC=F", date(2020, 1, 2), 1524.5),
    ],
)
def test_recorded_days_are_dated_in_the_exchanges_zone(
    shared_data: Path, name: str, instrument: str, first: date, close: float
):
    """New York opens and London midnights fall on their own date; prices have six digits, no float32 noise."""
    asked = Instrument(instrument, "stock", "always", {"yahoo": instrument}, LONG_AGO)
    found = yahoo.parse_chart(recorded(shared_data, name), asked, EVENING)
    row = yahoo.unadjusted(found.bars, ()).select("session_date", "close").row(0)
    assert row == (first, close)


def test_a_london_midnight_in_summer_is_its_own_day():
    """23:00Z in July is midnight in London: the next date, not UTC's."""
    at = int(datetime(2020, 7, 5, 23, tzinfo=UTC).timestamp())
    asked = Instrument("EURUSD", "index", "always", {"yahoo": "EURUSD=X"}, LONG_AGO)
    found = yahoo.parse_chart(chart([(at, 1.125, 0)], symbol="EURUSD=X", zone="Europe/London"), asked, EVENING)
    assert found.bars["session_date"].to_list() == [date(2020, 7, 6)]


@pytest.mark.parametrize(
    ("case", "kind", "words"),
    [
        ("unknown_symbol", NotFound, "No data found, symbol may be delisted"),
        ("rate_limited", RateLimited, "Edge: Too Many Requests"),
        ("1m_window_too_long", BadRequest, "1m data not available"),
    ],
)
def test_recorded_refusals(shared_data: Path, host: Host, client: Yahoo, case: str, kind: type[Exception], words: str):
    """Each recorded error body becomes its own error, with the vendor's words; only 429 is retried."""
    host.script = [said(shared_data, case)]
    with pytest.raises(kind, match=words):
        client.daily_bars(AAPL, date(2020, 1, 1), date(2020, 1, 31), as_of=EVENING)
    assert len(host.asked) == (3 if kind is RateLimited else 1)


def test_recorded_window_before_the_first_bar_is_empty(shared_data: Path, host: Host, client: Yahoo):
    """That 400 means no rows, not a wrong request; the breaker hears of a good answer."""
    host.script = [said(shared_data, "before_first_bar")]
    found = client.daily_bars(AAPL, date(2020, 1, 1), date(2020, 1, 31), as_of=EVENING)
    assert (found.frame.height, found.requests) == (0, 1)


def test_rows_with_a_null_price_are_left_out_and_counted(host: Host, client: Yahoo):
    """Nulls inside the arrays drop their row, not the answer; a null volume alone stays null."""
    opens = [at_open(day) for day in (date(2021, 1, 4), date(2021, 1, 5), date(2021, 1, 6))]
    body = chart([(opens[0], 1.0, 10), (opens[1], 2.0, 20), (opens[2], 3.0, None)])
    body["chart"]["result"][0]["indicators"]["quote"][0]["low"] = [1.0, None, 3.0]
    host.script = [Says(body)]
    found = client.daily_bars(AAPL, date(2021, 1, 4), date(2021, 1, 8), as_of=EVENING)
    assert found.frame.select("session_date", "volume").rows() == [(date(2021, 1, 4), 10.0), (date(2021, 1, 6), None)]
    assert found.trace[0] == "yahoo: 1 row(s) without prices left out, 0 split(s) reversed"


def test_the_unfinished_day_is_left_out(host: Host, client: Yahoo):
    """During Friday's session its row, stamped with the last trade, is dropped; 120 min after the close it is kept."""
    thursday, friday = date(2026, 11, 19), date(2026, 11, 20)
    live = int(datetime(2026, 11, 20, 16, 3, 11, tzinfo=UTC).timestamp())
    host.script = [Says(chart([(at_open(thursday), 1.0, 10), (live, 2.0, 5)]))]
    close = datetime(2026, 11, 20, 21, tzinfo=UTC)
    for as_of, dates in (
        (close - timedelta(hours=4), [thursday]),
        (close + timedelta(minutes=119), [thursday]),
        (close + timedelta(minutes=120), [thursday, friday]),
    ):
        found = client.daily_bars(AAPL, date(2026, 11, 16), date(2026, 12, 31), as_of=as_of)
        assert found.frame["session_date"].to_list() == dates


def test_a_half_day_is_due_earlier(host: Host, client: Yahoo):
    """The day after Thanksgiving closes at 18:00Z: its bar is due at 20:00Z."""
    half = date(2020, 11, 27)
    host.script = [Says(chart([(at_open(half), 1.0, 10)]))]
    due = datetime(2020, 11, 27, 20, tzinfo=UTC)
    assert client.daily_bars(AAPL, half, half, as_of=due - timedelta(seconds=1)).requests == 0
    assert client.daily_bars(AAPL, half, half, as_of=due).frame.height == 1


def test_a_date_told_twice_keeps_the_later_row(host: Host, client: Yahoo):
    """Yahoo's extra last row can repeat the last session; it wins and is counted."""
    day = date(2026, 11, 19)
    at_close = int(datetime(2026, 11, 19, 21, 0, 2, tzinfo=UTC).timestamp())
    host.script = [Says(chart([(at_open(day), 1.0, 10), (at_close, 1.5, 12)]))]
    found = client.daily_bars(AAPL, day, day, as_of=EVENING)
    assert found.frame["close"].to_list() == [1.5]
    assert found.duplicates == 1


def test_an_index_has_no_volume_and_its_id_is_encoded(host: Host, client: Yahoo):
    """^VIX travels as %5EVIX; the volume Yahoo states for an index is not stored."""
    day = date(2026, 11, 19)
    host.script = [Says(chart([(at_open(day), 20.5, 0)], symbol="^VIX", zone="America/Chicago"))]
    frame = client.daily_bars(VIX, day, day, as_of=EVENING).frame
    assert frame.select("close", "volume").row(0) == (20.5, None)
    assert host.asked[0].path == "/v8/finance/chart/^VIX"


def test_crypto_days_are_utc_days(host: Host, client: Yahoo):
    """A Sunday of BTC-USD, due two hours after midnight; bars satisfy the contract."""
    sunday = date(2026, 11, 15)
    host.script = [Says(chart([(at_open(sunday, 0, 0), 62345.671875, 0.5)], symbol="BTC-USD", zone="UTC"))]
    frame = client.daily_bars(BTC, sunday, sunday, as_of=datetime(2026, 11, 16, 2, tzinfo=UTC)).frame
    EquitiesDailyBars.contract().validate(frame.with_columns(fallback_level=pl.lit(1, dtype=pl.Int8)))
    assert frame.select("close", "volume").row(0) == (62345.7, 0.5)


def test_the_user_agent_is_the_one_of_the_settings(host: Host, client: Yahoo):
    """curl's and httpx's own agents get 429 from the real one."""
    host.script = [Says(chart([]))]
    client.daily_bars(AAPL, date(2021, 1, 4), date(2021, 1, 8), as_of=EVENING)
    assert host.asked[0].headers["User-Agent"].startswith("Mozilla/5.0 (compatible;")
    assert "Authorization" not in host.asked[0].headers


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda r: r["meta"].update(symbol="MSFT"), "meta.symbol must be 'AAPL', as asked, was 'MSFT'"),
        (lambda r: r["meta"].update(exchangeTimezoneName="Mars/Olympus"), "must be a time zone, was 'Mars/Olympus'"),
        (lambda r: r["timestamp"].__setitem__(0, "x"), r"timestamp\[0\] must be in seconds since 1970, was 'x'"),
        (lambda r: r["timestamp"].__setitem__(0, 10**12), r"timestamp\[0\] must be in seconds"),
        (lambda r: r["timestamp"].append(1), "must have one value per timestamp: 1 for 2"),
        (lambda r: r["indicators"]["quote"][0].pop("high"), r"quote\[0\].high is missing"),
        (lambda r: r["indicators"]["quote"][0].update(low=["1"]), r"quote\[0\].low\[0\] must be a number, was '1'"),
        (lambda r: r.pop("meta"), r"result\[0\].meta is missing"),
        (
            lambda r: r.update(events={"splits": {"1": {"date": 1, "numerator": 4, "denominator": 0}}}),
            "denominator must be above 0",
        ),
    ],
)
def test_another_shape_is_malformed_by_its_first_offence(host: Host, client: Yahoo, spoil, words: str):
    """What is not as agreed is refused, naming the element and what it was."""
    body = chart([(at_open(date(2021, 1, 4)), 1.0, 10)])
    spoil(body["chart"]["result"][0])
    host.script = [Says(body)]
    with pytest.raises(Malformed, match=words):
        client.daily_bars(AAPL, date(2021, 1, 4), date(2021, 1, 8), as_of=EVENING)


def test_the_listing_of_an_id(shared_data: Path, host: Host, client: Yahoo):
    """AAPL's recorded firstTradeDate is its first trading day, 1980-12-12."""
    host.script = [Says(recorded(shared_data, "chart-AAPL.json"))]
    listing = client.listing("AAPL")
    assert (listing.listed_from, listing.listed_to) == (date(1980, 12, 12), None)
    assert listing.name == "Apple Inc."


def test_a_first_day_before_1970_is_read(shared_data: Path):
    """^GSPC's firstTradeDate is negative: 1927-12-30."""
    body = recorded(shared_data, "chart-AAPL.json")
    body["chart"]["result"][0]["meta"]["firstTradeDate"] = -1325583000
    assert yahoo.parse_listing(body).listed_from == date(1927, 12, 30)
