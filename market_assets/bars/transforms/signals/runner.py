"""Signals and outcomes of the days asked for, each day from exactly the 30 days before it.

Nothing is open when these 30 days begin, and their first bar follows none. So the rows of a day depend neither on
what else was loaded nor on how many days are made at once.
"""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from market_assets.bars.schemas import REGIMES, BarsOutcomes, BarsSignals
from market_assets.bars.settings import BarsSettings
from market_assets.bars.transforms.signals.alphas import BUY, DOLLAR_SIGN, INPUTS, TABLE, Alpha
from market_assets.bars.transforms.signals.levels import es95_of_one_lot, levels, over_horizon
from market_assets.bars.transforms.signals.outcomes import Course, Result, Tape, course
from market_assets.bars.transforms.signals.scoring import judged, p_win, score
from market_assets.core import clock

HISTORY_DAYS = 30
KEY = ("symbol", "ts")
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
_PRICES = ("open", "high", "low", "close")
_FEATURES = ("available_at", "is_stale", "realized_vol", *(f"regime_{name}" for name in REGIMES))


class Signalled(NamedTuple):
    """BarsSignals of the days, and BarsOutcomes that bars of the days settled."""

    signals: pl.DataFrame
    outcomes: pl.DataFrame


class Past(NamedTuple):
    """Outcomes of one alpha on one symbol that were known at some instant, and the wins among them."""

    n: int
    wins: int


def signals(
    features: pl.DataFrame, bars: pl.DataFrame, days: Sequence[date], settings: BarsSettings, config_hash: str
) -> Signalled:
    """What began to fire on `days`, scored, and what became of what had fired before.

    `features` (BarsScannerFeatures) and `bars` (BarsMinute): rows of the days and of the 30 days before each, of any
    symbols; a bar without features fires nothing, features without a bar are not looked at. `config_hash` is written
    into every row.
    """
    fired: list[dict[str, Any]] = []
    ended: list[dict[str, Any]] = []
    for series in _series(_rows(features, bars, settings)):
        for alpha in TABLE:
            watch = _Watch(series, alpha, settings)
            for day in sorted(set(days)):
                of_day = watch.of_day(day)
                fired += [row | {"config_hash": config_hash} for row in of_day.signals]
                ended += of_day.outcomes
    contracts = BarsSignals.contract(), BarsOutcomes.contract()
    return Signalled(
        *(
            contract.conform(pl.DataFrame(found, schema=contract.schema))
            for contract, found in zip(contracts, (fired, ended), strict=True)
        )
    )


class _Series(NamedTuple):
    """One symbol: its rows, and what is looked at often as arrays."""

    symbol: str
    rows: pl.DataFrame
    #: open instants, microseconds
    ts: list[int]
    tape: Tape
    sigma: list[float | None]


class _OfDay(NamedTuple):
    signals: list[dict[str, Any]]
    outcomes: list[dict[str, Any]]


class _Watch:
    """One alpha on one symbol: where it begins to fire, and what becomes of that."""

    def __init__(self, series: _Series, alpha: Alpha, settings: BarsSettings) -> None:
        self.series, self.alpha, self.settings = series, alpha, settings
        self.instrument = settings.instrument(series.symbol)
        edges = series.rows.get_column(_edge(alpha)).to_numpy()
        self.edges = np.flatnonzero(edges).tolist()
        self.side = dict(zip(self.edges, edges[self.edges].tolist(), strict=True))
        self.courses: dict[int, Course] = {}

    def of_day(self, day: date) -> _OfDay:
        """Rows of one day."""
        start = _micros(day)
        first, begin, end = (
            bisect_left(self.series.ts, at) for at in (_micros(day - HISTORY_DAYS * _DAY), start, _micros(day + _DAY))
        )
        found = _OfDay([], [])
        known: list[int] = []
        wins = [0]
        for fired, after in self._walk(first, end):
            if fired >= begin:
                found.signals.append(self._signal(fired, self._past(fired, known, wins)))
            if after.result is None or after.known >= end:
                continue
            known.append(after.known)
            wins.append(wins[-1] + (after.result.outcome == "win"))
            if after.known >= begin:
                found.outcomes.append(self._outcome(fired, after.known, after.result))
        return found

    def _walk(self, first: int, end: int) -> Iterator[tuple[int, Course]]:
        """Signals of rows first < row < end: the edges at which no earlier signal is open."""
        at = bisect_right(self.edges, first)
        while at < len(self.edges) and self.edges[at] < end:
            fired = self.edges[at]
            after = self._course(fired)
            yield fired, after
            at = bisect_left(self.edges, after.known, at + 1)

    def _course(self, fired: int) -> Course:
        if fired not in self.courses:
            side, sigma = self.side[fired], self._sigma(fired)
            at = levels(float(self.series.tape.close[fired]), sigma, side, self.alpha.rr)
            horizon = self.settings.signals.horizon_bars
            # what has no levels cannot be entered: it is never open
            self.courses[fired] = (
                Course(fired, None)
                if at is None
                else course(self.series.tape, fired, side, at.risk, self.alpha.rr, horizon)
            )
        return self.courses[fired]

    def _past(self, fired: int, known: Sequence[int], wins: Sequence[int]) -> Past:
        """Of the outcomes so far, those settled up to this bar's close and in the days before it."""
        oldest = self.series.ts[fired] - self.settings.signals.outcome_days * _microseconds(_DAY)
        n_old = bisect_right(known, oldest, key=lambda row: self.series.ts[row])
        return Past(len(known) - n_old, wins[-1] - wins[n_old])

    def _sigma(self, fired: int) -> float | None:
        return over_horizon(self.series.sigma[fired], self.settings.risk.horizon_bars)

    def _signal(self, fired: int, past: Past) -> dict[str, Any]:
        alpha, ours = self.alpha, self.settings.signals
        row, side, sigma = self.series.rows.row(fired, named=True), self.side[fired], self._sigma(fired)
        close = row["close"]
        at = levels(close, sigma, side, alpha.rr)
        p = p_win(past.wins, past.n)
        found = score(p, alpha.rr, ours.weights.get(alpha.alpha_id, 1.0))
        verdict = judged(found, past.n, ours, is_stale=row["is_stale"], has_levels=at is not None)
        return {
            **self._key(row["ts"], side),
            "ts": row["ts"],
            "available_at": row["available_at"],
            "confidence": alpha.confidence(row[alpha.inputs[0]], ours.profile, side, is_stale=row["is_stale"]),
            "p_win": p,
            "n_outcomes": past.n,
            **found._asdict(),
            "grade": verdict.grade,
            "entry_ref_price": close,
            "stop_loss": at and at.stop_loss,
            "take_profit_1": at and at.take_profit_1,
            "take_profit_2": at and at.take_profit_2,
            "sigma_horizon": sigma,
            "es95_unit": es95_of_one_lot(close, sigma, self.instrument.point_value),
            "regime": next((name for name in REGIMES if row[f"regime_{name}"] == 1), None),
            "accepted": verdict.accepted,
            "reject_reasons": verdict.reasons,
            "profile": ours.profile,
            "features": json.dumps({name: row[name] for name in alpha.inputs}),
        }

    def _outcome(self, fired: int, known: int, result: Result) -> dict[str, Any]:
        ts = self.series.rows.get_column("ts")
        return {
            **self._key(ts[fired], self.side[fired]),
            "settled_at": ts[known] + _MINUTE,
            "settled_day": ts[known].date(),
            "entry_ts": ts[result.entry],
            "entry_price": result.entry_price,
            "exit_ts": ts[result.exit],
            "exit_price": result.exit_price,
            "outcome": result.outcome,
            "r_multiple": result.r_multiple,
            "n_bars": result.exit - result.entry + 1,
        }

    def _key(self, ts: Any, side: int) -> dict[str, Any]:
        return {
            "symbol": self.series.symbol,
            "alpha_id": self.alpha.alpha_id,
            "strategy_version": self.settings.signals.strategy_version,
            "signal_time": ts + _MINUTE,
            "action": "BUY" if side == BUY else "SELL",
            "rr": self.alpha.rr,
        }


def _rows(features: pl.DataFrame, bars: pl.DataFrame, settings: BarsSettings) -> pl.DataFrame:
    """Bars with their features, by symbol and time, and a column per alpha: the side on which it begins to fire."""
    signs = {symbol: row.expected_dollar_sign for symbol, row in settings.rows.items()}
    # null on the first row of a symbol, which follows none
    follows = ~pl.col("is_break")
    profile = settings.signals.profile
    return (
        bars.select(*KEY, *_PRICES, "instrument_kind")
        .sort(KEY)
        .join(features.select(*KEY, *_FEATURES, *INPUTS), on=KEY, how="left", validate="1:1", maintain_order="left")
        .with_columns(
            pl.col("symbol").replace_strict(signs, return_dtype=pl.Int8).alias(DOLLAR_SIGN),
            is_break=pl.col("instrument_kind") != pl.col("instrument_kind").shift(1).over("symbol"),
        )
        .with_columns(alpha.state(profile).alias(_edge(alpha)) for alpha in TABLE)
        .with_columns(
            pl.when(follows & (pl.col(_edge(alpha)) != pl.col(_edge(alpha)).shift(1)))
            .then(pl.col(_edge(alpha)))
            .otherwise(0)
            .cast(pl.Int8)
            .alias(_edge(alpha))
            for alpha in TABLE
        )
    )


def _series(rows: pl.DataFrame) -> Iterator[_Series]:
    if rows.is_empty():
        return
    for part in rows.partition_by("symbol", maintain_order=True):
        breaks = part.get_column("is_break").fill_null(False).arg_true().to_list()
        prices = {name: part.get_column(name).to_numpy() for name in _PRICES}
        yield _Series(
            symbol=part.get_column("symbol")[0],
            rows=part,
            ts=part.get_column("ts").to_physical().to_list(),
            tape=Tape(**prices, breaks=breaks),
            sigma=part.get_column("realized_vol").to_list(),
        )


def _edge(alpha: Alpha) -> str:
    return f"edge_{alpha.alpha_id}"


def _micros(day: date) -> int:
    return _microseconds(clock.instant(day) - clock.instant(date(1970, 1, 1)))


def _microseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
