"""How healthy the newest round of snapshots is, as one number (spec section 5)."""

MISSING_WEIGHT, NULL_WEIGHT = 30.0, 20.0
MOST_FOR_AGE, AGE_TOLERATED_MIN = 25.0, 5.0
PER_ERROR, PER_WARNING = 15.0, 5.0
HEALTHY, DEGRADED = 80.0, 50.0


def health_score(
    *,
    exchanges_expected: int,
    exchanges_present: int,
    null_rate_share: float | None,
    age_min: float | None,
    n_errors: int,
    n_warnings: int,
) -> float:
    """100 less what is missing, unknown, old or failed; never below 0.

    Missing exchanges cost 30 x their share, unknown rates 20 x theirs, an age above 5 minutes min(age / 2, 25),
    a failed check 15 (ERROR) or 5 (WARN). `null_rate_share` and `age_min` are None before the first look: then
    both cost all they can. Raises ValueError where no exchange is expected, or a share is none.
    """
    if exchanges_expected < 1:
        raise ValueError(f"a health score needs at least one expected exchange; was {exchanges_expected}")
    unknown = 1.0 if null_rate_share is None else null_rate_share
    if not 0.0 <= unknown <= 1.0:
        raise ValueError(f"null_rate_share is a share from 0 to 1; was {null_rate_share}")
    missing = max(0.0, 1.0 - exchanges_present / exchanges_expected)
    lost = MISSING_WEIGHT * missing + NULL_WEIGHT * unknown + _for_age(age_min)
    return max(0.0, 100.0 - lost - PER_ERROR * n_errors - PER_WARNING * n_warnings)


def health_status(score: float) -> str:
    """`healthy` from 80, `degraded` from 50, else `unhealthy`."""
    if score >= HEALTHY:
        return "healthy"
    return "degraded" if score >= DEGRADED else "unhealthy"


def _for_age(age_min: float | None) -> float:
    if age_min is None:
        return MOST_FOR_AGE
    return min(age_min / 2.0, MOST_FOR_AGE) if age_min > AGE_TOLERATED_MIN else 0.0
