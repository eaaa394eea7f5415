"""A quantised index for many rows: cells of near ones (IVF), and how each row differs from its cell in two bits a
dimension (PQ).

    index, search = make_cells(RowFile(path, n_rows, dim), like_questions(texts))
    places = find_cells(index, search, query, 50, None, 1.0)    # to be scored exactly by who asked

`make_cells` measures what share of the nearest it finds, for queries that it is given, and takes as many cells and
candidates as are needed for RECALL of them; where not even all cells suffice, the rows are to be searched exactly, or,
where that would take too much memory, by all that may be tried.

Method: Jégou et al., Product quantization for nearest neighbor search; 4-bit codes scanned in registers: André et al.,
Quicker ADC. Of 300,000 rows of 896 all are scanned in 2.1 ms on two cores; one by one, as float16, they would take 17.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from briefqa.threads import Turns, cores

# Rows up to which they are held in memory and searched exactly: 1 to 4 ms, by how fast the memory is, and 36 MB for the
# bundled encoder. Twice as many would cost a question more than all the words in it, and quantised ones half of that.
EXACT_ROWS = 20_000
# Rows up to which they are if no index finds enough of them, in 11 to 38 ms and 360 MB.
_MOST_EXACT_ROWS = 200_000
RECALL = 0.98
# Rows that cells and codes are learnt from, and how often they are gone through.
_A_CELL = 64
_FOR_CODES = 30_000
_ROUNDS = 8
_QUERIES = 128
# Texts of which a query is the mean. See `like_questions`.
_MIXED = 3
# RECALL is of the first ten, and so much is to be found of the hundred that are a question's candidates at most. Where
# only the ten nearest were looked after, .95 of questions' ten best hits were found, .99 with candidates too.
_FIRST, _NEAREST, _RECALL_OF_NEAREST = 10, 100, 0.95
# A row whose score is lower by no more is as near: of a sentence that thousands of articles end with any will do. The
# spread of unrelated cosines is .026 for the bundled encoder.
_AS_NEAR = 1e-3
_ROWS_AT_A_TIME = 16_384
# What may be tried: shares of the cells, and rows that are scored exactly in the end.
_SHARES = (1 / 32, 1 / 16, 1 / 8, 3 / 16, 1 / 4, 3 / 8, 1 / 2, 1.0)
_REFINED = (100, 200, 400, 800, 1_600, 3_200)
# Microseconds, measured on two cores: of a row that is scanned, and of one that is scored exactly.
_SCAN, _SCORE = 0.015, 3.0
# FAISS's way of searching for one query in several threads, each in cells of its own: half the time on two cores.
_CELLS_BY_THREADS = 15
_turns = Turns(cores())


@dataclass(frozen=True, slots=True)
class Search:
    """How rows are searched. cells: 0 where exactly. probed: cells that are looked at. refined: rows that are then
    scored exactly. recall: the share of the ten nearest that is found, as measured.
    """

    rows: int
    cells: int = 0
    probed: int = 0
    refined: int = 0
    recall: float = 1.0

    def __str__(self) -> str:
        if not self.cells:
            return f"{self.rows:,} exactly"
        return f"{self.rows:,}, {self.probed} of {self.cells} cells, recall@10 {self.recall:.3f}"


@dataclass(frozen=True, slots=True)
class RowFile:
    """A file of float16 rows (rows, dim), read and not mapped: what is mapped counts as the memory of this process."""

    path: Path
    rows: int
    dim: int

    def blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the number of the first row, and some rows, float32, until all were."""
        for first in range(0, self.rows, _ROWS_AT_A_TIME):
            count = min(_ROWS_AT_A_TIME, self.rows - first) * self.dim
            data = np.fromfile(self.path, dtype=np.float16, count=count, offset=2 * first * self.dim)
            yield first, data.reshape(-1, self.dim).astype(np.float32)

    def some(self, places: np.ndarray) -> np.ndarray:
        """Return some rows, float32 (n, dim)."""
        found = np.empty((len(places), self.dim), dtype=np.float16)
        with self.path.open("rb", buffering=0) as file:
            for row, place in zip(found, places.tolist(), strict=True):
                file.seek(2 * place * self.dim)
                file.readinto(row.data)
        return found.astype(np.float32)


def like_questions(texts: RowFile) -> np.ndarray:
    """Return what questions are like (n, dim): means of three texts each.

    A question lies farther from all texts than they lie from each other, so a text as a query finds more: of 1,200,000
    made-up sentences .999 of the hundred nearest in an eighth of the cells, where 58 real questions found .929 and
    means of two, three and four texts .977, .935 and .913.
    """
    places = np.random.default_rng(0).integers(texts.rows, size=_QUERIES * _MIXED)
    means = texts.some(places).reshape(_QUERIES, _MIXED, -1).mean(axis=1)
    return np.asarray(means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12), dtype=np.float32)


def make_cells(data: RowFile, queries: np.ndarray) -> tuple[Any, Search]:
    """Learn an index of the rows in a file and measure it. queries: (n, dim), what questions are like.

    Returns None for the index where less than RECALL was found, whatever was tried, and the rows may be searched
    exactly. Memory: two bits a dimension and row, and up to 500 MB to learn from.
    """
    import faiss

    random, dim = np.random.default_rng(0), data.dim
    cells = 2 ** int(math.log2(2 * math.sqrt(data.rows)))
    centres = faiss.IndexFlatIP(dim)
    learner = faiss.Clustering(dim, cells)
    learner.niter, learner.spherical = _ROUNDS, True
    learner.max_points_per_centroid, learner.min_points_per_centroid = _A_CELL, 1
    learner.train(_sample(data, cells * _A_CELL, random), centres)
    index = faiss.IndexIVFPQFastScan(centres, dim, cells, dim // _part(dim), 4, faiss.METRIC_INNER_PRODUCT)
    index.pq.cp.min_points_per_centroid = 1  # else it warns of few
    index.by_residual, index.implem = True, _CELLS_BY_THREADS
    index.train(_sample(data, _FOR_CODES, random))
    for _, block in data.blocks():
        index.add(block)
    return _tune(index, data, cells, queries)


def _part(dim: int) -> int:
    """Return how many dimensions share four bits: two, or what divides into the length of a row."""
    return next(part for part in (2, 3, 1) if dim % part == 0)


def _sample(data: RowFile, count: int, random: np.random.Generator) -> np.ndarray:
    return data.some(np.sort(random.choice(data.rows, size=min(count, data.rows), replace=False)))


def _tune(index: Any, data: RowFile, cells: int, queries: np.ndarray) -> tuple[Any, Search]:
    """Choose the cheapest of what may be tried that finds enough, or of too many rows what finds most."""
    import faiss

    most = min(_REFINED[-1], data.rows)
    places, scores = _nearest(data, queries, min(most + _NEAREST, data.rows))
    # Of more copies of one row than that nobody can say which were to be found.
    told = scores[:, -1] < scores[:, min(_NEAREST, data.rows) - 1] - _AS_NEAR
    queries, places, scores = queries[told], places[told], scores[told]
    first, near = (_as_near(places, scores, k) for k in (_FIRST, _NEAREST))
    enough: list[tuple[float, Search]] = []
    for share in _SHARES:
        probed = max(int(cells * share), 1)
        found = index.search(queries, most, params=faiss.SearchParametersIVF(nprobe=probed))[1]
        for refined in _REFINED:
            search = Search(data.rows, cells, probed, refined, _found(found[:, :refined], first, _FIRST))
            if search.recall >= RECALL and _found(found[:, :refined], near, _NEAREST) >= _RECALL_OF_NEAREST:
                enough.append((data.rows * share * _SCAN + refined * _SCORE, search))
                break
    if enough:
        return index, min(enough, key=lambda one: one[0])[1]
    # The last that was tried, which finds most.
    return (index, search) if data.rows > _MOST_EXACT_ROWS else (None, Search(data.rows))


def _as_near(places: np.ndarray, scores: np.ndarray, k: int) -> list[np.ndarray]:
    """Return of each query the places of the rows that are as near as its k nearest."""
    least = scores[:, min(k, scores.shape[1]) - 1, None] - _AS_NEAR
    return [row[:count] for row, count in zip(places, (scores >= least).sum(axis=1), strict=True)]


def _found(found: np.ndarray, wanted: list[np.ndarray], k: int) -> float:
    """Return the share of the k nearest, or of what is as near, that was found of all queries."""
    counts = [min(int(np.isin(one, some).sum()), k) for one, some in zip(wanted, found, strict=True)]
    return sum(counts) / sum(min(len(one), k) for one in wanted) if wanted else 1.0


def _nearest(data: RowFile, queries: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the places and the scores (n, count) of the rows nearest to each query, found exactly, best first."""
    places = np.empty((len(queries), 0), dtype=np.int64)
    scores = np.empty((len(queries), 0), dtype=np.float32)
    for first, block in data.blocks():
        more = queries @ block.T
        scores = np.concatenate([scores, more], axis=1)
        numbers = np.broadcast_to(np.arange(first, first + more.shape[1]), more.shape)
        places = np.concatenate([places, numbers], axis=1)
        best = np.argpartition(-scores, min(count, scores.shape[1]) - 1, axis=1)[:, :count]
        scores, places = np.take_along_axis(scores, best, 1), np.take_along_axis(places, best, 1)
    order = np.argsort(-scores, axis=1)
    return np.take_along_axis(places, order, 1), np.take_along_axis(scores, order, 1)


def find_cells(index: Any, search: Search, query: np.ndarray, k: int, selector: Any, share: float) -> np.ndarray:
    """Return the places of the candidates for the k nearest, ascending. share: of the rows, how many may be found.

    Where few may be, as many more cells are looked at.
    """
    import faiss

    probed = min(math.ceil(search.probed / max(share, 1e-9)), search.cells)
    parameters = faiss.SearchParametersIVF(nprobe=probed, sel=selector)
    most = min(max(search.refined, 2 * k), math.ceil(search.rows * share))
    with _turns.take():
        places = index.search(query[None, :], most, params=parameters)[1][0]
    return np.asarray(np.sort(places[places >= 0]), dtype=np.int64)
