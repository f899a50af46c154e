"""Status of every symbol (equities.md 10)."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from market_assets.equities.schemas import EquitiesGaps, EquitiesReconciliation
from market_assets.equities.settings import EquitiesSettings
from market_assets.equities.transforms import status
from tests.market_assets.equities.frames import sessions, universe

CALENDAR = sessions(date(2020, 1, 1), date(2020, 12, 31))
XNYS = CALENDAR["XNYS"]["session_date"].to_list()
EVERY_DAY = CALENDAR["always"]["session_date"].to_list()
NO_FETCHES = pl.DataFrame(schema=status.FETCHES)
#: Sunday noon; Friday's session was the 6th of March
SUNDAY = datetime(2020, 3, 8, 12, tzinfo=UTC)
FRIDAY = date(2020, 3, 6)


def stored(*days, bad=0, level=0, symbol="A"):
    n = len(days)
    return pl.DataFrame(
        {
            "symbol": [symbol] * n,
            "session_date": list(days),
            "validated": [i >= bad for i in range(n)],
            "fallback_level": [level] * n,
        },
        schema={"symbol": pl.String, "session_date": pl.Date, "validated": pl.Boolean, "fallback_level": pl.Int8},
    )


def until(last, days=XNYS):
    return [day for day in days if day <= last]


def gap(first, last, n, state="open"):
    row = {
        "symbol": "A",
        "year": 2020,
        "gap_start": first,
        "gap_end": last,
        "n_sessions": n,
        "cause": "unknown",
        "status": state,
    }
    return pl.DataFrame([{**row, "detected_at": SUNDAY}], schema=EquitiesGaps.contract().schema)


def row(scored, *, symbols=None, gaps=None, reconciled=None, fetches=NO_FETCHES, now=SUNDAY):
    got = status.symbol_status(
        universe("A") if symbols is None else symbols,
        CALENDAR,
        now,
        EquitiesSettings(),
        scored=scored,
        gaps=EquitiesGaps.contract().empty() if gaps is None else gaps,
        reconciled=EquitiesReconciliation.contract().empty() if reconciled is None else reconciled,
        fetches=fetches,
    )
    return got.row(0, named=True)


def test_a_weekend_is_not_staleness():
    """On Sunday noon Friday's bar is the newest there can be: 0 behind, healthy."""
    got = row(stored(*until(FRIDAY)))
    assert (got["latest_session"], got["sessions_behind"], got["status"]) == (FRIDAY, 0, "healthy")
    assert got["age_hours"] is None


@pytest.mark.parametrize(
    ("now", "behind"),
    [(datetime(2020, 3, 6, 22, 59, tzinfo=UTC), 0), (datetime(2020, 3, 6, 23, 0, tzinfo=UTC), 1)],
)
def test_a_session_is_due_two_hours_after_its_close(now, behind):
    """Friday closes at 21:00 UTC; its bar counts as missing from 23:00 on."""
    assert row(stored(*until(date(2020, 3, 5))), now=now)["sessions_behind"] == behind


@pytest.mark.parametrize(
    ("last", "behind", "verdict"),
    [(date(2020, 3, 5), 1, "warning"), (date(2020, 3, 4), 2, "warning"), (date(2020, 3, 3), 3, "stale")],
)
def test_missing_sessions_warn_then_go_stale(last, behind, verdict):
    """One session behind warns, three are stale."""
    got = row(stored(*until(last)))
    assert (got["sessions_behind"], got["status"]) == (behind, verdict)


@pytest.mark.parametrize(
    ("bad", "rate", "verdict"), [(2, 0.95, "healthy"), (3, 0.925, "warning"), (6, 0.85, "warning"), (7, 0.825, "stale")]
)
def test_validation_rate_decides_too(bad, rate, verdict):
    """Below 0.95 warns, below 0.85 is stale."""
    got = row(stored(*until(FRIDAY)[-40:], bad=bad))
    assert (got["n_rows"], got["n_validated"]) == (40, 40 - bad)
    assert got["validation_rate"] == pytest.approx(rate)
    assert got["status"] == verdict


def test_open_gaps_warn():
    """One open gap of 2 of the 45 sessions since January; an explained one changes nothing."""
    first, last = XNYS[10], XNYS[11]
    rest = [day for day in until(FRIDAY) if day not in (first, last)]
    got = row(stored(*rest), gaps=gap(first, last, 2))
    assert (got["n_open_gaps"], got["status"]) == (1, "warning")
    assert got["gap_share"] == pytest.approx(2 / 45)
    explained = row(stored(*rest), gaps=gap(first, last, 2, "explained"))
    assert (explained["n_open_gaps"], explained["gap_share"], explained["status"]) == (0, 0.0, "healthy")


@pytest.mark.parametrize(
    ("last", "age", "verdict"),
    [(date(2020, 3, 7), 12.0, "healthy"), (date(2020, 3, 6), 36.0, "warning"), (date(2020, 3, 4), 84.0, "stale")],
)
def test_coins_age_by_the_hour(last, age, verdict):
    """Saturday's candle closed at midnight: 12 hours. Over 24 warns, over 72 is stale."""
    got = row(
        stored(*until(last, EVERY_DAY)), symbols=universe("A-B", asset_class="crypto").with_columns(symbol=pl.lit("A"))
    )
    assert (got["age_hours"], got["status"]) == (age, verdict)


def test_a_bar_that_is_not_due_makes_no_coin_old():
    """Saturday's bar is due 2 h after midnight: at 1 o'clock Friday's close is 25 h ago, which is right; 27 at 3."""
    coin = universe("A-B", asset_class="crypto").with_columns(symbol=pl.lit("A"))
    friday = stored(*until(FRIDAY, EVERY_DAY))
    early = row(friday, symbols=coin, now=datetime(2020, 3, 8, 1, tzinfo=UTC))
    late = row(friday, symbols=coin, now=datetime(2020, 3, 8, 3, tzinfo=UTC))
    assert (early["age_hours"], early["sessions_behind"], early["status"]) == (25.0, 0, "healthy")
    assert (late["age_hours"], late["sessions_behind"], late["status"]) == (27.0, 1, "warning")


def test_no_rows_is_empty_not_healthy():
    """A symbol without a bar: counts are 0, rates unknown, status empty."""
    got = row(stored())
    assert (got["status"], got["n_rows"], got["validation_rate"], got["sessions_behind"]) == ("empty", 0, None, None)
    assert got["latest_session"] is None


def test_a_removed_symbol_is_inactive():
    """However old its bars are."""
    assert row(stored(*until(date(2020, 1, 10))), symbols=universe("A", active=False))["status"] == "inactive"


def test_a_delisted_symbol_is_not_behind():
    """After valid_to no session is due."""
    ended = date(2020, 2, 3)
    got = row(stored(*until(ended)), symbols=universe("A", valid_to=ended))
    assert (got["sessions_behind"], got["status"]) == (0, "healthy")


def test_recent_counts_look_at_thirty_sessions():
    """Failures and fallback levels older than the last 30 due sessions do not count."""
    recent = until(FRIDAY)[-30:]
    old = until(FRIDAY)[-31]
    compared = pl.DataFrame(
        [
            {
                "symbol": "A",
                "session_date": day,
                "source_a": "polygon",
                "source_b": "yahoo",
                "rel_diff": 0.5,
                "status": verdict,
            }
            for day, verdict in ((old, "fail"), (recent[0], "fail"), (recent[1], "ok"), (recent[2], "fail"))
        ]
    ).select(
        pl.col(name).cast(kind)
        if name in ("symbol", "session_date", "source_a", "source_b", "rel_diff", "status")
        else pl.lit(None, dtype=kind).alias(name)
        for name, kind in EquitiesReconciliation.contract().schema.items()
    )
    scored = pl.concat([stored(old, level=2), stored(*recent, level=1)])
    got = row(scored, reconciled=compared)
    assert (got["n_reconcile_fail_30"], got["source_level_max_30"]) == (2, 1)


def test_fetch_times_and_the_last_error_are_shown():
    """What the fetch log knows is carried; unknown is null."""
    fetches = pl.DataFrame(
        [{"symbol": "A", "last_materialized_at": SUNDAY, "last_success_at": SUNDAY, "last_error": "polygon: 403"}],
        schema=status.FETCHES,
    )
    got = row(stored(FRIDAY), fetches=fetches)
    assert (got["last_materialized_at"], got["last_success_at"], got["last_error"]) == (SUNDAY, SUNDAY, "polygon: 403")
    assert row(stored(FRIDAY))["last_success_at"] is None


def test_every_symbol_has_one_row():
    """Two listing windows are one symbol; symbols are not mixed up."""
    symbols = pl.concat(
        [universe("A", valid_to=date(2020, 1, 31)), universe("A", valid_from=date(2020, 2, 3)), universe("B")]
    )
    got = status.symbol_status(
        symbols,
        CALENDAR,
        SUNDAY,
        EquitiesSettings(),
        scored=pl.concat([stored(*until(FRIDAY)), stored(XNYS[0], symbol="B")]),
        gaps=EquitiesGaps.contract().empty(),
        reconciled=EquitiesReconciliation.contract().empty(),
        fetches=NO_FETCHES,
    )
    assert got.select("symbol", "n_rows", "status").rows() == [("A", 45, "healthy"), ("B", 1, "stale")]
