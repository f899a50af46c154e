"""Perpetuals of the simulated market: the catalogue as listings, settled histories and quotes.

Deterministic for (seed, contract, instant), and cheap: a history is drawn when it is asked for, a quote
when it is looked up.
"""

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from resources.sandbox import perpetual_funding as funding
from resources.sandbox import perpetual_paths as paths
from resources.sandbox.perpetual_catalogue import Contract, contracts
from resources.sandbox.perpetual_funding import hour_of
from resources.sandbox.perpetuals import HOUR_MS, Perpetual, Quote, Settlements

#: histories kept in memory, up to 2 MB each, and by how many hours each is drawn ahead
_KEPT = 64
_BLOCK_H = 30 * 24
#: a next settlement is found within so many hours
_AHEAD_H = 24


class SyntheticPerpetuals:
    """What every exchange lists, settles and quotes at an instant."""

    def __init__(self, seed: int, hourly: int = 0) -> None:
        """`hourly` further contracts that settle every hour are spread over the exchanges."""
        self.seed, self.hourly = seed, hourly
        self._drawn = functools.lru_cache(maxsize=_KEPT)(self._draw)
        self._listed = functools.lru_cache(maxsize=_KEPT)(self._list)

    def perpetuals(self, exchange: str, at: datetime) -> Sequence[Perpetual]:
        """What was listed by `at`."""
        # everything that changes a listing happens at a whole hour
        return self._listed(exchange, at.astimezone(UTC).replace(minute=0, second=0, microsecond=0))

    def settlements(self, exchange: str, native_symbol: str, at: datetime) -> Settlements:
        """What was settled by `at` and is still kept."""
        contract = contracts(exchange, self.hourly).get(native_symbol)
        if contract is None:
            return Settlements.empty()
        until_ms = math.floor(at.timestamp() * 1000) + 1
        days, rows = contract.house.keeps_days, contract.house.keeps_rows
        first_ms = None if days is None else until_ms - days * 24 * HOUR_MS
        settled = self._drawn(contract, math.floor(hour_of(at) / _BLOCK_H) + 1).window(first_ms, until_ms)
        return settled if rows is None else settled.newest(rows)

    def quotes(self, exchange: str, at: datetime) -> Mapping[str, Quote]:
        """The open contracts at `at`."""
        return Quotes(self.seed, contracts(exchange, self.hourly), self.perpetuals(exchange, at), at)

    def _list(self, exchange: str, at: datetime) -> tuple[Perpetual, ...]:
        known = contracts(exchange, self.hourly).values()
        return tuple(_listed(contract, at) for contract in known if contract.listed_at <= at)

    def _draw(self, contract: Contract, block: int) -> Settlements:
        until = block * _BLOCK_H
        if contract.delisted_at is not None:
            until = min(until, math.floor(hour_of(contract.delisted_at)))
        return funding.settled(self.seed, contract, math.floor(hour_of(contract.listed_at)), until)


class Quotes(Mapping[str, Quote]):
    """Quotes of an exchange's open contracts at one instant, each worked out when it is looked up."""

    def __init__(self, seed: int, known: Mapping[str, Contract], listed: Sequence[Perpetual], at: datetime) -> None:
        self._seed, self._at = seed, hour_of(at)
        self._open = {
            perpetual.native_symbol: known[perpetual.native_symbol] for perpetual in listed if perpetual.is_open
        }

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[str]:
        return iter(self._open)

    def __getitem__(self, native_symbol: str) -> Quote:
        """The quote of a contract. Raises KeyError for one that is not open."""
        contract, at = self._open[native_symbol], self._at
        ends, hours = next(funding.slots(contract, math.floor(at), math.floor(at) + _AHEAD_H))
        rate, mark, index = funding.current(self._seed, contract, at, int(ends[0]), hours)
        return Quote(
            predicted_rate=rate,
            interval_hours=float(hours),
            next_funding_ms=int(ends[0]) * HOUR_MS,
            mark=mark,
            index=index,
            open_interest=self._open_interest(contract, mark),
        )

    def _open_interest(self, contract: Contract, mark: float) -> float:
        """In the unit of the contract's family."""
        name = f"{contract.exchange}/{contract.native_symbol}"
        usd = float(paths.open_interest(self._seed, name, np.array([self._at]), contract.open_interest)[0])
        unit, size = contract.form.oi_unit, contract.contract_size
        if unit == "usd":
            return round(usd)
        if unit == "base":
            return round(usd / mark, 3)
        return round(usd / size) if contract.form.kind == "inverse" else round(usd / mark / size)


def _listed(contract: Contract, at: datetime) -> Perpetual:
    form = contract.form
    return Perpetual(
        exchange=contract.exchange,
        native_symbol=contract.native_symbol,
        native_base=contract.native_base,
        quote=form.quote,
        settle=form.settle or contract.native_base,
        kind=form.kind,
        contract_size=contract.contract_size,
        oi_unit=form.oi_unit,
        interval_hours=float(contract.interval_at(at)),
        listed_at=contract.listed_at,
        delisted_at=contract.delisted_at,
        is_open=contract.delisted_at is None or at < contract.delisted_at,
    )
