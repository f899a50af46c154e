"""Recorded tables as a backend: `<dir>/<table>/*.parquet` in the columns of our raw tables.

One domain's tables are enough; a vendor asked for another domain answers as for something it has no
data of. `equities_corporate_actions`, `equities_symbols` and `equities_daily_bars_yahoo` (prices of
the second source) are read beside `equities_daily_bars` where they exist. Between its first and last
recorded day a symbol's Yahoo answers come from Yahoo's record alone; before and after, from the main
one. Hours of bitcoin: see `replay_bitcoin.py`; settlements of perpetuals: `replay_perpetuals.py`; minutes
of coins: `replay_minutes.py`; minute bars: `replay_bars.py`.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from market_assets.equities.settings import EquitiesSettings
from resources.sandbox import hours, replay_bars, replay_bitcoin, sessions
from resources.sandbox.backend import DEFAULT_SEED, AssetClass, Bars, Dividend, Instrument, Split, vendor_ids
from resources.sandbox.bar_minutes import MinuteMarket
from resources.sandbox.hours import Hours
from resources.sandbox.minutes import Coin, Minutes
from resources.sandbox.perpetuals import UNKNOWN, Perpetual, Quote, Settlements
from resources.sandbox.recording import nothing_in, read
from resources.sandbox.replay_minutes import ReplayMinutes
from resources.sandbox.replay_perpetuals import ReplayPerpetuals

_PRICES = ("open", "high", "low", "close")
_OPTIONAL = ("volume", "vwap_vendor", "trade_count")


class ReplayBackend:
    """Bars, actions and hours as they were recorded, up to the instant of the request."""

    kind = "replay"

    def __init__(self, directory: Path, seed: int = DEFAULT_SEED) -> None:
        """`seed` is that of liquidations where only prices are recorded. Raises NoRecording."""
        recorded = read(directory, "equities_daily_bars", ("symbol", "session_date", *_PRICES))
        second = read(directory, "equities_daily_bars_yahoo", ("symbol", "session_date", *_PRICES))
        actions = read(directory, "equities_corporate_actions", ("symbol", "ex_date", "kind"))
        self._btc_price, self._btc_liquidations = replay_bitcoin.recorded(directory, seed)
        self._perpetuals = ReplayPerpetuals(directory)
        self._minutes = ReplayMinutes(directory)
        self._minute_market = replay_bars.market(directory)
        others = (self._btc_price, self._btc_liquidations, self._perpetuals, self._minutes, self._minute_market)
        if recorded is None and not any(len(rows) for rows in others):
            raise nothing_in(directory)
        self._polygon = {} if recorded is None else _by_symbol(recorded)
        self._yahoo = {} if second is None else _by_symbol(second)
        self._splits, self._dividends = _actions(actions)
        self._instruments = {i.symbol: i for i in _instruments(directory, self._polygon)}

    def instruments(self) -> Sequence[Instrument]:
        """Every recorded symbol."""
        return list(self._instruments.values())

    def market(self) -> Sequence[Instrument]:
        """Recorded stocks and ETFs."""
        return [i for i in self._instruments.values() if i.asset_class in {"stock", "etf"}]

    def bars(self, symbol: str, vendor: str, at: datetime) -> Bars:
        """Recorded sessions closed by `at`."""
        recorded = self._polygon[symbol]
        if vendor == "yahoo" and symbol in self._yahoo:
            recorded = _spliced(recorded, self._yahoo[symbol])
        return recorded.window(None, sessions.last_closed(self._instruments[symbol].calendar, at))

    def live(self, symbol: str, vendor: str, at: datetime) -> Bars:
        """None: a record has closed sessions only."""
        return Bars.empty()

    def splits(self, symbol: str, at: datetime) -> Sequence[Split]:
        """Recorded splits in effect by `at`."""
        return [split for split in self._splits.get(symbol, []) if split.ex_date <= at.date()]

    def dividends(self, symbol: str, at: datetime) -> Sequence[Dividend]:
        """Recorded dividends declared, or where that is unknown in effect, by `at`."""
        today = at.date()
        return [paid for paid in self._dividends.get(symbol, []) if (paid.declared or paid.ex_date) <= today]

    def btc_price(self, at: datetime) -> Hours:
        """Recorded hours; of the one still running what lies between its open and its close so far."""
        return hours.begun_prices(self._btc_price, at)

    def btc_liquidations(self, at: datetime) -> Hours:
        """Recorded hours, or those that the recorded prices cause."""
        return hours.begun_volumes(self._btc_liquidations, at)

    def perpetuals(self, exchange: str, at: datetime) -> Sequence[Perpetual]:
        """Recorded contracts: those of settlements, and those of minutes alone."""
        settled = self._perpetuals.perpetuals(exchange, at)
        return [*settled, *self._minutes.perpetuals(exchange, at, {one.native_symbol for one in settled})]

    def settlements(self, exchange: str, native_symbol: str, at: datetime) -> Settlements:
        """Recorded settlements by `at`, however long ago."""
        return self._perpetuals.settlements(exchange, native_symbol, at)

    def quotes(self, exchange: str, at: datetime) -> Mapping[str, Quote]:
        """What the settlements around `at` tell; nothing of a contract of minutes alone."""
        return {
            **dict.fromkeys((one.native_symbol for one in self._minutes.perpetuals(exchange, at)), UNKNOWN),
            **self._perpetuals.quotes(exchange, at),
        }

    def coins(self, market: str, at: datetime) -> Sequence[Coin]:
        """Recorded coins."""
        return self._minutes.coins(market, at)

    def candles(self, market: str, symbol: str, first: datetime, until: datetime, at: datetime) -> Minutes:
        """Recorded minutes; of the one still running what lies between its open and its price so far."""
        return self._minutes.candles(market, symbol, first, until, at)

    def minute_market(self) -> MinuteMarket:
        """Recorded minute bars; the one still running, as far as it has come."""
        return self._minute_market


def _by_symbol(frame: pl.DataFrame) -> dict[str, Bars]:
    absent = [pl.lit(None, pl.Float64).alias(name) for name in _OPTIONAL if name not in frame.columns]
    ordered = frame.with_columns(absent).sort("symbol", "session_date")
    return {str(symbol): _bars(rows) for (symbol,), rows in ordered.group_by("symbol", maintain_order=True)}


def _bars(rows: pl.DataFrame) -> Bars:
    numbers = [rows[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in (*_PRICES, *_OPTIONAL)]
    return Bars(rows["session_date"].to_numpy().astype("datetime64[D]"), *numbers)


def _spliced(first: Bars, second: Bars) -> Bars:
    """The second record over its own days, the first one before and after."""
    before = first.take(first.day < second.day[0])
    after = first.take(first.day > second.day[-1])
    return before.append(second).append(after)


def _actions(frame: pl.DataFrame | None) -> tuple[dict[str, list[Split]], dict[str, list[Dividend]]]:
    splits: dict[str, list[Split]] = {}
    dividends: dict[str, list[Dividend]] = {}
    rows = [] if frame is None else frame.sort("ex_date").to_dicts()
    for row in rows:
        if row["kind"] == "split":
            splits.setdefault(row["symbol"], []).append(Split(row["ex_date"], row["split_from"], row["split_to"]))
            continue
        paid = Dividend(
            ex_date=row["ex_date"],
            amount=row["amount"],
            declared=row.get("declared_date"),
            record=row.get("record_date"),
            pay=row.get("pay_date"),
        )
        dividends.setdefault(row["symbol"], []).append(paid)
    return splits, dividends


def _instruments(directory: Path, bars: dict[str, Bars]) -> list[Instrument]:
    symbols = read(directory, "equities_symbols", ("symbol", "asset_class", "valid_from"))
    stated: dict[str, dict[str, Any]] = {} if symbols is None else {row["symbol"]: row for row in symbols.to_dicts()}
    return [_instrument(symbol, rows, stated.get(symbol, {})) for symbol, rows in bars.items()]


def _instrument(symbol: str, bars: Bars, stated: dict[str, Any]) -> Instrument:
    asset_class: AssetClass = stated.get("asset_class") or _class_of(symbol)
    ids = vendor_ids(symbol, asset_class)
    first: date = bars.day[0].item()
    return Instrument(
        symbol=symbol,
        asset_class=asset_class,
        name=f"{symbol} (recorded)",
        listed=stated.get("valid_from") or first,
        delisted=stated.get("valid_to"),
        polygon_id=stated.get("polygon_id") or ids["polygon_id"],
        yahoo_id=stated.get("yahoo_id") or ids["yahoo_id"],
    )


def _class_of(symbol: str) -> AssetClass:
    """The class a symbol has in the default universe; otherwise crypto with a dash, stock without."""
    for line in EquitiesSettings.model_validate({}).universe:
        if line.symbol == symbol:
            return line.asset_class
    return "crypto" if "-" in symbol else "stock"
