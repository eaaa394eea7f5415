"""Who is logged in: sessions in a small SQLite file beside the index, so that a restart logs nobody out.

    sessions = Sessions(index / "sessions.db")
    token = sessions.start("alice", hash_of_her_password)      # goes into her browser's cookie
    sessions.find(token, passwords)                             # Session(name="alice", renewed=False)
    sessions.end(token)                                         # logged out: the token is worth nothing any more

Kept on the server and not in a signed cookie, since only so a log-out ends a session that somebody has copied. The file
holds a hash of each token, so that it opens nothing for whoever reads it. A session ends with its password: a name that
was taken out of the password file, or has a new password there, is logged out everywhere.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# A session that nobody uses for so long ends.
LONGEST_IDLE = 30 * 24 * 3600  # seconds
# Its use is written down no more often than this: most requests only read.
_RENEWED_AFTER = 24 * 3600  # seconds
_SCHEMA = """
CREATE TABLE IF NOT EXISTS session (
    token BLOB PRIMARY KEY,      -- SHA-256
    name TEXT NOT NULL,
    password BLOB NOT NULL,      -- SHA-256 of the password's hash at the log-in
    used_at REAL NOT NULL        -- seconds since 1970
) WITHOUT ROWID
"""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Session:
    """name: who. renewed: the browser's cookie should be given another LONGEST_IDLE seconds."""

    name: str
    renewed: bool


class Sessions:
    """The sessions of a server. Safe to share between threads; several servers may share the file.

    path: "" keeps them in memory, as is done where the file cannot be written.
    """

    def __init__(self, path: str | Path = "") -> None:
        self._lock = threading.Lock()
        self._path = path
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        """Give the database for one transaction, to one thread at a time."""
        with self._lock:
            if self._connection is None:
                try:
                    self._connection = _connect(self._path)
                except (OSError, sqlite3.Error) as error:
                    _log.warning("%s cannot be written (%s): a restart will log everybody out", self._path, error)
                    self._connection = _connect("")
            with self._connection:
                yield self._connection

    def start(self, name: str, hashed: str) -> str:
        """Return the token of a new session. hashed: the hash of the password, as the password file has it."""
        token = secrets.token_urlsafe(32)
        now = time.time()
        with self._database() as database:
            database.execute("DELETE FROM session WHERE used_at < ?", (now - LONGEST_IDLE,))
            row = (_digest(token), name, _digest(hashed), now)
            database.execute("INSERT INTO session VALUES (?, ?, ?, ?)", row)
        return token

    def find(self, token: str, passwords: Mapping[str, str]) -> Session | None:
        """Return the session of a token, if it is one and its name still has the password that it began with."""
        now, digest = time.time(), _digest(token)
        with self._database() as database:
            query = "SELECT name, password, used_at FROM session WHERE token = ? AND used_at >= ?"
            row = database.execute(query, (digest, now - LONGEST_IDLE)).fetchone()
            if row is None:
                return None
            name, password, used_at = row
            hashed = passwords.get(name)
            if hashed is None or _digest(hashed) != password:
                database.execute("DELETE FROM session WHERE token = ?", (digest,))
                return None
            renewed = used_at < now - _RENEWED_AFTER
            if renewed:
                database.execute("UPDATE session SET used_at = ? WHERE token = ?", (now, digest))
        return Session(name, renewed)

    def end(self, token: str) -> None:
        """End a session; a token of none does no harm."""
        with self._database() as database:
            database.execute("DELETE FROM session WHERE token = ?", (_digest(token),))

    def close(self) -> None:
        """Close the file; what is asked later opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None


def _connect(path: str | Path) -> sqlite3.Connection:
    if path:  # for its owner's eyes alone, the journal too, which takes the file's mode
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    database = sqlite3.connect(path or ":memory:", check_same_thread=False, timeout=5)
    with database:
        database.execute(_SCHEMA)
    return database


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
