"""Where Dagster keeps its runs, and one range run in this process."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import dagster as dg

from market_assets.core import partitions
from market_assets.settings import Settings

_INSTANCE_FILE = Path(__file__).resolve().parents[1] / "dagster.yaml"


def prepare(settings: Settings) -> Path:
    """Make `DAGSTER_HOME` (inside the home unless it is set) with its dagster.yaml; return it."""
    home = Path(os.environ.get("DAGSTER_HOME") or settings.home / "dagster").resolve()
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        shutil.copyfile(_INSTANCE_FILE, home / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def materialize_range(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    assets: Sequence[str],
    keys: Sequence[str] | None = None,
    *,
    raise_on_error: bool = True,
    tags: Mapping[str, str] | None = None,
) -> list[dg.ExecuteInProcessResult]:
    """Materialise assets of one partitioning with their checks, one run per contiguous range of `keys`."""
    job = defs.resolve_implicit_global_asset_job_def()
    selection = [dg.AssetKey(name) for name in assets]
    definition = defs.resolve_asset_graph().get(selection[0]).partitions_def
    if definition is None or keys is None:
        spans: list[dict[str, str]] = [{}]
    else:
        order = partitions.dimension_keys(definition, instance)
        spans = [partitions.range_tags(*span) for span in partitions.ranges(keys, order)]
    return [
        job.execute_in_process(
            instance=instance,
            asset_selection=selection,
            tags={**span, **(tags or {})},
            raise_on_error=raise_on_error,
            run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
        )
        for span in spans
    ]
