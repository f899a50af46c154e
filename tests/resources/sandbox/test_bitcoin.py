"""Simulated hours of bitcoin: repeatable, stable in time, like real ones in level, and blind to the future."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.sandbox import bitcoin, hours
from resources.sandbox.hours import HOUR, Floats, Hours
from resources.sandbox.synthetic import SyntheticBackend
from tests.resources.sandbox.wire import EVENING

#: the orientation of spec btc 3.2: 46,227 hours from 2021-02-01 00:00 to 2026-05-12 02:00
SINCE = int(datetime(2021, 2, 1, tzinfo=UTC).timestamp())
HOURS = 46_227
SEEDS = (7, 1, 2)


def simulated(seed: int) -> tuple[Hours, Hours]:
    """Prices and liquidations of the orientation's hours."""
    path = bitcoin.prices(seed, SINCE + HOURS * HOUR)
    liquidated = bitcoin.liquidations(path, seed)
    return path.window(SINCE, SINCE + HOURS * HOUR), liquidated.window(SINCE, SINCE + HOURS * HOUR)


def same(a: Hours, b: Hours) -> bool:
    columns = zip(a.values.values(), b.values.values(), strict=True)
    return np.array_equal(a.start, b.start) and all(np.array_equal(x, y, equal_nan=True) for x, y in columns)


def ranks(values: Floats) -> Floats:
    return np.argsort(np.argsort(values)).astype(float)


def returns(path: Hours) -> Floats:
    return np.diff(np.log(path.values["close"]))


@pytest.mark.parametrize("seed", SEEDS)
def test_liquidations_are_like_real_ones(seed: int):
    """Medians, means, maxima and shares of zeros lie near those of the vendor's own 46,227 hours (spec btc 3.2)."""
    _, liquidated = simulated(seed)
    long, short = liquidated.values["long"], liquidated.values["short"]
    assert len(long) == len(short) == HOURS
    assert np.median(long) == pytest.approx(2.746, rel=0.15)
    assert np.median(short) == pytest.approx(3.174, rel=0.15)
    assert long.mean() == pytest.approx(28.1, rel=0.25)
    assert short.mean() == pytest.approx(19.7, rel=0.25)
    assert 8_000 < long.max() < 60_000
    assert 3_000 < short.max() < 30_000
    assert (long == 0).mean() == pytest.approx(0.0804, abs=0.01)
    assert (short == 0).mean() == pytest.approx(0.0670, abs=0.01)
    assert 500 < ((long == 0) & (short == 0)).sum() < 900  # 690 of the real ones


@pytest.mark.parametrize("seed", SEEDS)
def test_falls_liquidate_longs_and_rises_shorts(seed: int):
    """In the hours of the largest falls longs lose by far more than shorts, in those of the largest rises less."""
    path, liquidated = simulated(seed)
    moves = returns(path)
    long, short = liquidated.values["long"][1:], liquidated.values["short"][1:]
    falls, rises = moves < np.quantile(moves, 0.01), moves > np.quantile(moves, 0.99)
    assert np.median(long[falls]) > 20 * np.median(short[falls])
    assert np.median(short[rises]) > 20 * np.median(long[rises])
    assert np.median(long[falls]) > 20 * np.median(long)


@pytest.mark.parametrize("ahead", [1, 3, 24])
@pytest.mark.parametrize("seed", SEEDS)
def test_liquidations_say_nothing_of_later_returns(seed: int, ahead: int):
    """Rank correlations with later returns are noise, with the present one they are not.

    Noise of a rank correlation over n independent pairs is 1 / sqrt(n); four times that is allowed.
    """
    path, liquidated = simulated(seed)
    moves = returns(path)
    later = np.array([moves[i + 1 : i + 1 + ahead].sum() for i in range(0, len(moves) - ahead, ahead)])
    share = liquidated.values["long"] / np.maximum(liquidated.values["long"] + liquidated.values["short"], 1e-9)
    for known in (*liquidated.values.values(), share):
        at = known[1:][: len(moves) - ahead : ahead]
        assert abs(np.corrcoef(ranks(at), ranks(later))[0, 1]) < 4 / np.sqrt(len(later))
        assert abs(np.corrcoef(ranks(known[1:]), ranks(moves))[0, 1]) > 60 / np.sqrt(len(moves))


@given(changed=st.integers(0, 399), factor=st.floats(0.5, 0.8) | st.floats(1.25, 2.0))
def test_a_price_moves_its_own_and_the_next_two_hours_only(changed: int, factor: float):
    """Another price at one hour changes the moves of that hour and the next: no earlier hour, none after two."""
    path = bitcoin.prices(3, bitcoin.START + 400 * HOUR)
    close = path.values["close"].copy()
    close[changed] *= factor
    before = bitcoin.liquidations(path, 3)
    after = bitcoin.liquidations(path.with_values(close=close), 3)
    differs = (before.values["long"] != after.values["long"]) | (before.values["short"] != after.values["short"])
    assert set(np.flatnonzero(differs).tolist()) <= {changed, changed + 1, changed + 2}
    assert differs[changed]


@pytest.mark.parametrize("months", [1, 7, 30])
def test_later_hours_never_change_earlier_ones(months: int):
    """What was simulated up to a horizon is simulated again under a later one, year ends between them."""
    until = SINCE + months * 720 * HOUR
    near, far = bitcoin.prices(7, until), bitcoin.prices(7, until + 12_345 * HOUR)
    assert same(far.take(slice(len(near))), near)
    assert same(bitcoin.liquidations(far, 7).take(slice(len(near))), bitcoin.liquidations(near, 7))


def test_draws_belong_to_the_hour():
    """The liquidations of an hour are the same wherever the path begins: draws count from the year's start."""
    path = bitcoin.prices(7, SINCE)
    whole, tail = bitcoin.liquidations(path, 7), bitcoin.liquidations(path.take(slice(-9000, None)), 7)
    # the first two hours of the tail do not know the moves before
    assert same(whole.take(slice(-8998, None)), tail.take(slice(2, None)))


def test_equal_seeds_give_equal_hours_in_another_process():
    """An hour depends on the seed alone, not on the process; another seed is another market."""
    program = (
        "from datetime import UTC, datetime\n"
        "from resources.sandbox.synthetic import SyntheticBackend\n"
        "at = datetime(2024, 6, 14, 23, tzinfo=UTC)\n"
        "backend = SyntheticBackend(11)\n"
        "print(backend.btc_price(at).values['close'][-3:].tolist(), backend.btc_liquidations(at).values['long'].sum())"
    )
    elsewhere = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    here = SyntheticBackend(11)
    close = here.btc_price(EVENING).values["close"]
    assert elsewhere.stdout.strip() == f"{close[-3:].tolist()} {here.btc_liquidations(EVENING).values['long'].sum()}"
    other = SyntheticBackend(12)
    assert not np.isclose(other.btc_price(EVENING).values["close"][-3:], close[-3:]).any()
    assert other.btc_liquidations(EVENING).values["long"].sum() != here.btc_liquidations(EVENING).values["long"].sum()


def test_returns_have_fat_tails_and_clustered_variance():
    """Hourly returns are leptokurtic, and squared returns are autocorrelated (stylised facts of Cont 2001)."""
    moves = returns(simulated(7)[0])
    centred = moves - moves.mean()
    assert (centred**4).mean() / centred.var() ** 2 > 6  # 3 is the normal distribution's
    squared = centred**2
    assert np.corrcoef(squared[1:], squared[:-1])[0, 1] > 10 / np.sqrt(len(squared))
    assert 0.35 < moves.std() * np.sqrt(365 * 24) < 0.80
    assert abs(np.corrcoef(moves[1:], moves[:-1])[0, 1]) < 4 / np.sqrt(len(moves))


def test_every_hour_from_2017_is_there_and_consistent(market: SyntheticBackend):
    """No hour is missing; low <= open, close <= high, an open is the close before, nothing is free."""
    prices = market.btc_price(EVENING)
    assert prices.start[0] <= datetime(2017, 1, 1, tzinfo=UTC).timestamp()
    assert set(np.diff(prices.start).tolist()) == {HOUR}
    opened, high, low, close = (prices.values[name] for name in ("open", "high", "low", "close"))
    assert (high >= np.maximum(opened, close)).all()
    assert (low <= np.minimum(opened, close)).all()
    assert (low > 0).all()
    assert np.array_equal(opened[1:], close[:-1])
    liquidated = market.btc_liquidations(EVENING)
    assert np.array_equal(liquidated.start, prices.start)


def test_only_begun_hours_are_known_and_the_running_one_in_part(market: SyntheticBackend):
    """At 23:15 the newest row is 23:00, a quarter of the way from its open to its close; so at any instant."""
    at = EVENING + timedelta(minutes=15)
    then, later = market.btc_price(at), market.btc_price(at + timedelta(hours=1)).take(slice(-1))
    assert then.start[-1] == EVENING.timestamp()
    opened, close = later.values["open"][-1], later.values["close"][-1]
    assert then.values["close"][-1] == pytest.approx(opened + (close - opened) / 4, abs=0.01)
    assert later.values["low"][-1] <= then.values["low"][-1] <= then.values["high"][-1] <= later.values["high"][-1]
    assert same(then.take(slice(-1)), later.take(slice(-1)))
    partly, whole = (market.btc_liquidations(at + timedelta(hours=n)).values["long"] for n in (0, 1))
    assert partly[-1] == pytest.approx(whole[-2] / 4, abs=1e-6)


def test_an_hour_without_a_price_has_no_liquidations():
    """A null price has none. The hour after counts from its open; without an open it has not moved.

    Hour 21 moved, so without its open less is liquidated in it; hours from 23 on know all they need.
    """
    path = bitcoin.prices(5, bitcoin.START + 50 * HOUR)
    close = path.values["close"].copy()
    close[20] = np.nan
    whole, gapped = bitcoin.liquidations(path, 5), bitcoin.liquidations(path.with_values(close=close), 5)
    assert np.setdiff1d(whole.start, gapped.start).tolist() == path.start[20:21].tolist()
    without_open = bitcoin.liquidations(Hours(path.start, {"close": close}), 5)
    assert same(without_open.take(slice(2, 20)), whole.take(slice(2, 20)))
    assert same(without_open.take(slice(22, None)), whole.take(slice(23, None)))
    side = "short" if path.values["close"][21] > path.values["open"][21] else "long"
    assert gapped.values[side][20] > without_open.values[side][20]


def test_a_running_hour_without_an_open_is_left_out():
    """Nothing can be said of it before it has ended."""
    stamps = np.array([0, HOUR])
    columns = {name: np.array([np.nan, np.nan]) for name in ("open", "high", "low")} | {"close": np.array([1.0, 2.0])}
    recorded = Hours(stamps, columns)
    at = datetime(1970, 1, 1, 1, 30, tzinfo=UTC)
    assert hours.begun_prices(recorded, at).start.tolist() == [0]
    assert hours.begun_prices(recorded, at + timedelta(minutes=30)).start.tolist() == [0, HOUR]


def test_nothing_is_known_before_the_path_begins(market: SyntheticBackend):
    """At the end of 2016 there is no hour; a second into 2017 there is the running one."""
    new_year = datetime(2017, 1, 1, tzinfo=UTC)
    for at, n in [(new_year - timedelta(seconds=1), 0), (new_year + timedelta(seconds=1), 1)]:
        assert (len(market.btc_price(at)), len(market.btc_liquidations(at))) == (n, n)
