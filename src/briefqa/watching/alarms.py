"""Waiting until something may have changed: for events of the file system, or for the clock."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from watchfiles import Change
from watchfiles._rust_notify import RustNotify

from briefqa.watching.sight import tells_of_changes

_STEP_MS = 20
"""Between two looks at the events that came in, and the time in which no more may come. An idle watcher wakes up fifty
times a second for some 20 µs each."""
_LOOK_EVERY = 10.0
"""Seconds after which to look though nothing was heard: events can be lost. 3,000 files take 20 ms."""
_POLL_EVERY = 1.0
"""Seconds between two looks where nothing is ever heard."""
_OFF = {"false", "disable", "disabled"}  # what watchfiles takes for a no in WATCHFILES_FORCE_POLLING


class Alarm(Protocol):
    """What wakes a watcher."""

    polling: bool
    """Whether it is the clock that does."""
    folders: Mapping[str, int]
    """What it listens to, as in Sight."""
    every: float
    """Seconds after which to look in any case."""

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Wait until something stirs, but no longer than that; say whether something did."""

    def close(self) -> None:
        """Stop listening."""


class Events:
    """Listens to folders, not to what lies below them. Raises OSError, RuntimeError where that is not possible."""

    polling = False
    every = _LOOK_EVERY

    def __init__(self, folders: Mapping[str, int]) -> None:
        self.folders = folders
        # Not recursive: that would follow links out of the corpus. What watchfiles calls polling is not used either: it
        # compares times in whole seconds, and so misses the second of two edits.
        self._notify = RustNotify(sorted(folders), False, False, 0, False, True)

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Wait for an event. Raises KeyboardInterrupt in the main thread, where Ctrl-C would else be swallowed."""
        found = self._notify.watch(_STEP_MS, _STEP_MS, max(round(seconds * 1000), 1), stop)
        if found == "signal":
            raise KeyboardInterrupt
        if not isinstance(found, set):
            return False
        if any(change == Change.deleted and path in self.folders for change, path in found):
            self.folders = {}  # one of this name may be there again, and nobody listens to that
        return True

    def close(self) -> None:
        """Stop listening."""
        self._notify.close()


class Clock:
    """Wakes up every second: for network mounts, which tell of nothing."""

    polling = True

    def __init__(self, folders: Mapping[str, int]) -> None:
        self.folders = folders
        given = os.environ.get("WATCHFILES_POLL_DELAY_MS", "")
        self.every = int(given) / 1000 if given.isdecimal() and int(given) else _POLL_EVERY

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Wait as long as was said."""
        stop.wait(seconds)
        return False

    def close(self) -> None:
        """Be done."""


def must_poll(corpus: Path, poll: bool | None) -> bool:
    """Say whether to go by the clock. poll: what the user said; None: WATCHFILES_FORCE_POLLING, or what is found."""
    if poll is not None:
        return poll
    forced = os.environ.get("WATCHFILES_FORCE_POLLING", "")
    return forced.lower() not in _OFF if forced else not tells_of_changes(corpus)
