"""Which vendors are asked by the settings, and what is left of their budgets. Read from the shared state file."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from market_assets.core import clock
from market_assets.core.settings import RateBudget
from market_assets.settings import Settings
from resources.http.budget import Budget
from resources.http.state import VendorState, fingerprint

#: the lane that `resources.vendors.binance_klines` asks in
_CANDLES = "klines"


@dataclass(frozen=True)
class WindowLeft:
    """Requests left in one window of a budget."""

    window: str
    left: int
    limit: int
    resets_at: datetime
    #: of a vendor with several budgets the one it belongs to; its windows are named so too
    lane: str = ""


def vendors_in_use(settings: Settings) -> list[str]:
    """The vendors that are asked by the settings, and the archive that exchanges and candles share."""
    from resources.venues import binance_archive

    funding, crypto = settings.funding, settings.crypto
    idle = {crypto.venue.vendor} - {*funding.enabled} if not crypto.live else set()
    names = [name for name in settings.vendor_names if name not in idle]
    has_months = funding.archive and not binance_archive.MARKETS.keys().isdisjoint(funding.enabled)
    return [*names, binance_archive.NAME] if has_months or crypto.archive else names


def windows_left(
    settings: Settings, vendor: str, state: VendorState, now: Callable[[], datetime] = clock.wall
) -> list[WindowLeft]:
    """What is left in each window of each budget of a vendor; nothing where it has none, as in the sandbox."""
    return [
        WindowLeft(
            f"{use.name} ({lane})" if lane else use.name, max(use.limit - use.used, 0), use.limit, use.resets_at, lane
        )
        for lane, rates in _lanes(settings, vendor)
        for use in _budget(settings, vendor, lane, rates, state, now).use()
    ]


def _lanes(settings: Settings, vendor: str) -> list[tuple[str, RateBudget]]:
    """The budgets of a vendor by name, none in the sandbox: an exchange has two, candles one more; others one."""
    if settings.vendors == "sandbox":
        return []
    from resources.venues.exchange import lanes_of

    is_exchange, crypto = vendor in settings.funding.enabled, settings.crypto
    lanes: list[tuple[str, RateBudget]] = []
    if is_exchange:
        lanes += [(lane, rates) for lane, _, rates in lanes_of(settings, vendor)]
    if crypto.live and vendor == crypto.venue.vendor:
        lanes.append((_CANDLES, crypto.request_budget))
    return lanes or [("", settings.vendor(vendor).budget)]


def _budget(
    settings: Settings, vendor: str, lane: str, rates: RateBudget, state: VendorState, now: Callable[[], datetime]
) -> Budget:
    secret = getattr(settings, f"{vendor}_api_key", None)
    key = fingerprint(vendor, secret.get_secret_value() if secret else None, lane)
    return Budget.of(vendor, key, rates, state, wait_s=settings.fetch.budget_wait_s, now=now)
