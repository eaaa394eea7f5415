"""The vectors of one generation on the disk, beside the database: a cache, made again whenever it is not right.

    vectors = load_vectors(index, connection)       # from the cache, or from the database
    save_cache(index, connection)                   # after a build

It is a folder `vectors-GENERATION` that says whose it is, with a checksum of each file; the rows of large files are
checked when they are read. A build that adds little takes over the files of the first part by links, so that it writes
what is new alone; files are never changed, so that who has opened those of an older generation may go on reading.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import sqlite3
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from briefqa.store.cells import EXACT_ROWS, Search
from briefqa.store.following import too_new
from briefqa.store.parts import (
    KINDS,
    Part,
    Saved,
    Unsound,
    count_rows,
    held_part,
    open_facts,
    open_part,
    read_file,
    save_all,
    save_part,
    stored_rows,
)
from briefqa.store.rows import DamagedRows
from briefqa.store.schema import read_meta
from briefqa.store.vectors import Vectors

_MANIFEST = "manifest.json"
_FORMAT = 5  # of the cache; 3: of which build it is. 4: two parts, quantised indexes. 5: found by like_questions
# Bytes of a manifest; it has some 1,500.
_LONGEST_MANIFEST = 10_000
_NAME = re.compile(r"vectors-\d+|\.vectors-\d+-\w+\.tmp")
_FIRST, _RECENT, _KEPT = "first", "recent", "first.kept"
# What reading a cache raises that somebody has damaged, whatever it holds now.
_WRONG = (Unsound, DamagedRows, OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError)


def load_vectors(index: Path, connection: sqlite3.Connection, thorough: bool = False) -> Vectors:
    """Return the vectors of the generation that the connection's transaction sees, from the cache if it is sound.

    thorough: read all of the cache before it is believed, also what is checked as it is read.
    """
    meta = read_meta(connection)
    generation = int(meta["generation"])
    cached = _read_cache(index, meta, thorough)
    if cached is not None:
        return cached
    try:
        with _new_folder(index, meta) as folder:
            return _make(folder, meta, connection)
    except OSError:  # an index in a read-only folder, or on a full disk, has no cache
        if max(count_rows(connection).values()) <= EXACT_ROWS:
            return Vectors(generation, [(held_part(connection, 0), None)])
    with tempfile.TemporaryDirectory(prefix="briefqa-") as name:
        return _make(Path(name), meta, connection)


def _make(folder: Path, meta: dict[str, str], connection: sqlite3.Connection) -> Vectors:
    saved = save_all(connection, folder, _FIRST)
    _write_manifest(folder, meta, [saved], None)
    return Vectors(int(meta["generation"]), [(open_part(folder, saved, thorough=False), None)])


def save_cache(index: Path, connection: sqlite3.Connection) -> dict[str, Search]:
    """Write the cache of the newest generation and remove older ones; a reader makes it if this fails.

    Returns how chunks and spans are searched. Raises OSError, sqlite3.Error.
    """
    connection.execute("BEGIN")
    try:
        meta = read_meta(connection)
        with _new_folder(index, meta) as folder:
            saved = _take_over(index, meta, connection, folder)
            if saved is None:
                saved = save_all(connection, folder, _FIRST)
                _write_manifest(folder, meta, [saved], None)
    finally:
        connection.execute("ROLLBACK")
    remove_old_caches(index, meta)
    return saved.searches


def _take_over(index: Path, meta: dict[str, str], connection: sqlite3.Connection, folder: Path) -> Saved | None:
    """Fill a folder with what can be kept of the build before this one, and what is new; None where that pays not."""
    before = {"generation": str(int(meta["generation"]) - 1), "build_id": meta.get("follows", "")}
    older = _folder(index, before)
    try:
        (first, *_), _ = _read_manifest(older, {**meta, **before})
        ids = np.ascontiguousarray(open_facts(older, first)["id"])
        if any((older / name).lstat().st_size != size for name, (size, _) in first.files.items()):
            return None
    except _WRONG:
        return None
    first_new = int(ids.max(initial=0)) + 1
    now = np.array([number for (number,) in connection.execute("SELECT id FROM chunk")], dtype=np.int64)
    kept = np.isin(ids, now)
    (spans,) = connection.execute("SELECT count(*) FROM span WHERE chunk_id >= ?", (first_new,)).fetchone()
    if kept.sum() + (now >= first_new).sum() != len(now) or too_new(kept, int((now >= first_new).sum()), spans):
        return None
    for name in first.files:
        try:
            os.link(older / name, folder / name)
        except OSError:  # a file system without links
            shutil.copyfile(older / name, folder / name)
    recent = save_part(held_part(connection, first_new), folder, _RECENT)
    _write_manifest(folder, meta, [first, recent], kept)
    return first


def remove_old_caches(index: Path, meta: dict[str, str]) -> None:
    """Remove the caches of other generations than this one, and what a killed process left of one."""
    keep = _folder(index, meta)
    for folder in index.iterdir():
        if _NAME.fullmatch(folder.name) and folder != keep:
            _remove(folder)


def differs_from_cache(index: Path, connection: sqlite3.Connection) -> bool:
    """Say whether there is a sound cache of this build with other vectors than the database has now."""
    cached = _read_cache(index, read_meta(connection), thorough=True)
    if cached is None:
        return False
    owners = {"chunks": cached.chunk_ids, "spans": np.repeat(cached.chunk_ids, np.diff(cached.span_starts))}
    for kind in KINDS:
        ids, stored, kept = [np.empty(0, dtype=np.int64)], hashlib.sha256(), hashlib.sha256()
        for some, data in stored_rows(connection, kind):
            ids.append(some)
            stored.update(data)
        for block in cached.blocks(kind):
            kept.update(np.ascontiguousarray(block).view(np.uint8).data)
        if not np.array_equal(np.concatenate(ids), owners[kind]) or stored.digest() != kept.digest():
            return True
    return False


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


@contextmanager
def _new_folder(index: Path, meta: dict[str, str]) -> Iterator[Path]:
    """Yield an empty folder that becomes the cache of a generation if all goes well, and is removed otherwise."""
    target = _folder(index, meta)
    folder = index / f".{target.name}-{secrets.token_hex(8)}.tmp"
    folder.mkdir()  # others may read it if they may read the database
    try:
        yield folder
        _remove(target)  # damaged, or of another index that lay here
        folder.rename(target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _whose(meta: dict[str, str]) -> dict[str, str | int]:
    """Return what a cache must say of itself: whose vectors it has."""
    return {"format": _FORMAT, **{key: meta.get(key, "") for key in ("index_id", "generation", "build_id")}}


def _write_manifest(folder: Path, meta: dict[str, str], parts: list[Saved], kept: np.ndarray | None) -> None:
    """Write what a cache says of itself, after a checksum of it. kept: which chunks of the first part are."""
    mask = np.packbits(np.empty(0, dtype=bool) if kept is None else kept)
    (folder / _KEPT).write_bytes(mask.data)
    kept_file = [mask.size, zlib.crc32(mask.data)]
    said = json.dumps({**_whose(meta), "parts": [part.to_json() for part in parts], "kept": kept_file})
    (folder / _MANIFEST).write_text(f"{zlib.crc32(said.encode()):08x}\n{said}", encoding="utf-8")


def _read_manifest(folder: Path, meta: dict[str, str]) -> tuple[list[Saved], list[int]]:
    """Return the parts of a cache, and size and checksum of what says what is kept. Raises one of _WRONG."""
    stated, said = read_file(folder / _MANIFEST, most=_LONGEST_MANIFEST).tobytes().split(b"\n", 1)
    if int(stated, 16) != zlib.crc32(said):
        raise Unsound(f"{folder / _MANIFEST} is damaged")
    manifest = json.loads(said)
    parts, kept = manifest.pop("parts"), manifest.pop("kept")
    if manifest != _whose(meta):
        raise Unsound(f"{folder} is of another build")
    return [Saved.from_json(part) for part in parts], kept


def _read_cache(index: Path, meta: dict[str, str], thorough: bool) -> Vectors | None:
    """Return the cached vectors, or None if they are missing, damaged, or of another build or index."""
    folder = _folder(index, meta)
    try:
        saved, (size, expected) = _read_manifest(folder, meta)
        mask = read_file(folder / _KEPT, size)
        if len(mask) != size or zlib.crc32(mask.data) != expected:
            return None
        parts: list[tuple[Part, np.ndarray | None]] = [(open_part(folder, part, thorough), None) for part in saved]
        if size:
            first = parts[0][0]
            parts[0] = first, np.unpackbits(mask, count=len(first)).astype(bool)
        return Vectors(int(meta["generation"]), parts)
    except _WRONG:
        return None
