"""Numbers of the funding domain as people read them. None is said in words, never shown as zero."""

from dashboards.pages.wording import NO_DATA, UNKNOWN


def percent(value: float | None, digits: int = 2) -> str:
    """12.3 as 12.30 %."""
    return NO_DATA if value is None else f"{value:,.{digits}f} %"


def usd(value: float | None) -> str:
    """1234567890 as 1.23 B USD, 313200 as 313 k USD."""
    if value is None:
        return NO_DATA
    for unit, size in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            return f"{value / size:.3g} {unit} USD"
    return f"{value:,.0f} USD"


def hours(value: float | None) -> str:
    """8.0 as 8 h; 0.25 as 15 min; 75.4 as 3.1 d."""
    if value is None:
        return UNKNOWN
    if value >= 48:
        return f"{value / 24:,.3g} d"
    return f"{value:.3g} h" if value >= 1 else f"{60 * value:.0f} min"


def countdown(seconds: float | None) -> str:
    """7325 as 2:02:05; what has passed is 0:00:00."""
    if seconds is None:
        return "not stated"
    left = max(int(seconds), 0)
    return f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02}"
