"""The funding routes against their OpenAPI document, over a home written by hand: whatever is sent."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from dashboards.app import create_app
from market_assets.settings import Settings

from . import funding_home
from .test_rest_funding_common import READS

CHECKS = [status_code_conformance, response_schema_conformance]
_FEW = hypothesis_settings(
    max_examples=12, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
#: names that exist, so that generated requests get past them
NAMES = {
    "symbol": st.sampled_from(["BTC-USDT-PERP", "ethusdt", "nothing"]),
    "asset": st.sampled_from(["BTC", "sol", "nothing"]),
    "exchange": st.sampled_from(["bybit", "dydx", "nobody"]),
    "long_exchange": st.sampled_from(["dydx", "binance_usdm"]),
    "short_exchange": st.sampled_from(["bybit", "okx"]),
}


@pytest.fixture
def found(home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of the home, without a limit of requests."""
    configured = funding_home.configure(monkeypatch)
    funding_home.fill(configured)
    return configured.model_copy(update={"api": configured.api.model_copy(update={"rate_limit_per_minute": 10**9})})


def test_every_funding_route_answers_as_documented(found: Settings):
    """No 500, no status and no body that the document does not name; names that exist are mixed in."""
    document = schemathesis.openapi.from_asgi("/openapi.json", create_app(found))
    asked = []
    for result in document.include(method="GET", tag="funding").get_all_operations():
        operation = result.ok()
        asked.append(operation.path)

        @_FEW
        @given(case=operation.as_strategy(), names=st.fixed_dictionaries(NAMES), is_known=st.booleans())
        def probe(case: schemathesis.Case, names: dict[str, str], is_known: bool) -> None:
            if is_known:
                case.path_parameters = {name: names.get(name, value) for name, value in case.path_parameters.items()}
                case.query = {name: value for name, value in (case.query or {}).items() if name != "as_of"}
            case.call_and_validate(checks=CHECKS)

        probe()
    paths = {path.split("?")[0] for path in READS if "BTC" not in path and "top-apr" not in path}
    assert paths | {"/api/exchanges", "/api/settings", "/api/health/collection-metrics"} <= set(asked)


def test_backfills_answer_as_documented(found: Settings):
    """Whatever body is posted, with a key and without Dagster."""
    document = schemathesis.openapi.from_asgi("/openapi.json", create_app(found))
    for result in document.include(method="POST", tag="funding").get_all_operations():

        @_FEW
        @given(case=result.ok().as_strategy())
        def probe(case: schemathesis.Case) -> None:
            case.call_and_validate(checks=CHECKS, headers={"X-API-Key": funding_home.KEY})

        probe()
