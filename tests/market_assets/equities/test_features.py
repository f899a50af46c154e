"""Features on total-return prices (equities.md 8)."""

from datetime import date
from math import log, sqrt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as run
from hypothesis import strategies as st

from market_assets.equities.schemas import EquitiesFeatures
from market_assets.equities.settings import EquitiesSettings
from market_assets.equities.transforms import adjust, features, scores
from market_assets.equities.transforms.sessions import lookback_start
from tests.market_assets.core.golden_series import golden_series
from tests.market_assets.equities.frames import NO_ACTIONS, acted, dividend, raw, sessions, split, universe

CALENDAR = sessions()
XNYS = CALENDAR["XNYS"]["session_date"].to_list()
TODAY = date(2021, 12, 31)
LABELS = [name for name in EquitiesFeatures.contract().columns if name.startswith("label_")]


def computed(bars, actions=NO_ACTIONS, *, symbols=None, years=None, as_of=TODAY):
    known = universe(*bars["symbol"].unique().sort()) if symbols is None else symbols
    adjusted = adjust.adjusted(scores.score(bars, actions, known, CALENDAR, EquitiesSettings()), actions, as_of)
    return features.features(adjusted, actions, known, CALENDAR, as_of, years=years)


def days_from(first, n):
    start = XNYS.index(first)
    return XNYS[start : start + n]


GOLDEN_AT = (14, 19, 25, 33, 50, 100, 199, 250, 299)
# common.md 7.1
GOLDEN = {
    "rsi_14": (92.2786, 91.8397, 49.6645, 43.8835, 19.5039, 35.4177, 34.145, 22.3913, 53.7312),
    "bb_upper": (None, 116.797, 116.496, 116.913, 107.001, 118.442, 96.5303, 118.864, 122.527),
    "bb_mid": (None, 108.653, 110.306, 109.729, 96.0665, 110.862, 92.962, 106.641, 115.312),
    "sma_20": (None, 108.653, 110.306, 109.729, 96.0665, 110.862, 92.962, 106.641, 115.312),
    "bb_lower": (None, 100.509, 104.116, 102.544, 85.132, 103.283, 89.3937, 94.418, 108.098),
    "atr_14": (2.40786, 2.39329, 2.51612, 2.21442, 2.35892, 2.42878, 2.23461, 2.28564, 2.55344),
    "macd_line": (None, None, 1.22765, -0.469125, -3.85039, -0.0490132, -2.4228, -2.9677, 3.17149),
    "macd_signal": (None, None, None, 0.178246, -3.74787, 1.59364, -2.88592, -2.21526, 3.99587),
    "macd_hist": (None, None, None, -0.64737, -0.102525, -1.64266, 0.463126, -0.752437, -0.824377),
    "momentum_10": (3.86, 8.14, -6.06, -3.95, -2.21, -11.65, -0.5, -5.19, -2.81),
}


def test_golden_series():
    """G laid over sessions from the look-back cut of 2020 on gives the golden table in both years."""
    first = lookback_start(CALENDAR["XNYS"], date(2020, 1, 1), features.LOOKBACK_SESSIONS)
    g = golden_series(300)
    bars = raw("G", days_from(first, 300), g["close"].to_list(), **{n: g[n].to_list() for n in ("open", "high", "low")})
    got = computed(bars)
    assert got["session_date"].to_list() == bars["session_date"].to_list()
    for name, values in GOLDEN.items():
        assert [got[name][i] for i in GOLDEN_AT] == [v if v is None else pytest.approx(v, rel=1e-5) for v in values], (
            name
        )


def test_returns_volatility_and_range_by_hand():
    """10 % a session: returns, roc and momentum from it; alternating +-10 % has a volatility."""
    days = days_from(date(2020, 1, 2), 25)
    got = computed(raw("A", days, [100 * 1.1**i for i in range(25)], high=[110 * 1.1**i for i in range(25)]))
    row = got.row(24, named=True)
    assert [row["ret_1d"], row["ret_5d"], row["ret_20d"]] == pytest.approx([0.1, 1.1**5 - 1, 1.1**20 - 1])
    assert [row["roc_5"], row["roc_10"]] == pytest.approx([1.1**5 - 1, 1.1**10 - 1])
    assert row["momentum_20"] == pytest.approx(100 * (1.1**24 - 1.1**4))
    assert row["range_ratio"] == pytest.approx(0.1)
    assert row["open_gap_ratio"] == pytest.approx(0.1)
    zigzag = computed(raw("A", days, [100.0, 110.0] * 12 + [100.0])).row(20, named=True)
    step = log(1.1)  # ten ups and ten downs: mean 0, sample variance 20/19 of the squared step
    assert zigzag["vol_20d_ann"] == pytest.approx(step * sqrt(20 / 19) * sqrt(252))


def test_crypto_is_annualised_over_365_days():
    """The same zigzag of a coin, every day a session."""
    days = [date(2020, 1, d) for d in range(1, 26)]
    got = computed(
        raw("BTC-USD", days, [100.0, 110.0] * 12 + [100.0]), symbols=universe("BTC-USD", asset_class="crypto")
    )
    assert got["vol_20d_ann"][20] == pytest.approx(log(1.1) * sqrt(20 / 19) * sqrt(365))


def test_volume_features_by_hand():
    """Twice the usual 20; the last 20 double the 40 before; OBV and VPT count 250 sessions."""
    days = days_from(date(2019, 1, 4), 260)
    volume = [100.0] * 219 + [100.0] * 20 + [200.0] * 20 + [400.0]
    close = [100.0 + i for i in range(260)]
    got = computed(raw("A", days, close, volume=volume))
    assert got["volume_ratio_20"][259] == 2.0
    assert got["volume_ratio_20"][19:21].to_list() == [None, 1.0]
    assert got["volume_trend_20_60"][258] == pytest.approx(200 / (8000 / 60) - 1)
    assert got["obv_250"][:250].null_count() == 250
    assert got["obv_250"][259] == 100.0 * 229 + 200.0 * 20 + 400.0  # every close rose
    vpt = sum(volume[i] * (close[i] / close[i - 1] - 1) for i in range(10, 260))
    assert got["vpt_250"][259] == pytest.approx(vpt)


def test_features_stand_on_total_return_and_todays_shares():
    """A split and a dividend leave no jump in returns, and old volumes count in new shares."""
    days = days_from(date(2020, 1, 2), 30)
    close = [100.0] * 10 + [50.0] * 10 + [49.5] * 10
    bars = raw("A", days, close, volume=[1e6] * 10 + [2e6] * 20)
    got = computed(bars, acted(bars, split("A", days[10], 2.0), dividend("A", days[20], 0.5)))
    assert got["ret_1d"][1:].to_list() == pytest.approx([0.0] * 29, abs=1e-12)
    assert got["volume_ratio_20"][25] == pytest.approx(1.0)


def test_dividend_yield_counts_365_days_in_todays_shares():
    """0.50 before a 2-for-1 is 0.25 today; the payment drops out once 365 days are over."""
    days = [day for day in XNYS if date(2019, 1, 2) <= day <= date(2020, 3, 31)]
    ex, ratio_day = date(2019, 2, 4), date(2019, 6, 3)
    bars = raw("A", days, [100.0 if day < ratio_day else 50.0 for day in days])
    actions = acted(bars, dividend("A", ex, 0.5), split("A", ratio_day, 2.0), dividend("A", date(2019, 8, 1), 0.3))
    got = dict(computed(bars, actions).select("session_date", "dividend_yield_ttm").iter_rows())
    assert got[date(2019, 2, 1)] == 0.0
    assert got[ex] == pytest.approx(0.25 / 50)
    assert got[date(2019, 8, 1)] == pytest.approx(0.55 / 50)
    assert got[date(2020, 2, 3)] == pytest.approx(0.55 / 50)  # 364 days
    assert got[date(2020, 2, 4)] == pytest.approx(0.3 / 50)  # 365 days


def test_rank_is_among_active_stocks_and_etfs():
    """Ten names by the size of their move; neither a removed stock nor an index is ranked."""
    days = days_from(date(2020, 1, 2), 21)
    names = [f"S{i}" for i in range(10)]
    bars = pl.concat(raw(name, days, [100.0] * 20 + [100.0 + i]) for i, name in enumerate([*names, "GONE", "VIX"]))
    symbols = pl.concat([universe(*names), universe("GONE", active=False), universe("VIX", asset_class="index")])
    last = computed(bars, symbols=symbols).filter(pl.col("session_date") == days[-1])
    rank = dict(last.select("symbol", "ret_20d_rank").iter_rows())
    assert [rank[name] for name in names] == pytest.approx([i / 9 for i in range(10)])
    assert (rank["GONE"], rank["VIX"]) == (None, None)
    nine = computed(bars.filter(pl.col("symbol") != "S0"), symbols=symbols)
    assert nine["ret_20d_rank"].null_count() == nine.height


def test_rank_halves_ties():
    """Ten equal moves all rank 0.5."""
    days = days_from(date(2020, 1, 2), 21)
    got = computed(pl.concat(raw(f"S{i}", days, [100.0] * 21) for i in range(10)))
    assert got.filter(pl.col("session_date") == days[-1])["ret_20d_rank"].to_list() == [0.5] * 10


def test_cross_of_the_means():
    """A fall then a rise: one cross down, one up, 0 elsewhere, null until both means are known twice."""
    close = [100.1] * 60 + [90.3] * 60 + [110.7] * 60
    got = computed(raw("A", days_from(date(2020, 1, 2), 180), close))["cross_20_50"]
    assert got[:50].null_count() == 50
    assert {i: v for i, v in enumerate(got) if v} == {60: -1, 120: 1}


def test_rsi_flags():
    """Only gains: overbought; only losses: oversold; flat: neither; null while RSI is."""
    days = days_from(date(2020, 1, 2), 20)
    for close, flags in (
        ([100.0 + i for i in range(20)], (True, False)),
        ([100.0 - i for i in range(20)], (False, True)),
        ([100.0] * 20, (False, False)),
    ):
        got = computed(raw("A", days, close))
        assert (got["rsi_overbought"][19], got["rsi_oversold"][19]) == flags
        assert got["rsi_overbought"][13] is None


def test_label_looks_five_sessions_ahead():
    """close[+5]/close - 1, null for the last five sessions of a year."""
    days = days_from(date(2020, 1, 2), 10)
    got = computed(raw("A", days, [100.0 + i for i in range(10)]))["label_fwd_5d"]
    assert got[:5].to_list() == pytest.approx([5 / (100 + i) for i in range(5)])
    assert got[5:].null_count() == 5


def test_a_disordered_bar_has_no_features():
    """flag_ohlc: no row, and the next return is over the bar before it. An unvalidated gap stays."""
    days = days_from(date(2020, 1, 2), 4)
    got = computed(raw("A", days, [100.0, 100.0, 150.0, 150.0], high=[100.0, 99.0, 150.0, 150.0]))
    assert got["session_date"].to_list() == [days[0], days[2], days[3]]
    assert got["ret_1d"].to_list() == [None, 0.5, 0.0]


def ragged(seed, years=(2018, 2019, 2020)):
    kept = [day for i, day in enumerate(day for day in XNYS if day.year in years) if (i * 31 + seed) % 17]
    close = [100 + (i * 37 + seed * 11) % 23 + i / 50 for i in range(len(kept))]
    volume = [float((i * 7919 + seed) % 5000) * 100 for i in range(len(kept))]
    return raw("A", kept, close, high=[c + i % 3 for i, c in enumerate(close)], volume=volume)


@given(seed=st.integers(0, 10_000), cut=st.integers(300, 520))
@run(max_examples=8, deadline=None)
def test_features_are_causal(seed, cut):
    """Later bars, appended or changed, leave every column of earlier rows as it is, labels aside."""
    bars = ragged(seed, (2018, 2019, 2020))
    before = computed(bars.head(cut)).drop(LABELS)
    disturbed = pl.concat([bars.head(cut), bars.slice(cut).with_columns(pl.col("open", "high", "low", "close") * 1.5)])
    for later in (bars, disturbed):
        got = computed(later).drop(LABELS).head(before.height)
        assert got.equals(before)


@given(seed=st.integers(0, 10_000))
@run(max_examples=5, deadline=None)
def test_one_year_equals_the_recompute_of_all(seed):
    """Year by year from 250 sessions of context, from 500, or all at once: identical bits."""
    bars = ragged(seed)
    actions = acted(bars, split("A", date(2019, 6, 3), 2.0), dividend("A", date(2020, 2, 3), 0.4))
    everything = computed(bars, actions)
    for year in (2019, 2020):
        wanted = everything.filter(pl.col("session_date").dt.year() == year)
        for depth in (250, 500):
            start = lookback_start(CALENDAR["XNYS"], date(year, 1, 1), depth)
            part = bars.filter((pl.col("session_date") >= start) & (pl.col("session_date").dt.year() <= year))
            assert computed(part, actions, years=[year]).equals(wanted)


def test_no_year_asked_is_an_empty_frame():
    """A year without bars gives a typed frame without rows."""
    got = computed(raw("A", days_from(date(2020, 1, 2), 3), [1.0] * 3), years=[2021])
    assert got.is_empty()
    assert got.schema == EquitiesFeatures.contract().schema
