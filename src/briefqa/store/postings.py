"""Where each term stands: the lexical statistics of an index, exact after every build.

A row of the table `posting` holds the occurrences of one term in one block of chunk ids, ascending: each a uint32, the
chunk's id within the block in the upper 16 bits, the place within the chunk in the lower (0: its headings; 1 and up:
its spans). A chunk remembers its own terms, so that it leaves no trace when it goes.
"""

from __future__ import annotations

import json
import sqlite3
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock

import numpy as np

# Chunk ids of a block. Small enough that adding an article rewrites little, large enough that a term is few rows.
_BLOCK = 4096
_PLACE_BITS = 16
_LAST_PLACE = (1 << _PLACE_BITS) - 1
_CODE = np.dtype("<u4")
# Occurrences kept in memory before they are written: about 200 MB.
_MOST_PENDING = 4_000_000
# Occurrences kept in memory for the next questions: at most 300 MB.
_MOST_KEPT = 15_000_000


@dataclass(frozen=True)
class Posting:
    """The occurrences of a term. rows: (n,) ascending rows of chunks. places: (n,) 0 for headings, else span + 1."""

    rows: np.ndarray
    places: np.ndarray

    @cached_property
    def _firsts(self) -> np.ndarray:
        return np.flatnonzero(np.concatenate([[len(self.rows) > 0], self.rows[1:] != self.rows[:-1]]))

    @cached_property
    def chunks(self) -> np.ndarray:
        """The rows of the chunks that have the term, each once, ascending."""
        return np.asarray(self.rows[self._firsts])

    @cached_property
    def counts(self) -> np.ndarray:
        """How often each of them has it, float32."""
        return np.diff(np.append(self._firsts, len(self.rows))).astype(np.float32)

    def within(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the occurrences in some chunks, ascending: the number of each one's chunk among them, and its place.

        As many steps as there are chunks are taken, however often the term stands elsewhere.
        """
        rows = rows.astype(self.rows.dtype)  # else NumPy would copy all occurrences to compare them
        starts, ends = np.searchsorted(self.rows, rows), np.searchsorted(self.rows, rows, side="right")
        counts = ends - starts
        found = np.repeat(ends - np.cumsum(counts), counts) + np.arange(counts.sum())
        return np.repeat(np.arange(len(rows)), counts), self.places[found].astype(np.int64)


class KeptPostings:
    """Postings of a generation that were read for a question and are kept for the next ones; shared between threads.

    The same few hundred words are in every second question, and stand in most chunks.
    """

    def __init__(self) -> None:
        self._postings: OrderedDict[str, Posting] = OrderedDict()
        self._occurrences = 0
        self._lock = Lock()

    def get(self, term: str) -> Posting | None:
        """Return a term's posting if it is kept."""
        with self._lock:
            if term in self._postings:
                self._postings.move_to_end(term)
            return self._postings.get(term)

    def keep(self, term: str, posting: Posting) -> None:
        """Keep a posting, and let go those that were asked for least lately."""
        with self._lock:
            if term not in self._postings:
                self._postings[term] = posting
                self._occurrences += len(posting.rows)
            while self._occurrences > _MOST_KEPT and len(self._postings) > 1:
                self._occurrences -= len(self._postings.popitem(last=False)[1].rows)


class PostingWriter:
    """Gathers what a build changes and writes each row of the table once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._added: dict[tuple[str, int], list[int]] = defaultdict(list)
        self._removed: dict[tuple[str, int], list[int]] = defaultdict(list)
        self._pending = 0

    def add(self, chunk_id: int, places: Mapping[str, Sequence[int]]) -> None:
        """Add a chunk. places: of each term, where it stands, repeated as it is."""
        block, offset = divmod(chunk_id, _BLOCK)
        for term, where in places.items():
            codes = self._added[term, block]
            codes += [offset << _PLACE_BITS | min(place, _LAST_PLACE) for place in where]
            self._pending += len(where)
        if self._pending > _MOST_PENDING:
            self.flush()

    def remove(self, chunk_id: int, terms: Iterable[str]) -> None:
        """Remove a chunk that has these terms."""
        block, offset = divmod(chunk_id, _BLOCK)
        for term in terms:
            self._removed[term, block].append(offset)

    def flush(self) -> None:
        """Write what was gathered."""
        rows, gone = [], []
        for term, block in sorted({*self._added, *self._removed}):
            codes = self._stored(term, block)
            removed = self._removed.get((term, block))
            if removed:
                codes = codes[~np.isin(codes >> _PLACE_BITS, removed)]
            codes = np.sort(np.concatenate([codes, np.array(self._added.get((term, block), []), dtype=_CODE)]))
            if len(codes):
                rows.append((term, block, codes.tobytes()))
            else:
                gone.append((term, block))
        self._connection.executemany("INSERT OR REPLACE INTO posting VALUES (?, ?, ?)", rows)
        self._connection.executemany("DELETE FROM posting WHERE term = ? AND block = ?", gone)
        self._added.clear()
        self._removed.clear()
        self._pending = 0

    def _stored(self, term: str, block: int) -> np.ndarray:
        row = self._connection.execute(
            "SELECT data FROM posting WHERE term = ? AND block = ?", (term, block)
        ).fetchone()
        return np.frombuffer(row[0], dtype=_CODE) if row else np.empty(0, dtype=_CODE)


def read_postings(
    connection: sqlite3.Connection, terms: Iterable[str], row_of: np.ndarray, kept: KeptPostings | None = None
) -> dict[str, Posting]:
    """Return the postings of those of the terms that stand in the corpus. row_of: the row of each chunk id."""
    found: dict[str, Posting] = {}
    missing: list[str] = []
    for term in terms:
        posting = kept.get(term) if kept else None
        if posting is None:
            missing.append(term)
        else:
            found[term] = posting
    parts: dict[str, list[tuple[int, bytes]]] = defaultdict(list)
    for term, block, data in connection.execute(
        "SELECT term, block, data FROM posting WHERE term IN (SELECT value FROM json_each(?)) ORDER BY term, block",
        (_json_list(missing),),
    ):
        parts[term].append((block, data))
    for term, blocks in parts.items():
        codes = np.frombuffer(b"".join([data for _, data in blocks]), dtype=_CODE)
        firsts = np.array([block * _BLOCK for block, _ in blocks], dtype=np.int64)
        ids = np.repeat(firsts, [len(data) // _CODE.itemsize for _, data in blocks]) + (codes >> _PLACE_BITS)
        found[term] = Posting(row_of[ids], (codes & _LAST_PLACE).astype(np.uint16))
        if kept:
            kept.keep(term, found[term])
    return found


def read_known_terms(connection: sqlite3.Connection, terms: Iterable[str]) -> set[str]:
    """Return those of the terms that stand in the corpus."""
    return {
        term
        for (term,) in connection.execute(
            "SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM posting WHERE term = value)",
            (_json_list(terms),),
        )
    }


def read_all_postings(connection: sqlite3.Connection) -> Iterator[tuple[str, int, int]]:
    """Yield (term, chunk id, place) of all occurrences."""
    for term, block, data in connection.execute("SELECT term, block, data FROM posting"):
        for code in np.frombuffer(data, dtype=_CODE).tolist():
            yield term, block * _BLOCK + (code >> _PLACE_BITS), code & _LAST_PLACE


def _json_list(terms: Iterable[str]) -> str:
    return json.dumps(list(terms))
