"""A question is answered from the newest generation, and asked again where that is gone in the middle; in every store.

answer = read_newest(reader.snapshot, use)          # use(snapshot), tried again after Outdated
check_newest(reader.snapshot, seen, reader.place)   # raises Outdated where a newer one is there
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from briefqa.errors import IndexCorruptError
from briefqa.store.contract import Snapshot

_T = TypeVar("_T")
_S = TypeVar("_S", bound=Snapshot)
# Questions are answered in a tenth of a second, and builds end less often.
_TRIES = 5


class Outdated(IndexCorruptError):
    """A question would be answered from what is no longer the index: it is asked again."""

    @classmethod
    def at(cls, place: object) -> Outdated:
        """Return the error for an index."""
        return cls(f"{place} was built anew: ask again")


def read_newest(snapshot: Callable[[], AbstractContextManager[_S]], use: Callable[[_S], _T]) -> _T:
    """Return what `use` makes of the newest snapshot; it is called again where that turns out to be outdated."""
    for _ in range(_TRIES - 1):
        try:
            with snapshot() as newest:
                return use(newest)
        except Outdated:
            continue
    with snapshot() as newest:
        return use(newest)


def check_newest(snapshot: Callable[[], AbstractContextManager[_S]], seen: Snapshot, place: object) -> None:
    """Raise Outdated if the newest snapshot is of another build than the one that is seen."""
    with snapshot() as newest:
        if newest.identity != seen.identity:
            raise Outdated.at(place)
