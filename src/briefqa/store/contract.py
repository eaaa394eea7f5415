"""What a store must do, whatever engine it stands on: the embedded one (SQLite and FAISS) and Milvus both do.

    with reader.snapshot() as snapshot:                     # Reader → Snapshot: one generation, seen by one question
        rows = snapshot.nearest_chunks(query, 50, filters)
        words = snapshot.match(concepts, filters)           # Match: the lexical search
        chunks = snapshot.chunks(rows)

A row is a chunk's number within a snapshot: an integer, ascending in the order in which chunks were stored, and nothing
else may be read from it. All that grows with the corpus stays in the store: a question is told of its candidates only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, TypeVar

import numpy as np

from briefqa.articles import Article, Problem, Section
from briefqa.chunks import Chunk, Span
from briefqa.encoders.geometry import Geometry
from briefqa.lexicon import Concept
from briefqa.store.schema import Filters, IndexInfo, StoredArticle
from briefqa.verbatim import VisibleArticle

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of candidates, each (n_candidates,).

    dates: as numbers, 20251231, or 0. scripts: names of scripts. spans: how many they have.
    """

    dates: np.ndarray
    scripts: np.ndarray
    spans: np.ndarray


@dataclass(frozen=True, slots=True)
class CandidateSpans:
    """The spans of candidate chunks, one after the other.

    rows: (n_candidates,) ascending. starts: (n_candidates + 1,) the first span of each.
    """

    rows: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray, counts: np.ndarray) -> CandidateSpans:
        """Return the spans of these rows, that have so many each."""
        return cls(rows, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))

    def __len__(self) -> int:
        return int(self.starts[-1])

    def best(self, scores: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
        """Return the best score (n_candidates,) of each candidate's spans (n_spans,); otherwise, where it has none."""
        best: np.ndarray = otherwise.copy()
        some = np.flatnonzero(np.diff(self.starts))
        if len(some):
            best[some] = np.maximum.reduceat(scores, self.starts[some])
        return best


class Match(Protocol):
    """A question's concepts, searched for.

    reach: the share of the question, by rarity, that stands in the chunks that may answer at all, 0..1.
    worded: the share of the question, by rarity, that is words and not codes, numbers or dates, 0..1.
    """

    reach: float
    worded: float

    def highest(self, count: int) -> np.ndarray:
        """Return the rows with the highest shares above 0 among those that the filters let pass, at most so many."""
        ...

    def share_of(self, rows: np.ndarray) -> np.ndarray:
        """Return the BM25 of chunks over the most that the question could reach, (len(rows),) float32, 0..1."""
        ...

    def coverage(self, spans: CandidateSpans) -> np.ndarray:
        """Return the share of the question, by rarity, that stands in each span, (n_spans,) float32, 0..1."""
        ...

    def holds(self, term: str, row: int) -> bool:
        """Say whether a term of the concepts stands in a chunk that is a candidate."""
        ...


class Snapshot(Protocol):
    """One generation of an index, seen by one question."""

    @property
    def identity(self) -> tuple[str, ...]:
        """What tells this build from all others."""
        ...

    @property
    def generation(self) -> int:
        """The number of the build that made what is seen."""
        ...

    @property
    def encoder(self) -> str:
        """The name of the encoder that the index was built with."""
        ...

    @property
    def fingerprint(self) -> str:
        """What that encoder said of itself."""
        ...

    @property
    def geometry(self) -> Geometry:
        """What was measured of that encoder."""
        ...

    @property
    def n_chunks(self) -> int:
        """How many chunks there are, also those that no filter lets pass."""
        ...

    def script_counts(self) -> Mapping[str, int]:
        """Return how many chunks are written in each script."""
        ...

    def has_chunks(self, filters: Filters) -> bool:
        """Say whether the filters let any chunk pass."""
        ...

    def some_dates(self, filters: Filters, since: str, until: str) -> np.ndarray:
        """Return dates, as numbers, of chunks that the filters let pass: at least one before, one within and one after
        these days (ISO, "": open), where there are any.
        """
        ...

    def nearest_chunks(self, query: np.ndarray, k: int, filters: Filters) -> np.ndarray:
        """Return the rows of the k chunks nearest to query (dim,), best first."""
        ...

    def nearest_spans(self, query: np.ndarray, k: int, filters: Filters) -> np.ndarray:
        """Return the rows of the chunks of the k spans nearest to query (dim,), best first, repeated as they are."""
        ...

    def match(self, concepts: Sequence[Concept], filters: Filters) -> Match:
        """Search for the concepts of a question."""
        ...

    def facts(self, rows: np.ndarray) -> Facts:
        """Return what is known of these chunks."""
        ...

    def chunk_vector(self, row: int) -> np.ndarray:
        """Return the vector (dim,) of a chunk."""
        ...

    def span_vector(self, row: int, place: int) -> np.ndarray:
        """Return the vector (dim,) of a chunk's span, counted from 0."""
        ...

    def chunk_cosines(self, query: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the cosines (len(rows),) of these chunks with query (dim,)."""
        ...

    def span_cosines(self, query: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the cosines of these chunks' spans with query (dim,), one chunk's after the other's."""
        ...

    def known_terms(self, terms: Iterable[str]) -> set[str]:
        """Return those of the terms that stand in the corpus."""
        ...

    def count_holding(self, terms: Iterable[str]) -> Mapping[str, int]:
        """Return in how many chunks each of the terms stands; those that stand in none may be left out."""
        ...

    def chunks(self, rows: Sequence[int] | np.ndarray) -> list[tuple[Chunk, StoredArticle]]:
        """Return the chunks of these rows, in this order, each with its article."""
        ...

    def rows_of(self, sections: Iterable[tuple[str, str]]) -> np.ndarray:
        """Return the rows of these sections' chunks, each named by its article and anchor; none for unknown ones."""
        ...

    def anchors(self, slugs: Iterable[str]) -> Mapping[str, Collection[str]]:
        """Return slug → anchors under which the article has chunks, for those of the articles that have any."""
        ...

    def section_spans(self, slug: str, anchor: str) -> list[Span]:
        """Return the spans of a whole section, all its chunks', in the order of the text."""
        ...

    def source(self, slug: str, start: int, end: int) -> str:
        """Return what stands between two offsets of an article's file as indexed."""
        ...

    def info(self) -> IndexInfo:
        """Return what is known of the index as a whole."""
        ...

    def calibration(self) -> str:
        """Return the calibration that was made for this index, as JSON; "" if none was, or for another encoder."""
        ...

    def known_articles(self) -> dict[str, tuple[str, str]]:
        """Return slug → (sha256, path) of what is indexed."""
        ...

    def problems(self) -> list[tuple[str, int, str]]:
        """Return (path, line, message) of what the last build could not read, or read with a loss."""
        ...

    def articles(self, filters: Filters = ...) -> list[StoredArticle]:
        """Return all articles that the filters let pass, the newest first."""
        ...

    def headings(self, slugs: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
        """Return slug → (anchor, heading) of the sections of these articles, in the order of the text."""
        ...

    def article(self, slug: str) -> tuple[StoredArticle, str, list[Section]] | None:
        """Return an article, its file's text as indexed, and its sections without their blocks; None if unknown."""
        ...

    def visible(self, slug: str) -> VisibleArticle | None:
        """Return what a reader sees of an article as indexed; None if it is unknown."""
        ...

    def holding(self, bares: Collection[str]) -> Iterator[VisibleArticle]:
        """Yield each article that holds one of these texts, white space and borders aside: see verbatim.bare."""
        ...


class Reader(Protocol):
    """The reading side of an index; safe to share between threads."""

    @property
    def place(self) -> str:
        """Where the index is, in words."""
        ...

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Open the newest generation for one question."""
        ...

    def read(self, use: Callable[[Snapshot], _T]) -> _T:
        """Return what `use` makes of a snapshot; it is called again where the generation is gone in the middle."""
        ...

    def check_newest(self, seen: Snapshot) -> None:
        """Raise an error that `read` answers with another try if a newer generation is there."""
        ...

    def close(self) -> None:
        """Close the index; questions that are still being answered end first."""
        ...


class Writer(Protocol):
    """One build: nobody sees any of it before `commit`, and all of it after; the one writer of its index.

    waited: whether another build had to end first. Without a commit, as after an error, nothing happened.
    Raises IndexLockedError, IndexWriteError, IndexCorruptError.
    """

    waited: bool

    @property
    def meta(self) -> Mapping[str, str]:
        """What the last build said of itself."""
        ...

    def __enter__(self) -> Writer: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def known_articles(self) -> dict[str, tuple[str, str]]:
        """Return slug → (sha256, path) of what is indexed."""
        ...

    def known_problems(self) -> list[Problem]:
        """Return the problems of the last build."""
        ...

    def count_chunks(self) -> int:
        """Return how many chunks the index holds now."""
        ...

    def has_vectors(self) -> bool:
        """Say whether the index holds any vector, with which new ones must agree."""
        ...

    def missing(self, hashes: Iterable[bytes]) -> set[bytes]:
        """Return those of the hashes whose vector is not stored."""
        ...

    def add_vectors(self, hashes: Sequence[bytes], vectors: np.ndarray) -> None:
        """Take vectors (n, dim) of the texts with these hashes, for the articles that are put next."""
        ...

    def put_article(
        self,
        article: Article,
        chunks: Sequence[Chunk],
        chunk_hashes: Sequence[bytes],
        span_hashes: Sequence[bytes],
        places: Sequence[Mapping[str, Sequence[int]]],
    ) -> None:
        """Store an article in place of what was stored under its slug; all of its vectors must be known already.

        span_hashes: of all spans, chunk after chunk. places: for each chunk, where its terms stand, see Lexicon.places.
        """
        ...

    def remove_article(self, slug: str) -> None:
        """Remove an article, if it is there."""
        ...

    def forget_articles(self) -> None:
        """Remove all articles and keep the vectors: what is put again before the commit need not be embedded again."""
        ...

    def clear(self) -> None:
        """Remove everything: the next commit holds what is put from now on."""
        ...

    def has_geometry(self) -> bool:
        """Say whether it is stored what was measured of the encoder."""
        ...

    def put_geometry(self, geometry: Geometry) -> None:
        """Store what was measured of the encoder."""
        ...

    def commit(
        self, *, corpus: Path, encoder: str, fingerprint: str, chunking: str, terms: str, problems: Sequence[Problem]
    ) -> int:
        """Make this build the new generation, and return its number."""
        ...

    def commit_problems(self, problems: Sequence[Problem]) -> None:
        """End a build that changed no article: the generation stays, only its problems are noted."""
        ...

    def commit_calibration(self, calibration: str) -> None:
        """Keep a calibration, as JSON, for this encoder; the generation stays."""
        ...

    def remove_leftovers(self) -> None:
        """Remove what earlier builds left, if they were killed before they did."""
        ...


class Ledger(Protocol):
    """What the newest generation of an index holds, without its vectors; an index that is not there holds nothing."""

    @property
    def exists(self) -> bool:
        """Whether anything was built."""
        ...

    @property
    def meta(self) -> Mapping[str, str]:
        """What the last build said of itself."""
        ...

    @property
    def articles(self) -> dict[str, tuple[str, str]]:
        """Slug → (sha256, path) of what is indexed."""
        ...

    @property
    def problems(self) -> list[tuple[str, int, str]]:
        """(path, line, message) of what the last build could not read, or read with a loss."""
        ...

    def __enter__(self) -> Ledger: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def count_chunks(self, slugs: Iterable[str]) -> int:
        """Return how many chunks these articles have."""
        ...

    def missing(self, hashes: Iterable[bytes]) -> set[bytes]:
        """Return those of the hashes whose vector is not stored."""
        ...
