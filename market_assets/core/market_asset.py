"""How a table becomes an asset: gate, column schema, lineage, owners, kinds, one name for all of it.

`market_asset` takes the table's contract and gives Dagster everything the UI shows. The gate is a
Dagster type: a frame that breaks its contract never reaches the store.
"""

import functools
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg
import polars as pl

from market_assets.core.contracts import UTC_MICROS, Contract, ContractViolation, Table

# Range runs in one request series need a backfill policy, which 1.13 still marks beta.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

OWNERS = ["team:market-data"]
TABLE_METADATA = "market_assets/table"
#: inputs that are looked up: a change of them does not make stale what was computed
REFERENCES_METADATA = "market_assets/references"


def market_asset(
    table: type[Table],
    *,
    partitions_def: dg.PartitionsDefinition | None = None,
    ins: Mapping[str, dg.AssetIn] | None = None,
    deps: Sequence[str | dg.AssetDep] | None = None,
    kinds: set[str] | None = None,
    lineage: Mapping[str, Sequence[str]] | None = None,
    pool: str | None = None,
    references: Sequence[str] = (),
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Declare the asset that fills `table`. Name, group and description come from the declaration.

    `lineage` maps a column to the `table.column`s it is computed from; a tag named as the group tells
    how the table is cut, so that one range run can carry all of a kind (`tag:equities=year`). At most as
    many steps of one `pool` run at once, over all runs, as the instance allows it. `references` are those
    of its inputs that are only looked up: the follow sensor neither waits for them nor acts on their changes.
    """
    contract = table.contract()
    group, dimensions = contract.name.split("_")[0], "_".join(contract.dimensions) or "none"

    def declare(compute: Callable[..., Any]) -> dg.AssetsDefinition:
        if compute.__name__ != contract.name:
            raise TypeError(
                f"the asset of {contract.name} is declared by a function of that name, not {compute.__name__}"
            )
        return dg.asset(
            name=contract.name,
            group_name=group,
            description=contract.description,
            partitions_def=partitions_def,
            ins=dict(ins or {}),
            deps=list(deps or []),
            backfill_policy=dg.BackfillPolicy.single_run() if partitions_def else None,
            dagster_type=gate(contract),
            owners=OWNERS,
            kinds=kinds or {"polars"},
            tags={group: dimensions},
            pool=pool,
            metadata={
                "dagster/column_schema": column_schema(contract),
                "dagster/table_name": contract.name,
                **({"dagster/column_lineage": column_lineage(lineage)} if lineage else {}),
                **({REFERENCES_METADATA: list(references)} if references else {}),
            },
        )(compute)

    return declare


@functools.cache
def _gates() -> dict[str, dg.DagsterType]:
    return {}


def gate(contract: Contract) -> dg.DagsterType:
    """The Dagster type that lets only frames of this contract through.

    An asset that stored its partitions itself while it ran returns no frame; each of them passed
    `contract.validate` on its way into the store.
    """

    def check(_: dg.TypeCheckContext, value: object) -> bool | dg.TypeCheck:
        if not isinstance(value, pl.DataFrame):
            return True
        try:
            contract.validate(value)
        except ContractViolation as broken:
            return dg.TypeCheck(success=False, description=str(broken))
        return True

    if contract.name not in _gates():
        _gates()[contract.name] = dg.DagsterType(
            type_check_fn=check,
            name=f"Gate_{contract.name}",
            typing_type=Any,
            description=f"A frame that satisfies the contract of {contract.name}.",
        )
    return _gates()[contract.name]


def column_schema(contract: Contract) -> dg.TableSchema:
    """The column catalogue of the UI: type, meaning, constraints."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=name,
                type=_type_name(col.dtype),
                description=col.description,
                constraints=dg.TableColumnConstraints(
                    nullable=col.nullable,
                    unique=contract.key == (name,),
                    other=[
                        f"{symbol} {bound:g}"
                        for symbol, bound in ((">", col.gt), (">=", col.ge), ("<", col.lt), ("<=", col.le))
                        if bound is not None
                    ]
                    + ([f"one of {', '.join(col.isin)}"] if col.isin else []),
                ),
            )
            for name, col in contract.columns.items()
        ]
    )


def _type_name(dtype: object) -> str:
    if isinstance(dtype, pl.Enum):
        return f"one of {', '.join(dtype.categories)}"
    return "Timestamp(UTC)" if dtype == UTC_MICROS else str(dtype)


def column_lineage(lineage: Mapping[str, Sequence[str]]) -> dg.TableColumnLineage:
    """Lineage from `{"close_total": ["equities_scored_bars.close"]}`."""
    return dg.TableColumnLineage(
        deps_by_column={
            name: [
                dg.TableColumnDep(asset_key=dg.AssetKey(source.split(".")[0]), column_name=source.split(".")[1])
                for source in sources
            ]
            for name, sources in lineage.items()
        }
    )


def same_columns(table: type[Table], *upstream: type[Table]) -> dict[str, list[str]]:
    """Lineage of the columns that a table carries over under the same name, nearest upstream first."""
    carried: dict[str, list[str]] = {}
    for name in table.contract().columns:
        sources = [up.contract().name for up in upstream if name in up.contract().columns]
        if sources:
            carried[name] = [f"{sources[0]}.{name}"]
    return carried
