"""What holds for the account on any market: money, limits, time, and carrying on (crypto.md 9)."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from market_assets.crypto.schemas import CryptoPaperTrades
from market_assets.crypto.transforms.paper import paper_trades
from tests.market_assets.crypto.transforms.paper.desk import (
    D0,
    DAY,
    EMPTY,
    MIDNIGHT,
    MINUTE,
    account,
    klines,
    signal,
    signals,
)

SYMBOLS = ("AUSDT", "BUSDT", "CUSDT", "DUSDT", "EUSDT")
DAYS = [D0, D0 + DAY, D0 + 2 * DAY]
few = settings(max_examples=6, deadline=None)
worlds = st.tuples(st.integers(0, 2**32 - 1), st.sampled_from(["next_open", "zone_limit"]))


def world(seed, mode):
    """Three days of five random walks with gaps, signals of all kinds each hour, and an account that pays costs."""
    rng = np.random.default_rng(seed)
    prices, rows = [], []
    for name in SYMBOLS:
        n = len(DAYS) * 1440
        close = 100 * np.exp(np.cumsum(rng.normal(0, 0.0015, n)))
        open_ = np.concatenate([[100.0], close[:-1]])
        wide = np.abs(rng.normal(0, 0.001, (2, n))) * close
        kept = rng.random(n) > 0.02
        frame = klines([{"symbol": name, "ts": MIDNIGHT, "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0}])
        frame = pl.concat([frame] * n).with_columns(
            ts=pl.lit(MIDNIGHT).dt.cast_time_unit("us") + pl.int_range(n) * MINUTE,
            open=pl.Series(open_),
            close=pl.Series(close),
            high=pl.Series(np.maximum(open_, close) + wide[0]),
            low=pl.Series(np.minimum(open_, close) - wide[1]),
        )
        prices.append(frame.filter(pl.Series(kept)).cast(frame.schema))
        for hour in range(1, len(DAYS) * 24 + 1):
            side = int(rng.choice([-1, 0, 0, 1]))
            price = float(close[hour * 60 - 1])
            rows.append(signal(
                name, hour, side, price, is_tradeable=side != 0 and bool(rng.random() < 0.7),
                feature_confidence=float(rng.uniform(0.5, 1)), size_ratio=float(rng.uniform(0.01, 0.055)),
                limit_price=price * float(rng.uniform(0.996, 1.004)) if rng.random() < 0.6 else None,
                n_plus=int(rng.integers(0, 6)) if side == 0 else 5 * (side > 0),
                n_minus=0 if side == 0 else 5 * (side < 0),
            ))  # fmt: skip
    crypto = account(entry_mode=mode, slippage_pct=0.05, commission_pct=0.1, max_positions=4, max_exposure=0.12)
    return signals(*rows), pl.concat(prices), crypto


def of_days(days, previous, table, prices, crypto):
    """The account, after the table's gate."""
    return CryptoPaperTrades.contract().validate(paper_trades(days, previous, table, prices, crypto))


@few
@given(worlds)
def test_day_after_day_is_the_same_as_all_at_once(made):
    """Carried only by yesterday's rows, the account ends every day bit for bit as in one go."""
    table, prices, crypto = world(*made)
    at_once = of_days(DAYS, EMPTY, table, prices, crypto)
    previous, one_by_one = EMPTY, []
    for day in DAYS:
        ours = (pl.col("ts").dt.date() == day,)
        previous = of_days([day], previous, table.filter(ours), prices.filter(ours), crypto)
        one_by_one.append(previous)
    assert_frame_equal(CryptoPaperTrades.contract().conform(pl.concat(one_by_one)), at_once, check_exact=True)
    assert at_once.filter(pl.col("row_kind") == "position").height > 0


def assert_few_at_once(held):
    """At every entry, counted from the positions' own times: four at most, and one of a symbol."""
    last = held.sort("day").unique("trade_id", keep="last", maintain_order=True)
    spans = [
        (row["symbol"], row["entry_ts"], row["exit_ts"] if row["status"] == "closed" else None)
        for row in last.to_dicts()
    ]
    for symbol, at, _ in spans:
        others = [s for s, begins, ends in spans if begins <= at and (ends is None or ends > at)]
        assert len(others) <= 4
        assert others.count(symbol) <= 1


@few
@given(worlds)
def test_money_limits_and_time(made):
    """Equity adds up; limits hold at every entry; nothing is entered early; what was open is there tomorrow."""
    table, prices, crypto = world(*made)
    found = of_days(DAYS, EMPTY, table, prices, crypto)
    accounts = found.filter(pl.col("row_kind") == "account")
    held = found.filter(pl.col("row_kind") == "position")
    assert accounts.get_column("day").to_list() == DAYS
    by_day = held.group_by("day").agg(unrealised=pl.col("unrealised_pnl").sum())
    told = accounts.join(by_day, on="day", how="left").sort("day").with_columns(pl.col("unrealised").fill_null(0.0))
    change = told["equity_end"] - told["equity_start"]
    moved = told["realised_pnl"] + told["unrealised"] - told["unrealised"].shift(1).fill_null(0.0)
    assert (change - moved).abs().max() < 1e-6
    assert told["equity_start"].to_list() == [10_000.0, *told["equity_end"].to_list()[:-1]]
    # the same from cash alone: what closed trades made, and what is still open
    closed = held.filter(pl.col("status") == "closed")["pnl"].sum()
    still = held.filter((pl.col("day") == DAYS[-1]) & (pl.col("status") == "open"))
    ends = 10_000 + closed + still["pnl"].sum() + still["unrealised_pnl"].sum()
    assert told["equity_end"].to_list()[-1] == pytest.approx(ends, abs=1e-6)

    entered = held.filter(pl.col("entry_ts").dt.date() == pl.col("day"))
    assert (entered["size_ratio"] <= 0.05 + 1e-9).all()
    assert (entered["entry_exposure_ratio"] <= 0.12 + 1e-9).all()
    assert (entered["entry_group_ratio"] <= 0.15 + 1e-9).all()
    assert (held["entry_ts"] >= held["signal_time"]).all()
    assert ((held["qty_open"] >= 0) & (held["qty_open"] <= held["qty"])).all()
    ids = [set(held.filter(pl.col("day") == day)["trade_id"]) for day in DAYS]
    for day, tomorrow in zip(DAYS, ids[1:], strict=False):
        open_ = held.filter((pl.col("day") == day) & (pl.col("status") == "open"))
        assert set(open_["trade_id"]) <= tomorrow
        assert open_["symbol"].is_unique().all()
    assert_few_at_once(held)


@few
@given(worlds, st.integers(30, 1400))
def test_later_candles_change_nothing_earlier(made, minute):
    """Cut the first day at a minute, signals too: every entry and every exit before it is as it was."""
    table, prices, crypto = world(*made)
    cut = MIDNIGHT + minute * MINUTE
    whole = of_days([D0], EMPTY, table, prices, crypto)
    known = of_days([D0], EMPTY, table.filter(pl.col("signal_time") < cut), prices.filter(pl.col("ts") < cut), crypto)
    entry = ["trade_id", "symbol", "side", "qty", "entry_ts", "entry_price", "entry_exposure_ratio", "targets"]
    for columns, before in ((entry, "entry_ts"), ([*entry, "proceeds", "pnl", "exit_reason", "exit_ts"], "exit_ts")):
        is_final = pl.col("status") == "closed" if before == "exit_ts" else pl.lit(value=True)
        parts = [
            one.filter((pl.col("row_kind") == "position") & is_final & (pl.col(before) < cut)).select(columns)
            for one in (whole, known)
        ]
        assert_frame_equal(*parts, check_exact=True)


def test_the_world_is_worth_testing():
    """The random days enter, refuse, carry over and end positions in every way."""
    ways, kinds = set(), set()
    for seed in range(3):
        for mode in ("next_open", "zone_limit"):
            found = of_days(DAYS, EMPTY, *world(seed, mode))
            ways |= set(found["exit_reason"].drop_nulls())
            kinds |= set(found["row_kind"]) | set(found["reason"].drop_nulls())
    assert ways == {"stop", "target", "trail", "time", "opposite_signal", "confidence_drop"}
    assert kinds >= {"account", "position", "pending", "rejected", "exposure_limit", "position_limit", "symbol_held",
                     "positions_limit", "limit_expired"}  # fmt: skip
