"""How old the newest data may be."""

from market_assets.btc.ages import TableAge
from market_assets.core.checks import Judgement, error_unless, warn_unless


def freshness(age: TableAge) -> Judgement:
    """The newest row is no older than its table may be: hours for hourly tables, 8 days for models."""
    judge = error_unless if age.status == "stale" else warn_unless
    described = "there is no row that counts yet" if age.hours is None else ""
    return judge(
        age.status == "ok", described, age_hours=age.hours, warn_above_hours=age.late, error_above_hours=age.stale
    )
