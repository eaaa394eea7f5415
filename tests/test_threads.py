"""Turns: as many threads compute at a time as there are cores, in the order in which they come, each on its share."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable

import faiss  # noqa: F401  (brings OpenMP, whose threads are looked at)
import pytest

from briefqa.threads import Turns, let_threads_sleep

_POLICY = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


@pytest.mark.parametrize(
    ("platform", "expected"), [("linux", ("active", "1000", "0")), ("darwin", ("passive", None, None))]
)
def test_waiting_threads_spin_for_a_moment_only(
    platform: str, expected: tuple[str | None, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    for name in _POLICY:
        monkeypatch.setenv(name, "")  # so that it is set back
        monkeypatch.delenv(name)
    let_threads_sleep()
    assert tuple(map(os.environ.get, _POLICY)) == expected


def test_what_the_user_says_of_waiting_threads_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _POLICY:
        monkeypatch.setenv(name, "7")
    let_threads_sleep()
    assert {os.environ[name] for name in _POLICY} == {"7"}


def _until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 20
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.001)


def _openmp_threads(turns: Turns) -> set[int]:
    return {library["num_threads"] for library in turns._openmp.info()}


class Computing(threading.Thread):
    """Takes a turn and keeps it until it is told to leave. threads: those of OpenMP, before, with and after it."""

    def __init__(self, turns: Turns, order: list[str], name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.turns, self.order = turns, order
        self.finish = threading.Event()
        self.threads: list[set[int]] = []

    def run(self) -> None:
        self.threads.append(_openmp_threads(self.turns))
        with self.turns.take():
            self.order.append(self.name)
            self.threads.append(_openmp_threads(self.turns))
            self.finish.wait(20)
        self.threads.append(_openmp_threads(self.turns))

    def leave(self) -> None:
        self.finish.set()
        self.join(20)
        assert not self.is_alive()


def test_who_comes_first_computes_first_and_no_more_at_a_time_than_there_are_cores() -> None:
    turns, order = Turns(2), []  # type: Turns, list[str]
    threads = [Computing(turns, order, name) for name in "abcdef"]
    for number, thread in enumerate(threads):
        thread.start()
        _until(lambda number=number: len(order) + len(turns._waiting) == number + 1)  # type: ignore[misc]
    assert order == ["a", "b"]
    for number, thread in enumerate(threads[:4], 1):
        thread.leave()
        _until(lambda number=number: len(order) == number + 2)  # type: ignore[misc]
        assert order == list("abcdef"[: number + 2])
    for thread in threads[4:]:
        thread.leave()
    with turns.take():
        assert turns._computing == 1 and not turns._waiting


def test_one_alone_has_all_cores_and_others_their_share() -> None:
    turns, order = Turns(4), []  # type: Turns, list[str]
    threads = [Computing(turns, order, name) for name in "abcd"]
    for number, thread in enumerate(threads, 1):
        thread.start()
        _until(lambda number=number: len(order) == number)  # type: ignore[misc]
    for thread in threads:
        thread.leave()
    before = threads[0].threads[0]
    assert [thread.threads[1] for thread in threads] == [before, {2}, {1}, {1}]
    assert all(thread.threads[0] == thread.threads[2] == before for thread in threads)


def test_a_turn_ends_with_an_error() -> None:
    turns = Turns(1)
    for _ in range(3):
        with pytest.raises(ValueError, match="inside"), turns.take():
            raise ValueError("inside")
    assert turns._computing == 0


def test_who_is_interrupted_while_waiting_leaves_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        """A lock that is had once, and in the second wait of which somebody presses Ctrl-C."""

        def __init__(self) -> None:
            self.had = 0

        def acquire(self) -> None:
            self.had += 1
            if self.had == 2:
                raise KeyboardInterrupt

    turns = Turns(1)
    with turns.take():
        monkeypatch.setattr("briefqa.threads.threading.Lock", Interrupted)
        with pytest.raises(KeyboardInterrupt), turns.take():
            pass
        monkeypatch.undo()
        assert not turns._waiting and turns._computing == 1
    assert turns._computing == 0
