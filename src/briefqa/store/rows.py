"""Vectors of one kind, the chunks' or the spans', one float16 row each: held in memory, or left in their file.

    found = rows.nearest(query, 50, None)       # Nearest(places, scores), best first
    rows.read(places)                           # (n, dim) float16, exactly what was stored

What is held is searched exactly: of 118,000 rows of 896 the nearest are found in 6.5 ms. What is left in its file,
which is mapped into memory, is searched by `cells`, a quantised index, and what that finds is scored exactly.
"""

from __future__ import annotations

import mmap
import os
import weakref
import zlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from briefqa.errors import IndexCorruptError
from briefqa.store.cells import Search, find_cells
from briefqa.threads import let_threads_sleep

let_threads_sleep()  # FAISS brings OpenMP, and is imported by the functions below
# Rows that may answer, up to which all of them are read and scored: a filter that lets few pass is searched exactly.
_FEW = 4_000
# Rows that are read until the system is told that the process has no more use for them. With each it maps 64 KB, which
# would count as memory of the process until it has mapped the whole file; they stay in the system's cache.
_MOST_MAPPED = 1_024
_ROWS_AT_A_TIME = 4_096


class DamagedRows(IndexCorruptError):
    """A row of the cache is not what was written; the cache is made again, and the question asked again."""


class Nearest(NamedTuple):
    """Places of rows (n,) int64, best first, and their cosines (n,) float32."""

    places: np.ndarray
    scores: np.ndarray


class Mask:
    """Which rows may be found. rows: (n,) bool."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows
        self.count = int(rows.sum())

    @cached_property
    def selector(self) -> Any:
        """What tells FAISS."""
        import faiss

        return faiss.IDSelectorBitmap(np.packbits(self.rows, bitorder="little"))


class Rows(Protocol):
    """Rows (n, dim) of unit length, searched by inner product; safe to share between threads."""

    @property
    def dim(self) -> int:
        """Length of a row."""

    @property
    def search(self) -> Search:
        """How they are searched, and how much of the exact result is found."""

    def __len__(self) -> int: ...

    def nearest(self, query: np.ndarray, k: int, wanted: Mask | None) -> Nearest:
        """Return the k rows nearest to query (dim,). wanted: which rows may be found; None for all."""

    def read(self, places: np.ndarray) -> np.ndarray:
        """Return rows as they were stored, float16 (len(places), dim)."""

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield all rows, float16 (some, dim), in order."""


def cosines(rows: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Return the products (n,) float32 of float16 rows (n, dim) with a query (dim,).

    By einsum, because BLAS's threads spin for 25 ms after each product, on a core that the next question's encoder
    wants: 17 ms a question instead of 37.
    """
    return np.asarray(np.einsum("ij,j->i", rows.astype(np.float32), query), dtype=np.float32)


class Held:
    """Rows in memory, searched exactly."""

    def __init__(self, rows: np.ndarray) -> None:
        import faiss

        self._index = faiss.IndexScalarQuantizer(
            max(rows.shape[1], 1), faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        if len(rows):  # float16 as it is: 12,000 rows take 5 ms, by way of float32 they would take 100
            self._index.add_sa_codes(np.ascontiguousarray(rows).view(np.uint8))
        self.dim: int = rows.shape[1]
        self.search = Search(len(rows))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def rows(self) -> np.ndarray:
        """All rows, float16 (n, dim): the index's own memory, not a copy of it."""
        import faiss

        if not len(self):
            return np.empty((0, self.dim), dtype=np.float16)
        codes = np.asarray(faiss.rev_swig_ptr(self._index.codes.data(), len(self) * self._index.code_size))
        return np.asarray(codes.view(np.float16).reshape(len(self), self.dim))

    def nearest(self, query: np.ndarray, k: int, wanted: Mask | None) -> Nearest:
        """Return the k rows nearest to a query."""
        k = min(k, len(self) if wanted is None else wanted.count)
        if k == 0:
            return Nearest(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32))
        parameters = None
        if wanted is not None:
            import faiss

            parameters = faiss.SearchParameters(sel=wanted.selector)
        scores, places = self._index.search(query[None, :], k, params=parameters)
        found = places[0] >= 0
        return Nearest(places[0][found].astype(np.int64), scores[0][found])

    def read(self, places: np.ndarray) -> np.ndarray:
        """Return rows as they were stored."""
        return np.asarray(self.rows[places])

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield all rows."""
        if len(self):
            yield self.rows


class Filed:
    """Rows in their file, searched by a quantised index that is in memory. sums: (n,) uint32, the CRC-32 of each row.

    Every row is checked each time that it is read, which takes half a microsecond, and that the file is as long as it
    was: to read what was cut off would end the process. Raises DamagedRows.
    """

    def __init__(self, path: Path, dim: int, sums: np.ndarray, cells: Any, search: Search) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        weakref.finalize(self, os.close, self._file)
        self.dim = dim
        self.search = search
        mapped = mmap.mmap(self._file, len(sums) * dim * 2, access=mmap.ACCESS_READ)
        if hasattr(mmap, "MADV_RANDOM"):
            mapped.madvise(mmap.MADV_RANDOM)
        self._mapped, self._read = mapped, 0
        self._rows = np.frombuffer(mapped, dtype=np.float16).reshape(len(sums), dim)
        self._sums = sums
        self._cells = cells

    def __len__(self) -> int:
        return len(self._sums)

    def nearest(self, query: np.ndarray, k: int, wanted: Mask | None) -> Nearest:
        """Return the k rows nearest to a query."""
        if wanted is None:
            places = find_cells(self._cells, self.search, query, k, None, 1.0)
        elif wanted.count <= _FEW:
            places = np.flatnonzero(wanted.rows)
        else:
            places = find_cells(self._cells, self.search, query, k, wanted.selector, wanted.count / len(self))
        scores = cosines(self.read(places), query)
        best = np.argsort(-scores, kind="stable")[:k]
        return Nearest(places[best], scores[best])

    def read(self, places: np.ndarray) -> np.ndarray:
        """Return rows as they were stored."""
        if os.fstat(self._file).st_size != self._rows.nbytes:
            raise DamagedRows(f"{self.path} was cut short")
        found: np.ndarray = self._rows[places]
        for row, expected in zip(found, self._sums[places].tolist(), strict=True):
            if zlib.crc32(row) != expected:
                raise DamagedRows(f"{self.path} is damaged")
        self._read += len(places)
        if self._read >= _MOST_MAPPED and hasattr(mmap, "MADV_DONTNEED"):
            self._read = 0
            self._mapped.madvise(mmap.MADV_DONTNEED)
        return found

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield all rows."""
        for first in range(0, len(self), _ROWS_AT_A_TIME):
            yield self.read(np.arange(first, min(first + _ROWS_AT_A_TIME, len(self))))
