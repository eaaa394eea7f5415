"""From one build to the next: what was kept stays, and only what is new is read from the database.

A chunk is never changed in place: an article that is put again gets chunks of new ids, all higher than those that were
given out before. So the ids say what is left of the last build and what has come. The first part of a generation stays
as it is, in memory and on the disk; what has come since is a second part, which is made anew by each build. Where it
becomes too large, or too little of the first part is left, all is read anew.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import numpy as np

from briefqa.store.parts import held_part, joined
from briefqa.store.vectors import Vectors

# Of the chunks of the next build, the share that may be new; reading more one by one is no faster than reading all.
_MOST_NEW = 0.25
# What has come since is searched exactly; that takes 8 ms then.
_MOST_SPANS = 150_000


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


def follow_vectors(vectors: Vectors, step: Step, connection: sqlite3.Connection, generation: int) -> Vectors | None:
    """Return the vectors of the next build; None where it pays to read all anew."""
    first, *others = vectors.views
    kept = np.zeros(len(first.part), dtype=bool)
    kept[first.places] = step.kept[: len(first)]
    recent = held_part(connection, step.first_new)
    for view in others:
        recent = joined(view.part, step.kept[view.first_row : view.first_row + len(view)], recent)
    if too_new(kept, len(recent), len(recent.spans)):
        return None
    return Vectors(generation, [(first.part, kept), (recent, None)])


def too_new(kept: np.ndarray, chunks: int, spans: int) -> bool:
    """Say whether it pays to read all anew. kept: (n,) of the first part. chunks, spans: how many have come since."""
    return chunks > _MOST_NEW * len(kept) or spans > _MOST_SPANS or int(kept.sum()) < (1 - _MOST_NEW) * len(kept)
