"""How every answer leaves: JSON with UTC instants, null for what is not a finite number, the demo mark."""

import base64
import binascii
import json
import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import orjson
import polars as pl
from fastapi import Response

from market_assets.core.errors import InvalidRequest

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def encode(body: Any) -> bytes:
    """JSON bytes. Instants are ISO-8601 with `Z`; NaN and infinities are null (orjson's rule)."""
    return orjson.dumps(body, default=_plain, option=_OPTIONS)


def _plain(value: Any) -> Any:
    if isinstance(value, pl.Series):
        return value.to_list()
    raise TypeError(f"no JSON form for {type(value).__name__}")


def json_answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response of `body`."""
    return Response(encode(body), status_code=status, media_type="application/json", headers=dict(headers or {}))


def rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as JSON-ready dictionaries."""
    return frame.to_dicts()


def finite(value: float | None) -> float | None:
    """The value, or None where it is not a finite number."""
    return value if value is not None and math.isfinite(value) else None


def cursor_of(frame: pl.DataFrame, key: list[str]) -> str:
    """An opaque cursor that resumes after the last row of `frame`."""
    last = [_text(frame[name][-1]) for name in key]
    return base64.urlsafe_b64encode(json.dumps(last).encode()).decode().rstrip("=")


def after(cursor: str | None, key: Mapping[str, Any]) -> pl.Expr:
    """Rows whose key (column -> dtype, in sort order) lies after the cursor.

    Raises InvalidRequest for a cursor that this API has not given out for this key.
    """
    if cursor is None:
        return pl.lit(value=True)
    try:
        raw = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
        values = json.loads(raw)
        parsed = [_value(text, dtype) for text, dtype in zip(values, key.values(), strict=True)]
    except (ValueError, TypeError, binascii.Error):
        raise InvalidRequest(
            "cursor must be the next_cursor of the previous page, unchanged; leave it out for the first page"
        ) from None
    later = pl.lit(value=False)
    for name, value in reversed(list(zip(key, parsed, strict=True))):
        later = (pl.col(name) > value) | ((pl.col(name) == value) & later)
    return later


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _value(text: Any, dtype: Any) -> Any:
    if dtype == pl.Date:
        return date.fromisoformat(text)
    if isinstance(dtype, pl.Datetime):
        return datetime.fromisoformat(text)
    if isinstance(dtype, pl.Enum):
        return pl.lit(_category(text, dtype), dtype=dtype)
    if dtype == pl.String:
        return _typed(text, str)
    return float(text)


def _category(text: Any, dtype: pl.Enum) -> str:
    if text not in dtype.categories.to_list():
        raise ValueError(f"{text!r} is no category")
    return str(text)


def _typed(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value
