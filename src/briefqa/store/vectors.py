"""The vectors of one generation in FAISS, searched exactly, and their cache on disk.

They are float16, as in the database: of 118,000 vectors the nearest are found in 6.5 ms, as float32 in 20.

Rows are chunks in the order of their ids; the spans of row r are span rows span_starts[r] to span_starts[r + 1].
The cache is a folder `vectors-GENERATION` with a checksum of each file: whatever is wrong with it, it is made again.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from briefqa.store.schema import read_meta
from briefqa.threads import let_threads_sleep

_MANIFEST = "manifest.json"
_FORMAT = 2  # of the cache; 2: float16
let_threads_sleep()  # FAISS brings OpenMP, and is imported by the functions below


@dataclass(frozen=True)
class Vectors:
    """The searchable vectors of one generation; safe to share between threads.

    chunk_ids: (n_chunks,) int64, ascending. span_starts: (n_chunks + 1,) int64.
    chunks, spans: FAISS indexes of (n_chunks, dim) and (n_spans, dim) float16 unit rows, by inner product.
    """

    generation: int
    chunk_ids: np.ndarray
    span_starts: np.ndarray
    chunks: Any
    spans: Any

    def __len__(self) -> int:
        return len(self.chunk_ids)

    def chunk(self, row: int) -> np.ndarray:
        """Return the vector (dim,) of a chunk."""
        return np.asarray(self.chunks.reconstruct(int(row)), dtype=np.float32)

    def span(self, row: int, place: int) -> np.ndarray:
        """Return the vector (dim,) of a chunk's span, counted from 0."""
        return np.asarray(self.spans.reconstruct(int(self.span_starts[row]) + place), dtype=np.float32)

    def nearest_chunks(self, query: np.ndarray, k: int, allowed: np.ndarray | None) -> np.ndarray:
        """Return the rows of the k chunks nearest to query (dim,), best first. allowed: (n_chunks,) bool, or all."""
        return _nearest(self.chunks, query, k, allowed)

    def nearest_spans(self, query: np.ndarray, k: int, allowed: np.ndarray | None) -> np.ndarray:
        """Return the chunk rows of the k spans nearest to query (dim,), best first, repeated where spans share one."""
        if allowed is not None:
            allowed = np.repeat(allowed, np.diff(self.span_starts))
        found = _nearest(self.spans, query, k, allowed)
        return np.searchsorted(self.span_starts, found, side="right") - 1

    def chunk_cosines(self, query: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the exact cosines (len(rows),) of these chunks with query (dim,)."""
        return _cosines(self.chunks, rows, query)

    def span_cosines(self, query: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the exact cosines of these chunks' spans with query (dim,), one chunk's after the other's."""
        counts = self.span_starts[rows + 1] - self.span_starts[rows]
        wanted = np.repeat(self.span_starts[rows + 1] - np.cumsum(counts), counts) + np.arange(counts.sum())
        return _cosines(self.spans, wanted, query)


def _nearest(index: Any, query: np.ndarray, k: int, allowed: np.ndarray | None) -> np.ndarray:
    k = min(k, index.ntotal if allowed is None else int(allowed.sum()))
    if k == 0:
        return np.empty(0, dtype=np.int64)
    parameters = None
    if allowed is not None:
        import faiss

        selector = faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
        parameters = faiss.SearchParameters(sel=selector)
    rows = index.search(query[None, :], k, params=parameters)[1][0]
    return np.asarray(rows[rows >= 0], dtype=np.int64)


def _cosines(index: Any, rows: np.ndarray, query: np.ndarray) -> np.ndarray:
    import faiss

    if len(rows) == 0:
        return np.empty(0, dtype=np.float32)
    # The index's own memory, not a copy of it. einsum, because BLAS's threads spin for 25 ms after each product, on a
    # core that the next question's encoder wants: 17 ms a question instead of 37.
    matrix = faiss.rev_swig_ptr(index.codes.data(), index.ntotal * index.code_size).view(np.float16)
    wanted = matrix.reshape(index.ntotal, index.d)[rows].astype(np.float32)
    return np.asarray(np.einsum("ij,j->i", wanted, query), dtype=np.float32)


def load_vectors(index: Path, connection: sqlite3.Connection) -> Vectors:
    """Return the vectors of the generation that the connection's transaction sees, from the cache if it is sound."""
    meta = read_meta(connection)
    cached = _read_cache(index, meta)
    if cached is not None:
        return cached
    vectors = _read_database(connection, int(meta["generation"]))
    _write_cache(index, meta, vectors)
    return vectors


def save_cache(index: Path, connection: sqlite3.Connection) -> None:
    """Write the cache of the newest generation and remove older ones; a reader makes it if this fails."""
    meta = read_meta(connection)
    _write_cache(index, meta, _read_database(connection, int(meta["generation"])))
    keep = _folder(index, meta)
    for folder in [*index.glob("vectors-*"), *index.glob(".vectors-*.tmp")]:
        if folder != keep:
            shutil.rmtree(folder, ignore_errors=True)


def _folder(index: Path, meta: dict[str, str]) -> Path:
    return index / f"vectors-{meta['generation']}"


def _read_database(connection: sqlite3.Connection, generation: int) -> Vectors:
    chunk_ids, chunk_data = [], []
    for chunk_id, data in connection.execute(
        "SELECT chunk.id, vector.data FROM chunk JOIN vector ON vector.id = chunk.vector_id ORDER BY chunk.id"
    ):
        chunk_ids.append(chunk_id)
        chunk_data.append(data)
    span_chunks, span_data = [], []
    for chunk_id, data in connection.execute(
        "SELECT span.chunk_id, vector.data FROM span JOIN vector ON vector.id = span.vector_id"
        " ORDER BY span.chunk_id, span.ordinal"
    ):
        span_chunks.append(chunk_id)
        span_data.append(data)
    ids = np.array(chunk_ids, dtype=np.int64)
    starts = np.searchsorted(np.array(span_chunks, dtype=np.int64), np.append(ids, np.iinfo(np.int64).max))
    return Vectors(generation, ids, starts.astype(np.int64), _index(chunk_data), _index(span_data))


def _index(rows: list[bytes]) -> Any:
    import faiss

    dim = len(rows[0]) // 2 if rows else 1
    matrix = np.frombuffer(b"".join(rows), dtype=np.float16).astype(np.float32).reshape(len(rows), dim)
    index = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    index.add(matrix)
    return index


def _write_cache(index: Path, meta: dict[str, str], vectors: Vectors) -> None:
    import faiss

    target = _folder(index, meta)
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}-", suffix=".tmp", dir=index))
    except OSError:
        return  # an index in a read-only folder has no cache
    try:
        files = {
            "chunks.faiss": faiss.serialize_index(vectors.chunks).tobytes(),
            "spans.faiss": faiss.serialize_index(vectors.spans).tobytes(),
            "rows.i64": np.concatenate([vectors.chunk_ids, vectors.span_starts]).tobytes(),
        }
        for name, data in files.items():
            (folder / name).write_bytes(data)
        manifest = {
            "format": _FORMAT,
            "index_id": meta["index_id"],
            "generation": vectors.generation,
            "crc32": {name: zlib.crc32(data) for name, data in files.items()},
        }
        (folder / _MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
        shutil.rmtree(target, ignore_errors=True)  # damaged, or of another index that lay here
        folder.rename(target)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)


def _read_cache(index: Path, meta: dict[str, str]) -> Vectors | None:
    """Return the cached vectors, or None if they are missing, damaged, or of another generation or index."""
    import faiss

    folder = _folder(index, meta)
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        whose = (manifest["format"], manifest["index_id"], manifest["generation"])
        if whose != (_FORMAT, meta["index_id"], int(meta["generation"])):
            return None
        files = {}
        for name, checksum in manifest["crc32"].items():
            files[name] = np.fromfile(folder / name, dtype=np.uint8)
            if zlib.crc32(files[name].data) != checksum:
                return None
        rows = files["rows.i64"].view(np.int64)
        n_chunks = len(rows) // 2
        return Vectors(
            manifest["generation"],
            rows[:n_chunks],
            rows[n_chunks:],
            faiss.deserialize_index(files["chunks.faiss"]),
            faiss.deserialize_index(files["spans.faiss"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError):
        return None
