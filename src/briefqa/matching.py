"""How much of a question's words a chunk and its spans hold, each from 0 to 1.

    words = Match(lexicon.own_concepts(question), snapshot, allowed)
    words.share                     # (n_chunks,) BM25 over the most that this question could reach
    words.coverage(spans)           # for candidates: the share of the question that stands in each span

A share is near 0 by itself where the question's words are not the corpus's: terms that stand nowhere count in full in
what could be reached. So a question in another language is not ranked by the noise of a few names and "de"s.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from briefqa.lexicon import Concept
from briefqa.store import Posting, Snapshot

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


@dataclass(frozen=True, slots=True)
class CandidateSpans:
    """The spans of candidate chunks, one after the other.

    rows: (n_candidates,) ascending. starts: (n_candidates + 1,) the first span of each.
    """

    rows: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray, snapshot: Snapshot) -> CandidateSpans:
        """Return the spans of these rows."""
        counts = snapshot.vectors.span_starts[rows + 1] - snapshot.vectors.span_starts[rows]
        return cls(rows, np.concatenate([[0], np.cumsum(counts)]))

    def __len__(self) -> int:
        return int(self.starts[-1])

    def best(self, scores: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
        """Return the best score (n_candidates,) of each candidate's spans (n_spans,); otherwise, where it has none."""
        best: np.ndarray = otherwise.copy()
        some = np.flatnonzero(np.diff(self.starts))
        if len(some):
            best[some] = np.maximum.reduceat(scores, self.starts[some])
        return best

    def holding(self, posting: Posting) -> np.ndarray:
        """Say which spans (n_spans,) hold a term; one in a chunk's headings belongs to all of its spans."""
        found = np.zeros(len(self), dtype=bool)
        order, places = posting.within(self.rows)
        in_span = (places > 0) & (places <= self.starts[order + 1] - self.starts[order])
        found[self.starts[order[in_span]] + places[in_span] - 1] = True
        in_headings = np.zeros(len(self.starts) - 1, dtype=bool)
        in_headings[order[places == 0]] = True
        found |= np.repeat(in_headings, np.diff(self.starts))
        return found


class _Found(NamedTuple):
    """A concept that the corpus has: its options, its rarity, the rows that hold it, and how often."""

    options: list[tuple[str, ...]]
    rarity: float
    rows: np.ndarray
    counts: np.ndarray


def _common(found: list[_Found], n_chunks: int) -> list[_Found]:
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


class Match:
    """A question's concepts in a snapshot.

    share: (n_chunks,) float32, the BM25 of each chunk over the most that the question could reach, 0..1; of a large
    corpus without what is in so many chunks that it chooses none, see `share_of`.
    reach: the share of the question, by rarity, that stands in the chunks that may answer at all, 0..1.
    worded: the share of the question, by rarity, that is words and not codes, numbers or dates, 0..1.
    """

    def __init__(self, concepts: Sequence[Concept], snapshot: Snapshot, allowed: np.ndarray | None = None) -> None:
        self._postings = snapshot.postings({term for concept in concepts for option in concept for term in option})
        self._n_chunks = len(snapshot.vectors)
        self._lengths, self._mean = snapshot.lengths, max(snapshot.mean_length, 1.0)
        self.share = np.zeros(self._n_chunks, dtype=np.float32)
        self._found: list[_Found] = []
        total = reached = worded = 0.0
        for concept in concepts:
            options = [option for option in concept if all(term in self._postings for term in option)]
            rows, counts = self._count(options)
            rarity = math.log(1 + (self._n_chunks - len(rows) + 0.5) / (len(rows) + 0.5))
            total += rarity
            if not any(char.isdigit() for term in concept[0] for char in term):
                worded += rarity
            if len(rows):
                if allowed is None or allowed[rows].any():
                    reached += rarity
                self._found.append(_Found(options, rarity, rows, counts))
        self._total = max(total, 1e-6)
        self._common = _common(self._found, self._n_chunks)
        for found in self._found:
            if not any(found is one for one in self._common):  # arrays cannot be compared
                self.share[found.rows] += self._worth(found, found.rows, found.counts)
        self.share /= self._total
        self.reach = reached / self._total
        self.worded = worded / self._total

    def _worth(self, found: _Found, rows: np.ndarray, counts: np.ndarray) -> np.ndarray:
        saturation = _K1 * (1 - _B + _B * self._lengths[rows] / self._mean)
        return np.asarray(found.rarity * counts / (counts + saturation))

    def share_of(self, rows: np.ndarray) -> np.ndarray:
        """Return the share of candidates (n,), of which nothing is left out."""
        share = self.share[rows]
        for found in self._common:
            places = _find(found.rows, rows)
            counts = found.counts[places] * (found.rows[places] == rows)
            share = share + self._worth(found, rows, counts) / self._total
        return np.asarray(share, dtype=np.float32)

    def _count(self, options: list[tuple[str, ...]]) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows that hold any of the options, and how often; an option as often as its rarest term."""
        found = [self._count_option(option) for option in options]
        if len(found) == 1:
            return found[0]
        if not found:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        if sum(len(rows) for rows, _ in found) > self._n_chunks / _SPARSE:
            counts = np.zeros(self._n_chunks, dtype=np.float32)
            for rows, more in found:
                counts[rows] += more
            held = np.flatnonzero(counts)
            return held, counts[held].astype(np.float64)  # as below
        rows, places = np.unique(np.concatenate([rows for rows, _ in found]), return_inverse=True)
        return rows, np.bincount(places, np.concatenate([counts for _, counts in found]), minlength=len(rows))

    def _count_option(self, option: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        first, *others = sorted((self._postings[term] for term in option), key=lambda posting: len(posting.rows))
        rows, counts = first.chunks, first.counts
        for other in others:
            there = _find(other.chunks, rows)
            held = other.chunks[there] == rows
            rows, counts = rows[held], np.minimum(counts[held], other.counts[there[held]])
        return rows, counts

    def holds(self, term: str, row: int) -> bool:
        """Say whether a term of the concepts stands in a chunk."""
        return term in self._postings and len(self._postings[term].within(np.array([row]))[0]) > 0

    def coverage(self, spans: CandidateSpans) -> np.ndarray:
        """Return the share of the question, by rarity, that stands in each span, (n_spans,) float32, 0..1."""
        held: dict[str, np.ndarray] = {}
        covered = np.zeros(len(spans), dtype=np.float32)
        for options, rarity, *_ in self._found:
            anywhere = np.zeros(len(spans), dtype=bool)
            for option in options:
                here = np.ones(len(spans), dtype=bool)
                for term in option:
                    if term not in held:
                        held[term] = spans.holding(self._postings[term])
                    here &= held[term]
                anywhere |= here
            covered += rarity * anywhere
        return np.asarray(covered / self._total, dtype=np.float32)
