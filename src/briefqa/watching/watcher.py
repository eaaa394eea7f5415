"""The loop that looks, waits until it is quiet, builds and reports; nothing that goes wrong ends it."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from briefqa.encoders import Encoder
from briefqa.errors import BriefqaError, IndexLockedError
from briefqa.indexing import Builder, BuildReport
from briefqa.store import open_ledger
from briefqa.watching.alarms import Alarm, Clock, Events, must_poll
from briefqa.watching.settling import RETRY, Settling
from briefqa.watching.sight import Sight, look, signature_at
from briefqa.writing import one_line

_MOST_GATHERED = 2.0
"""Seconds after which changes are built though more are coming in."""
_REST = 5.0
"""Seconds at most between two builds of a long storm; a build may take half of the time."""
_REST_PER_LOOK, _REST_PER_POLL = 100, 10
"""An idle watcher looks for a hundredth of its time at most; for a tenth where it goes by the clock."""
_AWAY = 0.5
"""Seconds between two looks for a corpus that is not there."""
_BELIEVE_EMPTY = 10.0
"""Seconds after which a corpus that has lost all of its articles at once is believed to be empty: what a network mount
leaves behind when it goes is an empty folder, and 3,000 articles would be embedded again when it comes back."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
"""Seconds until a build that failed is tried again, at first and at most."""
_LOCKED_PAUSE = 0.5
"""Seconds until an index that another build writes to is tried again."""

_log = logging.getLogger(__name__)


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class Watching:
    """The watcher has begun. polling: it goes by the clock."""

    corpus: str
    index: str
    polling: bool
    time: str = field(default_factory=_now)

    def __str__(self) -> str:
        how = ", looking every second" if self.polling else ""
        return f"watching {self.corpus} for {self.index}{how}"


@dataclass(frozen=True, slots=True)
class Built:
    """A build that changed something, or found other problems than the last one; the first one in any case."""

    report: BuildReport
    time: str = field(default_factory=_now)

    def __str__(self) -> str:
        report = self.report
        return (
            f"{self.time[11:19]} {report.articles_added} added, {report.articles_updated} updated, "
            f"{report.articles_removed} removed; {report.chunks_embedded} chunks embedded; {report.seconds:.2f} s"
        )


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that keeps the watcher from building. retry_in: seconds until it tries again."""

    message: str
    retry_in: float
    time: str = field(default_factory=_now)

    def __str__(self) -> str:
        return f"{self.time[11:19]} {self.message}; trying again in {self.retry_in:g} s"


WatchEvent = Watching | Built | Trouble


class _Stopped(Exception):
    """Ends a build that nobody waits for any more."""


class Watcher:
    """Keeps an index up to date with its corpus, from `run` to `stop`.

    encoder, device: as in briefqa.build. poll: look every second instead of waiting for events; left out, where the
    file system tells of none. tell: called with what happens, in the thread that runs. ready: load at once what
    embeds many texts quickly, about a GB, so that no change waits for it.
    """

    def __init__(
        self,
        corpus: str | Path | None = None,
        index: str | Path | None = None,
        encoder: str | Encoder | None = None,
        *,
        poll: bool | None = None,
        tell: Callable[[WatchEvent], object],
        ready: bool = False,
        device: str | None = None,
        store: str | None = None,
    ) -> None:
        self._builder = Builder(corpus, index, encoder, store, device=device)
        self._corpus = self._builder.corpus
        self._poll = poll
        self._tell = tell
        self._ready = ready
        self._stop = threading.Event()
        self._alarm: Alarm = Clock({})
        self._settling = Settling()
        self._seen: Sight | None = None  # what lay there at the last look
        self._built: Sight | None = None  # what lay there when the last build began
        self._due = float("inf")  # when a build is due though nothing changed
        self._not_before = 0.0  # the earliest time of the next build
        self._failures = 0
        self._told = ""  # the trouble that was told last, so that a long one is told once
        self._problems: object = None
        self._filled = False  # whether the index has articles
        self._empty_since = 0.0
        self._look_took = 0.0  # seconds

    def run(self) -> None:
        """Watch until `stop` is called, or Ctrl-C is pressed, which raises KeyboardInterrupt."""
        polling = must_poll(self._corpus, self._poll)
        self._poll = polling
        self._tell(Watching(str(self._corpus), self._builder.place, polling))
        with suppress(BriefqaError), open_ledger(self._builder.index, self._builder.address) as ledger:
            self._filled = bool(ledger.articles)
        try:
            while not self._stop.is_set():
                self._turn()
        except _Stopped:
            pass
        finally:
            self._alarm.close()

    def stop(self) -> None:
        """End `run` soon; a build that is being made is given up, which leaves the old index."""
        self._stop.set()

    def _turn(self) -> None:
        """Look once, and wait or build."""
        sight = self._look()
        if sight is None or self._listen(sight):
            return  # what came before it listened is seen by looking once more
        changed = self._built is None or sight.files != self._built.files
        now = time.monotonic()
        if now < self._not_before:
            self._pause(self._not_before - now)
        elif changed or now >= self._due:
            gathered = self._gather(sight, self._built) if self._built else sight
            if gathered is not None and not self._stop.is_set():
                self._build(gathered)
        else:
            rest = self._look_took * (_REST_PER_POLL if self._alarm.polling else _REST_PER_LOOK)
            self._alarm.wait(min(self._due - now, max(self._alarm.every, rest)), self._stop)

    def _pause(self, seconds: float) -> None:
        """Wait for the next build; after one that failed, a change may be the cure."""
        if not self._failures:
            self._stop.wait(seconds)
        elif self._alarm.wait(seconds, self._stop):
            self._not_before = min(self._not_before, time.monotonic() + _FIRST_PAUSE)

    def _look(self) -> Sight | None:
        """Return what lies in the corpus; None, after a pause, if it is away."""
        started = time.monotonic()
        try:
            sight = look(self._corpus)
        except OSError as error:
            self._away(f"{self._corpus} is not there ({error.strerror})")
            return None
        self._look_took = time.monotonic() - started
        if sight.files or not self._filled:
            self._empty_since = 0.0
        else:
            self._empty_since = self._empty_since or started
            if started - self._empty_since < _BELIEVE_EMPTY:
                self._away(f"{self._corpus} has lost all of its articles")
                return None
        self._note(sight)
        return sight

    def _note(self, sight: Sight) -> None:
        """Note what was seen, and which files changed since the last look."""
        if self._seen is not None and sight.files != self._seen.files:
            self._settling.written(sight.differing(self._seen), sight.written_since(self._seen))
        self._seen = sight

    def _away(self, what: str) -> None:
        """Say that the corpus is away, and wait a moment."""
        self._trouble(f"{what}: the index is left as it is", _AWAY)
        self._alarm.close()
        self._alarm = Clock({})
        self._stop.wait(_AWAY)

    def _listen(self, sight: Sight) -> bool:
        """Listen to the folders that are there; say whether that is new."""
        if sight.folders == self._alarm.folders:
            return False
        self._alarm.close()
        self._alarm = Clock(sight.folders)
        if self._poll:
            return False
        try:
            self._alarm = Events(sight.folders)
        except FileNotFoundError:
            self._alarm = Clock({})  # a folder went just now: look again
        except (OSError, RuntimeError) as error:
            self._poll = True
            self._trouble(f"the system cannot tell of changes ({error}): looking every second instead", 1)
        return True

    def _gather(self, sight: Sight, built: Sight) -> Sight | None:
        """Wait until nothing changes any more, or long enough; return what lies there then, None if it is away."""
        deadline = time.monotonic() + _MOST_GATHERED
        while not self._stop.is_set():
            quiet = self._settling.quiet_for()
            stirred = False
            while self._alarm.wait(quiet, self._stop) and time.monotonic() < deadline:
                stirred = True
            before = sight
            if stirred or self._alarm.polling:
                found = self._look()
                if found is None:
                    return None
                sight = found
            else:  # nothing was heard, but a file may grow without a word
                changed = sight.differing(built) & sight.files.keys()
                sight = Sight({**sight.files, **{path: signature_at(path) for path in changed}}, sight.folders)
                self._note(sight)
            if sight.files == before.files or time.monotonic() >= deadline:
                break
        return sight

    def _build(self, sight: Sight) -> None:
        self._settling.begin()
        started = time.monotonic()
        changed = sight.differing(self._built) if self._built else set()
        if changed and changed <= self._settling.held:
            self._not_before = started + RETRY
            return
        try:
            report = self._builder.build(progress=self._progress, unfinished=self._settling.unfinished)
        except IndexLockedError:
            self._trouble(f"another build is writing to {self._builder.place}", _LOCKED_PAUSE)
            self._not_before = time.monotonic() + _LOCKED_PAUSE
            return
        except _Stopped:
            raise
        except Exception as error:
            self._fail(error)
            return
        ended = time.monotonic()
        waits = self._settling.end(os.path.abspath(self._corpus / problem.path) for problem in report.problems)
        self._due = ended + RETRY if waits else float("inf")
        self._not_before = ended + min(ended - started, _REST)
        self._failures, self._told = 0, ""
        self._report(report, first=self._built is None)
        self._built, self._filled = sight, bool(sight.files)
        if self._ready:
            self._make_ready()

    def _make_ready(self) -> None:
        try:
            self._builder.make_ready()
            self._ready = False
        except Exception as error:
            self._fail(error)
            self._due = self._not_before

    def _report(self, report: BuildReport, first: bool) -> None:
        changed = report.articles_added or report.articles_updated or report.articles_removed
        if first or changed or report.problems != self._problems:
            self._problems = report.problems
            self._tell(Built(report))

    def _fail(self, error: Exception) -> None:
        pause = min(_FIRST_PAUSE * 2**self._failures, _LONGEST_PAUSE)
        self._failures += 1
        self._not_before = time.monotonic() + pause
        known = isinstance(error, BriefqaError)
        _log.debug("the index could not be built", exc_info=error)
        self._told = ""  # each try is told
        self._trouble(str(error) if known else f"the build failed ({type(error).__name__}: {error})", pause)

    def _trouble(self, message: str, retry_in: float) -> None:
        if message != self._told:
            self._told = message
            self._tell(Trouble(one_line(message), retry_in))

    def _progress(self, step: str, done: int, total: int) -> None:
        if self._stop.is_set():
            raise _Stopped
