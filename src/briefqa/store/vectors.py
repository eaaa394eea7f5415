"""The vectors of one generation in FAISS, searched exactly, and their cache on disk.

They are float16, as in the database: of 118,000 vectors the nearest are found in 6.5 ms, as float32 in 20.

Rows are chunks in the order of their ids; the spans of row r are span rows span_starts[r] to span_starts[r + 1].
The cache is a folder `vectors-GENERATION` that says whose it is, with a checksum of each file: whatever is wrong with
it, it is made again.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import sqlite3
import stat
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from briefqa.store.schema import read_meta
from briefqa.threads import let_threads_sleep

_MANIFEST = "manifest.json"
_FORMAT = 3  # of the cache; 2: float16. 3: of which build it is
_FILES = ("chunks.faiss", "spans.faiss", "rows.i64")
# Bytes of a manifest; it has some 300.
_LONGEST_MANIFEST = 10_000
_NAME = re.compile(r"vectors-\d+|\.vectors-\d+-\w+\.tmp")
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
    if len(rows) == 0:
        return np.empty(0, dtype=np.float32)
    # einsum, because BLAS's threads spin for 25 ms after each product, on a core that the next question's encoder
    # wants: 17 ms a question instead of 37.
    wanted = codes_of(index).view(np.float16)[rows].astype(np.float32)
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
    remove_old_caches(index, meta)


def remove_old_caches(index: Path, meta: dict[str, str]) -> None:
    """Remove the caches of other generations than this one, and what a killed process left of one."""
    keep = _folder(index, meta)
    for folder in index.iterdir():
        if _NAME.fullmatch(folder.name) and folder != keep:
            _remove(folder)


def differs_from_cache(index: Path, connection: sqlite3.Connection) -> bool:
    """Say whether there is a sound cache of this build with other vectors than the database has now."""
    import faiss

    meta = read_meta(connection)
    cached = _read_cache(index, meta)
    if cached is None:
        return False
    stored = _read_database(connection, int(meta["generation"]))
    return not (
        np.array_equal(cached.chunk_ids, stored.chunk_ids)
        and np.array_equal(cached.span_starts, stored.span_starts)
        and np.array_equal(faiss.serialize_index(cached.chunks), faiss.serialize_index(stored.chunks))
        and np.array_equal(faiss.serialize_index(cached.spans), faiss.serialize_index(stored.spans))
    )


def _remove(path: Path) -> None:
    """Remove a cache as far as it can be, or what lies in its place: a file, a link, but not what it leads to."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    except OSError:
        pass


def _folder(index: Path, meta: dict[str, str]) -> Path:
    return index / f"vectors-{meta['generation']}"


def _read_database(connection: sqlite3.Connection, generation: int) -> Vectors:
    chunks = connection.execute(
        "SELECT chunk.id, vector.data FROM chunk JOIN vector ON vector.id = chunk.vector_id ORDER BY chunk.id"
    ).fetchall()
    spans = connection.execute(
        "SELECT span.chunk_id, vector.data FROM span JOIN vector ON vector.id = span.vector_id"
        " ORDER BY span.chunk_id, span.ordinal"
    ).fetchall()
    ids = np.array([chunk_id for chunk_id, _ in chunks], dtype=np.int64)
    of_spans = np.array([chunk_id for chunk_id, _ in spans], dtype=np.int64)
    starts = np.searchsorted(of_spans, np.append(ids, np.iinfo(np.int64).max)).astype(np.int64)
    return Vectors(generation, ids, starts, _index([data for _, data in chunks]), _index([data for _, data in spans]))


def codes_of(index: Any) -> np.ndarray:
    """Return the rows of a FAISS index as it holds them, uint8 (n, code size): its own memory, not a copy of it."""
    import faiss

    if index.ntotal == 0:
        return np.empty((0, index.code_size), dtype=np.uint8)
    codes = faiss.rev_swig_ptr(index.codes.data(), index.ntotal * index.code_size)
    return np.asarray(codes).reshape(index.ntotal, index.code_size)


def index_of(codes: np.ndarray, rows: list[bytes]) -> Any:
    """Return a FAISS index of rows as another one holds them, and then of rows as the database holds them.

    Both are float16, and are copied as they are: 12,000 rows take 5 ms, by way of float32 they would take 100.
    """
    import faiss

    size = len(rows[0]) if rows else codes.shape[1]
    index = faiss.IndexScalarQuantizer(size // 2, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    for part in (codes, np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(len(rows), size)):
        if len(part):
            index.add_sa_codes(np.ascontiguousarray(part))
    return index


def _index(rows: list[bytes]) -> Any:
    return index_of(np.empty((0, 2), dtype=np.uint8), rows)


def _write_cache(index: Path, meta: dict[str, str], vectors: Vectors) -> None:
    import faiss

    target = _folder(index, meta)
    folder = index / f".{target.name}-{secrets.token_hex(8)}.tmp"
    try:
        folder.mkdir()  # others may read it if they may read the database
    except OSError:
        return  # an index in a read-only folder has no cache
    try:
        contents = (
            faiss.serialize_index(vectors.chunks),
            faiss.serialize_index(vectors.spans),
            np.concatenate([vectors.chunk_ids, vectors.span_starts]).view(np.uint8),
        )
        files = dict(zip(_FILES, contents, strict=True))
        for name, data in files.items():
            (folder / name).write_bytes(data.data)
        sums = {name: [len(data), zlib.crc32(data.data)] for name, data in files.items()}
        manifest = json.dumps({**_whose(meta), "files": sums})
        (folder / _MANIFEST).write_text(manifest, encoding="utf-8")
        _remove(target)  # damaged, or of another index that lay here
        folder.rename(target)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)


def _whose(meta: dict[str, str]) -> dict[str, str | int]:
    """Return what a cache must say of itself: whose vectors it has."""
    return {"format": _FORMAT, **{key: meta.get(key, "") for key in ("index_id", "generation", "build_id")}}


def _read_cache(index: Path, meta: dict[str, str]) -> Vectors | None:
    """Return the cached vectors, or None if they are missing, damaged, or of another build or index."""
    import faiss

    folder = _folder(index, meta)
    try:
        manifest = json.loads(_read_file(folder / _MANIFEST, most=_LONGEST_MANIFEST).tobytes())
        sums = manifest.pop("files")
        if manifest != _whose(meta):
            return None
        files = {}
        for name in _FILES:
            size, checksum = sums[name]
            files[name] = _read_file(folder / name, size)
            if len(files[name]) != size or zlib.crc32(files[name].data) != checksum:
                return None
        rows = files["rows.i64"].view(np.int64)
        n_chunks = len(rows) // 2
        return Vectors(
            int(meta["generation"]),
            rows[:n_chunks],
            rows[n_chunks:],
            faiss.deserialize_index(files["chunks.faiss"]),
            faiss.deserialize_index(files["spans.faiss"]),
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError):
        return None


def _read_file(path: Path, most: int) -> np.ndarray:
    """Return the bytes of a file; raise ValueError for one that is longer than expected, or no file: a pipe, a link."""
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > most:
        raise ValueError(f"{path} is not what was written")
    return np.fromfile(path, dtype=np.uint8)
