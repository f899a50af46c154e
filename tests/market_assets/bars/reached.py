"""What uses each setting of `bars`, looked at from outside: a row, a plan, a cron, a client's budget."""

import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import dagster as dg
import polars as pl

from market_assets.bars import checks
from market_assets.bars.transforms import indicators as indicator_transforms
from market_assets.bars.transforms import signals as signal_transforms
from market_assets.bars.transforms.compliance import compliance
from market_assets.bars.transforms.filters import ExecutionFilters
from market_assets.bars.transforms.macro import macro_daily
from market_assets.bars.transforms.merging import merged
from market_assets.bars.transforms.signals.scoring import Score, judged
from market_assets.bars.transforms.sizing import caps
from market_assets.settings import settings
from resources.bars_fetch import BARS, window_of
from resources.http.errors import AllSourcesFailed
from resources.minute_answers import Window
from resources.minute_chain import Wanted
from resources.plans.bars import plan
from resources.stream.bars.assembly import bars_collector
from resources.vendors.registry import Vendors
from schedules.bars import bars_schedules
from tests.market_assets.bars.check_frames import minutes
from tests.market_assets.bars.transforms.signals import market
from tests.market_assets.bars.transforms.test_macro import observed
from tests.market_assets.bars.transforms.test_sizing import golden
from tests.resources.minute_sources import COIN, DAY, TODAY, Desk, first_share

MONDAY = datetime(2026, 10, 5, 12, tzinfo=UTC)


def planned(first: date = date(2026, 10, 4)) -> list[str]:
    """Sources that a day of a coin is planned on."""
    with_vendors = Vendors(settings())
    try:
        return [need.source for need in plan(settings(), with_vendors, [f"{first}|BTCUSD"], MONDAY).needs]
    finally:
        with_vendors.close()


def clients() -> dict[str, Any]:
    """Where, how much and for how long each source is asked."""
    found = settings()
    vendors = Vendors(found)
    try:
        sources = {name: vendors.minute_source(name) for name in ("yahoo", "alphavantage", "twelvedata")}
        told: dict[str, Any] = {}
        for name, client in [
            *((name, cast(Any, one).http) for name, one in sources.items()),
            ("fred", vendors.fred.http),
        ]:
            windows = {f"per_{window.name.replace(' ', '_')}": window.limit for window in client.budget.windows}
            told[name] = {"url": client.base_url, **windows}
        told["delays"] = {name: one.delay_s for name, one in sources.items()}
        told["timeout_s"] = cast(Any, sources["yahoo"]).http._fetch.timeout_s
        return told
    finally:
        vendors.close()


def budget(source: str, window: str) -> int:
    """Requests that a source may be sent in a window; 0 without a limit."""
    return int(clients()[source].get(window, 0))


def final_until() -> datetime:
    """The end of the last minute that is final ten seconds after noon."""
    window = window_of(settings(), COIN, MONDAY.date(), MONDAY + timedelta(seconds=10))
    assert window is not None
    return window.until


def served(symbol: str = COIN, share: float = 1.0, **scripted: Any) -> list[str]:
    """How each source ended on a day that is over, where the first has only so many of its minutes."""
    desk = Desk(Path(tempfile.mkdtemp(dir=settings().home.parent)))
    desk.settings = settings()
    desk.sources["yahoo"].has = first_share(share)
    for name, price in scripted.items():
        desk.sources[name].price = price
    window = Window((TODAY - DAY).date(), TODAY - DAY, TODAY, is_over=True)
    try:
        return [step.outcome for step in desk.chain.day(Wanted(symbol, window, BARS.empty())).steps]
    except AllSourcesFailed as failed:
        return [error.outcome for error in failed.failures]


def mergeable(n_common: int, apart: float) -> str:
    """Whether a source may fill another that has so many of its minutes, and differs by such a share."""
    one = minutes(200)
    other = minutes(200, source="polygon").with_columns(pl.col("close") * (1 + apart))
    return merged(one.head(n_common), other, settings().bars).status


def cron(name: str) -> str:
    """When a schedule ticks."""
    found = {one.name: one for one in bars_schedules(settings(), default_status=dg.DefaultScheduleStatus.STOPPED)}
    return str(found[name].cron_schedule)


def ticked(name: str) -> Any:
    """First day that a schedule's tick asks for, or None."""
    found = {one.name: one for one in bars_schedules(settings(), default_status=dg.DefaultScheduleStatus.RUNNING)}
    at = datetime(2026, 10, 6, 4, 0, tzinfo=UTC)
    requests = found[name].evaluate_tick(dg.build_schedule_context(scheduled_execution_time=at)).run_requests
    return requests[0].tags.get("dagster/asset_partition_range_start", "")[:10] if requests else None


def judged_by(name: str) -> Any:
    """What judgements are told by the settings."""
    return checks.SET[name](cast(Any, None))


def warm_from() -> int:
    """Bars after which indicators count as warm."""
    rows = minutes(60)
    found = indicator_transforms.indicators(rows, [rows["ts"][0].date()], settings().bars)
    return int((~found["is_warm"]).sum())


def released(series: str, column: str, n: int = 1) -> Any:
    """A column of the newest of so many observations of a series; the first is of a Thursday."""
    found = macro_daily(observed(series, [float(k % 7) for k in range(n)]), settings().bars.macro)
    return found.sort("obs_date")[column][-1]


def scored(q_star: float, n_outcomes: int) -> str:
    """Grade of a signal."""
    return judged(
        Score(1.0, 1.0, 0.5, q_star), n_outcomes, settings().bars.signals, is_stale=False, has_levels=True
    ).grade


def signalled(values: Sequence[Mapping[str, Any]], prices: Any = None, **everywhere: Any) -> Any:
    """Signals and outcomes of minutes that move as they are told."""
    of = market.bars(prices or market.quiet(len(values)))
    return signal_transforms.signals(
        market.features(of, *values, **everywhere), of, [market.T0.date()], settings().bars, settings().bars_hash()
    )


def first_signal(column: str) -> Any:
    """A column of the signal that momentum fires in the second minute."""
    return signalled([market.CALM, market.UP]).signals[column][0]


def capped(name: str) -> float:
    """Lots that a rule allows of the golden signal."""
    found = caps(golden(), equity=1000.0, instrument=settings().bars.instrument("BTCUSD"), risk=settings().bars.risk)
    return float(getattr(found, name))


def ruled(rule: str) -> bool:
    """Whether three losses of 3 % on two days keep a rule."""
    losses = [market.outcome(signal_time=market.T0 + n * market.MINUTE) for n in (0, 1, 2 * 1440)]
    found = compliance(market.outcome_rows(*losses), start=1000.0, risk_ratio=0.03, bars=settings().bars)
    return bool(found.filter(rule=rule)["passed"][0])


def filtered(
    spreads: Sequence[float] = (0.002,),
    *,
    every_s: float = 1.0,
    latency_ms: Sequence[float] = (50.0,),
    wait_s: float = 0.0,
) -> list[str]:
    """What speaks against a lot after these quotes around 100."""
    now = MONDAY
    filters = ExecutionFilters(settings().bars.filters, lambda: now)
    slow = [*latency_ms] + [latency_ms[-1]] * (len(spreads) - len(latency_ms))
    for spread, late in zip(spreads, slow, strict=True):
        now += timedelta(seconds=every_s)
        filters.observe(now, 100 - spread / 2, 100 + spread / 2, 100.0, late, 0.0)
    now += timedelta(seconds=wait_s)
    return filters.reasons(1.0)


def stream() -> dict[str, Any]:
    """How the collector behaves."""
    found = settings()
    vendors = Vendors(found)
    try:
        made: Any = bars_collector(found, vendors)
        rules, builder, ring = made.pollers[0]._rules, made.cycle.builder, made.cycle.ring
        return {
            "interval_s": rules.interval_s,
            "budget_share": rules.share,
            "close_delay_s": builder._delay.total_seconds(),
            "flush_s": made._rules.flush_s,
            "cache_bars": ring._keep,
            "warn_s": builder._warn_s,
        }
    finally:
        vendors.close()
