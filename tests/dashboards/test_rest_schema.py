"""The whole API against its own OpenAPI document: whatever is sent, the answer is one the document allows.

Every route and every method, reads and writes, with a key, in an empty home and in one that holds something of every
domain. What a route answers is its own test's business.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from dashboards.app import create_app
from market_assets.settings import Settings

from . import whole_home

#: 503 is documented, 500 is not: the status check refuses it
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
WRITER = {"X-API-Key": whole_home.KEY}
#: other names that exist, so that requests get past them
NAMES = {
    "asset": st.sampled_from(["BTC", "sol"]),
    "exchange": st.sampled_from(["bybit", "dydx"]),
    "long_exchange": st.sampled_from(["dydx", "binance_usdm"]),
    "short_exchange": st.sampled_from(["bybit", "okx"]),
    "timeframe": st.sampled_from(["1m", "1h", "1d"]),
    "overlays": st.sampled_from(["base", "liquidity,regime", "alignment"]),
    "type": st.sampled_from(["price_color", "signals"]),
    "table": st.sampled_from(["equities_daily_bars", "crypto_klines"]),
    "start_date": st.sampled_from(["2024-06-10", "2026-10-03"]),
    "end_date": st.sampled_from(["2024-06-11", "2026-10-05"]),
    "start": st.sampled_from(["2024-01-02", "2026-10-03", "2026-10-04T12:00:00Z"]),
    "end": st.sampled_from(["2024-01-08", "2026-10-05", "2026-10-05T06:00:00Z"]),
}


def few(examples: int) -> hypothesis_settings:
    """So many examples, the same each time."""
    return hypothesis_settings(
        max_examples=examples, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )


@pytest.fixture
def found(home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a home of all domains."""
    return whole_home.configure(monkeypatch)


@pytest.fixture
def filled(found: Settings) -> Settings:
    """The same home with rows of every domain in it."""
    whole_home.fill(found)
    return found


def operations(app: Any) -> Iterator[schemathesis.core.result.Ok]:
    """Every route and method of the document."""
    for result in schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations():
        yield result.ok()


def test_every_route_answers_as_documented_with_data(filled: Settings):
    """No 500, no status, type or body that the document does not name; names that exist are mixed in."""
    succeeded = set()
    for operation in operations(create_app(filled)):
        known = NAMES | {"symbol": st.just(whole_home.SYMBOLS.get((operation.tags or [""])[0], ""))}

        @few(6)
        @given(case=operation.as_strategy(), names=st.fixed_dictionaries(known), is_known=st.booleans())
        def probe(case: schemathesis.Case, names: dict[str, str], is_known: bool) -> None:
            if is_known:
                case.path_parameters = {name: names.get(name, value) for name, value in case.path_parameters.items()}
                asked = {name: names.get(name, value) for name, value in (case.query or {}).items()}
                case.query = {name: value for name, value in asked.items() if name in names}
            answer: Response = case.call_and_validate(checks=CHECKS, headers=WRITER)
            if answer.status_code < 300:
                succeeded.add((case.method, case.path))

        probe()
    reads = {path for method, path in succeeded if method == "GET"}
    assert {"/api/v1/historical/{symbol}", "/api/bars/{symbol}", "/api/funding-rates", "/api/stats"} <= reads
    assert ("POST", "/api/v1/admin/api-keys") in succeeded


def test_every_route_answers_as_documented_without_data(found: Settings):
    """The same in an empty home: unknown, not stored yet, but never a failure of the server."""
    for operation in operations(create_app(found)):

        @few(3)
        @given(case=operation.as_strategy())
        def probe(case: schemathesis.Case) -> None:
            case.call_and_validate(checks=CHECKS, headers=WRITER)

        probe()


def test_what_no_route_takes_is_refused_as_documented(filled: Settings):
    """Parameters and bodies of another shape than the document's are refused, or ignored: never a failure."""
    refused = set()
    for operation in operations(create_app(filled)):
        if not (operation.query or operation.body):
            continue

        @few(3)
        @given(case=operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
        def probe(case: schemathesis.Case) -> None:
            answer = case.call_and_validate(checks=CHECKS, headers=WRITER)
            if answer.status_code in (400, 422):
                refused.add((case.method, case.path))

        probe()
    assert len(refused) > 30
    assert {("POST", "/api/v1/admin/symbols"), ("POST", "/api/v1/crypto/chat"), ("GET", "/api/stats")} <= refused


def test_methods_that_no_route_has_are_refused(found: Settings):
    """Every other method of a documented path is 404, 405, 410 or 422, in JSON under /api."""
    app = create_app(found)
    client = TestClient(app, raise_server_exceptions=False)
    for path, methods in app.openapi()["paths"].items():
        for method in {"post", "put", "delete", "options"} - set(methods):
            answer = client.request(method, path.replace("{", "").replace("}", ""), headers=WRITER)
            assert answer.status_code in (404, 405, 410, 422), (method, path, answer.text)
            if path.startswith("/api/"):
                assert answer.headers["content-type"] == "application/json", (method, path)
