"""How long the stages of an answer take, for logs and metrics.

    with Watch("ask", observers) as watch:
        with watch.stage("rank"):
            ...
        watch.outcome = "quoted"
    # each observer got a Record: Record("ask", "quoted", 0.031, {"rank": 0.021}, …)

An open BriefQA makes a record of each question; none holds what was asked.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType

from briefqa.errors import QuestionError
from briefqa.logs import fields

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Record:
    """A question that was put to an index.

    kind: "ask" or "retrieve". outcome: "quoted", "worded" (by a language model), "unworded" (by one that failed),
    "refused", "found" (of retrieve), "invalid" (no question), "failed", or "left" where nobody waited for the end.
    seconds: from the call to the end. stages: seconds of understand, reword, rank, compose and write, of those that
    there were. hits: how many. generation: of the index, 0 where it was not reached.
    """

    kind: str
    outcome: str
    seconds: float
    stages: Mapping[str, float]
    hits: int
    generation: int


Observer = Callable[[Record], object]


class Watch:
    """Adds up the seconds of each stage of a question, and tells the observers and the log when it has ended."""

    def __init__(self, kind: str, observers: Sequence[Observer] = ()) -> None:
        self.outcome = ""
        self.hits = 0
        self.generation = 0
        self._kind = kind
        self._observers = observers
        self._stages: dict[str, float] = {}
        self._began = time.perf_counter()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what is done inside to a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._stages[name] = self._stages.get(name, 0.0) + time.perf_counter() - began

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, GeneratorExit):
            self.outcome = "left"
        elif error is not None:
            self.outcome = "invalid" if isinstance(error, QuestionError) else "failed"
        seconds = time.perf_counter() - self._began
        record = Record(self._kind, self.outcome, seconds, self._stages, self.hits, self.generation)
        for observer in self._observers:
            observer(record)
        if _log.isEnabledFor(logging.INFO):
            stages = {name: round(taken, 4) for name, taken in self._stages.items()}
            values = {"outcome": self.outcome, "seconds": round(seconds, 4), "stages": stages}
            _log.info(self._kind, extra=fields(**values, hits=self.hits, generation=self.generation))
