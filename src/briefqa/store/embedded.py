"""What a long build has embedded so far, beside the index: one that is interrupted goes on where it stopped.

with Embedded(Path("index"), "fingerprint") as embedded:
    vectors = embedded.take(hashes)         # those that an interrupted build has embedded
    embedded.keep(hashes, vectors)          # committed at once
discard_embedded(Path("index"))             # the build was committed

It is a database of its own, so that nothing of an unfinished build is in the index. It is worth time and nothing else:
where it is damaged, or cannot be written, it is done without.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

_FILE = "embedded.db"
_log = logging.getLogger("briefqa")


class Embedded:
    """Vectors by the hash of the text that they embed. whose: what they must have been made by; others are dropped."""

    def __init__(self, index: Path, whose: str) -> None:
        self._path = index / _FILE
        self._whose = whose
        self._connection: sqlite3.Connection | None = None
        if self._path.is_file():
            self._open()

    def __enter__(self) -> Embedded:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _open(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)  # the index may be elsewhere
            self._connection = sqlite3.connect(self._path, timeout=1, isolation_level=None)
            execute = self._connection.execute
            execute("PRAGMA journal_mode = WAL")
            execute("PRAGMA synchronous = NORMAL")
            execute("CREATE TABLE IF NOT EXISTS whose (name TEXT)")
            execute("CREATE TABLE IF NOT EXISTS vector (hash BLOB PRIMARY KEY, data BLOB) WITHOUT ROWID")
            if execute("SELECT name FROM whose").fetchall() != [(self._whose,)]:
                execute("BEGIN")
                for statement in ("DELETE FROM whose", "DELETE FROM vector"):
                    execute(statement)
                execute("INSERT INTO whose VALUES (?)", (self._whose,))
                execute("COMMIT")
        except (OSError, sqlite3.Error) as error:
            self._give_up(error)

    def take(self, hashes: Iterable[bytes], dim: int) -> dict[bytes, np.ndarray]:
        """Return the vectors (dim,) float16 that there are."""
        if self._connection is None:
            return {}
        found: dict[bytes, np.ndarray] = {}
        try:
            for key in hashes:
                row = self._connection.execute("SELECT data FROM vector WHERE hash = ?", (key,)).fetchone()
                if row and len(row[0]) == 2 * dim:
                    found[key] = np.frombuffer(row[0], dtype=np.float16)
        except sqlite3.Error as error:
            self._give_up(error)
        return found

    def keep(self, hashes: Sequence[bytes], vectors: np.ndarray) -> None:
        """Keep vectors (n, dim), whatever becomes of this build."""
        if self._connection is None and not self._path.exists():
            self._open()
        if self._connection is None:
            return
        rows = zip(hashes, (row.tobytes() for row in vectors.astype(np.float16)), strict=True)
        try:
            self._connection.execute("BEGIN")
            self._connection.executemany("INSERT OR REPLACE INTO vector VALUES (?, ?)", rows)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        _log.info("what is embedded is not kept for another build (%s)", error)
        self._close()
        discard_embedded(self._path.parent)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def discard_embedded(index: Path) -> None:
    """Remove it all: the build that it was for has ended."""
    for name in (_FILE, f"{_FILE}-wal", f"{_FILE}-shm"):
        try:
            (index / name).unlink(missing_ok=True)
        except OSError as error:
            _log.info("%s stays (%s)", index / name, error)
