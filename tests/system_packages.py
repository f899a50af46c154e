"""Make what the tests need of the system present, or say clearly that it is not.

Run by `make test`. A browser to look at pages with and Redis to keep hot bars in come from the system's packages,
because a wheel does not carry them.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple


class Needed(NamedTuple):
    """A program, any of whose names will do."""

    names: Sequence[str]
    packages: Sequence[str]
    #: tests that are skipped without it
    tests: str


NEEDED = (
    Needed(("chromium", "chromium-browser", "google-chrome"), ("chromium", "fonts-dejavu-core"), "browser"),
    Needed(("redis-server",), ("redis-server",), "Redis"),
)


def main() -> None:
    missing = [one for one in NEEDED if not _is_there(one)]
    if not missing:
        return
    apt = shutil.which("apt-get")
    if apt and os.geteuid() == 0:
        subprocess.run([apt, "update", "--quiet=2"], check=False)
        for one in missing:
            subprocess.run([apt, "install", "--quiet=2", "--yes", *one.packages], check=False)
    for one in missing:
        if not _is_there(one):
            sys.stderr.write(
                f"{one.names[0]} is not installed and could not be; the {one.tests} tests will be skipped. "
                f"Install it with your system's packages (Debian: apt-get install {one.packages[0]}).\n"
            )


def _is_there(one: Needed) -> bool:
    return any(shutil.which(name) for name in one.names)


if __name__ == "__main__":
    main()
