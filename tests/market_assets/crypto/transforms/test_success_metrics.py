"""Performance of the paper account, in all and by symbol (crypto.md 10)."""

from datetime import timedelta
from itertools import pairwise

import polars as pl
import pytest

from market_assets.core.performance import metric_names
from market_assets.core.settings import MetricsSettings
from market_assets.crypto.schemas import WINDOWS, CryptoPaperTrades, CryptoSuccessMetrics
from market_assets.crypto.settings import CryptoSettings
from market_assets.crypto.transforms.success_metrics import success_metrics
from tests.market_assets.crypto.transforms.paper.desk import D0, DAY, MIDNIGHT, account, candles, signal, traded

CRYPTO = account()


def measured(rows, crypto=CRYPTO, **metrics):
    """(scope, window) -> metrics, after the table's own gate."""
    contract = CryptoPaperTrades.contract()
    common = {"strategy_version": 1, "trade_id": "account", "row_kind": "account"}
    frame = pl.DataFrame([dict.fromkeys(contract.columns) | common | row for row in rows], schema=contract.schema)
    found = success_metrics(contract.validate(frame), crypto, MetricsSettings(**metrics))
    found = CryptoSuccessMetrics.contract().validate(found)
    return {(row["scope"], row["window"]): row for row in found.to_dicts()}


def equity(*values, first=D0, fees=0.0, exposure=0.0):
    """Account rows of consecutive days: equity before the first one, then at the end of each."""
    return [
        {"day": first + n * DAY, "equity_start": before, "equity_end": after, "fees": fees, "exposure_ratio": exposure}
        for n, (before, after) in enumerate(pairwise(values))
    ]


def trade(name, pnl, day=D0, symbol="BTCUSDT", minutes=60, **changed):
    """A position of one unit at 100, closed on the day."""
    at = MIDNIGHT + (day - D0)
    return {
        "day": day, "row_kind": "position", "trade_id": name, "symbol": symbol, "side": "long", "qty": 1.0,
        "qty_open": 0.0, "entry_ts": at, "entry_price": 100.0, "exit_ts": at + timedelta(minutes=minutes),
        "fees": 0.2, "pnl": pnl, "unrealised_pnl": 0.0, "status": "closed",
    } | changed  # fmt: skip


def test_one_loss_of_50_on_10_000_is_a_drawdown_of_half_a_percent():
    """The starting equity is the first peak."""
    found = measured([*equity(10_000, 9_950), trade("a", -50.0)])
    assert [found["ALL", window]["max_drawdown_ratio"] for window in WINDOWS] == pytest.approx([0.005] * 4)
    assert found["BTCUSDT", "all"]["max_drawdown_ratio"] == pytest.approx(0.005)


def test_golden_of_the_common_metrics():
    """E = 1000, 1010, 1000, 1030, 1020, 1060 and trades 10, -10, 30, -10, 40, 0, one observation a day."""
    pnl = [10.0, -10.0, 30.0, -10.0, 40.0, 0.0]
    trades = [trade(f"{n}", value, D0 + min(n, 4) * DAY, minutes=10 * (n + 1)) for n, value in enumerate(pnl)]
    row = measured([*equity(1000, 1010, 1000, 1030, 1020, 1060), *trades], min_obs=1)["ALL", "all"]
    assert (row["n_obs"], row["n_trades"], row["n_breakeven"]) == (5, 6, 1)
    assert row["sharpe"] == pytest.approx(10.136, abs=5e-4)
    assert row["sortino"] == pytest.approx(36.726, abs=5e-4)
    assert row["max_drawdown_ratio"] == pytest.approx(0.00990099, rel=1e-6)
    assert (row["win_rate_ratio"], row["profit_factor"], row["expectancy"]) == pytest.approx((0.6, 4.0, 10.0))
    assert row["avg_holding_min"] == pytest.approx(35.0)
    assert (row["total_pnl"], row["null_reason"]) == (60.0, None)


def test_an_empty_account_has_counts_and_no_metric():
    """No account row at all: the four windows of ALL as of its first day, nothing invented."""
    found = measured([])
    assert set(found) == {("ALL", window) for window in WINDOWS}
    for row in found.values():
        assert (row["as_of_day"], row["n_trades"], row["n_obs"], row["null_reason"]) == (D0, 0, 0, "no closed trade")
        unknown = [*metric_names(), "total_pnl", "fees", "exposure_mean_ratio", "meets_target"]
        assert [row[name] for name in unknown] == [None] * len(unknown)


def test_an_account_that_closed_nothing_has_no_metric():
    """Days without a closed trade: money and exposure are known, metrics are not."""
    row = measured(equity(10_000, 10_010, 10_020, exposure=0.1, fees=1.0), min_obs=1)["ALL", "all"]
    assert {row[name] for name in metric_names()} == {None}
    assert (row["n_obs"], row["total_pnl"], row["fees"], row["exposure_mean_ratio"]) == (
        2,
        20.0,
        2.0,
        pytest.approx(0.1),
    )


def test_a_window_holds_its_last_days():
    """Seven days with the newest one: an older trade and its fall are not in them, the equity before them is."""
    rows = [
        *equity(10_000, 9_000, *[9_000 + n for n in range(1, 10)]),
        trade("old", -1000.0),
        trade("new", 9.0, D0 + 9 * DAY),
    ]
    found = measured(rows)
    week, month = found["ALL", "7d"], found["ALL", "30d"]
    assert (week["n_obs"], week["n_trades"], week["total_pnl"], week["max_drawdown_ratio"]) == (7, 1, 7.0, 0.0)
    assert (month["n_obs"], month["n_trades"], month["total_pnl"]) == (10, 2, -991.0)
    assert month["max_drawdown_ratio"] == pytest.approx(0.1)
    assert week["as_of_day"] == D0 + 9 * DAY


def test_a_symbol_has_the_equity_of_its_trades_alone():
    """Two symbols: each starts from the start equity and moves with its own profit, day by day."""
    rows = [
        *equity(10_000, 10_030, 9_980),
        trade("e", 50.0, symbol="ETHUSDT"),
        trade("b", -20.0),
        trade("c", -50.0, D0 + DAY),
    ]
    found = measured(rows)
    assert {scope for scope, _ in found} == {"ALL", "BTCUSDT", "ETHUSDT"}
    btc, eth = found["BTCUSDT", "all"], found["ETHUSDT", "all"]
    assert (btc["total_pnl"], btc["n_trades"], btc["max_drawdown_ratio"]) == (-70.0, 2, pytest.approx(0.007))
    assert (eth["total_pnl"], eth["n_trades"], eth["max_drawdown_ratio"]) == (50.0, 1, 0.0)
    assert (btc["fees"], eth["fees"]) == pytest.approx((0.4, 0.2))


def test_an_open_position_counts_each_day_for_what_that_day_gained():
    """Unrealised 30 on the first day, closed at 10 on the second: +30, then -20."""
    rows = [
        *equity(10_000, 10_030, 10_010),
        trade("a", -0.2, status="open", qty_open=1.0, unrealised_pnl=30.2, mark_price=130.2, exit_ts=None, fees=0.2),
        trade("a", 10.0, D0 + DAY, fees=0.3),
    ]
    found = measured(rows)
    row = found["BTCUSDT", "all"]
    assert (row["n_trades"], row["total_pnl"], row["fees"]) == (1, pytest.approx(10.0), pytest.approx(0.3))
    assert row["max_drawdown_ratio"] == pytest.approx(20 / 10_030)
    assert row["exposure_mean_ratio"] == pytest.approx(130.2 / 10_030 / 2)


def test_symbols_add_up_to_the_account():
    """On a traded world, the profits and fees of the symbols are those of the account."""
    rows = [signal("BTCUSDT"), signal("ETHUSDT", hour=2, side=-1), signal("BTCUSDT", hour=22)]
    prices = candles("BTCUSDT", days=2, m70=(100, 103, 100, 103)), candles("ETHUSDT", days=2, m150=(100, 101, 99, 101))
    table = traded(rows, *prices, crypto=account(slippage_pct=0.05, commission_pct=0.1), days=2)
    found = measured(table.to_dicts())
    for name in ("total_pnl", "fees", "n_trades", "exposure_mean_ratio"):
        parts = [found[symbol, "all"][name] for symbol in ("BTCUSDT", "ETHUSDT")]
        assert sum(parts) == pytest.approx(found["ALL", "all"][name], rel=1e-9)
    assert found["ALL", "all"]["n_trades"] == 3


def growing(days, fall=0.99, step=0.001, fall_at=5):
    """Equity that grows by one and two steps in turn, and falls once."""
    values = [10_000.0]
    for n in range(days):
        values.append(values[-1] * (fall if n == fall_at else 1 + step * (1 + n % 2)))
    return values


@pytest.mark.parametrize(
    ("fall", "step", "losses", "meets"),
    [(0.99, 0.001, 4, True), (0.99, 0.001, 5, False), (0.89, 0.01, 4, False), (0.96, 0.001, 4, False)],
)
def test_targets_are_met_together(fall, step, losses, meets):
    """Half the trades lost, a fall by 11 % in steep growth, or a Sharpe of 1.3: each alone misses the targets."""
    trades = [trade(f"{n}", -1.0 if n < losses else 1.0) for n in range(10)]
    row = measured([*equity(*growing(40, fall, step)), *trades])["ALL", "all"]
    assert row["meets_target"] is meets
    missed = [row["win_rate_ratio"] < 0.55, row["sharpe"] < 1.5, row["max_drawdown_ratio"] >= 0.1]
    assert missed.count(True) == (0 if meets else 1)
    assert (row["target_win_rate_ratio"], row["target_sharpe"], row["target_max_drawdown_ratio"]) == (0.55, 1.5, 0.1)


def test_a_target_is_unknown_where_a_metric_is():
    """Seven days make no Sharpe ratio: nobody can say whether it is met."""
    found = measured([*equity(*growing(40)), trade("a", 1.0, D0 + 39 * DAY)])
    assert found["ALL", "7d"]["meets_target"] is None
    assert found["ALL", "7d"]["null_reason"].startswith("7 daily returns of the 30")
    assert found["ALL", "30d"]["meets_target"] is not None


def test_only_the_account_in_force_counts():
    """Rows of an older strategy version stay in the table and out of the metrics."""
    retuned = CryptoSettings.model_validate({"paper": {"start_day": D0}, "signals": {"strategy_version": 2}})
    rows = [*equity(10_000, 9_000), trade("a", -1000.0)]
    assert measured(rows, retuned)["ALL", "all"]["n_obs"] == 0
