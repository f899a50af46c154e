"""The health score of the newest round of looks (spec section 5), of what the page knows. Pure."""

from collections.abc import Iterable, Mapping

import polars as pl

from market_assets.funding.transforms.health import health_score

#: checks of funding_snapshot that judge a round; each counts once
ROUND_CHECKS = ("snapshot_fresh", "exchanges_present", "mark_dispersion", "basis_plausible", "rates_stated")
#: age of a look (min) above which it is late, above which it is stale (spec: freshness)
LATE_MIN, STALE_MIN = 10.0, 30.0
#: a look older than this belongs to no round (min)
_ROUND_MIN = 60.0


def round_health(states: pl.DataFrame, failed: Iterable[tuple[str, str]]) -> float:
    """0 to 100, of rows of `readers.exchange_states` and the (name, severity) of failed checks."""
    present = states.filter(pl.col("age_min") <= _ROUND_MIN)
    n_contracts = int(present["n_contracts"].sum())
    unknown = n_contracts - int(present["n_rates"].sum())
    severity = {name: severity for name, severity in failed if name in ROUND_CHECKS}
    return health_score(
        exchanges_expected=states.height,
        exchanges_present=present.height,
        null_rate_share=unknown / n_contracts if n_contracts else None,
        age_min=_least(present["age_min"]),
        n_errors=sum(found == "ERROR" for found in severity.values()),
        n_warnings=sum(found == "WARN" for found in severity.values()),
    )


def look_state(row: Mapping[str, object]) -> str:
    """Of a row of `readers.exchange_states`: ok, late above 10 min, stale above 30 min, missing without a look."""
    age = row["age_min"]
    if not isinstance(age, float):
        return "missing"
    return "stale" if age > STALE_MIN else "late" if age > LATE_MIN else "ok"


def _least(ages: pl.Series) -> float | None:
    found = ages.min()
    return found if isinstance(found, float) else None
