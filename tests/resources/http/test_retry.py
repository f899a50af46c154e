"""One retry layer: how often, how long, and when not. Against a scripted vendor on a real socket."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from market_assets.core.settings import RateBudget
from resources.http import judge
from resources.http.client import VendorClient, connect
from resources.http.errors import (
    BadRequest,
    BudgetExhausted,
    CircuitOpen,
    NotFound,
    RateLimited,
    Unavailable,
)
from resources.http.retry import retry_after
from tests.resources.vendor_host import START, Host, Says, StillTime, live_settings


def client_of(host: Host, still: StillTime, **options) -> VendorClient:
    return connect(live_settings(host), "polygon", timing=still.timing, **options)


def ask(client: VendorClient) -> str:
    def read(reply):
        judge.refuse("polygon", reply)
        return reply.body.decode()

    return client.get("/v2/thing", read=read, context="AAPL 2020")[0]


def test_a_failing_server_gets_exactly_three_requests(host: Host, still: StillTime):
    """One call makes 3 requests, with waits of 1 s and 2 s between them."""
    host.script = [Says(b"", 503)]
    with pytest.raises(Unavailable, match=r"polygon /v2/thing \[AAPL 2020\]: HTTP 503"):
        ask(client_of(host, still))
    assert len(host.asked) == 3
    assert still.slept == [1.0, 2.0]


@pytest.mark.parametrize("status", [429, 418, 500, 502, 503, 504])
def test_what_may_pass_is_asked_again(host: Host, still: StillTime, status: int):
    """After one such answer the second request brings the value, and both are counted."""
    host.script = [Says(b"", status), Says(b"fine")]
    client = client_of(host, still)
    value, reply = client.get("/x", read=lambda reply: judge.refuse("polygon", reply) or reply.body)
    assert (value, reply.requests) == (b"fine", 2)


@pytest.mark.parametrize(("status", "kind"), [(400, BadRequest), (404, NotFound), (413, BadRequest), (422, BadRequest)])
def test_what_will_not_pass_is_asked_once(host: Host, still: StillTime, status: int, kind: type[Exception]):
    """Other 4xx are not retried, and the vendor's own words are told."""
    host.script = [Says({"error": "no such thing"}, status)]
    with pytest.raises(kind, match="no such thing"):
        ask(client_of(host, still))
    assert len(host.asked) == 1


def test_a_refused_connection_is_asked_again(host: Host, still: StillTime):
    """No connection at all is retried like a 5xx, and says so without the address."""
    client = client_of(host, still)
    host.close()
    with pytest.raises(Unavailable, match="no answer"):
        ask(client)
    assert still.slept == [1.0, 2.0]


def test_jitter_moves_each_wait_by_a_fifth_at_most(host: Host):
    """The default waits are 1 s and 2 s, each times a factor between 0.8 and 1.2."""
    from resources.http.transport import Timing

    factors = [Timing().jitter() for _ in range(200)]
    assert min(factors) >= 0.8
    assert max(factors) <= 1.2
    assert max(factors) - min(factors) > 0.2


def test_retry_after_wins_over_back_off(host: Host, still: StillTime):
    """A 429 that asks for 7 s is followed after 7 s, not after 1 s."""
    host.script = [Says(b"", 429, {"Retry-After": "7"}), Says(b"fine")]
    assert ask(client_of(host, still)) == "fine"
    assert still.slept == [7.0]


def test_a_long_retry_after_blocks_the_source(host: Host, still: StillTime):
    """Above 60 s the call ends at once; nothing is sent to that source, by anybody, until then."""
    host.script = [Says(b"", 429, {"Retry-After": "120"}), Says(b"fine")]
    with pytest.raises(RateLimited) as limited:
        ask(client_of(host, still))
    assert limited.value.retry_at == START + timedelta(seconds=120)
    assert (len(host.asked), still.slept) == (1, [])
    with pytest.raises(RateLimited, match="blocked by the vendor until 2026-11-20 12:02:00Z"):
        ask(client_of(host, still))
    assert len(host.asked) == 1
    still.pass_(120)
    assert ask(client_of(host, still)) == "fine"


def test_a_wait_beyond_the_deadline_ends_the_call(host: Host, still: StillTime):
    """45 s fit under 60 s but not into a call of 30 s: the call ends and the source rests so long."""
    host.script = [Says(b"", 429, {"Retry-After": "45"}), Says(b"fine")]
    with pytest.raises(RateLimited):
        ask(client_of(host, still))
    assert still.slept == []
    still.pass_(44)
    with pytest.raises(RateLimited, match="blocked"):
        ask(client_of(host, still))
    still.pass_(1)
    assert ask(client_of(host, still)) == "fine"


def test_the_deadline_covers_all_requests_of_a_call(host: Host, still: StillTime):
    """When the first request took 29 of 30 s there is no time for a second."""

    def slow(_):
        still.pass_(29)
        return Says(b"", 503)

    host.script = slow
    with pytest.raises(Unavailable):
        ask(client_of(host, still))
    assert len(host.asked) == 1


def test_each_request_is_reserved_in_the_budget(host: Host, still: StillTime):
    """Retries cost: a call of three requests takes three of five."""
    host.script = [Says(b"", 503)]
    client = client_of(host, still, rates=RateBudget(per_day=5))
    with pytest.raises(Unavailable):
        ask(client)
    assert [use.used for use in client.budget.use()] == [3]


def test_waiting_for_budget_is_not_held_against_the_deadline(host: Host, still: StillTime):
    """A wait of 60 s for the next minute leaves the call its 30 s."""
    client = client_of(host, still, rates=RateBudget(per_minute=1))
    host.script = [Says(b"first")]
    ask(client)
    host.script = [Says(b"", 503), Says(b"second")]
    assert ask(client) == "second"
    assert [round(wait) for wait in still.slept] == [60, 1, 59]


def test_a_spent_budget_sends_nothing(host: Host, still: StillTime):
    """The second call of a day with budget 1 is refused before anything leaves."""
    client = client_of(host, still, rates=RateBudget(per_day=1))
    ask(client)
    with pytest.raises(BudgetExhausted, match=r"\(1/1 requests\)"):
        ask(client)
    assert len(host.asked) == 1


def test_a_budget_that_ends_amid_a_call_tells_the_vendors_failure(host: Host, still: StillTime):
    """With budget 1 and a 503 there is no second request, and the 503 is the news."""
    host.script = [Says(b"", 503)]
    client = client_of(host, still, rates=RateBudget(per_day=1))
    with pytest.raises(Unavailable, match="HTTP 503"):
        ask(client)
    assert len(host.asked) == 1


def test_a_spent_budget_says_nothing_of_the_sources_health(host: Host, still: StillTime):
    """Refusals by budget do not open the breaker."""
    client = client_of(host, still, rates=RateBudget(per_day=1))
    ask(client)
    for _ in range(10):
        with pytest.raises(BudgetExhausted):
            ask(client)
    assert client.breaker.status().consecutive_failures == 0


def test_a_probe_is_a_single_request(host: Host, still: StillTime):
    """15 requests open the breaker; after 60 s one request goes out, not three; then nothing for 60 s."""
    host.script = [Says(b"", 503)]
    client = client_of(host, still)
    for _ in range(5):
        with pytest.raises(Unavailable):
            ask(client)
    with pytest.raises(CircuitOpen):
        ask(client)
    assert len(host.asked) == 15
    still.pass_(60)
    with pytest.raises(Unavailable):
        ask(client)
    with pytest.raises(CircuitOpen):
        ask(client)
    assert len(host.asked) == 16


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("30", 30.0),
        ("0.5", 0.5),
        (format_datetime(START + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(START - timedelta(seconds=90), usegmt=True), 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(header: str | None, seconds: float | None):
    """Both spellings of the header are read; anything else is as if it were not there."""
    assert retry_after(header, datetime(2026, 11, 20, 12, tzinfo=UTC)) == seconds
