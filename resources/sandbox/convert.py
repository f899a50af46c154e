"""Lays the recorded files of `shared/data` out for replay: `python -m resources.sandbox.convert SRC DST`.

One module a domain knows where its record lies and how it becomes rows of our raw tables.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from market_assets.core.errors import MarketAssetsError
from resources.sandbox import convert_bars, convert_btc, convert_crypto, convert_equities, convert_funding

_DOMAINS = (convert_equities, convert_btc, convert_funding, convert_crypto, convert_bars)


class NothingToConvert(MarketAssetsError):
    """A source directory without the expected files."""


def convert(source: Path, target: Path) -> list[str]:
    """Write the replay tables of everything recorded under `target`; one line per symbol and exception.

    Raises NothingToConvert where `source` is not laid out like shared/data.
    """
    said: list[str] = []
    for domain in _DOMAINS:
        for pieces, lines in domain.tables(source):
            for table, name, rows in pieces:
                (target / table).mkdir(parents=True, exist_ok=True)
                rows.write_parquet(target / table / f"{name}.parquet", compression="zstd")
            said += lines
    if not said:
        records = " or ".join(domain.RECORD for domain in _DOMAINS)
        raise NothingToConvert(f"{source} must hold {records}; found none")
    return said


def main(arguments: Sequence[str]) -> int:
    """The command: SRC and DST; the exit status."""
    if len(arguments) != 2:
        sys.stderr.write("usage: python -m resources.sandbox.convert SRC DST\n")
        return 2
    try:
        said = convert(Path(arguments[0]), Path(arguments[1]))
    except NothingToConvert as nothing:
        sys.stderr.write(f"{nothing}\n")
        return 1
    sys.stdout.write("".join(f"{line}\n" for line in said))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
