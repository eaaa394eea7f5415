"""A question to ranked hits.

    ranking = rank("which chips are banned?", snapshot, encoder, lexicon, k=5, filters=Filters(since="2025-12-01"))
    ranking.hits[0].text, ranking.hits[0].spans[0].text

Filters come first. Candidates are the chunks nearest to the question, the chunks of the spans nearest to it, and those
that hold most of its words, as they are or translated. A span scores its cosine plus its words, a chunk the mean of its
own cosine and words and of its best span's score; docs/retrieval.md has the measurements. Where a question comes with
translations, or with a part that is stressed, the scores of all wordings are averaged.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypedDict

import numpy as np

from briefqa.chunks import Chunk, Span
from briefqa.encoders import Encoder
from briefqa.errors import QuestionError
from briefqa.lexicon import Lexicon
from briefqa.matching import CandidateSpans, Match
from briefqa.question import check_question
from briefqa.store import Filters, Snapshot, StoredArticle
from briefqa.writing import script_of

# Candidates a list: past 50 chunks and 100 spans none of the measured questions gained a hit.
_CHUNK_CANDIDATES = 50
_SPAN_CANDIDATES = 100
# What a whole question's words are worth beside a cosine, as they are and translated, in the encoder's spread of
# unrelated cosines. For the bundled encoder that is .34 and .115; half or twice as much costs less than .02 of hit@1.
_WORDS = 13.0
_TRANSLATIONS = 4.4
# What a chunk in another script than the question's is lent, for it cannot hold the question's words: the share that
# the right chunks hold of questions in their own language. Without it the few English sections of a Chinese corpus come
# first for every English question (hit@1 on the sample briefs .70, with it .82).
_LENT = 0.3
# Share of that in the score that a span is quoted by: words say where the answer is, the cosine which sentence gives
# it, for the one that repeats the question is seldom the one that answers (answer@3, English on English: .85 → .90).
_QUOTED = 0.3
# What is stressed, beside the whole question. Of follow-ups made of XQuAD questions .89 are then answered in the first
# three quotes, at 0 and at 1 .80 and .78: the question before draws the quotes to itself, or is forgotten.
_STRESS = 0.5
# What a section is worth that is looked at first, and what it loses if it is the last, in the encoder's spread.
_FIRST = 1.0
_LAST = 3.0
# Decimals to which scores are compared: what is written twice scores the same, whatever the order of additions.
_DECIMALS = 6


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
class Evidence:
    """What is known of a question beside its words.

    translations: the same question in other words or languages. stressed: what of the question counts more than the
    rest. sections, told: (article, anchor) in which the answer is looked for first, and last.
    """

    translations: tuple[str, ...] = ()
    stressed: str = ""
    sections: frozenset[tuple[str, str]] = frozenset()
    told: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Ranking:
    """Hits, best first, and what is usual for this question.

    evidence: (n_candidates,) highest first, scores in which words count half: how far the best stands out says whether
    the corpus answers. reach: the share of the question's words that stand in the corpus, 0..1, low for another
    language. spread: the unit of scores, see Geometry.
    """

    hits: tuple[Hit, ...]
    evidence: np.ndarray
    reach: float
    spread: float


def rank(
    question: str,
    snapshot: Snapshot,
    encoder: Encoder,
    lexicon: Lexicon,
    k: int,
    filters: Filters,
    evidence: Evidence = Evidence(),
) -> Ranking:
    """Rank the chunks that the filters let pass and return the best k.

    evidence: what is known of the question beside its words. Raises QuestionError.
    """
    if k < 1:
        raise QuestionError(f"k is {k}: ask for at least one hit")
    question = check_question(question)
    spread = snapshot.geometry.spread
    allowed = snapshot.allowed(filters)
    if len(snapshot.vectors) == 0 or (allowed is not None and not allowed.any()):
        return Ranking((), np.empty(0, dtype=np.float32), 0.0, spread)
    texts = [question, *evidence.translations, *filter(None, [evidence.stressed])]
    readings = [
        _Reading(text, snapshot.geometry.without_language(query), snapshot, lexicon)
        for text, query in zip(texts, encoder.encode_query(texts), strict=True)
    ]
    rows = np.unique(np.concatenate([rows for reading in readings for rows in reading.candidates(k, allowed)]))
    spans = CandidateSpans.of(rows, snapshot)
    scored = [reading.score(rows, spans) for reading in readings]
    agreeing = [readings[0].agreement(other, scored[0]) for other in readings[1 : 1 + len(evidence.translations)]]
    weights = [1.0, *agreeing, _STRESS][: len(readings)]
    mean = _Scores(*(_mean(parts, weights) for parts in zip(*scored, strict=True)))
    scores = (mean.chunks + spans.best(mean.spans, mean.chunks)) / 2
    standing = (scores + (mean.chunk_cosines + spans.best(mean.span_cosines, mean.chunk_cosines)) / 2) / 2
    for sections, worth in ((evidence.sections, _FIRST), (evidence.told, -_LAST)):
        if sections:
            scores = scores + worth * spread * np.isin(rows, snapshot.rows_of(sections))

    quote_scores = mean.span_cosines + _QUOTED * (mean.spans - mean.span_cosines)
    # Equal scores: the newer article first.
    order = np.lexsort((rows, -snapshot.dates[rows], -scores.round(_DECIMALS)))[:k]
    hits = tuple(
        _hit(chunk, article, float(scores[i]), number, quote_scores[spans.starts[i] : spans.starts[i + 1]])
        for number, (i, (chunk, article)) in enumerate(zip(order, snapshot.chunks(rows[order]), strict=True), 1)
    )
    return Ranking(hits, np.sort(standing)[::-1], mean.reach, spread)


class _Scores(NamedTuple):
    """Of candidates (n_candidates,) and their spans (n_spans,): cosines, and with the question's words added."""

    chunks: np.ndarray
    spans: np.ndarray
    chunk_cosines: np.ndarray
    span_cosines: np.ndarray
    reach: float


class _Reading:
    """One wording of a question, against a snapshot."""

    def __init__(self, text: str, query: np.ndarray, snapshot: Snapshot, lexicon: Lexicon) -> None:
        self._query = query
        self._words = Match(lexicon.own_concepts(text), snapshot)
        self._translations = Match(lexicon.bridged_concepts(text, snapshot.known_terms), snapshot)
        self._script = script_of(text)
        self._snapshot = snapshot

    def candidates(self, k: int, allowed: np.ndarray | None) -> list[np.ndarray]:
        vectors, many = self._snapshot.vectors, max(k, _CHUNK_CANDIDATES)
        return [
            vectors.nearest_chunks(self._query, many, allowed),
            vectors.nearest_spans(self._query, max(k, _SPAN_CANDIDATES), allowed),
            _highest(self._words.share, many, allowed),
            _highest(self._translations.share, many, allowed),
        ]

    def score(self, rows: np.ndarray, spans: CandidateSpans) -> _Scores:
        vectors, spread = self._snapshot.vectors, self._snapshot.geometry.spread
        span_cosines = vectors.span_cosines(self._query, rows)
        chunk_cosines = vectors.chunk_cosines(self._query, rows)
        # Words count by how much of the question can be found at all: in another language only names and numbers can.
        weight = _WORDS * self._words.reach * spread
        lent = _LENT * self._words.worded * (self._snapshot.scripts[rows] != self._script)
        span_words = weight * (self._words.coverage(spans) + np.repeat(lent, np.diff(spans.starts)))
        chunk_words = weight * (self._words.share[rows] + lent)
        return _Scores(
            chunks=chunk_cosines + chunk_words + _TRANSLATIONS * spread * self._translations.share[rows],
            spans=span_cosines + span_words + _TRANSLATIONS * spread * self._translations.coverage(spans),
            chunk_cosines=chunk_cosines,
            span_cosines=span_cosines,
            reach=self._words.reach,
        )

    def agreement(self, other: _Reading, found: _Scores) -> float:
        """Return 0..1: how much a translation counts, which must be nearer to the question than all that was found.

        A right one nearly always is, a wrong one hardly ever: English questions on Chinese articles rise from .883 to
        .953 (hit@1) with their Chinese twin, and stay at .880 with another question's.
        """
        nearest = max(found.chunk_cosines.max(), found.span_cosines.max(initial=-1.0))
        cosine = float(self._query @ other._query)
        return float(np.clip((cosine - nearest) / self._snapshot.geometry.spread, 0, 1))


def _mean(values: tuple[Any, ...], weights: list[float]) -> Any:
    return values[0] if len(values) == 1 else np.average(values, axis=0, weights=weights)


def _highest(share: np.ndarray, count: int, allowed: np.ndarray | None) -> np.ndarray:
    """Return the rows of the highest shares above 0, at most so many."""
    rows = np.flatnonzero(share if allowed is None else share * allowed)
    return rows if len(rows) <= count else rows[np.argpartition(share[rows], -count)[-count:]]


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
