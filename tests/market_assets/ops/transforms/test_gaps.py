"""What is done about each hole: asked for again so often, with pauses, then given up."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from market_assets.core import gaps as core_gaps
from market_assets.core.gaps import Kind
from market_assets.ops.transforms import gaps
from market_assets.ops.transforms.gaps import COSTS, TRIED, Rules

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
D3 = datetime(2026, 11, 3, tzinfo=UTC)
RULES = Rules(tries=3, pause=timedelta(hours=6))
BTC, ETH = "2026-11-03|BTCUSDT", "2026-11-03|ETHUSDT"
Row = tuple[str, str, str, datetime, datetime, int, Kind, str]


def hole(partition: str = BTC, kind: Kind = "ours", start: datetime = D3, hours: int = 1) -> Row:
    name = partition.rpartition("|")[2]
    return ("crypto_klines", partition, name, start, start + hours * HOUR, 60 * hours, kind, "because")


def found(*rows: Row) -> pl.DataFrame:
    return core_gaps.found(list(rows))


def tried(partition: str = BTC, n: int = 1, at: datetime = NOW - 6 * HOUR) -> pl.DataFrame:
    return pl.DataFrame([("crypto_klines", partition, at, n)], schema=TRIED, orient="row")


def due(*rows: Row, before: pl.DataFrame | None = None) -> list[str]:
    return gaps.due(gaps.repairable(found(*rows), TRIED.to_frame() if before is None else before), RULES, NOW)


def test_only_what_is_ours_is_due_the_newest_first() -> None:
    """Partitions once each, however many holes they have."""
    rows = [hole(kind=kind) for kind in core_gaps.KINDS if kind != "ours"]
    assert due(*rows) == []
    newer = hole(ETH, start=D3 + 5 * HOUR)
    assert due(*rows, hole(), hole(start=D3 + 2 * HOUR), newer) == [ETH, BTC]


@pytest.mark.parametrize(("n", "hours", "is_due"), [(1, 5, False), (1, 6, True), (2, 6, True), (3, 6, False)])
def test_a_partition_is_tried_again_after_the_pause_until_it_was_often_enough(n: int, hours: int, is_due: bool) -> None:
    """Three tries, six hours apart."""
    before = tried(n=n, at=NOW - hours * HOUR)
    assert (due(hole(), before=before) == [BTC]) == is_due
    spent = gaps.spent(gaps.repairable(found(hole()), before), RULES, NOW)
    assert spent["partition"].to_list() == ([BTC] if n == 3 else [])


def test_a_last_try_that_may_still_run_is_not_spent() -> None:
    """Whether it was given up is known once the pause is over."""
    before = gaps.repairable(found(hole()), tried(n=3, at=NOW - HOUR))
    assert gaps.spent(before, RULES, NOW).is_empty()


def test_slots_after_the_last_try_count_anew() -> None:
    """A hole that ends when it was tried, or before, is the same past; one that goes on after that is new."""
    at = NOW - 6 * HOUR
    before = tried(n=3, at=at)
    assert due(hole(start=at - HOUR), hole(start=at - 3 * HOUR), before=before) == []
    assert due(hole(start=at - HOUR, hours=2), before=before) == [BTC]
    assert gaps.repairable(found(hole(start=at)), before)["n_tries"].to_list() == [0]


def test_tries_are_forgotten_once_nothing_is_left_to_solve() -> None:
    """What is explained is no reason to remember; what the vendor has not got is: it may turn into ours again."""
    before = pl.concat([tried(), tried(ETH)])
    keys = [BTC, ETH]
    for kinds, closed in (
        ((), keys),
        (("venue_outage", "not_listed"), keys),
        (("ours",), [ETH]),
        (("vendor_has_no_data",), [ETH]),
    ):
        left = found(*(hole(kind=kind) for kind in kinds))
        assert gaps.closed(left, before)["partition"].to_list() == closed


def test_each_hole_is_told_with_what_is_done_about_it() -> None:
    """Open with its cost, explained without, given up with a kind that says so."""
    holes = found(hole(), hole(ETH), hole(ETH, "venue_outage", D3 + 3 * HOUR))
    costs = pl.DataFrame([("crypto_klines", BTC, 2, ["binance_usdm"])], schema=COSTS, orient="row")
    at = NOW - HOUR
    told = gaps.told(holes, tried(ETH, n=3, at=at), {"crypto_klines": 3}, costs)
    columns = ["partition", "kind", "status", "n_tries", "last_tried_at", "n_requests", "vendors", "reason", "domain"]
    assert told.select(columns).rows() == [
        (BTC, "ours", "open", 0, None, 2, ["binance_usdm"], "because", "crypto"),
        (ETH, "vendor_has_no_data", "given_up", 3, at, None, [], "because; asked for again 3 times", "crypto"),
        (ETH, "venue_outage", "explained", 3, at, None, [], "because", "crypto"),
    ]


def test_no_hole_is_no_row() -> None:
    """An empty frame of the table."""
    told = gaps.told(found(), tried(), {"crypto_klines": 3}, COSTS.to_frame())
    assert (told.height, told.schema) == (0, gaps.OpsGaps.contract().schema)
