"""The simulated market: repeatable, stable in time, and with the events it promises."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from resources.sandbox import catalogue, sessions
from resources.sandbox.backend import Bars
from resources.sandbox.catalogue import DELISTED, EARNINGS_GAP, HALTED, IPO
from resources.sandbox.synthetic import SyntheticBackend

EVENING = datetime(2024, 6, 14, 23, tzinfo=UTC)


def on(bars: Bars, day: date) -> Bars:
    return bars.window(day, day)


def before(bars: Bars, day: date) -> Bars:
    return bars.window(None, day - timedelta(days=1)).take(slice(-1, None))


def same(a: Bars, b: Bars) -> bool:
    return all(
        np.array_equal(x, y, equal_nan=x.dtype.kind == "f")
        for x, y in zip(vars(a).values(), vars(b).values(), strict=True)
    )


def test_equal_seeds_give_equal_prices_in_another_process():
    """A price depends on seed, symbol and day alone: not on the process, nor on what was asked before."""
    program = (
        "from datetime import UTC, datetime\n"
        "from resources.sandbox.synthetic import SyntheticBackend\n"
        "bars = SyntheticBackend(11).bars('T042', 'yahoo', datetime(2024, 6, 14, 23, tzinfo=UTC))\n"
        "print(repr(bars.close[-3:].tolist()), len(bars))"
    )
    elsewhere = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    here = SyntheticBackend(11)
    here.bars("AAPL", "polygon", EVENING)
    bars = here.bars("T042", "yahoo", EVENING)
    assert elsewhere.stdout.strip() == f"{bars.close[-3:].tolist()!r} {len(bars)}"


def test_another_seed_is_another_market(market: SyntheticBackend):
    """The seed reaches every price."""
    other = SyntheticBackend(8).bars("KO", "polygon", EVENING)
    assert np.isclose(market.bars("KO", "polygon", EVENING).close, other.close).mean() < 0.01  # paths may cross


@pytest.mark.parametrize("symbol", ["AAPL", "SPLT", "REVS", "EGAP", "VIX", "BTC-USD", "T007"])
@pytest.mark.parametrize("vendor", ["polygon", "yahoo"])
def test_later_days_never_change_earlier_ones(market: SyntheticBackend, symbol: str, vendor: str):
    """What was served for 2021 is served again in 2024, past splits and dividends of the meantime."""
    then = market.bars(symbol, vendor, datetime(2021, 12, 31, 23, tzinfo=UTC))
    now = market.bars(symbol, vendor, EVENING)
    assert 0 < len(then) < len(now)
    assert same(now.take(slice(len(then))), then)


def test_actions_never_change_once_announced(market: SyntheticBackend):
    """Dividends and splits known in 2021 are the first ones known in 2024."""
    then = datetime(2021, 12, 31, 23, tzinfo=UTC)
    assert list(market.dividends("MSFT", EVENING))[: len(market.dividends("MSFT", then))] == market.dividends(
        "MSFT", then
    )
    assert market.splits("NVDA", then) == market.splits("NVDA", EVENING)[:1]


def test_every_bar_is_a_session_and_no_session_is_missing(market: SyntheticBackend):
    """Stocks trade on XNYS sessions: not on Juneteenth 2023 or Good Friday 2024, and on each one between."""
    bars = market.bars("MSFT", "polygon", EVENING)
    days = set(bars.day.tolist())
    assert date(2023, 6, 19) not in days
    assert date(2024, 3, 29) not in days
    assert date(2024, 3, 28) in days
    # 250 sessions in 2023, counted on the exchange's published calendar
    assert len(bars.window(date(2023, 1, 1), date(2023, 12, 31))) == 250


def test_only_closed_sessions_are_bars(market: SyntheticBackend):
    """A session appears at its close: 16:00 in New York, 13:00 on a half day; a crypto day at midnight UTC."""
    friday = date(2023, 11, 24)  # the half day after Thanksgiving; 13:00 New York is 18:00 UTC
    for at, newest in [
        (datetime(2023, 11, 24, 17, 59, tzinfo=UTC), date(2023, 11, 22)),
        (datetime(2023, 11, 24, 18, tzinfo=UTC), friday),
    ]:
        assert market.bars("MSFT", "polygon", at).day[-1].item() == newest
    assert market.bars("BTC-USD", "polygon", datetime(2023, 11, 24, 18, tzinfo=UTC)).day[-1].item() == date(
        2023, 11, 23
    )


def test_crypto_trades_every_day(market: SyntheticBackend):
    """A coin has no weekends."""
    bars = market.bars("BTC-USD", "polygon", EVENING)
    assert set(np.diff(bars.day).astype(int).tolist()) == {1}


def test_prices_are_ordered_and_positive(market: SyntheticBackend):
    """low <= open, close <= high for both vendors, and nothing is free."""
    for symbol in ("AAPL", "DOGE-USD", "REVS", "VIX"):
        for vendor in ("polygon", "yahoo"):
            bars = market.bars(symbol, vendor, EVENING)
            stated = bars.take(~np.isnan(bars.close))
            assert (stated.high >= np.maximum(stated.open, stated.close)).all()
            assert (stated.low <= np.minimum(stated.open, stated.close)).all()
            assert (stated.low > 0).all()


def test_returns_have_fat_tails_and_clustered_variance(market: SyntheticBackend):
    """Daily returns are leptokurtic, and squared returns are autocorrelated (stylised facts of Cont 2001)."""
    close = market.bars("MSFT", "polygon", EVENING).close
    returns = np.diff(np.log(close))
    centred = returns - returns.mean()
    kurtosis = (centred**4).mean() / centred.var() ** 2
    squared = centred**2
    lag_one = np.corrcoef(squared[1:], squared[:-1])[0, 1]
    assert kurtosis > 4  # 3 is the normal distribution's
    assert lag_one > 3 / np.sqrt(len(squared))
    assert 0.10 < returns.std() * np.sqrt(252) < 0.60


@pytest.mark.parametrize(
    ("symbol", "day", "price_ratio"),
    [("SPLT", date(2022, 6, 6), 1 / 2), ("SPLT", date(2024, 3, 11), 1 / 3), ("REVS", date(2023, 5, 15), 10)],
)
def test_raw_price_jumps_on_the_split_day(market: SyntheticBackend, symbol: str, day: date, price_ratio: float):
    """A 2-for-1 halves the unadjusted price, a 3-for-1 takes it to a third, a 1-for-10 multiplies it by ten."""
    bars = market.bars(symbol, "polygon", EVENING)
    opened = on(bars, day).open[0] / before(bars, day).close[0]
    assert opened == pytest.approx(price_ratio, rel=0.06)
    assert [
        split.ex_date for split in market.splits(symbol, EVENING) if split.ratio == pytest.approx(1 / price_ratio)
    ] == [day]


def test_split_is_announced_ahead_of_its_day(market: SyntheticBackend):
    """Two weeks before, the split is listed and the price has not moved yet."""
    notice = datetime(2022, 5, 24, 23, tzinfo=UTC)
    assert [split.ex_date for split in market.splits("SPLT", notice)] == [date(2022, 6, 6)]
    assert market.splits("SPLT", notice - timedelta(days=3)) == []


def test_dividend_comes_off_the_price(market: SyntheticBackend):
    """Over all ex days the open is lower than the previous close by the dividend, on average."""
    bars = market.bars("XOM", "polygon", EVENING)
    paid = [d for d in market.dividends("XOM", EVENING) if d.ex_date <= EVENING.date()]
    assert len(paid) > 90  # quarterly for 24 years
    drops, amounts = [], []
    for dividend in paid:
        previous = before(bars, dividend.ex_date).close[0]
        drops.append((previous - on(bars, dividend.ex_date).open[0]) / previous)
        amounts.append(dividend.amount / previous)
    spread = np.std(np.array(drops) - np.array(amounts)) / np.sqrt(len(paid))
    assert np.mean(drops) == pytest.approx(np.mean(amounts), abs=3 * spread)
    assert np.mean(amounts) > 3 * spread  # or the line above would pass without any drop


def test_only_stocks_and_etfs_pay(market: SyntheticBackend):
    """A coin, an index and a non-payer have no dividends; a payer has."""
    assert [list(market.dividends(s, EVENING)) for s in ("BTC-USD", "VIX", "BRK.B")] == [[], [], []]
    assert market.dividends("SPY", EVENING)


def test_known_events_happen_where_the_catalogue_says(market: SyntheticBackend):
    """DLST ends, IPOX begins, HALT misses three sessions, EGAP opens 12 % up."""
    symbol, last = DELISTED
    assert market.bars(symbol, "polygon", EVENING).day[-1].item() == last == date(2023, 6, 30)
    symbol, first = IPO
    assert market.bars(symbol, "polygon", EVENING).day[0].item() == first == date(2021, 6, 15)
    symbol, halted = HALTED
    missing = set(sessions.days("XNYS", date(2024, 6, 14)).tolist()) - set(
        market.bars(symbol, "polygon", EVENING).day.tolist()
    )
    assert {day for day in missing if day.year >= 2000} == set(halted)
    symbol, day, gap = EARNINGS_GAP
    bars = market.bars(symbol, "polygon", EVENING)
    assert on(bars, day).open[0] / before(bars, day).close[0] - 1 == pytest.approx(gap, abs=0.001)


def test_half_days_trade_less(market: SyntheticBackend):
    """The mean volume of half days is well below that of the days around them."""
    bars = market.bars("SPY", "polygon", EVENING)
    half = sessions.half_days(bars.day)
    assert 40 < half.sum() < 80  # two or three a year since 2000
    assert np.median(bars.volume[half]) < 0.6 * np.median(bars.volume[~half])


def test_vendors_disagree_a_little(market: SyntheticBackend):
    """Closes agree within 0.05 % on all but a few days, opens and volumes differ, a rare day has nulls."""
    a, b = market.bars("AAPL", "polygon", EVENING), market.bars("AAPL", "yahoo", EVENING)
    assert np.array_equal(a.day, b.day)
    apart = np.abs(b.close / a.close - 1)
    stated = ~np.isnan(b.close)
    assert (apart[stated] <= 0.0005).mean() > 0.99
    assert (a.open != b.open)[stated].mean() > 0.5
    assert (a.volume != b.volume)[stated].all()
    nulls = [np.isnan(market.bars(s, "yahoo", EVENING).close).sum() for s in ("AAPL", "MSFT", "KO", "SPY")]
    assert 1 <= sum(nulls) <= 40


def test_default_universe_and_benchmark_tickers_are_known(market: SyntheticBackend):
    """All 60 default symbols, T000..T999 and the event tickers; half of the benchmark tickers exist since 2000."""
    listed = {instrument.symbol: instrument for instrument in market.instruments()}
    from market_assets.settings import load

    assert {line.symbol for line in load().equities.universe} <= set(listed)
    benchmark = [listed[f"T{n:03d}"] for n in range(1000)]
    since_2000 = sum(instrument.listed == catalogue.FIRST_LISTING for instrument in benchmark)
    assert 400 < since_2000 < 600
    assert (listed["BRK.B"].yahoo_id, listed["VIX"].polygon_id, listed["BTC-USD"].polygon_id) == (
        "BRK-B",
        "I:VIX",
        "X:BTCUSD",
    )
    assert "NOPE" not in listed


def test_live_bar_only_while_the_session_trades(market: SyntheticBackend):
    """At 11:30 in New York there is an unfinished bar that the finished one contains; at night and on Sunday none."""
    live = market.live("MSFT", "polygon", datetime(2024, 6, 14, 15, 30, tzinfo=UTC))
    done = on(market.bars("MSFT", "polygon", EVENING), date(2024, 6, 14))
    assert live.day.tolist() == [date(2024, 6, 14)]
    assert live.open[0] == done.open[0]
    assert done.low[0] <= live.low[0] <= live.close[0] <= live.high[0] <= done.high[0]
    assert 0 < live.volume[0] < done.volume[0]
    assert len(market.live("MSFT", "polygon", EVENING)) == 0
    assert len(market.live("MSFT", "polygon", datetime(2024, 6, 16, 15, 30, tzinfo=UTC))) == 0
