"""`python -m benchmarks.run [--only NAME ...] [--results FILE]`: every subject, a table, a file of results.

Each subject runs in a fresh temporary home. A missed goal is told and is no failure: the exit code
says whether everything could be measured and compared.
"""

import argparse
import dataclasses
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import (
    bars_indicators,
    bars_rest,
    btc,
    btc_chain,
    chain,
    crypto,
    definitions,
    equities,
    funding,
    funding_spreads,
    funding_statistics,
    readers,
    rest,
    store,
)
from benchmarks.measure import ROOT, Row
from market_assets.core import clock

RESULTS = ROOT / "benchmarks" / "results.json"
#: what is measured, by the name that `--only` takes; the heaviest comes last
SUBJECTS: dict[str, Callable[[Path], list[Row]]] = {
    "definitions": definitions.rows,
    "store": store.rows,
    "readers": readers.rows,
    "rest": rest.rows,
    "chain": chain.rows,
    "btc": btc.rows,
    "btc_chain": btc_chain.rows,
    "crypto": crypto.rows,
    "bars_indicators": bars_indicators.rows,
    "bars_rest": bars_rest.rows,
    "funding_statistics": funding_statistics.rows,
    "funding_spreads": funding_spreads.rows,
    "funding": funding.rows,
    "equities": equities.rows,
}
_PACKAGES = (
    "dagster",
    "polars",
    "duckdb",
    "pandera",
    "pyarrow",
    "fastapi",
    "uvicorn",
    "httpx",
    "pandas",
    "arcticdb",
    "ta-lib",
    "talipp",
    "pywavelets",
    "scikit-learn",
)
_THREE_DIGITS = 100
_WIDTH = 180


def run(names: Sequence[str], console: Console) -> dict[str, Any]:
    """Measure those subjects one after the other; what is written to the results file."""
    rows: list[Row] = []
    for name in names:
        began = time.monotonic()
        with console.status(f"{name} ..."), tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as home:
            found = SUBJECTS[name](Path(home))
        console.print(f"{name}: {len(found)} row(s) in {time.monotonic() - began:.0f} s")
        rows += found
    console.print(table(rows))
    for row in (row for row in rows if row.met is False):
        console.print(f"[yellow]missed:[/yellow] {row.what}: {shown(row.ours)} {row.unit}; the goal is {row.goal}")
    return {
        "date": clock.now().isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": {"cores": os.cpu_count(), "architecture": platform.machine(), "system": platform.system()},
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "python": platform.python_version(),
        "versions": {package: version(package) for package in _PACKAGES},
        "rows": [{**dataclasses.asdict(row), "ratio": row.ratio} for row in rows],
    }


def table(rows: Sequence[Row]) -> Table:
    """What was measured, for people."""
    shown_as = Table("what", "ours", "peer", "theirs", "theirs / ours", "goal", "met", title="Benchmarks")
    for column in (1, 3, 4):
        shown_as.columns[column].justify = "right"
        shown_as.columns[column].no_wrap = True
    verdicts = {True: "[green]yes[/green]", False: "[red]no[/red]", None: ""}
    for row in rows:
        shown_as.add_row(
            row.what,
            f"{shown(row.ours)} {row.unit}",
            row.peer or "",
            "" if row.theirs is None else f"{shown(row.theirs)} {row.unit}",
            "" if row.ratio is None else f"{shown(row.ratio)}x",
            row.goal or "",
            verdicts[row.met],
        )
    return shown_as


def shown(number: float) -> str:
    """A number with three digits that matter."""
    return f"{number:,.0f}" if abs(number) >= _THREE_DIGITS else f"{number:.3g}"


def _commit() -> str | None:
    """The commit that was measured; None outside a checkout. `+` where the tree has changes."""
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--abbrev=12"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or None


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(SUBJECTS), metavar="NAME", help=f"of {', '.join(SUBJECTS)}")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file to write (benchmarks/results.json)")
    asked = parser.parse_args()
    # a pipe or a file has no width of its own, and 80 columns break every line of the table
    found = run(asked.only or list(SUBJECTS), Console(width=None if sys.stdout.isatty() else _WIDTH))
    asked.results.write_text(json.dumps(found, indent=1) + "\n")
    print(f"results: {asked.results.name}, {len(found['rows'])} row(s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
