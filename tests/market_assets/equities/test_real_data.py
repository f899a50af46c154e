"""Two decades of six real symbols, replayed over HTTP through the whole graph; values from MANIFEST.md."""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from market_assets import load_asset_value
from market_assets.settings import settings
from resources.sandbox.convert import convert

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[3]
ENVIRONMENT = {
    "MARKET_ASSETS_VENDORS": "sandbox",
    "MARKET_ASSETS_NOW": "2021-04-01T12:00:00Z",
    "MARKET_ASSETS_EQUITIES__START_YEAR": "1998",
}
Read = Callable[..., pl.DataFrame]


@pytest.fixture(scope="session")
def replayed(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of the replay, made once for all workers of the session."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    home = shared / "replayed"
    with (shared / "replayed.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "checks.json").exists():
            convert(shared_data, shared / "replay")
            clean = {name: value for name, value in os.environ.items() if not name.startswith("MARKET_ASSETS_")}
            environment = {**clean, **ENVIRONMENT, "MARKET_ASSETS_HOME": str(home)}
            command = [sys.executable, "-m", "tests.market_assets.equities.replay_real", str(shared / "replay")]
            ended = subprocess.run(
                command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
            )
            assert ended.returncode == 0, ended.stderr[-3000:]
    return home


@pytest.fixture
def read(replayed: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """`load_asset_value` over that home."""
    for name, value in {**ENVIRONMENT, "MARKET_ASSETS_HOME": str(replayed)}.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    return load_asset_value


@pytest.fixture
def not_passed(replayed: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Asset -> check -> severity and evidence."""
    found: dict[str, dict[str, dict[str, Any]]] = json.loads((replayed / "checks.json").read_text())
    return found


def of(symbol: str, day: str) -> dict[str, Any]:
    """Options of a read of one row."""
    return {"where": {"symbol": symbol}, "start": day, "end": day}


@pytest.mark.parametrize(("day", "close"), [("2005-04-01", 40.90), ("2020-08-31", 129.04), ("2020-08-28", 499.23)])
def test_known_closes_are_stored_as_traded(read: Read, day: str, close: float) -> None:
    """AAPL's raw closes of the manifest, and the last one before its 4-for-1."""
    assert read("equities_daily_bars", **of("AAPL", day))["close"].to_list() == [close]


def test_the_four_splits_of_apple(read: Read) -> None:
    """2:1, 2:1, 7:1 and 4:1 on their days."""
    rows = read("equities_corporate_actions", where={"symbol": "AAPL", "kind": "split"})
    assert rows.select("ex_date", "split_ratio").rows() == [
        (date(2000, 6, 21), 2.0),
        (date(2005, 2, 28), 2.0),
        (date(2014, 6, 9), 7.0),
        (date(2020, 8, 31), 4.0),
    ]


def test_a_close_adjusted_for_all_later_splits(read: Read) -> None:
    """40.90 over 7 x 4 is 1.4607, whether adjusted on reading or stored adjusted."""
    assert read("equities_daily_bars", **of("AAPL", "2005-04-01"), adjust="split")["close"][0] == pytest.approx(
        1.4607, abs=5e-5
    )
    assert read("equities_adjusted_bars", **of("AAPL", "2005-04-01"))["close_split"][0] == pytest.approx(
        40.90 / 28, rel=1e-12
    )


def test_what_is_known_on_a_day_is_applied_on_that_day(read: Read) -> None:
    """The split day itself is unadjusted by its own split: 129.04 stays 129.04."""
    row = read("equities_adjusted_bars", **of("AAPL", "2020-08-31")).row(0, named=True)
    assert (row["close_split"], row["split_factor"]) == (129.04, 1.0)


@pytest.mark.parametrize(("symbol", "day", "opened"), [("GOOG", "2014-04-03", 569.85), ("IBM", "2002-12-23", 159.58)])
def test_what_looks_like_an_unrecorded_split_is_flagged(read: Read, symbol: str, day: str, opened: float) -> None:
    """GOOG's class split that no file records, and IBM's bad print at twice the price."""
    row = read("equities_scored_bars", **of(symbol, day)).row(0, named=True)
    assert (row["open"], row["flag_suspect_split"], row["flag_gap"], row["validated"]) == (opened, True, True, False)


def test_nothing_else_looks_like_a_split(read: Read) -> None:
    """In 30,000 bars those two are the only ones: recorded splits and real falls are told apart."""
    flagged = read("equities_scored_bars", where={"flag_suspect_split": True})
    assert flagged.select("symbol", "session_date").rows() == [
        ("GOOG", date(2014, 4, 3)),
        ("IBM", date(2002, 12, 23)),
    ]


def test_a_ticker_s_former_company_is_not_stored(read: Read) -> None:
    """EEM begins on 2003-04-11."""
    rows = read("equities_daily_bars", where={"symbol": "EEM"})
    assert rows["session_date"][0] == date(2003, 4, 11)


@pytest.mark.parametrize(("first", "last"), [("2001-09-11", "2001-09-14"), ("2012-10-29", "2012-10-30")])
def test_days_without_trading_are_neither_rows_nor_gaps(read: Read, first: str, last: str) -> None:
    """September 2001 and the storm of 2012 closed the exchange; neighbours are there, and nobody misses the days."""
    assert read("equities_daily_bars", start=first, end=last).is_empty()
    gaps = read("equities_gaps", where={"symbol": ["AAPL", "BAC", "IBM"]})
    assert gaps.filter(
        pl.col("gap_start") <= date.fromisoformat(last), pl.col("gap_end") >= date.fromisoformat(first)
    ).is_empty()
    around = read("equities_daily_bars", start=f"{first[:7]}-01", end=f"{first[:7]}-28", where={"symbol": "IBM"})
    assert around.height >= 10


def test_a_fund_under_another_ticker_is_an_explained_gap(read: Read) -> None:
    """QQQ traded as QQQQ from 2004-12-01 to 2011-03-22: no source has it under this name."""
    rows = read("equities_gaps", where={"symbol": "QQQ"})
    hole = rows.filter(pl.col("gap_start") >= date(2004, 11, 1), pl.col("gap_end") <= date(2011, 4, 1))
    assert hole["year"].to_list() == [2004, 2005, 2006, 2007, 2008, 2009, 2010, 2011]
    assert hole["cause"].unique().to_list() == ["no_trade"]


def test_two_vendors_agree_on_thirteen_years(read: Read) -> None:
    """AAPL's raw close against Yahoo's: 0.034 USD apart on average over 3,270 common days, 1.90 at most."""
    rows = read("equities_reconciliation", where={"symbol": "AAPL"}, start="2000-03-01", end="2013-03-01").filter(
        pl.col("rel_diff").is_not_null()
    )
    differences = (rows["close_a"] - rows["close_b"]).abs()
    assert rows.height == 3270
    assert differences.mean() == pytest.approx(0.034, abs=0.001)
    assert differences.max() == pytest.approx(1.90, abs=0.01)


def test_every_year_is_stored(read: Read) -> None:
    """As many sessions as were recorded: 5,849 of AAPL, BAC and IBM; EEM without the 722 of its predecessor."""
    rows = read("equities_daily_bars").group_by("symbol").len()
    stored = dict(rows.iter_rows())
    assert {symbol: stored[symbol] for symbol in ("AAPL", "BAC", "IBM")} == {"AAPL": 5849, "BAC": 5849, "IBM": 5849}
    assert (stored["GOOG"], stored["QQQ"], stored["EEM"]) == (4183, 3964, 5245 - 722)


def test_checks_warn_for_reasons_with_a_name(not_passed: dict[str, dict[str, dict[str, Any]]]) -> None:
    """No ERROR; each warning is an event of the record that a person can look up."""
    severities = {
        (asset, name): seen["severity"] for asset, found in not_passed.items() for name, seen in found.items()
    }
    assert severities == {
        ("equities_scored_bars", "validated_share"): "WARN",  # BAC in the crisis of 2009
        ("equities_scored_bars", "suspect_splits"): "WARN",  # GOOG 2014-04-03, IBM 2002-12-23
        ("equities_features", "large_returns"): "WARN",  # AAPL fell by half on 2000-09-29
        ("equities_features", "nulls_in_warm_up"): "WARN",  # QQQ warms up again in 2011
    }
    assert "| BAC | 2009 |" in not_passed["equities_scored_bars"]["validated_share"]["below"]
    assert "| AAPL | 2000-09-29 |" in not_passed["equities_features"]["large_returns"]["rows"]
