"""Builds that are killed, or that have no room, each in a process of its own; run by test_durability.py.

    python tests/crashing.py kill OLD CORPUS WORK       # kills a build at each of its steps
    python tests/crashing.py room OLD CORPUS WORK       # builds with ever more room
    python tests/crashing.py torn OLD CORPUS WORK       # cuts the log of a build that was killed after its commit
    python tests/crashing.py lent OLD CORPUS WORK       # asks as somebody who may not write, while others build

OLD: an index. CORPUS: what it is to become. WORK: an empty folder. Prints what became of OLD as JSON: how often it is
"old" and how often "new", each asked, inspected and built upon; what else is found ends the run with a traceback.
"lent" prints how many questions were answered of how many generations.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path

from conftest import BigramEncoder

import briefqa
from briefqa.lexicon import load_lexicon
from briefqa.settings import Settings
from briefqa.store import IndexWriter, inspection

# Loaded before the first fork; FAISS is only used after it, because threads do not survive one.
LEXICON = load_lexicon(Settings.from_environment().cache_dir)

UNPRIVILEGED = 65534  # nobody
State = tuple[tuple[str, str], ...]


def build(corpus: Path, index: Path) -> briefqa.BuildReport:
    return briefqa.build(corpus, index, encoder=BigramEncoder())


def state(index: Path) -> State:
    """Return what questions see of an index: the texts and their ranking."""
    with briefqa.open(index, encoder=BigramEncoder()) as qa:
        return tuple(sorted((hit.article, hit.text) for hit in qa.retrieve("chips", k=99)))


def forked(work: Callable[[], object]) -> int:
    """Do something in a process of its own and return how it ended."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill_at(step: int, index: Path) -> None:
    """End this process, as a power cut would, before its nth statement of SQL or change of a file below the index."""
    steps = count(1)

    def count_step(*_: object) -> None:
        if next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    connect = sqlite3.connect

    def traced(*args: object, **kwargs: object) -> sqlite3.Connection:
        connection = connect(*args, **kwargs)  # type: ignore[call-overload]
        connection.set_trace_callback(count_step)
        return connection  # type: ignore[no-any-return]

    def hook(event: str, args: tuple[object, ...]) -> None:
        changes = event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.unlink", "open")
        if changes and str(index) in str(args[0]):
            count_step()

    sqlite3.connect = traced  # type: ignore[assignment]
    sys.addaudithook(hook)


def check(index: Path, corpus: Path, old: State, new: State) -> str:
    """Say which of two states an index is in; then build, and it must be in the new one, and sound."""
    found = state(index)
    assert found in (old, new), found
    assert not inspection.inspect(index, LEXICON.places)
    build(corpus, index)
    assert state(index) == new
    assert not inspection.inspect(index, LEXICON.places)
    left = [path.name for path in index.iterdir() if "tmp" in path.name]
    assert not left, left
    return "old" if found == old else "new"


def walk_through_steps(old: Path, corpus: Path, work: Path) -> None:
    for step in count(1):
        index = shutil.copytree(old, work / str(step))

        def killed(step: int = step, index: Path = index) -> None:
            kill_at(step, index)
            build(corpus, index)

        if forked(killed) == 0:
            shutil.rmtree(index)
            return


def give_ever_more_room(old: Path, corpus: Path, work: Path) -> None:
    """Build with a limit on the size of any file; what a full disk or a quota says is the same to SQLite."""
    for step, limit in enumerate(range(0, 2_000_000, 15_000)):
        index = shutil.copytree(old, work / str(step))

        def limited(limit: int = limit, index: Path = index) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            try:
                build(corpus, index)
            except briefqa.IndexWriteError as error:
                assert str(index) in str(error) and "make room" in str(error)
                os._exit(7)

        ended = forked(limited)
        assert ended in (0, 7), ended
        if ended == 0:
            return
    raise AssertionError("it never ended well")


def cut_the_log(old: Path, corpus: Path, work: Path) -> None:
    """Leave ever more of the log: what a commit has written when the power goes."""
    whole = shutil.copytree(old, work / "whole")

    def committed() -> None:
        from briefqa.store import writer

        writer.save_cache = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        build(corpus, whole)

    assert forked(committed) == -signal.SIGKILL
    log = (whole / "briefqa.db-wal").read_bytes()
    assert len(log) > 20_000
    for step, length in enumerate([*range(0, len(log), len(log) // 40), len(log) - 1]):
        index = shutil.copytree(old, work / str(step))
        (index / "briefqa.db-wal").write_bytes(log[:length])


def lend(old: Path, corpus: Path, work: Path) -> None:
    """Ask as another user, who cannot lock the database, while its owner builds again and again."""
    public = Path(tempfile.mkdtemp())
    public.chmod(0o755)
    index, articles, stop = (public / name for name in ("index", "corpus", "stop"))
    shutil.copytree(old, index)
    shutil.copytree(corpus, articles)
    reading, writing = os.pipe()

    def ask() -> None:
        os.setuid(UNPRIVILEGED)
        os.environ.pop("BRIEFQA_INDEX", None)
        seen: set[int] = set()
        asked = 0
        try:
            IndexWriter(index)  # a build says so before it embeds anything
            raise AssertionError("it was written")
        except briefqa.IndexWriteError as error:
            assert "readonly" in str(error) or "unable to open" in str(error), error
        with briefqa.open(index, encoder=BigramEncoder()) as qa:
            while not stop.exists():
                answer = qa.ask("Which number is the new chip?")
                assert answer.citations, answer
                numbers = {citation.quote for citation in answer.citations if "number" in citation.quote}
                assert numbers <= {f"The new chip is number {answer.generation}."}, answer
                seen.add(answer.generation)
                asked += 1
            newest = qa.ask("Which number is the new chip?").generation
        os.write(writing, json.dumps({"asked": asked, "seen": len(seen), "newest": newest}).encode())

    def build_next(generation: int) -> None:
        text = f"# Chip\n\nThe new chip is number {generation}.\n"
        (articles / "chip.md").write_text(text, encoding="utf-8")
        build(articles, index)

    def build_often() -> None:
        try:
            for generation in range(3, 32):
                build_next(generation)
                time.sleep(0.05)
        finally:
            stop.touch()

    try:
        assert forked(lambda: build_next(2)) == 0
        asking = os.fork()
        if asking == 0:
            try:
                ask()
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
        assert forked(build_often) == 0
        assert os.waitstatus_to_exitcode(os.waitpid(asking, 0)[1]) == 0
        sys.stdout.write(os.read(reading, 1000).decode())
    finally:
        shutil.rmtree(public)


def main() -> None:
    old, corpus, work = map(Path, sys.argv[2:])
    if sys.argv[1] == "lent":
        lend(old, corpus, work)
        return
    leave = {"kill": walk_through_steps, "room": give_ever_more_room, "torn": cut_the_log}[sys.argv[1]]
    leave(old, corpus, work)

    def report() -> None:
        before = state(old)
        new = shutil.copytree(old, work.with_name("new"))
        build(corpus, new)
        after = state(new)
        assert before != after
        found: Counter[str] = Counter()
        for index in sorted(work.iterdir()):
            try:
                found[check(index, corpus, before, after)] += 1
            except BaseException:
                sys.stderr.write(f"after step {index.name}:\n")
                raise
        sys.stdout.write(json.dumps(found))
        sys.stdout.flush()

    sys.exit(forked(report))


if __name__ == "__main__":
    main()
