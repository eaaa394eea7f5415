"""A watcher beside the server: what changes in the corpus is in the next answer, and in the log."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from briefqa.encoders import Encoder
from briefqa.watching import Built, Trouble, Watcher, WatchEvent
from briefqa.writing import one_line

# A build that is given up ends with the texts that are being embedded; the server does not wait for more.
_SECONDS_TO_END = 2.0

_log = logging.getLogger(__name__)


class Upkeep:
    """Watches a corpus in a thread of its own, from `start` to `end`.

    encoder: what the index was built with, if it is an Encoder of your own. built: called after each build that changed
    something. store: the address of the index, if it is not in the folder.
    """

    def __init__(
        self,
        corpus: Path,
        index: Path,
        encoder: Encoder | None,
        built: Callable[[], object],
        device: str = "",
        store: str = "",
    ) -> None:
        self._built = built
        self._watcher = Watcher(corpus, index, encoder, tell=self._tell, device=device, store=store)
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def end(self) -> None:
        """Stop watching; a build that is being made is given up, which leaves the old index."""
        self._watcher.stop()
        self._thread.join(_SECONDS_TO_END)

    def _run(self) -> None:
        try:
            self._watcher.run()
        except Exception:
            _log.exception("the corpus is no longer watched")

    def _tell(self, event: WatchEvent) -> None:
        _log.log(logging.WARNING if isinstance(event, Trouble) else logging.INFO, "%s", one_line(str(event)))
        if isinstance(event, Built):
            for problem in event.report.problems:
                _log.warning("%s", one_line(f"{problem.path}:{problem.line}: {problem.message}"))
            self._built()
