"""`/api/v1/admin`: the universe and the API keys. Every route needs a key."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from dashboards.rest.answers import json_answer
from dashboards.rest.auth import Writer
from dashboards.rest.bodies import KeyCreated, KeysBody, MessageBody, RowsBody, SymbolAdded
from dashboards.rest.errors import BAD_BODY, RESPONSES
from dashboards.rest.requests import ServicesOf, marked
from market_assets.equities.settings import SymbolSettings
from market_assets.equities.universe import add_symbol, read_overrides, remove_symbol
from resources.vendors.reference import listing

router = APIRouter(prefix="/api/v1/admin", tags=["admin"], responses=RESPONSES)


@router.get("/symbols", response_model=RowsBody)
def overrides(app: ServicesOf, _writer: Writer) -> Response:
    """The symbols added or removed by hand, on top of the configured universe."""
    found = read_overrides(app.data.store)
    return json_answer(marked(app, {"count": found.height, "next_cursor": None, "data": found.to_dicts()}))


@router.post("/symbols", response_model=SymbolAdded, status_code=201, responses=BAD_BODY)
def put_symbol(app: ServicesOf, _writer: Writer, line: SymbolSettings) -> Response:
    """Add a symbol, or bring a removed one back. A ticker the vendor does not know is refused.

    The symbol sensor creates its partitions and backfills only it.
    """
    known = app.data.universe().get(line.symbol)
    if known is not None and known.active and known == line:
        return json_answer(_added(app, line, f"{line.symbol} is in the universe already", "not needed"))
    listed = listing(app.settings, line)
    update: dict[str, Any] = {}
    if "valid_from" not in line.model_fields_set and listed.listed_from:
        update["valid_from"] = listed.listed_from
    if "valid_to" not in line.model_fields_set and listed.listed_to:
        update["valid_to"] = listed.listed_to
    add_symbol(app.data.store, line.model_copy(update=update))
    years = app.settings.equities.backfill_years
    backfill = f"the sensor equity_symbols backfills the last {years} years of {line.symbol}"
    return json_answer(_added(app, line, f"added {line.symbol}", backfill), 201)


def _added(app: ServicesOf, line: SymbolSettings, message: str, backfill: str) -> dict[str, Any]:
    app.data.forget()
    return marked(app, {"status": "success", "message": message, "symbol": line.symbol, "backfill": backfill})


@router.delete("/symbols", response_model=MessageBody)
def delete_symbol(app: ServicesOf, _writer: Writer, symbol: Annotated[str, Query(max_length=40)]) -> Response:
    """Take a symbol out of the schedules. Its data stay and can still be read."""
    changed = remove_symbol(app.data.store, app.settings.equities, symbol)
    app.data.forget()
    message = f"removed {symbol} from the schedules; its data stay" if changed else f"{symbol} was removed already"
    return json_answer(marked(app, {"status": "success", "message": message}))


class NewKey(BaseModel):
    """What a new key is called."""

    name: str = Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9_.-]+$", description="Who or what uses it")


@router.get("/api-keys", response_model=KeysBody)
def list_keys(app: ServicesOf, _writer: Writer) -> Response:
    """Every key by name, without the key."""
    keys = app.keys.all()
    return json_answer({"count": len(keys), "keys": [vars(key) for key in keys]})


@router.post("/api-keys", response_model=KeyCreated, status_code=201, responses=BAD_BODY)
def create_key(app: ServicesOf, _writer: Writer, new: NewKey) -> Response:
    """Make a key. It is shown in this answer and never again."""
    key = app.keys.create(new.name)
    message = "keep the key: it is not shown again"
    return json_answer({"status": "success", "message": message, "name": new.name, "key": key}, 201)


@router.delete("/api-keys", response_model=MessageBody)
def delete_key(app: ServicesOf, _writer: Writer, name: Annotated[str, Query(max_length=60)]) -> Response:
    """Close a key. It stays on record."""
    app.keys.deactivate(name)
    return json_answer({"status": "success", "message": f"{name} is closed"})
