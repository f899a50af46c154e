"""One supervised connection: what it survives, how long it waits, and what it says."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

import pytest

from resources.stream.socket import Patience, Socket
from tests.resources.stream.scripted_venue import refusing, saying

QUICK = Patience(silent_s=5.0, first_wait_s=0.02, max_wait_s=0.05)


def socket(url: str, received: list[str | bytes], patience: Patience = QUICK, stay: bool = True) -> Socket:
    def receive(frame: str | bytes) -> bool:
        received.append(frame)
        return stay

    return Socket("venue stream", url, receive, patience, jitter=lambda: 1.0)


async def run_until(one: Socket, true: Callable[[], bool]) -> None:
    """Run a socket until something is true, and cancel it."""
    running = asyncio.create_task(one.run())
    async with asyncio.timeout(10):
        while not true():
            assert not running.done()
            await asyncio.sleep(0.005)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_frames_arrive_in_order() -> None:
    """Text and bytes are handed over as they came, and the facts tell when."""
    received: list[str | bytes] = []

    async def check() -> None:
        async with saying("one", b"two", "three") as (url, _):
            one = socket(url, received)
            await run_until(one, lambda: len(received) == 3)
            assert isinstance(one.facts.last_message_at, datetime)
            assert (one.facts.connects, one.facts.disconnects, one.is_connected) == (1, 1, False)

    asyncio.run(check())
    assert received == ["one", b"two", "three"]


def test_waits_double_up_to_a_limit_while_nothing_listens(caplog: pytest.LogCaptureFixture) -> None:
    """A refused connection is tried again after 1, 2, 4, ... times the first wait, at most the longest."""

    async def check() -> Socket:
        async with saying() as (url, _):
            pass  # the port is free now, and nobody listens there
        one = socket(url, [], Patience(5.0, first_wait_s=0.1, max_wait_s=0.35))
        await run_until(one, lambda: len(caplog.records) >= 4)
        return one

    one = asyncio.run(check())
    waits = [record.args[-1] for record in caplog.records if isinstance(record.args, tuple)]
    assert waits[:4] == pytest.approx([0.1, 0.2, 0.35, 0.35])
    assert one.facts.connects == 0
    assert "no connection" in (one.facts.last_error or "")


@pytest.mark.parametrize(
    ("status", "says"), [(451, "does not serve this location"), (403, "firewall"), (503, "HTTP 503")]
)
def test_a_refusal_is_told_with_its_status(status: int, says: str, caplog: pytest.LogCaptureFixture) -> None:
    """A handshake that is answered with an HTTP status is logged with it, with what to do, and without the query."""

    async def check() -> Socket:
        async with refusing(status) as (url, came):
            one = socket(url, [])
            await run_until(one, lambda: len(came) >= 2)
            return one

    one = asyncio.run(check())
    assert one.facts.refusals >= 1
    assert says in (one.facts.last_error or "")
    assert f"HTTP {status}" in (one.facts.last_error or "")
    assert "streams=" not in caplog.text


def test_retry_after_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    """A refusal that says how long to wait is not asked again before."""

    async def check() -> int:
        async with refusing(429, Retry_After="60") as (url, came):
            await run_until(socket(url, []), lambda: bool(caplog.records))
            await asyncio.sleep(0.2)
            return len(came)

    assert asyncio.run(check()) == 1


def test_a_silent_connection_is_left() -> None:
    """Without a message for `silent_s` it connects anew, although the connection is open."""

    async def check() -> Socket:
        async with saying("hello") as (url, came):
            one = socket(url, [], Patience(silent_s=0.05, first_wait_s=0.01, max_wait_s=0.05))
            await run_until(one, lambda: len(came) >= 3)
            return one

    assert "silent for 0.05 s" in (asyncio.run(check()).facts.last_error or "")


def test_a_message_makes_waits_short_again(caplog: pytest.LogCaptureFixture) -> None:
    """A connection that brought something and then broke is followed by the first wait, not a longer one."""

    async def check() -> None:
        async with saying("hello", then_close=True) as (url, came):
            await run_until(socket(url, []), lambda: len(came) >= 4)

    with caplog.at_level(logging.WARNING):
        asyncio.run(check())
    waits = [record.args[-1] for record in caplog.records if isinstance(record.args, tuple)]
    assert waits[:3] == pytest.approx([QUICK.first_wait_s] * 3)


def test_a_farewell_is_followed_by_a_new_connection_at_once() -> None:
    """Told that it will be cut it does not wait; told so by every connection, it does."""
    patience = Patience(silent_s=5.0, first_wait_s=0.3, max_wait_s=10.0)

    async def check() -> list[float]:
        async with saying("bye") as (url, came):
            await run_until(socket(url, [], patience, stay=False), lambda: len(came) >= 3)
            return came

    first, second, third = asyncio.run(check())[:3]
    assert second - first < 0.25 < 0.3 <= third - second


def test_a_connection_is_left_before_its_life_ends() -> None:
    """A venue cuts after a day; before that a new connection is made, and that is no failure."""
    patience = Patience(silent_s=5.0, first_wait_s=0.01, max_wait_s=0.02, life_s=0.05)

    async def check() -> Socket:
        async with saying("hello") as (url, came):
            one = socket(url, [], patience)
            await run_until(one, lambda: len(came) >= 3)
            return one

    assert asyncio.run(check()).facts.last_error is None


def test_waits_are_in_order() -> None:
    """The longest wait is not shorter than the first."""
    with pytest.raises(ValueError, match="max_wait_s must be at least first_wait_s"):
        Patience(silent_s=1.0, first_wait_s=2.0, max_wait_s=1.0)
