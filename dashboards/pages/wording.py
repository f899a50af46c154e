"""Numbers, ages and sizes as people read them. None is said in words, never shown as zero."""

from datetime import date, datetime

UNKNOWN = "unknown"
NO_DATA = "no data"

#: domain -> what its page and its card are called
DOMAINS = {
    "equities": "Equities",
    "btc": "Bitcoin",
    "funding": "Funding",
    "crypto": "Crypto",
    "bars": "Bars",
    "ops": "Operations",
}


def count(value: float | None) -> str:
    """12,345."""
    return NO_DATA if value is None else f"{value:,.0f}"


def price(value: float | None) -> str:
    """63421.5 as 63,421.5; 0.48213 as 0.48213: six significant digits at least, and no more than it has."""
    if value is None:
        return NO_DATA
    return f"{value:,.2f}" if abs(value) >= 1000 else f"{value:,.6g}"


def percent(ratio: float | None, digits: int = 1) -> str:
    """0.987 as 98.7 %."""
    return NO_DATA if ratio is None else f"{100 * ratio:.{digits}f} %"


def size(n_bytes: float | None) -> str:
    """Bytes with a binary unit: 1.5 MiB."""
    if n_bytes is None:
        return NO_DATA
    value = float(n_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1024:
            return f"{value:,.0f} {unit}" if unit == "B" else f"{value:,.1f} {unit}"
        value /= 1024
    return f"{value:,.1f} TiB"


def milliseconds(value: float | None) -> str:
    """3.42 ms."""
    if value is None:
        return NO_DATA
    return f"{value:,.2f} ms" if value < 10 else f"{value:,.0f} ms"


def age(seconds: float | None) -> str:
    """90 as `2 min`; the largest unit that leaves at least one."""
    if seconds is None:
        return NO_DATA
    for name, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length or (name == "min" and seconds >= length):
            return f"{seconds / length:.0f} {name}"
    return f"{max(seconds, 0):.0f} s"


def day(value: date | datetime | None) -> str:
    """2026-11-03."""
    return NO_DATA if value is None else f"{value:%Y-%m-%d}"


def instant(value: datetime | None) -> str:
    """2026-11-03 14:05:10Z."""
    return NO_DATA if value is None else f"{value:%Y-%m-%d %H:%M:%S}Z"
