"""A question to ranked hits.

    ranking = rank("which chips are banned?", snapshot, encoder, k=5, filters=Filters(since="2025-12-01"))
    ranking.hits[0].text, ranking.hits[0].spans[0].text

Candidates are the chunks nearest to the question and the chunks of the spans nearest to it; filters come first. A chunk
scores the mean of its own cosine and of its best span's.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypedDict

import numpy as np

from briefqa.chunks import Chunk, Span
from briefqa.encoders import Encoder
from briefqa.errors import QuestionError
from briefqa.question import check_question
from briefqa.store import Filters, Snapshot, StoredArticle

# Candidates a list: past 50 chunks and 100 spans none of the measured questions gained a hit.
_CHUNK_CANDIDATES = 50
_SPAN_CANDIDATES = 100


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that may answer.

    article: path below the corpus without suffix. anchor: "" before the first heading. url: source_url#anchor, or "".
    score: higher is better, comparable within one question. rank: 1 for the best. spans: the chunk's, best first.
    """

    article: str
    anchor: str
    heading: str
    heading_path: tuple[str, ...]
    title: str
    date: str
    source_url: str
    url: str
    text: str
    score: float
    rank: int
    spans: tuple[Span, ...]


class FilterOptions(TypedDict, total=False):
    """Which articles may answer; what is left out or None lets all pass.

    since, until: dates, or ISO text (a day, a month or a year), both included; articles without a date are then left
    out. tags, articles: one or several, any of them. category: this one.
    """

    since: str | datetime.date | None
    until: str | datetime.date | None
    tags: str | Iterable[str] | None
    category: str | None
    articles: str | Iterable[str] | None


@dataclass(frozen=True, slots=True)
class Ranking:
    """Hits, best first, and the scores of all candidates, highest first: what is usual for this question."""

    hits: tuple[Hit, ...]
    candidate_scores: np.ndarray


def rank(question: str, snapshot: Snapshot, encoder: Encoder, k: int, filters: Filters) -> Ranking:
    """Rank the chunks that the filters let pass and return the best k. Raises QuestionError."""
    if k < 1:
        raise QuestionError(f"k is {k}: ask for at least one hit")
    vectors = snapshot.vectors
    question = check_question(question)
    allowed = snapshot.allowed(filters)
    if len(vectors) == 0 or (allowed is not None and not allowed.any()):
        return Ranking((), np.empty(0, dtype=np.float32))
    query = encoder.encode_query([question])[0]
    by_chunk = vectors.nearest_chunks(query, max(k, _CHUNK_CANDIDATES), allowed)
    by_span = vectors.nearest_spans(query, max(k, _SPAN_CANDIDATES), allowed)
    rows = np.unique(np.concatenate([by_chunk, by_span]))
    span_scores = vectors.span_cosines(query, rows)
    best_spans = np.array([scores.max(initial=-1.0) for scores in span_scores], dtype=np.float32)
    scores = (vectors.chunk_cosines(query, rows) + best_spans) / 2
    order = np.lexsort((rows, -scores))
    found = snapshot.chunks(rows[order[:k]])
    hits = tuple(
        _hit(chunk, article, float(scores[i]), number, span_scores[i])
        for number, (i, (chunk, article)) in enumerate(zip(order, found, strict=False), 1)
    )
    return Ranking(hits, scores[order])


def _hit(chunk: Chunk, article: StoredArticle, score: float, number: int, span_scores: np.ndarray) -> Hit:
    spans = [replace(span, score=float(value)) for span, value in zip(chunk.spans, span_scores, strict=True)]
    return Hit(
        article=chunk.article,
        anchor=chunk.anchor,
        heading=chunk.heading,
        heading_path=chunk.heading_path,
        title=article.title,
        date=article.date,
        source_url=article.source_url,
        url=section_url(article.source_url, chunk.anchor),
        text=chunk.text,
        score=score,
        rank=number,
        spans=tuple(sorted(spans, key=lambda span: (-span.score, span.start))),
    )


def section_url(source_url: str, anchor: str) -> str:
    """Return the address of a section of the original, or "" where the article names no original."""
    if not source_url or not anchor:
        return source_url
    return f"{source_url.split('#')[0]}#{anchor}"


def make_filters(
    since: str | datetime.date | None = None,
    until: str | datetime.date | None = None,
    tags: str | Iterable[str] | None = None,
    category: str | None = None,
    articles: str | Iterable[str] | None = None,
) -> Filters:
    """Return the filters as the store wants them. Dates: ISO, a month or a year too. Raises QuestionError."""
    last = _iso_date("until", until)
    return Filters(
        since=_iso_date("since", since),
        until=last + {4: "-12-31", 7: "-31"}.get(len(last), ""),
        tags=_words(tags),
        category=category or "",
        articles=_words(articles),
    )


def _iso_date(name: str, value: str | datetime.date | None) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, datetime.date):
        return value.isoformat()[:10]
    text = value.strip()
    try:
        datetime.date.fromisoformat(text + "-01-01"[len(text) - 10 :] if len(text) in (4, 7) else text)
    except ValueError:
        raise QuestionError(f"{name} is {value!r}: write a date as 2025-12-31, 2025-12 or 2025") from None
    return text


def _words(values: str | Iterable[str] | None) -> tuple[str, ...]:
    if values is None:
        return ()
    return (values,) if isinstance(values, str) else tuple(values)
