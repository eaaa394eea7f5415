"""What changed since the last build, embed that, commit: corpus → BuildReport.

report = build("corpus", "index")
report.articles_added, report.chunks_embedded, report.problems

builder = Builder("corpus", "index")            # for many builds: the encoder is loaded once
builder.build()
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from briefqa.articles import Article, Problem, list_articles, read_article, slug_of
from briefqa.changes import (
    Changes,
    Digest,
    FileDigests,
    Progress,
    changes_since,
    compare,
    corpus_changes,
    digest_of,
    say_nothing,
)
from briefqa.chunks import CHUNKING, Chunk, chunk_article, chunk_passage, span_passage
from briefqa.encoders import Encoder, load_bulk, load_encoder
from briefqa.encoders.fanout import FannedOut, Workers, fan_out
from briefqa.encoders.geometry import load_geometry, measure
from briefqa.errors import ArticleError, EncoderMismatchError
from briefqa.lexicon import TERMS, Lexicon, load_lexicon
from briefqa.logs import fields
from briefqa.settings import DEFAULT_ENCODER, Settings
from briefqa.store import Writer, open_ledger, open_writer
from briefqa.store.embedded import Embedded, discard_embedded

__all__ = [
    "BuildReport",
    "Builder",
    "Changes",
    "Digest",
    "Progress",
    "Unfinished",
    "build",
    "changes_since",
    "compare",
    "corpus_changes",
    "digest_of",
]

# Passages read at a time: enough to sort by length, few enough that memory stays flat on a large corpus.
_PASSAGES_A_BATCH = 8_000
# Passages embedded at a time; where there are more, each lot is kept in case that the build is interrupted: some ten
# seconds' work of the bundled encoder.
_PASSAGES_KEPT = 1_000

_log = logging.getLogger(__name__)

Unfinished = Callable[[Path, ArticleError | None], bool]
"""Says whether a file is still being written. Asked before it is read, with None, and where it cannot be, with the
error; what is unfinished stays in the index as it is there."""


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did. problems: one for each file that could not be read, or was read with a loss."""

    articles_added: int
    articles_updated: int
    articles_removed: int
    articles_unchanged: int
    chunks_embedded: int
    chunks_reused: int
    problems: tuple[Problem, ...]
    seconds: float


def build(
    corpus: str | Path | None = None,
    index: str | Path | None = None,
    encoder: str | Encoder | None = None,
    *,
    full: bool = False,
    progress: Progress | None = None,
    wait: float = 0.0,
    workers: int | None = None,
    ray: str | None = None,
    device: str | None = None,
    store: str | None = None,
) -> BuildReport:
    """Bring the index up to date with the corpus, in one transaction.

    Where it is interrupted, the index is what it was, and the next build need not embed again what this one has.

    encoder: "bundled", a sentence-transformers model by name or folder, or an Encoder of your own; left out, the one
    that the index was built with. full: forget the old index and embed everything again; until that is done, questions
    are answered from the old one. wait: seconds to wait for another build to end. workers: how many processes embed.
    ray: "local", "auto" or the address of a Ray cluster that embeds; workers is then how many of its processors, all
    unless given. device: one of torch's, "cpu", "cuda" or "mps"; left out, what torch finds. store: the address of a
    Milvus that holds the index, see docs/milvus.md. briefqa.plan says what a build would do. Raises CorpusError,
    IndexLockedError, IndexWriteError, IndexCorruptError, StoreError, EncoderNotFoundError, EncoderMismatchError,
    DeviceError, WorkersError.
    """
    return Builder(corpus, index, encoder, store, Workers(workers, ray or ""), device).build(
        full=full, progress=progress, wait=wait
    )


class Builder:
    """Brings an index up to date with its corpus, any number of times; for one thread at a time.

    What costs a start is kept: the encoder once it is loaded, and the digests of files that look untouched.
    """

    def __init__(
        self,
        corpus: str | Path | None = None,
        index: str | Path | None = None,
        encoder: str | Encoder | None = None,
        store: str | None = None,
        workers: Workers | None = None,
        device: str | None = None,
    ) -> None:
        self._own = encoder if encoder is not None and not isinstance(encoder, str) else None
        name = self._own.name if self._own else encoder
        self._settings = Settings.from_environment(corpus=corpus, index=index, encoder=name, device=device, store=store)
        self.corpus, self.index, self.address = self._settings.corpus, self._settings.index, self._settings.store
        self.place = self._settings.place
        self._workers = workers or Workers()
        self._digests = FileDigests()
        self._loaded: Encoder | None = self._own

    def build(
        self,
        *,
        full: bool = False,
        progress: Progress | None = None,
        unfinished: Unfinished | None = None,
        wait: float = 0.0,
    ) -> BuildReport:
        """Bring the index up to date, and raise what briefqa.build does. unfinished: which files are left for later."""
        started = time.perf_counter()
        corpus, report = self.corpus, progress or say_nothing
        paths, problems = list_articles(corpus)
        with open_writer(self.index, self.address, wait) as writer:
            if writer.waited:
                paths, problems = list_articles(corpus)
            name = self._settings.encoder or writer.meta.get("encoder") or DEFAULT_ENCODER
            anew = full or (writer.meta.get("chunking"), writer.meta.get("terms")) != (CHUNKING, TERMS)
            if full:
                writer.clear()
            elif writer.meta.get("encoder", name) != name:
                raise EncoderMismatchError.between(self.place, writer.meta["encoder"], name)
            before = writer.known_articles()
            if anew:
                writer.forget_articles()

            known = writer.known_articles()
            told = writer.known_problems()
            changes = compare(corpus, paths, known, report, self._digests)
            self._digests.keep(paths)
            reading = Reading(corpus, None if anew else unfinished)
            indexed: set[str] = set()
            embedded = 0
            model: Encoder | None = None
            to_read = reading.finished(changes.to_read)
            if to_read:
                model = self._load(name)
                empty = not writer.has_vectors()
                if not empty and model.fingerprint != writer.meta["fingerprint"]:
                    raise EncoderMismatchError.between(self.place, writer.meta["fingerprint"], model.fingerprint)
                if empty or not writer.has_geometry():
                    writer.put_geometry(measure(model) if self._own else load_geometry(model, self._settings.cache_dir))
                lexicon = load_lexicon(self._settings.cache_dir)
                with (
                    Embedded(self.index, f"{model.fingerprint}{' anew' if full else ''}") as interrupted,
                    fan_out(model, self._workers, self._settings, own=model is self._own) as embedder,
                ):
                    least = embedder.at_once if isinstance(embedder, FannedOut) else 0
                    for batch in reading.batches(to_read, model, least):
                        embedded += _store(writer, embedder, lexicon, batch, least, interrupted, report)
                        indexed |= {article.slug for article, _ in batch}
            waiting = {slug_of(path, corpus) for path in reading.waiting} & set(known)
            removed = set(before) - set(changes.unchanged) - indexed - waiting
            for slug in removed:
                writer.remove_article(slug)

            kept = {known[slug][1] for slug in changes.unchanged}
            kept |= {path.relative_to(corpus).as_posix() for path in reading.waiting}
            problems += [*reading.problems, *(problem for problem in told if problem.path in kept)]
            problems.sort(key=lambda problem: (problem.path, problem.line))
            if indexed or removed or anew:
                writer.commit(
                    corpus=corpus,
                    encoder=name,
                    fingerprint=model.fingerprint if model else writer.meta.get("fingerprint", ""),
                    chunking=CHUNKING,
                    terms=TERMS,
                    problems=problems,
                )
            else:
                if sorted(map(_as_row, told)) != sorted(map(_as_row, problems)):
                    writer.commit_problems(problems)
                writer.remove_leftovers()
            discard_embedded(self.index)
            made = BuildReport(
                articles_added=len(indexed - set(before)),
                articles_updated=len(indexed & set(before)),
                articles_removed=len(removed),
                articles_unchanged=len(changes.unchanged) + len(waiting),
                chunks_embedded=embedded,
                chunks_reused=writer.count_chunks() - embedded,
                problems=tuple(problems),
                seconds=time.perf_counter() - started,
            )
            _log.info("build", extra=fields(**asdict(made)))
            return made

    def make_ready(self) -> None:
        """Load now what a build needs that has many texts to embed; about a GB for the bundled encoder."""
        with open_ledger(self.index, self.address) as ledger:
            name = self._settings.encoder or ledger.meta.get("encoder") or DEFAULT_ENCODER
        load_bulk(self._load(name))
        load_lexicon(self._settings.cache_dir)

    def _load(self, name: str) -> Encoder:
        if self._loaded is None or self._loaded.name != name:
            self._loaded = load_encoder(name, self._settings.cache_dir, self._settings.device)
        return self._loaded


def _as_row(problem: Problem) -> tuple[str, int, str]:
    return problem.path, problem.line, problem.message


class Reading:
    """Reads and chunks articles. problems: of those that were read. waiting: those that are left for later."""

    def __init__(self, corpus: Path, unfinished: Unfinished | None = None) -> None:
        self._corpus = corpus
        self._unfinished = unfinished or (lambda *_: False)
        self.problems: list[Problem] = []
        self.waiting: list[Path] = []

    def finished(self, paths: Iterable[Path]) -> list[Path]:
        """Return those of the files that nobody is writing to."""
        unfinished = {path for path in paths if self._unfinished(path, None)}
        self.waiting += sorted(unfinished)
        return [path for path in paths if path not in unfinished]

    def batches(
        self, paths: Iterable[Path], encoder: Encoder, least: int = 0
    ) -> Iterator[list[tuple[Article, list[Chunk]]]]:
        """Yield as many articles at a time as fill a batch. least: passages that a batch has, if not more."""
        batch: list[tuple[Article, list[Chunk]]] = []
        passages = 0
        for path in paths:
            try:
                article = read_article(path, self._corpus)
            except ArticleError as error:
                if self._unfinished(path, error):
                    self.waiting.append(path)
                else:
                    self.problems.append(Problem(path.relative_to(self._corpus).as_posix(), error.line, str(error)))
                continue
            self.problems.extend(article.warnings)
            chunks = chunk_article(article, encoder.max_tokens, encoder.count_tokens)
            batch.append((article, chunks))
            passages += sum(1 + len(chunk.spans) for chunk in chunks)
            if passages >= max(least, _PASSAGES_A_BATCH):
                yield batch
                batch, passages = [], 0
        if batch:
            yield batch


class Passages:
    """The texts of articles that are embedded, each by its hash.

    articles: each with its chunks, the hash of each chunk's passage, and those of its spans, chunk after chunk.
    """

    def __init__(self, batch: Iterable[tuple[Article, list[Chunk]]]) -> None:
        self.texts: dict[bytes, str] = {}
        self.articles: list[tuple[Article, list[Chunk], list[bytes], list[bytes]]] = []
        for article, chunks in batch:
            chunk_hashes = [self._remember(chunk_passage(chunk)) for chunk in chunks]
            span_hashes = [self._remember(span_passage(chunk, span)) for chunk in chunks for span in chunk.spans]
            self.articles.append((article, chunks, chunk_hashes, span_hashes))

    def _remember(self, passage: str) -> bytes:
        key = hashlib.sha256(passage.encode("utf-8", "surrogatepass")).digest()
        self.texts[key] = passage
        return key

    def count_chunks(self, hashes: Collection[bytes]) -> int:
        """Return how many of the chunks have one of these hashes."""
        return sum(key in hashes for _, _, chunk_hashes, _ in self.articles for key in chunk_hashes)


def _store(
    writer: Writer,
    encoder: Encoder,
    lexicon: Lexicon,
    batch: list[tuple[Article, list[Chunk]]],
    least: int,
    interrupted: Embedded,
    report: Progress,
) -> int:
    """Embed the passages without a stored vector, store the articles, and return how many chunks were embedded.

    least: passages that are embedded at a time, at least. interrupted: what a build has embedded that was never
    committed.
    """
    at_once = max(least, _PASSAGES_KEPT)
    passages = Passages(batch)
    missing = sorted(writer.missing(passages.texts))
    found = interrupted.take(missing, encoder.dim)
    if found:
        writer.add_vectors(list(found), np.stack(list(found.values())))
    done = len(found)

    def advance(count: int) -> None:
        nonlocal done
        done += count
        report("embedding", done, len(missing))

    left = [key for key in missing if key not in found]
    if len(left) > at_once:
        left.sort(key=lambda key: -len(passages.texts[key]))  # texts of one length are embedded fastest
    for start in range(0, len(left), at_once):
        some = left[start : start + at_once]
        vectors = encoder.encode_document([passages.texts[key] for key in some], advance)
        if len(left) > at_once:
            interrupted.keep(some, vectors)
        writer.add_vectors(some, vectors)
    for article, chunks, chunk_hashes, span_hashes in passages.articles:
        places = [lexicon.places(chunk) for chunk in chunks]
        writer.put_article(article, chunks, chunk_hashes, span_hashes, places)
    return passages.count_chunks(set(left))
