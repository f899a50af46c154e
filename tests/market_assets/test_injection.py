"""Whatever text is asked for, `load_asset_value` and `scan_asset` take it as a value: on both stores, every way in."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import quote

import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from market_assets import load_asset_value, scan_asset, tables
from market_assets.core.errors import InvalidRequest, MarketAssetsError, UnknownName
from market_assets.settings import settings
from resources.stores import open_store

ACTIONS = tables.contract("equities_corporate_actions")
TABLE = ACTIONS.name
AT = datetime(2024, 1, 1, tzinfo=UTC)
#: stored as symbols, so that each must be found and nothing but it
STORED = (
    "AAPL",
    "x' OR '1'='1",
    "'; DROP TABLE equities_corporate_actions; --",
    '"; DELETE FROM "equities_corporate_actions" WHERE true; --',
    "$1 {} %s %(symbol)s",
    "100%",
    "A_PL",
    "../equities_daily_bars/AAPL",
    "..",
    "%2e%2e%2fAAPL",
    "back\\slash\\'",
    "new\nline\ttab",
    "ΩΔ😀",
    "null",
)
#: stored nowhere
NASTY = (
    *(
        "",
        "'",
        '"',
        ";",
        "--",
        "/* */",
        "%",
        "_",
        "*",
        "?",
        "\\",
        "{}",
        "%s",
        "$1",
        ":name",
        "a\x00b",
        "\ud800",
        "NULL",
    ),
    *("../../../../etc/passwd", "/etc/passwd", "..\\..\\secret", "file:///etc/passwd", "..%2F..%2Fsecret", "./AAPL"),
    *("~/.ssh/id_rsa", "AAPL.parquet", "AAPL\x00.parquet", "' UNION SELECT hash FROM keys --", "x" * 300, "y" * 70_000),
    *("Ω" * 200, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31", "0001-01-01", "2024-02-30"),
)
texts = st.one_of(
    st.sampled_from(NASTY), st.sampled_from(STORED), st.text(max_size=30), st.text("'\";-%\\/.\x00|", max_size=8)
)
few = hypothesis_settings(
    max_examples=60,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


def rows() -> pl.DataFrame:
    """One dividend of every stored symbol."""
    plain = {
        "kind": "cash_dividend",
        "ex_date": date(2024, 1, 2),
        "amount_key": 1.0,
        "amount": 1.0,
        "volume_factor": 1.0,
    }
    told = {"withdrawn": False, "source": "polygon", "ingested_at": AT, "first_seen_at": AT}
    return pl.DataFrame([{"symbol": symbol, **plain, **told} for symbol in STORED], schema=ACTIONS.schema)


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def everything(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[pl.DataFrame]:
    """All that is stored; it and the list of partitions must be the same after the test as before it."""
    if request.param == "postgres":
        monkeypatch.setenv("MARKET_ASSETS_STORE", "postgres")
        monkeypatch.setenv("MARKET_ASSETS_POSTGRES_URL", request.getfixturevalue("postgres_url"))
    settings.cache_clear()
    store = open_store(settings())
    for partition, part in ACTIONS.split(rows()).items():
        store.write(ACTIONS, partition, part)
    before, manifests = load_asset_value(TABLE), store.manifests(ACTIONS)
    assert sorted(before["symbol"]) == sorted(STORED)
    yield before
    assert_frame_equal(load_asset_value(TABLE), before)
    assert open_store(settings()).manifests(ACTIONS) == manifests


def refused(ask: Callable[[], pl.DataFrame], *kinds: type[MarketAssetsError]) -> pl.DataFrame | None:
    """What is answered, or None where it is refused in our own words."""
    try:
        return ask()
    except kinds:
        return None


def is_text(given: str) -> bool:
    """Whether any store can hold it: neither NUL, nor half of a character."""
    return "\x00" not in given and given.encode(errors="ignore").decode() == given


@few
@given(text=texts)
def check_where(everything: pl.DataFrame, text: str) -> None:
    for column, asked, wanted in (
        *((column, text, [text]) for column in ("symbol", "source")),
        *((column, [text, "AAPL"], [text, "AAPL"]) for column in ("symbol", "source")),
    ):
        where = {column: asked}
        expected = everything.filter(pl.Series([value in wanted for value in everything[column]]))
        found = refused(lambda where=where: load_asset_value(TABLE, where=where), InvalidRequest)
        scanned = refused(lambda where=where: scan_asset(TABLE, where=where).collect(), InvalidRequest)
        assert (found is not None) == (scanned is not None) == is_text(text)
        if found is not None and scanned is not None:
            assert_frame_equal(found, expected)
            assert_frame_equal(scanned.sort(ACTIONS.key), expected)


def test_a_value_is_only_ever_a_value(everything: pl.DataFrame):
    """`where` gives the rows that equal the text; what is no text is refused."""
    check_where(everything)


@few
@given(text=texts)
def check_partition(everything: pl.DataFrame, text: str) -> None:
    expected = everything.filter(pl.Series([value == text for value in everything["symbol"]]))
    for asked in (text, [text, text]):
        found = refused(lambda asked=asked: load_asset_value(TABLE, asked), UnknownName)
        assert (found is None) == (text not in STORED)
        if found is not None:
            assert_frame_equal(found, expected)
    assert open_store(settings()).read(ACTIONS, [text]).height == expected.height


def test_a_partition_is_only_ever_a_name(everything: pl.DataFrame):
    """The partition of that very name, whatever is in it; every other is unknown."""
    check_partition(everything)


@few
@given(text=texts)
def check_names(everything: pl.DataFrame, text: str) -> None:
    for ask in (
        lambda: load_asset_value(TABLE, columns=[text]),
        lambda: load_asset_value(TABLE, columns=["symbol", text]),
        lambda: scan_asset(TABLE, columns=[text]).collect(),
        lambda: load_asset_value(TABLE, where={text: "AAPL"}),
        lambda: load_asset_value(TABLE, where=pl.col(f"^{text}") == "AAPL"),
        lambda: load_asset_value(text),
        lambda: scan_asset(text),
    ):
        assert refused(ask, UnknownName) is None


def test_no_other_column_or_table_can_be_named(everything: pl.DataFrame):
    """A table or column that is not declared is unknown: neither SQL nor a path gets through as a name."""
    check_names(everything)


@few
@given(text=texts)
def check_times(everything: pl.DataFrame, text: str) -> None:
    for bound in ("start", "end", "as_of"):
        for read in (load_asset_value, lambda *given, **asked: scan_asset(*given, **asked).collect()):
            found = refused(lambda bound=bound, read=read: read(TABLE, **{bound: text}), InvalidRequest)
            if found is not None:
                assert found.height in (0, everything.height)
                assert text[:1].isdigit()


def test_a_bound_is_only_ever_an_instant(everything: pl.DataFrame):
    """Text that is no date or instant is refused, also at both ends of the calendar."""
    check_times(everything)
    assert load_asset_value(TABLE, start="0001-01-01", end="9999-12-31").height == everything.height


def test_numbers_are_compared_as_numbers(everything: pl.DataFrame):
    """A text, or a number no column can hold, is no value of a number column."""
    assert load_asset_value(TABLE, where={"amount": 1.0}).height == everything.height
    for wrong in ("1 OR 1=1", "1", b"1", [["1"]], {"a": 1}):
        with pytest.raises(InvalidRequest):
            load_asset_value(TABLE, where={"amount": wrong})
    bars = tables.contract("equities_daily_bars")
    assert bars.schema["fallback_level"] == pl.Int8
    for wrong in (2**70, -(2**70), 300):
        with pytest.raises(InvalidRequest):
            open_store(settings()).read(bars, where={"fallback_level": wrong})


def test_no_file_outside_the_home_is_read(home: Path):
    """A real partition file beside the home, asked for by every spelling of its path, is not found."""
    store = open_store(settings())
    row = rows().filter(pl.col("symbol") == "AAPL")
    store.write(ACTIONS, "AAPL", row)
    stored = next((home / "lake" / TABLE).glob("AAPL*.parquet"))
    for place in (home.parent, home, home / "lake"):
        shutil.copy(stored, place / "secret.parquet")
    ups = ["../" * n + "secret" for n in range(1, 6)] + [str(home.parent / "secret"), "..\\secret", "./../../secret"]
    for path in [*ups, *(quote(up, safe="") for up in ups), *(f"{up}.parquet" for up in ups)]:
        assert store.manifest(ACTIONS, path) is None
        assert store.versions(ACTIONS, path) == []
        assert store.read(ACTIONS, [path]).is_empty()
        for ask in (lambda path=path: load_asset_value(TABLE, path), lambda path=path: load_asset_value(path)):
            assert refused(ask, UnknownName) is None
    assert load_asset_value(TABLE, "AAPL").height == 1
