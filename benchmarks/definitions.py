"""What every process pays before it works: loading the definitions, and importing the reader.

Each number is that of a fresh process with warm bytecode, the best of several; the peers' processes
alternate with ours. CPU is beside wall in the details, because other work on the machine adds to wall.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.measure import Row, environment, fresh

TIMES = 5
_TIMED = """
import json, time
wall, cpu = time.perf_counter(), time.process_time()
{statements}
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
import sys
print(json.dumps({{"wall_s": wall, "cpu_s": cpu, "modules": len(sys.modules), "dagster": "dagster" in sys.modules}}))
"""
#: what a run worker or a code server does before its first step
_DEFINITIONS = "from market_assets.definitions import defs\ndefs.get_repository_def()"
_READER = "from market_assets import load_asset_value"


def rows(home: Path) -> list[Row]:
    """Definitions against `import dagster`, the reader against `import polars`."""
    return [definitions_load(home), reader_import(home)]


def definitions_load(home: Path) -> Row:
    """Loading the code location, against importing Dagster alone."""
    home.mkdir(parents=True, exist_ok=True)
    _timed(_DEFINITIONS, home)  # makes the views once, as the first start on a home does
    ours, theirs = _alternating(_DEFINITIONS, "import dagster", home)
    return Row(
        name="definitions_load",
        what="code location loaded in a fresh process",
        ours=ours["wall_s"],
        unit="s",
        peer="import dagster",
        theirs=theirs["wall_s"],
        goal="under 2 x import dagster",
        met=ours["wall_s"] < 2 * theirs["wall_s"],
        details={"ours": ours, "theirs": theirs},
    )


def reader_import(home: Path) -> Row:
    """Importing `load_asset_value`, against importing Polars alone."""
    home.mkdir(parents=True, exist_ok=True)
    ours, theirs = _alternating(_READER, "import polars", home)
    return Row(
        name="reader_import",
        what="from market_assets import load_asset_value, fresh process",
        ours=ours["wall_s"],
        unit="s",
        peer="import polars",
        theirs=theirs["wall_s"],
        goal="under 0.6 s, without Dagster",
        met=ours["wall_s"] < 0.6 and not ours["dagster"],
        details={"ours": ours, "theirs": theirs},
    )


def _alternating(one: str, other: str, home: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The best of several of each, by turns: a busy moment strikes both."""
    pairs = [(_timed(one, home), _timed(other, home)) for _ in range(TIMES)]
    return (
        min((first for first, _ in pairs), key=lambda result: result["wall_s"]),
        min((second for _, second in pairs), key=lambda result: result["wall_s"]),
    )


def _timed(statements: str, home: Path) -> Mapping[str, Any]:
    return fresh(["-c", _TIMED.format(statements=statements)], environment(home))
