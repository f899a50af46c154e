"""The API against its own OpenAPI document: whatever is sent, the answer is one the document allows."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from dashboards.app import create_app
from market_assets.settings import Settings

#: 503 is documented, 500 is not: the status check refuses it
CHECKS = [status_code_conformance, response_schema_conformance]
#: they have homes and tests of their own: in this one they are as empty as in an empty one
ELSEWHERE = ["btc", "funding", "crypto", "bars"]


@pytest.mark.parametrize("filled", [True, False])
def test_every_read_answers_as_documented(configured: Settings, request: pytest.FixtureRequest, filled: bool):
    """No 500, no status and no body that the document does not name: equities with data, every route without."""
    if filled:
        request.getfixturevalue("store")
    unlimited = configured.api.model_copy(update={"rate_limit_per_minute": 10**9})
    app = create_app(configured.model_copy(update={"api": unlimited}))
    document = schemathesis.openapi.from_asgi("/openapi.json", app)
    reads = document.include(method="GET").exclude(path_regex="admin")
    if filled:
        reads = reads.exclude(tag=ELSEWHERE)
    asked = []
    for found in reads.get_all_operations():
        operation = found.ok()
        asked.append(operation.path)

        @hypothesis_settings(
            max_examples=15 if filled else 8,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def probe(case: schemathesis.Case) -> None:
            case.call_and_validate(checks=CHECKS)

        probe()
    assert {"/health", "/api/v1/historical/{symbol}", "/api/v1/reconciliation"} <= set(asked)
    assert filled or {"/api/features", "/api/funding-rates", "/api/bars/{symbol}"} <= set(asked)
