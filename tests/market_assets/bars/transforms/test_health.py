"""How a day of a source is judged. Expected numbers are counted by hand."""

from datetime import date

import polars as pl
import pytest

from market_assets.bars.schemas import BarsReconciliation, BarsSourceHealth
from market_assets.bars.transforms.health import Facts, Latency, source_health

DAY = date(2026, 11, 20)


def facts(*calls: tuple[str, str, int], p95_ms: float = 900.0, state: str = "closed") -> Facts:
    """What was noted: source, outcome and count."""
    schema = {"source": pl.String, "outcome": pl.String, "calls": pl.Int64, "credits": pl.Int64}
    return Facts(
        calls=pl.DataFrame([(*call, call[2]) for call in calls], schema=schema, orient="row"),
        latencies={"yahoo": Latency(100.0, p95_ms, 1200.0)},
        states={"yahoo": state, "polygon": "closed"},
        opens={"yahoo": 2},
        budget_left={"polygon": 17},
        last_errors={"yahoo": "HTTP 503"},
    )


def minutes(**rows: tuple[int, float]) -> pl.DataFrame:
    """So many rows of each source with that quality."""
    told = [(source, quality) for source, (n, quality) in rows.items() for _ in range(n)]
    return pl.DataFrame(told, schema={"source": pl.String, "quality_score": pl.Float64}, orient="row")


def compared(*rows: tuple[str, str, int, float]) -> pl.DataFrame:
    """Comparisons: source, other source, common minutes, share that agreed."""
    contract = BarsReconciliation.contract()
    told = [
        dict.fromkeys(contract.columns)
        | {"symbol": "EURUSD", "day": DAY, "source": a, "other_source": b, "n_common": n, "agreement_ratio": share}
        | {"status": "ok"}
        for a, b, n, share in rows
    ]
    return pl.DataFrame(told, schema=contract.schema)


def row(given: Facts, rows: pl.DataFrame, pairs: pl.DataFrame) -> dict[str, object]:
    found = source_health(DAY, ["yahoo", "polygon"], given, rows, pairs)
    BarsSourceHealth.contract().validate(found)
    return found.filter(source="yahoo").row(0, named=True)


def test_attempts_are_counted_by_how_they_ended() -> None:
    """10 were sent, of them 6 + 1 + 1 answered; what was never sent does not count against the source."""
    told = facts(
        ("yahoo", "ok", 6), ("yahoo", "partial", 1), ("yahoo", "empty", 1), ("yahoo", "invalid", 1),
        ("yahoo", "error", 1), ("yahoo", "budget", 3), ("yahoo", "disabled", 2), ("yahoo", "open", 1),
    )  # fmt: skip
    found = row(told, minutes(yahoo=(3, 0.9), polygon=(1, 1.0)), compared())
    assert (found["total_calls"], found["quota"], found["skipped"]) == (16, 3, 3)
    assert found["success_rate"] == pytest.approx(0.8)
    assert (found["rows_served"], found["share_of_rows"]) == (3, 0.75)
    assert (found["is_healthy"], found["opens"], found["last_error"]) == (False, 2, "HTTP 503")


@pytest.mark.parametrize(
    ("p95_ms", "state", "healthy"), [(4999.0, "closed", True), (5000.0, "closed", False), (900.0, "open", False)]
)
def test_slow_or_open_is_not_healthy(p95_ms: float, state: str, healthy: bool) -> None:
    """All three of success, latency and breaker must be well."""
    found = row(facts(("yahoo", "ok", 9), p95_ms=p95_ms, state=state), minutes(), compared())
    assert found["is_healthy"] is healthy


def test_trust_is_the_product_of_what_is_known() -> None:
    """0.9 answered, 0.8 quality, (90 + 30)/200 agreed: 0.432; both sides of a comparison are counted."""
    told = facts(("yahoo", "ok", 9), ("yahoo", "error", 1))
    pairs = compared(("yahoo", "polygon", 100, 0.9), ("polygon", "yahoo", 100, 0.3))
    found = row(told, minutes(yahoo=(5, 0.8)), pairs)
    assert (found["n_compared"], found["agreement_ratio"]) == (200, pytest.approx(0.6))
    assert found["trust_score"] == pytest.approx(0.432)


def test_a_source_nobody_asked_is_neither_well_nor_ill() -> None:
    """Unknown is null."""
    found = row(facts(("polygon", "ok", 1)), minutes(), compared())
    assert [found[name] for name in ("success_rate", "is_healthy", "trust_score", "share_of_rows")] == [None] * 4


def test_other_kinds_do_not_count() -> None:
    """An index and its future differ by their basis: that is no disagreement."""
    pairs = compared(("yahoo", "polygon", 100, 0.0)).with_columns(status=pl.lit("kinds"))
    assert row(facts(("yahoo", "ok", 1)), minutes(), pairs)["agreement_ratio"] is None
