"""What missing sessions are called, and which of them asking again may close."""

from datetime import UTC, date, datetime

import polars as pl

from market_assets.core import clock
from market_assets.equities.gaps import typed_gaps
from market_assets.equities.schemas import EquitiesDailyBars, EquitiesGaps, EquitiesSymbols
from market_assets.equities.transforms import gap_kinds, gaps
from market_assets.equities.transforms.sessions import due
from market_assets.settings import settings
from resources.fetch_log import FetchLog
from resources.stores import open_store
from tests.market_assets.equities.frames import raw, sessions, universe

NOW = datetime(2021, 2, 1, 12, tzinfo=UTC)
CALENDAR = due(sessions(date(2018, 1, 1), date(2021, 12, 31)), NOW, delay_min=120)
#: a Thursday to the Tuesday after it, and the day after
THU, FRI, MON, TUE, WED = (date(2020, 1, day) for day in (9, 10, 13, 14, 15))
STORED = [(name, 2020) for name in "AB"]
BARS, GAPS = EquitiesDailyBars.contract(), EquitiesGaps.contract()


def judged(*rows):
    """Gaps as `equities_gaps` states them: symbol, first and last session, how many, cause."""
    fields = ("symbol", "gap_start", "gap_end", "n_sessions", "cause")
    told = [dict(zip(fields, row, strict=True)) for row in rows]
    more = {"status": "open", "detected_at": NOW}
    return pl.DataFrame([row | more | {"year": row["gap_start"].year} for row in told], schema=GAPS.schema)


def years(*rows):
    return pl.DataFrame(rows, schema=gaps.SYMBOL_YEARS, orient="row")


def typed(*rows, symbols="AB", stored=STORED, lost=(), newer=(), present=(), refused=()):
    standing = gap_kinds.Standing(
        stored=years(*stored),
        lost=years(*lost),
        newer=years(*newer),
        rows=pl.DataFrame(present, schema=gaps.SYMBOL_SESSIONS, orient="row"),
        refused=years(*refused),
    )
    known = universe(*symbols) if isinstance(symbols, str) else symbols
    return gap_kinds.typed(judged(*rows), known, CALENDAR, standing)


def shown(frame):
    """Partition, first day, first day after, sessions, kind."""
    ends = [pl.col(name).dt.date() for name in ("gap_start", "gap_end")]
    return frame.select("partition", *ends, "n_missing", "kind").rows()


def test_each_cause_has_its_kind():
    """What asking again may close is ours; an unfetched year is a person's backfill, and no gap."""
    causes = ("fetch_failed", "clipped", "quarantined", "vendor_missing", "unknown", "no_trade", "not_listed")
    days = [day for day in CALENDAR["XNYS"]["session_date"].to_list() if day.year == 2020][: 2 * len(causes) : 2]
    found = typed(*(("A", day, day, 1, cause) for day, cause in zip(days, causes, strict=True)))
    assert found["kind"].to_list() == ["ours"] * 5 + ["halt", "not_listed"]
    assert typed(("A", date(2020, 1, 2), date(2020, 12, 31), 253, "unfetched")).is_empty()


def test_a_gap_keeps_its_sessions_and_ends_after_the_last():
    """Thursday to Monday are three sessions; the hole ends on Tuesday at midnight."""
    assert shown(typed(("A", THU, MON, 3, "vendor_missing"))) == [("A|2020", THU, TUE, 3, "ours")]


def test_a_session_that_nobody_has_was_none():
    """Of three sessions of a halt the middle one is missing for the other symbol as well: that one is a holiday."""
    found = typed(("A", THU, MON, 3, "no_trade"), ("B", FRI, FRI, 1, "no_trade"))
    assert shown(found) == [
        ("A|2020", THU, FRI, 1, "halt"),
        ("A|2020", FRI, date(2020, 1, 11), 1, "holiday"),
        ("A|2020", MON, TUE, 1, "halt"),
        ("B|2020", FRI, date(2020, 1, 11), 1, "holiday"),
    ]


def test_one_symbol_alone_says_nothing_of_holidays():
    """Of a calendar with one symbol each halt would be one."""
    assert shown(typed(("A", FRI, FRI, 1, "no_trade"), symbols="A"))[0][-1] == "halt"


def test_who_has_no_year_stored_is_not_counted():
    """B was never fetched: that it lacks nothing says nothing."""
    assert shown(typed(("A", FRI, FRI, 1, "no_trade"), stored=[("A", 2020)]))[0][-1] == "halt"


def test_what_came_since_the_judgement_is_no_gap():
    """The partition was stored again with one of both sessions."""
    listed = universe("A", valid_from=THU)
    found = typed(("A", THU, FRI, 2, "vendor_missing"), symbols=listed, newer=[("A", 2020)], present=[("A", THU)])
    assert shown(found) == [("A|2020", FRI, date(2020, 1, 11), 1, "ours")]


def test_what_went_since_the_judgement_was_lost_here():
    """Of a partition stored after it, each session before its newest row; later ones are still on their way."""
    have = [("A", date(2020, 1, day)) for day in (2, 3, 6, 7, 8, 10)]
    found = typed(newer=[("A", 2020)], present=have)
    assert shown(found) == [("A|2020", THU, FRI, 1, "ours")]
    assert found["reason"].to_list() == ["was stored once and is not any more"]


def test_what_was_judged_explained_is_not_lost():
    """A halt stays one when its partition is stored again."""
    have = [("A", day) for day in CALENDAR["XNYS"]["session_date"].to_list() if day.year == 2020 and day != FRI]
    found = typed(("A", FRI, FRI, 1, "no_trade"), newer=[("A", 2020)], present=have)
    assert shown(found) == [("A|2020", FRI, date(2020, 1, 11), 1, "halt")]


def test_a_lost_partition_lacks_all_it_was_listed_for():
    """Listed until Friday: six sessions of January are gone."""
    found = typed(symbols=universe("A", valid_from=date(2019, 1, 1), valid_to=FRI), stored=[], lost=[("A", 2020)])
    assert shown(found) == [("A|2020", date(2020, 1, 2), date(2020, 1, 11), 7, "ours")]


def test_what_the_vendors_plan_refuses_is_not_asked_for_again():
    """Its last answer began too late."""
    found = typed(("A", THU, THU, 1, "clipped"), refused=[("A", 2020)])
    assert shown(found)[0][-1] == "vendor_has_no_data"


def stored_home(*keys: str):
    """A home with one bar in each symbol-year."""
    store = open_store(settings())
    store.write(EquitiesSymbols.contract(), "all", universe("A", "B"))
    for key in keys:
        symbol, year = key.split("|")
        day = next(day for day in CALENDAR["XNYS"]["session_date"].to_list() if day.year == int(year))
        store.write(BARS, key, raw(symbol, [day], [10.0]))
    return store


def lacking(store):
    return sorted(set(typed_gaps(store, settings(), NOW)["partition"]))


def test_a_year_between_stored_ones_was_lost():
    """Years before the first one are a backfill that nobody ordered; without judgements nothing else is claimed."""
    assert lacking(stored_home("A|2018", "A|2020")) == ["A|2019"]


def test_a_partition_that_was_stored_once_was_lost():
    """The fetch log remembers it, also at the end of the years; a fetch that never succeeded is no such year."""
    store, log = stored_home("A|2018"), FetchLog(settings().home)
    with clock.frozen(NOW):
        log.succeeded(BARS.name, ["B|2019"], "run")
        log.failed(BARS.name, ["B|2020"], "run", "timeout", "no answer")
    assert lacking(store) == ["B|2019"]


def test_only_what_is_newer_than_its_judgement_is_looked_at_again():
    """A gap of a partition that did not change stays as it was judged; of another one what it has now counts."""
    store = stored_home("B|2020")
    store.write(BARS, "A|2020", raw("A", [date(2020, 1, 2), date(2020, 1, 6)], [10.0] * 2))
    store.write(GAPS, "2020", judged(("A", FRI, FRI, 1, "vendor_missing"), ("B", FRI, FRI, 1, "vendor_missing")))
    assert typed_gaps(store, settings(), NOW)["gap_start"].dt.date().to_list() == [FRI, FRI]
    store.write(BARS, "B|2020", raw("B", [date(2020, 1, 2), date(2020, 1, 3), FRI], [10.0] * 3))
    found = typed_gaps(store, settings(), NOW).filter(partition="B|2020")
    assert shown(found) == [("B|2020", date(2020, 1, 6), FRI, 4, "ours")]


def test_an_empty_home_has_no_gaps():
    """Nobody asked for anything."""
    assert typed_gaps(open_store(settings()), settings(), NOW).is_empty()
