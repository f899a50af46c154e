"""The contract row in force at an instant."""

from collections.abc import Sequence

import polars as pl

from market_assets.core.errors import UnknownName

CONTRACT = ("exchange", "native_symbol")


def with_terms(frame: pl.DataFrame, contracts: pl.DataFrame, *, at: str, terms: Sequence[str]) -> pl.DataFrame:
    """`frame` with the columns `terms` of the FundingContracts row valid at column `at`, sorted by contract and `at`.

    Before a contract's first row that one holds, after it is closed its last one. Raises UnknownName where
    `contracts` lacks a contract of `frame`.
    """
    is_first = pl.col("valid_from") == pl.col("valid_from").min().over(CONTRACT)
    forever = pl.lit(0).cast(contracts.schema["valid_from"])
    rows = contracts.select(*CONTRACT, *terms, in_force=pl.when(is_first).then(forever).otherwise("valid_from")).sort(
        *CONTRACT, "in_force"
    )
    unknown = frame.select(CONTRACT).unique().join(rows, on=CONTRACT, how="anti").sort(CONTRACT)
    for exchange, native_symbol in unknown.head(1).iter_rows():
        known = contracts.filter(pl.col("exchange") == exchange)["native_symbol"].unique()
        raise UnknownName(f"contract of {exchange} in funding_contracts", native_symbol, known.to_list())
    return (
        frame.sort(*CONTRACT, at, maintain_order=True)
        .join_asof(rows, left_on=at, right_on="in_force", by=list(CONTRACT), check_sortedness=False)
        .drop("in_force")
    )
