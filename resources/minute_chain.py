"""The fallback chain of minute bars: sources in order until the minutes of a day are there.

An answer is judged by its quality and by how many of the expected minutes it has. One that has too few is the base
that the next source of the same kind may fill, where both agree; one that cannot be merged with a base serves alone
where it is good enough alone. Instruments of another kind come last, only where the symbol allows it, and never mix
with it. When nothing is good enough, nothing is returned and the stored partition stays.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl

from market_assets.bars.instruments import Bound, InstrumentRow
from market_assets.bars.settings import BarsSettings
from market_assets.bars.transforms import merging, minutes
from market_assets.bars.transforms.merging import Laid, Merged
from market_assets.bars.transforms.minutes import CONTRACT, Cleaned, Provenance
from market_assets.core import clock, trading_hours
from market_assets.core.revisions import Revision
from market_assets.settings import Settings
from resources.http.errors import AllSourcesFailed, MissingKey, Unauthorized, VendorError
from resources.minute_answers import Answers, Window
from resources.minute_steps import SKIPPED, Step, failed
from resources.source_calls import SourceCalls
from resources.vendors.minute import FetchedMinutes

log = logging.getLogger(__name__)

#: so many minutes of a running day may be late before an answer counts as short
LATE_MINUTES = 5


@dataclass(frozen=True)
class Wanted:
    """One day of one symbol, and what is known of it."""

    symbol: str
    window: Window
    #: BarsMinute of the days before, the newest last: what its scores are compared with
    before: pl.DataFrame
    #: BarsMinute of the live collector, and of a running day what is stored of it
    known: pl.DataFrame = field(default_factory=CONTRACT.empty)


class Disagreement(NamedTuple):
    """A source that states other prices than the one that serves."""

    #: warn or error
    status: str
    text: str


@dataclass(frozen=True)
class DayMinutes:
    """The minutes of a day, and how they came about."""

    symbol: str
    #: BarsMinute, scored and with its breaks marked
    frame: pl.DataFrame
    quarantined: pl.DataFrame
    #: minutes that were due
    expected: pl.Series
    steps: tuple[Step, ...]
    duplicates: int
    #: mean score, of rejected rows 0; null without a row
    batch_quality: float | None
    disagreements: tuple[Disagreement, ...]
    #: live minutes that were asked for as well and are stated otherwise
    revision: Revision | None


@dataclass(frozen=True)
class MinuteChain:
    """Asks the sources of a symbol in turn. Threads may share it."""

    settings: Settings
    answers: Answers
    calls: SourceCalls
    as_of: datetime
    now: Callable[[], datetime] = clock.wall

    def day(self, wanted: Wanted, ahead: Sequence[Window] = ()) -> DayMinutes:
        """The minutes of a day; `ahead` are the windows of later days that will be wanted as well.

        Raises AllSourcesFailed where no source is good enough, and Unauthorized at once where one refuses its key.
        """
        walk = _Walk(self, wanted, ahead)
        try:
            for level, bound in enumerate(self.settings.bars.chain(wanted.symbol)):
                if walk.is_served or walk.is_done(level, bound):
                    break
        finally:
            self.calls.note_many([step.note(self.now()) for step in walk.steps])
        return walk.found()

    def expected(self, symbol: str, window: Window, delay_s: float = 0.0) -> pl.Series:
        """The minutes of a window that are final at `as_of`, by a source that serves them so late."""
        grace = timedelta(seconds=self.settings.bars.close_grace_s + delay_s)
        final = (self.as_of - grace).replace(second=0, microsecond=0)
        calendar = self.settings.bars.instrument(symbol).calendar
        return trading_hours.minutes(calendar, window.first, max(window.first, min(window.until, final)))


@dataclass
class _Walk:
    """One day on its way down the chain."""

    chain: MinuteChain
    wanted: Wanted
    ahead: Sequence[Window]
    #: the best so far: of a running day it begins with what is known
    held: pl.DataFrame = field(init=False)
    steps: list[Step] = field(default_factory=list)
    disagreements: list[Disagreement] = field(default_factory=list)
    quarantined: list[pl.DataFrame] = field(default_factory=list)
    duplicates: int = 0
    revision: Revision | None = None
    #: what was due by the source that serves
    expected: pl.Series | None = None
    is_served: bool = False

    def __post_init__(self) -> None:
        self.held = CONTRACT.empty() if self.wanted.window.is_over else self.wanted.known
        due = self.chain.expected(self.wanted.symbol, self.wanted.window)
        # nothing is missing, so nobody is asked
        self.is_served = not self.wanted.window.is_over and _covered(self.held, due) == len(due)

    def is_done(self, level: int, bound: Bound) -> bool:
        """Ask one source; whether the day needs no other."""
        step = self._ask(level, bound)
        self.steps.append(step)
        if step.outcome != "ok":
            log.log(logging.INFO if step.outcome in SKIPPED else logging.WARNING, "%s: %s", self._context, step.text)
        return self.is_served

    def found(self) -> DayMinutes:
        """What the walk came to. Raises AllSourcesFailed."""
        expected = (
            self.chain.expected(self.wanted.symbol, self.wanted.window) if self.expected is None else self.expected
        )
        if not self.is_served and not self._is_enough(self.held, expected):
            names = ", ".join(dict.fromkeys(step.source for step in self.steps))
            errors = [step.error for step in self.steps if step.error is not None]
            raise AllSourcesFailed(names, self._context, errors, [step.text for step in self.steps])
        rows = minutes.with_breaks(self._scored(self.held), self._row.kind)
        rejected = pl.concat([CONTRACT.quarantine().empty(), *self.quarantined])
        return DayMinutes(
            symbol=self.wanted.symbol,
            frame=CONTRACT.conform(rows),
            quarantined=rejected.unique(list(CONTRACT.quarantine().key), keep="first", maintain_order=True),
            expected=expected,
            steps=tuple(self.steps),
            duplicates=self.duplicates,
            batch_quality=_quality(rows, rejected.height),
            disagreements=tuple(self.disagreements),
            revision=self.revision,
        )

    def _ask(self, level: int, bound: Bound) -> Step:
        bars, window = self._bars, self.wanted.window
        if bars.is_excluded(bound.source, bound.symbol, window.day):
            told = VendorError(bound.source, f"bars.source_exclusions names {window.day}", context=self._context)
            return Step(bound.source, level, "excluded", reason=told.detail, error=told)
        # a source that is only reached because a better one failed may not be needed for the next day
        ahead = self.ahead if all(step.outcome in SKIPPED for step in self.steps) else ()
        usable = [later for later in ahead if not bars.is_excluded(bound.source, bound.symbol, later.day)]
        began = time.perf_counter()
        try:
            expected = self.chain.expected(self.wanted.symbol, window, self.chain.answers.source(bound.source).delay_s)
            answer = self.chain.answers.minutes(bound, window, usable)
        except VendorError as error:
            step = failed(bound.source, level, error, (time.perf_counter() - began) * 1000)
            if isinstance(error, Unauthorized) and not isinstance(error, MissingKey):
                self.steps.append(step)
                raise
            return step
        return self._judge(level, bound, answer, expected)

    def _judge(self, level: int, bound: Bound, answer: FetchedMinutes, expected: pl.Series) -> Step:
        """Whether an answer serves, alone or with what is held."""
        cleaned = self._clean(level, bound, answer)
        step = Step(
            bound.source,
            level,
            "ok",
            rows=cleaned.frame.height,
            latency_ms=answer.latency_ms if answer.requests else None,
            requests=answer.requests,
            credits=answer.credits,
        )
        if cleaned.frame.is_empty() and cleaned.quarantined.is_empty():
            return self._refused(step, "empty", f"no rows, although {len(expected)} minutes were due")
        if (why := self._is_bad(cleaned)) is not None:
            return self._refused(step, "invalid", why)
        was_enough = self.held.height > 0 and self._is_enough(self.held, expected)
        joined = merging.merged(self.held, cleaned.frame, self._bars)
        if joined.disagrees:
            self.disagreements.append(_disagreement(step.source, self.held, joined))
        if not joined.is_filled and (
            was_enough or not self._is_enough(self._laid(cleaned.frame).merged.rows, expected)
        ):
            self.is_served = was_enough
            outcome = "invalid" if joined.disagrees else "partial"
            return self._refused(step, outcome, f"not merged with what is held: {joined.status}")
        if not joined.is_filled:
            # what is held cannot be merged with it and is not enough alone; this is
            self.held, self.quarantined, self.duplicates = self.held.clear(), [], 0
        self._take(joined.rows if joined.is_filled else cleaned.frame, cleaned, expected)
        laid = self._laid(self.held)
        if not was_enough and not self._is_enough(laid.merged.rows, expected):
            have = f"{_covered(laid.merged.rows, expected)} of {len(expected)} minutes"
            return self._refused(step, "partial", have)
        if laid.merged.disagrees:
            self.disagreements.append(_disagreement("the live collector", self.held, laid.merged))
        self.held, self.revision, self.is_served = laid.merged.rows, laid.revision, True
        return step

    def _take(self, rows: pl.DataFrame, cleaned: Cleaned, expected: pl.Series) -> None:
        # of minutes that are there already nothing is lost
        self.quarantined.append(cleaned.quarantined.join(self.held, on="ts", how="anti"))
        self.duplicates += cleaned.duplicates
        self.held, self.expected = rows, expected

    def _laid(self, rows: pl.DataFrame) -> Laid:
        """`rows` with what the live collector has of a day that is over; a running day has begun with that."""
        streamed = self.wanted.known if self.wanted.window.is_over else CONTRACT.empty()
        return merging.laid_over(streamed, rows, self._bars, is_final=True)

    def _clean(self, level: int, bound: Bound, answer: FetchedMinutes) -> Cleaned:
        row, window = self._bars.instrument(bound.symbol), self.wanted.window
        final = self.chain.expected(self.wanted.symbol, window)
        until = window.first if final.is_empty() else final[-1] + timedelta(minutes=1)
        named = Provenance(
            self.wanted.symbol,
            self.chain.settings.source_name(bound.source),
            bound.kind,
            level,
            row.measures_volume,
        )
        return minutes.clean(answer.frame, window.first, until, calendar=self._row.calendar, provenance=named)

    def _is_bad(self, cleaned: Cleaned) -> str | None:
        """Why an answer is not believed; None where it is."""
        good, broken = cleaned.frame.height, cleaned.quarantined.height
        most = self.chain.settings.quality.max_quarantine_share
        if broken > 1 and broken > most * (good + broken):
            return f"{broken} of {good + broken} rows break row rules ({cleaned.quarantined['reason'][0]})"
        quality = _quality(self._scored(cleaned.frame), broken)
        if quality is None or quality < self._bars.min_batch_quality:
            return f"mean quality {quality or 0.0:.2f} is below {self._bars.min_batch_quality:.2f}"
        return None

    def _is_enough(self, rows: pl.DataFrame, expected: pl.Series) -> bool:
        covered = _covered(rows, expected)
        late = 0 if self.wanted.window.is_over else LATE_MINUTES
        return covered >= self._bars.min_covered(self._row.calendar) * len(expected) or len(expected) - covered <= late

    def _scored(self, rows: pl.DataFrame) -> pl.DataFrame:
        return minutes.scored(rows, self.wanted.before)

    def _refused(self, step: Step, outcome: str, reason: str) -> Step:
        error = VendorError(step.source, reason, context=self._context)
        return replace(step, outcome=outcome, reason=reason, error=error)

    @property
    def _context(self) -> str:
        return f"{self.wanted.symbol} {self.wanted.window.day}"

    @property
    def _row(self) -> InstrumentRow:
        return self._bars.instrument(self.wanted.symbol)

    @property
    def _bars(self) -> BarsSettings:
        return self.chain.settings.bars


def _disagreement(source: str, held: pl.DataFrame, joined: Merged) -> Disagreement:
    apart = joined.agreement
    assert apart is not None and apart.median is not None
    text = (
        f"sources_disagree ({joined.status}): {source} and {'+'.join(held['source'].unique().sort())} differ by "
        f"{apart.median:.3%} (median of {apart.n_common} common minutes)"
    )
    return Disagreement(joined.status, text)


def _covered(rows: pl.DataFrame, expected: pl.Series) -> int:
    return int(expected.is_in(rows["ts"].implode()).sum())


def _quality(rows: pl.DataFrame, broken: int) -> float | None:
    """Mean score, rejected rows counting 0; null without any."""
    n = rows.height + broken
    return float(rows["quality_score"].sum()) / n if n else None
