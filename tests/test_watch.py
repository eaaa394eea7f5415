"""A watched corpus: real files, real events, and the index follows; by the clock too."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import POLICY, WEATHER, BigramEncoder

import briefqa
from briefqa.indexing import Builder, BuildReport
from briefqa.store import IndexWriter
from briefqa.watching import Built, Trouble, Watcher, WatchEvent, Watching, alarms, sight, watcher

PATIENT = 20.0  # seconds for what takes a tenth of one on an idle machine
BAD = "---\ntitle: [broken\n---\n\ntext\n"
NEW = "# New\n\nQuantum computers.\n"


class Told:
    """What a watcher told, to be waited for."""

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[WatchEvent] = queue.SimpleQueue()
        self.all: list[WatchEvent] = []

    def __call__(self, event: WatchEvent) -> None:
        self.all.append(event)
        self._events.put(event)

    def next(self, kind: type[Any]) -> Any:
        """Wait for the next event of a kind."""
        until = time.monotonic() + PATIENT
        while True:
            event = self._events.get(timeout=max(until - time.monotonic(), 0.01))
            if isinstance(event, kind):
                return event

    def report(self) -> BuildReport:
        """Wait for the next build, and return its report."""
        report: BuildReport = self.next(Built).report
        return report

    def counts(self) -> tuple[int, int, int]:
        """Wait for the next build, and return how many articles it added, updated and removed."""
        report = self.report()
        return report.articles_added, report.articles_updated, report.articles_removed


@contextmanager
def watched(corpus: Path, index: Path, encoder: BigramEncoder, poll: bool | None = False) -> Iterator[Told]:
    """Watch a corpus in a thread, from the first build on."""
    told = Told()
    watching = Watcher(corpus, index, encoder, poll=poll, tell=told)
    thread = threading.Thread(target=watching.run)
    thread.start()
    try:
        told.report()
        yield told
    finally:
        watching.stop()
        thread.join(PATIENT)
        assert not thread.is_alive()


@pytest.fixture(params=["events", "clock"])
def told(
    request: pytest.FixtureRequest, corpus: Path, index: Path, encoder: BigramEncoder, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Told]:
    monkeypatch.setenv("WATCHFILES_POLL_DELAY_MS", "100")
    with watched(corpus, index, encoder, poll=request.param == "clock") as told:
        yield told


def articles(index: Path, encoder: BigramEncoder) -> set[str]:
    with briefqa.open(index, encoder) as qa, qa.store.snapshot() as snapshot:
        return {article.slug for article in snapshot.articles()}


def eventually(true: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENT
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


# What changes


def test_what_is_written_changed_and_deleted_is_in_the_next_answer(
    told: Told, corpus: Path, index: Path, encoder: BigramEncoder
) -> None:
    with briefqa.open(index, encoder) as qa:
        encoder.embedded.clear()
        (corpus / "new.md").write_text(NEW, encoding="utf-8")
        assert told.counts() == (1, 0, 0) and len(encoder.embedded) == 1
        assert qa.retrieve("Quantum computers", k=1)[0].article == "new"
        (corpus / "new.md").write_text(NEW + "\n## More\n\nThey are cold.\n", encoding="utf-8")
        assert told.counts() == (0, 1, 0) and all("cold" in text for text in encoder.embedded[1:])
        (corpus / "new.md").unlink()
        assert told.counts() == (0, 0, 1)
        assert "new" not in {hit.article for hit in qa.retrieve("Quantum computers", k=9)}
        assert qa.info().generation == 4


def test_editors_that_save_by_renaming_are_understood(told: Told, corpus: Path, encoder: BigramEncoder) -> None:
    path = corpus / "policy.md"
    for number in range(2):
        swap = corpus / f".policy.md.{number}.tmp"  # as most write: another file, then in its place
        swap.write_text(POLICY.replace("25%", f"{number}%"), encoding="utf-8")
        swap.replace(path)
        assert told.counts() == (0, 1, 0)
    path.rename(corpus / "policy.md~")  # as vim does: the old one aside, a new one in its place
    path.write_text(POLICY.replace("25%", "99%"), encoding="utf-8")
    (corpus / "policy.md~").unlink()
    assert told.counts() == (0, 1, 0)
    os.utime(path, ns=(0, 0))
    path.write_text(POLICY.replace("25%", "98%"), encoding="utf-8")  # as long as before
    assert told.counts() == (0, 1, 0)
    assert encoder.embedded[-1].count("98%") == 1


def test_a_new_folder_and_what_comes_into_it_later_are_seen(told: Told, corpus: Path) -> None:
    (corpus / "a" / "b").mkdir(parents=True)
    (corpus / "a" / "b" / "one.md").write_text(NEW, encoding="utf-8")
    assert told.counts() == (1, 0, 0)
    (corpus / "a" / "b" / "two.md").write_text(NEW, encoding="utf-8")
    assert told.counts() == (1, 0, 0)
    (corpus / "a").rename(corpus / "c")
    assert told.counts() == (2, 0, 2)
    (corpus / "c" / "b" / "three.md").write_text(NEW, encoding="utf-8")
    assert told.counts() == (1, 0, 0)
    shutil.rmtree(corpus / "c")
    assert told.counts() == (0, 0, 3)
    (corpus / "c").mkdir()  # of the same name, and maybe of the same number
    (corpus / "c" / "four.md").write_text(NEW, encoding="utf-8")
    assert told.counts() == (1, 0, 0)
    (corpus / "c" / "five.md").write_text(NEW, encoding="utf-8")
    assert told.counts() == (1, 0, 0)


def test_a_storm_of_a_thousand_files_is_a_few_builds(
    told: Told, corpus: Path, index: Path, encoder: BigramEncoder
) -> None:
    for number in range(1000):
        (corpus / f"{number:04}.md").write_text(f"# {number}\n\nStorm {number}.\n", encoding="utf-8")
    builds = added = 0
    while added < 1000:
        added += told.report().articles_added
        builds += 1
    assert builds <= 5 and len(articles(index, encoder)) == 1003


def test_what_changes_nothing_is_not_told(told: Told, corpus: Path) -> None:
    (corpus / "notes.txt").write_text("no article", encoding="utf-8")
    (corpus / ".hidden.md").write_text(NEW, encoding="utf-8")
    os.utime(corpus / "policy.md")
    (corpus / "weather.md").write_text(WEATHER, encoding="utf-8")
    time.sleep(0.5)
    (corpus / "new.md").write_text(NEW, encoding="utf-8")
    assert told.counts() == (1, 0, 0)
    assert [type(event) for event in told.all] == [Watching, Built, Built]


# What is not whole yet


def test_a_file_that_is_written_slowly_is_read_when_it_is_whole(told: Told, corpus: Path) -> None:
    with (corpus / "slow.md").open("w", encoding="utf-8") as file:
        for number in range(40):
            file.write(f"Sentence {number}. ")
            file.flush()
            time.sleep(0.03)
        file.write("The end.\n")
    reports = [told.report()]
    while reports[-1].articles_added + reports[-1].articles_updated == 0:
        reports.append(told.report())
    time.sleep(0.7)
    changes = [event for event in told.all[2:] if isinstance(event, Built)]
    assert len(changes) <= 2  # one for what came within the first moment, at most
    before = len(told.all)
    (corpus / "other.md").write_text(NEW, encoding="utf-8")
    assert told.counts() == (1, 0, 0) and len(told.all) == before + 1


def test_a_file_that_never_ends_keeps_no_other_waiting(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    stop = threading.Event()

    def grow() -> None:
        with (corpus / "log.md").open("a", encoding="utf-8") as file:
            while not stop.wait(0.05):
                file.write("A line of a log.\n")
                file.flush()

    writer = threading.Thread(target=grow)
    with watched(corpus, index, encoder):
        writer.start()
        try:
            time.sleep(1)
            (corpus / "new.md").write_text(NEW, encoding="utf-8")
            eventually(lambda: "new" in articles(index, encoder))
            held = briefqa.plan(corpus, index, encoder)
            assert held.articles_added == ("log",) or held.articles_changed == ("log",)
        finally:
            stop.set()
            writer.join()
        eventually(lambda: not briefqa.find_lag(corpus, index).behind)


def test_a_half_written_file_leaves_the_article_as_it_was_until_it_is_whole(
    told: Told, corpus: Path, index: Path, encoder: BigramEncoder
) -> None:
    (corpus / "policy.md").write_text("---\ntitle: 芯片", encoding="utf-8")  # the front matter is not closed
    (corpus / "empty.md").write_text("", encoding="utf-8")
    time.sleep(1)
    assert "policy" in articles(index, encoder)
    (corpus / "policy.md").write_text(POLICY.replace("25%", "30%"), encoding="utf-8")
    assert told.counts() == (0, 1, 0)
    assert not any(event.report.problems for event in told.all if isinstance(event, Built))


def test_what_stays_broken_is_told_and_no_longer_cited(
    told: Told, corpus: Path, index: Path, encoder: BigramEncoder
) -> None:
    (corpus / "policy.md").write_text(BAD, encoding="utf-8")
    report = told.report()
    assert report.articles_removed == 1 and [problem.path for problem in report.problems] == ["policy.md"]
    (corpus / "policy.md").write_text(POLICY, encoding="utf-8")
    report = told.report()
    assert report.articles_added == 1 and report.problems == ()


# What goes wrong


def test_an_index_that_another_build_writes_to_is_waited_for(told: Told, corpus: Path, index: Path) -> None:
    with IndexWriter(index):
        (corpus / "new.md").write_text(NEW, encoding="utf-8")
        assert "another build is writing" in told.next(Trouble).message
        time.sleep(1.2)
    assert told.counts() == (1, 0, 0)
    assert sum(isinstance(event, Trouble) for event in told.all) == 1


def test_an_error_is_a_line_and_is_tried_again_after_growing_pauses(
    corpus: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(BigramEncoder):
        failures = 3

        def encode_document(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
            if self.failures:
                self.failures -= 1
                raise MemoryError("no room\nfor this")
            return super().encode_document(texts, progress)

    monkeypatch.setattr(watcher, "_FIRST_PAUSE", 0.1)
    with watched(corpus, index, Failing()) as told:
        (corpus / "new.md").write_text(NEW, encoding="utf-8")
        assert told.counts() == (1, 0, 0)
        troubles = [event for event in told.all if isinstance(event, Trouble)]
        assert [trouble.retry_in for trouble in troubles] == [0.1, 0.2, 0.4]
        assert troubles[0].message == "the build failed (MemoryError: no room for this)"
        (corpus / "new.md").unlink()
        assert told.counts() == (0, 0, 1)


def test_a_change_that_may_be_the_cure_is_not_kept_waiting(
    corpus: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Moody(BigramEncoder):
        def encode_document(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
            if any("poison" in text for text in texts):
                raise ValueError("poison")
            return super().encode_document(texts, progress)

    monkeypatch.setattr(watcher, "_FIRST_PAUSE", 0.1)
    monkeypatch.setattr(watcher, "_LONGEST_PAUSE", 600.0)
    with watched(corpus, index, Moody()) as told:
        (corpus / "new.md").write_text("# New\n\npoison\n", encoding="utf-8")
        while told.next(Trouble).retry_in < 2:
            pass
        (corpus / "new.md").write_text(NEW, encoding="utf-8")
        started = time.monotonic()
        assert told.counts() == (1, 0, 0)
        assert time.monotonic() - started < PATIENT / 2


def test_a_damaged_index_does_not_end_the_watcher(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    with watched(corpus, index, encoder) as told:
        content = (index / "briefqa.db").read_bytes()
        (index / "briefqa.db").write_bytes(b"no database" * 1000)
        (corpus / "new.md").write_text(NEW, encoding="utf-8")
        assert "damaged" in told.next(Trouble).message
        (index / "briefqa.db").write_bytes(content)
        assert told.counts() == (1, 0, 0)


def test_a_corpus_that_vanishes_and_comes_back_costs_nothing(
    told: Told, corpus: Path, index: Path, encoder: BigramEncoder
) -> None:
    for _ in range(2):
        encoder.embedded.clear()
        corpus.rename(corpus.with_name("elsewhere"))
        assert "is not there" in told.next(Trouble).message
        assert len(articles(index, encoder)) == 3
        corpus.with_name("elsewhere").rename(corpus)
        time.sleep(0.7)
        (corpus / "new.md").write_text(NEW, encoding="utf-8")
        assert told.counts() == (1, 0, 0) and len(encoder.embedded) <= 1
        (corpus / "new.md").unlink()
        assert told.counts() == (0, 0, 1)


def test_a_corpus_that_is_replaced_in_a_moment_is_watched_on(told: Told, corpus: Path) -> None:
    shutil.copytree(corpus, corpus.with_name("copy"))
    corpus.rename(corpus.with_name("old"))
    corpus.with_name("copy").rename(corpus)
    time.sleep(1)
    (corpus / "new.md").write_text(NEW, encoding="utf-8")
    assert told.counts() == (1, 0, 0)


def test_a_corpus_that_lost_everything_at_once_is_believed_after_a_while(
    corpus: Path, index: Path, encoder: BigramEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "_BELIEVE_EMPTY", 1.5)
    content = {path: path.read_bytes() for path in corpus.rglob("*.md")}
    with watched(corpus, index, encoder) as told:
        for path in content:
            path.unlink()
        assert "lost all" in told.next(Trouble).message and len(articles(index, encoder)) == 3
        for path, data in content.items():
            path.write_bytes(data)
        time.sleep(1)
        assert not any(isinstance(event, Built) for event in told.all[2:])
        for path in content:
            path.unlink()
        assert told.counts() == (0, 0, 3)
    monkeypatch.setattr(watcher, "_BELIEVE_EMPTY", 0.3)
    with watched(corpus, index, encoder):
        pass


def test_a_watcher_that_is_stopped_gives_up_its_build(corpus: Path, index: Path) -> None:
    class Slow(BigramEncoder):
        halfway = threading.Event()

        def encode_document(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
            for _ in texts:
                self.halfway.set()
                time.sleep(0.05)
                if progress:
                    progress(1)
            return self._encode(texts)

    encoder = Slow()
    for number in range(1000):
        (corpus / f"{number}.md").write_text(f"Text {number}.\n", encoding="utf-8")
    watching = Watcher(corpus, index, encoder, tell=lambda _: None)
    thread = threading.Thread(target=watching.run)
    thread.start()
    assert encoder.halfway.wait(PATIENT)
    watching.stop()
    thread.join(PATIENT / 2)
    assert not thread.is_alive() and len(articles(index, encoder)) == 3


# How it is told of changes


def test_polling_is_what_the_user_says_then_the_environment_then_what_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    monkeypatch.setattr(sight, "_MOUNTS", mounts)
    monkeypatch.delenv("WATCHFILES_FORCE_POLLING", raising=False)
    share = tmp_path / "a share"
    (share / "corpus").mkdir(parents=True)
    at = str(share).replace(" ", "\\040")
    for kind, silent in (("nfs4", True), ("cifs", True), ("fuse.sshfs", True), ("ext4", False), ("fuseblk", False)):
        mounts.write_text(
            f"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n23 22 0:45 / {at} rw - {kind} server:/share rw\n",
            encoding="utf-8",
        )
        assert alarms.must_poll(share / "corpus", None) is silent
        assert alarms.must_poll(tmp_path, None) is False
        assert alarms.must_poll(share, True) and not alarms.must_poll(share, False)
    for value, forced in (("1", True), ("true", True), ("false", False), ("disable", False)):
        monkeypatch.setenv("WATCHFILES_FORCE_POLLING", value)
        assert alarms.must_poll(tmp_path, None) is forced
    monkeypatch.setenv("WATCHFILES_FORCE_POLLING", "")
    mounts.unlink()
    assert alarms.must_poll(share, None) is False  # not Linux


def test_a_system_that_cannot_tell_is_looked_at_by_the_clock(
    corpus: Path, index: Path, encoder: BigramEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "OS file watch limit reached")

    monkeypatch.setattr(alarms, "RustNotify", refuse)
    with watched(corpus, index, encoder, poll=None) as told:
        (corpus / "new.md").write_text(NEW, encoding="utf-8")
        assert told.counts() == (1, 0, 0)
        (trouble,) = [event for event in told.all if isinstance(event, Trouble)]
        assert "limit" in trouble.message and "every second" in trouble.message


def test_links_out_of_the_corpus_are_not_watched(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (corpus / "link").symlink_to(tmp_path / "outside")
    (corpus / "loop").symlink_to(corpus)
    seen = sight.look(corpus)
    assert set(seen.folders) == {str(corpus), str(corpus / "industry")} and len(seen.files) == 3


# Without a wait


def test_what_loads_late_is_loaded_before_the_first_change(corpus: Path, index: Path) -> None:
    class Late(BigramEncoder):
        loaded = threading.Event()

        def load_bulk(self) -> None:
            self.loaded.set()

    told = Told()
    watching = Watcher(corpus, index, Late(), tell=told, ready=True)
    thread = threading.Thread(target=watching.run)
    thread.start()
    assert Late.loaded.wait(PATIENT)
    watching.stop()
    thread.join(PATIENT)


def test_an_encoder_by_name_is_loaded_once_for_many_builds(
    corpus: Path, index: Path, encoder: BigramEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    monkeypatch.setattr("briefqa.indexing.load_encoder", lambda name, *_: loaded.append(name) or encoder)
    builder = Builder(corpus, index)
    for text in ("One.", "Two."):
        (corpus / "new.md").write_text(f"# New\n\n{text}\n", encoding="utf-8")
        builder.build()
    builder.make_ready()
    assert loaded == ["bigrams"]


# The command

PROGRAM = """
import sys
sys.path.insert(0, {tests!r})
import briefqa.indexing, briefqa.cli
from conftest import BigramEncoder
briefqa.indexing.load_encoder = lambda *_: BigramEncoder()
sys.argv = ["briefqa", *{args!r}]
briefqa.cli.main()
"""


@contextmanager
def command(*args: object) -> Iterator[subprocess.Popen[str]]:
    program = PROGRAM.format(tests=str(Path(__file__).parent), args=[str(arg) for arg in args])
    pipe = subprocess.PIPE
    heed = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    with subprocess.Popen([sys.executable, "-c", program], stdout=pipe, stderr=pipe, text=True, **heed) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_command_prints_a_line_a_build_and_ctrl_c_ends_it_quietly(corpus: Path, tmp_path: Path) -> None:
    with command("watch", corpus, "--index", tmp_path / "index", "--encoder", "bigrams") as process:
        assert process.stdout and process.stderr
        assert process.stdout.readline() == f"watching {corpus} for {tmp_path / 'index'}\n"
        assert "3 added, 0 updated, 0 removed; 4 chunks embedded; " in process.stdout.readline()
        (corpus / "new.md").write_text("---\ndate: someday\n---\n\nText.\n", encoding="utf-8")
        assert "1 added, 0 updated, 0 removed; 1 chunks embedded; " in process.stdout.readline()
        assert process.stderr.readline().startswith("new.md:2: ")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENT) == 130
        assert (process.stdout.read(), process.stderr.read()) == ("", "")


def test_the_command_prints_a_line_of_json_for_each_event(corpus: Path, tmp_path: Path) -> None:
    with command("watch", corpus, "--index", tmp_path / "index", "--encoder", "bigrams", "--json", "--poll") as process:
        assert process.stdout and process.stderr
        first, second = (json.loads(process.stdout.readline()) for _ in range(2))
        assert (first["event"], first["polling"]) == ("watching", True)
        assert (second["event"], second["articles_added"], second["problems"]) == ("built", 3, [])
        corpus.rename(tmp_path / "away")
        trouble = json.loads(process.stdout.readline())
        assert trouble["event"] == "trouble" and trouble["retry_in"] > 0 and "is not there" in trouble["message"]
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENT) == 130 and process.stderr.read() == ""


def test_the_command_logs_a_line_of_json_for_each_build(corpus: Path, tmp_path: Path) -> None:
    with command("watch", corpus, "--index", tmp_path / "index", "--encoder", "bigrams", "--log-json") as process:
        assert process.stdout and process.stderr
        logged = json.loads(process.stderr.readline())
        assert (logged["level"], logged["articles_added"], logged["chunks_embedded"]) == ("info", 3, 4)


def test_a_corpus_that_was_never_there_is_a_mistake(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    status, out, err = run("watch", tmp_path / "none", "--index", tmp_path / "index")
    assert (status, out) == (1, "") and err.startswith("briefqa: corpus ") and len(err.splitlines()) == 1
