"""What lies where in Milvus: the collections of an index, their fields, and the expressions that choose rows.

| collection                 | a row is                                | found by                                      |
|----------------------------|-----------------------------------------|-----------------------------------------------|
| `NAME__chunks__BASE`       | a chunk: its vector, its terms as a     | both vectors, article, dates, tags, terms     |
|                            | sparse vector                           |                                               |
| `NAME__spans__BASE`        | a span: its vector                      | the vector, its chunk, article, dates, tags   |
| `NAME__texts__BASE`        | a piece of a text: an article, a chunk  | its id, which says whose text it is           |
| `NAME__terms__BASE`        | how many chunks hold a term, as of each | its id, the term's number                     |
|                            | generation that may still be read       |                                               |
| `NAME__gen__NUMBER__BUILD` | a piece of a generation's manifest      | the alias `NAME`, that of the newest          |
| `NAME__lock__…`            | nothing; its name says who is building  | the alias `NAME__lock`                        |

A base is what one full build began; later builds add rows to it. A row belongs to a version of an article and to the
generation in which it was born. A reader of generation g sees the rows that were born by then and whose version is not
among the dead that g's manifest lists. So a build writes what is new beside what is read, nobody sees it before the
alias is moved, and an article that did not change costs nothing.

No word of an article, a name or a question is ever part of an expression: slugs, tags, categories, sections and terms
are compared as numbers, 63 bits of their BLAKE2b digest, and texts as hexadecimal SHA-256.

milvus-lite has no half-precision vectors, so vectors are float32 here (rounded to half precision first, so that scores
are those of the embedded store), no index on array fields, and answers only a little of what it is asked at a time.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Any

from briefqa.store.schema import Filters

# Raised when an older briefqa could not read what a newer one wrote.
FORMAT = 1
# Characters of a piece of text; 4 bytes each fit into the 65,535 bytes of a VARCHAR.
PIECE = 15_000
# Bits of a text's id: above them the number of the piece, in them whose text it is, and in the last which of theirs.
_OWNER_BITS = 53
_KIND_BITS = 3
MOST_PIECES = 2 ** (63 - _OWNER_BITS)
_LONGEST_VARCHAR = 65_535
# Elements of an array: Milvus takes no more. A chunk that fits an encoder of 512 tokens has some 1,500 terms at most.
MOST_TERMS = 4_096
MOST_TAGS = 4_096
# Dimensions of a sparse vector are 32 bits wide.
_SPARSE = 2**32 - 2
NO_TERM = _SPARSE

_LOOKED_UP = frozenset({"hash", "chunk"})

KINDS = ("chunks", "spans", "texts", "terms")


class Text(IntEnum):
    """Whose text a piece is of, in the collection of texts."""

    FRONT = 0  # an article's front matter, JSON
    SECTIONS = 1  # an article's sections, JSON
    SOURCE = 2  # an article's file
    CHUNK = 3  # a chunk with its spans, JSON
    PLACES = 4  # where the terms of a chunk stand, JSON


def key_of(*names: str) -> int:
    """Return the number that a name is compared by."""
    text = "\0".join(names)
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") >> 1


def dimension_of(key: int) -> int:
    """Return the dimension of a term in sparse vectors."""
    return key % _SPARSE


def collection(name: str, kind: str, base: str) -> str:
    """Return the name of a collection of an index."""
    return f"{name}__{kind}__{base}"


def is_part(name: str, found: str) -> bool:
    """Say whether a collection belongs to the index of this name, its locks aside."""
    kinds = "|".join(KINDS)
    return bool(re.fullmatch(rf"{re.escape(name)}__(?:(?:{kinds})__[0-9a-f]+|gen__\d+__[0-9a-f]+)", found))


def is_lock(name: str, found: str) -> bool:
    """Say whether a collection is a lock of the index of this name."""
    return bool(re.fullmatch(rf"{re.escape(name)}__lock__\w+", found))


def _number(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "kind": "INT64", **more}


def _text(name: str, longest: int = _LONGEST_VARCHAR) -> dict[str, Any]:
    return {"name": name, "kind": "VARCHAR", "max_length": longest}


def _numbers(name: str, most: int) -> dict[str, Any]:
    return {"name": name, "kind": "ARRAY", "element_type": "INT64", "max_capacity": most}


def _vector(name: str, dim: int) -> dict[str, Any]:
    return {"name": name, "kind": "FLOAT_VECTOR", "dim": dim}


_ID = _number("id", is_primary=True)
# What filters look at.
_FILTERED = [_number("slug"), _number("date"), _number("category"), _numbers("tags", MOST_TAGS)]
_OWNED = [_number("version"), _number("born")]
# A collection has a vector; what is only looked up has one of no meaning.
NO_VECTOR = [1.0, 0.0]
_NO_VECTOR = _vector("none", len(NO_VECTOR))


def fields_of(kind: str, dim: int) -> list[dict[str, Any]]:
    """Return the fields of a collection. dim: of the vectors."""
    return {
        "chunks": [
            _ID,
            *_OWNED,
            *_FILTERED,
            _number("section"),
            _number("spans"),
            _number("length"),
            _text("script", 32),
            _numbers("terms", MOST_TERMS),
            _text("hash", 64),
            _vector("dense", dim),
            {"name": "sparse", "kind": "SPARSE_FLOAT_VECTOR"},
        ],
        "spans": [_ID, *_OWNED, *_FILTERED, _number("chunk"), _text("hash", 64), _vector("dense", dim)],
        "texts": [
            _ID,
            *_OWNED,
            *_FILTERED,
            _number("owner"),
            _number("kind"),
            _number("piece"),
            _number("pieces"),
            _text("body"),
            _NO_VECTOR,
        ],
        "terms": [_ID, _number("born"), _number("total"), _text("history"), _NO_VECTOR],
        "gen": [_ID, _text("body"), _NO_VECTOR],
        "lock": [_ID, _NO_VECTOR],
    }[kind]


def indexes_of(kind: str, small: bool) -> list[dict[str, Any]]:
    """Return the indexes of a collection. small: of a milvus-lite."""
    exact = {"index_type": "FLAT", "metric_type": "IP"}
    dense = {"field_name": "dense", **(exact if small else {"index_type": "AUTOINDEX", "metric_type": "IP"})}
    sparse = {"field_name": "sparse", "index_type": "SPARSE_INVERTED_INDEX", "metric_type": "IP"}
    vectors = {"chunks": [dense, sparse], "spans": [dense]}.get(kind, [{**dense, "field_name": "none"}])
    scalars = {
        "chunks": ["version", "born", "slug", "date", "category", "section", "hash"],
        "spans": ["version", "born", "slug", "date", "category", "chunk", "hash"],
        "texts": ["version", "born", "slug", "date", "category", "kind"],
        "terms": ["born", "total"],
    }.get(kind, [])
    arrays = {"chunks": ["tags", "terms"], "spans": ["tags"], "texts": ["tags"]}.get(kind, [])
    # milvus-lite has none of arrays, and takes a hundredth of a second to make one of numbers, as long as it reads all.
    names = [name for name in scalars if name in _LOOKED_UP] if small else [*scalars, *arrays]
    return [*vectors, *({"field_name": name, "index_type": "INVERTED"} for name in names)]


# Texts


def pieces(text: str) -> Iterator[tuple[int, str]]:
    """Yield (number, text) of the pieces of a text, at least one."""
    for number in range(max(1, -(-len(text) // PIECE))):
        yield number, text[number * PIECE : (number + 1) * PIECE]


def text_id(owner: int, kind: Text, piece: int = 0) -> int:
    """Return the id of a piece of a text."""
    return (piece << _OWNER_BITS) | (owner << _KIND_BITS) | int(kind)


def joined(rows: Iterable[Mapping[str, Any]]) -> dict[int, str]:
    """Return owner → text, put together from its pieces."""
    found: dict[int, list[tuple[int, str]]] = {}
    for row in rows:
        found.setdefault(int(row["owner"]), []).append((int(row["piece"]), str(row["body"])))
    return {owner: "".join(body for _, body in sorted(parts)) for owner, parts in found.items()}


def dump(value: object) -> str:
    """Return a value as JSON, in as few bytes as it takes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# Expressions


def one_of(field: str, values: Iterable[int]) -> str:
    """Return the expression for a field that is one of some numbers."""
    return f"{field} in {sorted(map(int, values))}"


def none_of(field: str, values: Iterable[int]) -> str:
    """Return the expression for a field that is none of some numbers."""
    return f"{field} not in {sorted(map(int, values))}"


def has_hash(hashes: Iterable[bytes]) -> str:
    """Return the expression for rows of texts with these SHA-256 digests."""
    return f"hash in [{', '.join(sorted(f'{chr(34)}{key.hex()}{chr(34)}' for key in hashes))}]"


def visible(generation: int, dead: Sequence[int]) -> str:
    """Return the expression for what a generation's readers see."""
    return f"born <= {generation}" + (f" and {none_of('version', dead)}" if dead else "")


def passing(filters: Filters) -> str:
    """Return the filters as an expression; "" where all pass."""
    clauses = []
    if filters.since:
        clauses.append(f"date >= {_day(filters.since)}")
    if filters.until:
        clauses.append(f"date > 0 and date <= {_day(filters.until)}")
    if filters.category:
        clauses.append(f"category == {key_of(filters.category)}")
    if filters.tags:
        clauses.append(f"array_contains_any(tags, {sorted({key_of(tag) for tag in filters.tags})})")
    if filters.articles:
        clauses.append(one_of("slug", {key_of(slug) for slug in filters.articles}))
    if filters.without:
        clauses.append(none_of("slug", {key_of(slug) for slug in filters.without}))
    return " and ".join(clauses)


def both(*expressions: str) -> str:
    """Return the expression that is true where all of these are; empty ones do not count."""
    return " and ".join(f"({one})" for one in expressions if one)


def standing(options: Iterable[Sequence[int]]) -> str:
    """Return the expression for chunks in which any of the options stands: the keys of terms, all of them."""
    alone = sorted({option[0] for option in options if len(option) == 1})
    several = [sorted(set(option)) for option in options if len(option) > 1]
    clauses = [f"array_contains_any(terms, {alone})"] if alone else []
    clauses += [f"array_contains_all(terms, {keys})" for keys in several]
    return " or ".join(clauses)


def date_number(date: str) -> int:
    """Return an ISO date as a number, 20251231; 0 where there is none."""
    return int(date.replace("-", "") or 0)


def _day(date: str) -> int:
    """Return a day, a month or a year as the number that stands where its text does among texts of days."""
    return int(date.replace("-", "").ljust(8, "0"))
