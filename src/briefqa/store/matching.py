"""How much of a question's words a chunk and its spans hold, each from 0 to 1.

    words = PostingMatch(lexicon.own_concepts(question, known), postings, lengths, mean_length, allowed)
    words.share                     # (n_chunks,) BM25 over the most that this question could reach
    words.coverage(spans)           # for candidates: the share of the question that stands in each span

A share is near 0 by itself where the question's words are not the corpus's: terms that stand nowhere count in full in
what could be reached. So a question in another language is not ranked by the noise of a few names and "de"s.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from briefqa.lexicon import Concept
from briefqa.store.contract import CandidateSpans
from briefqa.store.postings import Posting

# Robertson's usual values; .6 to 2 and .3 to .9 moved no figure by more than .003.
_K1 = 1.2
_B = 0.75
# Up to so many chunks all words choose candidates. Beyond, those do not that are in a tenth of the chunks or more, as
# far as all of them together are worth a fifth of the question (MaxScore: Turtle and Flood, 1995).
LARGE = 100_000
_COMMON = 10
_LITTLE = 0.2
# From this share of the chunks on, counts are added up in an array of all chunks, which spares sorting.
_SPARSE = 16
# Chunks of which the highest share is looked at, before those are chosen that are as high: 10 ms less of a million.
_BLOCK = 512


def rarity(holding: int, n_chunks: int) -> float:
    """Return the idf of what stands in so many of the chunks."""
    return math.log(1 + (n_chunks - holding + 0.5) / (holding + 0.5))


def saturation(lengths: np.ndarray, mean_length: float) -> np.ndarray:
    """Return what BM25 adds to a term's count below the line, for chunks of these lengths."""
    return np.asarray(_K1 * (1 - _B + _B * lengths / max(mean_length, 1.0)))


def is_worded(concept: Concept) -> bool:
    """Say whether a concept is words, and not a code, a number or a date."""
    return not any(char.isdigit() for term in concept[0] for char in term)


def spans_holding(posting: Posting, spans: CandidateSpans) -> np.ndarray:
    """Say which spans (n_spans,) hold a term; one in a chunk's headings belongs to all of its spans."""
    found = np.zeros(len(spans), dtype=bool)
    order, places = posting.within(spans.rows)
    in_span = (places > 0) & (places <= (spans.starts[order + 1] - spans.starts[order]))
    found[spans.starts[order[in_span]] + places[in_span] - 1] = True
    in_headings = np.zeros(len(spans.rows), dtype=bool)
    in_headings[order[places == 0]] = True
    found |= np.repeat(in_headings, np.diff(spans.starts))
    return found


class Found(NamedTuple):
    """A concept that the corpus has: its options, its rarity, the rows that hold it, and how often."""

    options: list[tuple[str, ...]]
    rarity: float
    rows: np.ndarray
    counts: np.ndarray


def _common(found: list[Found], n_chunks: int) -> list[Found]:
    """Return the concepts that need not be looked at to choose candidates: they are in many chunks, and say little."""
    if n_chunks <= LARGE:
        return []
    left = _LITTLE * sum(one.rarity for one in found)
    common = []
    for one in sorted(found, key=lambda one: one.rarity):
        left -= one.rarity
        if left < 0 or len(one.rows) <= n_chunks / _COMMON:
            break
        common.append(one)
    return common


def _find(among: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return where rows stand among others, or would stand; both ascending, and the others are not empty."""
    return np.minimum(np.searchsorted(among, rows.astype(among.dtype, copy=False)), len(among) - 1)


class Occurrences:
    """Where the terms of a question stand: in all chunks, or in those that are looked at.

    n_chunks: how many those are, if all are looked at.
    """

    def __init__(self, postings: Mapping[str, Posting], n_chunks: int | None = None) -> None:
        self.postings = postings
        self._n_chunks = n_chunks

    def options(self, concept: Concept) -> list[tuple[str, ...]]:
        """Return those of a concept's options whose terms all stand somewhere."""
        return [option for option in concept if all(term in self.postings for term in option)]

    def count(self, options: Sequence[tuple[str, ...]]) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows that hold any of the options, and how often; an option as often as its rarest term."""
        found = [self._count_option(option) for option in options]
        if len(found) == 1:
            return found[0]
        if not found:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        if self._n_chunks is not None and sum(len(rows) for rows, _ in found) > self._n_chunks / _SPARSE:
            counted = np.zeros(self._n_chunks, dtype=np.float32)
            for rows, more in found:
                counted[rows] += more
            held = np.flatnonzero(counted)
            return held, counted[held].astype(np.float64)  # as below
        rows, places = np.unique(np.concatenate([rows for rows, _ in found]), return_inverse=True)
        return rows, np.bincount(places, np.concatenate([counts for _, counts in found]), minlength=len(rows))

    def _count_option(self, option: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        first, *others = sorted((self.postings[term] for term in option), key=lambda posting: len(posting.rows))
        rows, counts = first.chunks, first.counts
        for other in others:
            there = _find(other.chunks, rows)
            held = other.chunks[there] == rows
            rows, counts = rows[held], np.minimum(counts[held], other.counts[there[held]])
        return rows, counts

    def holds(self, term: str, row: int) -> bool:
        """Say whether a term stands in a chunk."""
        return term in self.postings and len(self.postings[term].within(np.array([row]))[0]) > 0

    def coverage(self, found: Sequence[tuple[Sequence[tuple[str, ...]], float]], spans: CandidateSpans) -> np.ndarray:
        """Return the rarity of what stands in each span, (n_spans,). found: options and rarity of each concept."""
        held: dict[str, np.ndarray] = {}
        covered = np.zeros(len(spans), dtype=np.float32)
        for options, worth in found:
            anywhere = np.zeros(len(spans), dtype=bool)
            for option in options:
                here = np.ones(len(spans), dtype=bool)
                for term in option:
                    if term not in held:
                        held[term] = spans_holding(self.postings[term], spans)
                    here &= held[term]
                anywhere |= here
            covered += worth * anywhere
        return covered


class PostingMatch:
    """A question's concepts in all chunks.

    share: (n_chunks,) float32, the BM25 of each chunk over the most that the question could reach, 0..1; of a large
    corpus without what is in so many chunks that it chooses none, see `share_of`.
    reach: the share of the question, by rarity, that stands in the chunks that may answer at all, 0..1.
    worded: the share of the question, by rarity, that is words and not codes, numbers or dates, 0..1.
    """

    def __init__(
        self,
        concepts: Sequence[Concept],
        postings: Mapping[str, Posting],
        lengths: np.ndarray,
        mean_length: float,
        allowed: np.ndarray | None = None,
    ) -> None:
        n_chunks = len(lengths)
        self._occurrences = Occurrences(postings, n_chunks)
        self._lengths, self._mean = lengths, mean_length
        self._allowed = allowed
        self.share = np.zeros(n_chunks, dtype=np.float32)
        self._found: list[Found] = []
        total = reached = worded = 0.0
        for concept in concepts:
            options = self._occurrences.options(concept)
            rows, counts = self._occurrences.count(options)
            worth = rarity(len(rows), n_chunks)
            total += worth
            if is_worded(concept):
                worded += worth
            if len(rows):
                if allowed is None or allowed[rows].any():
                    reached += worth
                self._found.append(Found(options, worth, rows, counts))
        self._total = max(total, 1e-6)
        self._common = _common(self._found, n_chunks)
        for found in self._found:
            if not any(found is one for one in self._common):  # arrays cannot be compared
                self.share[found.rows] += self._worth(found, found.rows, found.counts)
        self.share /= self._total
        self.reach = reached / self._total
        self.worded = worded / self._total

    def _worth(self, found: Found, rows: np.ndarray, counts: np.ndarray) -> np.ndarray:
        return np.asarray(found.rarity * counts / (counts + saturation(self._lengths[rows], self._mean)))

    def highest(self, count: int) -> np.ndarray:
        """Return the rows of the highest shares above 0 that may answer, at most so many; of equal ones the last."""
        share = self.share if self._allowed is None else self.share * self._allowed
        least = 0.0
        if len(share) > max(LARGE, _BLOCK * count):  # as many of these maxima, each of a row, are at least so high
            maxima = np.partition(np.maximum.reduceat(share, np.arange(0, len(share), _BLOCK)), -count)
            least = float(maxima[-count])
        rows = np.flatnonzero(share >= least if least else share)
        if len(rows) <= count:
            return rows
        shares = share[rows]
        lowest = np.partition(shares, -count)[-count]
        above, equal = rows[shares > lowest], rows[shares == lowest]
        return np.concatenate([equal[len(equal) - (count - len(above)) :], above])

    def share_of(self, rows: np.ndarray) -> np.ndarray:
        """Return the shares of these rows, of which nothing is left out."""
        share = self.share[rows]
        for found in self._common:
            places = _find(found.rows, rows)
            counts = found.counts[places] * (found.rows[places] == rows)
            share = share + self._worth(found, rows, counts) / self._total
        return np.asarray(share, dtype=np.float32)

    def holds(self, term: str, row: int) -> bool:
        """Say whether a term of the concepts stands in a chunk."""
        return self._occurrences.holds(term, row)

    def coverage(self, spans: CandidateSpans) -> np.ndarray:
        """Return the share of the question, by rarity, that stands in each span, (n_spans,) float32, 0..1."""
        covered = self._occurrences.coverage([(found.options, found.rarity) for found in self._found], spans)
        return np.asarray(covered / self._total, dtype=np.float32)
