"""Recorded minutes of coins: the table `crypto_klines`, in the columns of our raw table.

A column `market` tells futures from spot (`binance_usdm`, `binance_spot`); without it everything is futures, as the
domain's default is. A coin is listed with its first recorded minute; that its record ends does not say that trading
did.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from resources.sandbox.exchange_desk import instant
from resources.sandbox.minutes import USDM, Coin, Floats, Minutes, milliseconds
from resources.sandbox.perpetual_venues import form_of
from resources.sandbox.perpetuals import Perpetual
from resources.sandbox.recording import read

TABLE = "crypto_klines"

_PRICES = ("open", "high", "low", "close")
_NUMBERS = (*_PRICES, "volume", "quote_volume", "taker_buy_base", "taker_buy_quote")
#: how a symbol is read that no family of futures has: base, then one of these
_QUOTES = ("USDT", "USDC", "BUSD", "FDUSD", "BTC", "ETH")
_MOST_DECIMALS = 8
_USUAL_HOURS = 8.0


@dataclass(frozen=True)
class Record:
    """One recorded coin."""

    coin: Coin
    minutes: Minutes


class ReplayMinutes:
    """Coins as far as they are recorded; none where nothing is."""

    def __init__(self, directory: Path) -> None:
        """Raises NoRecording for a table that lacks a column."""
        recorded = read(directory, TABLE, ("symbol", "ts", "trade_count", *_NUMBERS))
        self._records = {} if recorded is None else _records(recorded)

    def __len__(self) -> int:
        return len(self._records)

    def coins(self, market: str, at: datetime) -> Sequence[Coin]:
        """Coins whose record has begun by `at`."""
        known = (record.coin for record in self._records.values())
        return [coin for coin in known if coin.market == market and coin.listed_at <= at]

    def candles(self, market: str, symbol: str, first: datetime, until: datetime, at: datetime) -> Minutes:
        """Recorded minutes of a window."""
        record = self._records.get((market, symbol))
        if record is None:
            return Minutes.empty()
        return record.minutes.window(milliseconds(first), milliseconds(until)).begun(at, record.coin)

    def perpetuals(self, exchange: str, at: datetime, known: Collection[str] = ()) -> Sequence[Perpetual]:
        """Coins of futures as contracts, but for those already known; their interval is the usual one."""
        coins = self.coins(exchange, at) if exchange == USDM else []
        return [_contract(coin) for coin in coins if coin.symbol not in known]


def _records(frame: pl.DataFrame) -> dict[tuple[str, str], Record]:
    market = pl.col("market") if "market" in frame.columns else pl.lit(USDM)
    by = ["market", "symbol", "ts", *(name for name in ("ingested_at",) if name in frame.columns)]
    newest = (
        frame.with_columns(market=market.fill_null(USDM))
        .sort(by)
        .unique(["market", "symbol", "ts"], keep="last", maintain_order=True)
    )
    return {
        (str(market), str(symbol)): _record(str(market), str(symbol), rows)
        for (market, symbol), rows in newest.group_by("market", "symbol", maintain_order=True)
    }


def _record(market: str, symbol: str, rows: pl.DataFrame) -> Record:
    numbers = {name: rows[name].cast(pl.Float64).to_numpy() for name in _NUMBERS}
    minutes = Minutes(
        time_ms=rows["ts"].dt.epoch("ms").to_numpy(),
        trades=rows["trade_count"].cast(pl.Int64).to_numpy(),
        taker_base=numbers.pop("taker_buy_base"),
        taker_quote=numbers.pop("taker_buy_quote"),
        **numbers,
    )
    family = form_of(market, symbol)
    quote = family[0].quote if family else next((one for one in _QUOTES if symbol.endswith(one)), "")
    coin = Coin(
        market=market,
        symbol=symbol,
        base=family[1] if family else symbol.removesuffix(quote),
        quote=quote,
        listed_at=instant(int(minutes.time_ms[0])),
        price_decimals=max(decimals(numbers[name]) for name in _PRICES),
        volume_decimals=decimals(minutes.volume),
    )
    return Record(coin, minutes)


def decimals(values: Floats) -> int:
    """The fewest that lose nothing."""
    return next((places for places in range(_MOST_DECIMALS) if np.array_equal(np.round(values, places), values)), 8)


def _contract(coin: Coin) -> Perpetual:
    return Perpetual(
        exchange=USDM,
        native_symbol=coin.symbol,
        native_base=coin.base,
        quote=coin.quote,
        settle=coin.quote,
        kind="linear",
        contract_size=1.0,
        oi_unit="base",
        interval_hours=_USUAL_HOURS,
        listed_at=coin.listed_at,
    )
