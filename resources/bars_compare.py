"""Asks a second source for days that are stored, and tells how far both agree."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from market_assets.bars.instruments import Bound
from market_assets.bars.transforms import minutes
from market_assets.bars.transforms.minutes import Provenance
from market_assets.bars.transforms.reconciliation import CONTRACT, Other, compared
from market_assets.core import clock
from market_assets.core.partitions import day_and_name, key_of
from market_assets.settings import Settings
from resources.bars_fetch import BARS, window_of
from resources.http.errors import MissingKey, Unauthorized, VendorError
from resources.minute_answers import Answers, Window
from resources.minute_steps import Step, failed
from resources.source_calls import SourceCalls
from resources.vendors.registry import Vendors


def compare(
    settings: Settings, vendors: Vendors, bars_minute: pl.DataFrame, keys: Sequence[str], as_of: datetime
) -> pl.DataFrame:
    """BarsReconciliation of these partitions (`2026-10-05|EURUSD`): each stored source beside one that is not stored.

    `bars_minute`: the stored minutes of them; rows of other partitions are left out.

    It is the first of the chain, of the same kind, that can be asked. A source that fails leaves a row with the
    reason; raises Unauthorized where one refuses its key. A day without stored minutes has no row.
    """
    wanted = set(keys)
    stored = {key: rows for key, rows in BARS.split(bars_minute).items() if key in wanted}
    comparison = _Comparison(settings, Answers.of(settings, vendors), SourceCalls(settings.home), as_of, stored)
    return CONTRACT.conform(pl.concat([CONTRACT.empty(), *(comparison.of(key) for key in sorted(stored))]))


@dataclass(frozen=True)
class _Comparison:
    settings: Settings
    answers: Answers
    calls: SourceCalls
    as_of: datetime
    stored: Mapping[str, pl.DataFrame]

    def of(self, key: str) -> pl.DataFrame:
        """The rows of one symbol and day."""
        rows, (day, symbol) = self.stored[key], day_and_name(key)
        window = window_of(self.settings, symbol, day, self.as_of)
        if window is None:
            return CONTRACT.empty()
        kind = rows["instrument_kind"].mode().sort()[0]
        return compared(rows, self._other(symbol, window, kind), self.settings.bars)

    def _other(self, symbol: str, window: Window, kind: str) -> Other:
        chain = [bound for bound in self.settings.bars.chain(symbol) if not self._serves(bound, symbol, window.day)]
        reasons: list[str] = []
        for bound in [bound for bound in chain if bound.kind == kind]:
            found, why = self._ask(symbol, bound, window)
            if found is not None:
                return Other(self.settings.source_name(bound.source), bound.kind, found)
            reasons.append(f"{bound.source}: {why}")
        for bound in [bound for bound in chain if bound.kind != kind]:
            return Other(self.settings.source_name(bound.source), bound.kind, reason="another kind of instrument")
        return Other(reason="; ".join(reasons) or "no other source has it")

    def _ask(self, symbol: str, bound: Bound, window: Window) -> tuple[pl.DataFrame | None, str]:
        """The minutes of another source; None with the reason where it has none."""
        bars = self.settings.bars
        if bars.is_excluded(bound.source, bound.symbol, window.day):
            return None, "excluded"
        level, began = bars.chain(symbol).index(bound), time.perf_counter()
        try:
            answer = self.answers.minutes(bound, window, self._ahead(symbol, bound, window.day))
        except VendorError as error:
            self._note(failed(bound.source, level, error, (time.perf_counter() - began) * 1000))
            if isinstance(error, Unauthorized) and not isinstance(error, MissingKey):
                raise
            return None, error.detail
        measured = bars.instrument(bound.symbol).measures_volume
        named = Provenance(symbol, self.settings.source_name(bound.source), bound.kind, level, measured)
        calendar = bars.instrument(symbol).calendar
        found = minutes.clean(answer.frame, window.first, window.until, calendar=calendar, provenance=named).frame
        self._note(
            Step(
                bound.source,
                level,
                "empty" if found.is_empty() else "ok",
                rows=found.height,
                latency_ms=answer.latency_ms if answer.requests else None,
                credits=answer.credits,
            )
        )
        return (None, "no rows") if found.is_empty() else (found, "")

    def _ahead(self, symbol: str, bound: Bound, day: date) -> list[Window]:
        """Later days that the same source will be compared on."""
        days = sorted(later for later, named in map(day_and_name, self.stored) if named == symbol and later > day)
        usable = [one for one in days if not self._serves(bound, symbol, one)]
        windows = [window_of(self.settings, symbol, one, self.as_of) for one in usable]
        excluded = self.settings.bars.is_excluded
        return [one for one in windows if one is not None and not excluded(bound.source, bound.symbol, one.day)]

    def _serves(self, bound: Bound, symbol: str, day: date) -> bool:
        """Whether stored minutes of a day are of that source."""
        return self.settings.source_name(bound.source) in self.stored[key_of(day, symbol)]["source"]

    def _note(self, step: Step) -> None:
        self.calls.note_many([step.note(clock.wall())])
