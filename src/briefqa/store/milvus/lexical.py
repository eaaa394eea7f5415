"""The lexical search in Milvus: an inner product of sparse vectors finds candidates, whose BM25 is then worked out.

A chunk's sparse vector has for each of its terms the part of BM25 that is the chunk's own: how often the term stands
there, damped, against the chunk's length. A question's has the rarity of its terms. Their product is BM25, but for two
things that an engine cannot know: the mean length of all chunks changes with every build, and a concept of several
words counts as often as its rarest one. So more is asked for than is wanted, and the shares of what comes back are
worked out from where the terms stand, by the formula that the embedded store uses.

How many chunks hold a term is kept for each term; how many hold any of several is counted by the engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from briefqa.lexicon import Concept
from briefqa.store.contract import CandidateSpans
from briefqa.store.matching import Occurrences, is_worded, rarity, saturation
from briefqa.store.milvus.layout import NO_TERM, both, dimension_of, key_of, passing, standing
from briefqa.store.schema import Filters

if TYPE_CHECKING:
    from briefqa.store.milvus.snapshot import MilvusSnapshot

# Terms of a chunk, on average, as sparse vectors take it to be; the right one is known only when all have been read.
# At 25 to 800, where it was 62, 0 to 3 of 10,469 of the best 50 were missed, and never the first.
_MEAN_LENGTH = 200.0
# How many times as many candidates are asked for as are wanted.
_MORE = 4
_LEAST_WEIGHT = 1e-6


def sparse_of(counts: Mapping[int, int], length: int) -> dict[int, float]:
    """Return the sparse vector of a chunk. counts: how often each term stands in it, by its key. length: their sum."""
    damped = float(saturation(np.array([length]), _MEAN_LENGTH)[0])
    vector: dict[int, float] = {}
    for key, count in counts.items():
        dimension = dimension_of(key)
        vector[dimension] = vector.get(dimension, 0.0) + count / (count + damped)
    return vector or {NO_TERM: _LEAST_WEIGHT}


class MilvusMatch:
    """A question's concepts in a snapshot; see Match."""

    def __init__(self, concepts: Sequence[Concept], snapshot: MilvusSnapshot, filters: Filters) -> None:
        self._snapshot = snapshot
        self._filters = filters
        holding = snapshot.count_holding({term for concept in concepts for option in concept for term in option})
        self._found: list[tuple[list[tuple[str, ...]], float]] = []
        total = reached = worded = 0.0
        for concept in concepts:
            options = [option for option in concept if all(term in holding for term in option)]
            worth = rarity(self._count(options, holding), snapshot.n_chunks)
            total += worth
            if is_worded(concept):
                worded += worth
            if options:
                if self._may_answer(options):
                    reached += worth
                self._found.append((options, worth))
        self._total = max(total, 1e-6)
        self.reach = reached / self._total
        self.worded = worded / self._total
        self._terms = sorted({term for options, _ in self._found for option in options for term in option})
        self._occurrences: tuple[np.ndarray, Occurrences] = np.empty(0, dtype=np.int64), Occurrences({})

    def _count(self, options: Sequence[tuple[str, ...]], holding: Mapping[str, int]) -> int:
        """Return how many chunks hold any of the options."""
        if not options:
            return 0
        if len(options) == 1 and len(options[0]) == 1:
            return holding[options[0][0]]
        return self._snapshot.count_standing([[key_of(term) for term in option] for option in options])

    def _may_answer(self, options: Sequence[tuple[str, ...]]) -> bool:
        if not self._filters:
            return True
        keys = [[key_of(term) for term in option] for option in options]
        return self._snapshot.any_chunk(both(passing(self._filters), standing(keys)))

    def highest(self, count: int) -> np.ndarray:
        """Return the rows of the highest shares above 0 that may answer, at most so many."""
        query: dict[int, float] = {}
        for options, worth in self._found:
            for option in options:
                for term in option:
                    dimension = dimension_of(key_of(term))
                    query[dimension] = query.get(dimension, 0.0) + worth / len(option)
        if not query:
            return np.empty(0, dtype=np.int64)
        rows = self._snapshot.nearest_sparse(query, _MORE * count, self._filters)
        share = self.share_of(rows)
        rows, share = rows[share > 0], share[share > 0]
        return rows if len(rows) <= count else np.sort(rows[np.argsort(-share, kind="stable")[:count]])

    def share_of(self, rows: np.ndarray) -> np.ndarray:
        """Return the shares of these rows."""
        ordered = np.unique(rows)
        occurrences = self._look(ordered)
        damped = saturation(self._snapshot.lengths_of(ordered), self._snapshot.mean_length)
        share = np.zeros(len(ordered), dtype=np.float32)
        for options, worth in self._found:
            here, counts = occurrences.count(occurrences.options(tuple(options)))
            places = np.searchsorted(ordered, here)
            share[places] += worth * counts / (counts + damped[places])
        share /= self._total
        return np.asarray(share[np.searchsorted(ordered, rows)])

    def holds(self, term: str, row: int) -> bool:
        """Say whether a term of the concepts stands in a chunk."""
        return self._look(np.array([row])).holds(term, row)

    def coverage(self, spans: CandidateSpans) -> np.ndarray:
        """Return the share of the question, by rarity, that stands in each span, (n_spans,) float32, 0..1."""
        occurrences = self._look(spans.rows)
        found = [(occurrences.options(tuple(options)), worth) for options, worth in self._found]
        return np.asarray(occurrences.coverage(found, spans) / self._total, dtype=np.float32)

    def _look(self, rows: np.ndarray) -> Occurrences:
        """Return where the terms stand in these rows; those looked at last are remembered."""
        if not np.array_equal(self._occurrences[0], rows):
            self._occurrences = rows, Occurrences(self._snapshot.postings_in(rows, self._terms))
        return self._occurrences[1]
