"""A whole index against itself: is what it would cite still what it was built from?

    faults = inspect(Path("index"), lexicon.places)     # () if it is sound; takes some ten milliseconds an article

SQLite knows its pages, not what is on them. What is compared:

| what | with |
|---|---|
| pages, references, shapes of columns | what SQLite and the schema say, see `damage` |
| what the build said of itself, and of its encoder | their checksum |
| an article's text | the checksum of the file that it was read from |
| front matter and sections | the article's text, read again |
| texts of chunks and spans, headings | the checksum that their vector is stored under |
| offsets of spans | what a reader sees there in the article's text |
| terms and where they stand | the chunks, counted again |
| vectors | their length, 1, and the cache that was made when they were new |
"""

from __future__ import annotations

import codecs
import hashlib
import re
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path

import numpy as np

from briefqa.articles import parse_article
from briefqa.chunks import CHUNKING, Chunk, Span, chunk_passage, span_passage
from briefqa.errors import ArticleError, IndexCorruptError
from briefqa.lexicon.terms import TERMS
from briefqa.store.cache import differs_from_cache
from briefqa.store.connections import connect, corrupt
from briefqa.store.damage import MOST_FAULTS, find_damage
from briefqa.store.postings import read_all_postings
from briefqa.store.schema import checksum, database, read_meta
from briefqa.store.snapshots import Snapshot, load_generation
from briefqa.verbatim import VisibleSection, Wording
from briefqa.writing import script_of

Places = Callable[[Chunk], Mapping[str, Sequence[int]]]
"""Returns where each term stands in a chunk, see Lexicon.places."""

_CHUNKS_AT_A_TIME = 500
# Of a vector's length: float16 is exact to a thousandth.
_TOLERANCE = 0.02


def inspect(index: Path, places: Places) -> tuple[str, ...]:
    """Return what is wrong with an index, a line each, the first few; () if it is sound.

    Rules for terms and chunks that have changed since are no fault, nor is a missing cache. Raises IndexNotFoundError,
    and IndexCorruptError for a file that cannot even be opened.
    """
    connection = connect(database(index)).connection
    try:
        connection.execute("BEGIN")
        faults = find_damage(connection)
        return tuple(faults or islice(_faults(index, connection, places), MOST_FAULTS))
    finally:
        connection.close()


def tell_damage(index: Path, faults: Sequence[str]) -> IndexCorruptError:
    """Return the error for an index that has these faults, with the cure."""
    more = f" and {len(faults) - 1} more" if len(faults) > 1 else ""
    return corrupt(database(index), f"{faults[0]}{more}")


def _faults(index: Path, connection: sqlite3.Connection, places: Places) -> Iterator[str]:
    try:
        meta = read_meta(connection)
        yield from _build(connection, meta)
        snapshot = Snapshot(connection, load_generation(index, connection, meta))
        checks = [_vectors(index, connection)]
        if meta["chunking"] == CHUNKING:
            checks += [_articles(snapshot), _passages(snapshot, connection)]
        if meta["terms"] == TERMS:
            checks.append(_postings(snapshot, connection, places))
        yield from chain.from_iterable(checks)
    except IndexCorruptError as error:
        yield str(error)
    except (sqlite3.Error, ValueError, TypeError, LookupError, ArithmeticError, RuntimeError) as error:
        yield f"it cannot be read to the end: {error}"


def _build(connection: sqlite3.Connection, meta: dict[str, str]) -> Iterator[str]:
    kept = re.fullmatch(r"([1-9]\d*) [0-9a-f]{64}", meta.get("checksum", ""))
    older = "build_id" not in meta or (kept and int(kept[1]) < int(meta["generation"]))  # that briefqa had no checksums
    if not older and (kept is None or kept[0] != checksum(connection, meta)):
        yield "what the build said of itself, or of its encoder, is not what stands there"


def _vectors(index: Path, connection: sqlite3.Connection) -> Iterator[str]:
    wrong = 0
    for (data,) in connection.execute("SELECT data FROM vector"):
        with np.errstate(all="ignore"):
            length = float(np.linalg.norm(np.frombuffer(data, dtype=np.float16).astype(np.float32)))
        wrong += not abs(length - 1) < _TOLERANCE  # also where it is no number
    if wrong:
        yield f"{wrong} vectors are not of length 1"
    if differs_from_cache(index, connection):
        yield "the vectors are not those that were built"
    (unused,) = connection.execute(
        "SELECT count(*) FROM vector WHERE NOT EXISTS (SELECT 1 FROM chunk WHERE vector_id = vector.id)"
        " AND NOT EXISTS (SELECT 1 FROM span WHERE vector_id = vector.id)"
    ).fetchone()
    if unused:
        yield f"{unused} vectors belong to no text"


def _articles(snapshot: Snapshot) -> Iterator[str]:
    for article in snapshot.articles():
        found = snapshot.article(article.slug)
        if found is None:
            yield f"the article {article.slug} is not found by its name"
            continue
        _, text, sections = found
        if article.sha256 not in _checksums(text):
            yield f"the text of {article.slug} is not that of its file"
            continue
        try:
            again = parse_article(text, article.slug, article.path, article.sha256)
        except ArticleError as error:
            yield f"the text of {article.slug} cannot be read any more: {error}"
            continue
        if any(
            getattr(article, name) != getattr(again, name)
            for name in ("title", "date", "category", "tags", "source_url", "author", "summary")
        ):
            yield f"the front matter of {article.slug} is not that of its text"
        kept, true = (
            [(one.anchor, one.heading, one.heading_path, one.level, one.start, one.end) for one in each]
            for each in (sections, again.sections)
        )
        if kept != true:
            yield f"the sections of {article.slug} are not those of its text"


def _checksums(text: str) -> Iterator[str]:
    """Yield the SHA-256 that a file of this text can have, see articles.decode."""
    data = text.encode("utf-8", "surrogatepass")
    for content in (data, codecs.BOM_UTF8 + data, text.encode("gb18030", "replace")):
        yield hashlib.sha256(content).hexdigest()


def _passages(snapshot: Snapshot, connection: sqlite3.Connection) -> Iterator[str]:
    hashes = dict(
        connection.execute("SELECT chunk.id, hash FROM chunk JOIN vector ON vector.id = vector_id").fetchall()
    )
    scripts = dict(connection.execute("SELECT id, script FROM chunk").fetchall())
    for chunk_id, chunk in _chunks(snapshot):
        if (script := scripts.get(chunk_id)) != script_of(chunk.text):
            yield f"the text of {chunk.id} is not in the script {script!r}"
        spans = connection.execute(
            "SELECT hash FROM span JOIN vector ON vector.id = vector_id WHERE chunk_id = ? ORDER BY ordinal",
            (chunk_id,),
        ).fetchall()
        if hashes.get(chunk_id) != _hash(chunk_passage(chunk)):
            yield f"the text or the headings of {chunk.id} are not those that were built"
        if [key for (key,) in spans] != [_hash(span_passage(chunk, span)) for span in chunk.spans]:
            yield f"the sentences or rows of {chunk.id} are not those that were built"
        article = snapshot.visible(chunk.article)
        section = article.section(chunk.anchor) if article else None
        if section is None:
            yield f"{chunk.id} is in no section of its article"
        elif not all(_stands(span, section) for span in chunk.spans):
            yield f"what is quoted of {chunk.id} does not stand in the article where it should"


def _stands(span: Span, section: VisibleSection) -> bool:
    wording = Wording.of(span.text)
    return not wording.forms or section.shows(wording, span.start, span.end)  # a piece of a frame, "|", has no letters


def _postings(snapshot: Snapshot, connection: sqlite3.Connection, places: Places) -> Iterator[str]:
    """Compare sums over each chunk's terms and places: two differ as good as always where one term does."""
    counted: dict[int, int] = {}
    for chunk_id, chunk in _chunks(snapshot):
        terms = places(chunk)
        counted[chunk_id] = sum(_sum(term, place) for term, where in terms.items() for place in where)
        row = connection.execute("SELECT json_array_length(terms), length FROM chunk WHERE id = ?", (chunk_id,))
        if row.fetchone() != (len(terms), sum(map(len, terms.values()))):
            yield f"the terms of {chunk.id} are not those of its text"
    stored = dict.fromkeys(counted, 0)
    for term, chunk_id, place in read_all_postings(connection):
        stored[chunk_id] = stored.get(chunk_id, 0) + _sum(term, place)
    wrong = sum(stored[chunk_id] != counted.get(chunk_id) for chunk_id in stored)
    if wrong:
        yield f"the lexical statistics of {wrong} chunks are not those of their texts"


def _sum(term: str, place: int) -> int:
    return zlib.crc32(f"{term}\n{place}".encode("utf-8", "surrogatepass"))


def _chunks(snapshot: Snapshot) -> Iterator[tuple[int, Chunk]]:
    ids = snapshot.vectors.chunk_ids
    for first in range(0, len(ids), _CHUNKS_AT_A_TIME):
        rows = np.arange(first, min(first + _CHUNKS_AT_A_TIME, len(ids)))
        for chunk_id, (chunk, _) in zip(ids[rows].tolist(), snapshot.chunks(rows), strict=True):
            yield chunk_id, chunk


def _hash(passage: str) -> bytes:
    return hashlib.sha256(passage.encode("utf-8", "surrogatepass")).digest()
