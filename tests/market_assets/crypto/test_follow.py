"""What the follow sensor makes of changed candles, on the real graph."""

from sensors.follow import Cursor, Follower
from tests.market_assets.crypto.conftest import CHAIN, Crypto


def tick(crypto: Crypto, cursor: Cursor) -> set[str]:
    """The assets that one tick asks for, which are then run."""
    follower = Follower(crypto.desk.defs.resolve_asset_graph(), crypto.desk.instance, cursor)
    follower.collect()
    asked: set[str] = set()
    job = crypto.desk.defs.resolve_implicit_global_asset_job_def()
    for request in list(follower.requests()):
        asked |= {key.to_user_string() for key in request.asset_selection or []}
        result = job.execute_in_process(
            instance=crypto.desk.instance,
            asset_selection=list(request.asset_selection or []),
            tags=request.tags,
            run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
        )
        assert result.success
    return asked


def until_quiet(crypto: Crypto, cursor: Cursor) -> list[set[str]]:
    """What each tick asks for, until one asks for nothing."""
    ticks = []
    while asked := tick(crypto, cursor):
        ticks.append(asked)
        assert len(ticks) < 10, ticks
    return ticks


def test_a_changed_day_is_taken_through_all_later_ones(growing: Crypto) -> None:
    """A run carries corrected candles to decisions; advice, the account of that and of the next day, metrics follow."""
    cursor, (yesterday, today) = Cursor(), growing.days()[-2:]
    growing.run("crypto_paper_trades", keys=[yesterday])
    growing.run("crypto_paper_trades", keys=[today])
    until_quiet(growing, cursor)
    before = growing.digests("crypto_paper_trades")
    growing.desk.sandbox.fault(f"binance_usdm:correction:date={yesterday}T10:factor=1.03:symbol=BTCUSDT:match=klines")
    growing.run(*CHAIN, keys=[f"{yesterday}|BTCUSDT"])
    ticks = until_quiet(growing, cursor)
    assert ticks[0] == {"crypto_advice", "crypto_paper_trades"}
    assert ticks[-1] == {"crypto_success_metrics"}
    after = growing.digests("crypto_paper_trades")
    assert {key for key, digest in after.items() if digest != before[key]} == {
        ("crypto_paper_trades", yesterday),
        ("crypto_paper_trades", today),
    }
