"""Macro series: when a value counts from, and what it is compared with."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from market_assets.bars.schemas import BarsMacroDaily
from market_assets.bars.settings import MacroSettings
from market_assets.bars.transforms.macro import KNOWN, known_at, macro_daily

MICRO = timedelta(microseconds=1)
#: a Thursday
THURSDAY = date(2026, 10, 1)


def observed(series, values, first=THURSDAY):
    """One observation a business day."""
    days = pl.Series([first]).dt.add_business_days(pl.Series(range(len(values))))
    return pl.DataFrame(
        {
            "series": [series] * len(values),
            "obs_date": days,
            "value": pl.Series(values, dtype=pl.Float64),
            "source": ["fred"] * len(values),
            "ingested_at": pl.Series([datetime(2026, 12, 1, tzinfo=UTC)] * len(values), dtype=pl.Datetime("us", "UTC")),
        }
    )


def at(*instants):
    return pl.Series("at", instants, dtype=pl.Datetime("us", "UTC"))


def test_a_value_is_released_on_the_next_business_day():
    """Thursday's on Friday, Friday's on Monday, at 22:00 UTC; the dollar index a week later; columns as stored."""
    found = macro_daily(pl.concat([observed("vix", [1.0, 2.0, 3.0]), observed("usd_index", [100.0])]), MacroSettings())
    assert BarsMacroDaily.contract().validate(found).equals(found)
    assert found.filter(series="vix")["available_at"].to_list() == [
        datetime(2026, 10, 2, 22, tzinfo=UTC),
        datetime(2026, 10, 5, 22, tzinfo=UTC),
        datetime(2026, 10, 6, 22, tzinfo=UTC),
    ]
    assert found.filter(series="usd_index")["available_at"].to_list() == [datetime(2026, 10, 8, 22, tzinfo=UTC)]


def test_lags_and_the_hour_are_settings():
    """Two business days after a Thursday is Monday; three days after it is Sunday, when nothing is released."""
    found = macro_daily(
        pl.concat([observed("ust2y", [1.0]), observed("usd_index", [1.0])]),
        MacroSettings(release_lag_bd=2, usd_index_lag_days=3, release_hour=6),
    )
    assert dict(found.select("series", "available_at").iter_rows()) == {
        "usd_index": datetime(2026, 10, 5, 6, tzinfo=UTC),
        "ust2y": datetime(2026, 10, 5, 6, tzinfo=UTC),
    }


def test_nothing_is_released_on_a_holiday():
    """The value of the day before Thanksgiving comes on the Friday; a dollar index due on Veterans Day a day later."""
    found = macro_daily(
        pl.concat([observed("vix", [1.0], date(2026, 11, 25)), observed("usd_index", [1.0], date(2026, 11, 4))]),
        MacroSettings(),
    )
    assert dict(found.select("series", "available_at").iter_rows()) == {
        "usd_index": datetime(2026, 11, 12, 22, tzinfo=UTC),
        "vix": datetime(2026, 11, 27, 22, tzinfo=UTC),
    }


def test_a_value_dated_on_a_weekend_is_not_known_before():
    """Saturday's counts as Monday's: with a lag of a business day it is released on Tuesday."""
    found = macro_daily(observed("vix", [1.0]).with_columns(obs_date=date(2026, 10, 3)), MacroSettings())
    assert found["available_at"].to_list() == [datetime(2026, 10, 6, 22, tzinfo=UTC)]


@pytest.mark.parametrize("hole", [None, 12])
def test_a_score_is_against_the_known_values_before(hole):
    """Golden: h = 1..30, x = 40 gives 2.78301. A day without a value has no score and is not counted."""
    values = [float(i) for i in range(1, 31)] + [40.0]
    if hole is not None:
        values.insert(hole, None)
    found = macro_daily(observed("vix", values), MacroSettings(z_window=30))
    assert found["z_60"].null_count() == found.height - 1
    assert found["z_60"][-1] == pytest.approx(2.78301, rel=1e-5)


def test_values_that_do_not_vary_have_no_score():
    """No scale, no score; and one value too few gives none either."""
    flat = macro_daily(observed("vix", [5.0] * 60 + [6.0]), MacroSettings())
    few = macro_daily(observed("vix", [float(i) for i in range(60)]), MacroSettings())
    assert flat["z_60"].null_count() == 61
    assert few["z_60"].null_count() == 60


def test_an_observation_is_not_used_before_its_release():
    """A microsecond before it the one before counts; from the instant of release on the new one."""
    days = macro_daily(
        pl.concat([observed("ust10y", [4.0, 4.5]), observed("ust2y", [3.75, 3.5])]), MacroSettings(z_window=2)
    )
    first, second = datetime(2026, 10, 2, 22, tzinfo=UTC), datetime(2026, 10, 5, 22, tzinfo=UTC)
    found = known_at(days, at(second, first - MICRO, second - MICRO, first))
    assert found.columns == list(KNOWN)
    assert found["yield_curve"].to_list() == [1.0, None, 0.25, 0.25]


def test_scores_are_those_last_released():
    """z of the third value against two, from its release on; before it the first two have none."""
    days = macro_daily(observed("vix", [1.0, 3.0, 2.0 + 2.0**0.5]), MacroSettings(z_window=2))
    release = datetime(2026, 10, 6, 22, tzinfo=UTC)
    found = known_at(days, at(release - MICRO, release, release + timedelta(days=300)))["vix_z"]
    # 1 and 3: mean 2, sample deviation the root of 2
    assert found[0] is None
    assert found[1:].to_list() == pytest.approx([1.0, 1.0])


def test_a_day_without_a_value_leaves_the_last_one_in_force():
    """A holiday's null does not take away what is known, and each yield has its own last day."""
    days = macro_daily(pl.concat([observed("ust10y", [4.0, None]), observed("ust2y", [3.0, 3.5])]), MacroSettings())
    assert known_at(days, at(datetime(2026, 10, 7, tzinfo=UTC)))["yield_curve"].to_list() == [0.5]


def test_without_a_source_everything_is_null():
    """No series, no values; and no instants, no rows."""
    empty = macro_daily(observed("vix", [1.0]).clear(), MacroSettings())
    assert empty.equals(BarsMacroDaily.contract().empty())
    assert known_at(empty, at(datetime(2026, 10, 7, tzinfo=UTC))).row(0) == (None,) * len(KNOWN)
    assert known_at(empty, at()).height == 0
