"""The SQLite database that is the truth of an index: tables, format version, what it says of itself."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from briefqa.errors import IndexNotFoundError
from briefqa.store.cells import Search

DATABASE = "briefqa.db"
# Raised when an older briefqa could not read what a newer one wrote, or a newer one what an older one wrote: the next
# build then makes the tables anew and keeps the vectors. 2: terms. 3: what unrelated texts score.
FORMAT = 3

# What the meta table keeps of an encoder's geometry, as numbers.
COSINES = frozenset({"spread", "unrelated"})

# What the meta table keeps that is no part of a build.
_NOT_OF_A_BUILD = frozenset({"checksum", "calibration", "calibrated_for", "searches"})

TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS article (
    id INTEGER PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    title TEXT NOT NULL,
    date TEXT NOT NULL,         -- ISO, or empty
    category TEXT NOT NULL,
    tags TEXT NOT NULL,         -- JSON list
    source_url TEXT NOT NULL,
    author TEXT NOT NULL,
    summary TEXT NOT NULL,
    text TEXT NOT NULL          -- the decoded file, which all offsets count in
);
CREATE INDEX IF NOT EXISTS article_date ON article (date);
CREATE TABLE IF NOT EXISTS section (
    article_id INTEGER NOT NULL REFERENCES article ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    anchor TEXT NOT NULL,
    heading TEXT NOT NULL,
    heading_path TEXT NOT NULL, -- JSON list
    level INTEGER NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    PRIMARY KEY (article_id, ordinal)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS vector (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,  -- SHA-256 of the text that was embedded
    data BLOB NOT NULL          -- float16 (dim,), unit length
);
CREATE TABLE IF NOT EXISTS chunk (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    article_id INTEGER NOT NULL REFERENCES article ON DELETE CASCADE,
    anchor TEXT NOT NULL,
    heading TEXT NOT NULL,
    heading_path TEXT NOT NULL, -- JSON list
    part INTEGER NOT NULL,
    text TEXT NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    table_header TEXT NOT NULL,
    terms TEXT NOT NULL,        -- JSON list of the different terms
    length INTEGER NOT NULL,    -- terms, repeated as they are
    script TEXT NOT NULL,       -- that the text is written in
    vector_id INTEGER NOT NULL REFERENCES vector
);
CREATE INDEX IF NOT EXISTS chunk_article ON chunk (article_id);
CREATE INDEX IF NOT EXISTS chunk_vector ON chunk (vector_id);
CREATE TABLE IF NOT EXISTS span (
    chunk_id INTEGER NOT NULL REFERENCES chunk ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    text TEXT NOT NULL,
    header TEXT NOT NULL,       -- JSON list
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    kind TEXT NOT NULL,
    vector_id INTEGER NOT NULL REFERENCES vector,
    PRIMARY KEY (chunk_id, ordinal)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS span_vector ON span (vector_id);
CREATE TABLE IF NOT EXISTS posting (
    term TEXT NOT NULL,
    block INTEGER NOT NULL,
    data BLOB NOT NULL,         -- see postings.py
    PRIMARY KEY (term, block)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS geometry (
    rank INTEGER PRIMARY KEY,   -- of a language direction
    data BLOB NOT NULL          -- float32 (dim,), unit length
);
CREATE TABLE IF NOT EXISTS problem (path TEXT NOT NULL, line INTEGER NOT NULL, message TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which articles may answer; an empty field lets all pass.

    since, until: ISO dates, both included. tags: any of them. category: this one. articles: slugs, any of them.
    without: slugs, none of them.
    """

    since: str = ""
    until: str = ""
    tags: tuple[str, ...] = ()
    category: str = ""
    articles: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.since or self.until or self.tags or self.category or self.articles or self.without)


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """What is known of an index as a whole.

    chunking, terms: versions of the rules by which articles were split and their words counted. problems: (path, line,
    message) of the last build. searches: how "chunks" and "spans" are searched, by what the last build measured; empty
    where it did not come to that.
    """

    generation: int
    built_at: str
    corpus: str
    encoder: str
    fingerprint: str
    chunking: str
    terms: str
    index_id: str
    articles: int
    chunks: int
    spans: int
    problems: tuple[tuple[str, int, str], ...]
    searches: dict[str, Search] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredArticle:
    """An article's front matter, as indexed.

    slug: its path below the corpus without suffix. sha256: of the file's bytes.
    """

    slug: str
    path: str
    title: str
    date: str
    category: str
    tags: tuple[str, ...]
    source_url: str
    author: str
    summary: str
    sha256: str


def database(index: Path) -> Path:
    """Return the database's path, or raise IndexNotFoundError if nothing was built there."""
    path = index / DATABASE
    if not path.is_file():
        raise not_found(path)
    return path


def not_found(path: Path) -> IndexNotFoundError:
    """Return the error for a database that is not there, or that nothing was committed to yet."""
    index = path.parent
    return IndexNotFoundError(f"no index in {index}: build one with `briefqa build CORPUS --index {index}`")


def identity_of(meta: Mapping[str, str]) -> tuple[str, ...]:
    """Return what tells one build from all others, also of an index that was replaced or restored."""
    return tuple(meta.get(key, "") for key in ("format", "index_id", "generation", "build_id"))


def read_meta(connection: sqlite3.Connection) -> dict[str, str]:
    """Return the whole meta table."""
    return dict(connection.execute("SELECT key, value FROM meta"))


def checksum(connection: sqlite3.Connection, meta: Mapping[str, str]) -> str:
    """Return a checksum of what a build says of itself, and of what was measured of its encoder.

    It begins with the generation, so that one which an older briefqa left behind is not taken for the newest one's.
    """
    said = sorted((key, value) for key, value in meta.items() if key not in _NOT_OF_A_BUILD)
    digest = hashlib.sha256(json.dumps(said).encode())
    for rank, data in connection.execute("SELECT rank, data FROM geometry ORDER BY rank"):
        digest.update(rank.to_bytes(4, "big") + data)
    return f"{meta['generation']} {digest.hexdigest()}"


def read_known_articles(connection: sqlite3.Connection) -> dict[str, tuple[str, str]]:
    """Return slug → (sha256, path) of what is indexed."""
    return {slug: (sha, path) for slug, sha, path in connection.execute("SELECT slug, sha256, path FROM article")}


def read_problems(connection: sqlite3.Connection) -> list[tuple[str, int, str]]:
    """Return (path, line, message) of what the last build could not read, or read with a loss."""
    return connection.execute("SELECT path, line, message FROM problem ORDER BY path, line").fetchall()


def write_searches(searches: dict[str, Search]) -> str:
    """Return how chunks and spans are searched, as JSON."""
    return json.dumps({kind: asdict(search) for kind, search in searches.items()})


def _read_searches(meta: Mapping[str, str]) -> dict[str, Search]:
    return {kind: Search(**search) for kind, search in json.loads(meta.get("searches") or "{}").items()}


def read_info(connection: sqlite3.Connection) -> IndexInfo:
    """Return what is known of the index as a whole."""
    meta = read_meta(connection)

    def count(table: str) -> int:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    return IndexInfo(
        generation=int(meta["generation"]),
        built_at=meta["built_at"],
        corpus=meta["corpus"],
        encoder=meta["encoder"],
        fingerprint=meta["fingerprint"],
        chunking=meta["chunking"],
        terms=meta["terms"],
        index_id=meta["index_id"],
        articles=count("article"),
        chunks=count("chunk"),
        spans=count("span"),
        problems=tuple(read_problems(connection)),
        searches=_read_searches(meta),
    )
