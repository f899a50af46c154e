"""Two hundred holes over the five domains: which rows are lost, and which their vendors never had."""

from datetime import date, datetime

import polars as pl

from market_assets.core import calendars
from market_assets.tables import contract
from tests.desk import Desk
from tests.sensors.chaos_home import (
    BTC_DAYS,
    COINS,
    DAYS,
    EXCHANGES,
    HOUR,
    MONDAY,
    STOCKS,
    YEARS,
    Punched,
    at,
    build,
    hours,
    made,
    pairs,
    stamps,
)

_BARS, _PRICE, _LIQUIDATIONS = "equities_daily_bars", "btc_price", "btc_liquidations"
_RATES, _KLINES, _MINUTE = "funding_rates", "crypto_klines", "bars_minute"
_SIDES = ("long_liquidations", "short_liquidations")
#: tables and partitions whose only fetch failed
FAILED = (
    (_BARS, ["DLST|2022"]),
    (_PRICE, ["2026-09-30"]),
    (_RATES, ["2026-10-02|kucoin"]),
    (_KLINES, ["2026-10-01|BTCUSDT"]),
    (_MINUTE, ["2026-10-04|BTCUSD"]),
)
#: days on which nobody traded, on which one stock did not, and of which only the second source has a bar
_HOLIDAYS = (date(2021, 9, 15), date(2022, 9, 14))
_HALTS = [date(2023, month, 15) for month in (2, 3, 5, 6, 8, 9)]
_ONE_SOURCE = [date(2023, month, 11) for month in (1, 4, 5, 7, 8, 9, 10, 12)]
#: hours of which the vendor has no price, asked for long enough and not yet
_OLD_NULLS = hours("2026-09-21", 2, 5, 8, 11, 14, 17)
_YOUNG_NULLS = hours("2026-10-01", 3, 9, 15, 21)
_NO_SETTLEMENT = ("BTCUSDT", "ETHUSDT", "XRPUSDT", "DOGEUSDT")
_QUIET = hours("2026-09-30", 10, 13, 16)
_NO_CANDLES, _OUTAGE = hours("2026-10-04", 3, 7), hours("2026-10-03", 12)


def _named(days: list[date]) -> str:
    return ",".join(map(str, days))


FOR_GOOD = (
    *(f"{vendor}:missing_rows:dates={_named(list(_HOLIDAYS))}" for vendor in ("polygon", "yahoo")),
    *(f"{vendor}:missing_rows:symbol=KO:dates={_named(_HALTS)}" for vendor in ("polygon", "yahoo")),
    f"polygon:missing_rows:symbol=AAPL:dates={_named(_ONE_SOURCE)}",
    f"glassnode:nulls:match=price:dates={stamps([*_OLD_NULLS, *_YOUNG_NULLS])}",
    *(f"bybit:missing_rows:symbol={name}:dates=2026-10-04T16" for name in _NO_SETTLEMENT),
    "kucoin:missing_rows:dates=2026-10-04T08",
    *(
        spec
        for vendor in ("binance_usdm", "binance_archive")
        for spec in (
            f"{vendor}:missing_rows:symbol=BTCUSDT:dates={stamps(_NO_CANDLES)}",
            f"{vendor}:missing_rows:dates={stamps(_OUTAGE)}",
        )
    ),
    *(f"{vendor}:missing_rows:symbol=EURUSD:dates={stamps(_QUIET)}" for vendor in ("alphavantage", "twelvedata")),
    "twelvedata:missing_rows:symbol=NAS100:dates=2026-10-01",
    "twelvedata:missing_rows:symbol=US500:dates=2026-10-01,2026-10-02",
)


def punched(desk: Desk) -> Punched:
    """A home with 200 holes, and with what computes gaps as it was before they were punched."""
    build(desk, FAILED, FOR_GOOD)
    home = Punched(desk)
    derive(desk, desk.stored(_BARS), EXCHANGES)
    for domain in (_equities, _btc, _funding, _crypto, _bars):
        domain(home)
    return home


def derive(desk: Desk, symbol_years: list[str], exchanges: list[str] | tuple[str, ...]) -> list[str]:
    """Make what follows these partitions, as the follow sensor would; the years whose gaps were judged."""
    judged = sorted({key.rpartition("|")[2] for key in symbol_years})
    if symbol_years:
        made(desk, "equities_scored_bars", symbol_years)
        made(desk, "equities_gaps", judged)
    if exchanges:
        made(desk, "funding_completeness", pairs([MONDAY[:10]], exchanges))
    return judged


def _equities(home: Punched) -> None:
    for key, n in (("AAPL|2021", 16), ("KO|2022", 16), ("IPOX|2023", 15)):
        symbol, year = key.split("|")
        sessions = calendars.sessions("XNYS", date(int(year), 1, 1), date(int(year), 12, 31))
        lost = [day for day in sessions[5::14] if day not in _HOLIDAYS][:n]
        home.lose(_BARS, key, pl.col("session_date").is_in(lost))
        home.add("ours", _BARS, key, symbol, map(_midnight, lost))
    for key, first in (("KO|2021", date(2021, 1, 4)), ("AAPL|2022", date(2022, 1, 3))):
        home.lose_all(_BARS, key)
        home.add("ours", _BARS, key, key.split("|")[0], [_midnight(first)])
    home.add("ours", _BARS, "DLST|2022", "DLST", [at("2022-01-03")])
    home.add("halt", _BARS, "HALT|2022", "HALT", [at("2022-03-08")])
    home.add("halt", _BARS, "KO|2023", "KO", map(_midnight, _HALTS))
    home.add("vendor_has_no_data", _BARS, "AAPL|2023", "AAPL", map(_midnight, _ONE_SOURCE), is_given_up=True)
    for day in _HOLIDAYS:
        for symbol in STOCKS:
            home.add("holiday", _BARS, f"{symbol}|{day.year}", symbol, [_midnight(day)])
    home.add("not_listed", _BARS, f"IPOX|{YEARS[0]}", "IPOX", [at("2021-01-04")])
    home.add("not_listed", _BARS, f"DLST|{YEARS[-1]}", "DLST", [at("2023-07-03")])


def _btc(home: Punched) -> None:
    for table, columns, days, of in (
        (_PRICE, ("price",), ("2026-09-19", "2026-09-24", "2026-10-02"), (1, 4, 7, 10, 13, 16)),
        (_LIQUIDATIONS, _SIDES, ("2026-09-20", "2026-10-03"), (2, 6, 12, 20)),
    ):
        for day in days:
            home.lose(table, day, pl.col("ts").is_in(hours(day, *of)))
            for name in columns:
                home.add("ours", table, day, name, hours(day, *of))
    for table, columns, day in ((_PRICE, ("price",), BTC_DAYS[7]), (_LIQUIDATIONS, _SIDES, BTC_DAYS[8])):
        home.lose_all(table, day)
        for name in columns:
            home.add("ours", table, day, name, [at(day)])
    home.add("ours", _PRICE, "2026-09-30", "price", [at("2026-09-30")])
    home.add("vendor_has_no_data", _PRICE, "2026-09-21", "price", _OLD_NULLS)
    home.add("vendor_has_no_data", _PRICE, "2026-10-01", "price", _YOUNG_NULLS, is_given_up=True)


def _funding(home: Punched) -> None:
    names = dict(home.desk.read("funding_contracts").select("native_symbol", "symbol").iter_rows())
    settled = home.desk.store.read(contract(_RATES), ["2026-10-03|bybit"])
    regular = [name for name in settled["native_symbol"].unique().sort() if not name.startswith("NEW")]
    for day, hour, n in (("2026-10-02", 8, 14), ("2026-10-03", 16, 6)):
        lost = hours(day, hour)
        home.lose(
            _RATES, f"{day}|bybit", pl.col("native_symbol").is_in(regular[:n]) & pl.col("funding_time").is_in(lost)
        )
        for name in regular[:n]:
            home.add("ours", _RATES, f"{day}|bybit", names[name], lost)
    # delisted on Monday morning, and still served
    lost = hours("2026-10-02", 4, 16)
    home.lose(
        _RATES, "2026-10-02|bybit", (pl.col("native_symbol") == "NEW2606USDT") & pl.col("funding_time").is_in(lost)
    )
    home.add("ours", _RATES, "2026-10-02|bybit", names["NEW2606USDT"], lost)
    # its hundred newest settlements are all that the exchange still has: those from 17:00 on. Were every other one
    # lost, another interval would be read off the rest
    lost = hours("2026-10-01", 5, 9, 13, 16)
    home.lose(
        _RATES, "2026-10-01|kucoin", (pl.col("native_symbol") == "AVAXUSDTM") & pl.col("funding_time").is_in(lost)
    )
    home.add("vendor_has_no_data", _RATES, "2026-10-01|kucoin", names["AVAXUSDTM"], lost)
    home.lose_all(_RATES, "2026-10-03|kucoin")
    for day in ("2026-10-02", "2026-10-03"):
        home.add("ours", _RATES, f"{day}|kucoin", "kucoin", [at(day)])
    for name in _NO_SETTLEMENT:
        home.add(
            "vendor_has_no_data",
            _RATES,
            "2026-10-04|bybit",
            names[name],
            [at("2026-10-04T16")],
            is_given_up=True,
        )
    listed = home.desk.store.read(contract("funding_contracts"), ["kucoin"]).filter(pl.col("interval_hours") < 8)
    for name in listed["symbol"]:
        home.add("vendor_has_no_data", _RATES, "2026-10-04|kucoin", name, [at("2026-10-04T08")], is_given_up=True)


def _crypto(home: Punched) -> None:
    for key, first in (("2026-10-02|BTCUSDT", 0), ("2026-10-03|ETHUSDT", 1)):
        _lose_minutes(home, _KLINES, key, hours(key[:10], *range(first, first + 22, 4)))
    home.lose_all(_KLINES, "2026-10-02|ETHUSDT")
    for key in ("2026-10-02|ETHUSDT", "2026-10-01|BTCUSDT"):
        home.add("ours", _KLINES, key, key[11:], [at(key[:10])])
    home.add("vendor_has_no_data", _KLINES, "2026-10-04|BTCUSDT", "BTCUSDT", _NO_CANDLES, is_given_up=True)
    for coin in COINS:
        home.add("venue_outage", _KLINES, f"2026-10-03|{coin}", coin, _OUTAGE)


def _bars(home: Punched) -> None:
    # what a currency lacks is told from minutes without a trade by the second source
    made(home.desk, "bars_reconciliation", ["2026-10-01|EURUSD"])
    for key in ("2026-10-03|BTCUSD", "2026-10-01|EURUSD"):
        _lose_minutes(home, _MINUTE, key, hours(key[:10], 2, 6, 11, 17, 21))
    home.lose_all(_MINUTE, "2026-10-02|EURUSD")
    for key in ("2026-10-02|EURUSD", "2026-10-04|BTCUSD"):
        home.add("ours", _MINUTE, key, key[11:], [at(key[:10])])
    home.add("no_trades", _MINUTE, f"{DAYS[0]}|EURUSD", "EURUSD", _QUIET)
    for symbol in ("NAS100", "US500"):
        home.add("holiday", _MINUTE, f"2026-10-01|{symbol}", symbol, [at("2026-10-01") + 13.5 * HOUR])
    home.add("halt", _MINUTE, "2026-10-02|US500", "US500", [at("2026-10-02") + 13.5 * HOUR])


def _lose_minutes(home: Punched, table: str, key: str, starts: list[datetime]) -> None:
    """Lose the first twenty minutes of these hours."""
    in_first = pl.col("ts").dt.minute() < 20
    home.lose(table, key, pl.col("ts").dt.truncate("1h").is_in(starts) & in_first)
    home.add("ours", table, key, key[11:], starts)


def _midnight(day: date) -> datetime:
    return at(str(day))
