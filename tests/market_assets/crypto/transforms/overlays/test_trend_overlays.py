"""Supertrend and chandelier overlays: columns, warm-up, and the same values from the incremental engine."""

import gzip
from pathlib import Path

import polars as pl
import pytest

from market_assets.core import incremental
from market_assets.core.contracts import UTC_MICROS
from market_assets.crypto.schemas import CryptoOverlays
from market_assets.crypto.settings import CryptoSettings
from market_assets.crypto.transforms.overlays import chandelier, supertrend
from market_assets.crypto.transforms.overlays.given import Given
from tests.market_assets.core.golden_series import golden_series
from tests.market_assets.core.incremental.replay import START, assert_same, bars_of, random_bars

GIVEN = Given(settings=CryptoSettings(), timeframe="1h", frames={}, first=START)
BOTH = [
    pytest.param(supertrend, incremental.Supertrend, id="supertrend"),
    pytest.param(chandelier, incremental.Chandelier, id="chandelier"),
]


@pytest.mark.parametrize(("overlay", "_form"), BOTH)
@pytest.mark.parametrize("n", [0, 1, 2, 80])
def test_columns_are_those_of_the_contract(overlay, _form, n):
    """Names and types as stored, one row for each bar, however few there are."""
    found = overlay.compute(golden_series(80)[:n], GIVEN)
    schema = CryptoOverlays.contract().schema
    assert found.schema == {name: schema[name] for name in overlay.COLUMNS}
    assert found.height == n


@pytest.mark.parametrize(
    ("overlay", "firsts"),
    [
        (supertrend, {"st_line": 10, "st_dir": 10, "st_upper": 10, "st_lower": 10, "st_consistency": 12,
                      "st_strength": 14, "st_is_warm": 0}),
        (chandelier, {"ch_long": 22, "ch_short": 22, "ch_long_trail": 22, "ch_short_trail": 22, "ch_dir": 22,
                      "ch_dist_long_pct": 22, "ch_long_exit": 23, "ch_short_exit": 23}),
    ],
)  # fmt: skip
def test_unknown_until_warm(overlay, firsts):
    """Null before the first row at which a value is defined, known from it on."""
    found = overlay.compute(golden_series(60), GIVEN)
    for name, first in firsts.items():
        assert found[name].is_null().to_list() == [True] * first + [False] * (60 - first), name


def test_supertrend_of_the_golden_series():
    """Strength and consistency at the last row as printed; inconsistent for two bars after each turn."""
    found = supertrend.compute(golden_series(300), GIVEN)
    assert found["st_strength"][299] == pytest.approx(1.13515, rel=1e-5)
    assert found["st_consistency"][299] == 1.0
    turns = (16, 60, 131, 202, 272, 24, 95, 167, 238)
    unsure = [i for i, value in enumerate(found["st_consistency"]) if value == 0.0]
    assert unsure == sorted([*turns, *(i + 1 for i in turns)])


def test_a_supertrend_is_warm_at_row_250_and_never_before_its_first_turn():
    """250 bars are not enough where it has not turned yet: then the direction is still the convention."""
    assert supertrend.compute(golden_series(300), GIVEN)["st_is_warm"].to_list() == [False] * 250 + [True] * 50
    close = [1000.0 - i for i in range(300)] + [1000.0] * 3
    falling = pl.DataFrame({"high": [c + 1 for c in close], "low": [c - 1 for c in close], "close": close})
    found = supertrend.compute(falling, GIVEN)
    assert found["st_dir"][299:301].to_list() == [-1, 1]
    assert found["st_is_warm"].to_list() == [False] * 300 + [True] * 3


def test_a_supertrend_without_a_range_has_no_strength():
    """Flat prices: the distance in ranges is unknown, never infinite."""
    flat = pl.DataFrame(dict.fromkeys(("high", "low", "close"), [7.0] * 30))
    found = supertrend.compute(flat, GIVEN)
    assert found["st_strength"].null_count() == 30
    assert found["st_line"][10:].to_list() == [7.0] * 20


def test_chandelier_distance_and_exits_of_the_golden_series():
    """Row 299: close 113.84 is 0.634 % below the trail of 114.566; row 24 leaves the long trail of row 23."""
    found = chandelier.compute(golden_series(300), GIVEN)
    assert found["ch_dist_long_pct"][299] == pytest.approx(100 * (113.84 / 114.566 - 1), abs=5e-4)
    assert found.row(24, named=True) | {"ch_dir": -1, "ch_long_exit": True} == found.row(24, named=True)


@pytest.mark.parametrize(("overlay", "_form"), BOTH)
def test_later_bars_change_nothing(overlay, _form):
    """Cut at any of these rows, what remains is the same to the last bit."""
    bars = random_bars(400)
    whole = overlay.compute(bars, GIVEN)
    for cut in (0, 1, 10, 12, 23, 90, 260, 399):
        assert overlay.compute(bars[:cut], GIVEN).equals(whole[:cut])


def replayed(form: type[incremental.Indicator], bars: pl.DataFrame) -> list[incremental.Values]:
    one = form()
    return [one.update(bar) for bar in bars_of(bars)]


@pytest.mark.parametrize(("overlay", "form"), BOTH)
def test_one_bar_at_a_time_gives_the_same(overlay, form):
    """Every column over 3,000 bars, to 1e-9."""
    bars = random_bars(3000, seed=23)
    assert form().columns == overlay.COLUMNS
    assert_same(replayed(form, bars), overlay.compute(bars, GIVEN))


@pytest.fixture(scope="module")
def bitcoin(shared_data: Path) -> pl.DataFrame:
    """5,000 minutes of BTCUSDT as the exchange published them."""
    path = shared_data / "crypto" / "klines" / "binance_usdm_BTCUSDT_1m.csv.gz"
    with gzip.open(path) as lines:
        rows = pl.read_csv(lines.read(), n_rows=5000)
    return rows.with_columns(ts=pl.from_epoch("open_time_ms", "ms").dt.replace_time_zone("UTC").cast(UTC_MICROS))


@pytest.mark.parametrize(("overlay", "form"), BOTH)
def test_one_minute_at_a_time_gives_the_same_for_bitcoin(overlay, form, bitcoin):
    """Every column over 5,000 minutes of real prices, to 1e-9; both directions occur."""
    batch = overlay.compute(bitcoin, GIVEN)
    assert {-1, 1} <= set(batch[next(name for name in overlay.COLUMNS if name.endswith("_dir"))])
    assert_same(replayed(form, bitcoin), batch)
