"""What the funding routes share: frames kept while nothing new is published, names, rows in the shape clients know."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

import polars as pl
from fastapi import Path, Query

from dashboards.rest.answers import rows
from dashboards.rest.errors import ApiError
from dashboards.services import Services
from market_assets.core import clock
from market_assets.core.contracts import UTC_MICROS
from market_assets.core.errors import UnknownName
from market_assets.funding import readers
from market_assets.funding.readers_now import largest

#: what the frame of open contracts is made of
NOW = ("funding_snapshot", "funding_contracts", "funding_statistics")
PAIRS = ("funding_opportunities",)
#: an absolute z above this is a high deviation, above that an extreme one
HIGH_Z, EXTREME_Z = 2.0, 3.0
_NAMES = 60

AssetName = Annotated[str, Path(max_length=_NAMES, description="House asset: BTC")]
SymbolName = Annotated[
    str, Path(max_length=_NAMES, description="House name (BTC-USDT-PERP), or an exchange's own (BTCUSDT)")
]
ExchangeName = Annotated[str, Path(max_length=_NAMES, description="Exchange: bybit")]
OneExchange = Annotated[str | None, Query(max_length=_NAMES, description="Only this exchange")]
Names = Annotated[str | None, Query(max_length=1000, description="Names, by commas")]

#: name in an answer -> column of `readers.current_contracts`
_NAMED = {
    "exchange": "exchange",
    "symbol": "symbol",
    "base_asset": "base_asset",
    "quote_asset": "quote",
    "funding_rate": "predicted_rate_native",
    "funding_interval_hours": "interval_hours",
    "rate_1h": "predicted_rate_1h",
    "rate_8h": "predicted_rate_8h",
    "apr": "predicted_apr_pct",
}
_PRICES = {
    "apy": "apy_pct",
    "index_price": "index_price",
    "mark_price": "mark_price",
    "open_interest": "open_interest_base",
    "open_interest_usd": "open_interest_usd",
}
_DISTRIBUTION = {
    "mean_30d": "mean_1h",
    "std_dev_30d": "std_1h",
    "mean_30d_apr": "mean_30d_apr",
    "std_dev_30d_apr": "std_dev_30d_apr",
}


def contracts_now(app: Services, as_of: datetime | None) -> pl.DataFrame:
    """`readers.current_contracts`, kept. Raises NotMaterialised, VersionPruned."""
    return app.data.kept(
        f"funding contracts|{as_of}", NOW, lambda: readers.current_contracts(as_of=as_of, store=app.data.store)
    )


def grid_now(app: Services, as_of: datetime | None) -> pl.DataFrame:
    """`readers.grid`, kept. Raises NotMaterialised, VersionPruned."""
    return app.data.kept(f"funding grid|{as_of}", NOW, lambda: largest(contracts_now(app, as_of)))


def pairs_now(app: Services, as_of: datetime | None) -> pl.DataFrame:
    """`readers.opportunities`, kept. Raises NotMaterialised, VersionPruned."""
    return app.data.kept(
        f"funding opportunities|{as_of}", PAIRS, lambda: readers.opportunities(as_of=as_of, store=app.data.store)
    )


def rate_frame(contracts: pl.DataFrame) -> pl.DataFrame:
    """Rows of `GET /api/funding-rates`: predicted rates; z and percentile of them among the settled ones."""
    return contracts.select(
        **_columns(_NAMED | _PRICES),
        contract_type=pl.lit("perpetual"),
        market_type=pl.col("kind"),
        last_updated=pl.col("snapshot_at"),
        **_columns(_DISTRIBUTION),
        current_z_score=pl.col("z_predicted"),
        current_percentile=pl.col("percentile_predicted"),
        current_percentile_apr=pl.col("percentile_predicted"),
    )


def rate_rows(contracts: pl.DataFrame) -> list[dict[str, Any]]:
    """`rate_frame` as rows."""
    return rows(rate_frame(contracts))


def current_frame(contracts: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """`rate_frame` with the next settlement after `now` and the seconds until then."""
    due = next_funding(now)
    next_one = contracts.select(next_funding_time=due, seconds_until_funding=seconds_until(due, now))
    return pl.concat([rate_frame(contracts), next_one], how="horizontal")


def score_frame(contracts: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Rows of `GET /api/contracts-with-zscores`."""
    return contracts.select(
        **_columns(_NAMED | _DISTRIBUTION),
        z_score=pl.col("z_predicted"),
        percentile=pl.col("percentile_predicted"),
        z_score_settled=pl.col("z_settled"),
        percentile_settled=pl.col("percentile_settled"),
        zone=pl.col("zone"),
        confidence=pl.col("confidence"),
        completeness_pct=pl.col("completeness_pct"),
        open_interest_usd=pl.col("open_interest_usd"),
        next_funding_time=next_funding(now),
        next_funding_seconds=seconds_until(next_funding(now), now),
        last_updated=pl.col("snapshot_at"),
    )


def _columns(named: dict[str, str]) -> dict[str, pl.Expr]:
    return {name: pl.col(column) for name, column in named.items()}


def next_funding(now: datetime) -> pl.Expr:
    """The next settlement after `now` of rows of `current_contracts`.

    It is the one the exchange states; where it states none, one interval after the last settled one. What has
    passed since goes on by whole intervals; null where the interval is unknown then.
    """
    at = pl.lit(now, UTC_MICROS)
    interval = pl.duration(microseconds=(pl.col("interval_hours") * 3.6e9).cast(pl.Int64))
    stated = pl.coalesce("next_funding_time", pl.col("settled_time") + interval)
    behind = (at - stated).dt.total_microseconds() / (pl.col("interval_hours") * 3.6e9)
    due = stated + interval * behind.ceil().cast(pl.Int64)
    return pl.when(stated >= at).then(stated).otherwise(due)


def seconds_until(moment: pl.Expr, now: datetime) -> pl.Expr:
    """Seconds from `now` to `moment`."""
    return (moment - pl.lit(now, UTC_MICROS)).dt.total_microseconds() / 1e6


def moment(as_of: datetime | None) -> datetime:
    """The instant an answer is about."""
    return as_of or clock.now()


def listed(text: str | None) -> list[str] | None:
    """The names of a list by commas; None where there is no list."""
    return None if text is None else [name for part in text.split(",") if (name := part.strip())]


def known_exchange(app: Services, name: str) -> str:
    """The exchange of that name, in use or with stored contracts. Raises UnknownName with the near ones."""
    stored = {manifest.partition for manifest in app.data.manifests("funding_contracts")}
    return _known("exchange", name, [*app.settings.funding.enabled, *sorted(stored)])


def known_exchanges(app: Services, text: str | None) -> list[str] | None:
    """The exchanges of a list by commas."""
    names = listed(text)
    return None if names is None else [known_exchange(app, name) for name in names]


def known_asset(app: Services, name: str) -> str:
    """The house asset of that name. Raises UnknownName with the near ones, NotMaterialised without contracts."""
    return _known("asset", name, app.data.load("funding_contracts", columns=["base_asset"])["base_asset"].unique())


def known_assets(app: Services, text: str | None) -> list[str] | None:
    """The assets of a list by commas."""
    names = listed(text)
    return None if names is None else [known_asset(app, name) for name in names]


def _known(kind: str, name: str, known: Iterable[str]) -> str:
    by_name = {one.casefold(): one for one in known}
    if name.casefold() not in by_name:
        raise UnknownName(kind, name, by_name.values())
    return by_name[name.casefold()]


def known_contracts(app: Services, symbol: str, exchange: str | None = None) -> pl.DataFrame:
    """exchange, symbol, base_asset of every contract so named, by us or by its exchange, closed ones included.

    A house name is mostly listed by several exchanges. Raises UnknownName with the near ones, also of `exchange`.
    """
    name = None if exchange is None else known_exchange(app, exchange)
    columns = ["exchange", "symbol", "native_symbol", "base_asset"]
    found = app.data.load("funding_contracts", columns=columns)
    if name is not None:
        found = found.filter(pl.col("exchange") == name)
    is_named = [pl.col(column).str.to_lowercase() == symbol.lower() for column in ("symbol", "native_symbol")]
    meant = found.filter(pl.any_horizontal(is_named))
    if meant.is_empty():
        kind = "symbol" if name is None else f"symbol of {name}"
        raise UnknownName(kind, symbol, [*found["symbol"].unique().sort(), *found["native_symbol"].unique().sort()])
    return meant.select("exchange", "symbol", "base_asset").unique().sort("exchange", "symbol")


def within(app: Services, frame: pl.DataFrame, advice: str) -> pl.DataFrame:
    """The frame. Raises ApiError 422 where an answer may not have so many rows."""
    most = app.settings.api.page_rows
    if frame.height > most:
        raise ApiError(
            422,
            "too_many_rows",
            f"an answer holds at most {most:,} rows (api.page_rows); these are {frame.height:,}. {advice}",
        )
    return frame
