"""Answers that are kept for some seconds."""

import threading

import pytest

from dashboards.remembered import Memory


def test_an_answer_is_kept_for_its_time():
    """A second question finds the first answer; under another name, or without time, it is found out again."""
    memory, answers = Memory(), iter(range(10))
    assert [memory.of("a", 1000, lambda: next(answers)) for _ in range(3)] == [0, 0, 0]
    assert memory.of("b", 1000, lambda: next(answers)) == 1
    assert [memory.of("a", 0, lambda: next(answers)) for _ in range(2)] == [2, 3]


def test_a_failure_is_not_kept():
    """It is raised, and the next question may succeed."""
    memory = Memory()
    with pytest.raises(ZeroDivisionError):
        memory.of("a", 1000, lambda: 1 // 0)
    assert memory.of("a", 1000, lambda: 7) == 7


def test_of_several_who_ask_at_once_one_finds_out():
    """The others wait for its answer."""
    memory, began, go_on, looks = Memory(), threading.Event(), threading.Event(), []

    def find() -> int:
        began.set()
        go_on.wait(10)
        looks.append(1)
        return len(looks)

    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(memory.of("a", 1000, find))) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert began.wait(10)
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert (found, looks) == ([1, 1, 1, 1], [1])
