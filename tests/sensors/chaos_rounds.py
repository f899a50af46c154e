"""What a daemon does: evaluates the sensor of repairs, runs what it asks for and what follows. Requests are counted."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import dagster as dg
import httpx

from market_assets.core import clock, partitions
from resources.plans import requests_of
from sensors.gap_repair import gap_repair_sensor
from tests.desk import Desk
from tests.sensors.chaos_holes import derive
from tests.sensors.chaos_home import DAY, HOUR, execute

VENDORS = (
    *("polygon", "yahoo", "glassnode", "bybit", "kucoin", "binance_usdm", "binance_archive"),
    *("alphavantage", "twelvedata", "fred"),
)
#: two tries an hour apart, what the day after them settles, and after both the silence that ends them
MOST_ROUNDS = 10


@dataclass
class Round:
    """One evaluation of the sensor: what it asked for, what that takes at most, and what was sent."""

    at: datetime
    asked: list[str]
    #: partitions by table
    made: dict[str, set[str]] = field(default_factory=dict)
    planned: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)


class Daemon:
    """Runs a request once for its key, and everything in this process."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.rounds = desk, list[Round]()
        self._cursor: str | None = None
        self._sensor = gap_repair_sensor(desk.settings, default_status=dg.DefaultSensorStatus.STOPPED)

    def run(self, start: datetime) -> None:
        """Every hour until two evaluations ask for nothing, and from a day later on again: stocks rest so long."""
        for first in (start, start + DAY):
            now, idle = first, 0
            while idle < 2:
                assert len(self.rounds) < MOST_ROUNDS, [(one.at, one.asked) for one in self.rounds]
                idle = 0 if self._tick(now).asked else idle + 1
                now += HOUR

    def _tick(self, now: datetime) -> Round:
        """One evaluation, and its runs."""
        self.desk.monkeypatch.setenv("MARKET_ASSETS_NOW", now.isoformat())
        context = dg.build_sensor_context(instance=self.desk.instance, definitions=self.desk.defs, cursor=self._cursor)
        result = self._sensor.evaluate_tick(context)
        self._cursor = result.cursor
        before = {key for one in self.rounds for key in one.asked}
        requests = [one for one in result.run_requests or [] if one.run_key not in before]
        found = Round(now, [str(one.run_key) for one in requests])
        self.rounds.append(found)
        httpx.delete(f"{self.desk.sandbox.url}/_sandbox/ledger", timeout=30).raise_for_status()
        for request in requests:
            (asset,) = request.asset_selection or []
            table = asset.to_user_string()
            keys = self._covered(table, request.tags)
            found.planned.update(requests_of(self.desk.settings, table, keys, clock.now()))
            found.made.setdefault(table, set()).update(keys)
            execute(self.desk, [table], request.tags, request.asset_check_keys)
        self._follow(found)
        found.sent.update({vendor: sum(self.desk.sandbox.asked(vendor).values()) for vendor in VENDORS})
        return found

    def _follow(self, found: Round) -> None:
        """Judge anew what was fetched again."""
        exchanges = sorted({key.rpartition("|")[2] for key in found.made.get("funding_rates", ())})
        stored = set(self.desk.stored("equities_daily_bars"))
        years = derive(self.desk, sorted(found.made.get("equities_daily_bars", set()) & stored), exchanges)
        found.planned.update(requests_of(self.desk.settings, "equities_gaps", years, clock.now()))

    def _covered(self, table: str, tags: Mapping[str, str]) -> list[str]:
        """Partitions of a run; none of a table without."""
        definition = self.desk.defs.resolve_asset_graph().get(dg.AssetKey(table)).partitions_def
        if definition is None:
            return []
        ends = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
        span = tags[ends[0]], tags[ends[1]]
        return partitions.covered(span, partitions.dimension_keys(definition, self.desk.instance))
