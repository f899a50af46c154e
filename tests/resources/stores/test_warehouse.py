"""Plain DuckDB over the lake."""

import duckdb
import polars as pl
import pytest

from market_assets.core import clock
from market_assets.core.settings import RetentionSettings
from resources.stores.lake import LakeStore
from tests.resources.stores.fits import FITS, fits
from tests.resources.stores.test_evolution import FEE, evolved, with_trends
from tests.resources.stores.ticks import RATES, TICKS, rates, ticks

KEY = "2026-03-02|XA"


@pytest.fixture
def store(home):
    return LakeStore(home, RetentionSettings())


def ask(home, query):
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_every_table_has_a_view_before_it_has_data(store, home):
    """With the types of its contract and its descriptions."""
    store.refresh_views([TICKS, RATES])
    assert ask(home, "SELECT count(*) FROM ticks") == [(0,)]
    types = dict(ask(home, "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'ticks'"))
    assert list(types) == list(TICKS.columns)
    assert types["ts"] == "TIMESTAMP WITH TIME ZONE"
    assert types["tags"] == "VARCHAR[]"
    assert ask(home, "SELECT comment FROM duckdb_columns() WHERE column_name = 'settles'") == [("Settlement date",)]


def test_views_show_each_partition_once_and_new(store, home):
    """Replaced, added and emptied partitions, through a connection that stays open."""
    store.refresh_views([TICKS])
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:

        def prices():
            return [price for (price,) in connection.execute("SELECT price FROM ticks ORDER BY venue, ts").fetchall()]

        store.write(TICKS, KEY, ticks(2))
        store.write(TICKS, "2026-03-02|XB", ticks(1, venue="XB", price=7.0))
        assert prices() == [100.0, 101.0, 7.0]
        store.write(TICKS, KEY, ticks(1, price=3.0))
        assert prices() == [3.0, 7.0]
        store.write(TICKS, KEY, TICKS.empty())
        assert prices() == [7.0]


def test_an_open_reader_does_not_hinder_a_refresh(store, home):
    """The new file is renamed into place; the reader keeps what it has."""
    store.refresh_views([TICKS])
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        store.refresh_views([TICKS, RATES])
        assert connection.execute("SELECT count(*) FROM ticks").fetchall() == [(0,)]
    store.write(RATES, "all", rates(a=1.5))
    assert ask(home, "SELECT * FROM rates") == [("a", 1.5)]


def test_a_refresh_without_changes_leaves_the_file(store, home):
    """Definitions load often."""
    store.refresh_views([TICKS])
    before = (home / "warehouse.duckdb").stat().st_ino
    store.refresh_views([TICKS])
    assert (home / "warehouse.duckdb").stat().st_ino == before


def test_an_added_column_shows_after_the_refresh(store, home):
    """Old partitions are null in it."""
    store.write(TICKS, KEY, ticks(1))
    wider = evolved(TICKS, fee=FEE)
    store.write(wider, "2026-03-02|XB", ticks(1, venue="XB").with_columns(fee=pl.lit(0.5)))
    store.refresh_views([wider])
    assert ask(home, "SELECT venue, fee FROM ticks ORDER BY venue") == [("XA", None), ("XB", 0.5)]


def test_a_refresh_repairs_what_a_killed_writer_left(store, home):
    """The partition file is the truth; a link that is missing is made again."""
    store.write(TICKS, KEY, ticks(2))
    for link in (home / "lake/ticks/.live").glob("2026*"):
        link.unlink()
    store.refresh_views([TICKS])
    assert ask(home, "SELECT count(*) FROM ticks") == [(2,)]


def test_a_refresh_follows_files_that_were_put_back_or_taken_away(store, home):
    """After a restore of older data, or by hand, queries see what the lake holds."""
    with clock.frozen("2026-04-01T12:00:00Z"):
        store.write(TICKS, KEY, ticks(2))
    kept = (home / "lake/ticks/2026-03-02%7CXA.parquet").read_bytes()
    with clock.frozen("2026-04-02T12:00:00Z"):
        store.write(TICKS, KEY, ticks(5))
        store.write(TICKS, "2026-03-02|XB", ticks(3, venue="XB"))
    (home / "lake/ticks/2026-03-02%7CXA.parquet").unlink()
    (home / "lake/ticks/2026-03-02%7CXA.parquet").write_bytes(kept)
    (home / "lake/ticks/2026-03-02%7CXB.parquet").unlink()
    store.refresh_views([TICKS])
    assert ask(home, "SELECT venue, count(*) FROM ticks GROUP BY venue") == [("XA", 2)]


def test_old_links_are_let_go_after_a_while(store, home):
    """Queries under way may still need them; later ones do not."""
    for minute, price in ((0, 1.0), (1, 2.0), (8, 3.0), (9, 4.0)):
        with clock.frozen(f"2026-04-01T12:{minute:02d}:00Z"):
            store.write(TICKS, KEY, ticks(1, price=price))
    names = sorted(link.name for link in (home / "lake/ticks/.live").glob("2026*"))
    # replaced at 12:01, more than five minutes before 12:09; those replaced at 12:08 and 12:09 stay
    assert [name.split("@")[1][9:13] for name in names] == ["1201", "1208", "1209"]


def test_a_home_with_glob_signs_and_quotes_in_its_path(tmp_path):
    """The path is text, not a pattern."""
    home = tmp_path / "it's [a] b*"
    home.mkdir()
    store = LakeStore(home, RetentionSettings())
    store.refresh_views([TICKS])
    store.write(TICKS, KEY, ticks(2))
    assert ask(home, "SELECT count(*) FROM ticks") == [(2,)]


def test_categories_are_text_and_lists_are_lists(store, home):
    """Before there is data, with it, and where partitions were written with other categories; never codes."""
    store.refresh_views([FITS])
    types = dict(ask(home, "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'fits'"))
    assert (types["trend"], types["state"], types["centers"]) == ("VARCHAR", "VARCHAR", "DOUBLE[]")
    assert (types["window_h"], types["rows"], types["sign"]) == ("SMALLINT", "INTEGER", "TINYINT")
    store.write(FITS, "2026-03-02", fits(3))
    turned = with_trends("new", "falling", "flat", "rising")
    later = fits(1).cast({"trend": turned.schema["trend"]}).with_columns(pl.col("ts") + pl.duration(weeks=1))
    store.write(turned, "2026-03-09", later.with_columns(trend=pl.lit("new", turned.schema["trend"])))
    store.refresh_views([turned])
    found = ask(home, "SELECT trend, centers FROM fits ORDER BY ts")
    assert found == [("rising", None), ("flat", []), ("falling", [0.1, 0.30000000000000004, 5e-324]), ("new", None)]
    assert ask(home, "SELECT count(*) FROM fits WHERE trend = 'rising'") == [(1,)]
    assert types["epochs"] == "TIMESTAMP WITH TIME ZONE[]"
    micros = "list_transform(epochs, lambda x: epoch_us(x))"
    assert ask(home, f"SELECT {micros}, len(gaps) FROM fits ORDER BY ts") == [
        (None, 0),
        ([], 1),
        # by hand: the last microsecond of 1999; 14,182,939.999999 s before 1970; 2026-03-02T08:00:00.047Z
        ([946_684_799_999_999, -14_182_939_999_999, 1_772_438_400_047_000], 2),
        (None, 0),
    ]
