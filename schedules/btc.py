"""When btc is asked for: hourly after publication, model fits on Monday, restatements once a day.

The hourly run carries the whole chain of its days, because all of it is cut by day. What is older than
those days (a new home, a failed download) is asked for raw; the follow sensor brings the rest up to date.
"""

from datetime import date, datetime, timedelta

import dagster as dg

from market_assets.btc import schemas
from market_assets.btc.assets import ASSETS
from market_assets.btc.checks import CHECKS, POINT_IN_TIME
from market_assets.btc.partitions import DAY, LOOK_BACK, WEEK
from market_assets.btc.settings import BtcSettings
from market_assets.btc.transforms import raw
from market_assets.core import partitions
from market_assets.core.contracts import Table
from market_assets.settings import Settings
from resources.stores import open_store
from resources.stores.protocol import PartitionStore
from schedules.ticking import Ticking, checks_named

_DAY = timedelta(days=1)
_DAY_HOURS = 24
_OBSERVED: tuple[type[Table], ...] = (schemas.BtcPrice, schemas.BtcLiquidations)
DAILY = [asset.key for asset in ASSETS if asset.partitions_def == DAY]
MODELS = dg.AssetKey("btc_bin_models")
#: every check of the daily assets, without the one that asks the vendor's metadata
HOURLY_CHECKS = [
    key for checks in CHECKS for key in checks.check_keys if key.name != POINT_IN_TIME and key.asset_key in DAILY
]
FRESHNESS = checks_named(CHECKS, {"freshness"})
VARIANTS = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey("btc_price"), POINT_IN_TIME))


def btc_schedules(settings: Settings, *, default_status: dg.DefaultScheduleStatus) -> list[dg.ScheduleDefinition]:
    """The schedules of the domain. All times are UTC."""
    btc = settings.btc

    @dg.schedule(
        name="btc_hourly",
        cron_schedule=f"{btc.schedule_minute} * * * *",
        execution_timezone="UTC",
        target=dg.AssetSelection.assets(*DAILY),
        default_status=default_status,
        description="The newest hours through the whole chain, and raw days that are missing.",
    )
    def hourly(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest]:
        at = context.scheduled_execution_time
        return Hourly(open_store(settings), btc, at).requests()

    @dg.schedule(
        name="btc_weekly_models",
        cron_schedule=f"{(btc.schedule_minute + 5) % 60} * * * *",
        execution_timezone="UTC",
        target=dg.AssetSelection.assets(MODELS),
        default_status=default_status,
        description="Fits this week's bin model, and tries again every hour until its training rows are there.",
    )
    def weekly_models(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        at = context.scheduled_execution_time
        week = f"{(at - at.weekday() * _DAY):%Y-%m-%d}"
        if week not in WEEK.get_partition_keys(current_time=at):
            return dg.SkipReason(f"the history begins within the week of {week}: it has no model")
        if open_store(settings).manifest(schemas.BtcBinModels.contract(), week) is not None:
            return dg.SkipReason(f"the model of {week} is fitted")
        return dg.RunRequest(run_key=f"btc-model:{at.isoformat()}", tags=partitions.range_tags(week, week))

    @dg.schedule(
        name="btc_revisions",
        cron_schedule="40 3 * * *",
        execution_timezone="UTC",
        target=dg.AssetSelection.assets(*(table.contract().name for table in _OBSERVED)),
        default_status=default_status,
        description="Asks for the trailing days again: what the vendor restated is kept beside what was used.",
    )
    def revisions(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        at = context.scheduled_execution_time
        first = max(btc.history_start, (at - btc.repair_days * _DAY).date())
        return dg.RunRequest(
            run_key=f"btc-revisions:{at.isoformat()}", tags=partitions.range_tags(str(first), str(at.date()))
        )

    freshness = Ticking(default_status).judging(
        "btc_freshness",
        f"{(btc.schedule_minute + 30) % 60} * * * *",
        "btc_freshness_checks",
        FRESHNESS,
        "Judges the age of every table, also when nothing arrives.",
    )
    variants = Ticking(default_status).judging(
        "btc_point_in_time_variants",
        "50 4 * * 1",
        "btc_variant_checks",
        VARIANTS,
        "Asks once a week whether the vendor now has point-in-time variants of the metrics in use.",
    )
    return [hourly, weekly_models, revisions, freshness, variants]


class Hourly:
    """What one tick asks for."""

    def __init__(self, store: PartitionStore, btc: BtcSettings, at: datetime) -> None:
        self.store, self.btc, self.at = store, btc, at
        self.today = at.date()

    def requests(self) -> list[dg.RunRequest]:
        """The chain over the newest days, or raw days alone where there is nothing to continue from."""
        first = self.first_day()
        if not self.continues(first):
            return self._raw_days(str(first), newest=True)
        chain = dg.RunRequest(
            run_key=f"btc-hourly:{self.at.isoformat()}",
            asset_selection=DAILY,
            asset_check_keys=HOURLY_CHECKS,
            tags=partitions.range_tags(str(first), str(self.today)),
        )
        return [*self._raw_days(str(first), newest=False), chain]

    def first_day(self) -> date:
        """The earliest day to run: those whose outcomes mature now, and days under repair."""
        days = range(self.btc.repair_days, LOOK_BACK.label_days, -1)
        repairs = [day for day in (self.today - n * _DAY for n in days) if self.incomplete(day)]
        return max(self.btc.history_start, min([*repairs, self.today - LOOK_BACK.label_days * _DAY]))

    def incomplete(self, day: date) -> bool:
        """Whether a closed day lacks a value, or hours of its signals."""
        if day < self.btc.history_start:
            return False
        signals = self.store.manifest(schemas.BtcSignals.contract(), str(day))
        return signals is None or signals.rows < _DAY_HOURS or any(self._lacks_values(t, day) for t in _OBSERVED)

    def continues(self, first: date) -> bool:
        """Whether the chain can run from `first` on: history begins there, or the day before is whole."""
        if first == self.btc.history_start:
            return False
        before = self.store.manifest(schemas.BtcSignals.contract(), str(first - _DAY))
        return before is not None and before.rows == _DAY_HOURS

    def _lacks_values(self, table: type[Table], day: date) -> bool:
        values = [name for name in ("price", "long_liquidations", "short_liquidations") if hasattr(table, name)]
        rows = self.store.read(table.contract(), [str(day)])
        known = raw.canonical(rows, values).drop_nulls(values)
        return known.height < _DAY_HOURS

    def _raw_days(self, first: str, *, newest: bool) -> list[dg.RunRequest]:
        """Raw days before `first` that were never stored, each table for itself; the `newest` from `first` on too."""
        found = []
        days = DAY.get_partition_keys(current_time=self.at)
        for table in _OBSERVED:
            stored = set(self.store.partitions(table.contract()))
            wanted = [day for day in days if (newest if day >= first else day not in stored)]
            found += [self._raw(table, *span) for span in partitions.ranges(wanted, [days])]
        return found

    def _raw(self, table: type[Table], first: str, last: str) -> dg.RunRequest:
        name = table.contract().name
        return dg.RunRequest(
            run_key=f"btc-raw:{name}:{first}:{self.at.isoformat()}",
            asset_selection=[dg.AssetKey(name)],
            asset_check_keys=[key for key in HOURLY_CHECKS if key.asset_key.to_user_string() == name],
            tags=partitions.range_tags(first, last),
        )
