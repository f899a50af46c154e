"""Whether stored data are as fresh as they may be, domain by domain, and the words that health is told in."""

from typing import Any, Literal

import polars as pl

from dashboards.bars import health as bars_health
from dashboards.crypto.health import CANDLES, behind, tables
from dashboards.freshness import newest_close
from dashboards.funding.health import STALE_MIN
from dashboards.services import Services
from dashboards.streams import StreamFacts
from market_assets.btc.readers import get_table_states
from market_assets.core import clock
from market_assets.funding.readers import exchange_states
from resources.stream.bars.ages import ages as quote_ages
from resources.stream.bars.status import BarsStatus
from resources.stream.symbols import listed

Status = Literal["healthy", "degraded", "error", "unhealthy", "unknown", "idle", "not_configured"]

_TOLD = 5
_RANK = {"healthy": 0, "idle": 0, "not_configured": 0, "unknown": 1, "degraded": 1, "error": 1, "unhealthy": 2}


def worst(statuses: Any) -> Literal["healthy", "degraded", "unhealthy"]:
    """The overall word: unknown counts as degraded, what is not configured does not count."""
    rank = max((_RANK[status] for status in statuses), default=1)
    words: tuple[Literal["healthy", "degraded", "unhealthy"], ...] = ("healthy", "degraded", "unhealthy")
    return words[rank]


#: what is known of data that cannot be read
NO_PIPELINE: dict[str, Any] = {
    "data_freshness_seconds": None,
    "cache_hit_rate": None,
    "active_symbols": None,
    "stale_symbols": None,
    "market_open": None,
}


def pipeline(services: Services, collectors: list[StreamFacts]) -> dict[str, Any]:
    """The worst of the domains; one without data counts only where all are. Numbers are those of equities, or of bars.

    `market_open` is of bars: false while none of their markets trades, null where there are none.
    """
    equities, bars = _equities(services), _bars(services, collectors)
    judged = (_bitcoin(services), _funding(services), _crypto(services))
    others = [{"status": status, "detail": detail} for status, detail in judged]
    stored = [one for one in (equities, *others, bars) if one["status"] != "idle"]
    details = [one["detail"] for one in stored if one["detail"]]
    n_fresh = sum(one["status"] == "healthy" for one in stored)
    return {
        **(bars if equities["status"] == "idle" else equities),
        "market_open": bars["market_open"],
        "status": worst(one["status"] for one in stored) if stored else "degraded",
        "cache_hit_rate": services.cache.facts().hit_rate,
        "note": f"{n_fresh} of {len(stored)} stored domains are fresh",
        "detail": ("; ".join(details) or None) if stored else "nothing is stored yet; materialise a domain in Dagster",
    }


def _bitcoin(services: Services) -> tuple[Status, str | None]:
    """Whether every btc table is as fresh as it may be, and which are not."""
    states = get_table_states(store=services.data.store)
    if not any(state["count"] for state in states.values()):
        return "idle", None
    behind = [f"{name} is {state['status']}" for name, state in states.items() if state["status"] in {"late", "stale"}]
    return ("degraded", ", ".join(behind)) if behind else ("healthy", None)


def _funding(services: Services) -> tuple[Status, str | None]:
    """Whether every exchange in use was looked at within half an hour, and which were not."""
    if not any(services.data.manifests(name) for name in ("funding_contracts", "funding_rates", "funding_snapshot")):
        return "idle", None
    states = exchange_states(store=services.data.store)
    late = states.filter(pl.col("age_min").is_null() | (pl.col("age_min") > STALE_MIN))
    told = [
        f"{name} was never looked at" if age is None else f"{name} was last looked at {age:,.0f} min ago"
        for name, age in late.select("exchange", "age_min").iter_rows()
    ]
    return _judged(told, "exchanges")


def _crypto(services: Services) -> tuple[Status, str | None]:
    """Whether every listed symbol's last candle closed a length and a half ago at most, and whose did not."""
    if not any(services.data.manifests(name) for name in ("crypto_klines", CANDLES)):
        return "idle", None
    crypto, now = services.settings.crypto, clock.now()
    closed = newest_close(services.data.manifests(CANDLES), tables(crypto.signals.timeframe)[CANDLES])
    return _judged(behind(closed, listed(crypto, now.date()), now), "symbols")


def _bars(services: Services, collectors: list[StreamFacts]) -> dict[str, Any]:
    """Whether every open market's minutes are stored in time, and its quotes come in time where a collector runs.

    Beyond the limit of an error it is degraded as well: what is served is still right as of its time.
    """
    settings, now = services.settings, clock.now()
    manifests = services.data.manifests(bars_health.BARS)
    one = next(one for one in collectors if one.domain == "bars")
    is_live = one.is_meant_to_run and isinstance(one.status, BarsStatus)
    if not (manifests or is_live):
        return {**NO_PIPELINE, "status": "idle", "detail": None}
    bars, closed = settings.bars, bars_health.closes(manifests)
    is_open = [symbol for symbol in bars.symbols if bars_health.is_open(bars, symbol, now)]
    late = bars_health.behind(settings, closed, now) if manifests else {}
    ages_s = bars_health.ages_s(bars, closed, now)
    if is_live and isinstance(one.status, BarsStatus):
        late |= bars_health.unheard(quote_ages(bars, one.status, now))
        ages_s = dict(one.ages)
    status, detail = _judged(list(late.values()), "symbols")
    return {
        "status": status,
        "data_freshness_seconds": max((ages_s[symbol] for symbol in is_open if symbol in ages_s), default=None),
        "active_symbols": len(bars.symbols),
        "stale_symbols": len(late),
        "market_open": bool(is_open),
        "detail": detail,
    }


def _judged(told: list[str], of: str) -> tuple[Status, str | None]:
    """Degraded where anything is told of anyone, the first of them by name."""
    if len(told) > _TOLD:
        told = [*told[:_TOLD], f"{len(told) - _TOLD} more {of} are late"]
    return ("degraded", ", ".join(told)) if told else ("healthy", None)


def _equities(services: Services) -> dict[str, Any]:
    status = services.data.load_or_none("equities_symbol_status")
    if status is None or status.is_empty():
        if not services.data.manifests("equities_daily_bars"):
            return {**NO_PIPELINE, "status": "idle", "detail": None}
        detail = "no symbol status is stored yet; materialise equities_symbol_status"
        return {**NO_PIPELINE, "status": "degraded", "detail": detail}
    active = status.filter(pl.col("status") != "inactive")
    behind = active.filter(pl.col("status").is_in(["stale", "warning", "empty"])).height
    return {
        "status": "degraded" if behind else "healthy",
        "data_freshness_seconds": freshness_seconds(services),
        "active_symbols": active.height,
        "stale_symbols": active.filter(pl.col("status") == "stale").height,
        "detail": f"{behind} of {active.height} active symbols are not healthy" if behind else None,
    }


def freshness_seconds(services: Services) -> float | None:
    """Seconds since the newest publication of raw bars; None before the first."""
    published = [manifest.published_at for manifest in services.data.manifests("equities_daily_bars")]
    return (clock.now() - max(published)).total_seconds() if published else None
