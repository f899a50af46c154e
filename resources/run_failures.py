"""What a failed run says: which assets failed, of what kind the error was, and what was materialised nevertheless."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.events.log import EventLogEntry
from dagster_shared.error import SerializableErrorInfo

from resources.http import redact
from resources.http.errors import VendorError

_LONGEST = 800
#: Dagster's own wrappers around what a step or a tick raised
_WRAPPERS = (
    "DagsterExecutionStepExecutionError",
    "DagsterExecutionLoadInputError",
    "DagsterExecutionHandleOutputError",
    "DagsterUserCodeProcessError",
    "SensorExecutionError",
    "ScheduleExecutionError",
)


@dataclass(frozen=True)
class FailedStep:
    """An asset whose step failed, or a step of its checks."""

    asset: str
    is_check: bool
    #: class of the error; of any vendor's failure `VendorError`, however it varies from try to try
    cause: str
    #: what it says, without secrets
    said: str


def failed_steps(
    instance: dg.DagsterInstance, graph: AssetGraph, run_id: str, failure: EventLogEntry
) -> list[FailedStep]:
    """The assets that failed in a run which ended with this event; what only waited for them is not among them.

    Without a failed step (a lost worker, a start that took too long) it is every asset that was to be made and was
    not, the first of each chain.
    """
    steps = _steps(graph)
    found = []
    for record in instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records:
        event = record.event_log_entry.get_dagster_event()
        data = event.step_failure_data
        user = data.user_failure_data
        cause, said = cause_and_text(data.error)
        said = _short(user.description) if user and user.description else said
        cause = (user.label or "Failure") if user and not data.error else cause
        for asset, is_check in steps.get((event.step_key or "").partition("[")[0], ()):
            found.append(FailedStep(asset, is_check, cause, said))
    return found or list(_lost(instance, graph, run_id, failure))


def materialised_in(instance: dg.DagsterInstance, run_id: str) -> dict[str, set[str | None]]:
    """Asset -> its partitions that a run stored, also where it failed afterwards."""
    found: dict[str, set[str | None]] = {}
    for record in instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records:
        event = record.event_log_entry.get_dagster_event()
        if event.asset_key is not None:
            found.setdefault(event.asset_key.to_user_string(), set()).add(event.partition)
    return found


def _steps(graph: AssetGraph) -> Mapping[str, list[tuple[str, bool]]]:
    """Step -> the assets it makes, or whose checks it evaluates."""
    found: dict[str, list[tuple[str, bool]]] = {}
    for definition in graph.assets_defs:
        if definition.keys:
            made = sorted(key.to_user_string() for key in definition.keys)
            found[definition.node_def.name] = [(name, False) for name in made]
        elif definition.check_keys:
            judged = sorted({key.asset_key.to_user_string() for key in definition.check_keys})
            found[definition.node_def.name] = [(name, True) for name in judged]
    return found


def _lost(instance: dg.DagsterInstance, graph: AssetGraph, run_id: str, failure: EventLogEntry) -> Iterator[FailedStep]:
    planned = {
        event.asset_key
        for record in instance.get_records_for_run(
            run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
        ).records
        if (event := record.event_log_entry.get_dagster_event()).asset_key is not None
    }
    made = {dg.AssetKey.from_user_string(name) for name in materialised_in(instance, run_id)}
    event = failure.get_dagster_event()
    data = event.event_specific_data
    error = getattr(data, "error", None)
    reason = getattr(data, "failure_reason", None)
    cause, said = cause_and_text(error)
    cause = reason.value.lower() if reason is not None and error is None else cause
    lacking = {key for key in planned - made if key is not None and graph.has(key)}
    for key in sorted(lacking, key=str):
        if not graph.get_ancestor_asset_keys(key) & (lacking - {key}):
            yield FailedStep(key.to_user_string(), False, cause, said or _short(event.message or "The run was lost."))


def cause_and_text(error: SerializableErrorInfo | None) -> tuple[str, str]:
    """Class and text of what was raised; a chain is followed through Dagster's wrappers alone."""
    while error is not None and error.cause is not None and error.cls_name in _WRAPPERS:
        error = error.cause
    if error is None:
        return "RunFailed", ""
    name = error.cls_name or "Exception"
    # the first line of a traceback's message reads `module.Class: text`
    text = error.message.strip().partition(f"{name}: ")
    return ("VendorError" if name in _vendor_errors() else name), _short(text[2] or text[0])


def _short(text: str) -> str:
    # cleaned before it is cut: half a secret would not be found
    clean = " ".join(redact.text(text).split())
    return clean if len(clean) <= _LONGEST else f"{clean[:_LONGEST]}..."


def _vendor_errors(kind: type[VendorError] = VendorError) -> set[str]:
    return {kind.__name__}.union(*(_vendor_errors(below) for below in kind.__subclasses__()))
