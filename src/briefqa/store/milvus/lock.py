"""One writer at a time. Milvus has no locks, but an alias is made by one client alone.

Whoever builds makes an empty collection, in whose name stand the machine, the process and a time, and the alias of the
lock for it. While it builds it makes such a collection anew every now and then and moves the alias there, so that the
time says that it lives. What is left behind by a killed build is taken over: at once where its process was one of this
machine, else when its time is long past. Before the commit it is looked whether the alias is still one's own.

In milvus-lite, which serves one process, it is enough to know who writes in this one.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

from briefqa.errors import IndexLockedError, StoreError
from briefqa.store.milvus.engine import Engine
from briefqa.store.milvus.layout import fields_of, is_lock

# Seconds between signs of life, and after which a lock without any is nobody's. Clocks of machines may differ by the
# rest.
_BEAT = 20.0
_STALE = 180.0
_BETWEEN_TRIES = 0.2
# Seconds that even a build that does not wait is patient: another one is just about to end.
_GRACE = 0.5

_log = logging.getLogger("briefqa")
_own: set[tuple[str, str]] = set()  # locks that this process holds
_guard = threading.Lock()


@dataclass(frozen=True, slots=True)
class _Holder:
    """Who holds a lock, as its collection's name says: NAME__lock__HOST_PROCESS_TIME_RANDOM."""

    host: str
    process: int
    beat: int

    @classmethod
    def of(cls, collection: str) -> _Holder | None:
        try:
            host, process, beat, _ = collection.rsplit("__", 1)[1].split("_")
            return cls(host, int(process), int(beat))
        except (ValueError, IndexError):
            return None

    def lives(self) -> bool:
        if self.host == _host() and self.process != os.getpid():
            try:
                os.kill(self.process, 0)
            except ProcessLookupError:
                return False
            except OSError:  # it is somebody else's, or the system has no such signal
                pass
        elif self.host == _host():
            return False  # this process knows that it holds none
        return time.time() - self.beat < _STALE


def _host() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:10]


class BuildLock:
    """The right to build an index; given up by `release`. waited: whether somebody else had it first."""

    def __init__(self, engine: Engine, wait: float) -> None:
        self._engine = engine
        self._name = engine.address.name
        self._host = _host()
        self._key = (engine.address.uri, self._name)
        self._alias = f"{self._name}__lock"
        self._held = ""
        self._ended = threading.Event()
        self._beating = threading.Lock()
        self.waited = False
        self._acquire(wait)
        try:
            if not engine.address.lite:
                self._held = self._take(wait)
                threading.Thread(target=self._beat, name="build-lock", daemon=True).start()
        except BaseException:
            self._forget()
            raise

    def _acquire(self, wait: float) -> None:
        """Become the one writer of this process."""
        started = time.monotonic()
        while True:
            with _guard:
                if self._key not in _own:
                    _own.add(self._key)
                    return
            self._patience(started, wait, f"another build (process {os.getpid()})")

    def _patience(self, started: float, wait: float, who: str) -> None:
        """Sleep a little, or raise IndexLockedError where it was long enough."""
        waited = time.monotonic() - started
        other = f"{who} is writing to {self._engine.address.shown}"
        if waited >= max(wait, _GRACE):
            raise IndexLockedError(f"{other}: wait for it to end and build again")
        if wait and waited >= _GRACE and not self.waited:
            self.waited = True
            _log.warning("%s: waiting for it to end", other)
        time.sleep(_BETWEEN_TRIES)

    def _take(self, wait: float) -> str:
        """Become the one writer of all processes; return the collection that says so."""
        started = time.monotonic()
        while True:
            holder = self._engine.target(self._alias)
            found = _Holder.of(holder) if holder else None
            if holder and found is not None and found.lives():
                where = "" if found.host == _host() else " on another machine"
                self._patience(started, wait, f"another build (process {found.process}{where})")
                continue
            mine = self._make()
            try:
                self._engine.point(self._alias, mine, new=not holder)
            except StoreError:
                self._engine.drop(mine)
                if not self._engine.target(self._alias):
                    raise
                continue  # somebody was quicker
            if self._engine.target(self._alias) == mine:
                return mine

    def _make(self) -> str:
        name = f"{self._name}__lock__{self._host}_{os.getpid()}_{int(time.time())}_{secrets.token_hex(4)}"
        self._engine.create(name, fields_of("lock", 0), [])
        return name

    def _beat(self) -> None:
        while not self._ended.wait(_BEAT):
            try:
                with self._beating:
                    if self._ended.is_set() or self._engine.target(self._alias) != self._held:
                        return
                    before, after = self._held, self._make()
                    self._engine.point(self._alias, after, new=False)
                    self._held = after
                    self._engine.drop(before)
            except StoreError as error:
                _log.info("no sign of life of this build (%s)", error)

    def check(self) -> None:
        """Raise IndexLockedError if another build took the lock over, because this one gave no sign of life."""
        with self._beating:
            if self._held and self._engine.target(self._alias) != self._held:
                raise IndexLockedError(
                    f"another build took over {self._engine.address.shown}, for this one had stopped for too long: "
                    "build again"
                )

    def release(self) -> None:
        """Let the next writer in, as far as Milvus can be reached; else the lock is nobody's in a while."""
        self._ended.set()
        with self._beating, suppress(StoreError):
            if self._held and self._engine.target(self._alias) == self._held:
                self._engine.unpoint(self._alias)
                self._engine.drop(self._held)
        self._forget()

    def _forget(self) -> None:
        with _guard:
            _own.discard(self._key)

    def sweep(self) -> None:
        """Remove what killed builds left of their locks."""
        for found in self._engine.collections():
            if is_lock(self._name, found) and found != self._held:
                self._engine.drop(found)
