"""Who may reach the app, and how often."""

import base64

import pytest
from starlette.testclient import TestClient

from dashboards.app import create_app
from dashboards.guard import RateLimit, is_loopback
from market_assets.core.errors import InvalidRequest
from market_assets.settings import Settings

from .conftest import KEY


def open_bind(settings: Settings, **api: object) -> Settings:
    return settings.model_copy(update={"api": settings.api.model_copy(update={"host": "0.0.0.0", **api})})


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.0.0.2", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("192.168.1.5", False), ("example.org", False)],
)  # fmt: skip
def test_only_this_machine_is_loopback(host: str, expected: bool):
    """127.0.0.0/8, ::1 and localhost are; a wildcard, another address or a name is not."""
    assert is_loopback(host) is expected


def test_an_open_bind_without_a_key_is_refused(configured: Settings):
    """Starting on an address others reach, without any key, is an error that names the variable."""
    with pytest.raises(InvalidRequest, match="MARKET_ASSETS_API_KEY"):
        create_app(open_bind(configured.model_copy(update={"api_key": None})))


@pytest.mark.parametrize("path", ["/api/v1/symbols", "/health", "/metrics", "/", "/equities", "/docs", "/openapi.json"])
def test_on_an_open_bind_everything_needs_the_key(configured: Settings, path: str):
    """Reads, pages and documentation are 401 without a key; the key as header or as Basic password opens them."""
    client = TestClient(create_app(open_bind(configured)))
    refused = client.get(path)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Basic")
    assert client.get(path, headers={"X-API-Key": KEY}).status_code == 200
    basic = base64.b64encode(f"anyone:{KEY}".encode()).decode()
    assert client.get(path, headers={"Authorization": f"Basic {basic}"}).status_code == 200
    assert client.get(path, headers={"Authorization": "Basic not-base64"}).status_code == 401


def test_a_liveness_probe_needs_no_key(configured: Settings):
    """`/api/health` carries no data and answers a probe without a key."""
    client = TestClient(create_app(open_bind(configured)))
    assert client.get("/api/health").status_code == 200


def test_basic_credentials_do_not_write(configured: Settings):
    """A browser sends Basic credentials by itself, so a foreign page could write with them: they are not enough."""
    client = TestClient(create_app(open_bind(configured)))
    basic = base64.b64encode(f"anyone:{KEY}".encode()).decode()
    answer = client.post("/api/cache/clear", headers={"Authorization": f"Basic {basic}"})
    assert answer.status_code == 401


def test_a_client_that_asks_too_often_is_told_when_to_return(configured: Settings):
    """Beyond api.rate_limit_per_minute the answer is 429 with Retry-After; health is never limited."""
    limited = configured.model_copy(update={"api": configured.api.model_copy(update={"rate_limit_per_minute": 3})})
    client = TestClient(create_app(limited))
    codes = [client.get("/api/v1/symbols").status_code for _ in range(4)]
    assert codes == [200, 200, 200, 429]
    refused = client.get("/api/v1/symbols")
    assert (refused.json()["code"], int(refused.headers["Retry-After"]) >= 1) == ("rate_limited", True)
    assert client.get("/health").status_code == 200


def test_the_rate_refills_evenly_and_by_client():
    """60 a minute is one a second: after a second one more passes; another client has its own."""
    now = [0.0]
    limit = RateLimit(60, clock=lambda: now[0])
    assert [limit.wait_s("a") for _ in range(60)] == [0.0] * 60
    assert limit.wait_s("a") == pytest.approx(1.0)
    assert limit.wait_s("b") == 0.0
    now[0] = 1.0
    assert limit.wait_s("a") == 0.0
    assert limit.wait_s("a") > 0


def test_other_origins_are_refused_unless_named(configured: Settings):
    """CORS is off by default; an origin of api.cors_origins is let in, another is not."""
    asked = {"Origin": "https://desk.example"}
    assert "access-control-allow-origin" not in TestClient(create_app(configured)).get("/health", headers=asked).headers
    named = configured.api.model_copy(update={"cors_origins": ("https://desk.example",)})
    client = TestClient(create_app(configured.model_copy(update={"api": named})))
    assert client.get("/health", headers=asked).headers["access-control-allow-origin"] == "https://desk.example"
    other = client.get("/health", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers


def test_nothing_shows_the_key(configured: Settings):
    """The key is in no body, header or metric the app gives out."""
    client = TestClient(create_app(configured))
    headers = {"X-API-Key": KEY}
    for path in (
        "/health",
        "/metrics",
        "/metrics/json",
        "/api/v1/admin/api-keys",
        "/openapi.json",
        "/performance/summary",
    ):
        answer = client.get(path, headers=headers)
        assert KEY not in answer.text
        assert KEY not in str(answer.headers)
