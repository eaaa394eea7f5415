"""What is stored of articles in Milvus, read back: front matter, sections, texts, chunks with their spans."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np

from briefqa.articles import Section
from briefqa.chunks import Chunk, Span
from briefqa.store.milvus.generation import Generation
from briefqa.store.milvus.layout import PIECE, Text, both, dump, joined, key_of, passing, text_id
from briefqa.store.schema import Filters, StoredArticle
from briefqa.store.seen import see
from briefqa.verbatim import VisibleArticle, bare

_ALL = Filters()


def dump_front(article: StoredArticle) -> str:
    """Return an article's front matter as it is stored."""
    return dump(
        [
            article.slug,
            article.path,
            article.title,
            article.date,
            article.category,
            list(article.tags),
            article.source_url,
            article.author,
            article.summary,
            article.sha256,
        ]
    )


def load_front(text: str) -> StoredArticle:
    """Return the front matter that was stored."""
    slug, path, title, date, category, tags, source_url, author, summary, sha256 = json.loads(text)
    return StoredArticle(slug, path, title, date, category, tuple(tags), source_url, author, summary, sha256)


def dump_sections(sections: Iterable[Section]) -> str:
    """Return an article's sections as they are stored, without their blocks."""
    return dump([[s.anchor, s.heading, list(s.heading_path), s.level, s.start, s.end] for s in sections])


def load_sections(text: str) -> list[Section]:
    """Return the sections that were stored."""
    return [
        Section(anchor, heading, tuple(path), level, 0, (), start, end)
        for anchor, heading, path, level, start, end in json.loads(text)
    ]


def dump_chunk(chunk: Chunk) -> str:
    """Return a chunk with its spans as it is stored; a header that several rows have is stored once."""
    headers = list(dict.fromkeys(span.header for span in chunk.spans))
    return dump(
        {
            "article": chunk.article,
            "title": chunk.title,
            "anchor": chunk.anchor,
            "heading": chunk.heading,
            "heading_path": list(chunk.heading_path),
            "part": chunk.part,
            "text": chunk.text,
            "start": chunk.start,
            "end": chunk.end,
            "table_header": chunk.table_header,
            "headers": [list(header) for header in headers],
            "spans": [[s.text, headers.index(s.header), s.start, s.end, s.kind] for s in chunk.spans],
        }
    )


def load_chunk(text: str) -> Chunk:
    """Return the chunk that was stored."""
    said: dict[str, Any] = json.loads(text)
    headers = [tuple(header) for header in said.pop("headers")]
    spans = tuple(Span(text, headers[which], start, end, kind) for text, which, start, end, kind in said.pop("spans"))
    return Chunk(**{**said, "heading_path": tuple(said["heading_path"])}, spans=spans)


class StoredTexts:
    """The half of a snapshot that reads what is stored of articles."""

    def __init__(self, generation: Generation) -> None:
        self._generation = generation

    def _versions(self, slugs: Iterable[str]) -> dict[str, int]:
        """Return slug → version of those of the articles that are known."""
        keys = {key_of(slug): slug for slug in slugs}
        also = both(self._generation.seen, f"kind == {int(Text.FRONT)} and piece == 0")
        rows = self._generation.rows("texts", "slug", keys, ["slug", "version"], also)
        return {keys[int(row["slug"])]: int(row["version"]) for row in rows}

    def articles(self, filters: Filters = _ALL) -> list[StoredArticle]:
        """Return all articles that the filters let pass, the newest first."""
        if not filters and self._generation.fronts is not None:
            return list(self._generation.fronts)
        found = [load_front(text) for _, _, text in self._generation.all_texts(Text.FRONT, passing(filters))]
        articles = sorted(found, key=lambda article: article.slug)
        articles.sort(key=lambda article: article.date, reverse=True)
        if not filters and self._generation.keeps_fronts:
            self._generation.fronts = articles
        return list(articles)

    def known_articles(self) -> dict[str, tuple[str, str]]:
        """Return slug → (sha256, path) of what is indexed."""
        return {article.slug: (article.sha256, article.path) for article in self.articles()}

    def article(self, slug: str) -> tuple[StoredArticle, str, list[Section]] | None:
        """Return an article, its file's text as indexed, and its sections without their blocks; None if unknown."""
        version = self._versions([slug]).get(slug)
        if version is None:
            return None
        front, sections, source = (
            self._generation.texts([version], kind)[version] for kind in (Text.FRONT, Text.SECTIONS, Text.SOURCE)
        )
        return load_front(front), source, load_sections(sections)

    def source(self, slug: str, start: int, end: int) -> str:
        """Return what stands between two offsets of an article's file as indexed."""
        version = self._versions([slug]).get(slug)
        if version is None or end <= start:
            return ""
        first = start // PIECE
        ids = [text_id(version, Text.SOURCE, piece) for piece in range(first, end // PIECE + 1)]
        text = joined(self._generation.get("texts", ids, ["owner", "piece", "body"])).get(version, "")
        return text[start - first * PIECE : end - first * PIECE]

    def headings(self, slugs: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
        """Return slug → (anchor, heading) of the sections of these articles, in the order of the text."""
        found: dict[str, list[tuple[str, str]]] = {slug: [] for slug in slugs}
        versions = self._versions(found)
        texts = self._generation.texts(versions.values(), Text.SECTIONS)
        for slug, version in versions.items():
            sections = load_sections(texts[version])
            found[slug] = [(section.anchor, section.heading) for section in sections if section.level > 0]
        return found

    def _chunks_where(self, field: str, keys: Collection[int]) -> list[Chunk]:
        rows = self._generation.rows("chunks", field, keys, [], self._generation.seen)
        return [chunk for _, chunk in sorted(self._load({int(row["id"]) for row in rows}).items())]

    def _load(self, numbers: Collection[int]) -> dict[int, Chunk]:
        texts = self._generation.texts(numbers, Text.CHUNK)
        return {number: load_chunk(text) for number, text in texts.items()}

    def chunks(self, rows: Sequence[int] | np.ndarray) -> list[tuple[Chunk, StoredArticle]]:
        """Return the chunks of these rows, in this order, each with its article."""
        wanted = [int(row) for row in rows]
        chunks = self._load(set(wanted))
        versions = {int(row["id"]): int(row["version"]) for row in self._generation.get("chunks", wanted, ["version"])}
        fronts = self._generation.texts(set(versions.values()), Text.FRONT)
        articles = {version: load_front(text) for version, text in fronts.items()}
        return [(chunks[row], articles[versions[row]]) for row in wanted]

    def anchors(self, slugs: Iterable[str]) -> dict[str, set[str]]:
        """Return slug → anchors under which the article has chunks, for those of the articles that have any."""
        found: dict[str, set[str]] = {}
        for chunk in self._chunks_where("slug", {key_of(slug) for slug in slugs}):
            found.setdefault(chunk.article, set()).add(chunk.anchor)
        return found

    def section_spans(self, slug: str, anchor: str) -> list[Span]:
        """Return the spans of a whole section, all its chunks', in the order of the text."""
        chunks = sorted(self._chunks_where("section", [key_of(slug, anchor)]), key=lambda chunk: chunk.part)
        return [span for chunk in chunks for span in chunk.spans]

    def visible(self, slug: str) -> VisibleArticle | None:
        """Return what a reader sees of an article as indexed; None if it is unknown."""
        kept = self._generation.articles_seen.get(slug)
        if kept is not None:
            return kept
        found = self.article(slug)
        return None if found is None else self._generation.articles_seen.keep(see(*found))

    def holding(self, bares: Collection[str]) -> Iterator[VisibleArticle]:
        """Yield each article that holds one of these texts, white space and borders aside: see verbatim.bare."""
        # By id, so an article's chunks follow each other.
        for _, found in groupby(self._generation.all_texts(Text.CHUNK), itemgetter(1)):
            chunks = [load_chunk(text) for _, _, text in found]
            whole = bare("".join([chunk.text for chunk in chunks]))
            if any(text in whole for text in bares) and (article := self.visible(chunks[0].article)):
                yield article


def known_fronts(generation: Generation) -> dict[str, tuple[int, StoredArticle]]:
    """Return slug → (version, front matter) of all articles of a generation."""
    fronts = ((version, load_front(text)) for version, _, text in generation.all_texts(Text.FRONT))
    return {front.slug: (version, front) for version, front in fronts}
