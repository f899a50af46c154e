"""Cleaning and quarantine of fetched daily bars (equities.md 3)."""

from datetime import date

import polars as pl
import pytest

from market_assets.core.contracts import ContractViolation
from market_assets.equities.schemas import EquitiesDailyBars
from market_assets.equities.transforms import bars
from tests.market_assets.equities.frames import SEEN

#: the first trading week of 2020: Wednesday 1 January was a holiday
WEEK = [date(2020, 1, 2), date(2020, 1, 3), date(2020, 1, 6), date(2020, 1, 7)]


def fetched(*rows):
    """Rows of (session_date, close, volume) as a vendor's parser gives them."""
    frame = pl.DataFrame(
        [
            {"symbol": "A", "session_date": day, "open": c, "high": c, "low": c, "close": c, "volume": v}
            for day, c, v in rows
        ],
        schema={
            "symbol": pl.String,
            "session_date": pl.Date,
            "open": pl.Float64,
            "high": pl.Float64,
            "low": pl.Float64,
            "close": pl.Float64,
            "volume": pl.Float64,
        },
    )
    return frame.with_columns(source=pl.lit("polygon"), ingested_at=pl.lit(SEEN))


def clean(frame, rejected=None, **options):
    settings = {"fallback_level": 0, "last_due": WEEK[-1], **options}
    return bars.clean(frame, frame.clear() if rejected is None else rejected, WEEK, **settings)


def test_good_rows_become_stored_rows():
    """Label, timeframe, basis and level are filled in; the contract holds."""
    got = clean(fetched((WEEK[0], 10.0, 5.0)), fallback_level=1)
    row = EquitiesDailyBars.contract().validate(got.bars).row(0, named=True)
    assert (row["ts"].isoformat(), row["timeframe"]) == ("2020-01-02T00:00:00+00:00", "1d")
    assert (row["price_basis"], row["fallback_level"], row["vwap_vendor"]) == ("unadjusted", 1, None)
    assert got.quarantined.is_empty()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((date(2020, 1, 1), 10.0, 1.0), "not_a_session"),
        ((date(2020, 1, 5), 10.0, 1.0), "not_a_session"),
        ((WEEK[1], 0.0, 1.0), "price_not_positive"),
        ((WEEK[1], -1.0, 1.0), "price_not_positive"),
        ((WEEK[1], float("nan"), 1.0), "price_not_positive"),
        ((WEEK[1], float("inf"), 1.0), "price_not_positive"),
        ((WEEK[1], None, 1.0), "price_not_positive"),
        ((WEEK[1], 10.0, -1.0), "volume_negative"),
        ((WEEK[1], 10.0, None), "volume_missing"),
    ],
)
def test_a_row_that_breaks_a_rule_is_quarantined_with_the_reason(row, reason):
    """A bar on a holiday or Sunday, a price that is none, a volume that is none: kept aside, named."""
    got = clean(fetched((WEEK[0], 10.0, 5.0), row))
    assert got.bars["session_date"].to_list() == [WEEK[0]]
    assert got.quarantined.select("reason", "row_number").rows() == [(reason, 1)]
    EquitiesDailyBars.contract().quarantine().validate(got.quarantined.with_columns(run_id=pl.lit("r")))


def test_quarantine_satisfies_its_contract():
    """Rejected rows of the parser and of the rules are one frame in the quarantine's columns."""
    refused = fetched((WEEK[2], None, None)).with_columns(reason=pl.lit("null_price"), row_number=pl.lit(7))
    got = clean(fetched((date(2020, 1, 1), 10.0, 1.0)), refused)
    contract = EquitiesDailyBars.contract().quarantine()
    stored = contract.validate(got.quarantined.with_columns(run_id=pl.lit("r")))
    assert stored["reason"].to_list() == ["not_a_session", "null_price"]


def test_a_disordered_bar_is_kept():
    """A high below the close is for the score to judge, not for quarantine."""
    frame = fetched((WEEK[0], 10.0, 5.0)).with_columns(high=pl.lit(9.0))
    assert clean(frame).bars["high"].to_list() == [9.0]


def test_a_bar_that_is_not_due_is_dropped():
    """The live day appears as an extra last row; it is neither stored nor an error."""
    got = clean(fetched((WEEK[1], 10.0, 5.0), (WEEK[2], 10.0, 5.0)), last_due=WEEK[1])
    assert got.bars["session_date"].to_list() == [WEEK[1]]
    assert (got.n_not_due, got.quarantined.height) == (1, 0)
    assert clean(fetched((WEEK[1], 10.0, 5.0)), last_due=None).bars.is_empty()


def test_duplicates_and_disorder_are_resolved_by_key():
    """The last good row of a session wins, the rows come sorted, and the doubles are counted."""
    got = clean(fetched((WEEK[2], 12.0, 5.0), (WEEK[0], 10.0, 5.0), (WEEK[2], 13.0, 5.0), (WEEK[2], 0.0, 5.0)))
    assert got.bars["close"].to_list() == [10.0, 13.0]
    assert got.n_duplicates == 1


def test_a_row_after_the_listing_is_quarantined():
    """No stored row lies after valid_to."""
    got = clean(fetched((WEEK[0], 10.0, 5.0), (WEEK[2], 10.0, 5.0)), valid_to=WEEK[1])
    assert got.bars["session_date"].to_list() == [WEEK[0]]
    assert got.quarantined["reason"].to_list() == ["after_valid_to"]


def test_an_index_has_no_volume():
    """VIX: a null volume passes, and the 0 that Yahoo states is not a measurement."""
    got = clean(fetched((WEEK[0], 12.0, None), (WEEK[1], 12.0, 0.0)), has_volume=False)
    assert got.bars["volume"].to_list() == [None, None]


def test_fractional_and_zero_volumes_are_data():
    """0.4 coins and a session without a trade survive as they are."""
    assert clean(fetched((WEEK[0], 1.0, 0.4), (WEEK[1], 1.0, 0.0))).bars["volume"].to_list() == [0.4, 0.0]


def test_an_unknown_source_raises():
    """A generator of synthetic data is no source: the contract refuses the frame."""
    with pytest.raises(ContractViolation, match="source"):
        clean(fetched((WEEK[0], 1.0, 1.0)).with_columns(source=pl.lit("random_walk")))
