"""An open index takes up whatever becomes of it between two questions, and no question fails."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import BigramEncoder, Run

import briefqa
from briefqa.store import IndexWriter, open_writer

TESTS = Path(__file__).parent


class Smaller(BigramEncoder):
    """Another encoder: what is remembered of one would not even fit the other."""

    name = "smaller"
    fingerprint = "smaller/1"
    dim = 40


@pytest.fixture
def encoders(monkeypatch: pytest.MonkeyPatch) -> dict[str, BigramEncoder]:
    """Return what can be loaded by name."""
    known = {"bigrams": BigramEncoder(), "smaller": Smaller()}

    def load(name: str, *_: object) -> BigramEncoder:
        if name not in known:
            raise briefqa.EncoderNotFoundError(f"There is no encoder {name!r}.")
        return known[name]

    monkeypatch.setattr("briefqa.indexing.load_encoder", load)
    monkeypatch.setattr("briefqa.api.load_encoder", load)
    return known


def start(code: str, *args: object) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code, *map(str, args)], cwd=TESTS, stdout=subprocess.PIPE, text=True)


def test_a_hundred_generations_cost_no_memory_and_no_files(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, TESTS / "swapping.py", tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    early, late = json.loads(done.stdout)
    assert late["memory"] < 1.1 * early["memory"]  # of 110 MB; each generation has 1.2 MB of vectors alone
    assert late["files"] <= early["files"] + 2 and late["mapped"] <= early["mapped"] + 4
    assert late["generations"] == early["generations"] == 1


READER = """
import sys
from pathlib import Path
from conftest import BigramEncoder
import briefqa

with briefqa.open(sys.argv[1], encoder=BigramEncoder()) as qa:
    seen = 0
    while seen < 10:
        answer = qa.ask("Which number is the new chip?")
        said = [citation.quote for citation in answer.citations if "number" in citation.quote]
        assert said == ([f"The new chip is number {answer.generation}."] if answer.generation > 1 else []), answer
        if answer.generation > seen:
            seen = answer.generation
            print(seen, flush=True)
"""


def test_a_reader_in_another_process_follows_without_a_failed_question(
    corpus: Path, index: Path, encoder: BigramEncoder
) -> None:
    reader = start(READER, index)
    assert reader.stdout and reader.stdout.readline() == "1\n"
    for generation in range(2, 11):
        (corpus / "chip.md").write_text(f"# Chip\n\nThe new chip is number {generation}.\n", encoding="utf-8")
        briefqa.build(corpus, index, encoder=encoder)
    assert reader.wait(timeout=60) == 0
    assert reader.stdout.read().splitlines()[-1] == "10"
    reader.stdout.close()


# Another encoder


@pytest.mark.both_stores
def test_an_encoder_with_a_name_is_exchanged_between_two_questions(
    corpus: Path, index: Path, encoders: dict[str, BigramEncoder]
) -> None:
    with briefqa.open(index) as qa:
        assert qa.retrieve("Blackwell", k=1)[0].anchor == "banned"
        briefqa.build(corpus, index, encoder="smaller", full=True)
        assert qa.retrieve("Blackwell", k=1)[0].anchor == "banned"  # the same question, which is remembered
        assert qa.info().encoder == "smaller"
        briefqa.build(corpus, index, encoder="bigrams", full=True)
        assert qa.retrieve("Blackwell", k=1)[0].anchor == "banned"


@pytest.mark.both_stores
def test_an_encoder_that_was_asked_for_by_name_is_exchanged_too(
    corpus: Path, index: Path, encoders: dict[str, BigramEncoder]
) -> None:
    with briefqa.open(index, encoder="bigrams") as qa:
        assert qa.ask("Blackwell").answered
        briefqa.build(corpus, index, encoder="smaller", full=True)
        assert qa.ask("Blackwell").answered


@pytest.mark.both_stores
def test_an_encoder_of_ones_own_is_refused_with_both_until_it_is_right_again(
    corpus: Path, index: Path, encoder: BigramEncoder
) -> None:
    with briefqa.open(index, encoder=encoder) as qa:
        assert qa.ask("Blackwell").answered
        briefqa.build(corpus, index, encoder=Smaller(), full=True)
        for _ in range(2):
            with pytest.raises(briefqa.EncoderMismatchError, match="smaller/1, not bigrams/1.*--full --encoder"):
                qa.ask("Blackwell")
        briefqa.build(corpus, index, encoder=BigramEncoder(), full=True)
        assert qa.ask("Blackwell").answered


@pytest.mark.both_stores
def test_new_weights_under_the_same_name_are_loaded(
    corpus: Path, index: Path, encoders: dict[str, BigramEncoder]
) -> None:
    with briefqa.open(index) as qa:
        assert qa.ask("Blackwell").answered
        encoders["bigrams"] = Smaller()
        encoders["bigrams"].name = "bigrams"
        briefqa.build(corpus, index, full=True)
        assert qa.ask("Blackwell").answered


@pytest.mark.both_stores
def test_questions_are_answered_from_the_old_index_while_another_encoder_embeds(
    corpus: Path, index: Path, encoders: dict[str, BigramEncoder]
) -> None:
    embedding, go_on = threading.Event(), threading.Event()

    class Slow(Smaller):
        def encode_document(self, texts: Sequence[str], *args: object) -> np.ndarray:
            embedding.set()
            assert go_on.wait(30)
            return super().encode_document(texts)

    encoders["smaller"] = Slow()
    with briefqa.open(index) as qa:
        build = threading.Thread(
            target=briefqa.build, args=(corpus, index, "smaller"), kwargs={"full": True}, daemon=True
        )
        build.start()
        assert embedding.wait(30)
        for _ in range(3):
            answer = qa.ask("Blackwell")
            assert answer.answered and answer.generation == 1
        with briefqa.open(index) as second:
            assert second.ask("Blackwell").generation == 1
        go_on.set()
        build.join(30)
        answer = qa.ask("Blackwell")
        assert answer.answered and answer.generation == 2


@pytest.mark.parametrize("when", ["at once", "in the midst"])
@pytest.mark.both_stores
def test_an_encoder_that_fails_leaves_the_old_index_and_its_own(
    corpus: Path, index: Path, encoders: dict[str, BigramEncoder], when: str
) -> None:
    class Failing(Smaller):
        def encode_document(self, *_: object) -> np.ndarray:
            raise briefqa.EncoderNotFoundError("the model is gone")

    if when == "at once":
        del encoders["smaller"]
    else:
        encoders["smaller"] = Failing()
    with briefqa.open(index) as qa:
        with pytest.raises(briefqa.EncoderNotFoundError):
            briefqa.build(corpus, index, encoder="smaller", full=True)
        assert qa.ask("Blackwell").answered and qa.info().encoder == "bigrams"
    assert briefqa.build(corpus, index).articles_unchanged == 3


@pytest.mark.both_stores
def test_questions_of_the_old_generation_do_not_bring_the_old_encoder_back(
    corpus: Path, index: Path, encoders: dict[str, BigramEncoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []

    def load(name: str, *_: object) -> BigramEncoder:
        loaded.append(name)
        return encoders[name]

    monkeypatch.setattr("briefqa.api.load_encoder", load)
    with briefqa.open(index) as qa:
        qa.ask("Blackwell")
        with qa.store.snapshot() as old:
            briefqa.build(corpus, index, encoder="smaller", full=True)
            qa.ask("Blackwell")
            with pytest.raises(briefqa.IndexCorruptError, match="built anew"):
                qa._load_encoder(old)  # `ask` answers this with a newer snapshot
        qa.ask("Blackwell")
    assert loaded == ["bigrams", "smaller"]


# Another index in its place


def test_an_index_that_is_deleted_and_built_again_is_taken_up(
    corpus: Path, index: Path, encoder: BigramEncoder
) -> None:
    with briefqa.open(index, encoder=encoder) as qa:
        assert qa.ask("Blackwell").answered
        shutil.rmtree(index)
        assert qa.ask("Blackwell").answered  # what is open goes on
        (corpus / "policy.md").unlink()
        with IndexWriter(index):
            assert qa.ask("Blackwell").answered  # nothing is committed yet
        briefqa.build(corpus, index, encoder=encoder)
        assert qa.info().articles == 2 and not qa.retrieve("policy", k=9, articles=["policy"])


def test_an_older_copy_that_is_put_back_is_taken_up_also_once_it_is_as_old_as_the_newest(
    corpus: Path, index: Path, encoder: BigramEncoder, tmp_path: Path
) -> None:
    shutil.copytree(index, tmp_path / "copy")
    chip = corpus / "chip.md"

    def build(text: str, times: int) -> None:
        for number in range(times):
            (corpus / "other.md").write_text(f"Words of {number}.\n", encoding="utf-8")
            chip.write_text(text, encoding="utf-8")
            briefqa.build(corpus, index, encoder=encoder)

    build("The new chip is red.\n", 1)
    with briefqa.open(index, encoder=encoder) as qa:
        assert qa.retrieve("new chip", k=1)[0].text == "The new chip is red."
        shutil.rmtree(index)
        shutil.copytree(tmp_path / "copy", index)
        build("The new chip is blue.\n", 1)  # generation 2 once more
        assert qa.retrieve("new chip", k=1)[0].text == "The new chip is blue."
        assert qa.info().generation == 2


def test_a_format_that_appears_while_the_index_is_open_is_refused(index: Path, encoder: BigramEncoder) -> None:
    with briefqa.open(index, encoder=encoder) as qa:
        qa.ask("Blackwell")
        with sqlite3.connect(index / "briefqa.db") as connection:
            connection.execute("UPDATE meta SET value = '99' WHERE key = 'format'")
        connection.close()
        with pytest.raises(briefqa.IndexCorruptError, match="format 99.*upgrade"):
            qa.ask("Blackwell")


@pytest.mark.both_stores
def test_nothing_is_found_where_the_first_build_was_not_committed(
    corpus: Path, tmp_path: Path, encoder: BigramEncoder, store: str
) -> None:
    index = tmp_path / "first"
    with open_writer(index, store), pytest.raises(briefqa.IndexNotFoundError, match="briefqa build"):
        briefqa.open(index, encoder=encoder)
    with pytest.raises(briefqa.IndexNotFoundError, match="briefqa build"):
        briefqa.open(index, encoder=encoder)
    assert briefqa.build(corpus, index, encoder=encoder).articles_added == 3


# One writer

HOLDER = """
import sys, time
from pathlib import Path
from briefqa.store import IndexWriter

with IndexWriter(Path(sys.argv[1])) as writer:
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def test_the_lock_of_a_killed_build_is_nothing(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    holder = start(HOLDER, index, 60)
    assert holder.stdout and holder.stdout.readline() == "held\n"
    with pytest.raises(briefqa.IndexLockedError) as locked:
        briefqa.build(corpus, index, encoder=encoder)
    if sys.platform == "linux" and Path("/proc/locks").exists():
        assert f"(process {holder.pid})" in str(locked.value)
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    assert briefqa.build(corpus, index, encoder=encoder).articles_unchanged == 3


def test_a_build_that_waits_goes_on_when_the_other_ends_and_sees_what_is_new(
    corpus: Path, index: Path, run: Run
) -> None:
    holder = start(HOLDER, index, 3)
    assert holder.stdout and holder.stdout.readline() == "held\n"
    threading.Timer(1.5, (corpus / "new.md").write_text, ["# New\n\nText.\n"]).start()
    status, out, _ = run("build", corpus, "--index", index, "--wait", 60)
    assert status == 0 and out.startswith("1 articles added")
    assert holder.wait() == 0
    holder.stdout.close()


def test_a_build_that_waits_says_for_what_and_not_longer_than_it_should(
    corpus: Path, index: Path, encoder: BigramEncoder, caplog: pytest.LogCaptureFixture
) -> None:
    started = time.monotonic()
    with IndexWriter(index), pytest.raises(briefqa.IndexLockedError, match="wait for it to end"):
        briefqa.build(corpus, index, encoder=encoder, wait=1.5)
    assert 1.5 <= time.monotonic() - started < 20
    (said,) = [record.getMessage() for record in caplog.records if record.name == "briefqa"]
    assert said.startswith("another build (process ") and said.endswith(f"is writing to {index}: waiting for it to end")


def test_the_log_of_the_index_stays_small_while_questions_overlap(
    corpus: Path, index: Path, encoder: BigramEncoder
) -> None:
    stop = threading.Event()

    def ask(qa: briefqa.BriefQA) -> None:
        while not stop.is_set():
            with qa.store.snapshot():
                time.sleep(0.05)

    sizes = []
    with briefqa.open(index, encoder=encoder) as qa:
        readers = [threading.Thread(target=ask, args=(qa,)) for _ in range(4)]
        for number, reader in enumerate(readers):
            threading.Timer(number * 0.0125, reader.start).start()
        try:
            for number in range(12):
                text = "\n\n".join(f"Sentence {number} {i} of many words." for i in range(600))
                (corpus / "long.md").write_text(text, encoding="utf-8")
                briefqa.build(corpus, index, encoder=encoder)
                sizes.append((index / "briefqa.db-wal").stat().st_size)
        finally:
            stop.set()
            for reader in readers:
                reader.join()
    assert max(sizes) < 8_000_000, sizes
