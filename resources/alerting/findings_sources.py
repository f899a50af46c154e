"""What is wrong with vendors: breakers that are open, budgets that are nearly spent."""

from collections.abc import Iterator
from datetime import datetime

from market_assets.ops.transforms.incidents import Finding, Severity
from market_assets.settings import Settings
from resources.alerting.asked import Supply, can_be_asked, supplies
from resources.http.breaker import Breaker
from resources.http.state import VendorState
from resources.vendor_budgets import WindowLeft, vendors_in_use, windows_left

_NAMED = 5


def breakers(settings: Settings, now: datetime) -> list[Finding]:
    """Sources whose breaker is open: a warning while others bring all that they bring, otherwise an error."""
    state = VendorState.of(settings.home)
    if not state.path.exists():
        return []
    needed = supplies(settings)
    vendors = sorted({source for one in needed for source in one.sources} & set(vendors_in_use(settings)))
    shut = [name for name in vendors if Breaker(name, state, now=lambda: now).status().state != "closed"]
    if not shut:
        return []
    serving = {name for name in vendors if _serves(settings, state, name, now)}
    return [_breaker(name, needed, serving, state.open_since(name) or now) for name in shut]


def _breaker(vendor: str, needed: list[Supply], serving: set[str], since: datetime) -> Finding:
    brought = [one for one in needed if vendor in one.sources]
    lacking = [one.what for one in brought if not serving & set(one.sources) and not one.is_optional]
    others = sorted({source for one in brought for source in one.sources} & serving)
    shown = ", ".join(lacking[:_NAMED]) + (f" and {len(lacking) - _NAMED} more" if len(lacking) > _NAMED else "")
    if lacking:
        told = f"No source is left for {shown}"
    elif others:
        told = f"{', '.join(others)} serves instead"
    else:
        told = f"Nothing depends on it but {', '.join(one.what for one in brought)}"
    return Finding(
        subject=f"source:{vendor}",
        check="breaker_open",
        cause="",
        severity="ERROR" if lacking else "WARN",
        said=f"{vendor} failed so often in a row that it is asked by single probes only. {told}.",
        since=since,
    )


def _serves(settings: Settings, state: VendorState, vendor: str, now: datetime) -> bool:
    status = Breaker(vendor, state, now=lambda: now).status()
    is_open = status.state != "closed" or status.blocked_until is not None
    return (
        not is_open and can_be_asked(settings, vendor) and all(one.left for one in _days(settings, state, vendor, now))
    )


def budgets(settings: Settings, now: datetime) -> list[Finding]:
    """Budgets of the day of which little is left, or nothing."""
    state = VendorState.of(settings.home)
    if not state.path.exists():
        return []
    return [
        finding
        for vendor in vendors_in_use(settings)
        for window in _days(settings, state, vendor, now)
        for finding in _budget(vendor, window, settings.alerts.budget_left, now)
    ]


def _budget(vendor: str, window: WindowLeft, warn_below: float, now: datetime) -> Iterator[Finding]:
    if window.left >= window.limit * warn_below and window.left:
        return
    severity: Severity = "WARN" if window.left else "ERROR"
    of_lane = f" for {window.lane}" if window.lane else ""
    yield Finding(
        subject=f"source:{vendor}",
        check="budget_low",
        cause=window.lane,
        severity=severity,
        said=f"{window.left} of {window.limit} requests of the day{of_lane} are left at {vendor}; "
        f"the budget resets at {window.resets_at:%Y-%m-%d %H:%M}Z.",
        since=now,
    )


def _days(settings: Settings, state: VendorState, vendor: str, now: datetime) -> list[WindowLeft]:
    return [one for one in windows_left(settings, vendor, state, lambda: now) if one.window.startswith("day")]
