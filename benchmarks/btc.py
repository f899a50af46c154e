"""Five years of hourly liquidations, from raw versions to signals, in memory.

Ours is what the assets call, without reading, gates, store and Dagster (`btc_ours.py`, over the chain of
`btc_hours.py`); `btc_chain.py` measures a day with all of them. The peer is `btc_pandas.py`, a plain script
that computes the same columns from the definitions, its trend by one wavelet transform an hour. Every column
of both is compared. The bin models are inputs of both; fitting them is a row of its own.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.measure import ROOT, Row, environment, fresh

#: as many as a holder of a key had on 2026-05-12
N_HOURS = 46_227
#: the compared tables, with the largest difference, of values above 1 relative. The peer's transform has the
#: rounding of the wavelet's coefficients (a constant is off by 3e-8); what comes before the trend has none
TOLERANCE = {"processed": 1e-9, "rpn": 1e-6, "bins": 1e-6, "dominance": 1e-6, "signals": 1e-6}
_GOAL_S, _GOAL_WITH_FITS_S, _GOAL_FITS_S, _GOAL_TIMES = 1.0, 5.0, 0.5, 100
_PEER = str(ROOT / "benchmarks" / "btc_pandas.py")


def rows(home: Path, n_hours: int = N_HOURS) -> list[Row]:
    """The comparisons. Raises RuntimeError where two results differ, naming column and row."""
    home.mkdir(parents=True, exist_ok=True)
    env = environment(home)
    ours = fresh(["-m", "benchmarks.btc_ours", str(home), str(n_hours)], env)
    theirs = fresh([_PEER, str(home)], env)
    compared = fresh(["-m", "benchmarks.btc", str(home)], env)
    recompute, one_trend, hour, fits = (ours[name] for name in ("recompute", "trend", "hour", "fits"))
    with_fits = recompute["wall_s"] + fits["table"]["wall_s"]
    what = f"{n_hours:,} hours"
    return [
        Row(
            name="btc_recompute",
            what=f"{what}, raw versions to signals, without the weekly fits",
            ours=recompute["wall_s"],
            unit="s",
            peer="plain pandas script, a wavelet transform an hour",
            theirs=theirs["wall_s"],
            goal=f"under {_GOAL_S:.0f} s",
            met=recompute["wall_s"] < _GOAL_S,
            details={"ours": recompute, "theirs": theirs, **compared},
        ),
        Row(
            name="btc_trend",
            what=f"trend of one series, {what}",
            ours=one_trend["wall_s"] * 1e3,
            unit="ms",
            peer="pywt: wavedec, no details, waverec of every 1,152-hour window",
            theirs=theirs["one_trend_s"] * 1e3,
            goal=f"{_GOAL_TIMES}x",
            met=theirs["one_trend_s"] >= _GOAL_TIMES * one_trend["wall_s"],
            details=one_trend,
        ),
        Row(
            name="btc_hour",
            what="one new hour from stored rows, raw versions to signals, bit for bit",
            ours=hour["wall_s"] * 1e3,
            unit="ms",
            peer=f"ours, recomputing {what}",
            theirs=recompute["wall_s"] * 1e3,
            details=hour,
        ),
        Row(
            name="btc_fits",
            what=f"{fits['models']} weekly k-means fits of up to {fits['most_rows']:,} hours",
            ours=fits["ours"]["wall_s"],
            unit="s",
            peer="scikit-learn KMeans, Lloyd from the same centers, one thread",
            theirs=fits["theirs"]["wall_s"],
            goal=f"under {_GOAL_FITS_S} s",
            met=fits["ours"]["wall_s"] < _GOAL_FITS_S,
            details=fits,
        ),
        Row(
            name="btc_recompute_with_fits",
            what=f"{what}, raw versions to signals, with the weekly fits",
            ours=with_fits,
            unit="s",
            goal=f"under {_GOAL_WITH_FITS_S:.0f} s",
            met=with_fits < _GOAL_WITH_FITS_S,
        ),
    ]


def compare(folder: Path) -> dict[str, Any]:
    """Check our tables in `folder` against the peer's; how many rows were compared.

    Raises AssertionError naming the first column that differs by more than TOLERANCE, or that one side lacks.
    """
    counted: dict[str, int] = {}
    for table, mine, other in _pairs(folder):
        assert mine.height == other.height > 0, f"{table}: {mine.height} rows, the peer has {other.height}"
        assert sorted(mine.columns) == sorted(other.columns), f"{table}: {mine.columns} is not {other.columns}"
        for name in mine.columns:
            left, right = mine[name], other[name].cast(mine[name].dtype)
            equal = left.eq_missing(right)
            if left.dtype == pl.Float64:
                equal = equal | ((left - right).abs() <= TOLERANCE[table] * left.abs().clip(1.0)).fill_null(False)
            wrong = (~equal).arg_true()
            assert wrong.is_empty(), (
                f"{table}.{name} of {mine['ts'][wrong[0]]}: {left[wrong[0]]} is not {right[wrong[0]]}"
            )
        counted[f"{table}_rows_equal"] = mine.height
    return counted


def _pairs(folder: Path) -> Iterator[tuple[str, pl.DataFrame, pl.DataFrame]]:
    """Table by table: our rows and the peer's. Provenance and filter states are ours alone."""
    for table in TOLERANCE:
        mine = pl.read_parquet(folder / f"{table}.parquet").drop("available_at", "feature_version")
        yield table, mine.select(pl.exclude("^st_.*$")), pl.read_parquet(folder / f"{table}_pandas.parquet")


def main() -> None:
    """`python -m benchmarks.btc DIR`: compare what ours and the peer wrote there."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    print(json.dumps(compare(parser.parse_args().folder)))


if __name__ == "__main__":
    main()
