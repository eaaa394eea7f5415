"""How long the stages of an answer take, for logs and metrics.

    stages = Stages()
    with stages("rank"):
        ...
    stages.seconds                          # {"rank": 0.021}

An open BriefQA makes a `Record` of each question and hands it to its observers; none holds what was asked.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """A question that was put to an index.

    kind: "ask" or "retrieve". outcome: "quoted", "worded", "unworded" (the language model failed), "refused", "found" (of
    retrieve), "failed", or "left" where nobody waited for the end. seconds: from the call to the end. stages: seconds of
    understand, reword, rank, compose and write, as far as there were such. hits: how many. generation: of the index, 0
    where it was not reached.
    """

    kind: str
    outcome: str
    seconds: float
    stages: Mapping[str, float]
    hits: int
    generation: int


class Stages:
    """Adds up the seconds of each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._began = time.perf_counter()

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Count what is done inside to a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began

    def record(self, kind: str, outcome: str, hits: int = 0, generation: int = 0) -> Record:
        """Return the record of a question that ends now."""
        return Record(kind, outcome, time.perf_counter() - self._began, self.seconds, hits, generation)
