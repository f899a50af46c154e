"""Requests of the equities domain: one series a symbol and block of years, whatever its length."""

from collections.abc import Iterator, Sequence
from datetime import date

from market_assets.core.contracts import Contract
from market_assets.equities import schemas
from market_assets.equities.transforms import symbols
from resources.equities_fetch import EquitiesFetch
from resources.equities_grouped import MAX_SESSIONS, MIN_SYMBOLS
from resources.partition_fetch import Unit
from resources.plans.asking import Asking, Asks
from resources.vendors.daily import Instrument, due_sessions
from resources.vendors.polygon_wire import NAME as POLYGON

_BARS: Contract = schemas.EquitiesDailyBars.contract()
_OVERRIDES: Contract = schemas.EquitiesSymbolOverrides.contract()
_LISTED = {"stock", "etf"}
#: requests for splits and dividends of a symbol
_ACTIONS = {POLYGON: 2}


def daily_bars(asking: Asking, keys: Sequence[str]) -> Iterator[Asks]:
    """One request a unit. Of a symbol of which nothing earlier is stored also when it was listed.

    A night's update by whole-market requests may take those and then the symbols that they did not have.
    """
    fetch, earliest = _fetch(asking), _earliest_years(asking)
    together = 0
    for unit in fetch.units(keys):
        symbol, years = unit.partitions[0].rsplit("|", 1)[0], _years(unit)
        asked = fetch.instrument(symbol)
        first, last = date(years[0], 1, 1), date(years[-1], 12, 31)
        source = _first(asking, asked, first)
        if source is None or not _due(asking, asked, first, last):
            continue
        together += asked.asset_class in _LISTED and years == [asking.now.year]
        yield Asks(source, 1)
        if earliest.get(symbol, years[0]) >= years[0]:
            yield from _listing(asking, asked)
    if together >= MIN_SYMBOLS and asking.settings.equities.sources[0] == POLYGON:
        yield Asks(POLYGON, MAX_SESSIONS)


def corporate_actions(asking: Asking, keys: Sequence[str]) -> Iterator[Asks]:
    """Splits and dividends of each stock and ETF."""
    fetch = _fetch(asking)
    for symbol in keys:
        asked = fetch.instrument(symbol)
        source = _first(asking, asked)
        if source is not None and asked.asset_class in _LISTED:
            yield Asks(source, _ACTIONS.get(source, 1))


def gaps(asking: Asking, keys: Sequence[str]) -> Iterator[Asks]:
    """The second source once for each symbol with a stored year that lacks a session."""
    fetch, stored = _fetch(asking), asking.stored(_BARS)
    lacking: set[str] = set()
    for key, rows in stored.items():
        symbol, year = key.rsplit("|", 1)
        if year in keys and symbol not in lacking and symbol in set(fetch.symbols["symbol"]):
            first, last = date(int(year), 1, 1), date(int(year), 12, 31)
            if rows < len(_due(asking, fetch.instrument(symbol), first, last)):
                lacking.add(symbol)
    yield from _second(asking, fetch, sorted(lacking))


def reconciliation(asking: Asking, keys: Sequence[str]) -> Iterator[Asks]:
    """The second source once for each symbol with bars in these years."""
    there = {key for key, rows in asking.stored(_BARS).items() if rows} | set(asking.coming.get(_BARS.name, ()))
    named = {key.rsplit("|", 1)[0] for key in there if key.rsplit("|", 1)[1] in keys}
    yield from _second(asking, _fetch(asking), sorted(named))


def _second(asking: Asking, fetch: EquitiesFetch, named: Sequence[str]) -> Iterator[Asks]:
    source = asking.settings.equities.reconcile.source
    known = [symbol for symbol in named if source in fetch.instrument(symbol).vendor_ids]
    if asking.vendors.source(source).http.is_enabled:
        yield Asks(source, len(known))


def _fetch(asking: Asking) -> EquitiesFetch:
    universe = symbols.universe(asking.settings.equities.universe, asking.store.read(_OVERRIDES))
    return EquitiesFetch(asking.settings, asking.vendors, universe, asking.now)


def _years(unit: Unit) -> list[int]:
    return [int(key.rsplit("|", 1)[1]) for key in unit.partitions]


def _due(asking: Asking, asked: Instrument, first: date, last: date) -> list[date]:
    return due_sessions(asked, first, last, asking.now, asking.settings.equities.vendor_delay_min)


def _first(asking: Asking, asked: Instrument, start: date | None = None) -> str | None:
    """The first source that can be asked for a symbol, and for bars from `start` on; None where none can."""
    state = asking.state
    for name in _askable(asking, asked):
        if start is None or state.refused_until(name, asked.symbol, start, asking.now) is None:
            return name
    return None


def _askable(asking: Asking, asked: Instrument) -> list[str]:
    sources = asking.settings.equities.sources
    return [name for name in sources if name in asked.vendor_ids and asking.vendors.source(name).http.is_enabled]


def _listing(asking: Asking, asked: Instrument) -> Iterator[Asks]:
    """Reference data of the first source; of what has no listing there, such as a coin, of each in turn."""
    names = _askable(asking, asked)
    yield from (Asks(name, 1) for name in (names[:1] if asked.asset_class in _LISTED else names))


def _earliest_years(asking: Asking) -> dict[str, int]:
    """Symbol -> its first year with stored bars."""
    found: dict[str, int] = {}
    for key, rows in asking.stored(_BARS).items():
        symbol, year = key.rsplit("|", 1)
        if rows:
            found[symbol] = min(int(year), found.get(symbol, int(year)))
    return found
