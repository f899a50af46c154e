"""Which backups are kept, as a calendar would tell."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from market_assets.ops.transforms.backups import Copy, kept_as

AT = datetime(2026, 3, 3, 3, tzinfo=UTC)
DAY = timedelta(days=1)


def test_thirty_days_and_twelve_months():
    """Every night of 2025 and of January 2026: the 30 nights of 2 to 31 January, then 1 January and month ends."""
    nights = [datetime(2025, 1, 1, 3, tzinfo=UTC) + n * DAY for n in range(365 + 31)]
    kept = kept_as([Copy(f"{at:%Y-%m-%d}", at) for at in nights], daily=30, monthly=12)
    monthly = [name for name, why in kept.items() if why == "monthly"]
    assert sorted(monthly) == [
        "2025-02-28", "2025-03-31", "2025-04-30", "2025-05-31", "2025-06-30", "2025-07-31", "2025-08-31",
        "2025-09-30", "2025-10-31", "2025-11-30", "2025-12-31", "2026-01-01",
    ]  # fmt: skip
    assert sorted(name for name, why in kept.items() if why == "daily") == [f"2026-01-{n:02d}" for n in range(2, 31)]
    assert kept["2026-01-31"] == "newest"


def test_months_do_not_wander():
    """Night by night, removing what goes: what stays of a month that is over is its last night."""
    left: list[Copy] = []
    for n in range(100):
        at = datetime(2026, 1, 1, 3, tzinfo=UTC) + n * DAY
        left.append(Copy(f"{at:%Y-%m-%d}", at))
        kept = kept_as(left, daily=3, monthly=2)
        left = [one for one in left if one.name in kept]
    assert [one.name for one in left] == ["2026-03-31", "2026-04-07", "2026-04-08", "2026-04-09", "2026-04-10"]


def test_a_whole_one_is_preferred_within_its_day():
    """The evening's lacks its dump: the morning's is the day's, and the evening's goes once it is not the newest."""
    copies = [
        Copy("morning", AT),
        Copy("evening", AT + 12 * timedelta(hours=1), is_whole=False),
        Copy("next", AT + DAY),
    ]
    assert kept_as(copies, daily=2, monthly=0) == {"morning": "daily", "next": "newest"}
    assert kept_as(copies[:2], daily=2, monthly=0) == {"morning": "newest", "evening": "newest"}


def test_none_are_none():
    """Nothing to keep."""
    assert kept_as([], daily=1, monthly=1) == {}


@given(
    hours=st.lists(st.tuples(st.integers(0, 24 * 400), st.booleans()), min_size=1, max_size=30),
    daily=st.integers(1, 5),
    monthly=st.integers(0, 3),
)
def test_what_always_stays(hours: list[tuple[int, bool]], daily: int, monthly: int):
    """The newest, the newest whole one, and no more than was asked for beside them; a second look removes nothing."""
    copies = [Copy(f"{n}", AT + timedelta(hours=at), whole) for n, (at, whole) in enumerate(hours)]
    kept = kept_as(copies, daily, monthly)
    ordered = sorted(copies, key=lambda one: one.taken_at)
    whole = [one.name for one in ordered if one.is_whole]
    assert {ordered[-1].name, *whole[-1:]} <= kept.keys()
    assert len(kept) <= daily + monthly + 2
    days = {one.taken_at.date() for one in copies}
    assert len({one.taken_at.date() for one in copies if one.name in kept}) >= min(daily, len(days))
    assert kept_as([one for one in copies if one.name in kept], daily, monthly).keys() == kept.keys()
