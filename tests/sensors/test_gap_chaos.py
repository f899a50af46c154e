"""Two hundred holes in a small home of all domains: what can be closed is, the rest is named, and nothing loops."""

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl
import pytest

from market_assets.core import clock
from market_assets.core.gaps import KINDS
from market_assets.gap_finders import REPAIRS, found_gaps
from market_assets.tables import contract
from tests.desk import Sandbox, opened
from tests.sensors.chaos_holes import derive, punched
from tests.sensors.chaos_home import EXCHANGES, MONDAY, Hole, Punched, execute
from tests.sensors.chaos_rounds import Daemon, Round

KEY = ("table", "partition", "name", "gap_start")


@dataclass
class Repaired:
    """The home after its repairs."""

    home: Punched
    #: FOUND, right after the holes were punched
    first: pl.DataFrame
    rounds: list[Round]
    #: `ops_gaps`, and what is stored of partitions that lacked rows of ours, at the end
    last: pl.DataFrame
    after: dict[tuple[str, str], pl.DataFrame]
    #: table -> repairs of a partition at most
    tries: dict[str, int]

    @property
    def ours(self) -> list[Hole]:
        """The holes that asking again closes."""
        return [hole for hole in self.home.holes if hole.kind == "ours"]

    @property
    def others(self) -> list[Hole]:
        """Those that nothing closes."""
        return [hole for hole in self.home.holes if hole.kind != "ours"]


@pytest.fixture(scope="module")
def repaired(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repaired]:
    """Punched on a Monday evening, and repaired until nothing is asked for any more."""
    with pytest.MonkeyPatch.context() as patch, opened(tmp_path_factory.mktemp("chaos"), sandbox, patch) as desk:
        home = punched(desk)
        derive(desk, desk.stored("equities_daily_bars"), EXCHANGES)
        first = found_gaps(desk.store, desk.settings, clock.now())
        daemon = Daemon(desk)
        daemon.run(clock.instant(MONDAY))
        execute(desk, ["ops_gaps"], {})
        lacked = {(hole.table, hole.partition) for hole in home.holes if hole.kind == "ours"}
        after = {(table, key): desk.store.read(contract(table), [key]) for table, key in lacked}
        tries = {table: repair.tries(desk.settings) for table, repair in REPAIRS.items()}
        yield Repaired(home, first, daemon.rounds, desk.read("ops_gaps"), after, tries)


def keys_of(frame: pl.DataFrame) -> set[tuple[Any, ...]]:
    return set(frame.select(KEY).iter_rows())


def test_there_are_two_hundred_holes_of_every_kind(repaired: Repaired) -> None:
    """Each once, and what is ours is known to be before anything is asked for."""
    holes = repaired.home.holes
    assert (len(holes), len({hole.key for hole in holes})) == (200, 200)
    assert {hole.kind for hole in holes} == set(KINDS)
    assert {hole.table for hole in repaired.ours} == set(REPAIRS)
    assert {hole.key for hole in repaired.ours} <= keys_of(repaired.first.filter(kind="ours"))


def test_what_can_be_closed_is_closed_with_the_rows_that_were_lost(repaired: Repaired) -> None:
    """Row for row, but for the instant of the fetch; partitions that were never stored have rows."""
    assert not keys_of(repaired.last) & {hole.key for hole in repaired.ours}
    assert all(rows.height for rows in repaired.after.values())
    before = {of: rows for of, rows in repaired.home.before.items() if of in repaired.after}
    changed = [of for of, rows in before.items() if not _unstamped(rows).equals(_unstamped(repaired.after[of]))]
    assert (len(before) > 20, changed) == (True, [])


def _unstamped(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.drop("ingested_at")


def test_every_other_hole_is_named_and_left_alone(repaired: Repaired) -> None:
    """Nothing but them is left: each has its kind, and was given up where only asking could tell."""
    told = {row[:4]: row[4:] for row in repaired.last.select(*KEY, "kind", "status").iter_rows()}
    assert told == {hole.key: (hole.kind, "given_up" if hole.is_given_up else "explained") for hole in repaired.others}


def test_repairs_come_to_an_end(repaired: Repaired) -> None:
    """The last evaluations ask for nothing, and no partition was tried more often than its table allows."""
    assert [one.asked for one in repaired.rounds[-2:]] == [[], []]
    made = Counter((table, key) for one in repaired.rounds for table, keys in one.made.items() for key in keys)
    tries = {of: n for of, n in made.items() if of[0] in repaired.tries}
    assert {of: n for of, n in tries.items() if n > repaired.tries[of[0]]} == {}
    given_up = {(hole.table, hole.partition) for hole in repaired.others if hole.is_given_up}
    assert {of for of, n in tries.items() if n == repaired.tries[of[0]] > 1} <= given_up


def test_no_more_is_sent_than_was_planned(repaired: Repaired) -> None:
    """To no vendor and in no round, also where it lacks rows for good."""
    for one in repaired.rounds:
        assert {vendor: n for vendor, n in one.sent.items() if n > one.planned[vendor]} == {}, one.at
    planned, sent = (
        sum((getattr(one, name) for one in repaired.rounds), Counter[str]()) for name in ("planned", "sent")
    )
    assert sent.total() > planned.total() / 3
    numbers = {
        "holes": dict(Counter(hole.kind for hole in repaired.home.holes)),
        "rounds": len(repaired.rounds),
        "runs": sum(len(one.asked) for one in repaired.rounds),
        "planned": dict(planned),
        "sent": dict(sent),
    }
    # shown by `pytest -o log_cli=true -o log_cli_level=INFO`
    logging.getLogger(__name__).info("%s", numbers)
