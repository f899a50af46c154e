"""Days on which settlements are missing that can still be fetched."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from market_assets.funding.schemas import FundingCompleteness
from market_assets.funding.transforms.gaps import gap_days, typed

HOUR = timedelta(hours=1)
BEFORE = datetime(2026, 10, 5, 9, tzinfo=UTC)
BTC = "BTC-USDT-PERP"


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 10, day, hour, tzinfo=UTC)


def lacking(*rows: tuple[str, list[tuple[datetime, datetime]], datetime | None]) -> list[tuple[str, date]]:
    """Days of gaps: exchange, its gaps (first and last missing settlement), its floor."""
    frame = pl.DataFrame(
        {
            "exchange": [exchange for exchange, _, _ in rows],
            "history_floor": [floor for _, _, floor in rows],
            "gap_starts": [[first for first, _ in gaps] for _, gaps, _ in rows],
            "gap_ends": [[last for _, last in gaps] for _, gaps, _ in rows],
        },
        schema={
            "exchange": pl.String,
            "history_floor": UTC_MICROS,
            "gap_starts": pl.List(UTC_MICROS),
            "gap_ends": pl.List(UTC_MICROS),
        },
    )
    return list(gap_days(frame, before=BEFORE).iter_rows())


def test_a_gap_names_every_day_it_touches():
    """From its first missing settlement to its last; each exchange and day once, in order."""
    found = lacking(("okx", [(at(1, 23), at(3, 1)), (at(3, 8), at(3, 8))], None), ("bybit", [(at(2), at(2))], None))
    assert found == [
        ("bybit", date(2026, 10, 2)),
        ("okx", date(2026, 10, 1)),
        ("okx", date(2026, 10, 2)),
        ("okx", date(2026, 10, 3)),
    ]


def test_what_the_exchange_does_not_keep_is_left_out():
    """A gap before the floor cannot be closed; of one across it the part from the floor on."""
    assert lacking(("okx", [(at(1), at(1, 16))], at(2))) == []
    assert lacking(("okx", [(at(1), at(3))], at(2, 8))) == [("okx", date(2026, 10, 2)), ("okx", date(2026, 10, 3))]
    assert lacking(("okx", [(at(2, 8), at(2, 8))], at(2, 8))) == [("okx", date(2026, 10, 2))]


def test_what_may_still_come_by_itself_is_left_out():
    """A gap that begins at that instant or later is none yet."""
    assert lacking(("okx", [(BEFORE, BEFORE + HOUR)], None)) == []
    assert lacking(("okx", [(BEFORE - HOUR, BEFORE + HOUR)], None)) == [("okx", date(2026, 10, 5))]


def test_without_gaps_there_is_no_day():
    """No contract, and contracts without a gap."""
    assert lacking() == []
    assert lacking(("okx", [], None)) == []


def contract(symbol: str = BTC, *holes: tuple[datetime, datetime, int], **stated: Any) -> dict[str, Any]:
    """A contract's newest completeness: its holes (first and last missing settlement, how many)."""
    return {
        "exchange": "okx",
        "symbol": symbol,
        "is_active": True,
        "last_event": BEFORE,
        "history_floor": None,
        "gap_starts": [first for first, _, _ in holes],
        "gap_ends": [last for _, last, _ in holes],
        "gap_slots": [float(n) for _, _, n in holes],
    } | stated


def typed_of(*contracts: dict[str, Any], never: tuple[tuple[str, date, int], ...] = ()) -> pl.DataFrame:
    """The gaps of these contracts."""
    columns = FundingCompleteness.contract().schema
    frame = pl.DataFrame(list(contracts), schema={name: columns[name] for name in contract()})
    whole = pl.DataFrame(never, schema={"exchange": pl.String, "day": pl.Date, "n_due": pl.Int64}, orient="row")
    return typed(frame, whole, before=BEFORE)


def shown(frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    """Partition, name, first missing settlement, how many, kind."""
    return frame.select("partition", "name", "gap_start", "n_missing", "kind").rows()


def test_a_gap_is_cut_by_day():
    """Four settlements of eight hours over three days are of three partitions."""
    assert shown(typed_of(contract(BTC, (at(1, 16), at(2, 16), 4)))) == [
        ("2026-10-01|okx", BTC, at(1, 16), 1, "ours"),
        ("2026-10-02|okx", BTC, at(2), 3, "ours"),
    ]


def test_two_holes_of_a_day_are_two():
    """What is stored between them is no part of either; each ends before the next settlement can be due."""
    found = typed_of(contract(BTC, (at(2), at(2), 1), (at(2, 16), at(2, 16), 1)))
    assert found.select("gap_start", "gap_end").rows() == [(at(2), at(2, 1)), (at(2, 16), at(2, 17))]


def test_settlements_older_than_the_exchange_keeps_are_the_vendors():
    """From the floor on they are ours."""
    found = typed_of(contract(BTC, (at(2), at(2, 16), 3), history_floor=at(2, 8)))
    assert shown(found) == [
        ("2026-10-02|okx", BTC, at(2), 1, "vendor_has_no_data"),
        ("2026-10-02|okx", BTC, at(2, 8), 2, "ours"),
    ]


def test_what_a_delisted_contract_lacks_at_its_end_was_never_settled():
    """After its last one it only waited to be taken off the listing; a hole before may still be served."""
    gone = contract(BTC, (at(1), at(1), 1), (at(2), at(2), 1), is_active=False, last_event=at(1, 16))
    assert [kind for *_, kind in shown(typed_of(gone))] == ["ours", "not_listed"]
    assert [kind for *_, kind in shown(typed_of(gone | {"last_event": None}))] == ["not_listed"] * 2


def test_what_every_contract_lacks_is_said_to_be_the_exchanges():
    """Exchanges serve it afterwards, so that it is asked for again; a single contract proves nothing."""
    hole = (at(2), at(2), 1)
    both = typed_of(contract(BTC, hole), contract("ETH-USDT-PERP", hole))
    one = typed_of(contract(BTC, hole), contract("ETH-USDT-PERP"))
    assert set(both["kind"]) == set(one["kind"]) == {"ours"}
    assert [text.startswith("every contract") for text in (both["reason"][0], one["reason"][0])] == [True, False]
    assert not typed_of(contract(BTC, hole))["reason"][0].startswith("every contract")


def test_a_day_never_stored_is_one_gap_of_its_exchange():
    """Its contracts' own gaps are part of it; where nothing is known to be due it is asked for all the same."""
    found = typed_of(
        contract(BTC, (at(2), at(3), 4)), never=(("okx", date(2026, 10, 2), 6), ("bybit", date(2026, 10, 2), 0))
    )
    assert shown(found) == [
        ("2026-10-02|bybit", "bybit", at(2), 1, "ours"),
        ("2026-10-02|okx", "okx", at(2), 6, "ours"),
        ("2026-10-03|okx", BTC, at(3), 1, "ours"),
    ]


def test_single_settlements_that_may_still_come_are_left_out():
    """Of a gap that is still growing what is old enough counts."""
    assert shown(typed_of(contract(BTC, (at(5, 8), at(5, 16), 2)))) == [("2026-10-05|okx", BTC, at(5, 8), 1, "ours")]


def test_no_contract_has_no_gap():
    """Neither has one without holes."""
    assert typed_of().is_empty()
    assert typed_of(contract()).is_empty()
