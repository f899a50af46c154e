"""Instruments and chains of the bars domain: explicit names, kinds never mixed unless it is said."""

from typing import Any

import pytest

from market_assets.bars.instruments import CURATED, Bound, InstrumentRow
from market_assets.settings import InvalidSettings, Settings, load, settings

YEN: dict[str, Any] = {"symbol": "USDJPY", "kind": "spot", "calendar": "fx_24x5", "yahoo": "JPY=X"}


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("US100", "NAS100"),
        ("ustec", "NAS100"),
        ("^NDX", "NAS100"),
        ("gold", "XAUUSD"),
        ("NQ", "NAS100_FUT"),
        ("SPX", "US500"),
        ("eurusd", "EURUSD"),
        ("NDAQ", None),
        ("EUR/USD", None),
    ],
)
def test_only_stated_variants_are_names(name: str, symbol: str | None) -> None:
    """Variants of the table of the spec in any case; the stock of an exchange operator is none."""
    assert settings().bars.named(name) == symbol


def test_the_rows_of_the_spec() -> None:
    """Kinds, calendars and volume as section 2 states them."""
    rows = {row.symbol: row for row in CURATED}
    assert len(rows) == 11
    assert (rows["NAS100"].kind, rows["NAS100"].calendar, rows["NAS100"].measures_volume) == ("index", "XNYS", False)
    assert (rows["EURUSD"].kind, rows["EURUSD"].calendar, rows["EURUSD"].measures_volume) == ("spot", "fx_24x5", False)
    assert (rows["BTCUSD"].kind, rows["BTCUSD"].calendar, rows["BTCUSD"].measures_volume) == ("crypto", "always", True)
    assert (rows["XAUUSD_FUT"].yahoo, rows["XAUUSD_FUT"].calendar) == ("GC=F", "cme_index")
    assert rows["XAUUSD"].yahoo is None


def test_a_chain_leaves_out_sources_without_an_id() -> None:
    """Gold is not at Yahoo; its first choice is level 0 all the same."""
    assert settings().bars.chain("XAUUSD") == [
        Bound("twelvedata", "XAU/USD", "XAUUSD", "spot"),
        Bound("polygon", "C:XAUUSD", "XAUUSD", "spot"),
    ]


def test_other_kinds_come_only_where_they_are_allowed() -> None:
    """With the switch the future follows the index, as a future."""
    plain = settings().bars.chain("NAS100")
    assert {bound.kind for bound in plain} == {"index"}
    row = next(row for row in CURATED if row.symbol == "NAS100")
    switched = load(bars={"instruments": [row.model_copy(update={"allow_kind_switch": True}).model_dump()]}).bars
    assert switched.chain("NAS100") == [*plain, Bound("yahoo", "NQ=F", "NAS100_FUT", "future")]


def test_an_instrument_may_have_a_chain_of_its_own() -> None:
    """In its own order."""
    row = InstrumentRow(**YEN, polygon="C:USDJPY", sources=("polygon", "yahoo"))
    found = Settings(bars={"symbols": ["USDJPY"], "instruments": [row]}).bars
    assert [bound.source for bound in found.chain("USDJPY")] == ["polygon", "yahoo"]


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        ({"symbols": ["USDJPY"]}, "USDJPY have none"),
        ({"symbols": ["EURUSD", "EURUSD"]}, "must differ from each other"),
        ({"sources": ["yahoo", "yahoo"]}, "must differ from each other"),
        ({"instruments": [YEN | {"variants": ["GOLD"]}]}, "GOLD is a name of both"),
        ({"instruments": [YEN | {"alt_symbols": ["YEN_FUT"]}]}, "USDJPY -> YEN_FUT"),
        ({"instruments": [YEN | {"yahoo": None}]}, "needs an id at one source at least"),
        ({"instruments": [YEN | {"valid_from": "2026-02-02", "valid_to": "2026-02-02"}]}, "must lie before valid_to"),
        ({"overlap_ok": 0.02}, "must not lie above bars.overlap_error"),
        ({"signals": {"weights": {"momentum_v3": 3}}}, "less than or equal to 2"),
    ],
)
def test_what_cannot_be_is_named(stated: dict[str, Any], told: str) -> None:
    """Every rule that a value breaks is told with the value."""
    with pytest.raises(InvalidSettings, match=told):
        load(bars=stated)


def test_validity_ends_before_its_last_day() -> None:
    """valid_from is inside, valid_to is not."""
    row = InstrumentRow(**YEN, valid_from="2026-02-02", valid_to="2026-02-04")  # type: ignore[arg-type]
    assert [row.exists(row.valid_from.replace(day=n)) for n in (1, 2, 3, 4)] == [False, True, True, False]  # type: ignore[union-attr]


def test_what_nothing_is_computed_from_changes_no_fingerprint() -> None:
    """Budgets, the collector's pace and live filters do not; thresholds and sources do."""
    usual = load().bars_hash()
    assert load(bars={"stream": {"interval_s": 2.0}, "filters": {"pause_s": 9.0}}).bars_hash() == usual
    assert load(bars={"signals": {"profile": "relaxed"}}).bars_hash() != usual
    assert load(bars={"sources": ["polygon"]}).bars_hash() != usual
