"""Candles on the wire: a market that answers like Binance, and files as its archive holds them."""

import io
import zipfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

from market_assets.settings import Settings
from tests.resources.vendor_host import Asked, Host, Says, live_settings

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
INVALID_SYMBOL = Says({"code": -1121, "msg": "Invalid symbol."}, 400)


def ms(at: datetime) -> int:
    """Milliseconds since 1970."""
    return round(at.timestamp() * 1000)


def row(at: datetime, close: str = "100.5") -> list[Any]:
    """A candle as the wire states it, by position."""
    opened = ms(at)
    return [opened, "100.0", "101.0", "99.5", close, "10.5", opened + 59_999, "1055.25", 7, "4.25", "427.125", "0"]


@dataclass
class Market:
    """Answers `klines` and `exchangeInfo`; `script` of a Host."""

    root: str = "/fapi/v1"
    #: trades from here on
    first: datetime = datetime(2019, 9, 25, 8, tzinfo=UTC)
    #: the running minute is the last row
    now: datetime = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    #: minutes it never had
    without: Collection[datetime] = ()
    close: str = "100.5"
    #: rows of a page, whatever was asked for
    most: int = 1500
    symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT")
    #: instants that exchangeInfo states, in place of `first`
    listed: dict[str, datetime] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, asked: Asked) -> Says:
        """An answer as the venue would give it; of anything else 404."""
        if asked.path == f"{self.root}/exchangeInfo":
            return Says({"symbols": [self._contract(symbol) for symbol in self.symbols]})
        if asked.path != f"{self.root}/klines":
            return Says({"code": -5000, "msg": "Path not found."}, 404)
        if asked.query["symbol"] not in self.symbols:
            return INVALID_SYMBOL
        begin, end = int(asked.query["startTime"]), int(asked.query["endTime"])
        begin = max(begin, ms(self.first))
        gone = {ms(at) for at in self.without}
        opens = [at for at in range(-(-begin // 60_000) * 60_000, min(end, ms(self.now)) + 1, 60_000) if at not in gone]
        page = opens[: min(int(asked.query["limit"]), self.most)]
        rows = [row(datetime.fromtimestamp(at / 1000, UTC), self.close) for at in page]
        return Says(rows, headers=self.headers)

    def _contract(self, symbol: str) -> dict[str, Any]:
        told = {"symbol": symbol, "status": "TRADING", "contractType": "PERPETUAL"}
        return told if self.root == "/api/v3" else {**told, "onboardDate": ms(self.listed.get(symbol, self.first))}


def table(rows: Iterable[list[Any]], header: bool = True, scale: int = 1) -> str:
    """The CSV of a day; `scale` 1000 states instants in microseconds."""
    lines = [[one[0] * scale, *one[1:6], one[6] * scale, *one[7:]] for one in rows]
    return "\n".join([*([HEADER] if header else []), *(",".join(map(str, line)) for line in lines), ""])


def packed(content: str | bytes, name: str = "candles.csv") -> bytes:
    """A zip with one table."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def checksum(content: bytes, name: str = "candles.zip") -> bytes:
    """The line beside it."""
    return f"{sha256(content).hexdigest()}  {name}\n".encode()


def day_rows(day: date, n: int = 1440, close: str = "100.5") -> list[list[Any]]:
    """The first `n` candles of a day."""
    first = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return [row(first + k * MINUTE, close) for k in range(n)]


def files(days: dict[tuple[str, date], str], folder: str = "/data/futures/um/daily/klines") -> dict[str, bytes]:
    """Files of an archive by path: (symbol, day) -> CSV."""
    found: dict[str, bytes] = {}
    for (symbol, day), content in days.items():
        path = f"{folder}/{symbol}/1m/{symbol}-1m-{day}.zip"
        found[path] = packed(content)
        found[f"{path}.CHECKSUM"] = checksum(found[path])
    return found


def crypto_settings(host: Host, **crypto: Any) -> Settings:
    """Live settings whose venue and archive are at `host`."""
    archive = {"venues": {"binance_archive": {"base_url": host.url, "budget": {}}}}
    own = {"base_url": host.url, "budget": {}, **crypto}
    home = {"home": own.pop("home")} if "home" in own else {}
    return live_settings(host, crypto=own, funding=archive, **home)
