"""Rows and digests of a lake computed from the rows themselves, not from what its files state."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from market_assets.core.contracts import Contract
from resources.stores.digest import content_digest
from resources.stores.errors import StoreError
from resources.stores.lake_files import decode
from resources.stores.names import SUFFIX, is_partition_file, unquoted
from resources.stores.recounted import Recounted


def recount(home: Path, table: str, contract: Contract | None) -> Iterator[Recounted]:
    """Every partition of a table, by file name; without a contract its rows are counted alone."""
    folder = home / "lake" / table
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        if is_partition_file(file.name):
            yield _recounted(file, contract)


def _recounted(file: Path, contract: Contract | None) -> Recounted:
    partition = unquoted(file.name.removesuffix(SUFFIX))
    try:
        decoded = decode(str(file), keep=False)
    except (pl.exceptions.PolarsError, StoreError) as damaged:
        return Recounted(partition, 0, None, damage=f"cannot be read: {str(damaged).splitlines()[0]}")
    if decoded is None:
        return Recounted(partition, 0, None, damage="was removed while it was counted")
    frame = decoded.frame
    # the columns it was stored with: the contract may have gained some since
    stable = [name for name in frame.columns if contract is None or not _is_volatile(contract, name)]
    return Recounted(partition, frame.height, content_digest(frame, stable) if contract is not None else None)


def _is_volatile(contract: Contract, name: str) -> bool:
    return name in contract.columns and contract.columns[name].volatile
