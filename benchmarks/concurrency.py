"""Many who ask at once: 1, 8 and 32 threads with one BriefQA, and as many readers of one web server.

    python benchmarks/concurrency.py [--index INDEX] [--seconds 5] [--rounds 3] [--json FILE]

The questions are those of the sample's golden set, 115 in five languages, so that none is remembered when its turn
comes again; the index is that of the sample briefs unless another is given. Each number of threads has its turn in each
round; what is told is the median of the rounds. "cores" is how many were at work: several with one thread too, since
the encoder's engine computes on all of them, so that more threads can only fill what it leaves. The readers of the
server wait in a process of their own, on the same cores, and call /ask as programs do: one request that puts the
question, one that waits for the answer.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import briefqa

ROOT = Path(__file__).parents[1]
THREADS = (1, 8, 32)


@dataclass(frozen=True, slots=True)
class Load:
    """Answers a second, milliseconds to an answer, and the cores at work; None where they are another process's."""

    way: str
    threads: int
    per_second: float
    p50_ms: float
    p95_ms: float
    cores: float | None


def questions() -> list[str]:
    lines = (ROOT / "tests" / "golden" / "sample.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["question"] for line in lines]


def put_load(ask: Callable[[str], object], threads: int, seconds: float) -> tuple[float, list[float], float]:
    """Ask from so many threads for so long; return answers a second, milliseconds to each, and cores at work."""
    asked = itertools.cycle(questions())
    taken: list[float] = []
    lock = threading.Lock()
    ends = time.perf_counter() + seconds

    def run() -> None:
        while time.perf_counter() < ends:
            with lock:
                question = next(asked)
            started = time.perf_counter()
            ask(question)
            taken.append((time.perf_counter() - started) * 1000)

    workers = [threading.Thread(target=run) for _ in range(threads)]
    started, worked = time.perf_counter(), time.process_time()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    lasted = time.perf_counter() - started
    return len(taken) / lasted, taken, (time.process_time() - worked) / lasted


def measure(way: str, ask: Callable[[str], object], seconds: float, rounds: int, here: bool) -> list[Load]:
    """Put each load in each round. here: whether this process answers."""
    put_load(ask, 2, 1.0)  # what is loaded late
    found: dict[int, list[tuple[float, float, float, float]]] = {threads: [] for threads in THREADS}
    for _ in range(rounds):
        for threads in THREADS:
            rate, taken, cores = put_load(ask, threads, seconds)
            found[threads].append((rate, statistics.median(taken), statistics.quantiles(taken, n=20)[18], cores))
    loads = []
    for threads, runs in found.items():
        rate, p50, p95, cores = (statistics.median(column) for column in zip(*runs, strict=True))
        loads.append(
            Load(way, threads, round(rate, 1), round(p50, 1), round(p95, 1), round(cores, 2) if here else None)
        )
    return loads


@contextmanager
def chatting(index: Path) -> Iterator[int]:
    """Serve an index with `briefqa chat`, and yield its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "briefqa", "chat", "--index", str(index), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        if "is open" not in process.stdout.readline():
            raise SystemExit("the chat did not open")
        try:
            yield port
        finally:
            process.terminate()


class Caller:
    """Calls /ask over a connection that each thread keeps open."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._local = threading.local()

    def ask(self, question: str) -> None:
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection = self._local.connection
        body = json.dumps({"data": [question, [], "", "", [], "", []]})
        connection.request("POST", "/gradio_api/call/ask", body, {"Content-Type": "application/json"})
        event = json.loads(connection.getresponse().read())["event_id"]
        connection.request("GET", f"/gradio_api/call/ask/{event}")
        told = connection.getresponse().read().decode()
        if "event: complete" not in told:
            raise SystemExit(f"no answer: {told[:300]}")


def serve_load(port: int, seconds: float, rounds: int) -> None:
    """The process of the readers; prints what it found as JSON."""
    print(json.dumps([asdict(load) for load in measure("web server", Caller(port).ask, seconds, rounds, here=False)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--index", type=Path)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.port:
        serve_load(options.port, options.seconds, options.rounds)
        return
    with tempfile.TemporaryDirectory(prefix="briefqa-benchmark-") as name:
        index = options.index or Path(name) / "index"
        if not options.index:
            briefqa.build(ROOT / "corpus", index)
        with briefqa.open(index) as qa:
            loads = measure("one BriefQA", qa.ask, options.seconds, options.rounds, here=True)
        with chatting(index) as port:
            command = [sys.executable, __file__, "--port", str(port), "--seconds", str(options.seconds)]
            done = subprocess.run(
                [*command, "--rounds", str(options.rounds)], capture_output=True, text=True, check=True
            )
        loads += [Load(**fields) for fields in json.loads(done.stdout)]
    print(f"{'':12} {'threads':>7} {'answers/s':>10} {'p50':>9} {'p95':>9} {'cores':>5}  x one's rate, p95 x its p50")
    for load in loads:
        single = next(one for one in loads if one.way == load.way and one.threads == 1)
        print(
            f"{load.way:12} {load.threads:7} {load.per_second:10.1f} {load.p50_ms:6.1f} ms {load.p95_ms:6.1f} ms"
            f" {'' if load.cores is None else f'{load.cores:.2f}':>5}"
            f"  {load.per_second / single.per_second:.2f} x, {load.p95_ms / single.p50_ms:.1f} x"
        )
    if options.json:
        options.json.write_text(json.dumps([asdict(load) for load in loads], indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
