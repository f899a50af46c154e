"""Status of a dominant side hour by hour: how long, how often, whether again. Resumable from any hour."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

import polars as pl

#: the status columns of btc_dominance
STATUS = {
    "dominance_last": pl.Int8,
    "dominance_duration": pl.Int32,
    "dominance_duration_total": pl.Int32,
    "dominance_time": pl.Int32,
    "is_keep": pl.Int8,
    "is_strengthen": pl.Int8,
}
#: its state columns
STATE = {
    "st_dominance": pl.Int8,
    "st_run": pl.Int32,
    "st_last": pl.Int8,
    "st_side": pl.Int8,
    "st_episode": pl.Int32,
}

_UNKNOWN = (None,) * len(STATUS)


@dataclass
class Episodes:
    """Where the walk over the hours stands; a run of 0 hours is the start of history.

    `dominance`: last known value, `run` its length, `last` the last other than 0, `side` and `episode`
    the side of the newest episode and its number since the other side.
    """

    dominance: int = 0
    run: int = 0
    last: int = 0
    side: int = 0
    episode: int = 0

    @classmethod
    def resumed(cls, row: Mapping[str, object] | None) -> "Episodes":
        """From the state columns of a stored row; from the start of history where there is none."""
        return cls() if row is None else cls(**{f.name: row[f"st_{f.name}"] for f in fields(cls)})  # type: ignore[arg-type]

    def step(self, dominance: int) -> tuple[int, ...]:
        """The status of the next known hour, in the order of STATUS."""
        last, keep = self.last, dominance != 0 and dominance == self.dominance
        self.run = self.run + 1 if dominance == self.dominance else 1
        if dominance != 0 and not keep:
            self.episode = self.episode + 1 if dominance == self.side else 1
            self.side = dominance
        self.dominance, self.last = dominance, dominance or last
        active = dominance != 0
        return (
            last,
            self.run,
            self.run if active else 0,
            self.episode if active else 0,
            int(keep),
            int(active and dominance == last),
        )

    def state(self) -> tuple[int, ...]:
        """The state after the hour, in the order of STATE."""
        return self.dominance, self.run, self.last, self.side, self.episode


def status(dominance: Iterable[int | None], resumed: Mapping[str, object] | None) -> pl.DataFrame:
    """STATUS and STATE columns, one row per value. An unknown hour has no status and is passed over."""
    episodes = Episodes.resumed(resumed)
    rows = [(*(_UNKNOWN if one is None else episodes.step(one)), *episodes.state()) for one in dominance]
    return pl.DataFrame(rows, schema=STATUS | STATE, orient="row")
