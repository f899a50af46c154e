"""Who may write: every write needs `X-API-Key`, whatever the bind. `guard.py` keeps the audit."""

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader

from dashboards.rest.errors import ApiError
from dashboards.rest.requests import ServicesOf

_header = APIKeyHeader(name="X-API-Key", auto_error=False, description="A key of `/api/v1/admin/api-keys`")


def _writer(request: Request, app: ServicesOf, key: Annotated[str | None, Security(_header)] = None) -> str:
    """The name of the key that writes. Raises ApiError 401."""
    name: str | None = request.state.api_key_name if key else None
    if name is not None:
        return name
    known = "this key is not known or not active" if key else "send it as X-API-Key"
    hint = "" if app.keys.any_active() else "; no key exists yet, set MARKET_ASSETS_API_KEY and restart"
    raise ApiError(401, "unauthorized", f"this call needs an API key; {known}{hint}")


Writer = Annotated[str, Depends(_writer)]
