"""The connection to Milvus: what is asked of it, with short timeouts, and its failures in words.

    engine = Engine(read_address("milvus://host:19530"))
    engine.search("briefqa__chunks__…", "dense", vector, 50, "born <= 3", ["id"])

Everything here works on a cluster and on milvus-lite alike; what milvus-lite lacks is told in `layout`.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from briefqa.errors import StoreError
from briefqa.store.milvus.address import Address
from briefqa.writing import one_line

_T = TypeVar("_T")
Row = dict[str, Any]

# Seconds: to connect, to read, and for all that changes something.
_TO_CONNECT = 5.0
_TO_READ = 15.0
_TO_WRITE = 60.0
# Milliseconds between tries to connect again, which gRPC by itself lets grow to two minutes, and for a try.
_RECONNECTING = {
    "grpc.initial_reconnect_backoff_ms": 200,
    "grpc.max_reconnect_backoff_ms": 1_000,
    "grpc.min_reconnect_backoff_ms": int(1_000 * _TO_CONNECT),
}
# Milvus returns no more rows to one request.
MOST_ROWS = 16_384
_ROWS_A_PAGE = 1_000
# Of rows sent at a time; a request may have 64 MB.
_ROWS_A_WRITE = 500
_BYTES_A_WRITE = 8_000_000
# Characters of an engine's own words that are shown.
_LONGEST_REASON = 200

_GONE = re.compile("(?:can't|cannot) find collection|collection\\S* (?:\\S+ )?(?:not found|(?:does )?not exist)")

_lite_users: Counter[str] = Counter()
_lite_lock = threading.Lock()


class Gone(StoreError):
    """What is asked for was there, and is not any more: a generation that was swept away."""


class Engine:
    """A connection to a Milvus; safe to share between threads. Raises StoreError, here and in all methods."""

    def __init__(self, address: Address) -> None:
        self.address = address
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its core prints what it raises as well
        try:
            import pymilvus
        except ImportError as error:
            raise StoreError(
                f"the store {address.shown} needs pymilvus: install it with `pip install 'briefqa[milvus]'`"
            ) from error
        self._module: Any = pymilvus
        for name in ("pymilvus", "milvus_lite"):  # which print each error with its traceback, and raise it as well
            logger = logging.getLogger(name)
            if logger.level in (logging.NOTSET, logging.WARNING):  # nobody asked for more or less
                logger.setLevel(logging.CRITICAL)
        self._client: Any = self._open_lite() if address.lite else self._open_server()
        # A milvus-lite may also be served to others, for trials; it lacks what it lacks there too.
        self.small = address.lite or "lite" in str(self._call("say its version", "get_server_version"))

    def _open_server(self) -> Any:
        token = os.environ.get("MILVUS_TOKEN", "")
        with self._telling("connect"):
            return self._module.MilvusClient(
                uri=self.address.uri, token=token, timeout=_TO_CONNECT, grpc_options=_RECONNECTING
            )

    def _open_lite(self) -> Any:
        path = Path(self.address.uri)
        if not path.parent.is_dir():
            raise StoreError(f"there is no folder {path.parent} for the store {path}: make it first")
        with _lite_lock, self._telling("open"):
            client = self._module.MilvusClient(uri=str(path), timeout=_TO_CONNECT)
            _lite_users[str(path)] += 1
        return client

    def close(self) -> None:
        """Close the connection; milvus-lite gives its file back when nobody in this process uses it any more."""
        client, self._client = self._client, None
        if client is None:
            return
        with suppress(Exception):
            client.close()
        if self.address.lite:
            from milvus_lite.server_manager import server_manager_instance

            with _lite_lock:
                _lite_users[self.address.uri] -= 1
                if not _lite_users[self.address.uri]:
                    server_manager_instance.release_server(self.address.uri)

    @contextmanager
    def _telling(self, doing: str) -> Iterator[None]:
        """Turn what pymilvus raises into a StoreError that says what to do."""
        try:
            yield
        except StoreError:
            raise
        except Exception as error:  # pymilvus raises its own kinds, gRPC's, and whatever it stumbles over
            raise self._error(doing, error) from error

    def _error(self, doing: str, error: Exception) -> StoreError:
        shown = self.address.shown
        causes = list(_causes(error))
        words = " ".join(dict.fromkeys(str(getattr(cause, "message", cause)) for cause in causes))
        codes = {
            str(getattr(cause, "code", lambda: "")()) for cause in causes if callable(getattr(cause, "code", None))
        }
        lowered = words.casefold()
        if any("UNAUTHENTICATED" in code or "PERMISSION_DENIED" in code for code in codes) or "auth check" in lowered:
            told = "the token in MILVUS_TOKEN" if os.environ.get("MILVUS_TOKEN") else "anybody without MILVUS_TOKEN"
            return StoreError(f"the store {shown} refuses {told}: set MILVUS_TOKEN to a token, or user:password, of it")
        if self.address.lite and doing == "open":
            if Path(self.address.uri).is_file():
                return StoreError(f"{self.address.uri} is a file and no database of milvus-lite: choose another path")
            return StoreError(
                f"the store {shown} cannot be opened: another process has it open, and milvus-lite serves one at a "
                "time; close that one, or run a Milvus server"
            )
        if _GONE.search(lowered):
            return Gone(f"the store {shown} has lost a part of the index: ask again, or build it again")
        unreachable = doing == "connect" or any("UNAVAILABLE" in code or "DEADLINE" in code for code in codes)
        if unreachable or "retry timeout" in lowered or "unavailable" in lowered or "fail connecting" in lowered:
            return StoreError(
                f"the store {shown} cannot be reached: check its address, and that Milvus runs there; what was built "
                "before is as it was"
            )
        reason = one_line(words)[:_LONGEST_REASON]
        return StoreError(f"the store {shown} failed to {doing} ({reason}); what was built before is as it was")

    def _call(self, doing: str, name: str, *given: Any, timeout: float = _TO_READ, **named: Any) -> Any:
        client = self._client
        if client is None:
            raise StoreError("this index is closed: open it again with briefqa.open")
        with self._telling(doing):
            try:
                return getattr(client, name)(*given, timeout=timeout, **named)
            except self._module.MilvusException as error:
                if not given or not _is_unloaded(error):
                    raise
                # Somebody released it, or milvus-lite was started anew, which loads nothing by itself.
                client.load_collection(given[0], timeout=_TO_WRITE)
                return getattr(client, name)(*given, timeout=timeout, **named)

    def _level(self, strong: bool) -> dict[str, Any]:
        return {"consistency_level": "Strong" if strong else "Bounded"}

    # Collections and aliases

    def create(
        self, collection: str, fields: Sequence[Mapping[str, Any]], indexes: Sequence[Mapping[str, Any]]
    ) -> None:
        """Make a collection. indexes: of its fields; without any it holds nothing and cannot be read."""
        kinds = self._module.DataType
        schema = self._module.MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        for field in fields:
            named = {key: getattr(kinds, value) if key == "element_type" else value for key, value in field.items()}
            schema.add_field(named.pop("name"), getattr(kinds, named.pop("kind")), **named)
        # Strong for what has no level of its own: a delete must find what was written a moment ago.
        self._call(
            "make a collection",
            "create_collection",
            collection,
            schema=schema,
            consistency_level="Strong",
            timeout=_TO_WRITE,
        )
        if not indexes:
            return
        params = self._module.MilvusClient.prepare_index_params()
        for index in indexes:
            params.add_index(**index)
        self._call("make an index", "create_index", collection, params, sync=False, timeout=_TO_WRITE)
        self._call("load a collection", "load_collection", collection, timeout=_TO_WRITE)

    def collections(self) -> list[str]:
        """Return the names of all collections."""
        return [str(name) for name in self._call("list its collections", "list_collections")]

    def drop(self, collection: str) -> None:
        """Remove a collection, if it is there."""
        with suppress(Gone):
            self._call("remove a collection", "drop_collection", collection, timeout=_TO_WRITE)

    def target(self, alias: str) -> str:
        """Return the collection that an alias stands for, "" if there is no such alias."""
        try:
            found = self._call("look up an alias", "describe_alias", alias)
        except StoreError as error:
            words = " ".join(str(cause) for cause in _causes(error)).casefold()
            if "alias" in words and ("not found" in words or "not exist" in words):
                return ""
            raise
        return str(found.get("collection_name", ""))

    def point(self, alias: str, collection: str, new: bool) -> None:
        """Let an alias stand for a collection, in one step for all who ask. new: raises StoreError if it is there."""
        self._call("move an alias", "create_alias" if new else "alter_alias", collection, alias, timeout=_TO_WRITE)

    def unpoint(self, alias: str) -> None:
        """Remove an alias."""
        self._call("remove an alias", "drop_alias", alias, timeout=_TO_WRITE)

    # Rows

    def insert(self, collection: str, rows: Iterable[Row]) -> None:
        """Write rows."""
        self._write("insert", collection, rows)

    def _write(self, how: str, collection: str, rows: Iterable[Row]) -> None:
        """Write rows, as many requests as it takes."""
        batch: list[Row] = []
        size = 0
        for row in rows:
            batch.append(row)
            size += _weight(row)
            if len(batch) >= _ROWS_A_WRITE or size >= _BYTES_A_WRITE:
                self._call("write", how, collection, batch, timeout=_TO_WRITE)
                batch, size = [], 0
        if batch:
            self._call("write", how, collection, batch, timeout=_TO_WRITE)

    def delete(self, collection: str, expression: str) -> None:
        """Remove the rows that an expression is true of."""
        self._call("remove rows", "delete", collection, filter=expression, timeout=_TO_WRITE)

    def settle(self, collections: Iterable[str]) -> None:
        """Let milvus-lite write what it holds in memory to indexed files; a cluster does so by itself."""
        if self.small:
            for collection in collections:
                self._call("write its files", "flush", collection, timeout=_TO_WRITE)

    def query(
        self, collection: str, expression: str, fields: Sequence[str], limit: int = MOST_ROWS, strong: bool = True
    ) -> list[Row]:
        """Return rows that an expression is true of, at most so many."""
        found = self._call(
            "read",
            "query",
            collection,
            filter=expression,
            output_fields=list(fields),
            limit=limit,
            **self._level(strong),
        )
        return [dict(row) for row in found]

    def get(self, collection: str, ids: Iterable[int], fields: Sequence[str], strong: bool = True) -> list[Row]:
        """Return the rows with these ids that are there."""
        found: list[Row] = []
        for batch in in_batches(sorted(set(ids)), _ROWS_A_PAGE):
            found += self.query(collection, f"id in {list(batch)}", ["id", *fields], strong=strong)
        return found

    def upsert(self, collection: str, rows: Iterable[Row]) -> None:
        """Write rows in place of those with the same ids."""
        self._write("upsert", collection, rows)

    def count(self, collection: str, expression: str, strong: bool = True) -> int:
        """Return how many rows an expression is true of."""
        found = self._call(
            "count", "query", collection, filter=expression, output_fields=["count(*)"], **self._level(strong)
        )
        return int(found[0]["count(*)"])

    def pages(
        self, collection: str, expression: str, fields: Sequence[str], strong: bool = True
    ) -> Iterator[list[Row]]:
        """Yield all rows that an expression is true of, by id, a page at a time."""
        last = -1
        while True:
            # An id and a limit, and no iterator: theirs take their time from a server that milvus-lite does not have.
            page = self.query(
                collection, f"id > {last} and ({expression})", ["id", *fields], limit=_ROWS_A_PAGE, strong=strong
            )
            page.sort(key=lambda row: int(row["id"]))
            if page:
                yield page
            if len(page) < _ROWS_A_PAGE:
                return
            last = int(page[-1]["id"])

    def search(
        self,
        collection: str,
        field: str,
        vector: Any,
        limit: int,
        expression: str,
        fields: Sequence[str] = (),
        strong: bool = True,
    ) -> list[tuple[int, float, Row]]:
        """Return (id, inner product, fields) of the rows with the highest products, best first."""
        found = self._call(
            "search",
            "search",
            collection,
            [vector],
            anns_field=field,
            limit=min(limit, MOST_ROWS),
            filter=expression,
            output_fields=["id", *fields],
            search_params={"metric_type": "IP"},
            **self._level(strong),
        )
        return [(int(hit["id"]), float(hit["distance"]), dict(hit["entity"])) for hit in found[0]]


def _is_unloaded(error: Exception) -> bool:
    words = str(error).casefold()
    return "not loaded" in words or "is in state 'released'" in words


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    for _ in range(8):
        if seen is None:
            return
        yield seen
        seen = seen.__cause__


def _weight(row: Row) -> int:
    """Return about how many bytes a row takes."""
    return sum(4 * len(value) if hasattr(value, "__len__") else 8 for value in row.values())


def in_batches(values: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    """Yield the values, so many at a time."""
    for first in range(0, len(values), size):
        yield values[first : first + size]
