"""Requests of one round that go out together, on a few threads that stay."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Generic, TypeVar

from resources.http.errors import VendorError

Batch = TypeVar("Batch")


class SideBySide(Generic[Batch]):
    """Asks `ask` for every batch of a round; where one failure speaks for the rest, the rest is not asked for."""

    def __init__(
        self, ask: Callable[[Batch], VendorError | None], ends: Callable[[VendorError], bool], threads: int, name: str
    ) -> None:
        self._ask, self._ends, self._threads, self._name = ask, ends, threads, name
        self._work: SimpleQueue[tuple[Batch, Future[VendorError | None]]] = SimpleQueue()
        self._begun = 0
        self._ended = False

    def round(self, batches: Sequence[Batch]) -> list[VendorError]:
        """The failures of a round, once every batch is through. Raises what `ask` raises."""
        # they are of no pool: Python would wait for slow ones at its end
        while self._begun < min(self._threads, len(batches)):
            self._begun += 1
            threading.Thread(target=self._serve, name=self._name, daemon=True).start()
        self._ended = False
        answers: list[Future[VendorError | None]] = []
        for batch in batches:
            answer: Future[VendorError | None] = Future()
            answers.append(answer)
            self._work.put((batch, answer))
        return [failed for answer in answers if (failed := answer.result()) is not None]

    def _serve(self) -> None:
        while True:
            batch, answer = self._work.get()
            try:
                failed = None if self._ended else self._ask(batch)
                self._ended |= failed is not None and self._ends(failed)
                answer.set_result(failed)
            except BaseException as broken:  # noqa: BLE001 - whatever it is, the one who waits gets it
                answer.set_exception(broken)
