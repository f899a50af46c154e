"""Table shapes of the funding page: the grid of rates, addresses, pairs, health; from frames written by hand."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboards.funding.health import look_state, round_health
from dashboards.funding.matrix import matrix
from dashboards.funding.measures import MEASURES
from dashboards.funding.pair import legs, pair_of, projections
from dashboards.funding.pairs import MOST, costed, matching, rows
from dashboards.funding.query import HistoryQuery, PairsQuery, joined, parted
from market_assets.funding.settings import OpportunitySettings

from . import funding_home
from .test_funding_plots import table


def cell(asset: str, exchange: str, apr: float | None, **values: Any) -> dict[str, Any]:
    """A row of `readers.grid`."""
    return {
        **{"base_asset": asset, "exchange": exchange, "symbol": f"{asset}-USDT-PERP", "predicted_apr_pct": apr},
        **{"predicted_rate_native": None if apr is None else apr / 876_000, "interval_hours": 8.0},
        **{"z_predicted": None, "open_interest_usd": 1.0, "is_trailing": False},
        **values,
    }


class TestMatrix:
    def grid(self, *cells: dict[str, Any]) -> pl.DataFrame:
        schema = {"predicted_apr_pct": pl.Float64, "z_predicted": pl.Float64, "predicted_rate_native": pl.Float64}
        return pl.DataFrame(list(cells), schema_overrides=schema)

    def test_zero_is_shown_and_null_is_not(self):
        """A rate of zero has value and shade 0; an unknown one has neither; an asset not listed has no cell."""
        found = matrix(
            self.grid(cell("BTC", "bybit", 0.0), cell("BTC", "okx", None), cell("ETH", "okx", 10.95)), MEASURES["apr"]
        )
        rows_of = {row["asset"]: row for row in found.rows}
        assert (rows_of["BTC"]["bybit"]["v"], rows_of["BTC"]["bybit"]["t"]) == (0.0, 0.0)
        assert (rows_of["BTC"]["okx"]["v"], rows_of["BTC"]["okx"]["t"]) == (None, None)
        assert "bybit" not in rows_of["ETH"]
        assert found.exchanges == ("bybit", "okx")

    def test_shades_are_centred_on_zero(self):
        """Equal sizes have equal shades of opposite sign; beyond the scale all are the strongest."""
        aprs = {"A": 40.0, "B": -40.0, "C": 10.0, "D": 4000.0}
        found = matrix(self.grid(*(cell(name, "okx", apr) for name, apr in aprs.items())), MEASURES["apr"])
        shade = {row["asset"]: row["okx"]["t"] for row in found.rows}
        assert shade["A"] == -shade["B"] > 0
        assert shade["D"] == 1.0
        # linear 95th percentile of 10, 40, 40, 4000: between the 3rd and the 4th at 0.85
        assert found.scale == pytest.approx(40 + 0.85 * 3960)

    @pytest.mark.parametrize(
        ("z", "badge"), [(None, 0), (0.99, 0), (1.0, 1), (-1.0, 1), (-2.0, 2), (2.99, 2), (3.0, 3), (-30.0, 3)]
    )
    def test_badges_at_one_two_and_three(self, z: float | None, badge: int):
        """The absolute z decides; without one there is no badge."""
        assert matrix(self.grid(cell("BTC", "okx", 1.0, z_predicted=z)), MEASURES["apr"]).rows[0]["okx"]["b"] == badge

    def test_measures_are_percent_of_the_own_unit(self):
        """The native rate 0.0001 is 0.01 %; the interval stands beside it."""
        grid = self.grid(cell("BTC", "okx", 10.95, predicted_rate_native=0.0001))
        shown = matrix(grid, MEASURES["native"]).rows[0]["okx"]
        assert (shown["v"], shown["h"], shown["s"]) == (pytest.approx(0.01), 8.0, "BTC-USDT-PERP")

    def test_assets_by_size_searched_and_filtered(self):
        """The largest first; a search or a least z keeps whole rows, and does not change colours."""
        grid = self.grid(
            cell("BTC", "okx", 5.0, open_interest_usd=9.0, z_predicted=-2.5),
            cell("BTC", "bybit", 5.0, open_interest_usd=None),
            cell("BTCDOM", "okx", 900.0, open_interest_usd=20.0),
            cell("ETH", "okx", 5.0, open_interest_usd=None),
        )
        whole = matrix(grid, MEASURES["apr"])
        assert [row["asset"] for row in whole.rows] == ["BTCDOM", "BTC", "ETH"]
        assert [row["asset"] for row in matrix(grid, MEASURES["apr"], search=" btc").rows] == ["BTCDOM", "BTC"]
        strong = matrix(grid, MEASURES["apr"], least_z=2.0)
        assert [sorted(row) for row in strong.rows] == [["asset", "bybit", "okx", "open_interest"]]
        assert strong.scale == whole.scale


class TestQueries:
    def test_a_view_is_its_address(self):
        """What an address says comes back as the same address."""
        text = "?assets=BTC,1000PEPE&intervals=1,8&min_net_apr=-5&min_oi=1000000&slippage_pct=0&pair=BTC:okx:bybit"
        query = PairsQuery.of(text)
        assert query.assets == ("BTC", "1000PEPE")
        assert (query.intervals, query.min_net_apr, query.min_oi, query.slippage_pct) == ((1.0, 8.0), -5.0, 1e6, 0.0)
        assert query.holding_days is None
        assert query.text == text

    @pytest.mark.parametrize(
        "wrong", ["?holding_days=0", "?holding_days=soon", "?slippage_pct=-1", "?min_oi=nan", "?pair=BTC:okx", "?x=1"]
    )
    def test_what_cannot_be_meant_is_not_stated(self, wrong: str):
        """A typed address cannot break the page, nor divide by a holding time of zero."""
        assert PairsQuery.of(wrong) == PairsQuery()
        assert PairsQuery.of(wrong).text == ""

    def test_controls_that_hold_nothing_state_nothing(self):
        """None, an empty list and an empty field are the same."""
        assert (
            PairsQuery.stated(assets=[], exchanges=None, min_apr="", holding_days=30, pair=None).text
            == "?holding_days=30"
        )
        history = HistoryQuery.stated(asset="BTC", contracts=["okx:BTC-USDT-PERP"], measure="apr", span="7d")
        assert history.text == "?asset=BTC&contracts=okx:BTC-USDT-PERP&measure=apr&span=7d"
        assert HistoryQuery.of(history.text) == history

    @settings(max_examples=60, deadline=None)
    @given(st.text(alphabet="ABC0k龙&=%+ #", min_size=1, max_size=8).filter(lambda name: name.strip() == name))
    def test_any_name_survives_an_address(self, name: str):
        """Names of contracts are what exchanges make them."""
        assert HistoryQuery.of(HistoryQuery(asset=name).text).asset == name
        assert parted(joined("okx", name)) == ("okx", name)


OPP = OpportunitySettings()


class TestPairs:
    def pairs(self) -> pl.DataFrame:
        return table("funding_opportunities", *funding_home.opportunities())

    def left(self, **stated: Any) -> list[int]:
        return matching(self.pairs(), PairsQuery(**stated))["rank"].to_list()

    def test_other_costs_rank_anew(self):
        """PEPE costs 2 (5 + 4.5) bps and slippage: held 30 days without slippage 0.19 % x 365 / 30 a year."""
        found = costed(self.pairs(), PairsQuery(holding_days=30.0, slippage_pct=0.0), OPP)
        pepe = found.filter(pl.col("base_asset") == "PEPE").row(0, named=True)
        assert pepe["cost_apr_pct"] == pytest.approx(0.19 * 365 / 30)
        assert pepe["net_apr_pct"] == pytest.approx(32.85 - 0.19 * 365 / 30)
        assert found["rank"].to_list() == [1, 2, 3, 4, 5]
        assert costed(self.pairs(), PairsQuery(), OPP).equals(self.pairs())

    def test_one_exchange_or_interval_is_that_of_either_leg_several_of_both(self):
        """By rank: SOL, PEPE, ETH, BTC (dydx, bybit), BTC (binance_usdm, bybit)."""
        assert self.left(exchanges=("dydx",)) == [1, 4]
        assert self.left(exchanges=("dydx", "bybit")) == [4]
        assert self.left(intervals=(4.0,)) == [4, 5]
        assert self.left(intervals=(1.0, 8.0)) == [1, 2, 3]

    def test_bounds_are_inclusive_and_unknown_sizes_pass_none(self):
        """Gross APR of PEPE and ETH is 32.85; the smaller leg of PEPE holds 2 M USD."""
        assert self.left(assets=("BTC", "SOL")) == [1, 4, 5]
        assert self.left(min_apr=32.0) == [1, 2, 3]
        assert self.left(min_oi=2e6) == [1, 2, 3, 4, 5]
        assert self.left(min_oi=2.1e6) == [1, 3, 4, 5]
        # net of 0.23 % and of 0.25 % x 365 / 7: 20.86 and 19.81
        assert self.left(min_net_apr=20.0) == [1, 2]
        unknown = self.pairs().with_columns(short_open_interest_usd=pl.lit(None, pl.Float64))
        assert matching(unknown, PairsQuery(min_oi=0.0)).is_empty()

    def test_the_best_rows_are_sent(self):
        """Never more than a table can show, by rank, each with the name of its detail."""
        many = pl.concat([self.pairs().with_columns(rank=pl.col("rank") + 5 * n) for n in reversed(range(200))])
        found = rows(many)
        assert [row["rank"] for row in found] == list(range(1, MOST + 1))
        assert found[0]["id"] == "SOL:binance_usdm:dydx"


class TestPair:
    def pair(self) -> dict[str, Any]:
        pairs = table("funding_opportunities", *funding_home.opportunities())
        found = pair_of(pairs, "PEPE", "hyperliquid", "binance_usdm")
        assert found is not None
        return found

    def test_a_pair_is_found_whichever_leg_is_short_by_now(self):
        """The address of a detail stays good when rates change sides; an unknown pair is None."""
        assert self.pair()["short_exchange"] == "hyperliquid"
        assert pair_of(table("funding_opportunities"), "BTC", "okx", "bybit") is None

    def test_projections_pay_the_round_trip_once(self):
        """Golden of the spec: 3.75e-05 an hour; the round trip costs 0.19 % and 0.04 % of slippage."""
        found = {
            each.title: (each.gross_pct, each.net_pct)
            for each in projections(self.pair() | {"sync_period_hours": 8.0, "sync_period_spread": 0.0003})
        }
        expected = {
            "1 hour": 0.00375,
            "8 hours, when both settle": 0.03,
            "1 day": 0.09,
            "1 week": 0.63,
            "30 days": 2.7,
            "1 year": 32.85,
        }
        assert list(found) == list(expected)
        assert {title: gross for title, (gross, _) in found.items()} == pytest.approx(expected)
        assert found["30 days"][1] == pytest.approx(2.7 - 0.23)

    def test_legs_of_a_closed_contract_say_what_the_pair_knows(self):
        """A leg that is not open any more has the pair's numbers and no others."""
        contracts = pl.DataFrame({"exchange": ["binance_usdm"], "symbol": ["1000PEPE-USDT-PERP"], "z_predicted": [1.5]})
        found = legs(self.pair(), contracts)
        assert (found["long"]["z_predicted"], found["short"]["z_predicted"]) == (1.5, None)
        assert (found["short"]["rate"], found["short"]["taker_bps"]) == (0.00005, 4.5)


class TestHealth:
    def states(self, *ages: float | None) -> pl.DataFrame:
        schema = {"age_min": pl.Float64, "n_contracts": pl.Int64, "n_rates": pl.Int64}
        return pl.DataFrame([(age, 10, 9) for age in ages], schema=schema, orient="row")

    def test_the_score_of_the_newest_round(self):
        """One of four is missing (30 x 0.25), 1 of 10 rates unknown (20 x 0.1), one failed check at 15 and one at 5."""
        failed = [("basis_plausible", "WARN"), ("snapshot_fresh", "ERROR"), ("round_healthy", "ERROR")]
        assert round_health(self.states(3.0, 3.0, 4.0, None), failed) == pytest.approx(100 - 7.5 - 2 - 20)
        assert round_health(self.states(3.0, 3.0, 4.0, 61.0), []) == pytest.approx(100 - 7.5 - 2)

    @pytest.mark.parametrize(
        ("age", "state"),
        [(None, "missing"), (0.0, "ok"), (10.0, "ok"), (10.1, "late"), (30.0, "late"), (31.0, "stale")],
    )
    def test_the_state_of_a_look(self, age: float | None, state: str):
        """As the alerts have it: late above 10 minutes, stale above 30."""
        assert look_state({"age_min": age}) == state
