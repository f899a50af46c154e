"""What a second store owes the first: the same rows of every table."""

from collections.abc import Iterable, Mapping

import polars as pl
from polars.testing import assert_frame_equal

from market_assets.core.contracts import Table


def check_same_rows(
    tables: Iterable[type[Table]], found: Mapping[str, pl.DataFrame], expected: Mapping[str, pl.DataFrame]
) -> None:
    """Bit for bit but for the columns that say when a row was written, with the same types; no table is empty."""
    for table in tables:
        name, stable = table.contract().name, table.contract().stable_columns
        assert expected[name].height > 0, name
        assert_frame_equal(found[name].select(stable), expected[name].select(stable), check_exact=True)
        assert found[name].schema == expected[name].schema
