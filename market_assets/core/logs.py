"""A log file: rotating, shared by the processes of one home, without keys."""

import fcntl
import logging
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

_MEGABYTE = 1_000_000


def log_to_file(
    loggers: Iterable[str],
    file: Path,
    *,
    level: str,
    max_mb: int,
    backups: int,
    clean: Callable[[str], str],
) -> None:
    """Have what these loggers say from `level` up written to `file` as well. Calling it again changes nothing.

    A call with other arguments takes the place of the one before. `clean` gets each entry whole, traceback
    included, and returns what may be written. A full file becomes `<file>.1`, and so on up to `backups`.
    """
    asked = _Asked(file.absolute(), logging.getLevelNamesMapping()[level], max_mb * _MEGABYTE, backups, clean)
    for logger in map(logging.getLogger, loggers):
        present = [handler for handler in logger.handlers if isinstance(handler, LogFile)]
        if [handler.asked for handler in present] == [asked]:
            continue
        for handler in present:
            logger.removeHandler(handler)
        logger.addHandler(LogFile(asked))
        if logger.getEffectiveLevel() > asked.level:
            logger.setLevel(asked.level)


class _Asked(NamedTuple):
    file: Path
    level: int
    max_bytes: int
    backups: int
    clean: Callable[[str], str]


class LogFile(logging.Handler):
    """Appends to a file that other processes may append to and rotate: nothing is kept open, each entry takes a lock.

    logging's own rotating handler loses entries where two processes rotate, and cannot rotate without backups.
    """

    def __init__(self, asked: _Asked) -> None:
        super().__init__(asked.level)
        self.asked = asked
        self.setFormatter(_UtcFormatter("%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Write one entry. What cannot be written is told on standard error and stops nobody's work."""
        try:
            self._append((self.asked.clean(self.format(record)) + "\n").encode("utf-8", "backslashreplace"))
        except Exception as failed:  # noqa: BLE001 - whatever it is, the work goes on
            # logging's own handleError would show the entry as it is
            sys.stderr.write(self.asked.clean(f"no entry written to {self.asked.file}: {failed!r}\n"))

    def _append(self, entry: bytes) -> None:
        file = self.asked.file
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.with_name(f".{file.name}.lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            written = file.stat().st_size if file.exists() else 0
            if written and written + len(entry) > self.asked.max_bytes:
                self._rotate()
            with file.open("ab") as opened:
                opened.write(entry)

    def _rotate(self) -> None:
        file, backups = self.asked.file, self.asked.backups
        kept = [file, *(file.with_name(f"{file.name}.{number}") for number in range(1, backups + 1))]
        kept[-1].unlink(missing_ok=True)
        for older, newer in zip(reversed(kept[1:]), reversed(kept[:-1]), strict=True):
            if newer.exists():
                newer.replace(older)


class _UtcFormatter(logging.Formatter):
    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        return datetime.fromtimestamp(record.created, UTC).strftime(datefmt or "%Y-%m-%dT%H:%M:%S.%fZ")
