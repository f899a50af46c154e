"""Recorded equities in the columns of our tables: bars, splits, dividends, listings.

Bars come from `equities/daily_raw`, splits from `equities/splits`, dividends from the steps of
`equities/factors`, the second source from `equities/yahoo_daily`. What the record lacks stays
missing: GOOG's class split of 2014-04-03, QQQ while it traded as QQQQ.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import orjson
import polars as pl

from market_assets.core import calendars, clock
from market_assets.core.contracts import UTC_MICROS
from market_assets.equities.schemas import EquitiesCorporateActions, EquitiesDailyBars, EquitiesSymbols
from market_assets.equities.settings import CALENDAR_OF
from resources.sandbox.backend import AssetClass, vendor_ids
from resources.sandbox.recording import Piece

#: where the record lies, under the source directory
RECORD = "equities/daily_raw/*.csv.gz"
#: first day of the company that has the ticker now; earlier rows are another one's
TICKER_TAKEN_OVER = {"EEM": date(2003, 4, 11)}
_ETFS = frozenset({"EEM", "QQQ"})
#: a recorded ratio this close to a whole number is that number (6.999997 is 7-for-1)
_WHOLE = 1e-4
#: the factor file's first row is the start of the data, not an event; its reference price says 1.0
_NO_REFERENCE = 1.0
_THREE_DECIMALS_ABOVE = 500.0


def tables(source: Path) -> Iterator[tuple[list[Piece], list[str]]]:
    """For each recorded symbol the rows of its tables, and what is to be said of it."""
    for file in sorted(source.glob(RECORD)):
        symbol = file.name.removesuffix(".csv.gz")
        said: list[str] = []
        raw = pl.read_csv(file, try_parse_dates=True)
        since = TICKER_TAKEN_OVER.get(symbol, date.min)
        kept = raw.filter(pl.col("date") >= since)
        if left_out := raw.height - kept.height:
            said.append(f"{symbol}: left out {left_out} rows before {since}, which are another company's")
        actions = pl.concat([splits(source, symbol), dividends(source, symbol)])
        pieces = [
            ("equities_daily_bars", symbol, bars(kept, symbol, "polygon")),
            ("equities_corporate_actions", symbol, actions),
            ("equities_symbols", symbol, _listing(symbol, kept)),
        ]
        second = source / "equities" / "yahoo_daily" / file.name
        if second.exists():
            stated = pl.read_csv(second, try_parse_dates=True).rename(str.lower)
            pieces.append(("equities_daily_bars_yahoo", symbol, bars(stated, symbol, "yahoo")))
        said.append(f"{symbol}: {kept.height} bars, {actions.height} actions{', Yahoo too' if second.exists() else ''}")
        yield pieces, said


def bars(recorded: pl.DataFrame, symbol: str, vendor: str) -> pl.DataFrame:
    """Recorded rows (date, open, high, low, close, volume; raw) in the columns of EquitiesDailyBars."""
    return recorded.select(
        symbol=pl.lit(symbol),
        timeframe=pl.lit("1d"),
        ts=pl.col("date").cast(UTC_MICROS),
        open=pl.col("open").cast(pl.Float64),
        high=pl.col("high").cast(pl.Float64),
        low=pl.col("low").cast(pl.Float64),
        close=pl.col("close").cast(pl.Float64),
        volume=pl.col("volume").cast(pl.Float64),
        source=pl.lit(vendor),
        ingested_at=pl.lit(clock.now(), UTC_MICROS),
        session_date=pl.col("date"),
        vwap_vendor=pl.lit(None, pl.Float64),
        trade_count=pl.lit(None, pl.Int64),
        price_basis=pl.lit("unadjusted"),
        fallback_level=pl.lit(0, pl.Int8),
    ).select(list(EquitiesDailyBars.contract().schema))


def splits(source: Path, symbol: str) -> pl.DataFrame:
    """Recorded splits of a symbol as actions."""
    file = source / "equities" / "splits" / f"{symbol}.json"
    events = orjson.loads(file.read_bytes()) if file.exists() else []
    terms = [split_terms(float(event["ratio_to_per_from"])) for event in events]
    return _actions(
        symbol,
        "split",
        ex_dates=[date.fromisoformat(event["execution_date"]) for event in events],
        split_from=[old for old, _ in terms],
        split_to=[new for _, new in terms],
    )


def dividends(source: Path, symbol: str) -> pl.DataFrame:
    """Dividends behind the steps of a Lean factor file.

    A row's price factor holds up to `last_date`, whose close is `reference_price`: the dividend is
    reference_price x (1 - factor / next factor), ex on the session after. Factors have seven
    digits: amounts are rounded to four decimals, to three where a price above 500 leaves no more.
    """
    file = source / "equities" / "factors" / f"{symbol}.csv"
    if not file.exists():
        return _actions(symbol, "cash_dividend", ex_dates=[])
    steps = (
        pl.read_csv(file, try_parse_dates=True, schema_overrides={"reference_price": pl.Float64})
        .sort("last_date")
        .with_columns(kept=pl.col("price_factor").cast(pl.Float64) / pl.col("price_factor").shift(-1))
        .filter((pl.col("kept") < 1) & (pl.col("reference_price") > _NO_REFERENCE))
        .with_columns(exact=pl.col("reference_price") * (1 - pl.col("kept")))
        .with_columns(
            amount=pl.when(pl.col("reference_price") > _THREE_DECIMALS_ABOVE)
            .then(pl.col("exact").round(3))
            .otherwise(pl.col("exact").round(4))
        )
        .filter(pl.col("amount") > 0)
    )
    ex_dates = [calendars.next_session("XNYS", day) for day in steps["last_date"].to_list()]
    return _actions(symbol, "cash_dividend", ex_dates=ex_dates, amount=steps["amount"].to_list())


def split_terms(ratio: float) -> tuple[float, float]:
    """Old and new shares of a recorded ratio; near-whole ratios are whole, either way round."""
    for value, swapped in ((ratio, False), (1 / ratio, True)):
        whole = round(value)
        if whole >= 2 and abs(value - whole) <= _WHOLE * value:
            return (float(whole), 1.0) if swapped else (1.0, float(whole))
    return 1.0, round(ratio, 6)


def _actions(
    symbol: str,
    kind: str,
    *,
    ex_dates: Sequence[date],
    split_from: Sequence[float] | None = None,
    split_to: Sequence[float] | None = None,
    amount: Sequence[float] | None = None,
) -> pl.DataFrame:
    n = len(ex_dates)
    none = [None] * n
    paid = kind == "cash_dividend"
    schema = EquitiesCorporateActions.contract().schema
    data = {
        "symbol": [symbol] * n,
        "ex_date": list(ex_dates),
        "kind": [kind] * n,
        "split_from": list(split_from or none),
        "split_to": list(split_to or none),
        "amount": list(amount or none),
        "amount_basis": ["as_paid" if paid else None] * n,
        "currency": ["USD" if paid else None] * n,
        "dividend_type": ["CD" if paid else None] * n,
        "source": ["polygon"] * n,
    }
    return pl.DataFrame(data, schema={name: schema[name] for name in data})


def _listing(symbol: str, recorded: pl.DataFrame) -> pl.DataFrame:
    asset_class: AssetClass = "etf" if symbol in _ETFS else "stock"
    row = {
        "symbol": symbol,
        "asset_class": asset_class,
        "calendar": CALENDAR_OF[asset_class],
        "currency": "USD",
        **vendor_ids(symbol, asset_class),
        "active": True,
        "valid_from": recorded["date"].min(),
    }
    schema = EquitiesSymbols.contract().schema
    return pl.DataFrame([{name: row.get(name) for name in schema}], schema=schema)
