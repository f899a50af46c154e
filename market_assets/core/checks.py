"""Judgements about stored data, and how they become asset checks.

A judgement is a pure function of a frame. `asset_checks` groups all judgements of one table into
one step, so that a partition is loaded once however many of them there are.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import polars as pl

from market_assets.core.contracts import Contract, Table

_SHOWN = 20

#: reads one argument of a table's judgements
Reader = Callable[[dg.AssetCheckExecutionContext], Any]


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


def check(judge: Callable[..., Judgement], *, blocking: bool = False) -> Check:
    """A check named after its judgement and described by the first line of its docstring."""
    return Check(judge.__name__, (judge.__doc__ or "").strip().split("\n")[0], judge, blocking)


def contract_holds(contract: Contract) -> Check:
    """The stored partition still satisfies the contract it was let in by."""

    def judge(frame: pl.DataFrame) -> Judgement:
        contract.validate(frame)
        return error_unless(True, rows=frame.height)

    return Check("contract", "Stored rows satisfy types, ranges, nulls and the key.", judge, blocking=True)


def no_synthetic_source(frame: pl.DataFrame, sandboxed: bool) -> Judgement:
    """Sandbox rows are legal only where the settings say that vendors are the sandbox."""
    marked = frame.filter(pl.col("source").str.ends_with("-sandbox")).height
    wrong = frame.height - marked if sandboxed else marked
    origin = "sandbox" if sandboxed else "live"
    return error_unless(wrong == 0, f"vendors={origin}", rows=frame.height, wrong_origin=wrong)


def asset_checks(
    table: type[Table],
    checks: Sequence[Check],
    *,
    reads: Mapping[str, Reader],
    required_resource_keys: set[str] | None = None,
) -> dg.AssetChecksDefinition:
    """All checks of one table as one step.

    `reads` gives the arguments of the judgements; each judgement takes those it names, and what no selected
    one names is not read. A check covers the partitions of its run in one evaluation, and says which. It is
    not declared partitioned:
    Dagster records a range run's evaluation of a partitioned check without a partition, and its UI
    then shows the check as skipped (seen on 1.13.27).
    """
    contract = table.contract()
    unread = {
        f"{one.name}({name})" for one in checks for name in inspect.signature(one.judge).parameters if name not in reads
    }
    if unread:
        raise TypeError(f"every argument of a judgement of {contract.name} is read; lacks {sorted(unread)}")

    @dg.multi_asset_check(
        name=f"{contract.name}_checks",
        specs=[
            dg.AssetCheckSpec(
                one.name,
                asset=contract.name,
                description=one.description,
                blocking=one.blocking,
            )
            for one in checks
        ],
        required_resource_keys=required_resource_keys or set(),
        can_subset=True,
    )
    def evaluate(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        given: dict[str, Any] = {}
        scope = _scope(context)
        selected = {key.name for key in context.selected_asset_check_keys}
        for one in (one for one in checks if one.name in selected):
            wanted = inspect.signature(one.judge).parameters
            given |= {name: reads[name](context) for name in wanted if name not in given}
            verdict = one.judge(**{name: given[name] for name in wanted})
            yield dg.AssetCheckResult(
                asset_key=contract.name,
                check_name=one.name,
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
