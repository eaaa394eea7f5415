"""Workers of a Ray cluster (extra `ray`); Ray runs a batch again whose worker or machine was lost.

    with Cluster("auto", 8) as cluster:             # "local", "auto", "head:6379", "ray://head:10001"
        cluster.give(portable)
        for number, rows in cluster.embed(batches): # in the order in which they are done

Each machine of the cluster needs briefqa and the encoder, in the same versions.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any

from briefqa.encoders import Encoder
from briefqa.encoders.batched import Rows
from briefqa.encoders.portable import Portable, embed
from briefqa.errors import WorkersError

_RETRIES = 3
"""Times that a batch is done again whose worker died; more often it is the batch that kills."""
_PROBE_SECONDS = 10.0
"""An address has this long to answer. Ray itself tries for two minutes, and then ends the process."""


class Cluster:
    """A connection to Ray; for one thread at a time. count: workers; all of the cluster's processors unless given."""

    started = False

    def __init__(self, address: str, count: int | None = None) -> None:
        """Connect. Raises WorkersError."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else Ray tells its makers of each start
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # how it will be; else each start warns
        try:
            import ray
        except ImportError as error:
            raise WorkersError("Ray is not installed: pip install 'briefqa[ray]'") from error
        self._ray: Any = ray
        # One that the program has connected already is used, and left as it is.
        self._own = not (ray.is_initialized() and address in ("auto", "local"))
        if self._own:
            _connect(ray, address, count)
        self.count = count or max(int(ray.cluster_resources().get("CPU", 1)), 1)

    def pickle(self, encoder: Encoder) -> Portable:
        """Return an Encoder object as it is sent; Ray's pickle takes classes of a script or a notebook too."""
        return Portable.of(encoder, self._ray.cloudpickle.dumps)

    def give(self, portable: Portable) -> None:
        """Have workers embed with this encoder; each with a graphics card of its own if it is to run on one."""
        graphics = 1 if portable.device.startswith("cuda") else 0
        task = self._ray.remote(embed)
        self._task = task.options(num_cpus=1, num_gpus=graphics, max_retries=_RETRIES)
        self._portable = self._ray.put(portable)

    def embed(self, batches: Sequence[Sequence[str]]) -> Iterator[tuple[int, Rows]]:
        """Yield each batch's number and rows. Raises WorkersError, and what the encoder raises."""
        self.started = True
        waiting = list(enumerate(batches))[::-1]
        running: dict[Any, int] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self.count:
                    number, texts = waiting.pop()
                    running[self._task.remote(self._portable, texts)] = number
                done, _ = self._ray.wait(list(running), num_returns=1)
                yield running.pop(done[0]), self._result(done[0])
        finally:
            for left in running:
                self._ray.cancel(left)

    def _result(self, task: Any) -> Rows:
        errors = self._ray.exceptions
        try:
            rows: Rows = self._ray.get(task)
        except errors.RayTaskError as error:  # raised by the encoder
            raise error.cause from error
        except errors.RayError as error:  # raised by Ray: the worker died each time, the connection is lost
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise WorkersError(
                f"the Ray cluster could not embed a batch, tried {_RETRIES + 1} times: {reason}"
            ) from error
        return rows

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._own:
            self._ray.shutdown()


def _connect(ray: Any, address: str, count: int | None) -> None:
    """Connect to Ray, or start it. Raises WorkersError."""
    server = re.fullmatch(r"(?:ray://)?\[?([^/\[\]]+?)\]?:(\d{1,5})", address)
    if not server and address not in ("auto", "local"):
        raise WorkersError(f"{address!r} is no address of Ray: say local, auto, HOST:6379 or ray://HOST:10001")
    if server:
        try:
            socket.create_connection((server[1], int(server[2])), _PROBE_SECONDS).close()
        except (OSError, OverflowError) as error:
            raise WorkersError(f"no Ray answers at {address} ({error}): start it with `ray start --head`") from error
    options: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
    if address == "local":
        options |= {"num_cpus": count, "include_dashboard": False}
    try:
        ray.init(address, **options)
    except (Exception, SystemExit) as error:  # ConnectionError, ValueError, RuntimeError; it exits where it gives up
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
        raise WorkersError(f"cannot connect to Ray at {address!r} ({reason}): see `ray status`") from error
