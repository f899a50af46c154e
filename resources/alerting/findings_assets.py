"""What is wrong with tables: checks whose latest verdict is a failure, and partitions that runs failed to make."""

from collections.abc import Collection

import polars as pl

from market_assets.ops.transforms.incidents import Finding
from resources.alerting.lineage import Lineage
from resources.run_scope import Scopes

#: checks that fail to tell of something worth a look: nothing is wrong
NOTICES = ("no_notice",)


def failed_checks(
    verdicts: pl.DataFrame, broken: Collection[str], lineage: Lineage, scopes: Scopes, *, notices: bool
) -> list[Finding]:
    """One finding per asset and check of `CheckLedger.failing`, over all its partitions, as its worst verdict says.

    `broken` are the assets that runs fail to make: that explains what their checks find.
    """
    wanted = verdicts if notices else verdicts.filter(~pl.col("check").is_in(NOTICES))
    found = []
    for (asset, check), rows in wanted.group_by("asset", "check", maintain_order=True):
        name, keys = str(asset), rows["partition"].to_list()
        # ERROR sorts before WARN
        worst = rows.sort("severity", pl.col("at"), descending=[False, True]).row(0, named=True)
        found.append(
            Finding(
                subject=name,
                check=str(check),
                cause="",
                severity=worst["severity"],
                said=f"Does not hold: {worst['description']}",
                since=min(rows["since"]),
                scope=scopes.shown(name, keys),
                upstream=lineage.upstream(name, keys) | ({name} if name in broken else set()),
            )
        )
    return found


def failed_runs(failures: pl.DataFrame, lineage: Lineage, scopes: Scopes) -> list[Finding]:
    """One finding per asset and kind of error of `RunLedger.failing`."""
    found = []
    for (asset, cause), rows in failures.group_by("asset", "cause", maintain_order=True):
        name, keys = str(asset), rows["partition"].to_list()
        last = rows.sort("at", descending=True).row(0, named=True)
        step = "Its checks could not be evaluated: " if last["is_check"] else ""
        found.append(
            Finding(
                subject=name,
                check="run_failed",
                cause=str(cause),
                severity="ERROR",
                said=f"{step}{last['said']}",
                since=min(rows["since"]),
                scope=scopes.shown(name, keys),
                upstream=lineage.upstream(name, keys, last["said"]),
            )
        )
    return found
