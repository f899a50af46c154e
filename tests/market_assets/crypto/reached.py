"""What uses each setting of `crypto` and `metrics`, looked at from outside: a column, a cron, a client's budget."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import dagster as dg
import polars as pl

from market_assets.crypto import checks
from market_assets.crypto.schemas import CryptoPaperTrades
from market_assets.crypto.settings import CryptoSettings
from market_assets.crypto.transforms import overlays as overlay_transforms
from market_assets.crypto.transforms.advice import Answer, advice_rows, prompts
from market_assets.crypto.transforms.paper.correlation import groups
from market_assets.crypto.transforms.signals import signals
from market_assets.crypto.transforms.success_metrics import success_metrics
from market_assets.settings import settings
from resources.crypto_listings import Listings
from resources.http.client import VendorClient
from resources.overlay_meter import ProcessMeter
from resources.stream.crypto import crypto_collector
from resources.vendors import advisor
from resources.vendors.binance_klines import closed_until
from resources.vendors.registry import Vendors
from schedules.crypto import crypto_schedules
from tests.market_assets.core.golden_series import golden_series
from tests.market_assets.crypto import advice_frames
from tests.market_assets.crypto.transforms import overlay_rows
from tests.market_assets.crypto.transforms.overlays.surroundings import stored
from tests.market_assets.crypto.transforms.paper import desk as paper_desk
from tests.market_assets.crypto.transforms.paper.test_limits import walk

MIDNIGHT = datetime(2026, 10, 6, tzinfo=UTC)
DAY = timedelta(days=1)
#: short histories, so that one day of hours is enough to look at
SHORT: dict[str, dict[str, Any]] = {
    "overlays": {"lookback_bars": 90, "lookback_bars_1d": 40},
    "liquidity": {"window": 40, "recent": 20},
    "regime": {"slow": 30, "volume_bars": 30, "rank_window": 40, "rank_window_1d": 8, "trend_min": 0.54},
}
_BARS = pl.concat(stored(golden_series(n), "BTCUSDT", name, MIDNIGHT) for name, n in (("1h", 160), ("1d", 60)))


def overlays(section: str, **changed: Any) -> pl.DataFrame:
    """Overlays of the last hours and day of the golden series, where a section of the settings says otherwise."""
    given = {name: dict(values) for name, values in SHORT.items()}
    given[section] |= changed
    crypto = CryptoSettings.model_validate(given)
    return overlay_transforms.overlays(_BARS, [date(2026, 10, 5)], crypto, meter=ProcessMeter()).overlays


def differing(one: pl.DataFrame, other: pl.DataFrame) -> set[str]:
    """Columns that are not the same in both."""
    return {name for name in one.columns if not one[name].equals(other[name])}


def signal(row: Mapping[str, Any], **crypto: Any) -> dict[str, Any]:
    """The decision on an overlay row that is bullish but for what it says."""
    found = signals(
        overlay_rows.overlays(overlay_rows.LONG | row),
        overlay_rows.changes(),
        CryptoSettings.model_validate(crypto),
        "hash",
    )
    return found.to_dicts()[0] if found.height else {}


def traded(rows: Sequence[Mapping[str, Any]] = ({},), days: int = 1, **at: Any) -> Any:
    """A function of the paper settings: the account that trades these signals on flat candles."""

    def trade(signal_settings: Mapping[str, Any] | None = None, **paper: Any) -> pl.DataFrame:
        crypto = paper_desk.account(**paper)
        if signal_settings:
            crypto = crypto.model_copy(update={"signals": crypto.signals.model_copy(update=dict(signal_settings))})
        made = [paper_desk.signal(**row) for row in rows]
        frames = [
            paper_desk.candles(symbol, days=days, **at) for symbol in dict.fromkeys(one["symbol"] for one in made)
        ]
        return cast(pl.DataFrame, paper_desk.traded(made, *frames, crypto=crypto, days=days))

    return trade


def reasons(found: pl.DataFrame) -> list[str]:
    """Why orders were refused."""
    return found.filter(row_kind="rejected").sort("symbol", "signal_time")["reason"].to_list()


def linked(returns: tuple[list[int], list[int]], days: int, **paper: Any) -> bool:
    """Whether two symbols with these daily returns over so many days are one group."""
    closes = [close for name, own in zip("AB", returns, strict=True) for close in walk(name, own, days)]
    return any(
        len(group) > 1 for group in groups(closes, CryptoSettings.model_validate({"paper": paper}).paper).values()
    )


def metrics(crypto: Mapping[str, Any], **measured: Any) -> dict[str, Any]:
    """The account's whole life of 31 days with a trade each, which win 2 and lose 1 in turn."""
    contract = CryptoPaperTrades.contract()
    rows: list[dict[str, Any]] = []
    equity = 10_000.0
    for n in range(31):
        day, pnl = date(2026, 10, 5) + n * DAY, -10.0 if n % 3 == 2 else 12.0
        at = datetime(day.year, day.month, day.day, 1, tzinfo=UTC)
        rows += [
            {"day": day, "row_kind": "account", "trade_id": "account", "equity_start": equity,
             "equity_end": equity + pnl, "fees": 0.0, "exposure_ratio": 0.0},
            {"day": day, "row_kind": "position", "trade_id": f"{n}", "symbol": "BTCUSDT", "pnl": pnl, "fees": 0.0,
             "qty": 1.0, "qty_open": 0.0, "entry_price": 100.0, "entry_ts": at, "exit_ts": at + timedelta(hours=1),
             "status": "closed", "unrealised_pnl": 0.0},
        ]  # fmt: skip
        equity += pnl
    frame = pl.DataFrame(
        [dict.fromkeys(contract.columns) | {"strategy_version": 1} | row for row in rows], contract.schema
    )
    found = success_metrics(
        frame, CryptoSettings.model_validate(crypto), settings().metrics.model_copy(update=measured)
    )
    return found.filter(scope="ALL", window="all").to_dicts()[0]


def cron() -> str:
    """When the running day is asked for."""
    found = {one.name: one for one in crypto_schedules(settings(), default_status=dg.DefaultScheduleStatus.STOPPED)}
    return str(found["crypto_current"].cron_schedule)


def ticked(name: str) -> Any:
    """First day that a schedule's tick asks for, or None."""
    found = {one.name: one for one in crypto_schedules(settings(), default_status=dg.DefaultScheduleStatus.RUNNING)}
    at = datetime(2026, 10, 6, 4, 0, tzinfo=UTC)
    (request,) = found[name].evaluate_tick(dg.build_schedule_context(scheduled_execution_time=at)).run_requests or [
        None
    ]
    return None if request is None else request.tags.get("dagster/asset_partition_range_start", "")[:10]


def windows(client: VendorClient) -> dict[str, int]:
    """Setting -> requests that a client's budget allows."""
    return {f"per_{window.name.replace(' ', '_')}": window.limit for window in client.budget.windows}


def clients() -> dict[str, Any]:
    """Where and how much the venue, the sentiment index and the model are asked."""
    found = settings()
    vendors = Vendors(found)
    try:
        klines, sentiment = vendors.klines, vendors.sentiment.http
        return {
            "venue": klines.http.base_url,
            "budget": windows(klines.http),
            "grace": klines.grace,
            "sentiment": sentiment.base_url,
            "sentiment budget": windows(sentiment),
        }
    finally:
        vendors.close()


def model() -> dict[str, Any]:
    """How the model is asked, with a key."""
    found = settings()
    asked = advisor.Advisor.connect(found)
    retried = cast(Any, asked._stack).below
    question = prompts.prompt("signal", {}, found.crypto.advice, "")
    return {
        "enabled": advisor.is_enabled(found),
        "url": asked._url,
        "deadline": retried.fetch.deadline_s,
        "model": asked._advice.model,
        "calls": [window.limit for window in retried.budget.windows],
        "parameters": {name: prompts.parameters(found.crypto.advice)[name] for name in ("temperature", "max_tokens")},
        "hash": question.hash,
    }


def failures_asked(**advice: Any) -> int:
    """Questions put to a model that never answers."""
    asked: list[str] = []

    def ask(question: Any) -> Answer:
        asked.append(question.text)
        return Answer("unavailable")

    rows = advice_frames.signals(*(advice_frames.signal(advice_frames.NOON + n * advice_frames.HOUR) for n in range(4)))
    crypto = CryptoSettings.model_validate({"advice": advice})
    advice_rows(rows, advice_frames.overlays(), None, None, crypto, ask)
    return len(asked)


def stream() -> dict[str, Any]:
    """How the collector behaves."""
    found = settings()
    vendors = Vendors(found)
    try:
        collector = crypto_collector(found, vendors, now=lambda: MIDNIGHT)
        pace = collector._pace
        return {
            "url": collector.feed.url.partition("?")[0],
            "symbols": collector.feed.symbols,
            "flush_s": pace.flush_s,
            "grace_s": pace.grace_s,
            "silent_s": pace.patience.silent_s,
            "first_wait_s": pace.patience.first_wait_s,
            "max_wait_s": pace.patience.max_wait_s,
            "cache_bars": collector._hot._keep,
        }
    finally:
        vendors.close()


def judged_by(name: str) -> Any:
    """What judgements are told by the settings."""
    return checks.SET[name](cast(Any, None))


def window(symbol: str) -> tuple[Any, Any]:
    """When a symbol could be traded, without asking anyone."""
    found = settings()
    quiet = found.model_copy(update={"crypto": found.crypto.model_copy(update={"live": False})})
    listed = Listings(quiet, cast(Any, None), MIDNIGHT).window(symbol)
    return listed.first and listed.first.date(), listed.until and listed.until.date()


def last_closed() -> datetime:
    """The end of the last minute that is final at five seconds past midnight."""
    return closed_until(MIDNIGHT + timedelta(seconds=5), timedelta(seconds=settings().crypto.close_grace_s))
