"""Who may reach the app, and how often."""

import base64
import gc
import hmac
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from dashboards.app import create_app, run
from dashboards.guard import RateLimit, is_loopback, is_ours
from dashboards.keys import ApiKeys
from market_assets.core.errors import InvalidRequest
from market_assets.settings import Settings

from .conftest import KEY
from .served import served

DESK = "https://desk.example"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "X-API-Key"}


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


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1:8050", True), ("[::1]:8050", True), ("localhost:8050", True), ("desk:8050", True), ("", True),
     ("app.localhost", True), ("10.0.0.7", True), ("desk.example:8443", True), ("evil.example:8050", False),
     ("desk.example.evil.example", False), ("127.0.0.1.evil.example", False), ("evil.example.", False),
     ("[evil.example]", False), ("user@evil.example", False)],
)  # fmt: skip
def test_only_names_no_other_site_owns_are_ours(host: str, expected: bool):
    """Addresses, names without a dot, localhost and the allowed origins' hosts; never a name that anyone can buy."""
    assert is_ours(host, [DESK]) is expected


def test_on_loopback_a_foreign_name_is_refused(configured: Settings):
    """A site that points its own name at this machine reads nothing: 421 on pages, data and sockets."""
    client = TestClient(create_app(configured))
    foreign = {"Host": "evil.example:8050", "Origin": "http://evil.example:8050"}
    for path in ("/api/v1/symbols", "/", "/metrics", "/openapi.json", "/api/stats"):
        assert client.get(path, headers=foreign).status_code == 421
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/ws/live", headers=foreign):
        pass
    assert client.get("/api/v1/symbols", headers={"Host": "127.0.0.1:8050"}).status_code == 200
    assert TestClient(create_app(open_bind(configured))).get("/", headers=foreign | {"X-API-Key": KEY}).is_success


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


@pytest.mark.parametrize(
    "given",
    [
        {"params": {"api_key": KEY, "X-API-Key": KEY}},
        {"cookies": {"X-API-Key": KEY}},
        {"headers": {"Authorization": f"Bearer {KEY}"}},
        {"headers": {"X-API-Key": f" {KEY}x"}},
        {"json": {"api_key": KEY}},
    ],
)
def test_only_the_header_opens_a_write(configured: Settings, given: dict[str, Any]):
    """A key in the query, a cookie, another header or the body is none: it would stand in logs or be sent by itself."""
    assert TestClient(create_app(configured), **_of_client(given)).post("/api/cache/clear", **given).status_code == 401


def _of_client(given: dict[str, Any]) -> dict[str, Any]:
    return {"cookies": given.pop("cookies")} if "cookies" in given else {}


def test_a_key_is_compared_in_constant_time(configured: Settings, monkeypatch: pytest.MonkeyPatch):
    """Every active key is compared, by hmac, whether or not an earlier one has matched already."""
    keys = ApiKeys(configured.home)
    made = [keys.create(name) for name in ("first", "second", "third")]
    compared: list[tuple[str, str]] = []
    real = hmac.compare_digest

    def noted(one: str, other: str) -> bool:
        compared.append((one, other))
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", noted)
    for given, name in [(made[0], "first"), (made[2], "third"), (made[2][:-1], None), ("", None)]:
        compared.clear()
        assert keys.name_of(given) == name
        assert len(compared) == 3
        assert {len(text) for pair in compared for text in pair} == {64}, "hashes are compared, never keys"


def test_a_client_that_asks_too_often_is_told_when_to_return(configured: Settings):
    """Beyond api.rate_limit_per_minute the answer is 429 with Retry-After; health is never limited."""
    limited = configured.model_copy(update={"api": configured.api.model_copy(update={"rate_limit_per_minute": 3})})
    client = TestClient(create_app(limited))
    codes = [client.get("/api/v1/symbols").status_code for _ in range(4)]
    assert codes == [200, 200, 200, 429]
    refused = client.get("/api/v1/symbols")
    assert (refused.json()["code"], int(refused.headers["Retry-After"]) >= 1) == ("rate_limited", True)
    assert client.get("/health").status_code == 200


def test_guessing_keys_is_limited(configured: Settings):
    """On an open bind wrong keys are counted on every path, pages too; who has a key is not held up by them."""
    client = TestClient(create_app(open_bind(configured, rate_limit_per_minute=3)))
    codes = [client.get("/equities", headers={"X-API-Key": f"guess-{n}"}).status_code for n in range(4)]
    assert codes == [401, 401, 401, 429]
    assert client.get("/equities", headers={"X-API-Key": KEY}).status_code == 200


def test_a_client_cannot_say_that_it_is_another(configured: Settings, monkeypatch: pytest.MonkeyPatch):
    """As the app is really served, X-Forwarded-For opens no new bucket, whatever it says."""
    codes: list[int] = []

    def serve(app: FastAPI, *, host: str, port: int, **options: Any) -> None:
        assert (host, port) == ("127.0.0.1", configured.api.port)
        with served(app, **options) as address:
            for n in range(4):
                claim = {"X-Forwarded-For": f"10.0.0.{n}", "Forwarded": f"for=10.0.0.{n}", "X-Real-IP": f"10.0.0.{n}"}
                answer = httpx.get(f"{address}/api/v1/symbols", headers=claim, timeout=30)
                codes.append(answer.status_code)
                assert "server" not in answer.headers

    monkeypatch.setattr(uvicorn, "run", serve)
    run(configured.model_copy(update={"api": configured.api.model_copy(update={"rate_limit_per_minute": 3})}))
    gc.unfreeze()
    assert codes == [200, 200, 200, 429]


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


def test_a_browser_may_ask_first_without_a_key(configured: Settings):
    """Also on an open bind a preflight of a listed origin is answered, no other is, and none lets cookies along."""
    client = TestClient(create_app(open_bind(configured, cors_origins=(DESK,))))
    asked = client.options("/api/cache/clear", headers=PREFLIGHT | {"Origin": DESK})
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, DESK)
    assert "x-api-key" in asked.headers["access-control-allow-headers"].lower()
    for origin in ("https://evil.example", f"{DESK}.evil.example", "http://desk.example", "null"):
        refused = client.options("/api/cache/clear", headers=PREFLIGHT | {"Origin": origin})
        assert refused.status_code == 400
        assert "access-control-allow-origin" not in refused.headers
    answer = client.get("/api/v1/symbols", headers={"Origin": DESK})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, DESK)
    assert "access-control-allow-credentials" not in {**asked.headers, **answer.headers}


def test_any_origin_never_means_with_credentials(configured: Settings):
    """`*` opens what is readable without a key: a browser sends no password with it, and no socket opens by it."""
    starred = configured.api.model_copy(update={"cors_origins": ("*",)})
    client = TestClient(create_app(configured.model_copy(update={"api": starred})))
    answer = client.get("/api/v1/symbols", headers={"Origin": "https://evil.example", "Cookie": "a=b"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    foreign = {"Origin": "https://evil.example"}
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/ws/live", headers=foreign):
        pass


def test_every_socket_needs_the_key_and_our_own_page(configured: Settings):
    """No WebSocket route opens on an open bind without a key, nor, with one, for a page of another site."""
    app = create_app(open_bind(configured))
    client = TestClient(app)
    routes = [part for route in app.routes for part in getattr(route, "original_router", app).routes]
    paths = {route.path.replace("{symbol}", "BTCUSDT") for route in routes if isinstance(route, WebSocketRoute)}
    assert {"/ws/live", "/ws/crypto/BTCUSDT", "/_dash-ws-callback"} <= paths
    for path in paths:
        for headers in ({}, {"X-API-Key": "guess"}, {"X-API-Key": KEY, "Origin": "https://evil.example"}):
            with pytest.raises(WebSocketDisconnect), client.websocket_connect(path, headers=headers):
                pass
        with client.websocket_connect(path, headers={"X-API-Key": KEY, "Origin": "http://testserver"}):
            pass


@pytest.mark.parametrize("path", ["/", "/equities", "/docs", "/assets/app.css", "/api/v1/symbols", "/health", "/none"])
def test_every_answer_tells_browsers_the_rules(configured: Settings, path: str):
    """No frame of another site, no guessed type, no address told on: pages, files, data and refusals."""
    for app, status in ((create_app(configured), None), (create_app(open_bind(configured)), 401)):
        answer = TestClient(app).get(path)
        assert status is None or answer.status_code == status
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "same-origin"


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
