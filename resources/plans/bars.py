"""What a backfill of minute bars would ask of each source, before anything is asked.

Each day is planned on the first source of its chain that can be asked for it. A plan that does not fit into what is
left of a day's budget is refused, with the number of days that it would take.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Self

from market_assets.bars.instruments import Bound
from market_assets.core.errors import MarketAssetsError
from market_assets.core.partitions import day_and_name
from market_assets.settings import Settings
from resources.bars_fetch import window_of
from resources.http.errors import VendorError
from resources.minute_answers import Answers, Window, block_of
from resources.plans.asking import days_needed
from resources.vendors.registry import Vendors
from resources.vendors.yahoo_minutes import HISTORY

#: source -> how far back its minutes of a pair go
_HISTORY: Mapping[str, timedelta] = {"yahoo": HISTORY, "alphavantage": timedelta(days=30)}
_SHOWN = 10


class BackfillTooLarge(MarketAssetsError):
    """A backfill asks more of a source than is left of its day's budget."""


@dataclass(frozen=True)
class Need:
    """What is asked of one source. Its budget counts every request as one at least."""

    source: str
    #: days of one symbol each
    n_days: int
    requests: int
    #: of the budget per day; None without one
    left_today: int | None
    per_day: int | None
    per_minute: int | None

    @property
    def days_needed(self) -> int:
        """Days that the budget makes it take, today included."""
        return days_needed(self.requests, self.left_today, self.per_day)

    @property
    def text(self) -> str:
        """As a person reads it."""
        left = f"{self.left_today} of {self.per_day} left today" if self.per_day else "no limit a day"
        took = f", {self.requests / self.per_minute:.0f} min at {self.per_minute} a minute" if self.per_minute else ""
        asked = f"{self.source}: {self.n_days} symbol-days in {self.requests} requests"
        return f"{asked} ({left}{took}), {self.days_needed} day(s)"


@dataclass(frozen=True)
class Unserved:
    """Days of a symbol that no source can be asked for."""

    symbol: str
    days: tuple[date, ...]
    reason: str

    @property
    def text(self) -> str:
        """As a person reads it."""
        return f"no source for {self.symbol} {self.days[0]}..{self.days[-1]} ({len(self.days)} days): {self.reason}"


@dataclass(frozen=True)
class Plan:
    """What a backfill asks, and of whom."""

    needs: tuple[Need, ...]
    unserved: tuple[Unserved, ...]
    #: whether it is more than the days that schedules ask for again and again; those fall back when a budget is spent
    is_backfill: bool
    #: the newest of the days asked for that fit into what is left today, first and last; None where none does
    fits: tuple[date, date] | None

    def check(self) -> None:
        """Raise BackfillTooLarge where it is a backfill and a source's budget makes it take more than today."""
        large = [need for need in self.needs if need.days_needed > 1]
        if not large or not self.is_backfill:
            return
        told = "; ".join(
            f"{need.source} needs {need.requests} requests, {need.left_today} of {need.per_day} are left today, "
            f"which takes {need.days_needed} days"
            for need in large
        )
        fits = f"{self.fits[0]}..{self.fits[1]} fits now" if self.fits else "not even one day fits now"
        raise BackfillTooLarge(
            f"a backfill must fit into what is left of each source's day: {told}. Nothing was asked. {fits}; "
            "ask for that range, the rest on later days, or raise the source's budget.per_day if your plan has more"
        )

    def __str__(self) -> str:
        lines = [*(need.text for need in self.needs), *(one.text for one in self.unserved[:_SHOWN])]
        more = len(self.unserved) - _SHOWN
        return "\n".join([*lines, *([f"and {more} more without a source"] if more > 0 else [])]) or "nothing to ask"


def plan(settings: Settings, vendors: Vendors, keys: Sequence[str], as_of: datetime) -> Plan:
    """The plan of these partitions (`2026-10-05|EURUSD`). Asks no vendor."""
    return Planner.of(settings, vendors, as_of).plan(keys)


@dataclass(frozen=True)
class Planner:
    """Who can be asked for what."""

    settings: Settings
    answers: Answers
    as_of: datetime

    @classmethod
    def of(cls, settings: Settings, vendors: Vendors, as_of: datetime) -> Self:
        """By the settings, and what sources have refused before."""
        return cls(settings, Answers.of(settings, vendors), as_of)

    def plan(self, keys: Sequence[str]) -> Plan:
        """What these partitions take."""
        served, unserved = self.served(keys)
        return Plan(
            needs=tuple(self._needs(served)),
            unserved=tuple(Unserved(symbol, tuple(days), why) for (symbol, why), days in sorted(unserved.items())),
            is_backfill=len({day for day, _ in map(day_and_name, keys)}) > self.settings.bars.trailing_days,
            fits=self._fitting(served),
        )

    def served(self, keys: Sequence[str]) -> tuple[dict[Bound, list[Window]], dict[tuple[str, str], list[date]]]:
        """The days that each place is asked for; the days of a symbol that nobody can be asked for, by reason."""
        served: dict[Bound, list[Window]] = defaultdict(list)
        unserved: dict[tuple[str, str], list[date]] = defaultdict(list)
        for day, symbol in sorted(map(day_and_name, keys)):
            window = window_of(self.settings, symbol, day, self.as_of)
            if window is None:
                continue
            bound, reason = self.first(self.settings.bars.chain(symbol), window)
            if bound is None:
                unserved[symbol, reason].append(day)
            else:
                served[bound].append(window)
        return served, unserved

    def first(self, chain: Sequence[Bound], window: Window) -> tuple[Bound | None, str]:
        """The first of a chain that can be asked for a day; None with the reasons why nobody can."""
        reasons: list[str] = []
        for bound in chain:
            why = self._refusal(bound, window)
            if why is None:
                return bound, ""
            reasons.append(f"{bound.source} {why}")
        return None, "; ".join(dict.fromkeys(reasons))

    def _refusal(self, bound: Bound, window: Window) -> str | None:
        """Why a source cannot be asked; None where it can."""
        history = None if bound.source == "alphavantage" and "," not in bound.vendor_id else _HISTORY.get(bound.source)
        if self.settings.bars.is_excluded(bound.source, bound.symbol, window.day):
            return "is excluded"
        if not self.answers.source(bound.source).enabled:
            return "has no key"
        if history is not None and window.first < self.as_of - history:
            return f"keeps {history.days} days"
        try:
            self.answers.check(bound, window)
        except VendorError:
            return "is not entitled"
        return None

    def _needs(self, served: Mapping[Bound, Sequence[Window]]) -> list[Need]:
        requests, days = self.requests(served), Counter[str]()
        for bound, windows in served.items():
            days[bound.source] += len(windows)
        return [self._need(source, days[source], n) for source, n in sorted(requests.items())]

    def _need(self, source: str, n_days: int, requests: int) -> Need:
        uses = {use.name: use for use in self.answers.source(source).budget()}
        day, minute = uses.get("day"), uses.get("minute")
        return Need(
            source,
            n_days,
            requests,
            left_today=None if day is None else max(0, day.limit - day.used),
            per_day=None if day is None else day.limit,
            per_minute=None if minute is None else minute.limit,
        )

    def requests(self, served: Mapping[Bound, Sequence[Window]]) -> Counter[str]:
        """Source -> requests, as many days together as one may cover."""
        asked = Counter[str]()
        for bound, windows in served.items():
            most, rest = self.answers.source(bound.source).most_minutes, list(windows)
            while rest:
                rest = rest[len(block_of(rest[0], rest[1:], most)) :]
                asked[bound.source] += 1
        return asked

    def _fitting(self, served: Mapping[Bound, Sequence[Window]]) -> tuple[date, date] | None:
        days = sorted({window.day for windows in served.values() for window in windows}, reverse=True)
        fitting: tuple[date, date] | None = None
        for first in days:
            newest = {bound: [one for one in windows if one.day >= first] for bound, windows in served.items()}
            if any(need.days_needed > 1 for need in self._needs(newest)):
                break
            fitting = (first, days[0])
        return fitting
