"""What holds of the lineage of every domain: columns come from columns that exist, of the tables it is made of."""

from collections.abc import Mapping, Sequence

from market_assets.core.contracts import Contract, Table

#: column -> `table.column` of everything it is computed from
Lineage = Mapping[str, Sequence[str]]


def check_sources(found: Lineage, upstream: set[str], tables: Mapping[str, Contract]) -> None:
    """Every source exists, in a table that this one is computed from; no upstream table goes unnamed."""
    named = {tuple(source.split(".")) for sources in found.values() for source in sources}
    assert [f"{name}.{column}" for name, column in named if column not in tables[name].columns] == []
    assert {name for name, _ in named} == upstream


def check_columns(table: type[Table], found: Lineage, given: set[str]) -> None:
    """Columns with a lineage and those that are given make up the table, and none is both."""
    assert all(found.values())
    assert set(found) | given == set(table.contract().columns)
    assert set(found) & given == set()
