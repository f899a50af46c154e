"""The overlays of one symbol and timeframe one closed bar at a time: the batch columns, to 1e-9."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import log
from typing import Any, Self

import numpy as np
import polars as pl

from market_assets.core import windows
from market_assets.core.incremental import (
    Atr,
    Bar,
    Chandelier,
    Ema,
    Indicator,
    Rsi,
    Series,
    State,
    Supertrend,
    Value,
    Values,
)
from market_assets.core.incremental.windows import pushed
from market_assets.core.windows import Floats
from market_assets.crypto.schemas import REGIMES, CryptoOverlays
from market_assets.crypto.settings import MINUTES, CryptoSettings, LiquiditySettings, RegimeSettings
from market_assets.crypto.transforms.overlays import liquidity, order_flow, regime
from market_assets.crypto.transforms.overlays.columns import floats, micros
from market_assets.crypto.transforms.overlays.volume_profile import Windows


@dataclass
class Liquidity(Indicator):
    """Zones of the last bars. `settings` are LiquiditySettings as plain values."""

    settings: dict[str, Any]

    def __post_init__(self) -> None:
        super().__post_init__()
        self._settings = LiquiditySettings.model_validate(self.settings)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the liquidity overlay."""
        return liquidity.COLUMNS

    def absorb(self, bars: pl.DataFrame) -> None:
        """Become what updating with these bars from the start makes of it."""
        self._state = tuple(bars.tail(self._settings.window).select("high", "low", "close", "volume").iter_rows())

    def step(self, state: State, bar: Bar) -> tuple[State, Values]:
        """State: high, low, close and volume of the last bars."""
        state = pushed(state, (bar.high, bar.low, bar.close, _traded(bar)[0]), self._settings.window)
        high, low, close, volume = np.array(state, dtype=np.float64).T[:, None, :]
        if len(state) < self._settings.window or high.max() <= low.min():
            return state, (None,) * len(self.columns)
        found = liquidity.zone_values(Windows(high, low, close, volume), self._settings)
        values = {name: _plain(found[name][0]) for name in self.columns}
        return state, tuple((values | {"zone_side": _sign(found["zone_side"])}).values())


@dataclass
class OrderFlow(Indicator):
    """What takers bought less what they sold."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the order flow overlay."""
        return order_flow.COLUMNS

    def start(self) -> State:
        """No bars, no imbalances, no day."""
        return (), (), (None, 0.0)

    def step(self, state: State, bar: Bar) -> tuple[State, Values]:
        """State: delta, volume of decided bodies and volume of the last bars; last imbalances; day and its delta."""
        bars, imbalances, (day, so_far) = state
        volume, bought = _traded(bar)
        delta = 2.0 * bought - volume
        body = bar.close - bar.open
        side = (body > 0) - (body < 0) if abs(body) > order_flow.BODY * (bar.high - bar.low) else 0
        bars = pushed(bars, (delta, side * volume, volume), order_flow.WINDOW)
        imbalance, proxy = self._shares(bars)
        earlier = imbalances[0] if len(imbalances) == order_flow.CHANGE else None
        change = None if imbalance is None or earlier is None else imbalance - earlier
        today = bar.ts.toordinal()
        so_far = delta + (so_far if today == day else 0.0)
        imbalances = pushed(imbalances, imbalance, order_flow.CHANGE)
        return (bars, imbalances, (today, so_far)), (delta, imbalance, change, so_far, proxy)

    def _shares(self, bars: tuple[tuple[float, float, float], ...]) -> tuple[float | None, float | None]:
        """Sums of delta and of decided bodies over that of volume."""
        if len(bars) < order_flow.WINDOW:
            return None, None
        delta, decided, volume = (sum(column) for column in zip(*bars, strict=True))
        return (delta / volume, decided / volume) if volume > 0 else (None, None)


@dataclass
class Regime(Indicator):
    """Trend or range, calm or not. `settings` are RegimeSettings as plain values."""

    timeframe: str
    settings: dict[str, Any]

    def __post_init__(self) -> None:
        super().__post_init__()
        self._settings = RegimeSettings.model_validate(self.settings)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the regime overlay."""
        return regime.COLUMNS

    def start(self) -> State:
        """No bars, no history of volatility or range, no labels."""
        return (), (), (), (), (), (), ()

    def absorb(self, bars: pl.DataFrame) -> None:
        """Become what updating with these bars from the start makes of it."""
        settings, n = self._settings, regime.rank_window(self.timeframe, self._settings)
        close, volume = floats(bars, "close"), floats(bars, "volume")
        height = floats(bars, "high") - floats(bars, "low")
        volatility = regime.volatility(close, settings)
        reach = regime.relative_range(height, close, settings)
        start = max(0, bars.height - settings.confirm_bars)
        vol_rank, range_rank = (windows.rank_in_previous(measure, n, start) for measure in (volatility, reach))
        labels = regime.labels(regime.trend(close, settings)[0], vol_rank, range_rank, settings)
        parts = (
            (close, max(settings.fast, settings.slow)),
            (np.diff(np.log(close)), settings.slow),
            (height, settings.range_bars),
            (volume, settings.volume_bars + 1),
            (volatility, n + 1),
            (reach, n + 1),
        )
        self._state = (*(_known(part[-length:]) for part, length in parts), tuple(labels[start:].tolist()))

    def step(self, state: State, bar: Bar) -> tuple[State, Values]:
        """State: last closes, log returns, heights, volumes; last volatilities and ranges; last labels."""
        closes, returns, heights, volumes, volatilities, ranges, labels = state
        settings, n = self._settings, regime.rank_window(self.timeframe, self._settings)
        if closes:
            returns = pushed(returns, log(bar.close / closes[-1]), settings.slow)
        closes = pushed(closes, bar.close, max(settings.fast, settings.slow))
        heights = pushed(heights, bar.high - bar.low, settings.range_bars)
        volumes = pushed(volumes, _traded(bar)[0], settings.volume_bars + 1)
        score, direction = (part[-1:] for part in regime.trend(_array(closes), settings))
        volatility = windows.std(_array(returns), settings.slow)[-1:]
        height = windows.mean(_array(heights), settings.range_bars)[-1:] / bar.close
        volatilities = pushed(volatilities, _last(volatility), n + 1)
        ranges = pushed(ranges, _last(height), n + 1)
        vol_rank = windows.rank_in_previous(_array(volatilities), n, len(volatilities) - 1)[-1:]
        range_rank = windows.rank_in_previous(_array(ranges), n, len(ranges) - 1)[-1:]
        label = regime.labels(score, vol_rank, range_rank, settings)
        labels = pushed(labels, int(label[0]), settings.confirm_bars)
        agreed = regime.confirmed(np.array(labels), settings.confirm_bars)[-1:]
        sure = regime.confidence(label, agreed, score, vol_rank, range_rank, settings)
        unusual = windows.zscore_of_previous(_array(volumes), settings.volume_bars)
        numbers = (_last(number) for number in (sure, score, vol_rank, range_rank, unusual))
        values = (REGIMES[int(label[0])], REGIMES[int(agreed[0])], *numbers, _sign(direction))
        return (closes, returns, heights, volumes, volatilities, ranges, labels), values


class LiveOverlays:
    """Every overlay that one timeframe alone can give, bar by bar; the alignment columns stay None.

    `update` and `peek` give the columns of CryptoOverlays, or None for a bar at or before the last one.
    """

    def __init__(self, symbol: str, timeframe: str, settings: CryptoSettings) -> None:
        self.timeframe = timeframe
        self._settings = settings
        self._n_bars = 0
        self._series = Series(symbol, _indicators(timeframe, settings))

    @property
    def late_bars(self) -> int:
        """Bars that came at or before the last one and were not applied."""
        return self._series.late_bars

    def seed(self, bars: pl.DataFrame) -> None:
        """Begin anew from stored bars (CryptoTimeframes of this symbol and timeframe, in time order)."""
        indicators = _indicators(self.timeframe, self._settings)
        rows = list(map(Bar._make, bars.select(Bar._fields).iter_rows()))
        for one in indicators:
            if isinstance(one, Liquidity | Regime):
                one.absorb(bars)
            else:
                for bar in rows:
                    one.update(bar)
        before = self._series.to_state()
        last = {"last_us": micros(rows[-1].ts) if rows else None}
        state = before | last | {"indicators": [one.to_state() for one in indicators]}
        self._series = Series.from_state(state, indicators)
        self._n_bars = bars.height

    def update(self, bar: Bar, *, complete: bool = True) -> dict[str, Any] | None:
        """The row of a closed bar, which becomes part of the history."""
        values = self._series.update(bar)
        if values is None:
            return None
        row = self._row(bar, values, complete=complete)
        self._n_bars += 1
        return row

    def peek(self, bar: Bar, *, complete: bool = False) -> dict[str, Any] | None:
        """The row of a forming bar as if it closed now; nothing is kept."""
        values = self._series.peek(bar)
        return None if values is None else self._row(bar, values, complete=complete)

    def to_state(self) -> dict[str, Any]:
        """Everything as dicts, lists and scalars, for MessagePack or JSON."""
        return {"timeframe": self.timeframe, "n_bars": self._n_bars, "series": self._series.to_state()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any], settings: CryptoSettings) -> Self:
        """What gave `state`; raises `StateMismatch` where the settings have changed since."""
        live = cls(state["series"]["symbol"], state["timeframe"], settings)
        live._n_bars = state["n_bars"]
        live._series = Series.from_state(state["series"], _indicators(live.timeframe, settings))
        return live

    def _row(self, bar: Bar, values: Mapping[str, Value], *, complete: bool) -> dict[str, Any]:
        lookback = self._settings.overlays.lookback(self.timeframe)
        of_bar = {
            "symbol": self._series.symbol,
            "timeframe": self.timeframe,
            "ts": bar.ts,
            "available_at": bar.ts + timedelta(minutes=MINUTES[self.timeframe]),
            "n_history": min(self._n_bars, lookback),
            "is_warm": self._n_bars >= lookback,
            "complete": complete,
            "close": bar.close,
        }
        return {**dict.fromkeys(CryptoOverlays.contract().columns), **of_bar, **values}


def _indicators(timeframe: str, settings: CryptoSettings) -> list[Indicator]:
    """The base indicators, and the others that are enabled."""
    chosen: dict[str, Indicator] = {
        "supertrend": Supertrend(),
        "chandelier": Chandelier(),
        "liquidity": Liquidity(settings.liquidity.model_dump(mode="json")),
        "order_flow": OrderFlow(),
        "regime": Regime(timeframe, settings.regime.model_dump(mode="json")),
    }
    others = [one for name, one in chosen.items() if name in settings.overlays.enabled]
    return [Ema(10), Ema(21), Ema(55), Rsi(14), Atr(14), *others]


def _traded(bar: Bar) -> tuple[float, float]:
    """Volume, and what of it takers bought."""
    if bar.volume is None or bar.taker_buy_base is None:
        raise ValueError(
            f"a crypto bar carries volume and taker_buy_base; {bar} does not. Look at what its source sent."
        )
    return bar.volume, bar.taker_buy_base


def _array(values: Iterable[float | None]) -> Floats:
    """Unknown values are NaN."""
    return np.array(tuple(values), dtype=np.float64)


def _known(values: Floats) -> tuple[float | None, ...]:
    """The values; None where NaN."""
    return tuple(None if np.isnan(value) else value for value in values.tolist())


def _last(values: Floats) -> float | None:
    """The last value; None where there is none or it is NaN."""
    return float(values[-1]) if len(values) and not np.isnan(values[-1]) else None


def _sign(values: Floats) -> int | None:
    """-1, 0 or +1 as the last value; None where that is unknown."""
    value = _last(values)
    return None if value is None else int(value)


def _plain(value: Any) -> Value:
    """A number, or the numbers of a row, without what is NaN."""
    if np.ndim(value):
        return tuple(float(number) for number in value if not np.isnan(number))
    return None if np.isnan(value) else float(value)
