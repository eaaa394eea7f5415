"""The vectors of one generation, searched: a part that stays for many builds, and one with what has come since.

Rows are chunks in the order of their ids; the spans of row r are span rows span_starts[r] to span_starts[r + 1]. Few
vectors are held in memory and searched exactly, many are left in their file and found by a quantised index, see
`rows`; what is returned as a cosine is always exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np

from briefqa.store.parts import KINDS, Part
from briefqa.store.rows import Mask, Nearest, cosines


class View:
    """What a generation has of a part. kept: (n_part,) bool, None for all of it. first_row: the row of the first."""

    def __init__(self, part: Part, kept: np.ndarray | None, first_row: int) -> None:
        self.part = part
        self.kept = None if kept is None or kept.all() else kept
        self.first_row = first_row
        self.places = np.arange(len(part)) if self.kept is None else np.flatnonzero(self.kept)

    def __len__(self) -> int:
        return len(self.places)

    @cached_property
    def kept_spans(self) -> np.ndarray | None:
        """Which spans of the part belong to chunks that were kept."""
        return None if self.kept is None else np.repeat(self.kept, np.diff(self.part.span_starts))

    @cached_property
    def _kept(self) -> dict[str, Mask | None]:
        kinds = zip(KINDS, (self.kept, self.kept_spans), strict=True)
        return {kind: None if kept is None else Mask(kept) for kind, kept in kinds}

    def wanted(self, kind: str, allowed: np.ndarray | None) -> Mask | None:
        """Return which chunks or spans of the part may be found. allowed: of the generation's chunks, or all."""
        if allowed is None:
            return self._kept[kind]
        wanted = np.zeros(len(self.part), dtype=bool)
        wanted[self.places] = allowed[self.first_row : self.first_row + len(self)]
        return Mask(wanted if kind == KINDS[0] else np.repeat(wanted, np.diff(self.part.span_starts)))

    def rows_of(self, places: np.ndarray) -> np.ndarray:
        """Return the rows of chunks that were kept, by their places in the part."""
        rows = places if self.kept is None else np.searchsorted(self.places, places)
        return np.asarray(rows + self.first_row, dtype=np.int64)


class Vectors:
    """The searchable vectors of one generation; safe to share between threads.

    chunk_ids: (n_chunks,) int64, ascending. span_starts: (n_chunks + 1,) int64. Any search may raise DamagedRows.
    """

    def __init__(self, generation: int, parts: list[tuple[Part, np.ndarray | None]]) -> None:
        self.generation = generation
        self.views: list[View] = []
        for part, kept in parts:
            self.views.append(View(part, kept, sum(map(len, self.views))))
        self.dim: int = next((view.part.chunks.dim for view in self.views if len(view.part)), 1)
        self.chunk_ids = self.facts("id").astype(np.int64)
        counts = [np.diff(view.part.span_starts)[view.places] for view in self.views]
        self.span_starts = np.concatenate([[0], np.cumsum(np.concatenate([*counts, []]))]).astype(np.int64)

    def __len__(self) -> int:
        return len(self.chunk_ids)

    def facts(self, name: str) -> np.ndarray:
        """Return one of the FACTS of each chunk (n_chunks,)."""
        return np.concatenate([np.ascontiguousarray(view.part.facts[name][view.places]) for view in self.views])

    def scripts(self) -> np.ndarray:
        """Return the name of each chunk's script (n_chunks,)."""
        return np.concatenate([view.part.script_of[view.places] for view in self.views])

    def count(self, kind: str) -> int:
        """Return how many chunks or spans there are."""
        return len(self) if kind == KINDS[0] else int(self.span_starts[-1])

    def blocks(self, kind: str) -> Iterator[np.ndarray]:
        """Yield all vectors of a kind, float16 (some, dim), in order."""
        for view in self.views:
            kept, start = view.kept if kind == KINDS[0] else view.kept_spans, 0
            for block in getattr(view.part, kind).blocks():
                yield block if kept is None else block[kept[start : start + len(block)]]
                start += len(block)

    def chunk(self, row: int) -> np.ndarray:
        """Return the vector (dim,) of a chunk."""
        return np.asarray(self._chunk_rows(np.array([row]))[0], dtype=np.float32)

    def span(self, row: int, place: int) -> np.ndarray:
        """Return the vector (dim,) of a chunk's span, counted from 0."""
        return np.asarray(self._span_rows(np.array([row]))[place], dtype=np.float32)

    def nearest_chunks(self, query: np.ndarray, k: int, allowed: np.ndarray | None) -> np.ndarray:
        """Return the rows of the k chunks nearest to query (dim,), best first. allowed: (n_chunks,) bool, or all."""

        def search(view: View) -> tuple[np.ndarray, Nearest]:
            found = view.part.chunks.nearest(query, k, view.wanted("chunks", allowed))
            return view.rows_of(found.places), found

        return self._best(search, k)

    def nearest_spans(self, query: np.ndarray, k: int, allowed: np.ndarray | None) -> np.ndarray:
        """Return the chunk rows of the k spans nearest to query (dim,), best first, repeated where spans share one."""

        def search(view: View) -> tuple[np.ndarray, Nearest]:
            found = view.part.spans.nearest(query, k, view.wanted("spans", allowed))
            return view.rows_of(np.searchsorted(view.part.span_starts, found.places, side="right") - 1), found

        return self._best(search, k)

    def _best(self, search: Callable[[View], tuple[np.ndarray, Nearest]], k: int) -> np.ndarray:
        found = [search(view) for view in self.views]
        rows = np.concatenate([rows for rows, _ in found])
        if len(found) == 1:
            return rows
        scores = np.concatenate([nearest.scores for _, nearest in found])
        return np.asarray(rows[np.argsort(-scores, kind="stable")[:k]])

    def chunk_cosines(self, query: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the exact cosines (len(rows),) of these chunks with query (dim,)."""
        return cosines(self._chunk_rows(rows), query)

    def span_cosines(self, query: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the exact cosines of these chunks' spans with query (dim,), one chunk's after the other's."""
        return cosines(self._span_rows(rows), query)

    def _chunk_rows(self, rows: np.ndarray) -> np.ndarray:
        found = np.empty((len(rows), self.dim), dtype=np.float16)
        for view in self.views:
            here = (rows >= view.first_row) & (rows < view.first_row + len(view))
            if here.any():
                found[here] = view.part.chunks.read(view.places[rows[here] - view.first_row])
        return found

    def _span_rows(self, rows: np.ndarray) -> np.ndarray:
        counts = self.span_starts[rows + 1] - self.span_starts[rows]
        found = np.empty((int(counts.sum()), self.dim), dtype=np.float16)
        for view in self.views:
            here = (rows >= view.first_row) & (rows < view.first_row + len(view))
            many = counts[here]
            if many.any():
                ends = view.part.span_starts[view.places[rows[here] - view.first_row] + 1]
                wanted = np.repeat(ends - np.cumsum(many), many) + np.arange(many.sum())
                found[np.repeat(here, counts)] = view.part.spans.read(wanted)
        return found
