"""Questions to an index in Milvus: each sees one generation, whatever a build does meanwhile.

A question asks once which collection the alias stands for. What it then reads is that collection's generation, whose
rows no build touches until some minutes after the next one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from types import TracebackType
from typing import TypeVar

from briefqa.errors import BriefqaError, IndexCorruptError, IndexNotFoundError
from briefqa.store import contract
from briefqa.store.milvus.address import read_address
from briefqa.store.milvus.base import Base
from briefqa.store.milvus.engine import Engine, Gone
from briefqa.store.milvus.generation import Generation
from briefqa.store.milvus.layout import key_of
from briefqa.store.milvus.manifest import Damaged, Manifest, read_manifest
from briefqa.store.milvus.snapshot import MilvusSnapshot
from briefqa.store.milvus.stored import known_fronts
from briefqa.store.newest import Outdated, check_newest, read_newest

_T = TypeVar("_T")


class MilvusReader:
    """The reading side of an index in Milvus; see Reader. Raises IndexNotFoundError, IndexCorruptError, StoreError."""

    def __init__(self, address: str) -> None:
        where = read_address(address)
        if where.missing:
            raise _not_found(where.shown)
        self._engine = Engine(where)
        self._generation: Generation | None = None
        self._loading = threading.Lock()
        self._idle = threading.Condition()
        self._questions = 0
        self._closed = False
        try:
            self._current()
        except BaseException:
            self._engine.close()
            raise

    @property
    def place(self) -> str:
        """Where the index is, in words."""
        return self._engine.address.shown

    @contextmanager
    def snapshot(self) -> Iterator[MilvusSnapshot]:
        """Open the newest generation for one question."""
        with self._idle:
            if self._closed:
                raise BriefqaError("this index is closed: open it again with briefqa.open")
            self._questions += 1
        try:
            generation = self._current()
            try:
                yield MilvusSnapshot(generation)
            except (Gone, LookupError, ValueError) as error:  # a row is not there that must be
                if self._engine.target(self._engine.address.name) != generation.source:
                    raise Outdated.at(self.place) from error
                missing = generation.find_missing()
                if missing:
                    raise IndexCorruptError(
                        f"the index in {self.place} is damaged ({missing}): build it again with "
                        f"`briefqa build CORPUS --full --store {self.place}`"
                    ) from error
                raise
        finally:
            with self._idle:
                self._questions -= 1
                last = self._closed and not self._questions
            if last:
                self._engine.close()

    def _current(self) -> Generation:
        source = self._engine.target(self._engine.address.name)
        current = self._generation
        if current is not None and source in ("", current.source):  # deleted: what is open goes on
            return current
        if not source:
            raise _not_found(self.place)
        with self._loading:
            current = self._generation
            if current is None or current.source != source:
                try:
                    current = Generation(self._engine, read_manifest(self._engine, source), source)
                except (Gone, Damaged) as error:
                    if self._engine.target(self._engine.address.name) == source:
                        raise
                    raise Outdated.at(self.place) from error
                self._generation = current
        return current

    def read(self, use: Callable[[contract.Snapshot], _T]) -> _T:
        """Return what `use` makes of a snapshot; it is called again where the generation is gone in the middle."""
        return read_newest(self.snapshot, use)

    def check_newest(self, seen: contract.Snapshot) -> None:
        """Raise an error that `read` answers with another try if a newer generation is there."""
        check_newest(self.snapshot, seen, self.place)

    def close(self) -> None:
        """Close the index; questions that are still being answered end first."""
        with self._idle:
            again, self._closed = self._closed, True
            self._generation = None
            last = not self._questions and not again
        if last:
            self._engine.close()


class MilvusLedger:
    """What an index in Milvus holds, without its vectors; see Ledger. Raises IndexCorruptError, StoreError."""

    def __init__(self, address: str) -> None:
        where = read_address(address)
        self._engine = None if where.missing else Engine(where)
        self._generation: Generation | None = None
        try:
            source = self._engine.target(where.name) if self._engine else ""
            if self._engine and source:
                self._generation = Generation(self._engine, read_manifest(self._engine, source), source)
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> MilvusLedger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        if self._engine:
            self._engine.close()

    @property
    def exists(self) -> bool:
        """Whether anything was built."""
        return self._generation is not None

    @property
    def _manifest(self) -> Manifest:
        return self._generation.manifest if self._generation else Manifest()

    def _base(self) -> Base | None:
        return Base(self._engine, self._manifest.base, self._manifest.dim) if self._engine else None

    @property
    def meta(self) -> dict[str, str]:
        """What the last build said of itself."""
        return self._manifest.meta

    @cached_property
    def articles(self) -> dict[str, tuple[str, str]]:
        """Slug → (sha256, path) of what is indexed."""
        known = known_fronts(self._generation) if self._generation else {}
        return {slug: (front.sha256, front.path) for slug, (_, front) in known.items()}

    @property
    def problems(self) -> list[tuple[str, int, str]]:
        """(path, line, message) of what the last build could not read, or read with a loss."""
        return sorted(self._manifest.problems, key=lambda problem: problem[:2])

    def count_chunks(self, slugs: Iterable[str]) -> int:
        """Return how many chunks these articles have."""
        if self._generation is None:
            return 0
        keys = {key_of(slug) for slug in slugs}
        return sum(1 for _ in self._generation.rows("chunks", "slug", keys, [], self._generation.seen))

    def missing(self, hashes: Iterable[bytes]) -> set[bytes]:
        """Return those of the hashes whose vector is not stored."""
        wanted, base = set(hashes), self._base()
        return wanted - base.stored(wanted) if base else wanted


def _not_found(place: str) -> IndexNotFoundError:
    return IndexNotFoundError(f"no index in {place}: build one with `briefqa build CORPUS --store {place}`")
