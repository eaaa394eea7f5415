"""Questions to an index: each sees one generation, whatever a build does meanwhile.

reader = IndexReader(Path("index"))
with reader.snapshot() as snapshot:             # one SQLite read transaction
    rows = snapshot.vectors.nearest_chunks(query, 5, None)
    postings = snapshot.postings(["h200", "芯片"])
    chunks = snapshot.chunks(rows)
answer = reader.read(lambda snapshot: …)        # the same, and again where the ground moved below it
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TypeVar

from briefqa.errors import BriefqaError, IndexCorruptError, IndexNotFoundError
from briefqa.store import contract
from briefqa.store.connections import (
    Database,
    check_format,
    connect,
    corrupt,
    place_of,
    signature_of,
    unreadable,
)
from briefqa.store.damage import find_damage
from briefqa.store.newest import Outdated, check_newest, read_newest
from briefqa.store.rows import DamagedRows
from briefqa.store.schema import database, identity_of, read_meta
from briefqa.store.snapshots import Generation, Snapshot, load_generation

_T = TypeVar("_T")


class IndexReader:
    """The reading side of an index; safe to share between threads. Raises IndexNotFoundError, IndexCorruptError."""

    def __init__(self, index: Path) -> None:
        self.index = index
        self._path = database(index)
        first = connect(self._path)
        self._idle = [first]
        self._place = first.place
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._generation: Generation | None = None
        self._turns = count()
        self._turn = -1  # of the snapshot that the generation was loaded for
        self._distrusting = False  # what is in the cache: it is read to its end before it is believed
        self._closed = False

    @property
    def place(self) -> str:
        """Where the index is, in words."""
        return str(self.index)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Open one generation for one question; a newer one is taken up here, also of an index that was replaced."""
        opened = self._take()
        connection = opened.connection
        try:
            turn = next(self._turns)
            connection.execute("BEGIN")
            yield Snapshot(connection, self._current(connection, turn))
            self._check_still(opened)
        except DamagedRows as error:
            with self._loading:
                self._generation, self._distrusting = None, True
            raise Outdated(str(error)) from error
        except sqlite3.Error as error:
            self._check_still(opened, error)
            raise unreadable(self._path, error) from error
        except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RuntimeError) as error:
            self._check_still(opened, error)
            damage = find_damage(connection)  # damaged content is no text, number or JSON any more
            if damage:
                raise corrupt(self._path, damage[0]) from error
            raise
        finally:
            self._put_back(opened)

    def read(self, use: Callable[[Snapshot], _T]) -> _T:
        """Return what `use` makes of a snapshot.

        `use` is called again where the file changed below it, which SQLite cannot lock in a folder that cannot be
        written, and where `check_newest` in it says so.
        """
        return read_newest(self.snapshot, use)

    def check_newest(self, seen: contract.Snapshot) -> None:
        """Raise an error that `read` answers with another try if a newer generation is there."""
        check_newest(self.snapshot, seen, self._path)

    def _take(self) -> Database:
        if self._closed:
            raise BriefqaError("this index is closed: open it again with briefqa.open")
        place = place_of(self._path)
        with self._lock:
            stale = [one for one in self._idle if one.signature and one.signature != signature_of(self._path)]
            for one in stale:
                self._idle.remove(one)
                one.connection.close()
            replaced = place is not None and place != self._place
            opened = self._idle.pop() if self._idle and not replaced else None
        if opened is not None:
            return opened
        try:
            opened = connect(self._path)
        except (IndexNotFoundError, IndexCorruptError):
            # Deleted, or not built to the end: what is open goes on.
            with self._lock:
                if not self._idle:
                    raise
                return self._idle.pop()
        with self._lock:
            if opened.place != self._place:
                self._place = opened.place
                self._drop_idle()
        return opened

    def _put_back(self, opened: Database) -> None:
        try:
            if opened.connection.in_transaction:
                opened.connection.execute("ROLLBACK")
        except sqlite3.Error:
            opened.connection.close()
            return
        with self._lock:
            if self._closed or opened.place != self._place:
                opened.connection.close()
            else:
                self._idle.append(opened)

    def _drop_idle(self) -> None:
        while self._idle:
            self._idle.pop().connection.close()

    def _check_still(self, opened: Database, error: Exception | None = None) -> None:
        if opened.signature and opened.signature != signature_of(self._path):
            raise Outdated(f"{self._path} was written to while it was read: ask again") from error

    def _current(self, connection: sqlite3.Connection, turn: int) -> Generation:
        meta = read_meta(connection)
        identity = identity_of(meta)
        current = self._generation
        if current is None or current.identity != identity:
            with self._loading:
                current = self._generation
                if current is None or current.identity != identity:
                    check_format(connection, self._path)
                    current = load_generation(self.index, connection, meta, self._generation, self._distrusting)
                    self._distrusting = False
                    if turn > self._turn:  # else a later snapshot has seen a newer one
                        self._generation, self._turn = current, turn
        return current

    def close(self) -> None:
        """Close all connections; questions that are still being answered end first."""
        with self._lock:
            self._closed = True
            self._generation = None
            self._drop_idle()
