"""Everything to a standstill, without cutting off what has begun; and on again."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES, DagsterRun, RunsFilter

from market_assets.core import clock
from market_assets.core.errors import MarketAssetsError
from market_assets.ops import automation
from market_assets.settings import Settings
from resources import stop_marker as marker
from resources.stop_marker import TurnedOff

#: looks in a row at which nothing may happen: a tick that was under way may still ask for a run
_QUIET_LOOKS = 2
_LOOK_S = 1.0
_UNDER_WAY = (BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING)


class NotStopped(MarketAssetsError):
    """There is nothing to start: this home does not stand still."""


@dataclass
class Stopped:
    """What a stop did, and what would not stop."""

    turned_off: tuple[TurnedOff, ...] = ()
    #: runs that waited in the queue
    cancelled_runs: list[str] = field(default_factory=list)
    cancelled_backfills: list[str] = field(default_factory=list)
    #: runs that had started, and ended while it waited
    ended_runs: set[str] = field(default_factory=set)
    #: runs that had not ended when the time was over
    running: list[str] = field(default_factory=list)
    #: collectors that had not ended when the time was over
    collecting: list[str] = field(default_factory=list)
    #: collectors that ended
    ended_collectors: set[str] = field(default_factory=set)

    @property
    def is_still(self) -> bool:
        """Whether nothing runs any more."""
        return not self.running and not self.collecting


@dataclass(frozen=True)
class Started:
    """What was turned on again, and what was not: it ran already, or is no more."""

    turned_on: tuple[TurnedOff, ...]
    left: tuple[TurnedOff, ...]


@dataclass(frozen=True)
class Standstill:
    """Stops and starts one home. Without an instance there are only collectors."""

    settings: Settings
    instance: dg.DagsterInstance | None
    defs: Callable[[], dg.Definitions]
    #: told what is waited for
    tell: Callable[[str], None] = lambda _: None
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic

    def stop(self, reason: str, who: str, wait_s: float) -> Stopped:
        """Turn everything off, cancel what is queued, and wait until what has started has ended.

        What ran is written down before the first of it is turned off: a stop that is killed can be repeated.
        """
        defs = self.defs() if self.instance is not None else dg.Definitions()
        before = automation.running(self.instance, defs) if self.instance is not None else []
        collecting = self._collecting()
        written = marker.write(self.settings, reason, who, map(automation.remembered, before))
        done = Stopped(turned_off=written.turned_off, collecting=collecting)
        ends, quiet = self.monotonic() + wait_s, 0
        while True:
            happened = self._look(defs, done)
            quiet = 0 if happened or not done.is_still else quiet + 1
            if quiet >= _QUIET_LOOKS or self.monotonic() >= ends:
                return done
            if not done.is_still:
                self.tell(f"waiting for {', '.join([*done.running, *done.collecting])}")
            self.sleep(_LOOK_S)

    def start(self) -> Started:
        """Turn on exactly what stop had turned off, and let collectors start. Raises NotStopped."""
        found = marker.read(self.settings)
        if found is None:
            raise NotStopped(
                f"{marker.path(self.settings)} is not there: this home does not stand still. "
                "Single schedules and sensors are turned on in Dagster's UI"
            )
        if self.instance is None and found.turned_off:
            raise NotStopped(
                f"{len(found.turned_off)} schedules and sensors are to be turned on, and there is no Dagster instance "
                "here. Set DAGSTER_HOME as it was when they were stopped"
            )
        on, left = list[TurnedOff](), list[TurnedOff]()
        for one in found.turned_off:
            (on if self.instance is not None and automation.turn_on(self.instance, one) else left).append(one)
        marker.remove(self.settings)
        return Started(tuple(on), tuple(left))

    def _look(self, defs: dg.Definitions, done: Stopped) -> bool:
        """Turn off, cancel, and see what is left; whether there was anything to turn off or to cancel."""
        happened = False
        if self.instance is not None:
            # a daemon in the middle of a tick writes back the state it had read: so every look turns off
            states = automation.running(self.instance, defs)
            automation.turn_off(self.instance, states)
            backfills, runs = self._cancel_backfills(defs), self._cancel_queued()
            done.cancelled_backfills += backfills
            done.cancelled_runs += runs
            happened = bool(states or backfills or runs)
            before = set(done.running)
            done.running = [run.run_id for run in self._runs(*IN_PROGRESS_RUN_STATUSES)]
            done.ended_runs |= before - set(done.running)
        before = set(done.collecting)
        done.collecting = self._collecting()
        done.ended_collectors |= before - set(done.collecting)
        return happened

    def _collecting(self) -> list[str]:
        return [lock.stem for lock in locks(self.settings) if _is_held(lock)]

    def _cancel_queued(self) -> list[str]:
        """Cancel what no process has begun. A run that was dequeued meanwhile is waited for as any other."""
        assert self.instance is not None
        cancelled = []
        for run in self._runs(dg.DagsterRunStatus.QUEUED):
            self.instance.report_run_canceling(run, message="Cancelled by market-assets stop, before it began.")
            self.instance.report_run_canceled(run)
            cancelled.append(run.run_id)
        return cancelled

    def _cancel_backfills(self, defs: dg.Definitions) -> list[str]:
        """End backfills that would ask for more runs; the runs they have asked for are queued or under way."""
        assert self.instance is not None
        ours = defs.resolve_asset_graph().get_all_asset_keys()
        cancelled = []
        for status in _UNDER_WAY:
            for backfill in self.instance.get_backfills(status=status):
                if _is_of(backfill, ours):
                    ended = clock.wall().timestamp()
                    self.instance.update_backfill(
                        backfill._replace(status=BulkActionStatus.CANCELED, backfill_end_timestamp=ended)
                    )
                    cancelled.append(backfill.backfill_id)
        return cancelled

    def _runs(self, *statuses: dg.DagsterRunStatus) -> list[DagsterRun]:
        assert self.instance is not None
        found = self.instance.get_runs(RunsFilter(statuses=list(statuses)))
        return [run for run in found if automation.is_ours(run)]


def locks(settings: Settings) -> list[Path]:
    """The locks that collectors hold while they run."""
    return sorted((settings.home / "state").glob("stream-*.lock"))


@contextmanager
def instance_of(settings: Settings) -> Iterator[dg.DagsterInstance | None]:
    """The Dagster instance of this home; None where there is none."""
    home = Path(os.environ.get("DAGSTER_HOME") or settings.home / "dagster")
    if not (home / "dagster.yaml").exists():
        yield None
        return
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def _is_of(backfill: PartitionBackfill, ours: AbstractSet[dg.AssetKey]) -> bool:
    selected = set(backfill.asset_selection or ())
    return not selected or bool(selected & ours)


def _is_held(lock: Path) -> bool:
    """Whether a process holds it: the kernel frees the lock when its holder ends, the file stays."""
    with lock.open("r") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
