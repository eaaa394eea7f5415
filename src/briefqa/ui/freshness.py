"""Whether what an open page shows is still new: a newer index, or articles that are ahead of it.

    freshness = Freshness(qa, Path("corpus"))
    news = freshness.news(generation_seen=3)        # asked by each open page every few seconds
    news.newer, news.ahead, news.changes
    news_lines(news, strings)                       # [] where there is none

The corpus is compared by content. So that many pages cost no more than one, what was found is kept for a while, only
one comparison runs at a time, and a file that looks untouched is not read again.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from briefqa.api import BriefQA
from briefqa.changes import Changes, Digest, FileDigests, changes_since, digest_of
from briefqa.errors import CorpusError
from briefqa.ui.strings import Strings

SECONDS_KEPT = 10.0
# Of the time of one core, a twentieth goes into comparisons at most.
KEPT_PER_SECOND_TAKEN = 20.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class News:
    """What an open page should know.

    generation: of the index now. newer: the page has seen an older one. ahead: how many articles a build would add,
    update or remove. changes: which; None where the corpus is not there.
    """

    generation: int
    newer: bool
    ahead: int
    changes: Changes | None


@dataclass(frozen=True, slots=True)
class _Compared:
    generation: int
    changes: Changes | None
    good_until: float  # on the monotonic clock


class Freshness:
    """Compares an open index with its corpus. Safe to share between threads. digest: how a file is read."""

    def __init__(self, qa: BriefQA, corpus: Path, digest: Digest = digest_of) -> None:
        self._qa = qa
        self._corpus = corpus
        self._digests = FileDigests(digest)
        self._comparing = threading.Lock()
        self._compared: _Compared | None = None
        self._forgotten = 0  # how often `forget` was called

    def news(self, generation_seen: int) -> News:
        """Say what is new to a page that has seen this generation of the index.

        Takes a moment where many files changed; a corpus that is not there is no error. Raises IndexCorruptError.
        """
        with self._qa.store.snapshot() as snapshot:
            generation = snapshot.generation
        compared = self._compare(generation)
        ahead = compared.changes.ahead if compared.changes else 0
        return News(compared.generation, compared.generation > generation_seen, ahead, compared.changes)

    def forget(self) -> None:
        """Compare anew at the next question: after a build or an upload."""
        self._forgotten += 1
        self._compared = None

    def _compare(self, generation: int) -> _Compared:
        """Return what was found lately about this generation or a newer one, or find it out."""
        kept = self._compared
        if kept and kept.generation >= generation and time.monotonic() < kept.good_until:
            return kept
        # Where another thread is at it, what was found before will do, if it is of this index.
        usable = kept is not None and kept.generation >= generation
        if not self._comparing.acquire(blocking=not usable):
            assert kept is not None
            return kept
        try:
            kept = self._compared
            if kept and kept.generation >= generation and time.monotonic() < kept.good_until:
                return kept
            forgotten = self._forgotten
            compared = self._compare_now()
            if forgotten == self._forgotten:
                self._compared = compared
            return compared
        finally:
            self._comparing.release()

    def _compare_now(self) -> _Compared:
        started = time.monotonic()
        with self._qa.store.snapshot() as snapshot:
            generation, known, problems = snapshot.generation, snapshot.known_articles(), snapshot.problems()
        try:
            changes = changes_since(known, problems, self._corpus, self._digests)
        except (CorpusError, OSError) as error:
            _log.info("the corpus cannot be compared with the index: %s", error)
            changes = None
        self._digests.forget_missing()
        ended = time.monotonic()
        return _Compared(generation, changes, ended + max(SECONDS_KEPT, KEPT_PER_SECOND_TAKEN * (ended - started)))


def news_lines(news: News, strings: Strings) -> list[str]:
    """Return what to tell the readers of an open page; nothing where there is no news."""
    lines = [strings.news_newer] if news.newer else []
    if news.ahead:
        many = strings.news_ahead_many.format(count=f"{news.ahead:,}")
        lines.append(strings.news_ahead_one if news.ahead == 1 else many)
    return lines
