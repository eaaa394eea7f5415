"""One build in Milvus: rows are written beside those that are read, and one step shows them all.

| a build that ends here                | then                                                                   |
|---------------------------------------|------------------------------------------------------------------------|
| while it writes rows                  | they were born in a generation that is none: the next build removes them |
| before the alias is moved             | so is its manifest, a collection that nobody knows                     |
| after it                              | it is done; what it replaced goes with a later build                   |
| where Milvus cannot be reached        | the same, when it can be reached again                                 |

What dies with a build stays for a while (`_KEPT`), for questions that began before it.
"""

from __future__ import annotations

import logging
import secrets
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType

import numpy as np

from briefqa.articles import Article, Problem
from briefqa.chunks import Chunk
from briefqa.encoders.geometry import Geometry
from briefqa.errors import StoreError
from briefqa.store.milvus.address import read_address
from briefqa.store.milvus.base import Base
from briefqa.store.milvus.engine import Engine
from briefqa.store.milvus.generation import Generation
from briefqa.store.milvus.layout import FORMAT, KINDS, is_part
from briefqa.store.milvus.lock import BuildLock
from briefqa.store.milvus.manifest import Damaged, Manifest, read_manifest, write_manifest
from briefqa.store.milvus.rows import Counts, Rows
from briefqa.store.milvus.stored import known_fronts
from briefqa.store.schema import COSINES

# Seconds for which a generation can still be read after the next one: longer than a question takes.
_KEPT = 600.0
# Of ids; there are enough for a million builds that leave such gaps.
_GAP = 2**30
# Articles whose rows are gathered before they are written.
_ARTICLES_A_WRITE = 50

_log = logging.getLogger("briefqa")


class MilvusWriter:
    """The one writer of an index in Milvus; see Writer."""

    def __init__(self, address: str, wait: float = 0.0) -> None:
        self._engine = Engine(read_address(address))
        self._name = self._engine.address.name
        try:
            self._lock = BuildLock(self._engine, wait)
        except BaseException:
            self._engine.close()
            raise
        try:
            self.waited = self._lock.waited
            self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        self._source = self._engine.target(self._name)
        try:
            self._manifest = read_manifest(self._engine, self._source) if self._source else Manifest()
        except Damaged as error:
            _log.warning("%s; this build starts over", error)
            self._manifest = Manifest()
        self._meta = dict(self._manifest.meta)
        # A gap, so that a build hardly ever writes the ids of another that was killed or locked out.
        self._next_id = self._manifest.next_id + secrets.randbelow(_GAP)
        self._base = Base(self._engine, self._manifest.base, self._manifest.dim)
        self._vectors_of: tuple[Base, ...] = (self._base,)
        self._counts = Counts()
        self._dead: list[tuple[int, float]] = []
        self._fresh: dict[bytes, np.ndarray] = {}
        self._used: set[bytes] = set()
        self._pending: dict[str, list[dict[str, object]]] = {kind: [] for kind in KINDS}
        self._put: dict[str, tuple[int, Counts]] = {}
        self._waiting_articles = 0
        self._sweep()
        self._known = known_fronts(Generation(self._engine, self._manifest, self._source))

    @property
    def meta(self) -> Mapping[str, str]:
        """What the last build said of itself."""
        return self._meta

    def __enter__(self) -> MilvusWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give up what was not committed and let the next writer in."""
        self._lock.release()
        self._engine.close()

    # What there is

    def known_articles(self) -> dict[str, tuple[str, str]]:
        """Return slug → (sha256, path) of what is indexed."""
        return {slug: (front.sha256, front.path) for slug, (_, front) in self._known.items()}

    def known_problems(self) -> list[Problem]:
        """Return the problems of the last build."""
        return [Problem(*row) for row in self._manifest.problems]

    def count_chunks(self) -> int:
        """Return how many chunks the index holds now."""
        return self._manifest.chunks + self._counts.chunks

    def has_vectors(self) -> bool:
        """Say whether the index holds any vector, with which new ones must agree."""
        return bool(self._fresh) or any(base.dim for base in self._vectors_of)

    def missing(self, hashes: Iterable[bytes]) -> set[bytes]:
        """Return those of the hashes whose vector is not stored."""
        self._flush()
        wanted = set(hashes) - self._fresh.keys()
        for base in self._vectors_of:
            wanted -= base.stored(wanted)
        return wanted

    # What is built

    def add_vectors(self, hashes: Sequence[bytes], vectors: np.ndarray) -> None:
        """Take vectors (n, dim) of the texts with these hashes, for the articles that are put next."""
        self._flush()
        for key in self._used:
            self._fresh.pop(key, None)
        self._used.clear()
        # As exact as in the embedded store, and so that what is read back is what was written.
        rounded = vectors.astype(np.float16).astype(np.float32)
        self._fresh.update(zip(hashes, rounded, strict=True))

    def put_article(
        self,
        article: Article,
        chunks: Sequence[Chunk],
        chunk_hashes: Sequence[bytes],
        span_hashes: Sequence[bytes],
        places: Sequence[Mapping[str, Sequence[int]]],
    ) -> None:
        """Store an article in place of what was stored under its slug; all of its vectors must be known already."""
        self.remove_article(article.slug)
        vectors = self._find_vectors({*chunk_hashes, *span_hashes})
        self._base.make(len(next(iter(vectors.values()))) if vectors else 0)
        rows = Rows(article, self._manifest.generation + 1, self._next_id)
        counts = Counts(articles=1)
        self._pending["texts"] += rows.texts()
        first = 0
        for chunk, key, where in zip(chunks, chunk_hashes, places, strict=True):
            span_keys = span_hashes[first : first + len(chunk.spans)]
            first += len(chunk.spans)
            row, spans, texts = rows.chunk(chunk, key, span_keys, where, vectors, counts)
            self._pending["chunks"].append(row)
            self._pending["spans"] += spans
            self._pending["texts"] += texts
        self._next_id = rows.next_id
        self._used.update(vectors.keys() & self._fresh.keys())
        self._add(counts, 1)
        self._put[article.slug] = rows.version, counts
        self._waiting_articles += 1
        if self._waiting_articles >= _ARTICLES_A_WRITE:
            self._flush()

    def _find_vectors(self, hashes: set[bytes]) -> dict[bytes, np.ndarray]:
        found = {key: self._fresh[key] for key in hashes & self._fresh.keys()}
        if hashes - found.keys():
            self._flush()
        for base in self._vectors_of:
            found |= base.vectors(hashes - found.keys())
        if hashes - found.keys():
            raise StoreError(f"{len(hashes - found.keys())} vectors are not where they were: build again with --full")
        return found

    def _add(self, counts: Counts, sign: int) -> None:
        mine = self._counts
        mine.articles += sign * counts.articles
        mine.chunks += sign * counts.chunks
        mine.spans += sign * counts.spans
        mine.length += sign * counts.length
        for total, change in ((mine.scripts, counts.scripts), (mine.terms, counts.terms)):
            for key, count in change.items():
                total[key] += sign * count  # type: ignore[index]  # both are counters, of texts and of numbers

    def remove_article(self, slug: str) -> None:
        """Remove an article, if it is there."""
        if slug in self._put:
            version, counts = self._put.pop(slug)
            self._flush()
            self._base.remove([version])
            self._add(counts, -1)
        if slug in self._known:
            version, _ = self._known.pop(slug)
            self._add(self._base.counts_of(version), -1)
            self._dead.append((version, time.time()))

    def forget_articles(self) -> None:
        """Remove all articles and keep the vectors: what is put again before the commit need not be embedded again."""
        self._start_over()
        self._vectors_of = (self._base, *self._vectors_of)

    def clear(self) -> None:
        """Remove everything: the next commit holds what is put from now on."""
        self._start_over()
        self._fresh.clear()
        self._vectors_of = (self._base,)
        self._manifest = replace(self._manifest, directions=())
        for name in COSINES:
            self._meta.pop(name, None)

    def _start_over(self) -> None:
        self._flush()
        self._retire(self._base.collections())
        self._base = Base(self._engine, "", 0)
        self._known, self._put = {}, {}
        self._counts, self._dead = Counts(), []
        self._manifest = replace(
            self._manifest, base="", dim=0, articles=0, chunks=0, spans=0, length=0, scripts={}, dead=(), problems=()
        )

    def _retire(self, collections: Iterable[str]) -> None:
        now = time.time()
        retired = (*self._manifest.retired, *((name, now) for name in collections))
        self._manifest = replace(self._manifest, retired=retired)

    def has_geometry(self) -> bool:
        """Say whether it is stored what was measured of the encoder."""
        return self._meta.keys() >= COSINES

    def put_geometry(self, geometry: Geometry) -> None:
        """Store what was measured of the encoder."""
        self._manifest = self._manifest.with_geometry(geometry)
        self._meta.update({name: self._manifest.meta[name] for name in COSINES})

    def _flush(self) -> None:
        """Write the rows that were gathered."""
        for kind, rows in self._pending.items():
            if rows:
                self._engine.insert(self._base.collection(kind), rows)
                rows.clear()
        self._waiting_articles = 0

    # How it ends

    def commit(
        self, *, corpus: Path, encoder: str, fingerprint: str, chunking: str, terms: str, problems: Sequence[Problem]
    ) -> int:
        """Make this build the new generation, and return its number."""
        self._flush()
        before, number = self._manifest, self._manifest.generation + 1
        if self._base.name:
            oldest = min([generation for generation, _ in before.seen], default=before.generation)
            self._base.count_terms(self._counts.terms, number, oldest, new=self._base.name != before.base)
        meta = {
            "format": str(FORMAT),
            "index_id": self._meta.get("index_id") or uuid.uuid4().hex,
            "generation": str(number),
            "build_id": uuid.uuid4().hex,
            "built_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "corpus": str(corpus.absolute()),
            "encoder": encoder,
            "fingerprint": fingerprint,
            "chunking": chunking,
            "terms": terms,
            **{name: self._meta[name] for name in ("calibration", "calibrated_for") if name in self._meta},
            **{name: self._meta.get(name, "0") for name in COSINES},
        }
        scripts = Counter(before.scripts)
        scripts.update(self._counts.scripts)
        manifest = replace(
            before,
            generation=number,
            meta=meta,
            base=self._base.name,
            dim=self._base.dim,
            next_id=self._next_id,
            articles=before.articles + self._counts.articles,
            chunks=before.chunks + self._counts.chunks,
            spans=before.spans + self._counts.spans,
            length=before.length + self._counts.length,
            scripts={script: count for script, count in scripts.items() if count > 0},
            dead=(*before.dead, *self._dead),
            seen=(*before.seen, (number, time.time())),
        )
        self._show(manifest, problems)
        return number

    def commit_problems(self, problems: Sequence[Problem]) -> None:
        """End a build that changed no article: the generation stays, only its problems are noted."""
        self._show(replace(self._manifest, meta=self._meta), problems)

    def commit_calibration(self, calibration: str) -> None:
        """Keep a calibration, as JSON, for this encoder; the generation stays."""
        self._meta |= {"calibration": calibration, "calibrated_for": self._meta.get("fingerprint", "")}
        self._show(replace(self._manifest, meta=self._meta), self.known_problems())

    def _show(self, manifest: Manifest, problems: Sequence[Problem]) -> None:
        """Write a manifest and move the alias to it."""
        if self._source:
            manifest = replace(manifest, retired=(*manifest.retired, (self._source, time.time())))
        told = tuple((problem.path, problem.line, problem.message) for problem in problems)
        manifest = replace(manifest, problems=told)
        if self._base.name:
            self._engine.settle(self._base.collections())
        name = write_manifest(self._engine, manifest, secrets.token_hex(4))
        self._lock.check()
        self._engine.point(self._name, name, new=not self._source)
        self._source, self._manifest, self._meta = name, manifest, dict(manifest.meta)
        self._counts, self._dead, self._put = Counts(), [], {}

    def remove_leftovers(self) -> None:
        """Remove what earlier builds left, if they were killed before they did; `_begin` has."""

    def _sweep(self) -> None:
        """Remove what no question can need any more, and what killed builds left; the next commit says so."""
        manifest, limit = self._manifest, time.time() - _KEPT
        if self._base.name:
            self._base.remove_unborn(manifest.generation)
            self._base.remove([version for version, when in manifest.dead if when < limit])
        needed = {self._source, *self._base.collections(), *(name for name, when in manifest.retired if when >= limit)}
        for found in self._engine.collections():
            if is_part(self._name, found) and found not in needed:
                self._engine.drop(found)
        self._lock.sweep()
        # A generation may be read until some time after the next one came.
        nexts = [when for _, when in manifest.seen[1:]]
        seen = tuple(one for one, when in zip(manifest.seen, nexts, strict=False) if when >= limit) + manifest.seen[-1:]
        if seen:
            self._base.remove_gone_terms(min(generation for generation, _ in seen))
        self._manifest = replace(
            manifest,
            dead=tuple(one for one in manifest.dead if one[1] >= limit),
            retired=tuple(one for one in manifest.retired if one[1] >= limit),
            seen=seen,
        )
