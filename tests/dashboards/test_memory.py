"""The response cache, percentiles and cursors."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.rest.answers import after, cursor_of, encode
from dashboards.rest.cache import ResponseCache
from dashboards.telemetry import Telemetry, nearest_rank
from market_assets.core.errors import InvalidRequest


def test_an_answer_lives_for_its_time():
    """Before its end it is a hit, from its end on a miss."""
    now = [0.0]
    cache = ResponseCache(10, clock=lambda: now[0])
    cache.put("a", b"1", ttl_s=5)
    now[0] = 4.9
    assert cache.get("a") == b"1"
    now[0] = 5.0
    assert cache.get("a") is None
    assert (cache.facts().hits, cache.facts().misses, cache.facts().hit_rate) == (1, 1, 0.5)


def test_the_least_recently_used_makes_room():
    """Of two answers the one read last stays when a third arrives."""
    cache = ResponseCache(2)
    cache.put("a", b"1", 60)
    cache.put("b", b"2", 60)
    cache.get("a")
    cache.put("c", b"3", 60)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (b"1", None, b"3")
    assert cache.facts().evictions == 1


def test_nothing_is_kept_where_the_settings_say_so():
    """No entries, or no time to live: every request is answered anew."""
    for cache, ttl in ((ResponseCache(0), 60.0), (ResponseCache(5), 0.0)):
        cache.put("a", b"1", ttl)
        assert cache.get("a") is None


@pytest.mark.parametrize(("share", "expected"), [(0.5, 5.0), (0.95, 10.0), (0.99, 10.0), (0.1, 1.0)])
def test_percentile_is_the_nearest_rank(share: float, expected: float):
    """Index ceil(q n) - 1 of the sorted values; of none it is unknown."""
    assert nearest_rank([float(n) for n in range(1, 11)], share) == expected
    assert nearest_rank([], share) is None


def test_percentiles_look_at_the_newest_ten_thousand():
    """Older durations no longer count."""
    telemetry = Telemetry()
    for _ in range(10_000):
        telemetry.observe("GET", "/api/x", 200, 1.0)
    for _ in range(10_000):
        telemetry.observe("GET", "/api/x", 200, 0.001)
    assert telemetry.overall()["p99_ms"] == pytest.approx(1.0)


def test_pages_and_their_parts_do_not_count_as_the_api():
    """The health numbers are those of REST routes."""
    telemetry = Telemetry()
    telemetry.observe("POST", "/_dash-update-component", 200, 9.0)
    assert telemetry.overall()["p50_ms"] is None


@given(
    st.lists(st.tuples(st.text(max_size=6), st.dates(), st.floats(0, 100)), min_size=1, max_size=30, unique=True),
    st.data(),
)
def test_a_cursor_resumes_after_its_row(rows: list[tuple], data: st.DataObject):
    """Splitting at any row and following the cursor gives exactly the rest, in key order."""
    key = {"symbol": pl.String, "day": pl.Date, "amount": pl.Float64}
    frame = pl.DataFrame(rows, schema=key, orient="row").sort(list(key))
    cut = data.draw(st.integers(1, frame.height))
    cursor = cursor_of(frame.head(cut), list(key))
    assert frame.filter(after(cursor, key)).rows() == frame[cut:].rows()


@pytest.mark.parametrize("cursor", ["", "x", "bm90IGpzb24", "WzEsIDJd", "WyJBIiwgIjIwMjQtMTMtMDEiXQ", "eyJhIjogMX0"])
def test_a_cursor_of_our_own_making_only(cursor: str):
    """Text, other JSON, another length or no date: refused with what to send instead."""
    with pytest.raises(InvalidRequest, match="next_cursor"):
        after(cursor, {"symbol": pl.String, "day": pl.Date})


def test_not_a_number_leaves_as_null():
    """NaN and infinities are not JSON: null, at any depth."""
    assert encode({"a": float("nan"), "b": [float("inf"), {"c": -float("inf")}], "d": 0.0}) == (
        b'{"a":null,"b":[null,{"c":null}],"d":0.0}'
    )
