"""One build, one transaction: a reader sees the old index or the new one.

with IndexWriter(Path("index")) as writer:      # holds the write lock of SQLite
    writer.put_article(article, chunks, hashes)
    writer.commit(encoder="bundled", fingerprint="…")
# left without commit: nothing happened
"""

from __future__ import annotations

import json
import logging
import sqlite3
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType

import numpy as np

from briefqa.articles import Article, Problem
from briefqa.chunks import Chunk
from briefqa.encoders.geometry import Geometry
from briefqa.errors import IndexLockedError
from briefqa.store.cache import remove_old_caches, save_cache
from briefqa.store.connections import check_format, corrupt, is_locked, lock_holder, unwritable
from briefqa.store.damage import find_damage
from briefqa.store.postings import PostingWriter
from briefqa.store.schema import (
    COSINES,
    DATABASE,
    FORMAT,
    TABLES,
    checksum,
    read_known_articles,
    read_meta,
    write_searches,
)
from briefqa.writing import script_of

# Variables of one SQL statement; SQLite's own limit has been at least 32,766 since 3.32.
_BATCH = 10_000
# Seconds: a reader that comes first after a crash holds the lock for a moment while SQLite recovers.
_GRACE = 0.5
_SECONDS_BETWEEN_TRIES = 0.1
# Bytes of the write-ahead log that are left to the next build; emptying it waits for the questions that are answered.
_LARGEST_LOG = 4_000_000
# Of pages that are written to again and again: where each hash stands, and each term.
_KILOBYTES_OF_CACHE = 64_000
_MILLISECONDS_FOR_QUESTIONS = 2_000
# What goes wrong where content is no text, number or JSON any more; or where there is a mistake in the program.
_PERHAPS_DAMAGE = (
    sqlite3.IntegrityError,
    sqlite3.ProgrammingError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
)

_log = logging.getLogger("briefqa")


class IndexWriter:
    """The one writer of an index; another one meets IndexLockedError until this one is closed, or its process ended.

    wait: seconds to wait for another one. waited: whether that was needed. Raises IndexWriteError where the folder
    cannot be written, also later, IndexCorruptError, IndexLockedError.
    """

    def __init__(self, index: Path, wait: float = 0.0) -> None:
        self.index = index
        self.waited = False
        self.path = index / DATABASE
        self._loosened: set[tuple[int]] = set()  # ids of vectors that lost a user in this transaction
        try:
            index.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise unwritable(index, error) from error
        try:
            self._lock(wait)
            self._begin()
        except BaseException:
            self._connection.close()
            raise

    def _lock(self, wait: float) -> None:
        """Begin the transaction. SQLite's lock is one of the operating system: it ends with its process."""
        execute = self._connection.execute
        started = time.monotonic()
        while True:
            try:
                execute("PRAGMA journal_mode = WAL")
                execute("PRAGMA synchronous = FULL")
                execute("PRAGMA foreign_keys = ON")
                execute(f"PRAGMA cache_size = -{_KILOBYTES_OF_CACHE}")
                execute("BEGIN IMMEDIATE")
                return
            except (sqlite3.Error, UnicodeDecodeError) as error:
                if not is_locked(error):
                    raise unwritable(self.index, error) from error
                waited = time.monotonic() - started
                who = lock_holder(self.path)
                other = f"another build{f' (process {who})' if who else ''} is writing to {self.index}"
                if waited >= max(wait, _GRACE):
                    raise IndexLockedError(f"{other}: wait for it to end and build again") from error
                if wait and waited >= _GRACE and not self.waited:
                    self.waited = True
                    _log.warning("%s: waiting for it to end", other)
            time.sleep(_SECONDS_BETWEEN_TRIES)

    def _begin(self) -> None:
        execute = self._connection.execute
        try:
            older = False
            self._first = not execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if not self._first:
                older = check_format(self._connection, self.path) < FORMAT
            if older:
                for table in ("span", "chunk", "section", "article"):
                    execute(f"DROP TABLE {table}")
            for statement in TABLES.split(";"):
                execute(statement)
            # The first write: of a file that cannot be written, SQLite has begun to read alone.
            execute("DELETE FROM meta WHERE key = ''")
            self.meta = read_meta(self._connection)
            self._postings = PostingWriter(self._connection)
            if older:
                self.meta.pop("build_id", None)  # ids of chunks begin at 1 again: nobody can follow
                self.forget_articles()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise unwritable(self.index, error) from error

    def __enter__(self) -> IndexWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        damage: list[str] = []
        if isinstance(error, _PERHAPS_DAMAGE) and not self._first:
            damage = find_damage(self._connection)
        self.close()
        if isinstance(error, sqlite3.Error) and not isinstance(error, _PERHAPS_DAMAGE):
            raise unwritable(self.index, error) from error
        if damage:
            raise corrupt(self.path, damage[0]) from error

    def close(self) -> None:
        """Give up what was not committed and let the next writer in."""
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            _log.info("the build could not be rolled back (%s); SQLite does it when the index is opened next", error)
        finally:
            self._connection.close()

    def known_articles(self) -> dict[str, tuple[str, str]]:
        """Return slug → (sha256, path) of what is indexed."""
        return read_known_articles(self._connection)

    def known_problems(self) -> list[Problem]:
        """Return the problems of the last build."""
        return [Problem(*row) for row in self._connection.execute("SELECT path, line, message FROM problem")]

    def count_chunks(self) -> int:
        """Return how many chunks the index holds now."""
        return int(self._connection.execute("SELECT count(*) FROM chunk").fetchone()[0])

    def has_vectors(self) -> bool:
        """Say whether the index holds any vector."""
        return self._connection.execute("SELECT 1 FROM vector LIMIT 1").fetchone() is not None

    def missing(self, hashes: Iterable[bytes]) -> set[bytes]:
        """Return those of the hashes whose vector is not stored."""
        return set(hashes) - set(self._vector_ids(hashes))

    def _vector_ids(self, hashes: Iterable[bytes]) -> dict[bytes, int]:
        wanted = list(dict.fromkeys(hashes))
        found: dict[bytes, int] = {}
        for i in range(0, len(wanted), _BATCH):
            batch = wanted[i : i + _BATCH]
            marks = ",".join("?" * len(batch))
            found.update(self._connection.execute(f"SELECT hash, id FROM vector WHERE hash IN ({marks})", batch))
        return found

    def add_vectors(self, hashes: Sequence[bytes], vectors: np.ndarray) -> None:
        """Store vectors (n, dim) under the hashes of the texts that they embed."""
        data = vectors.astype(np.float16)
        self._connection.executemany(
            "INSERT INTO vector (hash, data) VALUES (?, ?)",
            ((key, row.tobytes()) for key, row in zip(hashes, data, strict=True)),
        )

    def put_article(
        self,
        article: Article,
        chunks: Sequence[Chunk],
        chunk_hashes: Sequence[bytes],
        span_hashes: Sequence[bytes],
        places: Sequence[Mapping[str, Sequence[int]]],
    ) -> None:
        """Store an article in place of what was stored under its slug; all of its vectors must be stored already.

        span_hashes: of all spans, chunk after chunk. places: for each chunk, where its terms stand, see postings.py.
        """
        execute = self._connection.execute
        self.remove_article(article.slug)
        article_id = execute(
            "INSERT INTO article (slug, path, sha256, title, date, category, tags, source_url, author, summary, text)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                article.slug,
                article.path,
                article.sha256,
                article.title,
                article.date,
                article.category,
                _json(article.tags),
                article.source_url,
                article.author,
                article.summary,
                article.text,
            ),
        ).lastrowid
        self._connection.executemany(
            "INSERT INTO section VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (article_id, i, s.anchor, s.heading, _json(s.heading_path), s.level, s.start, s.end)
                for i, s in enumerate(article.sections)
            ),
        )
        vector_ids = self._vector_ids([*chunk_hashes, *span_hashes])
        span_vectors = iter([vector_ids[key] for key in span_hashes])
        for chunk, key, terms in zip(chunks, chunk_hashes, places, strict=True):
            chunk_id = execute(
                'INSERT INTO chunk (article_id, anchor, heading, heading_path, part, text, start, "end", table_header,'
                " terms, length, script, vector_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    article_id,
                    chunk.anchor,
                    chunk.heading,
                    _json(chunk.heading_path),
                    chunk.part,
                    chunk.text,
                    chunk.start,
                    chunk.end,
                    chunk.table_header,
                    _json(list(terms)),
                    sum(map(len, terms.values())),
                    script_of(chunk.text),
                    vector_ids[key],
                ),
            ).lastrowid
            self._postings.add(chunk_id or 0, terms)
            self._connection.executemany(
                "INSERT INTO span VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (chunk_id, i, span.text, _json(span.header), span.start, span.end, span.kind, next(span_vectors))
                    for i, span in enumerate(chunk.spans)
                ],
            )

    def remove_article(self, slug: str) -> None:
        """Remove an article from every table; vectors that nothing else uses go with the commit."""
        row = self._connection.execute("SELECT id FROM article WHERE slug = ?", (slug,)).fetchone()
        if row is None:
            return
        self._loosened.update(
            self._connection.execute(
                "SELECT vector_id FROM chunk WHERE article_id = ?1 UNION"
                " SELECT span.vector_id FROM span JOIN chunk ON chunk.id = span.chunk_id WHERE chunk.article_id = ?1",
                row,
            )
        )
        for chunk_id, terms in self._connection.execute("SELECT id, terms FROM chunk WHERE article_id = ?", row):
            self._postings.remove(chunk_id, json.loads(terms))
        self._connection.execute("DELETE FROM article WHERE id = ?", row)

    def _remove_unused_vectors(self) -> None:
        self._connection.executemany(
            "DELETE FROM vector WHERE id = ?1"
            " AND NOT EXISTS (SELECT 1 FROM chunk WHERE vector_id = ?1)"
            " AND NOT EXISTS (SELECT 1 FROM span WHERE vector_id = ?1)",
            self._loosened,
        )
        self._loosened.clear()

    def forget_articles(self) -> None:
        """Remove all articles and keep the vectors: what is put again before the commit need not be embedded again."""
        for table in ("span", "chunk", "section", "article", "posting", "problem"):
            self._connection.execute(f"DELETE FROM {table}")
        self._loosened.update(self._connection.execute("SELECT id FROM vector"))

    def clear(self) -> None:
        """Remove everything: the next commit holds what is put from now on."""
        self.forget_articles()
        self._loosened.clear()
        for table in ("vector", "geometry"):
            self._connection.execute(f"DELETE FROM {table}")
        for name in COSINES:
            self.meta.pop(name, None)

    def has_geometry(self) -> bool:
        """Say whether it is stored what was measured of the encoder."""
        return self.meta.keys() >= COSINES

    def put_geometry(self, geometry: Geometry) -> None:
        """Store what was measured of the encoder."""
        self._connection.execute("DELETE FROM geometry")
        self._connection.executemany(
            "INSERT INTO geometry VALUES (?, ?)",
            ((rank, row.astype("<f4").tobytes()) for rank, row in enumerate(geometry.directions)),
        )
        self.meta.update({name: repr(getattr(geometry, name)) for name in COSINES})

    def commit(
        self, *, corpus: Path, encoder: str, fingerprint: str, chunking: str, terms: str, problems: Sequence[Problem]
    ) -> int:
        """Make this build the new generation, save the vector cache beside it, and return its number."""
        self._postings.flush()
        self._remove_unused_vectors()
        generation = int(self.meta.get("generation", 0)) + 1
        values = {
            "format": str(FORMAT),
            "index_id": self.meta.get("index_id") or uuid.uuid4().hex,
            "generation": str(generation),
            "build_id": uuid.uuid4().hex,
            "follows": self.meta.get("build_id", ""),
            "built_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "corpus": str(corpus.absolute()),
            "encoder": encoder,
            "fingerprint": fingerprint,
            "chunking": chunking,
            "terms": terms,
            **{name: self.meta.get(name, "0") for name in COSINES},
        }
        values["checksum"] = checksum(self._connection, {**read_meta(self._connection), **values})
        self._connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())
        self.replace_problems(problems)
        self._connection.execute("COMMIT")
        self.meta = values
        try:
            searches = save_cache(self.index, self._connection)
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('searches', ?)", (write_searches(searches),))
        except (OSError, sqlite3.Error, MemoryError) as error:
            _log.info("the vector cache is left to the next reader (%s)", error)
        self._empty_log()
        return generation

    def _empty_log(self) -> None:
        """Move a large write-ahead log into the database; while questions overlap, SQLite by itself never can."""
        log = self.path.with_name(f"{self.path.name}-wal")
        try:
            if log.stat().st_size > _LARGEST_LOG:
                self._connection.execute(f"PRAGMA busy_timeout = {_MILLISECONDS_FOR_QUESTIONS}")
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except (OSError, sqlite3.Error) as error:
            _log.info("the log of the index stays as it is (%s); the next build tries again", error)

    def replace_problems(self, problems: Sequence[Problem]) -> None:
        """Note the problems of this build in place of the last one's."""
        self._connection.execute("DELETE FROM problem")
        self._connection.executemany(
            "INSERT INTO problem VALUES (?, ?, ?)", [(p.path, p.line, p.message) for p in problems]
        )

    def commit_calibration(self, calibration: str) -> None:
        """Keep a calibration, as JSON, for this encoder; the generation stays."""
        values = {"calibration": calibration, "calibrated_for": self.meta.get("fingerprint", "")}
        self._connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())
        self._connection.execute("COMMIT")

    def commit_problems(self, problems: Sequence[Problem]) -> None:
        """End a build that changed no article: the generation stays, only its problems are noted."""
        self.replace_problems(problems)
        self._connection.execute("COMMIT")

    def remove_leftovers(self) -> None:
        """Remove what the last build left, if it was killed before it did."""
        remove_old_caches(self.index, self.meta)


def _json(values: Sequence[str]) -> str:
    return json.dumps(list(values), ensure_ascii=False)
