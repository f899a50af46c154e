"""The simulated account: what it would have bought and sold on real prices, one day after the other.

fills        one position, from its entry to its last exit     account      orders, positions and equity of one day
limits       what the account may not enter                    correlation  symbols that move together
engine       one day, minute by minute                         rows         a day as rows of the table, and back
"""

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from market_assets.core.errors import MarketAssetsError
from market_assets.crypto.schemas import CryptoPaperTrades
from market_assets.crypto.settings import CryptoSettings
from market_assets.crypto.transforms.paper import engine, rows
from market_assets.crypto.transforms.paper.account import Account

_DAY = timedelta(days=1)


class MissingAccount(MarketAssetsError, ValueError):
    """A day whose day before has no account to go on with."""


def paper_trades(
    days: Sequence[date],
    previous: pl.DataFrame,
    signals: pl.DataFrame,
    klines: pl.DataFrame,
    crypto: CryptoSettings,
) -> pl.DataFrame:
    """CryptoPaperTrades of `days`, each computed from the rows of the day before it and from nothing older.

    `previous` (CryptoPaperTrades): rows of the day before the first; not looked at on the account's first day.
    `signals` (CryptoSignals) and `klines` (CryptoKlines): rows of the days, of every symbol. Days before the account
    starts have no rows. Raises MissingAccount where the day before has no account of this strategy version.
    """
    contract = CryptoPaperTrades.contract()
    version = crypto.signals.strategy_version
    ours = signals.filter(
        (pl.col("timeframe") == crypto.signals.timeframe) & (pl.col("strategy_version") == version)
    )  # fmt: skip
    decisions, candles = _by_day(ours), _by_day(klines)
    found, before = [contract.empty()], previous
    for day in sorted(set(days)):
        if day < crypto.account_start:
            continue
        account = _carried(day, before, crypto)
        engine.trade(account, decisions.get(day, ours.clear()), candles.get(day, klines.clear()), crypto)
        before = rows.written(account, version)
        found.append(before)
    return contract.conform(pl.concat(found))


def _carried(day: date, before: pl.DataFrame, crypto: CryptoSettings) -> Account:
    if day == crypto.account_start:
        return Account(day=day, equity_start=crypto.paper.start_equity, peak_equity=crypto.paper.start_equity)
    version = crypto.signals.strategy_version
    yesterday = before.filter((pl.col("day") == day - _DAY) & (pl.col("strategy_version") == version))
    if yesterday.filter(pl.col("row_kind") == "account").is_empty():
        raise MissingAccount(
            f"the paper account of {day} goes on from the account of {day - _DAY} (strategy version {version}), which "
            f"was not there; materialise crypto_paper_trades of {day - _DAY} first, or set crypto.paper.start_day: "
            f"{day} to open the account on that day"
        )
    return rows.read(day, yesterday, crypto.signals.target_shares)


def _by_day(frame: pl.DataFrame) -> dict[date, pl.DataFrame]:
    dated = frame.sort("symbol", "ts").with_columns(__day=pl.col("ts").dt.date())
    parts = dated.partition_by("__day", as_dict=True, include_key=False, maintain_order=True)
    return {key[0]: part for key, part in parts.items()}
