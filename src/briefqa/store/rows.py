"""Vectors of one kind, the chunks' or the spans', one float16 row each: held in memory, or left in their file.

    found = rows.nearest(query, 50, None)       # Nearest(places, scores), best first
    rows.read(places)                           # (n, dim) float16, exactly what was stored

What is held is searched exactly: of 118,000 rows of 896 the nearest are found in 6.5 ms. What is left in its file is
searched by `cells`, a quantised index, and what that finds is read and scored exactly.
"""

from __future__ import annotations

import os
import weakref
import zlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, Protocol

import numpy as np

from briefqa.errors import IndexCorruptError
from briefqa.store.cells import Search, find_cells
from briefqa.threads import let_threads_sleep

let_threads_sleep()  # FAISS brings OpenMP, and is imported by the functions below
# Rows that may answer, up to which all of them are read and scored: a filter that lets few pass is searched exactly.
_FEW = 4_000
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

    Every row is checked each time that it is read, which takes half a microsecond. Raises DamagedRows.
    """

    def __init__(self, path: Path, dim: int, sums: np.ndarray, cells: Any, search: Search) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        weakref.finalize(self, os.close, self._file)
        self._reading = Lock()
        self.dim = dim
        self.search = search
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
        """Return rows as they were stored.

        By one call of the system for each, 2 µs: mapped into memory they would take 6, for each maps 64 KB, and what
        was cut off the file would end the process.
        """
        size = 2 * self.dim
        rows = [self._bytes(size, place * size) for place in places.tolist()]
        self._check(rows, self._sums[places])
        return self._as_rows(b"".join(rows))

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield all rows."""
        size = 2 * self.dim
        for first in range(0, len(self), _ROWS_AT_A_TIME):
            sums = self._sums[first : first + _ROWS_AT_A_TIME]
            data = memoryview(self._bytes(size * len(sums), first * size))
            self._check([data[start : start + size] for start in range(0, size * len(sums), size)], sums)
            yield self._as_rows(data)

    def _bytes(self, count: int, start: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._file, count, start)
        with self._reading:  # Windows has one place in a file for all threads
            os.lseek(self._file, start, os.SEEK_SET)
            return os.read(self._file, count)

    def _check(self, rows: Sequence[bytes | memoryview], sums: np.ndarray) -> None:
        for row, expected in zip(rows, sums.tolist(), strict=True):
            if zlib.crc32(row) != expected:
                raise DamagedRows(f"{self.path} is damaged, or was cut short")

    def _as_rows(self, data: bytes | memoryview) -> np.ndarray:
        return np.frombuffer(data, dtype=np.float16).reshape(-1, self.dim)
