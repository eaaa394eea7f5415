"""Builds from the page: one at a time, watched by whoever asked for it.

    rebuilding = Rebuilding(Path("corpus"), Path("index"))
    for state in rebuilding.run():                  # a second caller joins the build that runs
        show(render_progress(state, strings))       # the last state has a report or an error

The build goes on where its watcher leaves. What goes wrong is told in words that name no place on the server; the log
has the rest.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from briefqa.encoders import Encoder
from briefqa.errors import (
    BriefqaError,
    CorpusError,
    EncoderMismatchError,
    EncoderNotFoundError,
    IndexCorruptError,
    IndexLockedError,
    IndexWriteError,
)
from briefqa.indexing import BuildReport, build
from briefqa.ui.briefs import render_problems
from briefqa.ui.strings import Strings
from briefqa.ui.turns import render_notice

# As often as an eye can follow a bar.
SECONDS_BETWEEN_STATES = 0.1

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RebuildState:
    """How far a build is.

    step: "starting", "reading", "embedding", and at the end "done" or "failed". done, total: of the step; total is 0
    where it is not known. report: of a build that is done. error: of one that failed.
    """

    step: str = "starting"
    done: int = 0
    total: int = 0
    report: BuildReport | None = None
    error: Exception | None = None


class _Run:
    """One build in a thread of its own."""

    def __init__(self) -> None:
        self.state = RebuildState()
        self.ended = threading.Event()

    def progress(self, step: str, done: int, total: int) -> None:
        self.state = RebuildState(step, done, total)


class Rebuilding:
    """Brings an index up to date, one build at a time. Safe to share between threads.

    encoder: what the index was built with, if it is an Encoder of your own. ended: called after each build, also one
    that failed, before its last state is told. device: as in briefqa.build. store: the address of the index, if it is
    not in the folder.
    """

    def __init__(
        self,
        corpus: Path,
        index: Path,
        encoder: Encoder | None = None,
        ended: Callable[[], object] | None = None,
        device: str | None = None,
        store: str = "",
    ) -> None:
        self._corpus = corpus
        self._index = index
        self._store = store
        self._encoder = encoder
        self._ended = ended
        self._device = device
        self._lock = threading.Lock()
        self._current: _Run | None = None

    @property
    def running(self) -> bool:
        """Whether a build is being made now."""
        current = self._current
        return current is not None and not current.ended.is_set()

    def run(self) -> Iterator[RebuildState]:
        """Start a build, or join the one that runs, and yield its states, at most ten a second; the last one always."""
        with self._lock:
            if self._current is None or self._current.ended.is_set():
                self._current = _Run()
                # A daemon: a server that is stopped does not wait, and a build that is cut off leaves the old index.
                threading.Thread(target=self._build, args=(self._current,), name="rebuild", daemon=True).start()
            current = self._current
        told = None
        while not current.ended.wait(SECONDS_BETWEEN_STATES if told else 0):
            if current.state != told:
                told = current.state
                yield told
        yield current.state

    def _build(self, current: _Run) -> None:
        try:
            report = build(
                self._corpus,
                self._index,
                self._encoder,
                progress=current.progress,
                device=self._device,
                store=self._store,
            )
            state = RebuildState("done", report=report)
        except BriefqaError as error:
            _log.warning("the index could not be rebuilt: %s", error)
            state = replace(current.state, step="failed", error=error)
        except Exception as error:
            _log.exception("the index could not be rebuilt")
            state = replace(current.state, step="failed", error=error)
        try:
            if self._ended:
                self._ended()
        except Exception:
            _log.exception("what follows a build failed")
        finally:
            current.state = state
            current.ended.set()


def render_progress(state: RebuildState, strings: Strings) -> str:
    """Return a state as HTML: a bar with words, or at the end the report or what went wrong."""
    if state.error:
        return render_notice(error_words(state.error, strings))
    if state.report:
        return render_report(state.report, strings)
    steps = {"reading": strings.rebuild_reading, "embedding": strings.rebuild_embedding}
    words = steps.get(state.step, strings.rebuild_starting)
    known = 0 < state.total and 0 <= state.done <= state.total
    count = strings.rebuild_of.format(done=f"{state.done:,}", total=f"{state.total:,}") if known else ""
    place = f' max="{state.total}" value="{state.done}"' if known else ""
    return (
        f'<div class="bq-progress"><p>{escape(words)} <span class="bq-count">{escape(count)}</span></p>'
        f'<progress aria-label="{escape(words)}"{place}></progress></div>'
    )


def render_report(report: BuildReport, strings: Strings) -> str:
    """Return what a build did, and what it could not read."""
    articles = strings.report_briefs.format(
        added=f"{report.articles_added:,}",
        updated=f"{report.articles_updated:,}",
        removed=f"{report.articles_removed:,}",
        unchanged=f"{report.articles_unchanged:,}",
    )
    chunks = strings.report_chunks.format(
        embedded=f"{report.chunks_embedded:,}", reused=f"{report.chunks_reused:,}", seconds=f"{report.seconds:.1f}"
    )
    problems = render_problems(((problem.path, problem.line, problem.message) for problem in report.problems), strings)
    return f'<div class="bq-report" role="status"><p>{escape(articles)}</p><p>{escape(chunks)}</p>{problems}</div>'


def error_words(error: Exception, strings: Strings) -> str:
    """Return what went wrong with a build, in words that name no place on the server."""
    for kinds, words in (
        ((IndexLockedError,), strings.rebuild_locked),
        ((CorpusError, IndexWriteError), strings.rebuild_corpus),
        ((EncoderMismatchError, EncoderNotFoundError), strings.rebuild_encoder),
        ((IndexCorruptError,), strings.rebuild_corrupt),
    ):
        if isinstance(error, kinds):
            return words
    return strings.rebuild_failed
