"""Judgements about stored data, and how they become asset checks.

A judgement is a pure function of a frame. `asset_checks` groups all judgements of one table into
one step, so that a partition is loaded once however many of them there are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import polars as pl

from market_assets.core.contracts import Contract, Table

_SHOWN = 20


@dataclass(frozen=True)
class Judgement:
    """What a check found. `severity` is that of the failure; `evidence` names what was seen."""

    passed: bool
    evidence: Mapping[str, Any] = field(default_factory=dict)
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR
    description: str = ""


@dataclass(frozen=True)
class Check:
    """One named judgement of one table. A blocking check holds back what is downstream in its run."""

    name: str
    description: str
    judge: Callable[..., Judgement]
    blocking: bool = False


def warn_unless(passed: bool, description: str = "", **evidence: Any) -> Judgement:
    """A judgement whose failure is a warning."""
    return Judgement(passed, evidence, dg.AssetCheckSeverity.WARN, description)


def error_unless(passed: bool, description: str = "", **evidence: Any) -> Judgement:
    """A judgement whose failure is an error."""
    return Judgement(passed, evidence, dg.AssetCheckSeverity.ERROR, description)


def graded(worst: float, *, warn: float, error: float, description: str = "", **evidence: Any) -> Judgement:
    """WARN above `warn`, ERROR above `error`; `worst` is the largest share seen (fraction)."""
    severity = dg.AssetCheckSeverity.ERROR if worst > error else dg.AssetCheckSeverity.WARN
    return Judgement(
        worst <= warn, {"worst": worst, "warn_above": warn, "error_above": error, **evidence}, severity, description
    )


def rows(offending: pl.DataFrame) -> dg.MarkdownMetadataValue:
    """The first offending rows as a table for the check's metadata."""
    return dg.MetadataValue.md(markdown(offending.head(_SHOWN)))


def markdown(frame: pl.DataFrame) -> str:
    """A small frame as a Markdown table."""
    lines = ["| " + " | ".join(frame.columns) + " |", "|" + " --- |" * len(frame.columns)]
    lines += [
        "| " + " | ".join("" if value is None else str(value) for value in row) + " |" for row in frame.iter_rows()
    ]
    return "\n".join(lines)


def contract_holds(contract: Contract) -> Check:
    """The stored partition still satisfies the contract it was let in by."""

    def judge(frame: pl.DataFrame) -> Judgement:
        contract.validate(frame)
        return error_unless(True, rows=frame.height)

    return Check("contract", "Stored rows satisfy types, ranges, nulls and the key.", judge, blocking=True)


def asset_checks(
    table: type[Table],
    checks: Sequence[Check],
    *,
    load: Callable[[dg.AssetCheckExecutionContext], Mapping[str, Any]],
    required_resource_keys: set[str] | None = None,
) -> dg.AssetChecksDefinition:
    """All checks of one table as one step.

    `load` gives the arguments of the judgements; each judgement takes those it names. A check covers
    the partitions of its run in one evaluation, and says which. It is not declared partitioned:
    Dagster records a range run's evaluation of a partitioned check without a partition, and its UI
    then shows the check as skipped (seen on 1.13.27).
    """
    contract = table.contract()

    @dg.multi_asset_check(
        name=f"{contract.name}_checks",
        specs=[
            dg.AssetCheckSpec(
                check.name,
                asset=contract.name,
                description=check.description,
                blocking=check.blocking,
            )
            for check in checks
        ],
        required_resource_keys=required_resource_keys or set(),
        can_subset=True,
    )
    def evaluate(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        given, scope = load(context), _scope(context)
        selected = {key.name for key in context.selected_asset_check_keys}
        for check in (check for check in checks if check.name in selected):
            wanted = check.judge.__code__.co_varnames[: check.judge.__code__.co_argcount]
            verdict = check.judge(*(given[name] for name in wanted))
            yield dg.AssetCheckResult(
                asset_key=contract.name,
                check_name=check.name,
                passed=verdict.passed,
                severity=verdict.severity,
                description=None if verdict.passed else verdict.description or None,
                metadata={"partitions": scope} | {name: _metadata(value) for name, value in verdict.evidence.items()},
            )

    return evaluate


def run_partitions(context: dg.AssetCheckExecutionContext) -> list[str] | None:
    """The partitions of the run, sorted, or None for a check that is run over everything."""
    ranged = context.has_partition_key or context.has_partition_key_range
    return sorted(context.partition_keys) if ranged else None


def _scope(context: dg.AssetCheckExecutionContext) -> str:
    keys = run_partitions(context)
    if keys is None:
        return "all"
    return keys[0] if len(keys) == 1 else f"{keys[0]} ... {keys[-1]} ({len(keys)})"


def _metadata(value: Any) -> Any:
    return rows(value) if isinstance(value, pl.DataFrame) else value
