"""The weekly bin models: every fit of the history, against scikit-learn's k-means on the same windows.

Both run Lloyd's algorithm from the same centers until no value changes its cluster. Ours knows that the
values are sorted numbers; scikit-learn serves any dimension, and hands it windows that are cut in advance,
while ours cuts them, checks that they are whole, and makes the table. A value as far from one center as from
the next joins the upper cluster here and the lower one in scikit-learn (the first of equal distances): no
value of the compared windows is, so the centers must agree.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from benchmarks.measure import Meter, Row, environment, fresh, quickest
from market_assets.btc.settings import BinSettings
from market_assets.btc.transforms import bin_models, clusters
from market_assets.settings import settings

GOAL_S = 0.5
#: largest difference between two centers; the RPN lies in [0, 1]
TOLERANCE = 1e-9
_TIMES = 3

Floats = NDArray[np.float64]


def row(home: Path, folder: Path) -> Row:
    """The comparison, over `rpn.parquet` and `models.parquet` in `folder`. Raises RuntimeError where centers differ."""
    found = fresh(["-m", "benchmarks.btc_fits", str(folder)], environment(home))
    return Row(
        name="btc_fits",
        what=f"{found['fits']} weekly bin models of up to {found['most_rows']:,} hours: windows, fits, table",
        ours=found["ours"]["wall_s"],
        unit="s",
        peer="scikit-learn KMeans, Lloyd from the same centers, windows cut in advance",
        theirs=found["theirs"]["wall_s"],
        goal=f"about {GOAL_S} s (under {2 * GOAL_S:.0f} s)",
        met=found["ours"]["wall_s"] < 2 * GOAL_S,
        details=found,
    )
