"""Faults that a vendor can be told to have: how they are written, when they strike.

A fault is written `vendor:kind[:option=value]*`, for example `polygon:429:retry_after=2:times=3`.
`fault_kinds.py` lists the kinds. What one does to an answer is in `desk.py` (whole answers),
`fault_rows.py` (daily rows), `fault_hours.py` (hourly rows), `fault_events.py` (settlements),
`fault_minutes.py` (candles and minute bars), `alphavantage.py` and `twelvedata.py` (refusals),
`binance_stream.py` (streams) and `advisor.py` (replies).
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from market_assets.core.errors import MarketAssetsError, near
from resources.sandbox.fault_kinds import (
    COMMON,
    EVENT_KINDS,
    KINDS,
    NEEDED,
    ROW_KINDS,
    STATUS,
    STREAM_KINDS,
    TIMED,
    VENDORS,
    known,
)

_LATE_HOURS = 6
_OF_STREAMS = STREAM_KINDS | EVENT_KINDS


class UnknownFault(MarketAssetsError, ValueError):
    """A fault that cannot be read; the message lists what is known."""


@dataclass
class Fault:
    """One fault, and how often it struck."""

    vendor: str
    #: an HTTP status, or a key of `fault_kinds.KINDS`
    kind: str
    #: only requests for this symbol (house symbol or the vendor's id)
    symbol: str | None = None
    #: only requests whose path contains this
    match: str = ""
    #: strikes at most so often; None is without end
    times: int | None = None
    #: share of requests it strikes, evenly spread and the same in every run
    rate: float = 1.0
    retry_after: float | None = None
    #: what x-rate-limit-reset says, in seconds
    reset: float | None = None
    seconds: float = 30.0
    #: events of a stream; None is any number
    after: int | None = None
    #: status of a refused handshake
    code: int = 503
    factor: float = 1.01
    #: by which prices are too high
    ratio: float = 0.02
    #: hours after publication
    hours: float = 0.0
    dates: tuple[date, ...] = ()
    #: starts of single hours among the dates, in epoch seconds
    starts: tuple[int, ...] = ()
    seen: int = field(default=0, compare=False)
    struck: int = field(default=0, compare=False)

    @property
    def status(self) -> int | None:
        """The HTTP status it answers with, for faults that are one."""
        return int(self.kind) if self.kind.isdigit() else None

    def concerns(self, vendor: str, path: str, names: Sequence[str]) -> bool:
        """Whether it may strike this request; `names` are those of the symbol asked for, if one was."""
        if self.vendor != vendor or self.match not in path:
            return False
        if self.symbol is None or self.symbol in names:
            return True
        # a whole market's answer names no symbol; only faults of single rows can strike within it
        return not names and self.kind in ROW_KINDS

    def strikes(self) -> bool:
        """Count a request, and say whether this one is struck."""
        self.seen += 1
        due = int(self.seen * self.rate) > int((self.seen - 1) * self.rate)
        if not due or (self.times is not None and self.struck >= self.times):
            return False
        self.struck += 1
        return True

    def describe(self) -> dict[str, object]:
        """What the API shows of it."""
        options = {"symbol": self.symbol, "match": self.match or None, "times": self.times, "rate": self.rate}
        return {"vendor": self.vendor, "fault": self.kind, **options, "seen": self.seen, "struck": self.struck}


def parse(spec: str) -> Fault:
    """Read `vendor:kind[:option=value]*`. Raises UnknownFault."""
    vendor, _, rest = spec.partition(":")
    kind, *pairs = rest.split(":")
    options: dict[str, str] = {}
    for pair in pairs:
        # an option's value may hold colons itself (I:VIX): a piece without `=` belongs to the one before
        if "=" in pair:
            name, _, value = pair.partition("=")
            options[name] = value
        elif options:
            last = next(reversed(options))
            options[last] += f":{pair}"
        else:
            raise UnknownFault(f"{pair!r} in {spec!r} is no option; write it as name=value")
    return build(vendor, kind, options)


def from_json(body: Mapping[str, object]) -> list[Fault]:
    """Read `{"spec": "..."}`, `{"specs": [...]}` or `{"vendor", "fault", options...}`. Raises UnknownFault."""
    specs = body.get("specs", [body["spec"]] if "spec" in body else None)
    if isinstance(specs, list):
        return [parse(str(spec)) for spec in specs]
    if "vendor" not in body or "fault" not in body:
        raise UnknownFault(f'a fault is {{"spec": "vendor:kind"}} or {{"vendor", "fault", options}}; {known()}')
    options = {
        name: ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in body.items()
        if name not in {"vendor", "fault"}
    }
    return [build(str(body["vendor"]), str(body["fault"]), options)]


def build(vendor: str, kind: str, options: Mapping[str, str]) -> Fault:
    """A fault from its parts, all as text. Raises UnknownFault."""
    if vendor not in VENDORS:
        raise UnknownFault(f"no vendor {vendor!r} in the sandbox; {known()}")
    is_status = re.fullmatch(r"[45]\d\d", kind) is not None
    if not is_status and kind not in KINDS:
        hint = near(kind, KINDS)
        raise UnknownFault(f"no fault {kind!r}{f' (did you mean {hint[0]}?)' if hint else ''}; {known()}")
    found = STATUS if is_status else KINDS[kind]
    if vendor not in found.vendors:
        raise UnknownFault(f"{kind} is a fault of {', '.join(found.vendors)}, not of {vendor}; {known()}")
    takes = (*found.own(vendor), *COMMON)
    if surplus := sorted(set(options) - set(takes)):
        raise UnknownFault(f"{kind} takes the options {', '.join(takes)}, not {', '.join(surplus)}")
    if kind in NEEDED and NEEDED[kind] not in options:
        or_hour = " or YYYY-MM-DDTHH" if vendor in TIMED else ""
        raise UnknownFault(f"{kind} needs {NEEDED[kind]}=YYYY-MM-DD{or_hour}")
    try:
        return _fault(vendor, kind, options)
    except ValueError as wrong:
        raise UnknownFault(f"an option of {vendor}:{kind} cannot be read: {wrong}") from None


class Faults:
    """The faults in force."""

    def __init__(self, specs: Sequence[str] = ()) -> None:
        self.active = [parse(spec) for spec in specs]

    def add(self, faults: Sequence[Fault]) -> None:
        """Put more faults in force."""
        self.active.extend(faults)

    def clear(self) -> None:
        """End every fault."""
        self.active.clear()

    def take(self, vendor: str, path: str, names: Sequence[str], among: Collection[str] | None = None) -> list[Fault]:
        """The faults that strike this request. A status ends it: faults after that one wait their turn.

        `among` are the kinds that can; None is all but those of streams.
        """
        struck: list[Fault] = []
        for fault in self.active:
            can = fault.kind not in _OF_STREAMS if among is None else fault.kind in among
            if can and fault.concerns(vendor, path, names) and fault.strikes():
                struck.append(fault)
                if fault.status is not None:
                    break
        return struck


def _fault(vendor: str, kind: str, options: Mapping[str, str]) -> Fault:
    named = [text for text in options.get("dates", options.get("date", "")).split(",") if text]
    of_hours = [text for text in named if vendor in TIMED and "T" in text]
    fault = Fault(
        vendor=vendor,
        kind=kind,
        symbol=options.get("symbol"),
        match=options.get("match", ""),
        times=int(options["times"]) if "times" in options else None,
        rate=float(options.get("rate", 1)),
        retry_after=float(options["retry_after"]) if "retry_after" in options else None,
        reset=float(options["reset"]) if "reset" in options else None,
        seconds=float(options.get("seconds", 30)),
        after=int(options["after"]) if "after" in options else None,
        code=int(options.get("code", 503)),
        factor=float(options.get("factor", 1.01)),
        ratio=float(options.get("ratio", 0.02)),
        hours=float(options.get("hours", _LATE_HOURS if kind == "late" else 0)),
        dates=tuple(date.fromisoformat(text) for text in named if text not in of_hours),
        starts=tuple(_start(text) for text in of_hours),
    )
    if not 0 < fault.rate <= 1:
        raise ValueError(f"rate is above 0 and at most 1, not {fault.rate}")
    if not 400 <= fault.code <= 599:
        raise ValueError(f"code is a status from 400 to 599, not {fault.code}")
    return fault


def _start(text: str) -> int:
    """The start of the hour that a text names, in epoch seconds. Raises ValueError."""
    hour = datetime.fromisoformat(text)
    hour = hour if hour.tzinfo else hour.replace(tzinfo=UTC)
    if hour.timestamp() % 3600:
        raise ValueError(f"{text} is no whole hour; write it as 2024-06-10T05")
    return int(hour.timestamp())
