"""Conversations and what people thought of the answers, kept in a database of their own beside the index.

    kept = Conversations(Path("index"))
    key = kept.begin(owner, "which chips are banned?")
    turn = kept.add(owner, key, Turn("which chips are banned?"))
    kept.put(replace(turn, answer=answer, state="done"))
    kept.turns(owner, key)                  # (Turn(…),), after a restart too; None for what is another's

A conversation belongs to an owner, a user or a browser, and nobody else can see or change it. Feedback is kept with a
copy of its question and answer: it is meant for whoever runs the briefs, and outlives the conversation.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path

from briefqa.answer import Answer
from briefqa.errors import ConversationsError, SavedAnswerError
from briefqa.restoring import restore
from briefqa.store import Filters
from briefqa.store.connections import is_locked
from briefqa.store.schema import database
from briefqa.writing import one_line, whole_characters

FILE = "conversations.db"
# States of a turn. "reading": its answer is being written, or was when the server ended.
STATES = ("reading", "done", "stopped", "failed")
LONGEST_TITLE = 80
LONGEST_COMMENT = 2_000
# A list of more is no list that anybody reads.
_MOST_LISTED = 200
_FORMAT = 1
_SCHEMA = """
CREATE TABLE conversation (
    key TEXT PRIMARY KEY, owner TEXT NOT NULL, title TEXT NOT NULL, touched TEXT NOT NULL
) STRICT;
CREATE INDEX conversation_owner ON conversation (owner, touched);
CREATE TABLE turn (
    id INTEGER PRIMARY KEY AUTOINCREMENT, conversation TEXT NOT NULL REFERENCES conversation ON DELETE CASCADE,
    question TEXT NOT NULL, scope TEXT NOT NULL, state TEXT NOT NULL, detail TEXT NOT NULL, answer BLOB,
    neighbours TEXT NOT NULL, rating TEXT NOT NULL, comment TEXT NOT NULL
) STRICT;
CREATE INDEX turn_conversation ON turn (conversation);
CREATE TABLE feedback (
    turn INTEGER PRIMARY KEY, owner TEXT NOT NULL, question TEXT NOT NULL, answer BLOB NOT NULL,
    rating TEXT NOT NULL, comment TEXT NOT NULL, given_at TEXT NOT NULL
) STRICT;
"""
_TURN = "id, question, scope, state, detail, answer, neighbours, rating, comment"

_SECONDS_TO_WAIT = 10  # for another process that writes
_SECONDS_BETWEEN_TRIES = 0.05

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and what became of it.

    state: one of STATES. detail: what went wrong, for people; else "". scope: which articles were asked. neighbours:
    headings beside those that were cited, to ask about next. rating: "up", "down" or "". id: 0 until it is kept.
    """

    question: str
    answer: Answer | None = None
    state: str = "reading"
    detail: str = ""
    scope: Filters = field(default_factory=Filters)
    neighbours: tuple[str, ...] = ()
    rating: str = ""
    comment: str = ""
    id: int = 0


@dataclass(frozen=True, slots=True)
class Conversation:
    """An entry of the list. touched: when it was last added to, ISO 8601 in UTC."""

    key: str
    title: str
    touched: str


@dataclass(frozen=True, slots=True)
class Feedback:
    """What somebody thought of an answer. rating: "up" or "down". given_at: ISO 8601 in UTC."""

    question: str
    rating: str
    comment: str
    given_at: str
    answer: Answer


class Conversations:
    """All conversations of an index; safe to share between threads, and between processes.

    Where the folder cannot be written they are kept in memory, and a line in the log says so. Raises
    ConversationsError for a file that is damaged, or of a newer briefqa.
    """

    def __init__(self, index: Path) -> None:
        self._path = index / FILE
        self._lock = threading.RLock()
        self.unwritable = ""  # why they are kept in memory alone
        try:
            self._connection = _open(str(self._path))
        except (OSError, sqlite3.OperationalError) as error:
            _log.warning("%s cannot be written (%s): conversations end with this server", self._path, error)
            self.unwritable = str(error)
            self._connection = _open(":memory:")
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise self._damaged(error) from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def listed(self, owner: str) -> list[Conversation]:
        """Return an owner's conversations, the last touched first."""
        with self._transaction() as connection:
            rows = connection.execute(
                "SELECT key, title, touched FROM conversation WHERE owner = ?"
                " ORDER BY touched DESC, rowid DESC LIMIT ?",
                (owner, _MOST_LISTED),
            )
            return [Conversation(*row) for row in rows]

    def begin(self, owner: str, title: str) -> str:
        """Begin a conversation and return its key."""
        key = secrets.token_urlsafe(12)
        with self._transaction() as connection:
            connection.execute("INSERT INTO conversation VALUES (?, ?, ?, ?)", (key, owner, _title(title), _now()))
        return key

    def rename(self, owner: str, key: str, title: str) -> None:
        """Give a conversation another title; an empty one changes nothing."""
        if _title(title):
            with self._transaction() as connection:
                connection.execute(
                    "UPDATE conversation SET title = ? WHERE key = ? AND owner = ?", (_title(title), key, owner)
                )

    def delete(self, owner: str, key: str) -> None:
        """Delete a conversation for good; feedback that was given in it stays."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM conversation WHERE key = ? AND owner = ?", (key, owner))

    def turns(self, owner: str, key: str) -> tuple[Turn, ...] | None:
        """Return a conversation's turns, oldest first; None where this owner has no such conversation."""
        with self._transaction() as connection:
            if not self._owns(owner, key):
                return None
            found = connection.execute(f"SELECT {_TURN} FROM turn WHERE conversation = ? ORDER BY id", (key,))
            rows = found.fetchall()
        try:
            return tuple(_turn(row) for row in rows)
        except (SavedAnswerError, TypeError, ValueError) as error:
            raise self._damaged(error) from error

    def add(self, owner: str, key: str, turn: Turn) -> Turn | None:
        """Keep a new turn at the end; return it with its id, or None where this owner has no such conversation."""
        with self._transaction() as connection:
            if not self._owns(owner, key):
                return None
            cursor = connection.execute(
                "INSERT INTO turn (conversation, question, scope, state, detail, answer, neighbours, rating, comment)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (key, *_columns(turn)),
            )
            connection.execute("UPDATE conversation SET touched = ? WHERE key = ?", (_now(), key))
            return replace(turn, id=int(cursor.lastrowid or 0))

    def put(self, turn: Turn) -> None:
        """Keep what became of a turn; one that was deleted meanwhile stays deleted."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE turn SET question = ?, scope = ?, state = ?, detail = ?, answer = ?, neighbours = ?,"
                " rating = ?, comment = ? WHERE id = ?",
                (*_columns(turn), turn.id),
            )

    def suggest(self, turn: Turn, neighbours: tuple[str, ...]) -> Turn:
        """Keep what may be asked after a turn, and return the turn with it; whatever else was kept of it stays."""
        with self._transaction() as connection:
            connection.execute("UPDATE turn SET neighbours = ? WHERE id = ?", (json.dumps(neighbours), turn.id))
        return replace(turn, neighbours=neighbours)

    def cut(self, owner: str, key: str, turn_id: int) -> str:
        """Make room for another turn in the place of one, and return the key of the conversation to go on in.

        The last turn is dropped. An earlier one stays, with all that follows it, and the turns before it are copied
        to a conversation of their own. An unknown one changes nothing.
        """
        turns = self.turns(owner, key) or ()
        place = next((place for place, turn in enumerate(turns) if turn.id == turn_id), None)
        if place is None:
            return key
        with self._transaction() as connection:
            if place == len(turns) - 1:
                connection.execute("DELETE FROM turn WHERE id = ?", (turn_id,))
                return key
            (title,) = connection.execute("SELECT title FROM conversation WHERE key = ?", (key,)).fetchone()
            fork = self.begin(owner, title)
            for turn in turns[:place]:
                self.add(owner, fork, turn)
            return fork

    def rate(self, owner: str, key: str, turn_id: int, rating: str, comment: str = "") -> None:
        """Keep what an owner thinks of an answer: "up", "down", or "" to take it back."""
        turn = next((turn for turn in self.turns(owner, key) or () if turn.id == turn_id), None)
        if turn is None or turn.answer is None or rating not in ("up", "down", ""):
            return
        comment = whole_characters(comment.strip())[:LONGEST_COMMENT]
        rated = replace(turn, rating=rating, comment=comment if rating else "")
        with self._transaction() as connection:
            self.put(rated)
            connection.execute("DELETE FROM feedback WHERE turn = ?", (turn.id,))
            if rating:
                connection.execute(
                    "INSERT INTO feedback VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (turn.id, owner, turn.question, _packed(turn.answer), rating, rated.comment, _now()),
                )

    def feedback(self) -> list[Feedback]:
        """Return all feedback, the newest first."""
        with self._transaction() as connection:
            rows = connection.execute(
                "SELECT question, rating, comment, given_at, answer FROM feedback ORDER BY given_at DESC, turn DESC"
            ).fetchall()
        return [
            Feedback(question, rating, comment, given_at, answer)
            for question, rating, comment, given_at, packed in rows
            if (answer := _unpacked(packed))
        ]

    def _owns(self, owner: str, key: str) -> bool:
        found = self._connection.execute("SELECT 1 FROM conversation WHERE key = ? AND owner = ?", (key, owner))
        return found.fetchone() is not None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Run what is inside as a whole or not at all; one inside another is a part of it."""
        with self._lock:
            try:
                if self._connection.in_transaction:
                    yield self._connection
                    return
                with self._connection:
                    self._connection.execute("BEGIN IMMEDIATE")
                    yield self._connection
            except sqlite3.OperationalError as error:
                raise ConversationsError(
                    f"{self._path} cannot be written ({error}): check its folder and the space on the disk"
                ) from error
            except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
                raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> ConversationsError:
        return ConversationsError(
            f"{self._path} is damaged ({error}): move it away, and conversations begin anew; the index is untouched"
        )


def read_feedback(index: Path) -> list[Feedback]:
    """Return the feedback on an index's answers, the newest first. Raises IndexNotFoundError, ConversationsError."""
    if not (index / FILE).exists():
        database(index)  # no index and no chat about one that is elsewhere
        return []
    kept = Conversations(index)
    try:
        if kept.unwritable:
            raise ConversationsError(f"{index / FILE} cannot be opened ({kept.unwritable}): run as its owner")
        return kept.feedback()
    finally:
        kept.close()


def _open(path: str) -> sqlite3.Connection:
    """Open the file. SQLite does not wait by itself where another process is just making a new file's journal."""
    ends = time.monotonic() + _SECONDS_TO_WAIT
    while True:
        try:
            return _open_once(path)
        except sqlite3.OperationalError as error:
            if not is_locked(error) or time.monotonic() >= ends:
                raise
        time.sleep(_SECONDS_BETWEEN_TRIES)


def _open_once(path: str) -> sqlite3.Connection:
    if path not in ("", ":memory:"):  # for its owner's eyes alone, and so is its journal
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, timeout=_SECONDS_TO_WAIT, isolation_level=None, check_same_thread=False)
    try:
        # NORMAL: with WAL nothing is ever damaged, and only a power cut can take the last second's turns.
        connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON")
        connection.execute("BEGIN IMMEDIATE")
        (written,) = connection.execute("PRAGMA user_version").fetchone()
        if written > _FORMAT:
            raise ConversationsError(f"{path} is of a newer briefqa: upgrade, or move it away to begin anew")
        if not written:
            for statement in filter(str.strip, _SCHEMA.split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_FORMAT}")
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _columns(turn: Turn) -> tuple[object, ...]:
    answer = _packed(turn.answer) if turn.answer else None
    scope, neighbours = json.dumps(asdict(turn.scope)), json.dumps(turn.neighbours)
    question, detail, comment = map(whole_characters, (turn.question, turn.detail, turn.comment))
    return question, scope, turn.state, detail, answer, neighbours, turn.rating, comment


def _turn(row: tuple[int, str, str, str, str, bytes | None, str, str, str]) -> Turn:
    turn_id, question, scope, state, detail, packed, neighbours, rating, comment = row
    answer = _unpacked(packed) if packed else None
    kept_scope = restore(Filters, json.loads(scope))
    return Turn(question, answer, state, detail, kept_scope, tuple(json.loads(neighbours)), rating, comment, turn_id)


def _packed(answer: Answer) -> bytes:
    """Return an answer as compressed JSON: of 50 KB, most of it hits, 10 are left."""
    return zlib.compress(json.dumps(asdict(answer), ensure_ascii=True).encode("ascii"), 3)


@lru_cache(maxsize=256)  # a conversation is read at each of its questions
def _unpacked(packed: bytes) -> Answer | None:
    """Return a kept answer; None for one that this version cannot read, which is then asked again."""
    try:
        return restore(Answer, json.loads(zlib.decompress(packed)))
    except (SavedAnswerError, ValueError, zlib.error) as error:
        _log.warning("an answer that was kept cannot be read: %s", error)
        return None


def _title(text: str) -> str:
    title = whole_characters(one_line(text))
    return title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1].rstrip() + "…"


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
