"""Articles to rows: what is written of one article, and what it adds to the counts of a generation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from briefqa.articles import Article
from briefqa.chunks import Chunk
from briefqa.errors import StoreError
from briefqa.store.milvus.engine import Row
from briefqa.store.milvus.layout import (
    MOST_PIECES,
    MOST_TAGS,
    MOST_TERMS,
    NO_VECTOR,
    Text,
    date_number,
    dump,
    key_of,
    pieces,
    text_id,
)
from briefqa.store.milvus.lexical import sparse_of
from briefqa.store.milvus.stored import dump_chunk, dump_front, dump_sections
from briefqa.store.schema import StoredArticle
from briefqa.writing import script_of


@dataclass(slots=True)
class Counts:
    """What a build adds to a generation's counts, or takes from them; terms: chunks that hold each, by its key."""

    articles: int = 0
    chunks: int = 0
    spans: int = 0
    length: int = 0
    scripts: Counter[str] = field(default_factory=Counter)
    terms: Counter[int] = field(default_factory=Counter)

    def add_chunk(self, spans: int, length: int, script: str, terms: Sequence[int], sign: int = 1) -> None:
        """Count a chunk. sign: -1 takes it away."""
        self.chunks += sign
        self.spans += sign * spans
        self.length += sign * length
        self.scripts[script] += sign
        for key in terms:
            self.terms[key] += sign


class Rows:
    """The rows of one article. first_id: the first of the numbers that they take; next_id: the first that is free."""

    def __init__(self, article: Article, generation: int, first_id: int) -> None:
        self._article = article
        self.version = first_id
        self.next_id = first_id + 1
        self._owned = {"version": self.version, "born": generation}
        self._filtered = {
            "slug": key_of(article.slug),
            "date": date_number(article.date),
            "category": key_of(article.category) if article.category else 0,
            "tags": sorted({key_of(tag) for tag in article.tags})[:MOST_TAGS],
        }

    def texts(self) -> Iterator[Row]:
        """Yield the rows of the article's own texts."""
        article = self._article
        front = StoredArticle(
            article.slug,
            article.path,
            article.title,
            article.date,
            article.category,
            tuple(article.tags),
            article.source_url,
            article.author,
            article.summary,
            article.sha256,
        )
        yield from self._text(self.version, Text.FRONT, dump_front(front))
        yield from self._text(self.version, Text.SECTIONS, dump_sections(article.sections))
        yield from self._text(self.version, Text.SOURCE, article.text)

    def _text(self, owner: int, kind: Text, text: str) -> Iterator[Row]:
        found = list(pieces(text))
        if len(found) > MOST_PIECES:
            raise StoreError(f"{self._article.path} is too long for Milvus: split it, or lower BRIEFQA_MAX_FILE_BYTES")
        for number, body in found:
            yield {
                "id": text_id(owner, kind, number),
                **self._owned,
                **self._filtered,
                "owner": owner,
                "kind": int(kind),
                "piece": number,
                "pieces": len(found),
                "body": body,
                "none": NO_VECTOR,
            }

    def _take(self, many: int = 1) -> int:
        first = self.next_id
        self.next_id += many
        return first

    def chunk(
        self,
        chunk: Chunk,
        key: bytes,
        span_keys: Sequence[bytes],
        places: Mapping[str, Sequence[int]],
        vectors: Mapping[bytes, np.ndarray],
        counts: Counts,
    ) -> tuple[Row, list[Row], list[Row]]:
        """Return the rows of a chunk, of its spans and of its texts, and count it. Spans' ids follow the chunk's."""
        number = self._take(1 + len(chunk.spans))
        held = {key_of(term): len(where) for term, where in places.items()}
        length, script = sum(held.values()), script_of(chunk.text)
        counts.add_chunk(len(chunk.spans), length, script, list(held))
        row = {
            "id": number,
            **self._owned,
            **self._filtered,
            "section": key_of(chunk.article, chunk.anchor),
            "spans": len(chunk.spans),
            "length": length,
            "script": script,
            "terms": sorted(held)[:MOST_TERMS],
            "hash": key.hex(),
            "dense": vectors[key].tolist(),
            "sparse": sparse_of(held, length),
        }
        spans = [
            {
                "id": number + 1 + place,
                **self._owned,
                **self._filtered,
                "chunk": number,
                "hash": span_key.hex(),
                "dense": vectors[span_key].tolist(),
            }
            for place, span_key in enumerate(span_keys)
        ]
        texts = [
            *self._text(number, Text.CHUNK, dump_chunk(chunk)),
            *self._text(number, Text.PLACES, dump({term: list(where) for term, where in places.items()})),
        ]
        return row, spans, texts
