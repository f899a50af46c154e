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
#: an asset that goes on from its own partition before: what changes one partition makes all later ones stale
CARRIES_METADATA = "market_assets/carries"


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
    carries: bool = False,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Declare the asset that fills `table`. Name, group and description come from the declaration.

    `lineage` maps a column to the `table.column`s it is computed from; a tag named as the group tells
    how the table is cut, so that one range run can carry all of a kind (`tag:equities=year`). At most as
    many steps of one `pool` run at once, over all runs, as the instance allows it. `references` are those
    of its inputs that are only looked up: the follow sensor neither waits for them nor acts on their changes.
    An asset that `carries` reads its own partition before: it is followed through all later ones.
    """
    contract = table.contract()

    def declare(compute: Callable[..., Any]) -> dg.AssetsDefinition:
        if compute.__name__ != contract.name:
            raise TypeError(
                f"the asset of {contract.name} is declared by a function of that name, not {compute.__name__}"
            )
        return dg.asset(
            name=contract.name,
            group_name=_group(contract),
            description=contract.description,
            partitions_def=partitions_def,
            ins=dict(ins or {}),
            deps=list(deps or []),
            backfill_policy=dg.BackfillPolicy.single_run() if partitions_def else None,
            dagster_type=gate(contract),
            owners=OWNERS,
            kinds=kinds or {"polars"},
            tags=_tags(contract),
            pool=pool,
            metadata={
                **_metadata(contract, lineage),
                **({REFERENCES_METADATA: list(references)} if references else {}),
                **({CARRIES_METADATA: True} if carries else {}),
            },
        )(compute)

    return declare


def market_assets_together(
    *tables: type[Table],
    partitions_def: dg.PartitionsDefinition,
    ins: Mapping[str, dg.AssetIn],
    lineage: Mapping[str, Mapping[str, Sequence[str]]],
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Declare the assets that one step fills together, in the order in which it returns their frames.

    The step is named after the first; `lineage` is by table.
    """
    contracts = [table.contract() for table in tables]

    def declare(compute: Callable[..., Any]) -> dg.AssetsDefinition:
        if compute.__name__ != contracts[0].name:
            raise TypeError(f"the step of {contracts[0].name} is a function of that name, not {compute.__name__}")
        return dg.multi_asset(
            name=contracts[0].name,
            outs={
                contract.name: dg.AssetOut(
                    key=contract.name,
                    group_name=_group(contract),
                    description=contract.description,
                    dagster_type=gate(contract),
                    owners=OWNERS,
                    kinds={"polars"},
                    tags=_tags(contract),
                    metadata=_metadata(contract, lineage.get(contract.name)),
                )
                for contract in contracts
            },
            ins=dict(ins),
            partitions_def=partitions_def,
            backfill_policy=dg.BackfillPolicy.single_run(),
        )(compute)

    return declare


def _group(contract: Contract) -> str:
    return contract.name.split("_")[0]


def _tags(contract: Contract) -> dict[str, str]:
    return {_group(contract): "_".join(contract.dimensions) or "none"}


def _metadata(contract: Contract, lineage: Mapping[str, Sequence[str]] | None) -> dict[str, Any]:
    return {
        "dagster/column_schema": column_schema(contract),
        "dagster/table_name": contract.name,
        **({"dagster/column_lineage": column_lineage(lineage)} if lineage else {}),
    }


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
