"""The API against its own OpenAPI document: whatever is sent, the answer is one the document allows."""

import pytest
import schemathesis
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from dashboards.app import create_app
from market_assets.settings import Settings
from resources.stores.protocol import PartitionStore

from .conftest import KEY

schema = schemathesis.pytest.from_fixture("document")


@pytest.fixture
def document(configured: Settings, store: PartitionStore):
    """The OpenAPI document of the app over the filled store, without a rate limit in the way."""
    unlimited = configured.model_copy(
        update={"api": configured.api.model_copy(update={"rate_limit_per_minute": 10**9})}
    )
    return schemathesis.openapi.from_asgi("/openapi.json", create_app(unlimited))


@schema.include(method="GET").exclude(path_regex="admin").parametrize()
@hypothesis_settings(
    max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
)
def test_every_read_answers_as_documented(case: schemathesis.Case):
    """No 500, no status and no body that the document does not name."""
    case.call_and_validate(
        headers={"X-API-Key": KEY},
        checks=[not_a_server_error, status_code_conformance, response_schema_conformance],
    )
