"""Embedding by several workers: batches of texts go out, rows come back, in whatever order they are done.

    with fan_out(encoder, Workers(4), settings) as fanned:             # processes of this machine
        rows = fanned.encode_document(texts)
    with fan_out(encoder, Workers(ray="auto"), settings) as fanned:    # a Ray cluster, see cluster.py

Workers only embed; reading, splitting and writing stay with the caller. A row depends on its text alone, so that rows
are the same whoever made them, and a batch may be done twice. An encoder whose rows depend in their last bits on what
else is in a batch (any in bfloat16) gives rows that are equal to those of one process to a cosine of .9999.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from briefqa.encoders import Encoder
from briefqa.encoders.batched import Progress, Rows
from briefqa.encoders.portable import Portable
from briefqa.errors import WorkersError
from briefqa.settings import Settings

_BATCH = 32, 256
"""Texts of a batch, at least and at most: some seconds of work, so that little is lost with a worker, and enough that
sending them is nothing beside it."""
_BATCHES_A_WORKER = 4
"""Batches that each worker gets at least, so that none is idle for long while the last are done."""
_WORTH_STARTING = 80_000
"""Bytes of text for which workers are started: 20,000 tokens, which this process embeds before they have loaded."""


@dataclass(frozen=True, slots=True)
class Workers:
    """Who embeds. count: how many; none given: as many as the cluster has processors, or this process alone.

    ray: address of a cluster; empty for processes of this machine.
    """

    count: int | None = None
    ray: str = ""

    def __post_init__(self) -> None:
        if self.count is not None and self.count < 1:
            raise WorkersError(f"a build takes 1 worker or more, not {self.count}")


class Pool(Protocol):
    """What embeds batches elsewhere."""

    count: int

    @property
    def started(self) -> bool:
        """Whether starting the workers is already paid for."""

    def embed(self, batches: Sequence[Sequence[str]]) -> Iterator[tuple[int, Rows]]:
        """Yield each batch's number and rows, once, as they are done."""


class FannedOut:
    """An Encoder around another one, which embeds few texts itself and has a pool embed many."""

    def __init__(self, encoder: Encoder, pool: Pool) -> None:
        self._encoder, self._pool = encoder, pool
        self.name = encoder.name
        self.fingerprint = encoder.fingerprint
        self.dim = encoder.dim
        self.max_tokens = encoder.max_tokens

    @property
    def at_once(self) -> int:
        """How many texts it should be given at a time, at least, so that no worker is idle."""
        return self._pool.count * _BATCHES_A_WORKER * _BATCH[1] // 2

    def count_tokens(self, text: str) -> int:
        """Count the text's own tokens."""
        return self._encoder.count_tokens(text)

    def encode_query(self, texts: Sequence[str]) -> Rows:
        """Return unit rows (n, dim) of questions; here, they are few."""
        return self._encoder.encode_query(texts)

    def encode_document(self, texts: Sequence[str], progress: Progress | None = None) -> Rows:
        """Return unit rows (n, dim) of texts to be found. progress: given the number of texts of each batch done."""
        sizes = [len(text.encode(errors="replace")) for text in texts]
        least, most = _BATCH
        if len(texts) <= least or not self._pool.started and sum(sizes) < _WORTH_STARTING:
            return self._encoder.encode_document(texts, progress)
        # Neighbours in length, the longest first: hardly any padding, and the last batches are short ones.
        order = sorted(range(len(texts)), key=lambda i: -sizes[i])
        size = min(max(-(-len(texts) // (_BATCHES_A_WORKER * self._pool.count)), least), most)
        places = [order[start : start + size] for start in range(0, len(order), size)]
        rows = np.empty((len(texts), self.dim), np.float32)
        for number, part in self._pool.embed([[texts[i] for i in place] for place in places]):
            rows[places[number]] = part
            if progress is not None:
                progress(len(places[number]))
        return rows


@contextmanager
def fan_out(encoder: Encoder, workers: Workers, settings: Settings, own: bool = False) -> Iterator[Encoder]:
    """Have workers embed what the encoder is given, until the block ends; with one here, the encoder does it itself.

    own: whether the encoder is an object of the user's, which is sent; else workers load the one of its name.
    Raises WorkersError.
    """
    if workers.ray:
        from briefqa.encoders.cluster import Cluster

        with Cluster(workers.ray, workers.count) as cluster:
            named = Portable(encoder.name, encoder.fingerprint, settings.device)
            cluster.give(cluster.pickle(encoder) if own else named)
            yield FannedOut(encoder, cluster)
    elif workers.count is None or workers.count == 1:
        yield encoder
    else:
        from briefqa.encoders.processes import Processes

        named = Portable(encoder.name, encoder.fingerprint, settings.device, settings.cache_dir)
        with Processes(Portable.of(encoder) if own else named, workers.count) as pool:
            yield FannedOut(encoder, pool)
