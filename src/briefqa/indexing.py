"""What changed since the last build, embed that, commit: corpus → BuildReport.

report = build("corpus", "index")
report.articles_added, report.chunks_embedded, report.problems
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from briefqa.articles import Article, Problem, list_articles, read_article, slug_of
from briefqa.chunks import CHUNKING, Chunk, chunk_article, chunk_passage, span_passage
from briefqa.corpus import read_bytes
from briefqa.encoders import Encoder, load_encoder
from briefqa.encoders.geometry import load_geometry, measure
from briefqa.errors import ArticleError, EncoderMismatchError
from briefqa.lexicon import TERMS, Lexicon, load_lexicon
from briefqa.logs import fields
from briefqa.settings import DEFAULT_ENCODER, Limits, Settings
from briefqa.store import IndexReader, IndexWriter

# Passages embedded at a time: enough to sort by length, few enough that memory stays flat on a large corpus.
_PASSAGES_A_BATCH = 8_000

_log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""Called with what is being done ("reading" or "embedding"), how much of it is done, and of how much."""


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
    wait: float = 0.0,
    progress: Progress | None = None,
) -> BuildReport:
    """Bring the index up to date with the corpus, in one transaction.

    encoder: "bundled", a sentence-transformers model by name or folder, or an Encoder of your own; left out, the one
    that the index was built with. full: forget the old index and embed everything again; until that is done, questions
    are answered from the old one. wait: seconds to wait for another build to end. Raises CorpusError,
    IndexLockedError, IndexWriteError, IndexCorruptError, EncoderNotFoundError, EncoderMismatchError.
    """
    started = time.perf_counter()
    own = encoder if encoder is not None and not isinstance(encoder, str) else None
    settings = Settings.from_environment(corpus=corpus, index=index, encoder=own.name if own else encoder)
    report = progress or _say_nothing
    paths, problems = list_articles(settings.corpus)
    with IndexWriter(settings.index, wait) as writer:
        if writer.waited:
            paths, problems = list_articles(settings.corpus)
        name = settings.encoder or writer.meta.get("encoder") or DEFAULT_ENCODER
        anew = full or (writer.meta.get("chunking"), writer.meta.get("terms")) != (CHUNKING, TERMS)
        if full:
            writer.clear()
        elif writer.meta.get("encoder", name) != name:
            raise EncoderMismatchError.between(settings.index, writer.meta["encoder"], name)
        before = writer.known_articles()
        if anew:
            writer.forget_articles()

        known = writer.known_articles()
        changes = compare(settings.corpus, paths, known, report)
        kept = {known[slug][1] for slug in changes.unchanged}
        problems = [*problems, *(problem for problem in writer.known_problems() if problem.path in kept)]
        indexed: set[str] = set()
        embedded = 0
        model: Encoder | None = None
        if changes.to_read:
            model = own or load_encoder(name, settings.cache_dir)
            empty = not writer.count_vectors()
            if not empty and model.fingerprint != writer.meta["fingerprint"]:
                raise EncoderMismatchError.between(settings.index, writer.meta["fingerprint"], model.fingerprint)
            if empty or not writer.has_geometry():
                writer.put_geometry(measure(model) if own else load_geometry(model, settings.cache_dir))
            lexicon = load_lexicon(settings.cache_dir)
            for batch in _batches(changes.to_read, settings.corpus, model, problems):
                embedded += _store(writer, model, lexicon, batch, report)
                indexed |= {article.slug for article, _ in batch}
        removed = set(before) - set(changes.unchanged) - indexed
        for slug in removed:
            writer.remove_article(slug)

        problems.sort(key=lambda problem: (problem.path, problem.line))
        if indexed or removed or anew:
            writer.commit(
                corpus=settings.corpus,
                encoder=name,
                fingerprint=model.fingerprint if model else writer.meta.get("fingerprint", ""),
                chunking=CHUNKING,
                terms=TERMS,
                problems=problems,
            )
        else:
            writer.commit_problems(problems)
        made = BuildReport(
            articles_added=len(indexed - set(before)),
            articles_updated=len(indexed & set(before)),
            articles_removed=len(removed),
            articles_unchanged=len(changes.unchanged),
            chunks_embedded=embedded,
            chunks_reused=writer.count_chunks() - embedded,
            problems=tuple(problems),
            seconds=time.perf_counter() - started,
        )
        _log.info("build", extra=fields(**asdict(made)))
        return made


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


Digest = Callable[[Path], str]
"""Returns the SHA-256 of a file in hexadecimal digits, "" for one that cannot be read."""


def digest_of(path: Path) -> str:
    """Read a file and return its SHA-256; see Digest."""
    most = Limits.from_environment().max_file_bytes
    try:
        data = read_bytes(path, most)
    except ArticleError:
        return ""  # reading it as an article says what is wrong with it
    return hashlib.sha256(data).hexdigest() if len(data) <= most else ""


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
        slug, relative = slug_of(path, corpus), path.relative_to(corpus).as_posix()
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
    changes = compare(corpus, list_articles(corpus)[0], known, _say_nothing, digest)
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


def corpus_changes(corpus: Path, index: Path) -> Changes:
    """Say how the corpus differs from the index, without building. Raises CorpusError, IndexNotFoundError."""
    reader = IndexReader(index)
    try:
        with reader.snapshot() as snapshot:
            known, problems = snapshot.known_articles(), snapshot.problems()
    finally:
        reader.close()
    return changes_since(known, problems, corpus)


def _say_nothing(step: str, done: int, total: int) -> None:
    pass


def _batches(
    paths: Iterable[Path], corpus: Path, encoder: Encoder, problems: list[Problem]
) -> Iterator[list[tuple[Article, list[Chunk]]]]:
    """Read and chunk articles, as many at a time as fill a batch; what cannot be read is added to the problems."""
    batch: list[tuple[Article, list[Chunk]]] = []
    passages = 0
    for path in paths:
        try:
            article = read_article(path, corpus)
        except ArticleError as error:
            problems.append(Problem(path.relative_to(corpus).as_posix(), error.line, str(error)))
            continue
        problems.extend(article.warnings)
        chunks = chunk_article(article, encoder.max_tokens, encoder.count_tokens)
        batch.append((article, chunks))
        passages += sum(1 + len(chunk.spans) for chunk in chunks)
        if passages >= _PASSAGES_A_BATCH:
            yield batch
            batch, passages = [], 0
    if batch:
        yield batch


def _store(
    writer: IndexWriter,
    encoder: Encoder,
    lexicon: Lexicon,
    batch: list[tuple[Article, list[Chunk]]],
    report: Progress,
) -> int:
    """Embed the passages without a stored vector, store the articles, and return how many chunks were embedded."""
    passages: dict[bytes, str] = {}
    hashed: list[tuple[Article, list[Chunk], list[bytes], list[bytes]]] = []
    for article, chunks in batch:
        chunk_hashes = [_remember(passages, chunk_passage(chunk)) for chunk in chunks]
        span_hashes = [_remember(passages, span_passage(chunk, span)) for chunk in chunks for span in chunk.spans]
        hashed.append((article, chunks, chunk_hashes, span_hashes))
    missing = sorted(writer.missing(passages))
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        report("embedding", done, len(missing))

    if missing:
        writer.add_vectors(missing, encoder.encode_document([passages[key] for key in missing], advance))
    for article, chunks, chunk_hashes, span_hashes in hashed:
        places = [lexicon.places(chunk) for chunk in chunks]
        writer.put_article(article, chunks, chunk_hashes, span_hashes, places)
    embedded = set(missing)
    return sum(key in embedded for _, _, chunk_hashes, _ in hashed for key in chunk_hashes)


def _remember(passages: dict[bytes, str], passage: str) -> bytes:
    key = hashlib.sha256(passage.encode("utf-8", "surrogatepass")).digest()
    passages[key] = passage
    return key
