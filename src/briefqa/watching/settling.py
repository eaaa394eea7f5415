"""When what changed is whole: a file that still grows waits, and one that cannot be read yet is tried again."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable
from pathlib import Path

from briefqa.errors import ArticleError

QUIET = 0.05
"""Seconds without a change after which a file is taken to be whole: a program writes a brief in milliseconds."""
_QUIET_WHEN_GROWING = 0.5
"""The same for a file that was seen to be written to again: it is written in parts, or comes over a network."""
_AGAIN_WITHIN = 3.0
"""Seconds after a change in which another one counts as again."""
_LONGEST_GROWTH = 60.0
"""Seconds that a file may go on growing before it is read as it is: it is a log then, or a mistake."""
_PATIENCE = 3.0
"""Seconds in which a file that cannot be read is still believed to become whole; then it is a problem."""
RETRY = 0.5
"""Seconds until a file that was not whole is tried again."""


class Settling:
    """What is known of files that change just now, each by its path."""

    def __init__(self) -> None:
        self._moved: dict[str, float] = {}  # when it last changed
        self._growing: dict[str, float] = {}  # since when it changes again and again
        self._failed: dict[str, float] = {}  # since when it cannot be read
        self._spared: set[str] = set()
        self._held: set[str] = set()

    def written(self, paths: Iterable[str], in_place: Collection[str]) -> None:
        """Note that these files have just changed. in_place: those that were there before, and were written to."""
        now = time.monotonic()
        for path in paths:
            if path not in in_place:
                self._growing.pop(path, None)  # another file has taken its place, and is whole
            elif now - self._moved.get(path, -_AGAIN_WITHIN) < _AGAIN_WITHIN:
                self._growing.setdefault(path, now)
            self._moved[path] = now

    def quiet_for(self) -> float:
        """Return for how many seconds nothing must change before the files are read."""
        self._forget()
        return _QUIET_WHEN_GROWING if self._growing else QUIET

    def _forget(self) -> None:
        now = time.monotonic()
        self._moved = {path: when for path, when in self._moved.items() if now - when < _AGAIN_WITHIN}
        self._growing = {path: since for path, since in self._growing.items() if path in self._moved}

    def begin(self) -> None:
        """Begin a build: find out which files are left out of it."""
        now = time.monotonic()
        self._forget()
        self._spared.clear()
        self._held = {
            path
            for path, since in self._growing.items()
            if now - self._moved[path] < _QUIET_WHEN_GROWING and now - since < _LONGEST_GROWTH
        }

    @property
    def held(self) -> set[str]:
        """The files that are left out because they grow."""
        return self._held

    def unfinished(self, path: Path, error: ArticleError | None) -> bool:
        """Say whether a file is still being written; see briefqa.indexing.Unfinished."""
        name = os.path.abspath(path)
        if error is None:
            return name in self._held
        if time.monotonic() - self._failed.setdefault(name, time.monotonic()) > _PATIENCE:
            return False
        self._spared.add(name)
        return True

    def end(self, problems: Iterable[str]) -> bool:
        """End a build; say whether a file was left for later. problems: of the files that it could not read."""
        still = self._spared | set(problems)
        self._failed = {path: since for path, since in self._failed.items() if path in still}
        return bool(self._spared or self._held)
