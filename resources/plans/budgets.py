"""What the budgets of a plan's vendors allow: a day, a minute, and what is left of today."""

from collections.abc import Sequence
from dataclasses import dataclass

from market_assets.core.settings import RateBudget
from market_assets.settings import Settings
from resources.http.budget import MINUTE_S, Budget
from resources.http.state import fingerprint
from resources.plans import crypto
from resources.plans.asking import Asking, Asks, days_needed
from resources.venues.exchange import lanes_of

#: a window at least so long is not waited for
_LONG_S = 3600


@dataclass(frozen=True)
class Need:
    """What a plan takes of one budget of a vendor."""

    vendor: str
    #: which of its budgets; most vendors have one, without a name
    lane: str
    requests: int
    #: what the budget counts them as
    credits: int
    #: of the budget per day; None without one
    left_today: int | None
    per_day: int | None
    #: by the tightest of its short windows; None without one
    per_minute: float | None

    @property
    def days_needed(self) -> int:
        """Days that the budget makes it take, today included."""
        return days_needed(self.credits, self.left_today, self.per_day)

    @property
    def minutes(self) -> float | None:
        """Minutes that the requests take at the rate; None without one."""
        return None if self.per_minute is None else self.credits / self.per_minute


def needs(asking: Asking, asks: Sequence[Asks]) -> list[Need]:
    """What these requests take of each budget, by vendor and lane."""
    budgets = sorted({(one.vendor, one.lane) for one in asks})
    return [_need(asking, vendor, lane, asks) for vendor, lane in budgets]


def _need(asking: Asking, vendor: str, lane: str, asks: Sequence[Asks]) -> Need:
    settings = asking.settings
    own = [one for one in asks if (one.vendor, one.lane) == (vendor, lane)]
    secret = getattr(settings, f"{vendor}_api_key", None)
    key = fingerprint(vendor, secret.get_secret_value().strip() if secret else None, lane)
    rates, wait_s = _rates(settings, vendor, lane), settings.fetch.budget_wait_s
    budget = Budget.of(vendor, key, rates, asking.state, wait_s=wait_s, now=lambda: asking.now)
    day = next((use for use in budget.use() if use.name == "day"), None)
    short = [window.limit * MINUTE_S / window.seconds for window in budget.windows if window.seconds < _LONG_S]
    return Need(
        vendor,
        lane,
        requests=sum(one.n for one in own),
        credits=sum(one.n * one.weight for one in own),
        left_today=None if day is None else max(0, day.limit - day.used),
        per_day=None if day is None else day.limit,
        per_minute=min(short, default=None),
    )


def _rates(settings: Settings, vendor: str, lane: str) -> RateBudget:
    """The rates of a budget; the sandbox has none."""
    if settings.vendors == "sandbox":
        return RateBudget()
    if lane == crypto.LANE:
        return settings.crypto.request_budget
    lanes: dict[str, RateBudget] = {name: rates for name, _, rates in lanes_of(settings, vendor)} if lane else {}
    return lanes[lane] if lane else settings.vendor(vendor).budget
