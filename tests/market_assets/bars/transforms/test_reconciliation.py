"""Two sources compared."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from market_assets.bars.schemas import BarsReconciliation
from market_assets.bars.settings import BarsSettings
from market_assets.bars.transforms.reconciliation import Other, compared
from tests.market_assets.bars.minute_rows import BTC, MINUTE, rows

AT = datetime(2026, 11, 16, 12, tzinfo=UTC)
BARS = BarsSettings()
CONTRACT = BarsReconciliation.contract()
STORED = rows(AT, [100.0] * 40)


def asked(closes: list[float], kind: str = "crypto") -> Other:
    return Other("polygon", kind, rows(AT, closes, BTC._replace(source="polygon")))


def test_differences_are_relative_to_what_is_stored() -> None:
    """Of 40 common minutes 30 lie 0.1 % above and 10 lie 0.4 % below: all by hand."""
    row = CONTRACT.validate(compared(STORED, asked([100.1] * 30 + [99.6] * 10 + [1.0] * 5), BARS)).row(0, named=True)
    assert {name: row[name] for name in ("day", "source", "other_source", "n_stored", "n_other", "n_common")} == {
        "day": date(2026, 11, 16),
        "source": "yahoo",
        "other_source": "polygon",
        "n_stored": 40,
        "n_other": 45,
        "n_common": 40,
    }
    assert row["median_diff_ratio"] == pytest.approx(0.001)
    assert row["p95_diff_ratio"] == pytest.approx(0.004)
    assert row["max_diff_ratio"] == pytest.approx(0.004)
    assert row["bias_ratio"] == pytest.approx(0.001)
    assert (row["agreement_ratio"], row["status"]) == (0.75, "ok")


@pytest.mark.parametrize(
    ("closes", "status"),
    [([100.19] * 40, "ok"), ([100.21] * 40, "warn"), ([101.1] * 40, "error"), ([100.0] * 29, "too_few")],
)
def test_the_median_decides(closes: list[float], status: str) -> None:
    """0.2 % is agreement, 1 % a contradiction; 29 common minutes are too few to say."""
    assert compared(STORED, asked(closes), BARS)["status"].to_list() == [status]


def test_different_instruments_are_not_judged() -> None:
    """An index beside its future: told, not measured."""
    row = compared(STORED, asked([150.0] * 40, kind="future"), BARS).row(0, named=True)
    assert (row["status"], row["other_kind"], row["median_diff_ratio"]) == ("kinds", "future", None)


def test_nobody_to_ask_is_a_row_with_the_reason() -> None:
    """No other source: the row says why."""
    row = CONTRACT.validate(compared(STORED, Other(reason="twelvedata: no key"), BARS)).row(0, named=True)
    assert (row["other_source"], row["status"], row["reason"]) == ("-", "not_compared", "twelvedata: no key")


def test_each_source_that_is_stored_is_compared() -> None:
    """A day of two sources has two rows; a day without minutes has none."""
    twelve = rows(AT + 40 * MINUTE, [100.0] * 3, BTC._replace(source="twelvedata"))
    found = compared(pl.concat([STORED, twelve]), asked([100.0] * 43), BARS)
    assert found.select("source", "n_stored", "n_common", "status").rows() == [
        ("twelvedata", 3, 3, "too_few"),
        ("yahoo", 40, 40, "ok"),
    ]
    assert compared(STORED.clear(), asked([100.0]), BARS).schema == CONTRACT.schema
