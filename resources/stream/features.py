"""Chart overlays of the running bar, minute by minute: the values of the primary timeframe for live pages.

Seeded from stored bars and carried on by the incremental indicators. A bar is committed once no minute of it is
missing, or none will come any more; what arrives later still is the graph's to settle. Nothing of this is stored,
and alignment with other timeframes is not part of it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from market_assets.core import partitions
from market_assets.core.incremental import Bar
from market_assets.crypto.schemas import CryptoTimeframes
from market_assets.crypto.settings import MINUTES
from market_assets.crypto.transforms.incremental import LiveOverlays
from market_assets.settings import Settings
from resources.stores import open_store
from resources.stream.candle import MINUTE, Candle
from resources.stream.hot import Features

_BARS = CryptoTimeframes.contract()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
#: they name the row, and are said beside its values
_NAMES = ("symbol", "timeframe", "ts")


class LiveFeatures:
    """The features of every symbol."""

    def __init__(self, settings: Settings, symbols: Sequence[str]) -> None:
        self._settings, self._symbols = settings, tuple(symbols)
        self._live: dict[str, _Symbol] = {}

    def seed(self, now: datetime) -> None:
        """Begin from stored bars: as many as the batch side looks back."""
        crypto = self._settings.crypto
        timeframe = crypto.signals.timeframe
        length, lookback = timedelta(minutes=MINUTES[timeframe]), crypto.overlays.lookback(timeframe)
        n_days = -(-lookback * length // _DAY) + 1
        days = [(now - n * _DAY).date() for n in range(n_days, -1, -1)]
        keys = partitions.keys_of(days, self._symbols)
        stored = open_store(self._settings).read(_BARS, keys, where={"timeframe": timeframe})
        for symbol in self._symbols:
            bars = stored.filter(symbol=symbol).sort("ts").tail(lookback)
            overlays = LiveOverlays(symbol, timeframe, crypto)
            overlays.seed(bars)
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
            until = bars["ts"][-1] + length if bars.height else midnight - _DAY
            self._live[symbol] = _Symbol(overlays, length, until)

    def __call__(self, closed: Sequence[Candle], settled: Mapping[str, datetime]) -> list[Features]:
        """The newest values of each symbol with newly closed minutes (in the order of their time).

        `settled`: symbol -> instant before which no minute is missing any more.
        """
        own: dict[str, list[Candle]] = {}
        for candle in closed:
            own.setdefault(candle.symbol, []).append(candle)
        found = (self._live[symbol].updated(candles, settled[symbol]) for symbol, candles in own.items())
        return [features for features in found if features is not None]


class _Symbol:
    """The bars of one symbol: those committed, and the minutes after them."""

    def __init__(self, overlays: LiveOverlays, length: timedelta, until: datetime) -> None:
        self._overlays, self._length = overlays, length
        #: end of the last committed bar
        self._until = until
        #: start of a bar -> its minutes by their instant
        self._minutes: dict[datetime, dict[datetime, Candle]] = {}

    def updated(self, candles: Sequence[Candle], settled: datetime) -> Features | None:
        """The values after these minutes: of the forming bar, or of one that has just closed.

        None where nothing is new, or while minutes before the newest bar are still being asked for.
        """
        is_new = False
        for one in candles:
            minutes = self._minutes.setdefault(_floor(one.ts, self._length), {})
            is_new |= one.ts >= self._until and one.ts not in minutes
            minutes[one.ts] = one
        self._minutes = {start: minutes for start, minutes in self._minutes.items() if start >= self._until}
        row: dict[str, Any] | None = None
        for start in sorted(self._minutes) if is_new else ():
            end, minutes = start + self._length, self._minutes[start]
            if end > settled:
                row = self._overlays.peek(_bar(start, minutes)) if start == max(self._minutes) else None
                break
            row = self._overlays.update(_bar(start, minutes), complete=len(minutes) * MINUTE == self._length)
            del self._minutes[start]
            self._until = end
        if row is None:
            return None
        values = {name: value for name, value in row.items() if name not in _NAMES}
        return Features(row["symbol"], row["timeframe"], row["ts"], {**values, "is_forming": row["ts"] >= self._until})


def _floor(at: datetime, length: timedelta) -> datetime:
    return at - (at - _EPOCH) % length


def _bar(start: datetime, found: Mapping[datetime, Candle]) -> Bar:
    minutes = [found[ts] for ts in sorted(found)]
    return Bar(
        ts=start,
        open=minutes[0].open,
        high=max(one.high for one in minutes),
        low=min(one.low for one in minutes),
        close=minutes[-1].close,
        volume=sum(one.volume for one in minutes),
        taker_buy_base=sum(one.taker_buy_base for one in minutes),
    )
