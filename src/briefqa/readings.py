"""One wording of a question against a snapshot: candidates, their scores, and how much of its words they hold.

    reading = Reading(question, query, snapshot, lexicon, filters)      # query: its vector (dim,)
    rows = np.unique(np.concatenate(reading.candidates(k)))
    facts = snapshot.facts(rows)
    scores = reading.score(facts, CandidateSpans.of(rows, facts.spans))
    scores.chunks, scores.spans

A question has one reading, and one more for each translation and for what is stressed in a follow-up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from briefqa.lexicon import Lexicon
from briefqa.store import CandidateSpans, Facts, Filters, Snapshot
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


class Scores(NamedTuple):
    """Of candidates (n_candidates,) and their spans (n_spans,): cosines, and with the question's words added.

    own, translated: (n_spans,) the share of the question's words, and of their translations, that each span holds.
    """

    chunks: np.ndarray
    spans: np.ndarray
    chunk_cosines: np.ndarray
    span_cosines: np.ndarray
    own: np.ndarray
    translated: np.ndarray


class Words(NamedTuple):
    """What of the question's words a hit holds, see Ranking."""

    held: float
    reach: float
    foreign: bool


class Reading:
    """One wording of a question. filters: which chunks may answer."""

    def __init__(self, text: str, query: np.ndarray, snapshot: Snapshot, lexicon: Lexicon, filters: Filters) -> None:
        self.text = text
        self.language = lexicon.language(text)
        self._query = query
        self._words = snapshot.match(lexicon.own_concepts(text, snapshot.known_terms), filters)
        self._translations = snapshot.match(lexicon.bridged_concepts(text, snapshot.known_terms), filters)
        self._script = script_of(text)
        self._snapshot = snapshot
        self._filters = filters

    def candidates(self, k: int) -> list[np.ndarray]:
        """Return the rows of the chunks that are nearest, whose spans are nearest, and that hold most of the words."""
        snapshot, many = self._snapshot, max(k, _CHUNK_CANDIDATES)
        return [
            snapshot.nearest_chunks(self._query, many, self._filters),
            snapshot.nearest_spans(self._query, max(k, _SPAN_CANDIDATES), self._filters),
            self._words.highest(many),
            self._translations.highest(many),
        ]

    def score(self, facts: Facts, spans: CandidateSpans) -> Scores:
        """Score candidates. facts: what is known of them. spans: theirs."""
        snapshot, rows, spread = self._snapshot, spans.rows, self._snapshot.geometry.spread
        span_cosines = snapshot.span_cosines(self._query, rows)
        chunk_cosines = snapshot.chunk_cosines(self._query, rows)
        # Words count by how much of the question can be found at all: in another language only names and numbers can.
        weight = _WORDS * self._words.reach * spread
        lent = _LENT * self._words.worded * (facts.scripts != self._script)
        own, translated = self._words.coverage(spans), self._translations.coverage(spans)
        span_words = weight * (own + np.repeat(lent, np.diff(spans.starts)))
        chunk_words = weight * (self._words.share_of(rows) + lent)
        return Scores(
            chunks=chunk_cosines + chunk_words + _TRANSLATIONS * spread * self._translations.share_of(rows),
            spans=span_cosines + span_words + _TRANSLATIONS * spread * translated,
            chunk_cosines=chunk_cosines,
            span_cosines=span_cosines,
            own=own,
            translated=translated,
        )

    def agreement(self, other: Reading, found: Scores) -> float:
        """Return 0..1: how much a translation counts, which must be nearer to the question than all that was found.

        A right one nearly always is, a wrong one hardly ever: English questions on Chinese articles rise from .883 to
        .953 (hit@1) with their Chinese twin, and stay at .880 with another question's.
        """
        nearest = max(found.chunk_cosines.max(), found.span_cosines.max(initial=-1.0))
        cosine = float(self._query @ other._query)
        return float(np.clip((cosine - nearest) / self._snapshot.geometry.spread, 0, 1))

    def words_of(self, scores: Scores, spans: slice, language: str) -> Words:
        """Return what of the words a candidate in this language holds. scores: this reading's. spans: its own."""
        foreign = language != self.language
        held = (scores.translated if foreign else scores.own)[spans]
        reach = (self._translations if foreign else self._words).reach
        return Words(float(held.max(initial=0)), reach, foreign)

    def missing(self, codes: Sequence[str], row: int) -> float:
        """Return the share of these codes of the question that a chunk does not hold."""
        return sum(not self._words.holds(code, row) for code in codes) / max(len(codes), 1)


def weighted_mean(scored: Sequence[Scores], weights: Sequence[float]) -> Scores:
    """Return the mean of the scores of several readings."""
    if len(scored) == 1:
        return scored[0]
    parts: Any = zip(*scored, strict=True)
    return Scores(*(np.average(values, axis=0, weights=weights) for values in parts))
