"""Workers that are processes of this machine.

    with Processes(portable, 4) as pool:
        for number, rows in pool.embed(batches):    # in the order in which they are done

| what can happen | what is done |
|---|---|
| a worker is killed, or out of memory | the pool is broken: a new one does what was not done |
| three pools in a row end without one batch done | WorkersError |
| this process is killed | its workers end by themselves |
| Ctrl-C | batches that are being embedded are waited for, some seconds; no other is begun |
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from briefqa.encoders.batched import Rows
from briefqa.encoders.portable import Portable, embed
from briefqa.errors import WorkersError
from briefqa.threads import cores

_POOLS_IN_VAIN = 3
_SECONDS_BETWEEN_LOOKS = 5.0

_portable: Portable  # a worker's


class Processes:
    """A pool that starts with the first batches; for one thread at a time."""

    def __init__(self, portable: Portable, count: int) -> None:
        self.count = count
        self._portable = portable
        self._pool: ProcessPoolExecutor | None = None

    @property
    def started(self) -> bool:
        """Whether the workers are there."""
        return self._pool is not None

    def embed(self, batches: Sequence[Sequence[str]]) -> Iterator[tuple[int, Rows]]:
        """Yield each batch's number and rows. Raises WorkersError, and what the encoder raises."""
        # By way of files: what is sent through a pool's pipe must fit into it, or a broken pool never ends.
        with tempfile.TemporaryDirectory(prefix="briefqa-") as folder:
            files = [Path(folder, f"{number}.json") for number in range(len(batches))]
            for file, texts in zip(files, batches, strict=True):
                file.write_text(json.dumps(texts), encoding="ascii")
            yield from self._embed_files(files)

    def _embed_files(self, files: Sequence[Path]) -> Iterator[tuple[int, Rows]]:
        waiting = dict(enumerate(files))
        in_vain = 0
        while waiting:
            if self._pool is None:
                self._pool = self._start()
            in_vain += 1
            futures: dict[Future[Rows], int] = {}
            with suppress(BrokenProcessPool):  # a worker may end while the rest is still handed out
                for number, file in waiting.items():
                    futures[self._pool.submit(_embed, file)] = number
            for future in _done(set(futures), self._pool):
                try:
                    rows = future.result()
                except BrokenProcessPool:
                    continue  # as do all of the pool that are not done
                in_vain = 0
                del waiting[futures[future]]
                yield futures[future], rows
            if waiting:
                self._close()
            if in_vain == _POOLS_IN_VAIN:
                raise WorkersError(
                    f"{self.count} worker processes were started {_POOLS_IN_VAIN} times and ended before anything was "
                    "done: try fewer, memory may be short; a script that builds with workers must do so below "
                    '`if __name__ == "__main__":`'
                )

    def _start(self) -> ProcessPoolExecutor:
        # Spawned, not forked: the parent has threads, whose locks a fork would copy as they are.
        context = multiprocessing.get_context("spawn")
        threads = max(cores() // self.count, 1)
        return ProcessPoolExecutor(self.count, context, initializer=_begin, initargs=(self._portable, threads))

    def _close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()


def _done(left: set[Future[Rows]], pool: ProcessPoolExecutor) -> Iterator[Future[Rows]]:
    """Yield futures as they are done, and no more of a broken pool.

    Not by as_completed: what is handed in at the moment in which a pool breaks is never told of it.
    """
    while left:
        done, left = wait(left, _SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED)
        yield from done
        if not done:
            try:
                pool.submit(_nothing)
            except BrokenProcessPool:
                return


def _nothing() -> None:
    """Do nothing, as long as the pool is not broken."""


def _begin(portable: Portable, threads: int) -> None:
    """Make a new process a worker."""
    global _portable
    _portable = portable
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of a terminal; the parent decides
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Wait for the parent's end: a worker that waits for work would never hear of it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _embed(file: Path) -> Rows:
    return embed(_portable, json.loads(file.read_bytes()))
