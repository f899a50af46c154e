"""Which minutes of one symbol were handed over, so that nothing is lost and nothing comes twice."""

from collections.abc import Iterable
from datetime import datetime

from resources.stream.candle import MINUTE


class Minutes:
    """The minutes from `start` on: had, missing, or given up.

    What was given up is asked for no more, but is taken where it comes after all: where our clock runs
    ahead of the venue's, every minute seems to be missing first.
    """

    def __init__(self, start: datetime, have: Iterable[datetime] = ()) -> None:
        #: everything before it was had, or given up
        self.first_open = start
        self._beyond: set[datetime] = set()
        self._given_up: set[datetime] = set()
        for ts in have:
            self.add(ts)

    def add(self, ts: datetime) -> bool:
        """Note a minute; False where it was had before, or lies before `start`."""
        if ts in self._given_up:
            self._given_up.remove(ts)
            return True
        if ts < self.first_open or ts in self._beyond:
            return False
        self._beyond.add(ts)
        self._advance()
        return True

    def missing(self, until: datetime) -> tuple[datetime, datetime] | None:
        """From the first to the end of the last missing minute before `until`; None where none is missing."""
        if self.first_open >= until:
            return None
        last = until - MINUTE
        while last in self._beyond:
            last -= MINUTE
        return self.first_open, last + MINUTE

    def give_up(self, until: datetime) -> int:
        """Ask no more for what is missing before `until`; returns how many minutes those are."""
        lacking = 0
        while self.first_open < until:
            self._given_up.add(self.first_open)
            self.first_open += MINUTE
            lacking += 1
            self._advance()
        return lacking

    def forget(self, before: datetime) -> None:
        """Drop what was given up before that instant: the graph's own passes settle it."""
        self._given_up = {ts for ts in self._given_up if ts >= before}

    def _advance(self) -> None:
        while self.first_open in self._beyond:
            self._beyond.remove(self.first_open)
            self.first_open += MINUTE
