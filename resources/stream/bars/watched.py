"""Which instrument is asked for at which source, for which symbols, and when.

A stream of quotes is one instrument at one source. A symbol's chain names its streams, best first; an alternative of
another kind may be in the chains of two symbols, and is asked for once.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from market_assets.bars.instruments import Bound
from market_assets.bars.settings import BarsSettings
from market_assets.core import trading_hours

#: source and house symbol of the instrument: what a quote states of itself
Stream = tuple[str, str]
_KEPT = 4096
_MOST_DAYS = 60


class Watched:
    """The symbols, in rows; their chains; their hours."""

    def __init__(self, bars: BarsSettings, symbols: Sequence[str] | None = None) -> None:
        self._bars = bars
        self.symbols = tuple(bars.symbols if symbols is None else symbols)
        self.row = {symbol: row for row, symbol in enumerate(self.symbols)}
        self.calendars = tuple(bars.instrument(symbol).calendar for symbol in self.symbols)
        #: row -> level -> what is asked for
        self.chains: tuple[tuple[Bound, ...], ...] = tuple(tuple(bars.chain(symbol)) for symbol in self.symbols)
        #: stream -> rows and levels that it serves
        self.places: dict[Stream, list[tuple[int, int]]] = {}
        self._bounds: dict[Stream, Bound] = {}
        for row, chain in enumerate(self.chains):
            for level, bound in enumerate(chain):
                self.places.setdefault(stream(bound), []).append((row, level))
                self._bounds[stream(bound)] = bound
        self._with_volume = {symbol for symbol, row in bars.rows.items() if row.measures_volume}
        self._instruments = bars.rows
        self._hours: dict[tuple[str, datetime], bool] = {}

    def measures_volume(self, bound: Bound) -> bool:
        """Whether bars of an instrument have a volume, whatever a source states."""
        return bound.symbol in self._with_volume

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources with anything to ask for, in the order of preference."""
        return tuple(source for source in self._bars.sources if any(source == one for one, _ in self.places))

    def bounds(self, source: str) -> list[Bound]:
        """Everything that may be asked for at a source."""
        return [bound for (name, _), bound in self._bounds.items() if name == source]

    def is_wanted(self, bound: Bound, at: datetime) -> bool:
        """Whether a symbol that it serves trades at an instant and exists, and the source may serve it that day."""
        day = at.date()
        return any(
            self.is_open(row, at)
            and self._instruments[self.symbols[row]].exists(day)
            and not self._bars.is_excluded(bound.source, self.symbols[row], day)
            for row, _ in self.places[stream(bound)]
        )

    def symbols_of(self, bounds: Sequence[Bound]) -> tuple[str, ...]:
        """The symbols that these serve."""
        rows = sorted({row for bound in bounds for row, _ in self.places[stream(bound)]})
        return tuple(self.symbols[row] for row in rows)

    def is_open(self, row: int, at: datetime) -> bool:
        """Whether the market of a row trades in the minute of an instant."""
        key = (self.calendars[row], at.replace(second=0, microsecond=0))
        known = self._hours.get(key)
        if known is None:
            if len(self._hours) > _KEPT:
                self._hours = {}
            known = self._hours[key] = trading_hours.is_open(*key)
        return known

    def since(self, row: int, n_bars: int, now: datetime) -> datetime:
        """The minute from which on a row's market has had `n_bars`; 60 days before where it had fewer."""
        calendar, now = self.calendars[row], now.replace(second=0, microsecond=0)
        for n_days in (1, 4, 8, 16, 32, _MOST_DAYS):
            first = now - timedelta(days=n_days)
            if trading_hours.open_minutes(calendar, first, now) >= n_bars:
                return self.minutes(row, first, now)[-n_bars]
        return now - timedelta(days=_MOST_DAYS)

    def minutes(self, row: int, first: datetime, until: datetime) -> list[datetime]:
        """The minutes of the row's market in [first, until)."""
        found: list[datetime] = trading_hours.minutes(self.calendars[row], first, until).to_list()
        return found


def stream(bound: Bound) -> Stream:
    """The stream that an instrument's quotes belong to."""
    return bound.source, bound.symbol
