"""Builds with workers, in processes and in a local Ray: the index of a build without, whoever does what or dies."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import BigramEncoder, Run

import briefqa
from briefqa.encoders import processes
from briefqa.encoders.fanout import FannedOut, Workers
from briefqa.encoders.portable import Portable
from briefqa.errors import EncoderNotFoundError, WorkersError

BRIEFS = 120
# Ray's workers must find briefqa and this module, as processes of our own do by themselves.
PYTHONPATH = os.pathsep.join([str(Path(__file__).parent), str(Path(briefqa.__file__).parents[1])])


class Killed(BigramEncoder):
    """Kills the process that it is in, in the middle of a batch: the first `times` that text with the mark comes."""

    def __init__(self, notes: Path, mark: str, times: int) -> None:
        super().__init__()
        self.notes, self.mark, self.times = notes, mark, times

    def encode_document(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
        self.notes.mkdir(exist_ok=True)
        deaths = len(list(self.notes.glob("death-*")))
        if deaths < self.times and any(self.mark in text for text in texts):
            (self.notes / f"death-{deaths}-{os.getpid()}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        (self.notes / f"alive-{os.getpid()}").touch()
        return super().encode_document(texts, progress)


class Failing(BigramEncoder):
    """Cannot embed."""

    def encode_document(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
        raise EncoderNotFoundError("the weights are gone")


class Other(BigramEncoder):
    """Is another one wherever it is unpacked."""

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self.fingerprint = "bigrams/2"


class Stuck(BigramEncoder):
    """Has a lock, which stays where it is."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()


@pytest.fixture(scope="module")
def briefs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough text that workers are started for it: 100 KB in some 500 passages."""
    folder = tmp_path_factory.mktemp("briefs")
    for number in range(BRIEFS):
        sections = [
            f"## 第{part}节\n\n第{number}号简报的第{part}节说，"
            + f"出口许可与存储芯片{number * part}。" * (3 + number % 7)
            for part in (1, 2)
        ]
        (folder / f"brief-{number:03}.md").write_text(f"# 简报{number}\n\n" + "\n\n".join(sections), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def alone(briefs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the index in one process."""
    index = tmp_path_factory.mktemp("alone") / "index"
    briefqa.build(briefs, index, BigramEncoder())
    return index


def vectors(index: Path) -> dict[bytes, bytes]:
    with sqlite3.connect(index / "briefqa.db") as database:
        return dict(database.execute("SELECT hash, data FROM vector"))


def test_without_ray_the_extra_is_named(
    corpus: Path, tmp_path: Path, encoder: BigramEncoder, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    status, _, err = run("build", corpus, "--index", tmp_path / "index", "--ray", "auto")
    assert status == 1 and err.strip() == "briefqa: Ray is not installed: pip install 'briefqa[ray]'"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("auto", "cannot connect to Ray at 'auto' (Could not find any running Ray instance"),
        ("127.0.0.1:{port}", "no Ray answers at 127.0.0.1:{port} ([Errno 111] Connection refused): start it with"),
        ("ray://127.0.0.1:{port}", "no Ray answers at ray://127.0.0.1:{port} ("),
        ("no.such.host.invalid:6379", "no Ray answers at no.such.host.invalid:6379 ("),
        ("127.0.0.1:99999", "no Ray answers at 127.0.0.1:99999 ("),
        ("http://127.0.0.1:8265/", "'http://127.0.0.1:8265/' is no address of Ray: say local, auto, HOST:6379"),
        ("nonsense", "'nonsense' is no address of Ray: say local"),
    ],
)
def test_an_address_where_no_ray_is_is_told_at_once(
    address: str, told: str, corpus: Path, tmp_path: Path, run: Run
) -> None:
    pytest.importorskip("ray")
    port = _free_port()
    started = time.monotonic()
    status, _, err = run("build", corpus, "--index", tmp_path / "index", "--ray", address.format(port=port))
    assert status == 1 and told.format(port=port) in err, err
    assert "\n" not in err.strip() and time.monotonic() - started < 30


def test_a_build_starts_a_ray_of_its_own_and_ends_it(
    briefs: Path, alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    encoder = BigramEncoder()
    briefqa.build(briefs, tmp_path / "index", encoder, workers=2, ray="local")
    assert vectors(tmp_path / "index") == vectors(alone)
    assert not encoder.embedded and not ray.is_initialized()


@pytest.fixture(scope="module")
def ray() -> Iterator[None]:
    """A local Ray of two workers."""
    ray = pytest.importorskip("ray")
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = PYTHONPATH
    try:
        ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
    yield
    ray.shutdown()


@pytest.fixture(params=["processes", "ray"])
def way(request: pytest.FixtureRequest) -> dict[str, Any]:
    """How a build has two workers."""
    if request.param == "processes":
        return {"workers": 2}
    request.getfixturevalue("ray")
    return {"workers": 2, "ray": "auto"}


def test_a_build_with_workers_gives_the_vectors_of_one_without_bit_by_bit(
    way: dict[str, Any], briefs: Path, alone: Path, tmp_path: Path
) -> None:
    encoder = Killed(tmp_path / "notes", "", 0)
    steps: list[tuple[int, int]] = []
    report = briefqa.build(
        briefs,
        tmp_path / "index",
        encoder,
        progress=lambda step, done, total: steps.append((done, total)) if step == "embedding" else None,
        **way,
    )
    assert report.articles_added == BRIEFS and not report.problems
    assert vectors(tmp_path / "index") == vectors(alone)
    assert steps[-1][0] == steps[-1][1] == len(vectors(alone)) and len(steps) > 4
    assert not encoder.embedded, "the parent embedded"
    assert f"alive-{os.getpid()}" not in {path.name for path in (tmp_path / "notes").iterdir()}


def test_a_ray_that_the_program_has_connected_stays(ray: None, briefs: Path, alone: Path, tmp_path: Path) -> None:
    import ray as connected

    briefqa.build(briefs, tmp_path / "index", BigramEncoder(), ray="auto")
    assert connected.is_initialized() and vectors(tmp_path / "index") == vectors(alone)


def test_a_killed_workers_batch_is_done_again(way: dict[str, Any], briefs: Path, alone: Path, tmp_path: Path) -> None:
    encoder = Killed(tmp_path / "notes", "第77号", 2)
    briefqa.build(briefs, tmp_path / "index", encoder, **way)
    assert len(list((tmp_path / "notes").glob("death-*"))) == 2
    assert vectors(tmp_path / "index") == vectors(alone)


def test_a_batch_that_kills_every_worker_ends_the_build_and_leaves_the_old_index(
    way: dict[str, Any], briefs: Path, tmp_path: Path, corpus: Path, index: Path
) -> None:
    before = vectors(index)
    with pytest.raises(WorkersError, match="tried 4 times|started 3 times"):
        briefqa.build(briefs, index, Killed(tmp_path / "notes", "第77号", 99), **way)
    assert vectors(index) == before


def test_what_the_encoder_says_in_a_worker_is_what_the_build_says(
    way: dict[str, Any], briefs: Path, tmp_path: Path
) -> None:
    with pytest.raises(EncoderNotFoundError, match="the weights are gone"):
        briefqa.build(briefs, tmp_path / "index", Failing(), **way)


def test_a_worker_with_another_encoder_is_told(way: dict[str, Any], briefs: Path, tmp_path: Path) -> None:
    with pytest.raises(WorkersError, match=r"another encoder \(bigrams/2\) than this build \(bigrams/1\)"):
        briefqa.build(briefs, tmp_path / "index", Other(), **way)


def test_an_encoder_that_cannot_be_sent_is_told_before_anything_starts(
    way: dict[str, Any], corpus: Path, tmp_path: Path
) -> None:
    with pytest.raises(WorkersError, match="the encoder 'bigrams' cannot be sent to other processes .*lock"):
        briefqa.build(corpus, tmp_path / "index", Stuck(), **way)


def test_a_few_texts_start_no_workers(corpus: Path, tmp_path: Path, encoder: BigramEncoder) -> None:
    briefqa.build(corpus, tmp_path / "index", encoder, workers=8)
    assert encoder.embedded


class Shuffled:
    """A pool that gives its batches back in another order."""

    count, started = 3, True

    def embed(self, batches: Sequence[Sequence[str]]) -> Iterator[tuple[int, np.ndarray]]:
        for number in reversed(range(len(batches))):
            yield number, BigramEncoder().encode_document(batches[number])


@pytest.mark.parametrize("count", [0, 1, 32, 33, 500, 9001])
def test_rows_are_in_the_order_of_the_texts_whatever_is_done_first(count: int) -> None:
    texts = [f"text {number} " + "x" * (number * 7919 % 97) for number in range(count)]
    steps: list[int] = []
    rows = FannedOut(BigramEncoder(), Shuffled()).encode_document(texts, steps.append)
    assert np.array_equal(rows, BigramEncoder().encode_document(texts))
    assert sum(steps) == count


@pytest.mark.parametrize("count", [0, -3])
def test_less_than_one_worker_is_refused(count: int, corpus: Path, tmp_path: Path, run: Run) -> None:
    with pytest.raises(WorkersError, match=f"1 worker or more, not {count}"):
        briefqa.build(corpus, tmp_path / "index", workers=count)
    status, _, err = run("build", corpus, "--index", tmp_path / "index", "--workers", count)
    assert status == 2 and "--workers" in err


def test_workers_share_the_cores_among_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from briefqa.threads import cores

    all_cores = cores()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert cores() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", str(all_cores + 7))
    assert cores() == all_cores


SCRIPT = """
import sys
from pathlib import Path
sys.path[:0] = {paths!r}
import briefqa
from test_fanout import Killed

def main():
    briefqa.build({briefs!r}, {index!r}, Killed(Path({notes!r}), "", 0), workers=2)

{ending}
"""


def _script(tmp_path: Path, briefs: Path, ending: str) -> Path:
    path = tmp_path / "program.py"
    values = {"briefs": str(briefs), "index": str(tmp_path / "index"), "notes": str(tmp_path / "notes")}
    path.write_text(SCRIPT.format(paths=[str(Path(__file__).parent)], ending=ending, **values), encoding="utf-8")
    return path


def test_a_script_without_the_guard_is_told_of_it(tmp_path: Path, briefs: Path) -> None:
    program = _script(tmp_path, briefs, "main()")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 1 and 'below `if __name__ == "__main__":`' in done.stderr


def test_a_script_with_the_guard_builds(tmp_path: Path, briefs: Path, alone: Path) -> None:
    program = _script(tmp_path, briefs, 'if __name__ == "__main__":\n    main()')
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    assert vectors(tmp_path / "index") == vectors(alone)


class Slow(Killed):
    """Takes its time, so that there is time to kill its parent."""

    def encode_document(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
        rows = super().encode_document(texts, progress)
        time.sleep(30)
        return rows


def test_workers_end_with_a_build_that_is_killed(tmp_path: Path, briefs: Path) -> None:
    program = _script(tmp_path, briefs, 'if __name__ == "__main__":\n    main()')
    program.write_text(program.read_text(encoding="utf-8").replace("Killed", "Slow"), encoding="utf-8")
    build = subprocess.Popen([sys.executable, program])
    try:
        workers = _wait_for(lambda: [int(p.name[6:]) for p in (tmp_path / "notes").glob("alive-*")] or None)
    finally:
        build.kill()
        build.wait()
    _wait_for(lambda: not any(_is_alive(worker) for worker in workers) or None)


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _wait_for(look: Callable[[], object]) -> list[int]:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        if found := look():
            return found if isinstance(found, list) else []
        time.sleep(0.05)
    raise AssertionError("it did not happen within a minute")


def test_an_encoder_by_name_is_sent_as_its_name(tmp_path: Path) -> None:
    with pytest.raises(EncoderNotFoundError, match="no folder"):
        Portable("./nowhere", "folder 1", cache_dir=tmp_path).load()


def test_workers_of_a_name_load_it_themselves(briefs: Path, tmp_path: Path) -> None:
    """The bundled encoder computes in bfloat16 where it can, whose last bits depend on what else is in a batch."""
    (few := tmp_path / "few").mkdir()
    text = "".join(f"第{number}条说，存储芯片的出口许可在{number}月发放。" for number in range(450))
    (few / "long.md").write_text(f"# 条款\n\n{text}", encoding="utf-8")
    assert briefqa.build(few, tmp_path / "two", workers=2).chunks_embedded
    briefqa.build(few, tmp_path / "one")
    ours, theirs = vectors(tmp_path / "two"), vectors(tmp_path / "one")
    assert ours.keys() == theirs.keys() and len(ours) > 450
    cosines = [
        float(np.frombuffer(ours[key], np.float16).astype(float) @ np.frombuffer(theirs[key], np.float16))
        for key in ours
    ]
    assert min(cosines) > 0.999
    assert Workers(2) == Workers(count=2, ray="")


def test_a_batch_that_is_handed_in_while_the_pool_breaks_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(ProcessPoolExecutor):
        def submit(self, *_: object, **__: object) -> Future[object]:  # type: ignore[override]
            raise BrokenProcessPool

    monkeypatch.setattr(processes, "_SECONDS_BETWEEN_LOOKS", 0.05)
    done: Future[object] = Future()
    done.set_result([])
    assert list(processes._done({done, Future()}, Broken(1))) == [done]  # type: ignore[arg-type]
