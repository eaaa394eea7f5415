"""A question to ranked hits.

    ranking = rank("which chips are banned?", snapshot, encoder, lexicon, k=5, filters=Filters(since="2025-12-01"))
    ranking.hits[0].text, ranking.hits[0].spans[0].text

Filters come first. Candidates are the chunks nearest to the question, the chunks of the spans nearest to it, and those
that hold most of its words, as they are or translated. A span scores its cosine plus its words, a chunk the mean of its
own cosine and words and of its best span's score; docs/retrieval.md has the measurements.
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
# Decimals to which scores are compared: what is written twice scores the same, whatever the order of additions.
_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that may answer.

    article: path below the corpus without suffix. anchor: "" before the first heading. url: source_url#anchor, or "".
    score: higher is better, comparable within one question. rank: 1 for the best. spans: the chunk's, best first.
    revision: SHA-256 of the article file, in hex. author: of the article, or "".
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
    revision: str = ""
    author: str = ""


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
    """Hits, best first, and what says whether they answer.

    evidence: (n_candidates,) highest first, scores in which words count half: how far the best stands out matters.
    closeness: the mean cosine of the first hit and its best span. held: the share of the question, by rarity, that one
    of its spans holds, and reach: the share that the chunks which may answer hold at all, both 0..1; of the question's
    own words, or of their translations where the first hit is foreign, in another language than the question.
    missing: of the codes, numbers and names that the question gives, the share that the first hit does not hold, 0..1.
    spread, unrelated: the unit and the zero of cosines, see Geometry.
    """

    hits: tuple[Hit, ...]
    evidence: np.ndarray
    closeness: float
    held: float
    reach: float
    missing: float
    foreign: bool
    spread: float
    unrelated: float


def rank(question: str, snapshot: Snapshot, encoder: Encoder, lexicon: Lexicon, k: int, filters: Filters) -> Ranking:
    """Rank the chunks that the filters let pass and return the best k. Raises QuestionError."""
    if k < 1:
        raise QuestionError(f"k is {k}: ask for at least one hit")
    question = check_question(question)
    vectors, spread, unrelated = snapshot.vectors, snapshot.geometry.spread, snapshot.geometry.unrelated
    allowed = snapshot.allowed(filters)
    if len(vectors) == 0 or (allowed is not None and not allowed.any()):
        return Ranking((), np.empty(0, dtype=np.float32), 0.0, 0.0, 0.0, 0.0, False, spread, unrelated)
    query = snapshot.geometry.without_language(encoder.encode_query([question])[0])
    words = Match(lexicon.own_concepts(question), snapshot, allowed)
    translations = Match(lexicon.bridged_concepts(question, snapshot.known_terms), snapshot, allowed)

    many = max(k, _CHUNK_CANDIDATES)
    rows = np.unique(
        np.concatenate(
            [
                vectors.nearest_chunks(query, many, allowed),
                vectors.nearest_spans(query, max(k, _SPAN_CANDIDATES), allowed),
                _highest(words.share, many, allowed),
                _highest(translations.share, many, allowed),
            ]
        )
    )
    spans = CandidateSpans.of(rows, snapshot)
    span_cosines = vectors.span_cosines(query, rows)
    chunk_cosines = vectors.chunk_cosines(query, rows)
    # Words count by how much of the question can be found at all: in another language only names and numbers can.
    weight = _WORDS * words.reach * spread
    lent = _LENT * words.worded * (snapshot.scripts[rows] != script_of(question))
    own_coverage, coverage = words.coverage(spans), translations.coverage(spans)
    span_words = weight * (own_coverage + np.repeat(lent, np.diff(spans.starts)))
    chunk_words = weight * (words.share[rows] + lent)
    span_scores = span_cosines + span_words + _TRANSLATIONS * spread * coverage
    chunk_scores = chunk_cosines + chunk_words + _TRANSLATIONS * spread * translations.share[rows]
    scores = (chunk_scores + spans.best(span_scores, chunk_scores)) / 2
    closeness = (chunk_cosines + spans.best(span_cosines, chunk_cosines)) / 2
    evidence = (scores + closeness) / 2

    quote_scores = span_cosines + _QUOTED * (span_scores - span_cosines)
    # Equal scores: the newer article first.
    order = np.lexsort((rows, -snapshot.dates[rows], -scores.round(_DECIMALS)))[:k]
    hits = tuple(
        _hit(chunk, article, float(scores[i]), number, quote_scores[spans.starts[i] : spans.starts[i + 1]])
        for number, (i, (chunk, article)) in enumerate(zip(order, snapshot.chunks(rows[order]), strict=True), 1)
    )
    first = order[0]
    foreign = lexicon.language(question) != lexicon.language(hits[0].text)
    held = (coverage if foreign else own_coverage)[spans.starts[first] : spans.starts[first + 1]]
    missing = [not words.holds(code, rows[first]) for code in lexicon.codes(question)]
    return Ranking(
        hits=hits,
        evidence=np.sort(evidence)[::-1],
        closeness=float(closeness[first]),
        held=float(held.max(initial=0)),
        reach=(translations if foreign else words).reach,
        missing=sum(missing) / max(len(missing), 1),
        foreign=foreign,
        spread=spread,
        unrelated=unrelated,
    )


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
        revision=article.sha256,
        author=article.author,
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
