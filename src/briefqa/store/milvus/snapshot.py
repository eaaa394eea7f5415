"""One generation in Milvus, as a question sees it: the searches, and what is known of candidates.

A row is the id of a chunk; its spans have the ids that follow. What is asked for by the ids of candidates is asked for
once a question.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from briefqa.encoders.geometry import Geometry
from briefqa.lexicon import Concept
from briefqa.store.contract import Facts
from briefqa.store.milvus.engine import MOST_ROWS, in_batches
from briefqa.store.milvus.generation import Generation
from briefqa.store.milvus.layout import Text, both, key_of, one_of, passing, standing
from briefqa.store.milvus.lexical import MilvusMatch
from briefqa.store.milvus.stored import StoredTexts
from briefqa.store.postings import Posting
from briefqa.store.schema import Filters, IndexInfo


@dataclass(frozen=True, slots=True)
class _Card:
    """What is known of a candidate. places: where each of its terms stands."""

    date: int
    script: str
    spans: int
    length: int
    places: Mapping[str, Sequence[int]]


class MilvusSnapshot(StoredTexts):
    """One generation of the index, seen by one question; see Snapshot."""

    def __init__(self, generation: Generation) -> None:
        super().__init__(generation)
        self._manifest = generation.manifest
        self._cards: dict[int, _Card] = {}
        self._passing: dict[Filters, bool] = {}

    @property
    def identity(self) -> tuple[str, ...]:
        """What tells this build from all others."""
        return self._manifest.identity

    @property
    def generation(self) -> int:
        """The number of the build that made what is seen."""
        return self._manifest.generation

    @property
    def encoder(self) -> str:
        """The name of the encoder that the index was built with."""
        return self._manifest.meta["encoder"]

    @property
    def fingerprint(self) -> str:
        """What that encoder said of itself."""
        return self._manifest.meta["fingerprint"]

    @property
    def geometry(self) -> Geometry:
        """What was measured of that encoder."""
        return self._generation.geometry

    @property
    def n_chunks(self) -> int:
        """How many chunks there are."""
        return self._manifest.chunks

    @property
    def mean_length(self) -> float:
        """The mean length of all chunks, in terms."""
        return self._manifest.length / max(self._manifest.chunks, 1)

    def info(self) -> IndexInfo:
        """Return what is known of the index as a whole."""
        return self._manifest.info()

    def calibration(self) -> str:
        """Return the calibration that was made for this index, as JSON; "" if none was, or for another encoder."""
        meta = self._manifest.meta
        return meta.get("calibration", "") if meta.get("calibrated_for") == meta["fingerprint"] else ""

    def problems(self) -> list[tuple[str, int, str]]:
        """Return (path, line, message) of what the last build could not read, or read with a loss."""
        return sorted(self._manifest.problems, key=lambda problem: problem[:2])

    def script_counts(self) -> Mapping[str, int]:
        """Return how many chunks are written in each script."""
        return self._manifest.scripts

    # Filters

    def any_chunk(self, expression: str) -> bool:
        """Say whether an expression is true of any chunk."""
        return bool(self._generation.query("chunks", both(self._generation.seen, expression), ["id"], limit=1))

    def has_chunks(self, filters: Filters) -> bool:
        """Say whether the filters let any chunk pass."""
        if not filters:
            return self.n_chunks > 0
        if filters not in self._passing:
            self._passing[filters] = self.any_chunk(passing(filters))
        return self._passing[filters]

    def some_dates(self, filters: Filters, since: str, until: str) -> np.ndarray:
        """Return the date of one chunk before, one within and one after these days, where there are any."""
        first = int(since.replace("-", "") or 0)
        last = int(until.replace("-", "") or 99_991_231)
        found = []
        for days in (f"date > 0 and date < {first}", f"date >= {max(first, 1)} and date <= {last}", f"date > {last}"):
            expression = both(self._generation.seen, passing(filters), days)
            found += self._generation.query("chunks", expression, ["date"], limit=1)
        return np.array([int(row["date"]) for row in found], dtype=np.int64)

    # Searches

    def nearest_chunks(self, query: np.ndarray, k: int, filters: Filters) -> np.ndarray:
        """Return the rows of the k chunks nearest to query (dim,), best first."""
        expression = both(self._generation.seen, passing(filters))
        found = self._generation.search("chunks", "dense", query.tolist(), k, expression)
        return np.array([number for number, _, _ in found], dtype=np.int64)

    def nearest_spans(self, query: np.ndarray, k: int, filters: Filters) -> np.ndarray:
        """Return the rows of the chunks of the k spans nearest to query (dim,), best first, repeated as they are."""
        expression = both(self._generation.seen, passing(filters))
        found = self._generation.search("spans", "dense", query.tolist(), k, expression, ["chunk"])
        return np.array([int(fields["chunk"]) for _, _, fields in found], dtype=np.int64)

    def nearest_sparse(self, query: Mapping[int, float], k: int, filters: Filters) -> np.ndarray:
        """Return the rows of the k chunks whose sparse vectors have the highest products with this one, best first."""
        expression = both(self._generation.seen, passing(filters))
        found = self._generation.search("chunks", "sparse", dict(query), k, expression)
        return np.array([number for number, _, _ in found], dtype=np.int64)

    def match(self, concepts: Sequence[Concept], filters: Filters) -> MilvusMatch:
        """Search for the concepts of a question."""
        return MilvusMatch(concepts, self, filters)

    def count_holding(self, terms: Iterable[str]) -> dict[str, int]:
        """Return in how many chunks each of the terms stands that stand in any."""
        return self._generation.count_holding(terms)

    def known_terms(self, terms: Iterable[str]) -> set[str]:
        """Return those of the terms that stand in the corpus."""
        return set(self._generation.count_holding(terms))

    def count_standing(self, options: Sequence[Sequence[int]]) -> int:
        """Return in how many chunks any of the options stands: the keys of terms, all of them."""
        generation = self._generation
        expression = standing(options)
        return generation.remembered(
            expression,
            lambda: generation.engine.count(
                generation.name("chunks"), both(generation.seen, expression), strong=generation.strong
            ),
        )

    # Candidates

    def facts(self, rows: np.ndarray) -> Facts:
        """Return what is known of these chunks."""
        cards = self._look(rows)
        return Facts(
            np.array([card.date for card in cards], dtype=np.int64),
            np.array([card.script for card in cards], dtype=np.str_),
            np.array([card.spans for card in cards], dtype=np.int64),
        )

    def lengths_of(self, rows: np.ndarray) -> np.ndarray:
        """Return the lengths (len(rows),) of these chunks, in terms."""
        return np.array([card.length for card in self._look(rows)], dtype=np.float32)

    def postings_in(self, rows: np.ndarray, terms: Iterable[str]) -> dict[str, Posting]:
        """Return where those of the terms stand that are in these chunks, ascending, and only there."""
        cards = self._look(rows)
        found = {}
        for term in terms:
            here = [
                (row, card.places[term]) for row, card in zip(rows.tolist(), cards, strict=True) if term in card.places
            ]
            if here:
                repeated = np.repeat(
                    np.array([row for row, _ in here], dtype=np.int64), [len(places) for _, places in here]
                )
                places = np.array([place for _, places in here for place in places], dtype=np.int64)
                found[term] = Posting(repeated, places)
        return found

    def _look(self, rows: np.ndarray) -> list[_Card]:
        """Return the cards of these rows."""
        wanted = [int(row) for row in rows]
        missing = sorted(set(wanted) - self._cards.keys())
        if missing:
            places = self._generation.texts(missing, Text.PLACES)
            for row in self._generation.get("chunks", missing, ["date", "script", "spans", "length"]):
                number = int(row["id"])
                self._cards[number] = _Card(
                    int(row["date"]),
                    str(row["script"]),
                    int(row["spans"]),
                    int(row["length"]),
                    json.loads(places[number]),
                )
        return [self._cards[row] for row in wanted]

    def chunk_vector(self, row: int) -> np.ndarray:
        """Return the vector (dim,) of a chunk."""
        return self._generation.vector("chunks", int(row))

    def span_vector(self, row: int, place: int) -> np.ndarray:
        """Return the vector (dim,) of a chunk's span, counted from 0."""
        return self._generation.vector("spans", int(row) + 1 + place)

    def chunk_cosines(self, query: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the cosines (len(rows),) of these chunks with query (dim,)."""
        return self._generation.products("chunks", query, np.asarray(rows), one_of("id", set(rows.tolist())))

    def span_cosines(self, query: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the cosines of these chunks' spans with query (dim,), one chunk's after the other's."""
        counts = {int(row): card.spans for row, card in zip(rows, self._look(rows), strict=True)}
        products: list[np.ndarray] = []
        batch: list[int] = []
        for row in [*counts, None]:
            if batch and (row is None or sum(counts[one] for one in batch) + counts[row] > MOST_ROWS):
                ids = np.concatenate([np.arange(one + 1, one + 1 + counts[one]) for one in batch]).astype(np.int64)
                products.append(self._generation.products("spans", query, ids, one_of("chunk", batch)))
                batch = []
            if row is not None:
                batch.append(row)
        return np.concatenate(products) if products else np.empty(0, dtype=np.float32)

    def rows_of(self, sections: Iterable[tuple[str, str]]) -> np.ndarray:
        """Return the rows of these sections' chunks, each named by its article and anchor; none for unknown ones."""
        found: list[int] = []
        for keys in in_batches(sorted({key_of(slug, anchor) for slug, anchor in sections}), 500):
            found += [row["id"] for row in self._generation.rows("chunks", "section", keys, [], self._generation.seen)]
        return np.array(sorted(map(int, found)), dtype=np.int64)
