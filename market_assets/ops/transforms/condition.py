"""The condition of every table on one day, by what is stored, what is due and what the checks found."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from market_assets.core.contracts import WHOLE
from market_assets.core.due import Due
from market_assets.ops.schemas import OpsCondition

#: checks that tell how old rows are: what they find makes a day late, not wrong
LATE = frozenset(
    {
        "freshness",
        "candles_fresh",
        "stream_alive",
        "minutes_fresh",
        "collector_alive",
        "bars_stored",
        "macro_fresh",
        "snapshot_fresh",
        "exchanges_present",
        "settled_in_time",
        "stale_symbols",
    }
)
_SHOWN = 5


@dataclass(frozen=True)
class Held:
    """What is stored of one table for one day."""

    #: partition -> rows of the day in it
    rows: Mapping[str, int]
    published_at: datetime | None
    #: first day of which the table has anything; None where it is not cut by time
    since: date | None


def conditions(
    day: date, now: datetime, held: Mapping[str, Held], due: Mapping[str, Due], verdicts: pl.DataFrame
) -> pl.DataFrame:
    """OpsCondition: one row for every table in `held`, which holds those that have ever been stored.

    `verdicts`: asset, check, partition, passed, severity, description; the latest of each. One over everything (WHOLE)
    is about every day, but one of how old rows are is about the day of `now` alone.
    """
    judged = {str(key[0]): part for key, part in verdicts.partition_by("asset", as_dict=True).items()}
    nothing = verdicts.clear()
    is_today = day == now.date()
    rows = [
        _row(name, day, now, one, due.get(name), _of_day(judged.get(name, nothing), one, due.get(name), is_today))
        for name, one in held.items()
    ]
    return OpsCondition.contract().conform(pl.DataFrame(rows, schema=OpsCondition.contract().schema, orient="row"))


def _of_day(verdicts: pl.DataFrame, held: Held, due: Due | None, is_today: bool) -> list[dict[str, Any]]:
    """The verdicts that concern the day, errors first."""
    partitions = {*held.rows, *(due.partitions if due else ())} - {WHOLE}
    over_all = pl.col("partition") == WHOLE
    if not is_today:
        over_all = over_all & ~pl.col("check").is_in(list(LATE))
    found = verdicts.filter(pl.col("partition").is_in(list(partitions)) | over_all)
    return found.sort("severity", "check", "partition").to_dicts()


def _row(
    name: str, day: date, now: datetime, held: Held, due: Due | None, verdicts: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    failed = [one for one in verdicts if not one["passed"]]
    is_due = due is not None and due.at <= now and (held.since is None or day >= held.since)
    missing = sorted(due.partitions - set(held.rows)) if due is not None and is_due else []
    condition, reason = _judged(missing, due, failed)
    return {
        "dataset": name,
        "day": day,
        "condition": condition,
        "reason": reason,
        "n_partitions": len(held.rows),
        "n_expected": len(due.partitions) if due is not None else None,
        "n_rows": sum(held.rows.values()),
        "n_checks": len({one["check"] for one in verdicts}),
        "n_warnings": len({one["check"] for one in failed if one["severity"] == "WARN"}),
        "n_errors": len({one["check"] for one in failed if one["severity"] == "ERROR"}),
        "failing": list(dict.fromkeys(one["check"] for one in failed)),
        "published_at": held.published_at,
    }


def _judged(missing: Collection[str], due: Due | None, failed: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """The worst condition, and every reason."""
    late = [one for one in failed if one["check"] in LATE]
    wrong = [one for one in failed if one["check"] not in LATE]
    reasons = []
    if missing and due is not None:
        reasons.append(f"{len(missing)} of {len(due.partitions)} partitions are not stored: {_few(missing)}")
    reasons += list(dict.fromkeys(_said(one) for one in (*late, *wrong)))
    condition = "missing" if missing else "late" if late else "degraded" if wrong else "ok"
    return condition, "; ".join(reasons)


def _said(verdict: Mapping[str, Any]) -> str:
    told = f"{verdict['check']} ({verdict['severity']})"
    return f"{told}: {verdict['description']}" if verdict["description"] else told


def _few(names: Collection[str]) -> str:
    shown = ", ".join(list(names)[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
