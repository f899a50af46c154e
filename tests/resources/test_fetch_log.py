"""The memory of how fetches ended."""

from pathlib import Path

from market_assets.core import clock
from resources.fetch_log import FetchLog


def test_a_retry_knows_what_its_group_finished(home: Path) -> None:
    """Only successes of the same run group are skipped."""
    log = FetchLog(home)
    log.succeeded("bars", ["AAPL|2020"], "run-1")
    log.failed("bars", ["BAC|2020"], "run-1", "unavailable", "polygon did not answer")
    log.succeeded("bars", ["XOM|2020"], "run-2")
    assert log.finished_by("bars", "run-1") == {"AAPL|2020"}


def test_a_failure_keeps_the_last_success(home: Path) -> None:
    """The last success stays on record beside the error that followed it."""
    log = FetchLog(home)
    with clock.frozen("2021-01-04T23:00:00Z"):
        log.succeeded("bars", ["AAPL|2020"], "run-1")
    with clock.frozen("2021-01-05T23:00:00Z") as failed_at:
        log.failed("bars", ["AAPL|2020"], "run-2", "rate_limited", "429")
    row = log.outcomes("bars").row(0, named=True)
    assert row["finished_at"] == failed_at
    assert row["succeeded_at"] == clock.instant("2021-01-04T23:00:00Z")
    assert (row["outcome"], row["error"]) == ("rate_limited", "429")


def test_a_success_clears_the_error(home: Path) -> None:
    """What works again is no longer failing."""
    log = FetchLog(home)
    log.failed("bars", ["AAPL|2020"], "run-1", "clipped", "starts late")
    log.succeeded("bars", ["AAPL|2020"], "run-2")
    assert log.outcomes("bars")["error"].to_list() == [None]
