"""Reading JSON of an agreed shape; the first offence is named with its place in the body."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import orjson
import polars as pl

from resources.http.errors import Malformed

_SHOWN = 80
_MISSING = object()


def parse(vendor: str, body: bytes) -> Any:
    """The JSON value of `body`. Raises Malformed where it is none: an HTML page is not an empty list."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as broken:
        start = body[:_SHOWN].decode("utf-8", "replace")
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


def number_series(vendor: str, values: Sequence[Any], place: Any, name: str) -> pl.Series:
    """`values` as Float64. Raises Malformed at the first that is neither number nor null."""
    for index, value in enumerate(values):
        kind = type(value)
        if kind is not float and kind is not int and value is not None:
            said = "is missing" if value is _MISSING else f"must be a number, was {_show(value)}"
            raise Malformed(vendor, f"{place(index)} {said}")
    return pl.Series(name, values, dtype=pl.Float64)


def stamps(vendor: str, rows: Sequence[Mapping[str, Any]], key: str, where: str) -> pl.Series:
    """Member `key` of every row as Int64 that is never null."""
    for index, row in enumerate(rows):
        if type(row.get(key)) is not int:
            raise Malformed(vendor, f"{where}[{index}].{key} must be a whole number, was {_show(row.get(key))}")
    return pl.Series(key, [row[key] for row in rows], dtype=pl.Int64)


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
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
