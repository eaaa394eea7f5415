"""From one build to the next in memory: what was kept stays, and only what is new is read from the database.

A chunk is never changed in place: an article that is put again gets chunks of new ids, all higher than those that were
given out before. So the ids say what is left of the last build and what has come.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import numpy as np

from briefqa.store.vectors import Vectors, codes_of, index_of

# Of the chunks of the next build, the share that may be new; reading more one by one is no faster than reading all.
_MOST_NEW = 0.25


@dataclass(frozen=True, slots=True)
class Step:
    """What became of the chunks of a build in the next one. kept: (n_before,) bool. first_new: the lowest new id."""

    kept: np.ndarray
    first_new: int


def find_step(connection: sqlite3.Connection, before: np.ndarray) -> Step | None:
    """Compare the chunks that are there now with those of the build before; None where it pays to read all anew.

    before: (n,) ids, ascending.
    """
    now = np.array([chunk_id for (chunk_id,) in connection.execute("SELECT id FROM chunk")], dtype=np.int64)
    kept = np.isin(before, now)
    first_new = int(before.max(initial=0)) + 1
    n_new = int((now >= first_new).sum())
    if n_new > _MOST_NEW * len(now) or kept.sum() + n_new != len(now):
        return None
    return Step(kept, first_new)


def follow_vectors(vectors: Vectors, step: Step, connection: sqlite3.Connection, generation: int) -> Vectors:
    """Return the vectors of the next build."""
    new_ids, chunk_rows = _read(
        connection,
        "SELECT chunk.id, data FROM chunk JOIN vector ON vector.id = vector_id WHERE chunk.id >= ? ORDER BY chunk.id",
        step.first_new,
    )
    span_owners, span_rows = _read(
        connection,
        "SELECT chunk_id, data FROM span JOIN vector ON vector.id = vector_id WHERE chunk_id >= ?"
        " ORDER BY chunk_id, ordinal",
        step.first_new,
    )
    counts = np.diff(vectors.span_starts)
    new_counts = np.bincount(np.searchsorted(new_ids, span_owners), minlength=len(new_ids))
    starts = np.concatenate([[0], np.cumsum(np.concatenate([counts[step.kept], new_counts]))])
    return Vectors(
        generation,
        np.concatenate([vectors.chunk_ids[step.kept], new_ids]),
        starts.astype(np.int64),
        index_of(codes_of(vectors.chunks)[step.kept], chunk_rows),
        index_of(codes_of(vectors.spans)[np.repeat(step.kept, counts)], span_rows),
    )


def _read(connection: sqlite3.Connection, query: str, first: int) -> tuple[np.ndarray, list[bytes]]:
    rows = connection.execute(query, (first,)).fetchall()
    return np.array([number for number, _ in rows], dtype=np.int64), [data for _, data in rows]
