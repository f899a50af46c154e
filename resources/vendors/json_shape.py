"""Reading JSON of an agreed shape; the first offence is named with its place in the body."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import orjson
import polars as pl

from resources.http import redact
from resources.http.errors import Malformed

_SHOWN = 80
_MISSING = object()
_NUMBER_OR_NULL = {int, float, type(None)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST_S, _LATEST_S = -5_364_662_400, 7_258_118_400  # 1800 and 2200


def parse(vendor: str, body: bytes) -> Any:
    """The JSON value of `body`. Raises Malformed where it is none: an HTML page is not an empty list."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as broken:
        # before it is cut: half of an echoed key would not be found
        start = redact.text(body[: 10 * _SHOWN].decode("utf-8", "replace"))[:_SHOWN]
        raise Malformed(vendor, f"not JSON ({broken}); the body starts {start!r}") from None


def member(vendor: str, holder: Any, path: str, kind: type | tuple[type, ...]) -> Any:
    """`holder`'s member at the last part of `path`, which must be of type `kind`."""
    if not isinstance(holder, Mapping):
        raise Malformed(vendor, f"{_parent(path)} must be an object, was {_show(holder)}")
    found = holder.get(path.rpartition(".")[2], _MISSING)
    if found is _MISSING:
        raise Malformed(vendor, f"{path} is missing; present: {', '.join(map(str, holder)) or 'nothing'}")
    if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
        raise Malformed(vendor, f"{path} must be {_name(kind)}, was {_show(found)}")
    return found


def text(vendor: str, holder: Mapping[str, Any], path: str) -> str | None:
    """The text at `path`; None where it is absent or null."""
    found = holder.get(path.rpartition(".")[2])
    if found is not None and not isinstance(found, str):
        raise Malformed(vendor, f"{path} must be text, was {_show(found)}")
    return found


def number(vendor: str, holder: Mapping[str, Any], path: str) -> float | None:
    """The number at `path`; None where it is absent or null."""
    name = path.rpartition(".")[2]
    found: float | None = number_series(vendor, [holder.get(name)], lambda _: path, name).item()
    return found


def mapping(vendor: str, holder: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """The object at `path`; empty where it is absent or null."""
    found = holder.get(path.rpartition(".")[2])
    if found is not None and not isinstance(found, dict):
        raise Malformed(vendor, f"{path} must be an object, was {_show(found)}")
    return found or {}


def listing(vendor: str, holder: Mapping[str, Any], path: str) -> Sequence[Any]:
    """The list at `path`; empty where it is absent or null."""
    found = holder.get(path.rpartition(".")[2])
    if found is not None and not isinstance(found, list):
        raise Malformed(vendor, f"{path} must be a list, was {_show(found)}")
    return found or []


def objects(vendor: str, holder: Mapping[str, Any], path: str) -> list[Mapping[str, Any]]:
    """The list of objects at `path`; an absent one is empty."""
    if path not in holder:
        return []
    rows: list[Any] = member(vendor, holder, path, list)
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise Malformed(vendor, f"{path}[{index}] must be an object, was {_show(row)}")
    return rows


def numbers(
    vendor: str, rows: Sequence[Mapping[str, Any]], key: str, where: str, *, optional: bool = False
) -> pl.Series:
    """Member `key` of every row as Float64, null where the vendor says null (or nothing, if `optional`)."""
    values = [row.get(key, None if optional else _MISSING) for row in rows]
    return number_series(vendor, values, lambda index: f"{where}[{index}].{key}", key)


def number_series(vendor: str, values: Sequence[Any], place: Callable[[int], str], name: str) -> pl.Series:
    """`values` as Float64. Raises Malformed at the first that is neither number nor null."""
    # the types of all values at once: a loop over them costs as much as reading the JSON
    if not set(map(type, values)) <= _NUMBER_OR_NULL:
        index = next(index for index, value in enumerate(values) if type(value) not in _NUMBER_OR_NULL)
        said = "is missing" if values[index] is _MISSING else f"must be a number, was {_show(values[index])}"
        raise Malformed(vendor, f"{place(index)} {said}")
    return pl.Series(name, values, dtype=pl.Float64)


def instants(vendor: str, values: Sequence[Any], place: Callable[[int], str], unit: Literal["s", "ms"]) -> pl.Series:
    """`values`, counted in `unit` since 1970, as UTC instants. Raises Malformed at the first that cannot be one."""
    ends = [min(values), max(values)] if values and set(map(type, values)) == {int} else values
    if not all(map(_plausible(unit), ends)):
        for index, value in enumerate(values):
            instant(vendor, value, place(index), unit)
    counted = pl.Series("at", values, dtype=pl.Int64)
    return pl.from_epoch(counted, unit).dt.replace_time_zone("UTC")


def instant(vendor: str, value: Any, path: str, unit: Literal["s", "ms"]) -> datetime:
    """The UTC instant `value` counts in `unit` since 1970; seconds taken for milliseconds are noticed."""
    if not _plausible(unit)(value):
        named = "milliseconds" if unit == "ms" else "seconds"
        raise Malformed(vendor, f"{path} must be in {named} since 1970, was {_show(value)}")
    return _EPOCH + timedelta(milliseconds=value * (1 if unit == "ms" else 1000))


def _plausible(unit: Literal["s", "ms"]) -> Callable[[Any], bool]:
    scale = 1000 if unit == "ms" else 1
    return lambda value: type(value) is int and _EARLIEST_S * scale <= value <= _LATEST_S * scale


def local_times(vendor: str, values: Sequence[Any], place: Callable[[int], str], zone: str = "UTC") -> pl.Series:
    """Texts like `2026-03-09 09:30:00`, local times of `zone`, as UTC instants.

    Of an hour that the clocks go through twice it is the first. Raises Malformed at the first text that is no time,
    or one that the clocks skipped.
    """
    said = pl.Series("at", [value if isinstance(value, str) else None for value in values], dtype=pl.String)
    found = (
        said.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
        .dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        .dt.convert_time_zone("UTC")
    )
    if found.null_count():
        index = found.is_null().to_list().index(True)
        raise Malformed(vendor, f"{place(index)} must be a time of {zone}, was {_show(values[index])}")
    return found


def positive(vendor: str, holder: Mapping[str, Any], path: str) -> float:
    """The number at `path`, which must be above 0."""
    found = float(member(vendor, holder, path, (int, float)))
    if not found > 0:
        raise Malformed(vendor, f"{path} must be above 0, was {found:g}")
    return found


def day(vendor: str, holder: Mapping[str, Any], path: str, *, optional: bool = False) -> date | None:
    """The ISO date at `path`; None where it is absent, null or empty and `optional`."""
    name = path.rpartition(".")[2]
    if optional and not holder.get(name):
        return None
    said: str = member(vendor, holder, path, str)
    try:
        return date.fromisoformat(said)
    except ValueError:
        raise Malformed(vendor, f"{path} must be a date like 2020-08-31, was {_show(said)}") from None


def _parent(path: str) -> str:
    return path.rpartition(".")[0] or "the body"


def _name(kind: type | tuple[type, ...]) -> str:
    named = {str: "text", list: "a list", dict: "an object", int: "a number", float: "a number"}
    kinds = kind if isinstance(kind, tuple) else (kind,)
    return " or ".join(dict.fromkeys(named.get(each, each.__name__) for each in kinds))


def _show(value: Any) -> str:
    shown = redact.text(repr(value))
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
