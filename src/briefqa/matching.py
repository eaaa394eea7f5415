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

import numpy as np

from briefqa.lexicon import Concept
from briefqa.store import Posting, Snapshot

# Robertson's usual values; .6 to 2 and .3 to .9 moved no figure by more than .003.
_K1 = 1.2
_B = 0.75


@dataclass(frozen=True, slots=True)
class CandidateSpans:
    """The spans of candidate chunks, one after the other.

    order: (n_chunks,) the number of each candidate, -1 for other chunks. starts: (n_candidates + 1,) its first span.
    """

    order: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray, snapshot: Snapshot) -> CandidateSpans:
        """Return the spans of these rows."""
        order = np.full(len(snapshot.vectors), -1, dtype=np.int64)
        order[rows] = np.arange(len(rows))
        counts = snapshot.vectors.span_starts[rows + 1] - snapshot.vectors.span_starts[rows]
        return cls(order, np.concatenate([[0], np.cumsum(counts)]))

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
        order = self.order[posting.rows]
        wanted = order >= 0
        order, places = order[wanted], posting.places[wanted]
        in_span = (places > 0) & (places <= self.starts[order + 1] - self.starts[order])
        found[self.starts[order[in_span]] + places[in_span] - 1] = True
        in_headings = np.zeros(len(self.starts) - 1, dtype=bool)
        in_headings[order[places == 0]] = True
        found |= np.repeat(in_headings, np.diff(self.starts))
        return found


class Match:
    """A question's concepts in a snapshot.

    share: (n_chunks,) float32, the BM25 of each chunk over the most that the question could reach, 0..1.
    reach: the share of the question, by rarity, that stands in the chunks that may answer at all, 0..1.
    worded: the share of the question, by rarity, that is words and not codes, numbers or dates, 0..1.
    """

    def __init__(self, concepts: Sequence[Concept], snapshot: Snapshot, allowed: np.ndarray | None = None) -> None:
        self._postings = snapshot.postings({term for concept in concepts for option in concept for term in option})
        n_chunks = len(snapshot.vectors)
        self._counts: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        saturation = _K1 * (1 - _B + _B * snapshot.lengths / max(float(snapshot.lengths.mean()), 1.0))
        self.share = np.zeros(n_chunks, dtype=np.float32)
        self._found: list[tuple[list[tuple[str, ...]], float]] = []
        total = reached = worded = 0.0
        for concept in concepts:
            options = [option for option in concept if all(term in self._postings for term in option)]
            rows, counts = self._count(options)
            rarity = math.log(1 + (n_chunks - len(rows) + 0.5) / (len(rows) + 0.5))
            total += rarity
            if not any(char.isdigit() for term in concept[0] for char in term):
                worded += rarity
            if len(rows):
                if allowed is None or allowed[rows].any():
                    reached += rarity
                self.share[rows] += rarity * counts / (counts + saturation[rows])
                self._found.append((options, rarity))
        self._total = max(total, 1e-6)
        self.share /= self._total
        self.reach = reached / self._total
        self.worded = worded / self._total

    def _count(self, options: list[tuple[str, ...]]) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows that hold any of the options, and how often; an option as often as its rarest term."""
        found = [self._count_option(option) for option in options]
        if len(found) == 1:
            return found[0]
        if not found:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        rows, places = np.unique(np.concatenate([rows for rows, _ in found]), return_inverse=True)
        return rows, np.bincount(places, np.concatenate([counts for _, counts in found]), minlength=len(rows))

    def _count_option(self, option: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        rows, counts = self._count_term(option[0])
        for term in option[1:]:
            others, other_counts = self._count_term(term)
            rows, here, there = np.intersect1d(rows, others, assume_unique=True, return_indices=True)
            counts = np.minimum(counts[here], other_counts[there])
        return rows, counts

    def _count_term(self, term: str) -> tuple[np.ndarray, np.ndarray]:
        if term not in self._counts:
            rows = self._postings[term].rows
            firsts = np.flatnonzero(np.concatenate([[True], rows[1:] != rows[:-1]]))
            self._counts[term] = rows[firsts], np.diff(np.append(firsts, len(rows))).astype(np.float32)
        return self._counts[term]

    def holds(self, term: str, row: int) -> bool:
        """Say whether a term of the concepts stands in a chunk."""
        return term in self._postings and bool(np.isin(row, self._postings[term].rows))

    def coverage(self, spans: CandidateSpans) -> np.ndarray:
        """Return the share of the question, by rarity, that stands in each span, (n_spans,) float32, 0..1."""
        held: dict[str, np.ndarray] = {}
        covered = np.zeros(len(spans), dtype=np.float32)
        for options, rarity in self._found:
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
