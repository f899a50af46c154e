"""The chain: who is asked after whom, what is told, and when it stops."""

from datetime import date, timedelta

import pytest

from market_assets.core.settings import RateBudget
from resources.http.errors import AllSourcesFailed, Unauthorized
from resources.vendors.daily import Instrument
from resources.vendors.registry import Vendors
from tests.resources.vendor_host import START, Host, Says, StillTime, live_settings
from tests.resources.vendors.instruments import AAPL, EVENING, LONG_AGO, agg, aggs, at_open, chart

MONDAY, FRIDAY = date(2021, 1, 4), date(2021, 1, 8)
PLAN = {"status": "NOT_AUTHORIZED", "message": "Your plan doesn't include this data timeframe."}
POLYGON_BARS, YAHOO_BARS = aggs(agg(MONDAY, 129.41)), chart([(at_open(MONDAY), 129.41, 100)])


def two_vendors(host: Host, polygon: Says, yahoo: Says) -> None:
    """One host that answers as Polygon or as Yahoo, by path."""
    host.script = lambda asked: yahoo if "/v8/" in asked.path else polygon


def asked_vendors(host: Host) -> list[str]:
    return ["yahoo" if "/v8/" in asked.path else "polygon" for asked in host.asked]


def vendors_of(host: Host, still: StillTime, **options) -> Vendors:
    settings = live_settings(host, **options.pop("settings", {}))
    return Vendors(settings, timing=still.timing, **options)


def bars(vendors: Vendors, instrument: Instrument = AAPL, start: date = MONDAY, end: date = FRIDAY):
    return vendors.chain.daily_bars(instrument, start, end, as_of=EVENING)


def test_the_first_source_serves_alone(host: Host, still: StillTime):
    """While Polygon answers Yahoo is not asked; level 0."""
    two_vendors(host, Says(POLYGON_BARS), Says(YAHOO_BARS))
    served = bars(vendors_of(host, still))
    assert (served.source, served.fallback_level, asked_vendors(host)) == ("polygon", 0, ["polygon"])
    assert served.bars.frame["close"].to_list() == [129.41]
    assert served.bars.trace == ("polygon: 1 rows, 1 page(s), 1 request(s)",)


@pytest.mark.parametrize(
    ("polygon", "reason", "requests"),
    [
        (Says(b"", 503), "HTTP 503", 3),
        (Says(b"", 429), "HTTP 429", 3),
        (Says(b"<html>"), "not JSON", 1),
        (Says({"status": "NOT_FOUND", "message": "Ticker not found."}, 404), "Ticker not found", 1),
        (Says(PLAN, 403), "the plan does not include this history", 1),
    ],
)
def test_the_next_source_serves_the_whole_range(
    host: Host, still: StillTime, polygon: Says, reason: str, requests: int
):
    """When Polygon fails Yahoo serves all of it, at level 1, and the trace says why."""
    two_vendors(host, polygon, Says(YAHOO_BARS))
    served = bars(vendors_of(host, still))
    assert (served.source, served.fallback_level) == ("yahoo", 1)
    assert asked_vendors(host) == ["polygon"] * requests + ["yahoo"]
    assert served.bars.trace[0].startswith("polygon: ")
    assert reason in served.bars.trace[0]
    assert served.bars.frame["source"].unique().to_list() == ["yahoo"]


def test_a_source_without_a_key_is_passed_over(host: Host, still: StillTime):
    """No POLYGON_API_KEY: Yahoo serves at level 1 (its place in the configured order), Polygon is not asked."""
    two_vendors(host, Says(POLYGON_BARS), Says(YAHOO_BARS))
    served = bars(vendors_of(host, still, settings={"POLYGON_API_KEY": None}))
    assert (served.source, served.fallback_level, asked_vendors(host)) == ("yahoo", 1, ["yahoo"])
    assert "POLYGON_API_KEY is not set" in served.bars.trace[0]


def test_a_source_without_an_id_is_passed_over(host: Host, still: StillTime):
    """An instrument that Polygon has no id for is asked of Yahoo."""
    two_vendors(host, Says(POLYGON_BARS), Says(YAHOO_BARS))
    served = bars(vendors_of(host, still), Instrument("AAPL", "stock", "XNYS", {"yahoo": "AAPL"}, LONG_AGO))
    assert asked_vendors(host) == ["yahoo"]
    assert served.bars.trace[0] == "polygon: AAPL has no id there"


def test_a_refused_key_is_never_papered_over(host: Host, still: StillTime):
    """A wrong key is a mistake to mend: it is raised, and Yahoo is not asked."""
    two_vendors(host, Says({"status": "ERROR", "error": "Unknown API Key"}, 401), Says(YAHOO_BARS))
    with pytest.raises(Unauthorized, match="POLYGON_API_KEY is refused"):
        bars(vendors_of(host, still))
    assert asked_vendors(host) == ["polygon"]


def test_what_a_plan_refused_is_not_asked_again_for_a_day(host: Host, still: StillTime):
    """After 403 the same window goes to Yahoo at once for 24 h; a later window is asked of Polygon."""
    two_vendors(host, Says(PLAN, 403), Says(YAHOO_BARS))
    bars(vendors_of(host, still))
    served = bars(vendors_of(host, still))
    assert asked_vendors(host) == ["polygon", "yahoo", "yahoo"]
    assert "not entitled to AAPL from 2021-01-04 on" in served.bars.trace[0]
    two_vendors(host, Says(aggs(agg(date(2026, 11, 16)))), Says(YAHOO_BARS))
    assert bars(vendors_of(host, still), start=date(2026, 11, 16), end=date(2026, 11, 20)).source == "polygon"
    still.pass_(timedelta(hours=24).total_seconds())
    host.asked.clear()
    two_vendors(host, Says(POLYGON_BARS), Says(YAHOO_BARS))
    assert bars(vendors_of(host, still)).source == "polygon"


def test_entitlement_leaves_the_breaker_alone(host: Host, still: StillTime):
    """Refusals by the plan say nothing of health, however many symbols they hit."""
    two_vendors(host, Says(PLAN, 403), Says(chart([])))
    vendors = vendors_of(host, still)
    for n in range(8):
        symbol = f"S{n}"
        ids = {"polygon": symbol, "yahoo": "AAPL"}
        bars(vendors, Instrument(symbol, "stock", "XNYS", ids, LONG_AGO))
    assert vendors.polygon.http.breaker.status().consecutive_failures == 0
    assert asked_vendors(host).count("polygon") == 8


def test_an_open_breaker_is_passed_over_without_a_request(host: Host, still: StillTime):
    """After five failed calls Polygon rests: Yahoo is asked at once, and the trace says until when."""
    two_vendors(host, Says(b"", 503), Says(YAHOO_BARS))
    vendors = vendors_of(host, still)
    for _ in range(5):
        bars(vendors)
    host.asked.clear()
    served = bars(vendors)
    assert asked_vendors(host) == ["yahoo"]
    assert "circuit open until 2026-11-20 12:01:15Z" in served.bars.trace[0]


def test_a_spent_budget_is_passed_over_without_a_request(host: Host, still: StillTime):
    """With the day's budget gone Yahoo serves, and the trace says used and limit."""
    two_vendors(host, Says(POLYGON_BARS), Says(YAHOO_BARS))
    vendors = vendors_of(host, still, rates={"polygon": RateBudget(per_day=1)})
    assert bars(vendors).source == "polygon"
    served = bars(vendors)
    assert served.source == "yahoo"
    assert "budget of this day is spent (1/1 requests)" in served.bars.trace[0]


def test_when_all_fail_one_error_tells_each_story(host: Host, still: StillTime):
    """AllSourcesFailed names every source and reason, the earliest retry, and what stays."""
    two_vendors(host, Says(b"", 429, {"Retry-After": "3600"}), Says({"chart": {}}))
    with pytest.raises(AllSourcesFailed) as failed:
        bars(vendors_of(host, still))
    text = str(failed.value)
    assert "polygon, yahoo [AAPL 2021-01-04..2021-01-08]: needs one healthy source" in text
    assert "polygon: HTTP 429; yahoo: chart.result is missing" in text
    assert "the old partition stays. Retry after 2026-11-20 13:00:00Z" in text
    assert [type(failure).__name__ for failure in failed.value.failures] == ["RateLimited", "Malformed"]
    assert failed.value.retry_at == START + timedelta(hours=1)


def test_an_unexpected_empty_answer_asks_the_next_source(host: Host, still: StillTime):
    """Polygon has no rows of a week with five sessions, Yahoo does: Yahoo serves."""
    two_vendors(host, Says(aggs()), Says(YAHOO_BARS))
    served = bars(vendors_of(host, still))
    assert (served.source, served.bars.trace[0]) == ("yahoo", "polygon: no rows, although sessions were due")


def test_what_both_call_empty_is_empty(host: Host, still: StillTime):
    """Two sources without rows are an answer, of the first; whether that is right the caller judges."""
    two_vendors(host, Says(aggs()), Says(chart([])))
    served = bars(vendors_of(host, still))
    assert (served.source, served.fallback_level, served.bars.frame.height) == ("polygon", 0, 0)
    assert len([step for step in served.bars.trace if "no rows" in step]) == 2


def test_an_expected_empty_answer_is_final(host: Host, still: StillTime):
    """A holiday has no rows at Polygon, and nobody else is asked."""
    two_vendors(host, Says(aggs()), Says(YAHOO_BARS))
    served = bars(vendors_of(host, still), start=date(2021, 1, 18), end=date(2021, 1, 18))
    assert (served.source, served.bars.frame.height, asked_vendors(host)) == ("polygon", 0, ["polygon"])


def test_actions_fall_back_too(host: Host, still: StillTime):
    """Splits and dividends come from Yahoo's chart when Polygon fails, as paid, with the trace."""
    events = {"dividends": {"1596807000": {"amount": 0.82, "date": 1596807000}}}
    two_vendors(host, Says(b"", 503), Says(chart([(1598880600, 129.04, 1)], events=events)))
    found = vendors_of(host, still).actions(AAPL)
    assert found.frame.select("amount", "source").rows() == [(0.82, "yahoo")]
    assert "HTTP 503" in found.trace[0]


def test_an_instrument_without_actions_asks_nobody(host: Host, still: StillTime):
    """Coins and indices have neither splits nor dividends."""
    btc = Instrument("BTC-USD", "crypto", "always", {"polygon": "X:BTCUSD", "yahoo": "BTC-USD"}, LONG_AGO)
    assert vendors_of(host, still).actions(btc).frame.height == 0
    assert host.asked == []


def test_the_listing_date_comes_from_whoever_tells(host: Host, still: StillTime):
    """Polygon's reference has no list_date for coins; Yahoo's first trading day stands in; else None."""
    btc = Instrument("BTC-USD", "crypto", "always", {"polygon": "X:BTCUSD", "yahoo": "BTC-USD"}, LONG_AGO)
    meta = {"symbol": "BTC-USD", "exchangeTimezoneName": "UTC", "firstTradeDate": 1410912000}
    listing = {"chart": {"result": [{"meta": meta}], "error": None}}
    two_vendors(host, Says({"results": {"ticker": "X:BTCUSD"}, "status": "OK"}), Says(listing))
    assert vendors_of(host, still).listed_from(btc) == date(2014, 9, 17)
    two_vendors(host, Says(b"", 404), Says(b"", 404))
    assert vendors_of(host, still).listed_from(btc) is None
