"""Agreement with a second source (equities.md 9)."""

from datetime import date

import polars as pl
import pytest

from market_assets.equities.settings import EquitiesSettings
from market_assets.equities.transforms import basis_mismatch, date_shift, reconcile
from tests.market_assets.equities.frames import real_bars

DAYS = [date(2020, 1, day) for day in (2, 3, 6, 7, 8, 9, 10, 13, 14, 15)]
SETTINGS = EquitiesSettings()


def bars(closes, *, source, days=DAYS, volume=1000.0, symbol="A"):
    n = len(closes)
    return pl.DataFrame(
        {
            "symbol": [symbol] * n,
            "session_date": days[:n],
            "open": closes,
            "close": closes,
            "volume": [volume] * n,
            "source": [source] * n,
        },
        schema={
            "symbol": pl.String,
            "session_date": pl.Date,
            "open": pl.Float64,
            "close": pl.Float64,
            "volume": pl.Float64,
            "source": pl.String,
        },
    )


def reconciled(a, b, **options):
    return reconcile.reconcile(bars(a, source="polygon", **options), bars(b, source="yahoo", volume=1100.0), SETTINGS)


@pytest.mark.parametrize(
    ("b", "status", "rel_diff"),
    [
        (100.0, "ok", 0.0),
        (100.19, "ok", 0.00189820),
        (100.6, "investigate", 0.00598205),
        (101.2, "fail", 0.0119284),
        (50.0, "fail", 0.666667),
    ],
)
def test_golden_verdicts(b, status, rel_diff):
    """100.00 against the golden second closes: difference over the mean of the two."""
    row = reconciled([100.0], [b]).row(0, named=True)
    assert row["status"] == status
    assert row["rel_diff"] == pytest.approx(rel_diff, rel=1e-5)
    assert row["volume_ratio"] == pytest.approx(1.1)
    assert (row["source_a"], row["source_b"]) == ("polygon", "yahoo")


def test_a_session_only_one_source_has():
    """Missing on either side is a verdict of its own, with both sources named and no difference."""
    a = bars([1.0, 2.0], source="polygon-sandbox", days=DAYS[:2])
    b = bars([2.0, 3.0], source="yahoo-sandbox", days=DAYS[1:3])
    got = reconcile.reconcile(a, b, SETTINGS)
    assert got["status"].to_list() == ["missing_b", "ok", "missing_a"]
    assert got["rel_diff"].to_list() == [None, 0.0, None]
    assert got["source_a"].to_list() == ["polygon-sandbox"] * 3
    assert got["source_b"].to_list() == ["yahoo-sandbox"] * 3


def test_without_a_second_source_everything_is_missing():
    """Nothing to compare with is no agreement."""
    got = reconcile.reconcile(bars([1.0, 2.0], source="polygon"), bars([], source="yahoo"), SETTINGS)
    assert got["status"].to_list() == ["missing_b"] * 2
    assert got["source_b"].to_list() == ["yahoo"] * 2


def test_a_source_is_not_compared_with_itself():
    """A year that fell back to the second source is left out; another symbol's is not."""
    a = pl.concat([bars([1.0], source="yahoo"), bars([1.0], source="polygon", symbol="B")])
    b = pl.concat([bars([1.0, 2.0], source="yahoo"), bars([1.0], source="yahoo", symbol="B")])
    assert reconcile.reconcile(a, b, SETTINGS)["symbol"].to_list() == ["B"]


def test_a_session_without_volume_has_no_volume_ratio():
    """Division by zero is unknown, not infinite."""
    assert reconciled([1.0], [1.0], volume=0.0)["volume_ratio"].to_list() == [None]


@pytest.mark.parametrize(("factor", "ratio"), [(0.5, 0.5), (0.504, 0.5), (3.0, 3.0), (0.1, 0.1)])
def test_a_constant_ratio_is_a_basis_mismatch(factor, ratio):
    """Half the price for three sessions in a row: an unrecorded split, with its span."""
    a = [100.0, 101.0, 102.0, 103.0]
    got = basis_mismatch(reconciled(a, [a[0], *(close * factor for close in a[1:])]))
    assert got.rows() == [("A", pytest.approx(ratio), DAYS[1], DAYS[3], 3)]


@pytest.mark.parametrize(
    "b",
    [
        [50.0, 50.0, 100.0, 50.0],  # no three in a row
        [50.0, 33.333, 25.0, 50.0],  # another ratio each session
        [51.0, 51.0, 51.0, 51.0],  # 2 % from one half
        [100.0, 100.0, 100.0, 100.0],
    ],
)
def test_other_differences_are_no_basis_mismatch(b):
    """Too short, not constant, not near a split ratio, or no difference at all."""
    assert basis_mismatch(reconciled([100.0] * 4, b)).is_empty()


def test_a_basis_mismatch_of_two_symbols_is_two():
    """Two halved sessions of one symbol and two of the next are not four."""
    a = pl.concat([bars([100.0] * 2, source="polygon"), bars([100.0] * 2, source="polygon", symbol="B")])
    b = pl.concat([bars([50.0] * 2, source="yahoo"), bars([50.0] * 2, source="yahoo", symbol="B")])
    assert basis_mismatch(reconcile.reconcile(a, b, SETTINGS)).is_empty()


CLOSES = [100.0, 103.0, 99.0, 105.0, 101.0, 108.0, 102.0, 110.0]


@pytest.mark.parametrize(("b", "shift"), [([*CLOSES[1:], 90.0], 1), ([90.0, *CLOSES[:-1]], -1)])
def test_shifted_dates_are_found(b, shift):
    """Source b dated one session early or late: nearly all verdicts become ok once it is moved back."""
    got = date_shift(reconciled(CLOSES, b))
    assert got.select("symbol", "shift").rows() == [("A", shift)]
    assert got["n_disagreeing"].item() == 8
    assert got["n_resolved"].item() == 7


@pytest.mark.parametrize("b", [CLOSES, [close / 2 for close in CLOSES], [*CLOSES[:-2], 1.0, 2.0]])
def test_other_differences_are_no_date_shift(b):
    """Agreement, another basis, two bad closes: moving source b mends none of them."""
    assert date_shift(reconciled(CLOSES, b)).is_empty()


def test_a_shift_stays_within_its_symbol():
    """The last close of one symbol does not mend the first of the next."""
    a = pl.concat([bars([1.0, 2.0, 3.0], source="polygon"), bars([10.0, 20.0, 30.0], source="polygon", symbol="B")])
    b = pl.concat([bars([9.0, 9.0, 10.0], source="yahoo"), bars([20.0, 77.0, 99.0], source="yahoo", symbol="B")])
    assert date_shift(reconcile.reconcile(a, b, SETTINGS)).is_empty()


def test_two_vendors_of_apple(shared_data):
    """Recorded AAPL 2000-2013 from two vendors: 3,270 common days, 0.034 USD apart on average, 1.90 at most."""
    ours = real_bars(shared_data, "AAPL").filter(pl.col("session_date").is_between(date(2000, 3, 1), date(2013, 3, 1)))
    yahoo = pl.read_csv(shared_data / "equities/yahoo_daily/AAPL.csv.gz", try_parse_dates=True).select(
        symbol=pl.lit("AAPL"),
        session_date="Date",
        open="Open",
        close="Close",
        volume=pl.col("Volume").cast(pl.Float64),
        source=pl.lit("yahoo"),
    )
    got = reconcile.reconcile(ours, yahoo, SETTINGS)
    compared = got.filter(pl.col("rel_diff").is_not_null())
    assert compared.height == 3270
    apart = (compared["close_a"] - compared["close_b"]).abs()
    assert (apart.mean(), apart.max()) == (pytest.approx(0.034, abs=5e-4), pytest.approx(1.90, abs=5e-3))
    assert basis_mismatch(got).is_empty()
    assert date_shift(got).is_empty()
