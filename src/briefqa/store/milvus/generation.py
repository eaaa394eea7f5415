"""One generation in Milvus: its manifest, how its rows are read, and what is remembered of it between questions."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from briefqa.store.milvus.engine import Engine, Row, in_batches
from briefqa.store.milvus.layout import Text, both, collection, joined, key_of, one_of, text_id, visible
from briefqa.store.milvus.manifest import Manifest, versions
from briefqa.store.schema import StoredArticle
from briefqa.verbatim import KeptArticles

# Seconds for which a generation is read with the strongest consistency: longer than a replica may lag behind by the
# weaker one, which does not wait for the cluster's clock.
_FRESH = 15.0
# Counts that are remembered, some 200 bytes each.
_MOST_COUNTS = 50_000
# Articles whose front matter is remembered, some 1 KB each; of more it is asked for each time.
_MOST_FRONTS = 20_000
_BODY = ["owner", "piece", "pieces", "body"]
# Numbers in one expression.
_NUMBERS_AT_A_TIME = 1_000


class Generation:
    """A generation as all of its questions read it; safe to share between threads. source: its manifest's place."""

    def __init__(self, engine: Engine, manifest: Manifest, source: str) -> None:
        self.engine = engine
        self.manifest = manifest
        self.source = source
        self.geometry = manifest.geometry()
        self.seen = visible(manifest.generation, versions(manifest.dead))
        self.articles_seen = KeptArticles()
        self.fronts: list[StoredArticle] | None = None
        self._since = time.monotonic()
        self._counts: OrderedDict[Any, int] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def keeps_fronts(self) -> bool:
        """Whether the front matter of all articles may be remembered."""
        return self.manifest.articles <= _MOST_FRONTS

    @property
    def strong(self) -> bool:
        """Whether all that was written before a request must be seen by it: rows of a young generation."""
        return time.monotonic() - self._since < _FRESH

    def has(self, kind: str) -> bool:
        """Say whether there is a collection of this kind: none of chunks where no article has text."""
        return bool(self.manifest.base) and (kind in ("texts", "terms") or bool(self.manifest.dim))

    def name(self, kind: str) -> str:
        """Return the name of a collection."""
        return collection(self.engine.address.name, kind, self.manifest.base)

    def query(self, kind: str, expression: str, fields: Sequence[str], limit: int | None = None) -> list[Row]:
        """Return rows that an expression is true of."""
        if not self.has(kind):
            return []
        more = {} if limit is None else {"limit": limit}
        return self.engine.query(self.name(kind), expression, fields, strong=self.strong, **more)

    def pages(self, kind: str, expression: str, fields: Sequence[str]) -> Iterator[list[Row]]:
        """Yield all rows that an expression is true of, by id, a page at a time."""
        if self.has(kind):
            yield from self.engine.pages(self.name(kind), expression, fields, strong=self.strong)

    def rows(
        self, kind: str, field: str, numbers: Iterable[int], fields: Sequence[str], also: str = ""
    ) -> Iterator[Row]:
        """Yield the rows in which a field is one of some numbers."""
        for batch in in_batches(sorted(map(int, numbers)), _NUMBERS_AT_A_TIME):
            for page in self.pages(kind, both(one_of(field, batch), also), fields):
                yield from page

    def get(self, kind: str, ids: Iterable[int], fields: Sequence[str]) -> list[Row]:
        """Return the rows with these ids that are there."""
        return self.engine.get(self.name(kind), ids, fields, strong=self.strong) if self.has(kind) else []

    def texts(self, owners: Iterable[int], kind: Text) -> dict[int, str]:
        """Return owner → text of those that have one of this kind."""
        rows = self.get("texts", (text_id(owner, kind) for owner in owners), _BODY)
        return joined([*rows, *self._more_of(rows, kind)])

    def _more_of(self, rows: Iterable[Row], kind: Text) -> list[Row]:
        """Return the other pieces of texts whose first ones these are."""
        ids = [text_id(int(row["owner"]), kind, piece) for row in rows for piece in range(1, int(row["pieces"]))]
        return self.get("texts", ids, _BODY) if ids else []

    def all_texts(self, kind: Text, also: str = "") -> Iterator[tuple[int, int, str]]:
        """Yield (owner, version, text) of all texts of a kind that this generation sees, by owner."""
        expression = both(self.seen, f"kind == {int(kind)} and piece == 0", also)
        for page in self.pages("texts", expression, [*_BODY, "version"]):
            texts = joined([*page, *self._more_of(page, kind)])
            for row in page:
                yield int(row["owner"]), int(row["version"]), texts[int(row["owner"])]

    def search(
        self, kind: str, field: str, vector: Any, limit: int, expression: str, fields: Sequence[str] = ()
    ) -> list[tuple[int, float, Row]]:
        """Return (id, inner product, fields) of the rows with the highest products, best first."""
        if not self.has(kind) or limit < 1:
            return []
        return self.engine.search(self.name(kind), field, vector, limit, expression, fields, strong=self.strong)

    def products(self, kind: str, query: np.ndarray, ids: np.ndarray, expression: str) -> np.ndarray:
        """Return the inner products (len(ids),) of rows with query (dim,). expression: which rows these are.

        An index that is not exact may not come back with all of them; those are then read.
        """
        ordered = np.sort(ids)
        values = np.full(len(ids), np.nan, dtype=np.float32)
        for number, product, _ in self.search(kind, "dense", query.tolist(), len(ids), expression):
            place = int(np.searchsorted(ordered, number))
            if place < len(ordered) and ordered[place] == number:
                values[place] = product
        missing = np.isnan(values)
        if missing.any():
            for row in self.get(kind, ordered[missing].tolist(), ["dense"]):
                place = int(np.searchsorted(ordered, int(row["id"])))
                values[place] = float(np.asarray(row["dense"], dtype=np.float32) @ query)
            if np.isnan(values).any():
                raise LookupError(f"{int(np.isnan(values).sum())} vectors of {kind} are not there")
        return np.asarray(values[np.searchsorted(ordered, ids)])

    def vector(self, kind: str, number: int) -> np.ndarray:
        """Return the vector (dim,) of a row."""
        (row,) = self.get(kind, [number], ["dense"])
        return np.asarray(row["dense"], dtype=np.float32)

    def find_missing(self) -> str:
        """Return what is not there of what the manifest says, in words; "" if all is."""
        expected = [("chunks", "", self.manifest.chunks), ("spans", "", self.manifest.spans)]
        for kind, count in (
            (Text.FRONT, self.manifest.articles),
            (Text.CHUNK, self.manifest.chunks),
            (Text.PLACES, self.manifest.chunks),
        ):
            expected.append(("texts", f"kind == {int(kind)} and piece == 0", count))
        for name, also, count in expected:
            there = self.engine.count(self.name(name), both(self.seen, also)) if self.has(name) else 0
            if there != count:
                return f"{there} {name} of {count} are there"
        return ""

    def remembered(self, what: Any, count: Callable[[], int]) -> int:
        """Return a count that never changes within a generation, counted when it is first asked for."""
        with self._lock:
            if what in self._counts:
                self._counts.move_to_end(what)
                return self._counts[what]
        counted = count()
        self._remember(what, counted)
        return counted

    def _remember(self, what: Any, counted: int) -> None:
        with self._lock:
            self._counts[what] = counted
            while len(self._counts) > _MOST_COUNTS:
                self._counts.popitem(last=False)

    def count_holding(self, terms: Iterable[str]) -> dict[str, int]:
        """Return in how many chunks each of the terms stands that stand in any."""
        keys = {term: key_of(term) for term in terms}
        with self._lock:
            unknown = sorted(key for key in set(keys.values()) if key not in self._counts)
        for batch in in_batches(unknown, _NUMBERS_AT_A_TIME):
            totals = dict.fromkeys(batch, 0)
            for row in self.get("terms", batch, ["history"]):
                born = [total for since, total in json.loads(row["history"]) if since <= self.manifest.generation]
                totals[int(row["id"])] = born[-1] if born else 0
            for key, total in totals.items():
                self._remember(key, total)
        with self._lock:
            found = {term: self._counts.get(key, 0) for term, key in keys.items()}
        return {term: count for term, count in found.items() if count}
