"""The collections that one full build began and later builds add to, as a writer uses them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from briefqa.errors import StoreError
from briefqa.store.milvus.engine import MOST_ROWS, Engine, Row, in_batches
from briefqa.store.milvus.layout import (
    KINDS,
    NO_VECTOR,
    collection,
    dump,
    fields_of,
    has_hash,
    indexes_of,
    one_of,
)
from briefqa.store.milvus.rows import Counts

_WITH_VECTORS = ("chunks", "spans")
# Numbers, and hashes of 64 characters, in one expression.
_NUMBERS_AT_A_TIME = 1_000
_HASHES_AT_A_TIME = 200


class Base:
    """The collections of an index that belong together.

    name: "" until they are made. dim: of the vectors; 0 until there are some.
    """

    def __init__(self, engine: Engine, name: str, dim: int) -> None:
        self._engine = engine
        self.name = name
        self.dim = dim

    def collection(self, kind: str) -> str:
        """Return the name of a collection."""
        return collection(self._engine.address.name, kind, self.name)

    def collections(self) -> list[str]:
        """Return the names of those that are there."""
        kinds = [kind for kind in KINDS if self.name and (self.dim or kind not in _WITH_VECTORS)]
        return [self.collection(kind) for kind in kinds]

    def make(self, dim: int) -> None:
        """Make the collections that are not there yet. dim: of vectors; 0 where there are none yet."""
        before = set(self.collections())
        self.name = self.name or secrets.token_hex(6)
        self.dim = self.dim or dim
        for kind in KINDS:
            name = self.collection(kind)
            if name in self.collections() and name not in before:
                self._engine.create(name, fields_of(kind, self.dim), indexes_of(kind, self._engine.small))

    def counts_of(self, version: int) -> Counts:
        """Return what an article has added to the counts."""
        counts = Counts(articles=1)
        if self.dim:
            fields = ["spans", "length", "script", "terms"]
            for page in self._engine.pages(self.collection("chunks"), one_of("version", [version]), fields):
                for row in page:
                    terms = [int(key) for key in row["terms"]]
                    counts.add_chunk(int(row["spans"]), int(row["length"]), str(row["script"]), terms)
        return counts

    # Vectors by the hash of what they embed

    def stored(self, hashes: Iterable[bytes]) -> set[bytes]:
        """Return those of the hashes whose vector is here."""
        return {key for key, _ in self._with_hashes(hashes, [])}

    def vectors(self, hashes: Iterable[bytes]) -> dict[bytes, np.ndarray]:
        """Return the vectors (dim,) that are here."""
        found = self._with_hashes(hashes, ["dense"])
        return {key: np.asarray(row["dense"], dtype=np.float32) for key, row in found}

    def _with_hashes(self, hashes: Iterable[bytes], fields: list[str]) -> Iterator[tuple[bytes, Row]]:
        wanted = set(hashes) if self.dim else set()
        for kind in _WITH_VECTORS:
            for batch in in_batches(sorted(wanted), _HASHES_AT_A_TIME):
                for row in self._look_up(kind, list(batch), ["hash", *fields]):
                    key = bytes.fromhex(str(row["hash"]))
                    if key in wanted:
                        wanted.discard(key)
                        yield key, row

    def _look_up(self, kind: str, hashes: list[bytes], fields: list[str]) -> list[Row]:
        """Return rows with these hashes, at least one of each that is there; a text may stand in many places."""
        limit = 1 if len(hashes) == 1 else MOST_ROWS
        found = self._engine.query(self.collection(kind), has_hash(hashes), fields, limit=limit)
        if len(found) < MOST_ROWS:
            return found
        half = len(hashes) // 2
        return [*self._look_up(kind, hashes[:half], fields), *self._look_up(kind, hashes[half:], fields)]

    # How many chunks hold a term

    def count_terms(self, changes: Mapping[int, int], generation: int, oldest: int, new: bool) -> None:
        """Write in how many chunks each term stands from a generation on.

        changes: of the counts, by terms' keys. oldest: the oldest generation that is still read; what was before it is
        forgotten. new: whether there are no counts yet.
        """
        name = self.collection("terms")
        for batch in in_batches(sorted(key for key, change in changes.items() if change), _NUMBERS_AT_A_TIME):
            before = {} if new else {int(row["id"]): row for row in self._engine.get(name, batch, ["history"])}
            rows = []
            for key in batch:
                history = json.loads(before[key]["history"]) if key in before else []
                total = (history[-1][1] if history else 0) + changes[key]
                old = [entry for entry in history if entry[0] <= oldest][-1:]
                history = [*old, *(entry for entry in history if entry[0] > oldest), [generation, total]]
                rows.append(
                    {"id": key, "born": generation, "total": total, "history": dump(history), "none": NO_VECTOR}
                )
            self._engine.upsert(name, rows)

    def remove_gone_terms(self, oldest: int) -> None:
        """Remove the counts of terms that stood nowhere any more in the oldest generation that is still read."""
        if self.name:
            self._engine.delete(self.collection("terms"), f"total == 0 and born <= {oldest}")

    # What goes

    def remove(self, versions: Sequence[int]) -> None:
        """Remove the rows of versions of articles."""
        for name in self.collections():
            if name != self.collection("terms"):
                for batch in in_batches(versions, _NUMBERS_AT_A_TIME):
                    self._engine.delete(name, one_of("version", batch))

    def remove_unborn(self, generation: int) -> None:
        """Remove what a build wrote that was not committed after this generation."""
        unborn = f"born > {generation}"
        for name in self.collections():
            if name == self.collection("terms"):
                for page in self._engine.pages(name, unborn, ["history"]):
                    self._restore_counts(name, page, generation)
            elif self._engine.query(name, unborn, ["id"], limit=1):
                self._engine.delete(name, unborn)
                if self._engine.query(name, unborn, ["id"], limit=1):
                    raise StoreError(f"{self._engine.address.shown} keeps what a killed build wrote: build again later")

    def _restore_counts(self, name: str, rows: Iterable[Row], generation: int) -> None:
        """Write counts as they were in a generation."""
        for row in rows:
            history = [entry for entry in json.loads(row["history"]) if entry[0] <= generation]
            if history:
                born, total = history[-1]
                restored = {"id": row["id"], "born": born, "total": total, "history": dump(history), "none": NO_VECTOR}
                self._engine.upsert(name, [restored])
            else:
                self._engine.delete(name, one_of("id", [int(row["id"])]))
