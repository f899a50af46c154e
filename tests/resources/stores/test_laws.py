"""Laws of the stores on random frames: what goes in comes out, and both stores agree."""

from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from market_assets.core.settings import RetentionSettings
from resources.stores.digest import content_digest
from resources.stores.lake import LakeStore
from resources.stores.postgres import PostgresStore
from tests.resources.stores.fits import FITS, MONDAY, STATES, TRENDS
from tests.resources.stores.ticks import TICKS

DAY = datetime(2026, 3, 2, tzinfo=UTC)
KEY = "2026-03-02|XA"

text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
row = st.fixed_dictionaries(
    {
        "venue": st.just("XA"),
        "ts": st.integers(0, 86_399_999_999).map(lambda us: int(DAY.timestamp()) * 1_000_000 + us),
        "price": st.floats(allow_nan=False, allow_infinity=False),
        "size": st.none() | st.integers(-(2**63), 2**63 - 1),
        "count": st.none() | st.integers(-(2**31), 2**31 - 1),
        "level": st.none() | st.integers(-128, 127),
        "is_block": st.none() | st.booleans(),
        "settles": st.none() | st.dates(date(1800, 1, 1), date(2200, 1, 1)),
        "note": st.none() | text,
        "tags": st.none() | st.lists(st.none() | text, max_size=3),
        "source": st.just("a"),
        "ingested_at": st.just(DAY),
    }
)
frames = st.lists(row, max_size=8, unique_by=lambda found: found["ts"]).map(
    lambda rows: pl.DataFrame(rows, schema={**TICKS.schema, "ts": pl.Int64}).cast({"ts": TICKS.schema["ts"]})
)

instant = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))
number = st.floats(allow_nan=False, allow_infinity=False)
fit = st.fixed_dictionaries(
    {
        "trend": st.sampled_from(TRENDS),
        "ts": st.integers(0, 7 * 86_400_000_000 - 1).map(lambda us: int(MONDAY.timestamp()) * 1_000_000 + us),
        "state": st.none() | st.sampled_from(STATES),
        "window_h": st.none() | st.integers(-(2**15), 2**15 - 1),
        "rows": st.none() | st.integers(-(2**31), 2**31 - 1),
        "sign": st.none() | st.integers(-128, 127),
        "is_warm": st.none() | st.booleans(),
        "inertia": st.none() | number,
        "centers": st.none() | st.lists(st.none() | number, max_size=4),
        "edges": st.lists(number, max_size=4),
        "notes": st.none() | st.lists(st.none() | text, max_size=3),
        "epochs": st.none() | st.lists(st.none() | instant, max_size=4),
        "gaps": st.lists(instant, max_size=4),
    }
)
fit_frames = st.lists(fit, max_size=8, unique_by=lambda found: (found["trend"], found["ts"])).map(
    lambda rows: pl.DataFrame(rows, schema={**FITS.schema, "ts": pl.Int64}).cast({"ts": FITS.schema["ts"]})
)


@pytest.fixture
def stores(home, postgres_url):
    keep = RetentionSettings()
    return LakeStore(home, keep), PostgresStore(postgres_url, keep)


@pytest.mark.postgres
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames, frames)
def test_both_stores_answer_alike(stores, first, second):
    """Same rows back, same digest, same revision, and writing again changes nothing."""
    check_alike(stores, TICKS, KEY, first, second)


@pytest.mark.postgres
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fit_frames, fit_frames)
def test_both_stores_answer_alike_on_categories_and_lists(stores, first, second):
    """The same law for categories in the key and beside it, narrow integers, lists of numbers and of instants."""
    check_alike(stores, FITS, f"{MONDAY:%Y-%m-%d}", first, second)


def check_alike(stores, contract, partition, first, second):
    outcomes = []
    for store in stores:
        store.write(contract, partition, first)
        outcomes.append(store.write(contract, partition, second))
        again = store.write(contract, partition, second.sample(fraction=1, shuffle=True))
        assert again.unchanged
        found = store.read(contract)
        assert_frame_equal(found, second.sort(list(contract.key)), check_exact=True)
        assert content_digest(found, contract.stable_columns) == again.manifest.digest
    lake, postgres = outcomes
    for name in ("unchanged", "new_rows", "revised_rows", "removed_rows", "revised_max_rel_diff"):
        assert getattr(lake, name) == getattr(postgres, name)
    for name in ("rows", "digest", "min_time", "max_time"):
        assert getattr(lake.manifest, name) == getattr(postgres.manifest, name)
