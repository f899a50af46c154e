"""Readers of the simulated account: its trades, what it holds, its equity, how it did. See `readers`."""

from collections.abc import Mapping
from typing import Literal, get_args

import polars as pl

from market_assets.crypto.readers_rows import METRICS, TRADES, filled
from market_assets.reading import Moment, Wanted, chosen, known, last_rows, newest_rows
from resources.stores.protocol import PartitionStore

#: open and pending are of the account's newest day; closed and rejected of the day on which they ended
TradeStatus = Literal["open", "closed", "pending", "rejected"]

EQUITY_COLUMNS = (
    *("day", "strategy_version", "equity_start", "equity_end", "peak_equity", "realised_pnl", "unrealised_pnl"),
    *("fees", "exposure_ratio", "drawdown_ratio"),
)
_ROWS: Mapping[str, Mapping[str, object]] = {
    "open": {"row_kind": "position", "status": "open"},
    "pending": {"row_kind": "pending"},
    "closed": {"row_kind": "position", "status": "closed"},
    "rejected": {"row_kind": "rejected"},
}
_STANDING = ("open", "pending")
_ACCOUNT = {"row_kind": "account"}


def paper_trades(
    status: TradeStatus | None = None,
    *,
    symbol: str | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    limit: int | None = None,
    as_of: Moment | None = None,
    store: PartitionStore | None = None,
) -> pl.DataFrame:
    """CryptoPaperTrades of a status, or one row of every trade, with start <= day <= end, newest day first.

    At most `limit`. What is open or pending is told by the newest day up to `end` alone. Raises UnknownName for a
    status that is none.
    """
    asked = filled(store, TRADES)
    found = [
        _of_status(asked, name, Wanted(TRADES, symbol, _ROWS[name], start=start, end=end, as_of=as_of), limit)
        for name in ([known("status", status, get_args(TradeStatus))] if status is not None else _ROWS)
    ]
    newest = pl.concat(found).sort("day", "row_kind", "trade_id", descending=[True, False, False], maintain_order=True)
    return newest if limit is None else newest.head(limit)


def positions(*, as_of: Moment | None = None, store: PartitionStore | None = None) -> pl.DataFrame:
    """CryptoPaperTrades of what the account holds at the end of its newest day, by symbol."""
    return paper_trades("open", as_of=as_of, store=store).sort("symbol", "trade_id")


def equity(
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    limit: int | None = None,
    as_of: Moment | None = None,
    store: PartitionStore | None = None,
) -> pl.DataFrame:
    """The account by day, oldest first: equity, profit, fees (USD), exposure, drawdown. At most the newest `limit`."""
    asked = filled(store, TRADES)
    key = [name for name in TRADES.key if name not in EQUITY_COLUMNS]
    wanted = Wanted(TRADES, None, _ACCOUNT, [*EQUITY_COLUMNS, *key], start, end, as_of)
    return last_rows(asked, wanted, limit, 1.0).select(EQUITY_COLUMNS)


def success_metrics(
    window: str | None = None,
    *,
    scope: str | None = None,
    as_of: Moment | None = None,
    store: PartitionStore | None = None,
) -> pl.DataFrame:
    """CryptoSuccessMetrics of the newest day: of a window (7d, 30d, 90d, all) and a scope (ALL, a symbol), or of all.

    Of the whole account first, then by symbol; windows from short to long.
    """
    rows = filled(store, METRICS).read(METRICS, as_of=as_of)
    windows = pl.Enum(METRICS.column("window").isin or ())
    newest = rows.filter(pl.col("as_of_day") == pl.col("as_of_day").max())
    asked = chosen(window=window, scope=scope)
    return newest.filter(*(pl.col(name) == value for name, value in asked.items())).sort(
        pl.col("scope") != "ALL", "scope", pl.col("window").cast(windows)
    )


def _of_status(store: PartitionStore, status: str, wanted: Wanted, limit: int | None) -> pl.DataFrame:
    if status not in _STANDING:
        return newest_rows(store, wanted, limit, a_day=1.0)
    account = Wanted(TRADES, None, _ACCOUNT, list(TRADES.key), wanted.start, wanted.end, wanted.as_of)
    days = last_rows(store, account, 1, 1.0)["day"].to_list()
    return wanted.read(store, [f"{day}" for day in days])
