"""What an index holds, without its vectors: all that is needed to say what a build would do.

with Ledger(Path("index")) as ledger:           # one SQLite read transaction; nothing is written
    ledger.articles, ledger.missing(hashes)
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from types import TracebackType

from briefqa.store.connections import connect, unreadable
from briefqa.store.schema import DATABASE, TABLES, read_known_articles, read_meta, read_problems


class Ledger:
    """What the newest generation of an index holds; an index that is not there holds nothing.

    Raises IndexCorruptError.
    """

    def __init__(self, index: Path) -> None:
        self._path = index / DATABASE
        self.exists = self._path.is_file()
        if self.exists:
            self._connection = connect(self._path).connection
        else:
            self._connection = sqlite3.connect(":memory:", isolation_level=None)
            self._connection.executescript(TABLES)
        self._connection.execute("BEGIN")

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        if isinstance(error, sqlite3.Error):
            raise unreadable(self._path, error) from error

    @cached_property
    def meta(self) -> dict[str, str]:
        """The whole meta table."""
        return read_meta(self._connection)

    @cached_property
    def articles(self) -> dict[str, tuple[str, str]]:
        """Slug → (sha256, path) of what is indexed."""
        return read_known_articles(self._connection)

    @cached_property
    def problems(self) -> list[tuple[str, int, str]]:
        """(path, line, message) of what the last build could not read, or read with a loss."""
        return read_problems(self._connection)

    def count_chunks(self, slugs: Iterable[str]) -> int:
        """Return how many chunks these articles have."""
        query = (
            "SELECT count(*) FROM chunk JOIN article ON article.id = article_id"
            " WHERE slug IN (SELECT value FROM json_each(?))"
        )
        return int(self._connection.execute(query, (json.dumps(list(slugs)),)).fetchone()[0])

    def missing(self, hashes: Iterable[bytes]) -> set[bytes]:
        """Return those of the hashes whose vector is not stored."""
        query = "SELECT 1 FROM vector WHERE hash = ?"
        return {key for key in hashes if self._connection.execute(query, (key,)).fetchone() is None}
