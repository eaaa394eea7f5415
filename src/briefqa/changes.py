"""How a corpus differs from an index, by the content of its files.

    changes = changes_since(known, problems, Path("corpus"))
    changes.added, changes.changed, changes.removed

A file that looks untouched need not be read again: FileDigests remembers what it read, as long as somebody keeps it.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from briefqa.articles import read_article
from briefqa.corpus import list_articles, name_below, read_bytes, slug_of
from briefqa.errors import ArticleError
from briefqa.settings import Limits
from briefqa.store import open_ledger

Progress = Callable[[str, int, int], None]
"""Called with what is being done ("reading" or "embedding"), how much of it is done, and of how much."""
Digest = Callable[[Path], str]
"""Returns the SHA-256 of a file in hexadecimal digits, "" for one that cannot be read."""
Signature = tuple[int, ...]
"""Time, size and place on the disk of a file: another one where it was written to."""

# Two writes within one tick of a file system's clock leave the same time behind; a file this young is read again.
_SECONDS_UNSETTLED = 3.0


@dataclass(frozen=True, slots=True)
class Changes:
    """How the corpus differs from the index.

    to_read: the files that a build reads: new, changed, or not indexed because they could not be read. added: paths
    below the corpus. changed, removed, unchanged: slugs. refused: paths of those that cannot be read, as the last build
    said; they are no news.
    """

    to_read: tuple[Path, ...]
    unchanged: tuple[str, ...]
    removed: tuple[str, ...]
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def ahead(self) -> int:
        """How many articles a build would add, update or remove."""
        return len(self.added) + len(self.changed) + len(self.removed)


def digest_of(path: Path) -> str:
    """Read a file and return its SHA-256; see Digest."""
    most = Limits.from_environment().max_file_bytes
    try:
        data = read_bytes(path, most)
    except ArticleError:
        return ""  # reading it as an article says what is wrong with it
    return hashlib.sha256(data).hexdigest() if len(data) <= most else ""


def signature_of(stat: os.stat_result) -> Signature:
    """Return what tells a file that was written to from one that was left alone."""
    return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino


class FileDigests:
    """Reads a file again only if its time, size or place on the disk changed since. For one thread at a time.

    unsettled: seconds that a file must have been left alone before it is trusted.
    """

    def __init__(self, digest: Digest = digest_of, unsettled: float = _SECONDS_UNSETTLED) -> None:
        self._digest = digest
        self._unsettled = unsettled
        self._known: dict[Path, tuple[Signature, str]] = {}

    def __call__(self, path: Path) -> str:
        """Return the file's SHA-256, "" for one that cannot be read."""
        try:
            stat = os.stat(path)
        except OSError:
            self._known.pop(path, None)
            return ""
        signature = signature_of(stat)
        signed, digest = self._known.get(path, ((), ""))
        if signed != signature:
            digest = self._digest(path)
            if digest and time.time() - max(stat.st_mtime, stat.st_ctime) > self._unsettled:
                self._known[path] = (signature, digest)
        return digest

    def forget_missing(self) -> None:
        """Drop the files that are no longer there."""
        self.keep({path for path in self._known if path.exists()})

    def keep(self, paths: Collection[Path]) -> None:
        """Drop all files but these."""
        self._known = {path: self._known[path] for path in paths if path in self._known}


def compare(
    corpus: Path,
    paths: Sequence[Path],
    known: Mapping[str, tuple[str, str]],
    report: Progress,
    digest: Digest = digest_of,
) -> Changes:
    """Compare the files of a corpus, by their content, with the articles of an index: slug → (sha256, path)."""
    to_read: list[Path] = []
    added: list[str] = []
    changed: list[str] = []
    unchanged: list[str] = []
    present: set[str] = set()
    for number, path in enumerate(paths, 1):
        relative, slug = name_below(path, corpus), slug_of(path, corpus)
        present.add(slug)
        if slug in known and known[slug] == (digest(path), relative):
            unchanged.append(slug)
        else:
            to_read.append(path)
            if slug in known:
                changed.append(slug)
            else:
                added.append(relative)
        report("reading", number, len(paths))
    removed = tuple(slug for slug in known if slug not in present)
    return Changes(tuple(to_read), tuple(unchanged), removed, tuple(added), tuple(changed))


def changes_since(
    known: Mapping[str, tuple[str, str]],
    problems: Iterable[tuple[str, int, str]],
    corpus: Path,
    digest: Digest = digest_of,
) -> Changes:
    """Say how the corpus differs from the index, without building.

    known: slug → (sha256, path) of what is indexed. problems: (path, line, message) of the last build; a file that it
    could not read, and that still cannot be read for the same reason, is no news. Raises CorpusError.
    """
    changes = compare(corpus, list_articles(corpus)[0], known, say_nothing, digest)
    told = set(problems)
    blamed = {path for path, *_ in told}
    refused = {path for path in changes.added if path in blamed and _refusal(corpus / path, corpus) in told}
    added = tuple(path for path in changes.added if path not in refused)
    return replace(changes, added=added, refused=tuple(sorted(refused)))


def _refusal(path: Path, corpus: Path) -> tuple[str, int, str] | None:
    """Return the problem of a file that cannot be read, as an index keeps it; None if it can."""
    try:
        read_article(path, corpus)
    except ArticleError as error:
        return path.relative_to(corpus).as_posix(), error.line, str(error)
    return None


def corpus_changes(corpus: Path, index: Path, store: str = "") -> Changes:
    """Say how the corpus differs from the index, without building; all is added where there is no index yet.

    store: the address of a Milvus that holds the index. Raises CorpusError, IndexCorruptError, StoreError.
    """
    with open_ledger(index, store) as ledger:
        return changes_since(ledger.articles, ledger.problems, corpus)


def say_nothing(step: str, done: int, total: int) -> None:
    """Be the Progress of those who do not want any."""
