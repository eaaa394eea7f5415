"""A part of a generation: chunks of consecutive ids, what is kept in memory of each, and their vectors.

    part = held_part(connection, 1)             # all chunks from id 1 on, in memory
    save_part(part, folder, "recent")           # to files
    part = open_part(folder, saved)

A part is never changed. What a build removed of it is only passed over, see `vectors`.

| file of a part NAME | what                                                                     |
|---------------------|--------------------------------------------------------------------------|
| `NAME.facts`        | FACTS of each chunk                                                      |
| `NAME.chunks`       | vectors, float16 (n, dim)                                                |
| `NAME.spans`        | the same of the spans, one chunk's after the other's                     |
| `NAME.chunks.sums`  | of many rows, which are left in their file: the CRC-32 of each           |
| `NAME.chunks.cells` | of many rows: the FAISS index that finds them                            |
"""

from __future__ import annotations

import sqlite3
import stat
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from briefqa.store.cells import EXACT_ROWS, RowFile, Search, like_questions, make_cells
from briefqa.store.rows import Filed, Held, Rows

# Of each chunk: its id, its article's, the number of its first span in the part, its article's date as a number
# (20251231, or 0), how many terms it has, and its script, by number.
FACTS = np.dtype(
    [
        ("id", "<i8"),
        ("article", "<i8"),
        ("first_span", "<i8"),
        ("date", "<i4"),
        ("length", "<f4"),
        ("script", "u1"),
    ]
)
KINDS = ("chunks", "spans")
_AT_A_TIME = 8_192
_BYTES_AT_A_TIME = 1 << 20


class Unsound(Exception):
    """A cache is not what was written."""


@dataclass(frozen=True)
class Part:
    """facts: (n_chunks,) FACTS, ids ascending. scripts: the names that facts number. chunks, spans: their vectors."""

    facts: np.ndarray
    scripts: tuple[str, ...]
    chunks: Rows
    spans: Rows

    def __len__(self) -> int:
        return len(self.facts)

    @cached_property
    def span_starts(self) -> np.ndarray:
        """The number of each chunk's first span, and of all spans, (n_chunks + 1,) int64."""
        return np.append(self.facts["first_span"], len(self.spans)).astype(np.int64)

    @cached_property
    def script_of(self) -> np.ndarray:
        """The name of each chunk's script, (n_chunks,)."""
        return np.asarray(np.array(self.scripts or ("",), dtype=np.str_)[self.facts["script"]])


@dataclass(frozen=True, slots=True)
class Saved:
    """The files of a part. files: name → size and CRC-32; 0 for what is checked row by row. searches: of each kind."""

    name: str
    scripts: tuple[str, ...]
    dim: int
    files: dict[str, tuple[int, int]]
    searches: dict[str, Search]

    def to_json(self) -> dict[str, Any]:
        """Return it as what JSON knows."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Saved:
        """Read what `to_json` returned."""
        searches = {kind: Search(**data["searches"][kind]) for kind in KINDS}
        files = {str(name): (int(size), int(sum_)) for name, (size, sum_) in data["files"].items()}
        return cls(str(data["name"]), tuple(map(str, data["scripts"])), int(data["dim"]), files, searches)


class _Sink:
    """Takes rows as the database has them; the file gets them. many: so many that each is checked by itself."""

    def __init__(self, file: BinaryIO, many: bool) -> None:
        self._file = file
        self.size = self.sum = self.dim = self.rows = 0
        self._sums: list[np.ndarray] = []
        self._many = many

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self.sum = zlib.crc32(data, self.sum)
        self.size += len(data)

    def take(self, rows: list[bytes]) -> None:
        self.write(b"".join(rows))
        self.rows += len(rows)
        self.dim = len(rows[0]) // 2
        if self._many:
            self._sums.append(np.array([zlib.crc32(row) for row in rows], dtype="<u4"))

    @property
    def sums(self) -> np.ndarray:
        return np.concatenate(self._sums) if self._sums else np.empty(0, dtype="<u4")


def _chunks(connection: sqlite3.Connection, first: int) -> Iterator[list[tuple[int, int, str, float, str, bytes]]]:
    cursor = connection.execute(
        "SELECT chunk.id, article_id, article.date, length, script, data FROM chunk"
        " JOIN article ON article.id = article_id JOIN vector ON vector.id = vector_id"
        " WHERE chunk.id >= ? ORDER BY chunk.id",
        (first,),
    )
    while rows := cursor.fetchmany(_AT_A_TIME):
        yield rows


def _spans(connection: sqlite3.Connection, first: int) -> Iterator[list[tuple[int, bytes]]]:
    cursor = connection.execute(
        "SELECT chunk_id, data FROM span JOIN vector ON vector.id = vector_id WHERE chunk_id >= ?"
        " ORDER BY chunk_id, ordinal",
        (first,),
    )
    while rows := cursor.fetchmany(_AT_A_TIME):
        yield rows


class _Facts:
    """Gathers the facts of chunks, and which spans are theirs."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._blocks: list[np.ndarray] = [np.empty(0, dtype=FACTS)]
        self._owners: list[np.ndarray] = [np.empty(0, dtype=np.int64)]

    def add_chunks(self, rows: list[tuple[int, int, str, float, str, bytes]]) -> None:
        block = np.empty(len(rows), dtype=FACTS)
        for name, values in (
            ("id", [row[0] for row in rows]),
            ("article", [row[1] for row in rows]),
            ("date", [int(row[2].replace("-", "") or 0) for row in rows]),
            ("length", [row[3] for row in rows]),
            ("script", [self._numbers.setdefault(row[4], len(self._numbers)) for row in rows]),
        ):
            block[name] = values
        self._blocks.append(block)

    def add_spans(self, rows: list[tuple[int, bytes]]) -> None:
        self._owners.append(np.array([owner for owner, _ in rows], dtype=np.int64))

    def whole(self) -> tuple[np.ndarray, tuple[str, ...]]:
        facts = np.concatenate(self._blocks)
        facts["first_span"] = np.searchsorted(np.concatenate(self._owners), facts["id"])
        return facts, tuple(self._numbers)


def stored_rows(connection: sqlite3.Connection, kind: str) -> Iterator[tuple[np.ndarray, bytes]]:
    """Yield the rows that the database has of a kind, some at a time: the ids of their chunks (n,), and their data."""
    for rows in (_chunks if kind == KINDS[0] else _spans)(connection, 0):
        yield np.array([row[0] for row in rows], dtype=np.int64), b"".join([row[-1] for row in rows])


def count_rows(connection: sqlite3.Connection) -> dict[str, int]:
    """Return how many chunks and spans there are."""
    return {
        kind: int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
        for kind, table in zip(KINDS, ("chunk", "span"), strict=True)
    }


def held_part(connection: sqlite3.Connection, first: int) -> Part:
    """Read all chunks from an id on into memory."""
    gathered, data = _Facts(), {kind: [b""] for kind in KINDS}
    size = 0
    for rows in _chunks(connection, first):
        gathered.add_chunks(rows)
        data["chunks"] += [row[-1] for row in rows]
        size = len(rows[0][-1])
    for spans in _spans(connection, first):
        gathered.add_spans(spans)
        data["spans"] += [row[-1] for row in spans]
    facts, scripts = gathered.whole()
    return Part(
        facts, scripts, *(_held(np.frombuffer(b"".join(data[kind]), dtype=np.uint8), size // 2) for kind in KINDS)
    )


def _held(data: np.ndarray, dim: int) -> Held:
    return Held(data.view(np.float16).reshape(-1, dim) if len(data) else np.empty((0, dim), dtype=np.float16))


def joined(part: Part, kept: np.ndarray, more: Part) -> Part:
    """Return what was kept of a part in memory, (n,) bool, and after it the chunks of another one."""
    if not kept.any():
        return more
    scripts = part.scripts + tuple(name for name in more.scripts if name not in part.scripts)
    counts = np.diff(part.span_starts)
    facts = np.concatenate([part.facts[kept], more.facts])
    renumbered = np.array([scripts.index(name) for name in more.scripts] or [0], dtype=np.uint8)
    facts["script"][kept.sum() :] = renumbered[more.facts["script"]]
    facts["first_span"] = np.concatenate([[0], np.cumsum(np.append(counts[kept], np.diff(more.span_starts)))])[:-1]
    owned = {"chunks": kept, "spans": np.repeat(kept, counts)}
    both = []
    for kind in KINDS:
        rows = [part_rows(part, kind)[owned[kind]], part_rows(more, kind)]
        both.append(Held(np.concatenate([some for some in rows if len(some)] or [rows[0]])))
    return Part(facts, scripts, *both)


def part_rows(part: Part, kind: str) -> np.ndarray:
    """Return all rows of a kind, float16."""
    return np.concatenate([*getattr(part, kind).blocks()] or [np.empty((0, getattr(part, kind).dim), np.float16)])


@contextmanager
def _sinks(folder: Path, name: str, counts: dict[str, int]) -> Iterator[dict[str, _Sink]]:
    with ExitStack() as files:
        yield {
            kind: _Sink(files.enter_context((folder / f"{name}.{kind}").open("wb")), counts[kind] > EXACT_ROWS)
            for kind in KINDS
        }


def save_all(connection: sqlite3.Connection, folder: Path, name: str) -> Saved:
    """Write all chunks of the database to files, a few at a time, and learn how to find them. Raises OSError."""
    gathered = _Facts()
    with _sinks(folder, name, count_rows(connection)) as sinks:
        for rows in _chunks(connection, 0):
            gathered.add_chunks(rows)
            sinks["chunks"].take([row[-1] for row in rows])
        for spans in _spans(connection, 0):
            gathered.add_spans(spans)
            sinks["spans"].take([row[-1] for row in spans])
    facts, scripts = gathered.whole()
    return _finish(folder, name, facts, scripts, sinks)


def save_part(part: Part, folder: Path, name: str) -> Saved:
    """Write a part that is in memory to files. Raises OSError."""
    with _sinks(folder, name, dict.fromkeys(KINDS, 0)) as sinks:
        for kind in KINDS:
            for block in getattr(part, kind).blocks():
                if len(block):
                    sinks[kind].take([row.tobytes() for row in block])
    return _finish(folder, name, part.facts, part.scripts, sinks)


def _finish(folder: Path, name: str, facts: np.ndarray, scripts: tuple[str, ...], sinks: dict[str, _Sink]) -> Saved:
    dim = sinks["chunks"].dim
    files: dict[str, tuple[int, int]] = {}
    searches: dict[str, Search] = {}

    def write(file: str, data: np.ndarray) -> None:
        content = np.ascontiguousarray(data).view(np.uint8)
        (folder / file).write_bytes(content.data)
        files[file] = content.size, zlib.crc32(content.data)

    def write_cells(file: str, index: Any) -> None:
        import faiss

        with (folder / file).open("wb") as out:
            sink = _Sink(out, many=False)
            faiss.write_index(index, faiss.PyCallbackIOWriter(sink.write))
        files[file] = sink.size, sink.sum

    write(f"{name}.facts", facts)
    for kind, other in (KINDS, KINDS[::-1]):
        sink, file = sinks[kind], f"{name}.{kind}"
        searches[kind], files[file] = Search(sink.rows), (sink.size, sink.sum)
        if len(sink.sums):
            asking = other if sinks[other].rows else kind
            asked = RowFile(folder / f"{name}.{asking}", sinks[asking].rows, dim)
            index, searches[kind] = make_cells(RowFile(folder / file, sink.rows, dim), like_questions(asked))
            if index is not None:
                files[file] = sink.size, 0
                write(f"{file}.sums", sink.sums)
                write_cells(f"{file}.cells", index)
    return Saved(name, scripts, dim, files, searches)


def open_part(folder: Path, saved: Saved, thorough: bool) -> Part:
    """Open the files of a part. thorough: check also what is checked whenever it is read. Raises Unsound, OSError."""
    facts = _content(folder, saved, f"{saved.name}.facts").view(FACTS)
    kinds: list[Rows] = []
    for kind in KINDS:
        file, search = f"{saved.name}.{kind}", saved.searches[kind]
        if not search.cells:
            kinds.append(_held(_content(folder, saved, file), saved.dim))
            continue
        _check_size(folder / file, saved.files[file][0])
        sums = _content(folder, saved, f"{file}.sums").view("<u4")
        index = _read_cells(folder, saved, f"{file}.cells")
        filed = Filed(folder / file, saved.dim, sums, index, search)
        if len(sums) * saved.dim * 2 != saved.files[file][0] or index.ntotal != len(sums):
            raise Unsound(f"{folder / file} has other rows")
        if thorough:
            for _ in filed.blocks():
                pass
        kinds.append(filed)
    part = Part(facts, saved.scripts, *kinds)
    if len(part.facts) != len(part.chunks):
        raise Unsound(f"{folder} has other chunks")
    return part


def open_facts(folder: Path, saved: Saved) -> np.ndarray:
    """Return the facts of a part alone. Raises Unsound, OSError."""
    return _content(folder, saved, f"{saved.name}.facts").view(FACTS)


def _content(folder: Path, saved: Saved, name: str) -> np.ndarray:
    size, expected = saved.files[name]
    data = read_file(folder / name, size)
    if len(data) != size or zlib.crc32(data.data) != expected:
        raise Unsound(f"{folder / name} is damaged")
    return data


def _read_cells(folder: Path, saved: Saved, name: str) -> Any:
    """Read an index, after its checksum: FAISS does not survive all that may stand in a file."""
    import faiss

    size, expected = saved.files[name]
    _check_size(folder / name, size)
    found = 0
    with (folder / name).open("rb") as file:
        while data := file.read(_BYTES_AT_A_TIME):
            found = zlib.crc32(data, found)
        if found != expected:
            raise Unsound(f"{folder / name} is damaged")
        file.seek(0)
        return faiss.read_index(faiss.PyCallbackIOReader(file.read))


def read_file(path: Path, most: int) -> np.ndarray:
    """Return the bytes of a file; raise Unsound for one that is longer than expected, or no file: a pipe, a link."""
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > most:
        raise Unsound(f"{path} is not what was written")
    return np.fromfile(path, dtype=np.uint8)


def _check_size(path: Path, size: int) -> None:
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_size != size:
        raise Unsound(f"{path} is not what was written")
