"""Pairs of legs over REST, over a home written by hand (`funding_home.py`)."""

import pytest
from starlette.testclient import TestClient

from dashboards.app import create_app
from market_assets.tables import contract

from . import funding_home
from .funding_home import NOON

V2 = "/api/arbitrage/opportunities-v2"


@pytest.fixture
def client(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client that only reads."""
    return funding_home.reader(monkeypatch)


def pairs(client: TestClient, path: str = V2, **query: object) -> list[tuple[str, str, str]]:
    body = client.get(path, params=query).json()
    return [(row["asset"], row["long_exchange"], row["short_exchange"]) for row in body["opportunities"]]


# --- opportunities -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "version"), [("/api/arbitrage/opportunities", "v1"), (V2, "v2")])
def test_opportunities_have_the_shape_clients_know(client: TestClient, path: str, version: str):
    """Every stored column, and the names of before for the same values."""
    body = client.get(path).json()
    assert set(body) == {
        *("opportunities", "statistics", "pagination", "parameters", "timestamp", "version", "as_of"),
    }
    assert body["version"] == version
    row = body["opportunities"][0]
    assert set(contract("funding_opportunities").columns) <= set(row)
    assert (row["apr_spread"], row["rate_spread"]) == (row["gross_apr_pct"], row["spread_1h"])
    assert (row["net_apr"], row["spread_zscore"], row["asset"]) == (row["net_apr_pct"], row["spread_z"], "SOL")
    assert body["pagination"]["total"] == 5


def test_statistics_are_of_all_pages(client: TestClient):
    """Average and best net of costs, whatever the page shows; nulls where nothing passes."""
    # net: 87.6 - 0.24 x 365/7, 32.85 - 0.23 x .., 32.85 - 0.25 x .., 13.14 - 0.25 x .., 10.95 - 0.25 x ..
    net = [gross - cost * 365 / 7 for gross, cost in ((87.6, 0.24), (32.85, 0.23), (32.85, 0.25), (13.14, 0.25),
                                                      (10.95, 0.25))]  # fmt: skip
    body = client.get(V2, params={"page_size": 2, "page": 3}).json()
    assert body["statistics"] == {
        "total_opportunities": 5,
        "avg_net_apr": pytest.approx(sum(net) / 5),
        "max_net_apr": pytest.approx(net[0]),
    }
    assert body["pagination"] == {"total": 5, "page": 3, "page_size": 2, "total_pages": 3}
    assert len(body["opportunities"]) == 1
    nothing = client.get(V2, params={"min_net_apr": 1000}).json()
    assert nothing["statistics"] == {"total_opportunities": 0, "avg_net_apr": None, "max_net_apr": None}
    assert nothing["pagination"]["total_pages"] == 0


def test_min_spread_is_on_the_basis_of_eight_hours(client: TestClient):
    """A 1 h leg of 0.0001 against 0 passes 0.0007; 8 h legs of 0.0003 against 0 do not."""
    path = "/api/arbitrage/opportunities"
    assert pairs(client, path, min_spread=0.0007) == [("SOL", "binance_usdm", "dydx")]
    assert len(pairs(client, path, min_spread=0.00029)) == 3
    assert len(pairs(client, path, top_n=2)) == 2


def test_legs_of_the_same_sign_and_legs_of_zero_are_listed(client: TestClient):
    """10.95 against 21.9 a year earns 10.95; against zero the higher rate is short."""
    body = client.get(V2).json()
    by_legs = {(row["long_exchange"], row["short_exchange"]): row for row in body["opportunities"]}
    assert by_legs["binance_usdm", "bybit"]["gross_apr_pct"] == pytest.approx(10.95)
    eth = by_legs["bybit", "binance_usdm"]
    assert (eth["short_rate"], eth["gross_apr_pct"]) == (0.0, pytest.approx(32.85))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"assets": "btc"}, 2),
        ({"assets": "BTC,ETH"}, 3),
        ({"exchanges": "dydx"}, 2),  # either leg
        ({"exchanges": "dydx,bybit"}, 1),  # both legs
        ({"exchanges": "dydx, bybit, binance_usdm"}, 4),
        ({"intervals": "4"}, 2),
        ({"intervals": "1,4"}, 1),
        ({"intervals": "1,4,8"}, 5),
        ({"min_apr": 32.84}, 3),
        ({"max_apr": 13.2}, 2),
        ({"min_apr": 13, "max_apr": 14}, 1),
        ({"min_oi_either": 1e9}, 3),
        ({"min_oi_combined": 3.04e9}, 2),
        ({"min_net_apr": 0}, 4),
        ({"assets": "", "exchanges": ""}, 5),
    ],
)
def test_pairs_are_filtered(client: TestClient, query: dict, expected: int):
    """One exchange or interval is that of either leg, of several both legs have one; bounds are inclusive."""
    assert len(pairs(client, **query)) == expected


@pytest.mark.parametrize(
    ("sort_by", "first", "last"),
    [
        ("net_apr", "SOL", "BTC"),
        ("apr_spread", "SOL", "BTC"),
        ("rate_spread", "SOL", "BTC"),
        ("daily", "SOL", "BTC"),
        ("open_interest", "BTC", "PEPE"),
    ],
)
def test_pairs_come_in_the_order_asked_for(client: TestClient, sort_by: str, first: str, last: str):
    """Both directions."""
    falling, rising = (pairs(client, sort_by=sort_by, sort_dir=way) for way in ("desc", "asc"))
    assert (falling[0][0], falling[-1][0]) == (first, last)
    assert (rising[0][0], rising[-1][0]) == (last, first)


def test_an_unknown_score_comes_last_in_either_direction(client: TestClient):
    """Only one pair has a z."""
    for way in ("asc", "desc"):
        assert pairs(client, sort_by="spread_zscore", sort_dir=way)[0] == ("BTC", "binance_usdm", "bybit")


def test_a_page_has_at_most_what_the_settings_allow(home: object, monkeypatch: pytest.MonkeyPatch):
    """funding.page_size bounds what is asked; above 50 is refused."""
    configured = funding_home.configure(monkeypatch, FUNDING__PAGE_SIZE="2")
    funding_home.fill(configured)
    client = TestClient(create_app(configured))
    assert client.get(V2, params={"page_size": 50}).json()["pagination"]["page_size"] == 2
    assert client.get(V2, params={"page_size": 51}).status_code == 422


# --- costs ---------------------------------------------------------------------------------------------------------


def test_costs_of_the_specification(client: TestClient):
    """Without slippage the pair of 5 and 4.5 bps costs 0.19 %: 9.90714 a year, net 22.9429, even after 50.6667 h."""
    body = client.get(V2, params={"slippage_pct": 0, "assets": "PEPE"}).json()
    row = body["opportunities"][0]
    golden = {
        "gross_apr_pct": 32.85,
        "round_trip_cost_pct": 0.19,
        "cost_apr_pct": 9.90714,
        "net_apr_pct": 22.9429,
        "breakeven_hours": 50.6667,
    }
    assert {name: row[name] for name in golden} == pytest.approx(golden, rel=5e-6)
    assert row["net_apr"] == row["net_apr_pct"]
    assert (body["parameters"]["slippage_pct"], body["parameters"]["holding_days"]) == (0.0, 7.0)


def test_a_longer_holding_costs_less_a_year(client: TestClient):
    """0.25 % over 365 days is 0.25 % a year; over 1 day 91.25 %. Even after the same hours."""
    year, day = (
        client.get(V2, params={"holding_days": days, "assets": "ETH"}).json()["opportunities"][0] for days in (365, 1)
    )
    assert (year["cost_apr_pct"], day["cost_apr_pct"]) == pytest.approx((0.25, 91.25))
    assert year["net_apr_pct"] == pytest.approx(32.6)
    assert year["breakeven_hours"] == day["breakeven_hours"]


def test_other_costs_rank_anew(client: TestClient):
    """Held for a year ETH, which costs more, stays behind PEPE; ranks have no holes, filters use the new net."""
    body = client.get(V2, params={"holding_days": 365, "min_net_apr": 10}).json()
    assert [row["rank"] for row in body["opportunities"]] == [1, 2, 3, 4, 5]
    assert client.get(V2, params={"holding_days": 1, "min_net_apr": 0}).json()["statistics"]["total_opportunities"] == 1


@pytest.mark.parametrize("query", [{"holding_days": 0}, {"holding_days": "inf"}, {"slippage_pct": -1}, {"page": 0},
                                   {"sort_by": "rank"}, {"min_apr": "nan"}, {"intervals": "1,x"},
                                   {"min_oi_either": -1}])  # fmt: skip
def test_a_bad_parameter_is_422(client: TestClient, query: dict):
    """Costs of nothing a day, an order that is none."""
    answer = client.get(V2, params=query)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_parameters_are_repeated(client: TestClient):
    """The filters in force, and nothing that was not asked."""
    body = client.get(V2, params={"assets": "btc, eth", "intervals": "1,8", "min_apr": 5}).json()
    assert body["parameters"] == {
        "assets": ["btc", "eth"],
        "intervals": [1.0, 8.0],
        "min_apr": 5.0,
        "holding_days": 7.0,
        "slippage_pct": 0.04,
        "sort_by": "net_apr",
        "sort_dir": "desc",
    }


# --- detail --------------------------------------------------------------------------------------------------------

DETAIL = "/api/arbitrage/opportunity-detail"


def test_a_pair_in_detail(client: TestClient):
    """Both legs as they are now, what it earns, and where its spread stands, all short minus long."""
    body = client.get(f"{DETAIL}/btc/binance_usdm/bybit").json()
    assert (body["asset"], body["long_exchange"], body["short_exchange"]) == ("BTC", "binance_usdm", "bybit")
    assert body["is_reversed"] is False
    assert body["opportunity"]["gross_apr_pct"] == pytest.approx(10.95)
    assert body["legs"]["long"]["funding_interval_hours"] == 8
    assert body["legs"]["short"]["seconds_until_funding"] == 237 * 60
    earned = {one["period"]: one for one in body["projections"]}
    assert list(earned) == ["1h", "1d", "1w", "1m", "1y"]
    # 1.25e-5 an hour, 0.25 % a round trip
    assert earned["1d"]["gross_pct"] == pytest.approx(0.03)
    assert earned["1d"]["net_pct"] == pytest.approx(0.03 - 0.25)
    assert earned["1y"]["gross_pct"] == pytest.approx(10.95)
    history = body["history"]
    assert (history["count"], history["n_hours"]) == (24, 700)
    # stored as binance_usdm minus bybit: -10.95; mean -8, median -9, from -12 to -1
    assert {hour["spread_apr_pct"] for hour in history["data"]} == {10.95}
    assert (history["mean"], history["median"], history["p05"], history["p95"]) == (8.0, 9.0, 1.0, 12.0)
    assert history["data"][0] == {
        "hour": "2026-10-04T12:00:00Z",
        "spread_apr_pct": 10.95,
        "long_rate_1h": 1.25e-5,
        "short_rate_1h": 2.5e-5,
    }


def test_a_pair_whose_rates_have_changed_sides_is_shown_as_it_is(client: TestClient):
    """Asked for with bybit long it is the same pair, and says so."""
    one, other = (client.get(f"{DETAIL}/BTC/{legs}").json() for legs in ("binance_usdm/bybit", "bybit/binance_usdm"))
    assert (one["is_reversed"], other["is_reversed"]) == (False, True)
    assert other["opportunity"] == one["opportunity"]
    assert other["history"] == one["history"]


def test_the_history_of_a_pair_without_spreads_is_empty(client: TestClient):
    """No hour and no distribution: nulls."""
    history = client.get(f"{DETAIL}/BTC/dydx/bybit").json()["history"]
    assert (history["count"], history["data"], history["mean"], history["n_hours"]) == (0, [], None, None)


def test_the_history_goes_back_as_far_as_asked(client: TestClient):
    """One day back from 12:03 are 24 hours less the one that began at 12:00."""
    assert client.get(f"{DETAIL}/BTC/binance_usdm/bybit", params={"days": 1}).json()["history"]["count"] == 23


def test_costs_of_a_detail_are_those_asked_for(client: TestClient):
    """The same assumptions as in the list."""
    body = client.get(f"{DETAIL}/PEPE/binance_usdm/hyperliquid", params={"slippage_pct": 0}).json()
    assert body["opportunity"]["net_apr_pct"] == pytest.approx(22.9429, rel=5e-6)
    assert body["parameters"] == {"holding_days": 7.0, "slippage_pct": 0.0, "days": 30}


@pytest.mark.parametrize("legs", ["BTC/dydx/okx", "BTC/dydx/dydx", "ETH/dydx/bybit"])
def test_a_pair_that_is_none_names_those_there_are(client: TestClient, legs: str):
    """Known exchanges and asset, but no such pair now."""
    answer = client.get(f"{DETAIL}/{legs}")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_pair")
    assert "/bybit" in answer.json()["detail"] or "bybit/" in answer.json()["detail"]


# --- search --------------------------------------------------------------------------------------------------------


def test_assets_are_searched(client: TestClient):
    """Part of a name, in any case; the exact name first, with how many pairs it has."""
    body = client.get("/api/arbitrage/assets/search", params={"q": "btc"}).json()
    assert (body["query"], body["count"]) == ("btc", 1)
    assert body["results"][0] == {
        "asset": "BTC",
        "contracts": 5,
        "exchanges": ["binance_usdm", "bybit", "dydx", "okx"],
        "opportunities": 2,
        "max_net_apr": pytest.approx(13.14 - 0.25 * 365 / 7),
    }
    assert [hit["asset"] for hit in client.get("/api/arbitrage/assets/search?q=e").json()["results"]] == ["ETH", "PEPE"]
    assert client.get("/api/arbitrage/assets/search?q=none").json()["results"] == []
    assert client.get("/api/arbitrage/assets/search").status_code == 422


def test_an_asset_without_a_pair_is_found(home: object, monkeypatch: pytest.MonkeyPatch):
    """It has none, which is 0 and not null."""
    configured = funding_home.configure(monkeypatch)
    store = funding_home.fill(configured)
    table = contract("funding_opportunities")
    store.write(table, f"{NOON:%Y-%m-%d}", table.empty())
    hit = TestClient(create_app(configured)).get("/api/arbitrage/assets/search?q=sol").json()["results"][0]
    assert (hit["opportunities"], hit["max_net_apr"]) == (0, None)
