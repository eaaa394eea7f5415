"""What is wrong with a database's structure: pages, references between tables, the shape of what is in a column.

find_damage(connection)             # [] for a sound one; whether its content is right, `inspection` says
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from itertools import islice

from briefqa.store.schema import COSINES

# One says as much as a thousand.
MOST_FAULTS = 20

_LISTS = (
    ("article", "tags"),
    ("section", "heading_path"),
    ("chunk", "heading_path"),
    ("chunk", "terms"),
    ("span", "header"),
)
_OFFSETS = "typeof(start) = 'integer' AND typeof(\"end\") = 'integer' AND 0 <= start AND start <= \"end\""
# What each row of a table must be like, as a condition; what else the schema promises, integrity_check looks after.
_SHAPES = (
    ("article", "date", "date = '' OR date GLOB '[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]'"),
    ("article", "sha256", "length(sha256) = 64"),
    ("section", "start", _OFFSETS),
    ("chunk", "start", _OFFSETS),
    ("chunk", "length", "typeof(length) = 'integer' AND length >= 0"),
    ("chunk", "part", "typeof(part) = 'integer' AND part >= 0"),
    ("span", "start", _OFFSETS),
    ("span", "kind", "kind IN ('paragraph', 'item', 'quote', 'code', 'header', 'row')"),
    ("vector", "hash", "typeof(hash) = 'blob' AND length(hash) = 32"),
    ("vector", "data", "typeof(data) = 'blob' AND length(data) = (SELECT length(data) FROM vector LIMIT 1)"),
    ("geometry", "data", "typeof(data) = 'blob' AND length(data) = (SELECT length(data) FROM geometry LIMIT 1)"),
    ("posting", "data", "typeof(data) = 'blob' AND length(data) > 0 AND length(data) % 4 = 0"),
)
_NUMBERS = ("format", "generation")
_NEEDED = (*_NUMBERS, "index_id", "built_at", "corpus", "encoder", "fingerprint", "chunking", "terms")


def find_damage(connection: sqlite3.Connection) -> list[str]:
    """Return what is wrong, a line each, the first few; whatever is in the file, nothing is raised."""
    found: list[str] = []
    for faults in (_pages, _references, _meta, _shapes, _lists):
        if found:
            break  # what follows relies on what came before
        try:
            found = list(islice(faults(connection), MOST_FAULTS))
        except (
            sqlite3.Error,
            OverflowError,
            UnicodeDecodeError,
        ) as error:  # pages that cannot be walked through, text that is no UTF-8
            found = [str(error)]
    return found


def _pages(connection: sqlite3.Connection) -> Iterator[str]:
    for (line,) in connection.execute(f"PRAGMA integrity_check({MOST_FAULTS})"):
        if line != "ok":
            yield " ".join(str(line).split())


def _references(connection: sqlite3.Connection) -> Iterator[str]:
    for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        yield f"row {row} of {table} refers to a row of {parent} that is not there"


def _meta(connection: sqlite3.Connection) -> Iterator[str]:
    meta = dict(connection.execute("SELECT key, value FROM meta"))
    yield from (f"meta has no {key}" for key in _NEEDED if not isinstance(meta.get(key), str))
    for key in _NUMBERS:
        if not str(meta.get(key, "")).isdecimal():
            yield f"{key} is no number"
    for key in COSINES & meta.keys():
        try:
            float(meta[key])
        except (TypeError, ValueError):
            yield f"{key} is no number"
    for key in ("calibration", "searches"):
        try:
            json.loads(meta.get(key) or "{}")
        except (TypeError, ValueError):
            yield f"{key} is no JSON"


def _shapes(connection: sqlite3.Connection) -> Iterator[str]:
    for table, column, condition in _SHAPES:
        (count,) = connection.execute(f"SELECT count(*) FROM {table} WHERE NOT ifnull({condition}, 0)").fetchone()
        if count:
            yield f"{count} rows of {table} have no proper {column}"


def _lists(connection: sqlite3.Connection) -> Iterator[str]:
    for table, column in _LISTS:
        good = f"CASE WHEN json_valid({column}) THEN json_type({column}) = 'array' ELSE 0 END"
        (count,) = connection.execute(f"SELECT count(*) FROM {table} WHERE NOT {good}").fetchone()
        if count:
            yield f"{count} rows of {table} have no list of {column}"
