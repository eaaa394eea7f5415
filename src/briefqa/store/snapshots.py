"""One generation of an index, as a question sees it: what is kept in memory, and what is read from the database.

rows = snapshot.vectors.nearest_chunks(query, 5, None)
postings = snapshot.postings(["h200", "芯片"])
chunks = snapshot.chunks(rows)
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np

from briefqa.articles import Section
from briefqa.chunks import Chunk, Span
from briefqa.encoders.geometry import Geometry
from briefqa.lexicon import Concept
from briefqa.store.cache import load_vectors
from briefqa.store.connections import corrupt
from briefqa.store.contract import Facts
from briefqa.store.following import find_step, follow_vectors
from briefqa.store.matching import PostingMatch
from briefqa.store.postings import KeptPostings, Posting, read_known_terms, read_postings
from briefqa.store.schema import (
    COSINES,
    DATABASE,
    Filters,
    IndexInfo,
    StoredArticle,
    identity_of,
    read_info,
    read_known_articles,
    read_meta,
    read_problems,
)
from briefqa.store.seen import see
from briefqa.store.vectors import Vectors
from briefqa.verbatim import KeptArticles, VisibleArticle, bare

_ALL = Filters()
# Of the length of what was stored as float32.
_TOLERANCE = 1e-3
_ARTICLE = ", ".join(f"article.{field.name}" for field in fields(StoredArticle))


@dataclass(frozen=True, slots=True)
class Generation:
    """What is kept in memory of one generation, for all questions. A row is a chunk's place in the vectors.

    identity: of the build. build_id: a part of it. encoder, fingerprint: what the index was built with. lengths:
    (n_chunks,) terms. scripts: (n_chunks,) names of scripts. dates: (n_chunks,) as numbers, 20251231, or 0. owners:
    (n_chunks,) ids of articles. row_of: the row of each chunk id. mean_length: of lengths.
    postings, visible: what was read for questions.
    """

    identity: tuple[str, ...]
    build_id: str
    encoder: str
    fingerprint: str
    vectors: Vectors
    lengths: np.ndarray
    mean_length: float
    scripts: np.ndarray
    dates: np.ndarray
    owners: np.ndarray
    row_of: np.ndarray
    geometry: Geometry
    postings: KeptPostings
    visible: KeptArticles


def load_generation(
    index: Path,
    connection: sqlite3.Connection,
    meta: dict[str, str],
    before: Generation | None = None,
    thorough: bool = False,
) -> Generation:
    """Read what is kept in memory of the generation that the connection's transaction sees. meta: its meta table.

    before: a generation that is in memory; where this one followed it, what both have in common is taken over.
    thorough: believe no cache that was not read to its end.
    """
    vectors = None
    if before is not None and before.build_id and before.build_id == meta.get("follows"):
        step = find_step(connection, before.vectors.chunk_ids)
        if step is not None:
            vectors = follow_vectors(before.vectors, step, connection, int(meta["generation"]))
    if vectors is None:
        vectors = load_vectors(index, connection, thorough)
    (chunks,) = connection.execute("SELECT count(*) FROM chunk").fetchone()
    if chunks != len(vectors):  # pages that are damaged may seem to end early
        raise corrupt(index / DATABASE, f"{chunks} chunks for {len(vectors)} vectors")
    lengths = vectors.facts("length")
    row_of = np.full(int(vectors.chunk_ids.max(initial=0)) + 1, -1, dtype=np.int32)
    row_of[vectors.chunk_ids] = np.arange(len(vectors))
    directions = [
        np.frombuffer(data, dtype="<f4") for (data,) in connection.execute("SELECT data FROM geometry ORDER BY rank")
    ]
    with np.errstate(all="ignore"):
        bent = any(not abs(float(row @ row) - 1) < _TOLERANCE for row in directions)
    if bent:
        raise corrupt(index / DATABASE, "a direction of languages is not of length 1")
    return Generation(
        identity=identity_of(meta),
        build_id=meta.get("build_id", ""),
        encoder=meta["encoder"],
        fingerprint=meta["fingerprint"],
        vectors=vectors,
        lengths=lengths,
        mean_length=float(lengths.mean()) if len(lengths) else 0.0,
        scripts=vectors.scripts(),
        dates=vectors.facts("date").astype(np.int64),
        owners=vectors.facts("article"),
        row_of=row_of,
        geometry=Geometry(
            np.stack(directions) if directions else np.empty((0, vectors.dim), dtype=np.float32),
            **{name: float(meta.get(name, 0)) for name in COSINES},
        ),
        postings=KeptPostings(),
        visible=KeptArticles(),
    )


class Snapshot:
    """One generation of the index, seen by one question."""

    def __init__(self, connection: sqlite3.Connection, generation: Generation) -> None:
        self._connection = connection
        self._generation = generation
        self.identity = generation.identity
        self.encoder = generation.encoder
        self.fingerprint = generation.fingerprint
        self.vectors = generation.vectors
        self.lengths = generation.lengths
        self.mean_length = generation.mean_length
        self.scripts = generation.scripts
        self.dates = generation.dates
        self.geometry = generation.geometry
        self._filtered: tuple[Filters, np.ndarray] | None = None

    @property
    def generation(self) -> int:
        """The number of the build that made what is seen."""
        return self.vectors.generation

    @property
    def n_chunks(self) -> int:
        """How many chunks there are."""
        return len(self.vectors)

    def script_counts(self) -> dict[str, int]:
        """Return how many chunks are written in each script."""
        names, counts = np.unique(self.scripts, return_counts=True)
        return dict(zip(names.tolist(), counts.tolist(), strict=True))

    def has_chunks(self, filters: Filters) -> bool:
        """Say whether the filters let any chunk pass."""
        allowed = self._allowed(filters)
        return bool(len(self.vectors) if allowed is None else allowed.any())

    def some_dates(self, filters: Filters, since: str, until: str) -> np.ndarray:
        """Return the dates of the chunks that the filters let pass; all of them, whatever the days."""
        allowed = self._allowed(filters)
        return self.dates if allowed is None else self.dates[allowed]

    def nearest_chunks(self, query: np.ndarray, k: int, filters: Filters) -> np.ndarray:
        """Return the rows of the k chunks nearest to query (dim,), best first."""
        return self.vectors.nearest_chunks(query, k, self._allowed(filters))

    def nearest_spans(self, query: np.ndarray, k: int, filters: Filters) -> np.ndarray:
        """Return the rows of the chunks of the k spans nearest to query (dim,), best first, repeated as they are."""
        return self.vectors.nearest_spans(query, k, self._allowed(filters))

    def match(self, concepts: Sequence[Concept], filters: Filters) -> PostingMatch:
        """Search for the concepts of a question."""
        postings = self.postings({term for concept in concepts for option in concept for term in option})
        return PostingMatch(concepts, postings, self.lengths, self.mean_length, self._allowed(filters))

    def facts(self, rows: np.ndarray) -> Facts:
        """Return what is known of these chunks."""
        starts = self.vectors.span_starts
        return Facts(self.dates[rows], self.scripts[rows], starts[rows + 1] - starts[rows])

    def chunk_vector(self, row: int) -> np.ndarray:
        """Return the vector (dim,) of a chunk."""
        return self.vectors.chunk(row)

    def span_vector(self, row: int, place: int) -> np.ndarray:
        """Return the vector (dim,) of a chunk's span, counted from 0."""
        return self.vectors.span(row, place)

    def chunk_cosines(self, query: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the cosines (len(rows),) of these chunks with query (dim,)."""
        return self.vectors.chunk_cosines(query, rows)

    def span_cosines(self, query: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the cosines of these chunks' spans with query (dim,), one chunk's after the other's."""
        return self.vectors.span_cosines(query, rows)

    def count_holding(self, terms: Iterable[str]) -> dict[str, int]:
        """Return in how many chunks each of the terms stands that stand in any."""
        return {term: len(posting.chunks) for term, posting in self.postings(terms).items()}

    def anchors(self, slugs: Iterable[str]) -> dict[str, set[str]]:
        """Return slug → anchors under which the article has chunks, for those of the articles that have any."""
        found: dict[str, set[str]] = {}
        for slug, anchor in self._connection.execute(
            "SELECT DISTINCT slug, anchor FROM json_each(?) AS wanted JOIN article ON slug = wanted.value"
            " JOIN chunk ON article_id = article.id",
            (json.dumps(sorted(slugs)),),
        ):
            found.setdefault(slug, set()).add(anchor)
        return found

    def postings(self, terms: Iterable[str]) -> dict[str, Posting]:
        """Return where those of the terms stand that are in the corpus."""
        return read_postings(self._connection, terms, self._generation.row_of, self._generation.postings)

    def known_terms(self, terms: Iterable[str]) -> set[str]:
        """Return those of the terms that stand in the corpus."""
        return read_known_terms(self._connection, terms)

    def info(self) -> IndexInfo:
        """Return what is known of the index as a whole."""
        return read_info(self._connection)

    def calibration(self) -> str:
        """Return the calibration that was made for this index, as JSON; "" if none was, or for another encoder."""
        meta = read_meta(self._connection)
        return meta.get("calibration", "") if meta.get("calibrated_for") == meta["fingerprint"] else ""

    def known_articles(self) -> dict[str, tuple[str, str]]:
        """Return slug → (sha256, path) of what is indexed."""
        return read_known_articles(self._connection)

    def _allowed(self, filters: Filters) -> np.ndarray | None:
        """Return which rows the filters let pass, (n_chunks,) bool; None where all pass.

        Worked out once for a question, which looks several times.
        """
        if not filters:
            return None
        if self._filtered and self._filtered[0] == filters:
            return self._filtered[1]
        condition, values = _condition(filters)
        found = self._connection.execute(f"SELECT id FROM article WHERE {condition}", values)
        wanted = np.zeros(int(self._generation.owners.max(initial=0)) + 1, dtype=bool)
        ids = np.array([article_id for (article_id,) in found], dtype=np.int64)
        wanted[ids[ids < len(wanted)]] = True  # one without chunks may have a higher id
        allowed = np.asarray(wanted[self._generation.owners])
        self._filtered = filters, allowed
        return allowed

    def rows_of(self, sections: Iterable[tuple[str, str]]) -> np.ndarray:
        """Return the rows of these sections' chunks, each named by its article and anchor; none for unknown ones."""
        found = self._connection.execute(
            "SELECT chunk.id FROM json_each(?) AS section JOIN article ON article.slug = section.value ->> 0"
            " JOIN chunk ON article_id = article.id AND anchor = section.value ->> 1",
            (json.dumps(sorted(sections)),),
        )
        return self._generation.row_of[[chunk_id for (chunk_id,) in found]]

    def chunks(self, rows: Sequence[int] | np.ndarray) -> list[tuple[Chunk, StoredArticle]]:
        """Return the chunks of these rows, in this order, each with its article."""
        ids = [int(self.vectors.chunk_ids[row]) for row in rows]
        marks = json.dumps(ids)
        spans: dict[int, list[Span]] = {chunk_id: [] for chunk_id in ids}
        for chunk_id, text, header, start, end, kind in self._connection.execute(
            'SELECT chunk_id, text, header, start, "end", kind FROM span'
            " WHERE chunk_id IN (SELECT value FROM json_each(?)) ORDER BY chunk_id, ordinal",
            (marks,),
        ):
            spans[chunk_id].append(Span(text, tuple(json.loads(header)), start, end, kind))
        found = {}
        for chunk_id, anchor, heading, path, part, text, start, end, table_header, *front in self._connection.execute(
            'SELECT chunk.id, anchor, heading, heading_path, part, chunk.text, start, "end", table_header,'
            f" {_ARTICLE} FROM chunk JOIN article ON article.id = article_id"
            " WHERE chunk.id IN (SELECT value FROM json_each(?))",
            (marks,),
        ):
            article = _stored_article(front)
            chunk = Chunk(
                article=article.slug,
                title=article.title,
                anchor=anchor,
                heading=heading,
                heading_path=tuple(json.loads(path)),
                part=part,
                text=text,
                start=start,
                end=end,
                spans=tuple(spans[chunk_id]),
                table_header=table_header,
            )
            found[chunk_id] = (chunk, article)
        return [found[chunk_id] for chunk_id in ids]

    def section_spans(self, slug: str, anchor: str) -> list[Span]:
        """Return the spans of a whole section, all its chunks', in the order of the text."""
        rows = self._connection.execute(
            'SELECT span.text, header, span.start, span."end", kind FROM span'
            " JOIN chunk ON chunk.id = chunk_id JOIN article ON article.id = article_id"
            " WHERE slug = ? AND anchor = ? ORDER BY part, ordinal",
            (slug, anchor),
        )
        headers: dict[str, tuple[str, ...]] = {}  # rows of a table have the same one
        spans = []
        for text, header, start, end, kind in rows:
            if header not in headers:
                headers[header] = tuple(json.loads(header))
            spans.append(Span(text, headers[header], start, end, kind))
        return spans

    def source(self, slug: str, start: int, end: int) -> str:
        """Return what stands between two offsets of an article's file as indexed."""
        row = self._connection.execute(
            "SELECT substr(text, ?, ?) FROM article WHERE slug = ?", (start + 1, end - start, slug)
        ).fetchone()
        return str(row[0]) if row else ""

    def articles(self, filters: Filters = _ALL) -> list[StoredArticle]:
        """Return all articles that the filters let pass, the newest first."""
        condition, values = _condition(filters)
        query = f"SELECT {_ARTICLE} FROM article WHERE {condition} ORDER BY date DESC, slug"
        return [_stored_article(row) for row in self._connection.execute(query, values)]

    def headings(self, slugs: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
        """Return slug → (anchor, heading) of the sections of these articles, in the order of the text."""
        found: dict[str, list[tuple[str, str]]] = {slug: [] for slug in slugs}
        for slug, anchor, heading in self._connection.execute(
            "SELECT slug, anchor, heading FROM json_each(?) AS wanted JOIN article ON slug = wanted.value"
            " JOIN section ON article_id = article.id WHERE level > 0 ORDER BY article_id, ordinal",
            (json.dumps(list(found)),),
        ):
            found[slug].append((anchor, heading))
        return found

    def problems(self) -> list[tuple[str, int, str]]:
        """Return (path, line, message) of what the last build could not read, or read with a loss."""
        return read_problems(self._connection)

    def article(self, slug: str) -> tuple[StoredArticle, str, list[Section]] | None:
        """Return an article, its file's text as indexed, and its sections without their blocks; None if unknown."""
        query = f"SELECT id, text, {_ARTICLE} FROM article WHERE slug = ?"
        try:
            row = self._connection.execute(query, (slug,)).fetchone()
        except UnicodeEncodeError:  # half a surrogate pair, which no file's name has
            row = None
        if row is None:
            return None
        article_id, text, *front = row
        sections = [
            Section(anchor, heading, tuple(json.loads(path)), level, 0, (), start, end)
            for anchor, heading, path, level, start, end in self._connection.execute(
                'SELECT anchor, heading, heading_path, level, start, "end" FROM section'
                " WHERE article_id = ? ORDER BY ordinal",
                (article_id,),
            )
        ]
        return _stored_article(front), text, sections

    def visible(self, slug: str) -> VisibleArticle | None:
        """Return what a reader sees of an article as indexed; None if it is unknown."""
        kept = self._generation.visible.get(slug)
        if kept is not None:
            return kept
        found = self.article(slug)
        if found is None:
            return None
        return self._generation.visible.keep(see(*found))

    def holding(self, bares: Collection[str]) -> Iterator[VisibleArticle]:
        """Yield each article that holds one of these texts, white space and borders aside: see verbatim.bare."""
        chunks = self._connection.execute(
            "SELECT slug, chunk.text FROM article JOIN chunk ON article_id = article.id ORDER BY article_id, chunk.id"
        )
        for slug, texts in groupby(chunks, itemgetter(0)):
            whole = bare("".join([text for _, text in texts]))
            if any(text in whole for text in bares) and (article := self.visible(slug)):
                yield article


def _condition(filters: Filters) -> tuple[str, list[str]]:
    """Return the filters as a condition on the article table, and the values in it."""
    clauses = ["1"]
    values: list[str] = []
    for clause, value in (("date >= ?", filters.since), ("category = ?", filters.category)):
        if value:
            clauses.append(clause)
            values.append(value)
    if filters.until:
        clauses.append("date <= ? AND date != ''")
        values.append(filters.until)
    if filters.tags:
        clauses.append("EXISTS (SELECT 1 FROM json_each(tags) WHERE value IN (SELECT value FROM json_each(?)))")
        values.append(json.dumps(filters.tags))
    if filters.articles:
        clauses.append("slug IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(filters.articles))
    if filters.without:
        clauses.append("slug NOT IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(filters.without))
    return " AND ".join(clauses), values


def _stored_article(row: Sequence[str]) -> StoredArticle:
    slug, path, title, date, category, tags, source_url, author, summary, sha256 = row
    return StoredArticle(
        slug, path, title, date, category, tuple(json.loads(tags)), source_url, author, summary, sha256
    )
