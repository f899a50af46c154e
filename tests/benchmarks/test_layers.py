"""CPU is told to the layer whose thread spent it."""

import threading
import time

import pytest

from benchmarks.layers import Layers


class Work:
    """Nested stretches of a fifth of a second of arithmetic each."""

    def outer(self) -> None:
        """Two stretches, and the one inside."""
        busy(0.2)
        self.inner()
        busy(0.2)

    def inner(self) -> None:
        """One stretch, and a sleep, which is no CPU."""
        busy(0.2)
        time.sleep(0.3)


def busy(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_a_layer_is_told_its_own_cpu_over_all_threads():
    """Of two threads side by side each layer's own stretches, neither what it calls nor what it sleeps."""
    layers, work = Layers(), Work()
    with layers.watching({(Work, "outer"): "outer", (Work, "inner"): "inner"}):
        threads = [threading.Thread(target=work.outer) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert layers.seconds["outer"] == pytest.approx(0.8, abs=0.05)
    assert layers.seconds["inner"] == pytest.approx(0.4, abs=0.05)
    assert layers.calls == {"outer": 2, "inner": 2}


def test_a_call_that_fails_is_counted_and_methods_are_themselves_again_afterwards():
    """An error passes through, its CPU counts, and nothing is watched outside."""

    class Broken:
        def fail(self) -> None:
            busy(0.05)
            raise ValueError("on purpose")

    layers, original = Layers(), Broken.fail
    with pytest.raises(ValueError, match="on purpose"), layers.watching({(Broken, "fail"): "fails"}):
        Broken().fail()
    assert layers.seconds["fails"] == pytest.approx(0.05, abs=0.03)
    assert Broken.fail is original
