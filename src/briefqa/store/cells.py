"""A quantised index for many rows: cells of near ones (IVF), each row in a bit a dimension (PQ).

    index, search = make_cells(RowFile(path, n_rows, dim), queries)
    places = find_cells(index, search, query, 50, None, 1.0)    # to be scored exactly by who asked

`make_cells` measures what share of the nearest it finds, for queries that it is given, and takes as many cells and
candidates as are needed for RECALL of them; where not even all cells suffice, the rows are to be searched exactly.

Method: Jégou et al., Product quantization for nearest neighbor search; 4-bit codes scanned in registers: André et al.,
Quicker ADC. Of 300,000 rows of 896 all are scanned in 2.2 ms; one by one, as float16, they would take 17.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

# Rows up to which they are held in memory and searched exactly: 1 to 4 ms, by how fast the memory is, and 36 MB for the
# bundled encoder. Twice as many would cost a question more than all the words in it, and quantised ones half of that.
EXACT_ROWS = 20_000
RECALL = 0.98
# Rows that cells and codes are learnt from, and how often they are gone through.
_A_CELL = 64
_FOR_CODES = 30_000
_ROUNDS = 8
_QUERIES = 128
# The nearest of which RECALL is to be found: as many as are candidates of a question, and the first of them. Where only
# the ten nearest were looked after, .95 of questions' ten best hits were found, .99 with fifty (100,000 chunks).
_NEAREST, _FIRST = 50, 10
_ROWS_AT_A_TIME = 16_384
# What may be tried: shares of the cells, and rows that are scored exactly in the end.
_SHARES = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
_REFINED = (100, 200, 400, 800, 1_600, 3_200)
# Microseconds, measured on two cores: of a row that is scanned, of a cell, of a row that is scored exactly.
_SCAN, _CELL, _SCORE = 0.007, 1.0, 1.5


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


def make_cells(data: RowFile, queries: np.ndarray) -> tuple[Any, Search]:
    """Learn an index of the rows in a file and measure it. queries: (n, dim), what questions are like.

    Returns None for the index where less than RECALL was found, whatever was tried. Memory: a bit a dimension
    and row, and some 300 MB to learn from.
    """
    import faiss

    random, dim = np.random.default_rng(0), data.dim
    cells = 2 ** int(math.log2(math.sqrt(data.rows)))
    centres = faiss.IndexFlatIP(dim)
    learner = faiss.Clustering(dim, cells)
    learner.niter, learner.spherical = _ROUNDS, True
    learner.max_points_per_centroid, learner.min_points_per_centroid = _A_CELL, 1
    learner.train(_sample(data, cells * _A_CELL, random), centres)
    index = faiss.IndexIVFPQFastScan(centres, dim, cells, dim // _part(dim), 4, faiss.METRIC_INNER_PRODUCT)
    index.pq.cp.min_points_per_centroid = 1  # else it warns of few
    index.train(_sample(data, _FOR_CODES, random))
    for _, block in data.blocks():
        index.add(block)
    return _tune(index, data, cells, queries[:_QUERIES])


def _part(dim: int) -> int:
    """Return how many dimensions share four bits: four, or what divides into the length of a row."""
    return next(part for part in (4, 3, 5, 2, 1) if dim % part == 0)


def _sample(data: RowFile, count: int, random: np.random.Generator) -> np.ndarray:
    return data.some(np.sort(random.choice(data.rows, size=min(count, data.rows), replace=False)))


def _tune(index: Any, data: RowFile, cells: int, queries: np.ndarray) -> tuple[Any, Search]:
    """Choose the cheapest of what may be tried that finds enough."""
    import faiss

    right = _nearest(data, queries)
    best: tuple[float, Search] | None = None
    for share in _SHARES:
        probed = max(int(cells * share), 1)
        most = min(_REFINED[-1], data.rows)
        parameters = faiss.SearchParametersIVF(nprobe=probed)
        found = index.search(queries, most, params=parameters)[1]
        for refined in _REFINED:
            held = np.stack([np.isin(one, some[:refined]) for one, some in zip(right, found, strict=True)])
            cost = probed * _CELL + data.rows * share * _SCAN + refined * _SCORE
            if min(held.mean(), held[:, :_FIRST].mean()) >= RECALL:
                if best is None or cost < best[0]:
                    best = cost, Search(data.rows, cells, probed, refined, float(held[:, :_FIRST].mean()))
                break
    return (index, best[1]) if best else (None, Search(data.rows))


def _nearest(data: RowFile, queries: np.ndarray) -> np.ndarray:
    """Return the places (n, 50) of the rows nearest to each query, found exactly, best first."""
    places = np.empty((len(queries), 0), dtype=np.int64)
    scores = np.empty((len(queries), 0), dtype=np.float32)
    for first, block in data.blocks():
        more = queries @ block.T
        scores = np.concatenate([scores, more], axis=1)
        numbers = np.broadcast_to(np.arange(first, first + more.shape[1]), more.shape)
        places = np.concatenate([places, numbers], axis=1)
        best = np.argpartition(-scores, min(_NEAREST, scores.shape[1]) - 1, axis=1)[:, :_NEAREST]
        scores, places = np.take_along_axis(scores, best, 1), np.take_along_axis(places, best, 1)
    return np.take_along_axis(places, np.argsort(-scores, axis=1), 1)


def find_cells(index: Any, search: Search, query: np.ndarray, k: int, selector: Any, share: float) -> np.ndarray:
    """Return the places of the candidates for the k nearest, ascending. share: of the rows, how many may be found.

    Where few may be, as many more cells are looked at.
    """
    import faiss

    probed = min(math.ceil(search.probed / max(share, 1e-9)), search.cells)
    parameters = faiss.SearchParametersIVF(nprobe=probed, sel=selector)
    most = min(max(search.refined, 2 * k), math.ceil(search.rows * share))
    places = index.search(query[None, :], most, params=parameters)[1][0]
    return np.asarray(np.sort(places[places >= 0]), dtype=np.int64)
