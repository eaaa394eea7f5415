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
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypedDict

import numpy as np

from briefqa.chunks import Chunk, Span
from briefqa.encoders import Encoder
from briefqa.errors import QuestionError
from briefqa.lexicon import Lexicon
from briefqa.question import check_question
from briefqa.readings import Reading, weighted_mean
from briefqa.store import CandidateSpans, Filters, Snapshot, StoredArticle
from briefqa.writing import whole_characters

# Share of what words are worth in the score that a span is quoted by: words say where the answer is, the cosine which
# sentence gives it, for the one that repeats the question is seldom the one that answers (answer@3, English on English:
# .85 → .90).
_QUOTED = 0.3
# What is stressed, beside the whole question. Of follow-ups made of XQuAD questions .89 are then answered in the first
# three quotes, at 0 and at 1 .80 and .78: the question before draws the quotes to itself, or is forgotten.
_STRESS = 0.5
# What a section is worth that is looked at first, and what it loses if it is the last, in the encoder's spread.
_FIRST = 1.0
_LAST = 3.0
# What the newest of what is about as good is worth more than the oldest, where the latest is asked for, in the
# encoder's spread: what is worse by more cannot come first for being new. Nor can what is not related to the best: how
# close it must be, of the way from the cosine of unrelated texts to 1.
_NEWEST = 1.5
_RELATED = 0.65
# Agreement from which a translation is trusted to be the question.
_TRUSTED = 0.5
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
class Evidence:
    """What is known of a question beside its words.

    translations: the same question in other words or languages. stressed: what of the question counts more than the
    rest. sections, told: (article, anchor) in which the answer is looked for first, and last. latest: whether the newer
    article is wanted of what is about as good.
    """

    translations: tuple[str, ...] = ()
    stressed: str = ""
    sections: frozenset[tuple[str, str]] = frozenset()
    told: frozenset[tuple[str, str]] = frozenset()
    latest: bool = False


@dataclass(frozen=True, slots=True)
class Ranking:
    """Hits, best first, and what says whether they answer.

    evidence: (n_candidates,) highest first, scores in which words count half: how far the best stands out matters.
    closeness: the mean cosine of the first hit and its best span. lead: what the nearest candidate has of that over the
    next one. held: the share of the question, by rarity, that one of the first hit's spans holds, and reach: the share
    that the chunks which may answer hold at all, both 0..1; of the question's own words, or of their translations where
    the first hit is foreign, in another language than the question. missing: of the codes, numbers and names that the
    question gives, the share that the first hit does not hold, 0..1.
    spread, unrelated: the unit and the zero of cosines, see Geometry. rows: of the hits, in the snapshot.
    """

    hits: tuple[Hit, ...]
    evidence: np.ndarray
    closeness: float
    lead: float
    held: float
    reach: float
    missing: float
    foreign: bool
    spread: float
    unrelated: float
    rows: tuple[int, ...] = ()


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
    spread, unrelated = snapshot.geometry.spread, snapshot.geometry.unrelated
    if not snapshot.n_chunks or not snapshot.has_chunks(filters):
        return Ranking((), np.empty(0, dtype=np.float32), 0.0, 0.0, 0.0, 0.0, 0.0, False, spread, unrelated)
    texts = [question, *evidence.translations, *filter(None, [evidence.stressed])]
    readings = [
        Reading(text, snapshot.geometry.without_language(query), snapshot, lexicon, filters)
        for text, query in zip(texts, encoder.encode_query(texts), strict=True)
    ]
    rows = np.unique(np.concatenate([rows for reading in readings for rows in reading.candidates(k)]))
    facts = snapshot.facts(rows)
    spans = CandidateSpans.of(rows, facts.spans)
    scored = [reading.score(facts, spans) for reading in readings]
    translated = readings[1 : 1 + len(evidence.translations)]
    agreeing = [readings[0].agreement(other, scored[0]) for other in translated]
    mean = weighted_mean(scored, [1.0, *agreeing, _STRESS][: len(readings)])
    scores = (mean.chunks + spans.best(mean.spans, mean.chunks)) / 2
    closeness = (mean.chunk_cosines + spans.best(mean.span_cosines, mean.chunk_cosines)) / 2
    standing = (scores + closeness) / 2
    for sections, worth in ((evidence.sections, _FIRST), (evidence.told, -_LAST)):
        if sections:
            scores = scores + worth * spread * np.isin(rows, snapshot.rows_of(sections))

    quote_scores = mean.span_cosines + _QUOTED * (mean.spans - mean.span_cosines)
    if evidence.latest:
        best = snapshot.chunk_vector(int(rows[scores.argmax()]))
        related = snapshot.chunk_cosines(best, rows) >= unrelated + _RELATED * (1 - unrelated)
        near = related & (scores >= scores.max() - _NEWEST * spread)
        newer = _NEWEST * spread * newness(facts.dates, near)
        scores = scores + newer
        quote_scores = quote_scores + np.repeat(newer, np.diff(spans.starts))
    # Equal scores: the newer article first.
    order = np.lexsort((rows, -facts.dates, -scores.round(_DECIMALS)))[:k]
    hits = tuple(
        _hit(chunk, article, float(scores[i]), number, quote_scores[spans.starts[i] : spans.starts[i + 1]])
        for number, (i, (chunk, article)) in enumerate(zip(order, snapshot.chunks(rows[order]), strict=True), 1)
    )
    first = order[0]
    language = lexicon.language(hits[0].text)
    # A translation that agrees may have been asked in the language of the hit.
    trusted = [i for i, agreed in enumerate(agreeing, 1) if agreed > _TRUSTED and readings[i].language == language]
    asked = trusted[0] if trusted else 0
    held, reach, foreign = readings[asked].words_of(
        scored[asked], slice(spans.starts[first], spans.starts[first + 1]), language
    )
    nearest = np.sort(np.append(closeness, unrelated))
    return Ranking(
        hits=hits,
        evidence=np.sort(standing)[::-1],
        closeness=float(closeness[first]),
        lead=float(nearest[-1] - nearest[-2]),
        held=held,
        reach=reach,
        missing=readings[0].missing(lexicon.codes(question), int(rows[first])),
        foreign=foreign,
        spread=spread,
        unrelated=unrelated,
        rows=tuple(map(int, rows[order])),
    )


def newness(dates: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Return 0..1 for each candidate (n,): 1 for the newest of those that are near, and 0 for all that are not.

    The others that are near have their share of its rank by date, days counted once; what has no date has 0.
    """
    near = near & (dates > 0)
    days = np.unique(dates[near])
    if len(days) < 2:
        return np.zeros(len(dates))
    return np.where(near, np.searchsorted(days, dates) / (len(days) - 1), 0.0)


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
        tags=tuple(map(_name, _words(tags))),
        category=_name(category or ""),
        articles=tuple(map(_name, _words(articles))),
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


def _name(value: str) -> str:
    """Return a name as the index has it. NUL, at which SQLite would end it, becomes a character that no name has."""
    return whole_characters(unicodedata.normalize("NFC", value)).replace("\0", "\ufffd")


def _words(values: str | Iterable[str] | None) -> tuple[str, ...]:
    if values is None:
        return ()
    return (values,) if isinstance(values, str) else tuple(values)
