"""Polygon's wire format, from recorded bodies and from a scripted vendor on a real socket."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from market_assets.equities.schemas import EquitiesDailyBars
from resources.http.errors import (
    BadRequest,
    Malformed,
    MissingKey,
    NotEntitled,
    NotFound,
    RateLimited,
    Unauthorized,
)
from resources.http.transport import Reply
from resources.vendors import polygon, polygon_wire
from resources.vendors.daily import Instrument
from resources.vendors.polygon import Polygon
from tests.resources.vendor_host import Host, Says, StillTime, live_settings
from tests.resources.vendors.instruments import AAPL, BRK, BTC, EVENING, LONG_AGO, VIX, agg, aggs, days

MONDAY, FRIDAY = date(2021, 1, 4), date(2021, 1, 8)


@pytest.fixture
def client(host: Host, still: StillTime) -> Polygon:
    return Polygon.connect(live_settings(host), timing=still.timing)


def recorded(shared_data: Path, name: str):
    return json.loads((shared_data / "recorded" / "polygon" / f"{name}.json").read_text())


def said(shared_data: Path, case: str) -> Says:
    lines = (shared_data / "recorded" / "errors.jsonl").read_text().splitlines()
    line = next(row for row in map(json.loads, lines) if (row["vendor"], row["case"]) == ("polygon", case))
    return Says(line["body"].encode(), line["status"], line["headers"])


def test_recorded_aggregates(shared_data: Path):
    """The recorded AAPL body is Friday 1 and Monday 4 April 2005 in New York; 1.4604 x 28 is 40.89, as traded 40.90."""
    body = recorded(shared_data, "v2_aggs_ticker_AAPL_range_1_day_2005-04-01_2005-04-04")
    rows = polygon.parse_aggregates(body, AAPL, EVENING, adjusted=True)
    assert rows["session_date"].to_list() == [date(2005, 4, 1), date(2005, 4, 4)]
    assert rows.select("open", "high", "low", "close", "volume", "vwap_vendor", "trade_count").row(0) == (
        1.5032, 1.5064, 1.4489, 1.4604, 642646396.0, 1.469, 82132,
    )  # fmt: skip
    assert rows["close"][0] * 28 == pytest.approx(40.90, rel=1e-3)


def test_recorded_answer_to_another_question_is_malformed(shared_data: Path):
    """The recorded body is split-adjusted: as an answer to adjusted=false it is refused."""
    body = recorded(shared_data, "v2_aggs_ticker_AAPL_range_1_day_2005-04-01_2005-04-04")
    with pytest.raises(Malformed, match="adjusted must be False, as asked, was True"):
        polygon.parse_aggregates(body, AAPL, EVENING)


def test_recorded_grouped_day_is_dated_by_the_end_of_its_window(shared_data: Path):
    """GIK's stamp 1602705600000 is 16:00 in New York on 2020-10-14: that session, not the next."""
    body = recorded(shared_data, "v2_aggs_grouped_locale_us_market_stocks_2005-04-04_adjusted_true")
    gik = Instrument("GIK", "stock", "XNYS", {"polygon": "GIK"}, LONG_AGO)
    rows = polygon.parse_grouped(body, date(2020, 10, 14), [gik, AAPL], EVENING, adjusted=True)
    assert rows.select("symbol", "session_date", "close").rows() == [("GIK", date(2020, 10, 14), 10.02)]
    with pytest.raises(Malformed, match="must be of 2005-04-04, as asked; GIK is of 2020-10-14"):
        polygon.parse_grouped(body, date(2005, 4, 4), [gik], EVENING, adjusted=True)


def test_recorded_splits(shared_data: Path):
    """DXCM split 4 for 1 on 2022-06-10; a row of another ticker is refused by its place."""
    rows = recorded(shared_data, "v3_reference_splits")["results"]
    dxcm = Instrument("DXCM", "stock", "XNYS", {"polygon": "DXCM"}, LONG_AGO)
    own = [row for row in rows if row["ticker"] == "DXCM"]
    assert polygon.parse_splits({"results": own}, dxcm) == [
        {"symbol": "DXCM", "ex_date": date(2022, 6, 10), "kind": "split", "split_from": 1.0, "split_to": 4.0}
    ]
    with pytest.raises(Malformed, match=r"results\[0\].ticker must be 'DXCM', as asked, was 'GOOGL'"):
        polygon.parse_splits({"results": rows}, dxcm)


def test_recorded_dividends(shared_data: Path):
    """CSSEN's first recorded dividend with all its dates; amounts are as paid."""
    cssen = Instrument("CSSEN", "stock", "XNYS", {"polygon": "CSSEN"}, LONG_AGO)
    own = [row for row in recorded(shared_data, "v3_reference_dividends")["results"] if row["ticker"] == "CSSEN"]
    assert polygon.parse_dividends({"results": own}, cssen)[0] == {
        "symbol": "CSSEN",
        "ex_date": date(2025, 6, 12),
        "kind": "cash_dividend",
        "amount": 0.59375,
        "amount_basis": "as_paid",
        "currency": None,
        "dividend_type": "CD",
        "declared_date": date(2020, 9, 9),
        "record_date": date(2025, 6, 15),
        "pay_date": date(2025, 6, 30),
    }


@pytest.mark.parametrize(
    ("case", "kind", "words"),
    [
        ("bad_key", Unauthorized, r"POLYGON_API_KEY is refused \(HTTP 401: Unknown API Key\)"),
        ("plan_timeframe", NotEntitled, "the plan does not include this history"),
        ("rate_limited", RateLimited, "exceeded the maximum requests per minute"),
    ],
)
def test_recorded_refusals(
    shared_data: Path, host: Host, client: Polygon, case: str, kind: type[Exception], words: str
):
    """Each recorded error body becomes its own error, with the vendor's words; only 429 is retried."""
    host.script = [said(shared_data, case)]
    with pytest.raises(kind, match=words):
        client.daily_bars(AAPL, MONDAY, FRIDAY, as_of=EVENING)
    assert len(host.asked) == (3 if kind is RateLimited else 1)


def test_recorded_no_data_is_empty(shared_data: Path, host: Host, client: Polygon):
    """`results` absent is an answer without rows, typed like any other."""
    body = json.loads(said(shared_data, "unknown_ticker_or_no_data").body)
    host.script = [Says({**body, "ticker": "AAPL", "adjusted": False})]
    found = client.daily_bars(AAPL, MONDAY, FRIDAY, as_of=EVENING)
    assert (found.frame.height, found.requests) == (0, 1)
    assert found.frame.columns == [name for name in EquitiesDailyBars.contract().columns if name != "fallback_level"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"status": "NOT_AUTHORIZED", "message": "no"}, NotEntitled),
        ({"status": "NOT_FOUND", "message": "no"}, NotFound),
        ({"status": "ERROR", "error": "You've exceeded the maximum requests per minute"}, RateLimited),
        ({"status": "ERROR", "error": "Unknown API Key"}, Unauthorized),
        ({"status": "ERROR", "error": "Could not parse the date."}, BadRequest),
        ({"status": "PERHAPS"}, Malformed),
        ({}, Malformed),
        ([], Malformed),
    ],
)
def test_success_is_judged_by_the_body(body: object, kind: type[Exception]):
    """HTTP 200 is not success: the status word inside decides."""
    with pytest.raises(kind):
        polygon_wire.read_body(Reply(200, json.dumps(body).encode(), {}, EVENING))


def test_what_is_asked(host: Host, client: Polygon):
    """Unadjusted, ascending, the largest page, the key in the header; explicit ids, none derived."""
    host.script = lambda asked: Says(aggs(ticker=asked.path.split("/")[4]))
    for instrument in (AAPL, BRK, BTC, VIX):
        client.daily_bars(instrument, MONDAY, FRIDAY, as_of=EVENING)
    assert [asked.path for asked in host.asked] == [
        f"/v2/aggs/ticker/{ticker}/range/1/day/2021-01-04/2021-01-08"
        for ticker in ("AAPL", "BRK.B", "X:BTCUSD", "I:VIX")
    ]
    assert host.asked[0].query == {"adjusted": "false", "sort": "asc", "limit": "50000"}
    assert host.asked[0].headers["Authorization"] == "Bearer test-key-0001"


def test_bars_satisfy_the_contract(host: Host, client: Polygon):
    """The frame, with the chain's fallback_level, passes the gate of equities_daily_bars."""
    host.script = [Says(aggs(agg(MONDAY, 129.41), agg(date(2021, 1, 5), 131.01)))]
    found = client.daily_bars(AAPL, MONDAY, FRIDAY, as_of=EVENING)
    checked = EquitiesDailyBars.contract().validate(found.frame.with_columns(fallback_level=pl.lit(0, dtype=pl.Int8)))
    assert checked.select("ts", "timeframe", "source", "price_basis", "ingested_at").row(0) == (
        datetime(2021, 1, 4, tzinfo=UTC), "1d", "polygon", "unadjusted", datetime(2026, 11, 20, 12, tzinfo=UTC),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("instrument", "day", "hour"),
    [
        (AAPL, date(2021, 1, 4), 5),  # New York midnight in winter
        (AAPL, date(2021, 7, 6), 4),  # and in summer
        (VIX, date(2021, 1, 4), 6),  # Chicago midnight in winter
        (VIX, date(2021, 7, 6), 5),
        (BTC, date(2021, 7, 4), 0),  # UTC, a Sunday
    ],
)
def test_dates_are_those_of_the_exchange(host: Host, client: Polygon, instrument: Instrument, day: date, hour: int):
    """The window's start is a midnight in New York, Chicago or UTC; the session has that date."""
    host.script = [Says(aggs(agg(day, hour=hour), ticker=instrument.id_at("polygon")))]
    found = client.daily_bars(instrument, day, day, as_of=EVENING)
    assert found.frame["session_date"].to_list() == [day]


def test_an_index_has_no_volume(host: Host, client: Polygon):
    """Index rows lack v, vw and n (as recorded); volume is null, not an error and not zero."""
    row = {key: value for key, value in agg(MONDAY, hour=6).items() if key not in {"v", "vw", "n"}}
    host.script = [Says({"ticker": "I:VIX", "results": [row], "status": "OK"})]
    frame = client.daily_bars(VIX, MONDAY, FRIDAY, as_of=EVENING).frame
    assert frame.select("volume", "vwap_vendor", "trade_count").row(0) == (None, None, None)


def test_delayed_is_as_good_as_ok(host: Host, client: Polygon):
    """A 15-minute plan says DELAYED; fractional volumes are kept."""
    host.script = [Says(aggs(agg(MONDAY, v=0.5), status="DELAYED"))]
    assert client.daily_bars(AAPL, MONDAY, FRIDAY, as_of=EVENING).frame["volume"].to_list() == [0.5]


def test_fifty_thousand_and_one_rows_are_all_kept(host: Host, client: Polygon):
    """50,001 rows over two pages, the second with one row: all of them are in the frame."""
    forever = Instrument("BTC-USD", "crypto", "always", {"polygon": "X:BTCUSD"}, date(1889, 1, 1))
    all_days = days(date(1889, 6, 1), 50_001)
    rows = [agg(day, hour=0) for day in all_days]
    following = "https://api.polygon.io/v2/aggs/ticker/X:BTCUSD/range/1/day/4/2?cursor=page2"

    def answer(asked):
        if asked.query.get("cursor") == "page2":
            return Says(aggs(rows[50_000], ticker="X:BTCUSD"))
        return Says(aggs(*rows[:50_000], ticker="X:BTCUSD", next_url=following))

    host.script = answer
    found = client.daily_bars(forever, all_days[0], all_days[-1], as_of=EVENING)
    assert (found.frame.height, found.requests) == (50_001, 2)
    assert found.frame["session_date"].to_list() == all_days


def test_pages_are_followed_at_the_configured_host_only(host: Host, client: Polygon):
    """next_url names another host and carries a key: host and key stay ours, path and cursor are used."""
    following = "https://evil.example/v2/aggs/ticker/AAPL/range/1/day/1/2?cursor=abc&apiKey=leak"
    host.script = [Says(aggs(agg(MONDAY), next_url=following)), Says(aggs(agg(FRIDAY)))]
    found = client.daily_bars(AAPL, MONDAY, FRIDAY, as_of=EVENING)
    assert found.frame["session_date"].to_list() == [MONDAY, FRIDAY]
    assert host.asked[1].path == "/v2/aggs/ticker/AAPL/range/1/day/1/2"
    assert host.asked[1].query == {"cursor": "abc"}


@pytest.mark.parametrize("following", ["@evil.example/x?cursor=a", "evil.example/x", "http://[x", "", 5, ["/x"]])
def test_a_next_url_cannot_move_the_key_to_another_host(host: Host, client: Polygon, following: object):
    """What would turn our host into a user name at another one is refused before it is asked."""
    host.script = [Says(aggs(agg(MONDAY), next_url=following))]
    with pytest.raises(Malformed, match="next_url must be an address"):
        client.daily_bars(AAPL, MONDAY, FRIDAY, as_of=EVENING)
    assert len(host.asked) == 1


def test_the_path_of_the_base_url_is_not_doubled():
    """Behind a base URL with a path (the sandbox), next_url is taken relative to it."""
    body = {"next_url": "http://127.0.0.1:8051/polygon/v3/reference/splits?cursor=x"}
    assert polygon_wire.next_page(body, "http://127.0.0.1:8051/polygon") == ("/v3/reference/splits", {"cursor": "x"})
    assert polygon_wire.next_page({}, "http://127.0.0.1:8051/polygon") is None


def test_a_next_url_that_leads_in_a_circle_is_noticed(host: Host, client: Polygon):
    """The same cursor again, or the same rows under a new cursor, ends as Malformed, not for ever."""
    same = "https://api.polygon.io/v2/aggs/ticker/AAPL/range/1/day/1/2?cursor=same"
    stamps = iter(days(MONDAY, 300))
    host.script = lambda _: Says(aggs(agg(next(stamps)), next_url=same))
    with pytest.raises(Malformed, match="leads in a circle"):
        client.daily_bars(AAPL, MONDAY, FRIDAY, as_of=EVENING)
    assert len(host.asked) == 2
    host.script = lambda _: Says(aggs(agg(MONDAY), next_url=f"{same}{len(host.asked)}"))
    with pytest.raises(Malformed, match="leads in a circle"):
        client.daily_bars(AAPL, MONDAY, FRIDAY, as_of=EVENING)
    assert len(host.asked) == 4


def test_an_empty_page_may_lie_between(host: Host, client: Polygon):
    """A page without results that has a next_url is not the end."""
    following = "https://api.polygon.io/v2/aggs/ticker/AAPL/range/1/day/1/2?cursor=a"
    host.script = [Says(aggs(next_url=following)), Says(aggs(agg(MONDAY)))]
    assert client.daily_bars(AAPL, MONDAY, FRIDAY, as_of=EVENING).frame.height == 1


def test_repeated_and_unordered_rows(host: Host, client: Polygon):
    """Sorted by session; of two rows of one session the later stated wins; the count says so."""
    wednesday = date(2021, 1, 6)
    host.script = [Says(aggs(agg(FRIDAY, 3), agg(MONDAY, 1), agg(wednesday, 2), agg(MONDAY, 1.5)))]
    found = client.daily_bars(AAPL, MONDAY, FRIDAY, as_of=EVENING)
    assert found.frame.select("session_date", "close").rows() == [(MONDAY, 1.5), (wednesday, 2.0), (FRIDAY, 3.0)]
    assert found.duplicates == 1


def test_prices_that_are_none_go_aside_with_their_place(host: Host, client: Polygon):
    """Zero, negative and null prices are rejected as bad_price with the row's position; the others stay."""
    rows = [agg(day, float(n + 1)) for n, day in enumerate(days(MONDAY, 5))]
    rows[1]["o"], rows[2]["l"], rows[3]["c"] = 0, -1.5, None
    host.script = [Says(aggs(*rows))]
    found = client.daily_bars(AAPL, MONDAY, FRIDAY, as_of=EVENING)
    assert found.frame["close"].to_list() == [1.0, 5.0]
    assert found.rejected.select("row_number", "reason").rows() == [
        (1, "bad_price"),
        (2, "bad_price"),
        (3, "bad_price"),
    ]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (aggs(agg(MONDAY), ticker="MSFT"), "ticker must be 'AAPL', as asked, was 'MSFT'"),
        (aggs(agg(MONDAY), agg(FRIDAY, c="12.5")), r"results\[1\].c must be a number, was '12.5'"),
        (aggs(agg(MONDAY), agg(FRIDAY, h=True)), r"results\[1\].h must be a number, was True"),
        (aggs({k: v for k, v in agg(MONDAY).items() if k != "o"}), r"results\[0\].o is missing"),
        (aggs(agg(MONDAY, t="2021-01-04")), r"results\[0\].t must be in milliseconds since 1970, was '2021-01-04'"),
        (aggs(agg(MONDAY, t=10**17)), r"results\[0\].t must be in milliseconds"),
        (aggs(results="none"), "results must be a list, was 'none'"),
        (aggs(results=[agg(MONDAY), 7]), r"results\[1\] must be an object, was 7"),
        (aggs(agg(MONDAY), next_url=5), "next_url must be an address"),
        (aggs(agg(date(2019, 1, 4))), "asked for 2021-01-04..2021-01-08, the answer covers 2019-01-04"),
    ],
)
def test_another_shape_is_malformed_by_its_first_offence(host: Host, client: Polygon, body: object, words: str):
    """What is not as agreed is refused, naming the element and what it was."""
    host.script = [Says(body)]
    with pytest.raises(Malformed, match=words):
        client.daily_bars(AAPL, MONDAY, FRIDAY, as_of=EVENING)


def test_only_what_is_due_is_asked(host: Host, client: Polygon):
    """On Friday at 17:00 New York the day's bar is not due (120 min after the close), at 18:00 it is."""
    host.script = [Says(aggs())]
    friday = date(2026, 11, 20)
    close = datetime(2026, 11, 20, 21, tzinfo=UTC)
    client.daily_bars(AAPL, date(2026, 1, 1), date(2026, 12, 31), as_of=close + timedelta(minutes=119))
    client.daily_bars(AAPL, date(2026, 1, 1), date(2026, 12, 31), as_of=close + timedelta(minutes=120))
    assert [asked.path.rsplit("/", 1)[1] for asked in host.asked] == ["2026-11-19", "2026-11-20"]
    nothing = client.daily_bars(AAPL, friday, friday, as_of=close)
    assert (nothing.frame.height, nothing.requests, len(host.asked)) == (0, 0, 2)


def test_only_the_listing_window_is_asked(host: Host, client: Polygon):
    """A reused ticker belongs to this instrument from valid_from to valid_to only."""
    host.script = [Says(aggs())]
    listed = Instrument("AAPL", "stock", "XNYS", {"polygon": "AAPL"}, date(2003, 4, 11), date(2003, 6, 30))
    client.daily_bars(listed, date(2003, 1, 1), date(2003, 12, 31), as_of=EVENING)
    assert host.asked[0].path.endswith("/2003-04-11/2003-06-30")
    assert client.daily_bars(listed, date(2004, 1, 1), date(2004, 12, 31), as_of=EVENING).requests == 0


def test_the_whole_market_in_one_request(host: Host, client: Polygon):
    """Grouped daily gives each asked symbol its row by its vendor id; the rest of the market is left out."""
    rows = [agg(MONDAY, price, hour=21, T=ticker) for ticker, price in (("AAPL", 1.0), ("BRK.B", 2.0), ("ZZZ", 3.0))]
    host.script = [Says({"results": rows, "resultsCount": 3, "adjusted": False, "status": "OK"})]
    found = client.grouped_daily(MONDAY, [BRK, AAPL], as_of=EVENING)
    assert found.frame.select("symbol", "close", "session_date").rows() == [
        ("AAPL", 1.0, MONDAY),
        ("BRK.B", 2.0, MONDAY),
    ]
    assert host.asked[0].path == "/v2/aggs/grouped/locale/us/market/stocks/2021-01-04"
    assert found.requests == 1


def test_a_holiday_of_the_whole_market_is_empty(host: Host, client: Polygon):
    """On a holiday the vendor answers 200 without results."""
    host.script = [Says({"queryCount": 0, "resultsCount": 0, "adjusted": False, "status": "OK"})]
    assert client.grouped_daily(date(2021, 1, 18), [AAPL], as_of=EVENING).frame.height == 0


def test_eleven_dividends_are_eleven(host: Host, client: Polygon):
    """The vendor's default page of 10 is not ours: limit 1000, and next_url is followed."""
    rows = [
        {"ticker": "AAPL", "ex_dividend_date": f"20{n:02d}-02-05", "cash_amount": 0.1 * n, "dividend_type": "CD"}
        for n in range(10, 21)
    ]
    following = "https://api.massive.com/v3/reference/dividends?cursor=2"
    host.script = [
        Says({"results": rows[:10], "status": "OK", "next_url": following}),
        Says({"results": rows[10:], "status": "OK"}),
    ]
    found = client.dividends(AAPL)
    assert found.frame["ex_date"].to_list() == [date(2000 + n, 2, 5) for n in range(10, 21)]
    assert host.asked[0].query == {"ticker": "AAPL", "limit": "1000"}


def test_two_dividends_on_one_day_are_kept_and_one_told_twice_is_one(host: Host, client: Polygon):
    """Regular and special dividends share a day; the same amount again is a repetition, counted."""
    row = {"ticker": "AAPL", "ex_dividend_date": "2020-02-07", "dividend_type": "CD"}
    rows = [
        {**row, "cash_amount": 0.77},
        {**row, "cash_amount": 5.0, "dividend_type": "SC"},
        {**row, "cash_amount": 0.77},
    ]
    host.script = [Says({"results": rows, "status": "OK"})]
    found = client.dividends(AAPL)
    assert sorted(found.frame["amount"].to_list()) == [0.77, 5.0]
    assert found.duplicates == 1


def test_actions_are_splits_and_dividends_in_order(host: Host, client: Polygon):
    """Both lists in one frame by ex date, with source and instant."""
    split = {"ticker": "AAPL", "execution_date": "2020-08-31", "split_from": 1, "split_to": 4}
    paid = {"ticker": "AAPL", "ex_dividend_date": "2020-08-07", "cash_amount": 0.82, "currency": "USD"}
    host.script = lambda asked: Says({"results": [split if "splits" in asked.path else paid], "status": "OK"})
    frame = client.actions(AAPL).frame
    assert frame.select("ex_date", "kind", "split_to", "amount", "source").rows() == [
        (date(2020, 8, 7), "cash_dividend", None, 0.82, "polygon"),
        (date(2020, 8, 31), "split", 4.0, None, "polygon"),
    ]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            {"execution_date": "2020-08-31", "split_from": 0, "split_to": 4},
            r"results\[0\].split_from must be above 0, was 0",
        ),
        (
            {"execution_date": "31.8.2020", "split_from": 1, "split_to": 4},
            r"results\[0\].execution_date must be a date",
        ),
        ({"split_from": 1, "split_to": 4}, r"results\[0\].execution_date is missing"),
        ({"execution_date": "2020-08-31", "split_from": 1, "split_to": "4"}, r"results\[0\].split_to must be a number"),
    ],
)
def test_a_split_that_cannot_be_one_is_malformed(host: Host, client: Polygon, row: dict[str, object], words: str):
    """Terms are positive numbers and dates are dates; otherwise the place is named."""
    host.script = [Says({"results": [{"ticker": "AAPL", **row}], "status": "OK"})]
    with pytest.raises(Malformed, match=words):
        client.splits(AAPL)


def test_an_unknown_ticker_is_refused_with_the_vendors_answer(host: Host, client: Polygon):
    """404 is NotFound and repeats what the vendor said."""
    host.script = [Says({"status": "NOT_FOUND", "request_id": "r", "message": "Ticker not found."}, 404)]
    with pytest.raises(NotFound, match=r"HTTP 404: Ticker not found"):
        client.ticker("NOPE")


def test_the_listing_of_a_ticker(host: Host, client: Polygon):
    """Name, first and last day from the reference answer."""
    results = {"ticker": "META", "name": "Meta", "list_date": "2012-05-18", "delisted_utc": "2030-01-02T00:00:00Z"}
    host.script = [Says({"results": results, "status": "OK"})]
    listing = client.listing("META")
    assert (listing.name, listing.listed_from, listing.listed_to) == ("Meta", date(2012, 5, 18), date(2030, 1, 2))


def test_without_a_key_the_variable_is_named(host: Host, still: StillTime):
    """Live mode without POLYGON_API_KEY sends nothing and says which variable to set."""
    client = Polygon.connect(live_settings(host, POLYGON_API_KEY=None), timing=still.timing)
    with pytest.raises(MissingKey, match=r"AAPL 2021-01-04\.\.2021-01-08.*POLYGON_API_KEY is not set"):
        client.daily_bars(AAPL, MONDAY, FRIDAY, as_of=EVENING)
    assert host.asked == []


def test_the_sandbox_needs_no_key_and_has_no_budget(host: Host, still: StillTime):
    """In sandbox mode rows are marked, the key is a made-up one, and ten requests a minute pass unslept."""
    settings = live_settings(host, vendors="sandbox", sandbox_url=host.url, polygon={}, POLYGON_API_KEY=None)
    client = Polygon.connect(settings, timing=still.timing)
    host.script = [Says(aggs(agg(MONDAY)))]
    for _ in range(10):
        found = client.daily_bars(AAPL, MONDAY, FRIDAY, as_of=EVENING)
    assert found.frame["source"].to_list() == ["polygon-sandbox"]
    assert host.asked[0].path.startswith("/polygon/v2/aggs/")
    assert host.asked[0].headers["Authorization"] == "Bearer sandbox"
    assert still.slept == []
