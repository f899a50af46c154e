"""Assets that one step fills together: each has what its own declaration would give it."""

import dagster as dg
import polars as pl
import pytest

from market_assets.core.market_asset import OWNERS, market_assets_together
from market_assets.crypto.schemas import CryptoFeatureTelemetry, CryptoOverlays

DAYS = dg.DailyPartitionsDefinition("2026-10-05")
OVERLAYS, COSTS = dg.AssetKey("crypto_overlays"), dg.AssetKey("crypto_feature_telemetry")


def declared(name: str = "crypto_overlays") -> dg.AssetsDefinition:
    """A step of two tables."""

    def compute(candles: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        return CryptoOverlays.contract().empty(), CryptoFeatureTelemetry.contract().empty()

    compute.__name__ = name
    return market_assets_together(
        CryptoOverlays,
        CryptoFeatureTelemetry,
        partitions_def=DAYS,
        ins={"candles": dg.AssetIn()},
        lineage={"crypto_overlays": {"close": ["crypto_timeframes.close"]}},
    )(compute)


def test_one_step_of_both_tables() -> None:
    """Named after the first, in one run a range."""
    step = declared()
    assert step.keys == {OVERLAYS, COSTS}
    assert step.node_def.name == "crypto_overlays"
    assert step.partitions_def == DAYS
    assert step.backfill_policy == dg.BackfillPolicy.single_run()


@pytest.mark.parametrize(("key", "table"), [(OVERLAYS, CryptoOverlays), (COSTS, CryptoFeatureTelemetry)])
def test_each_has_its_own_columns_and_description(
    key: dg.AssetKey, table: type[CryptoOverlays] | type[CryptoFeatureTelemetry]
) -> None:
    """Contract, group, owners and kind are told of each; lineage of that which has one."""
    spec, contract = declared().specs_by_key[key], table.contract()
    assert (spec.group_name, spec.description, list(spec.owners)) == ("crypto", contract.description, OWNERS)
    assert [column.name for column in spec.metadata["dagster/column_schema"].columns] == list(contract.columns)
    assert ("dagster/column_lineage" in spec.metadata) == (key == OVERLAYS)
    assert "polars" in spec.kinds
    assert spec.tags["crypto"] == "day_symbol"


def test_a_step_of_another_name_is_refused() -> None:
    """What a function is called is where its asset is looked for."""
    with pytest.raises(TypeError, match="the step of crypto_overlays is a function of that name, not something_else"):
        declared("something_else")
