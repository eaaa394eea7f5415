"""The store on Milvus, where it is not as any store: addresses, failures, what builds leave, what the engine is told.

What every store must do is tested where it is marked both_stores.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import served
from conftest import POLICY, SAMPLE, BigramEncoder, Run

import briefqa
from briefqa.conversations import read_feedback
from briefqa.lexicon import load_lexicon
from briefqa.settings import Settings
from briefqa.store import Filters, open_reader, open_writer
from briefqa.store.milvus.address import read_address
from briefqa.store.milvus.engine import Engine
from briefqa.ui.rebuilding import Rebuilding

pytest.importorskip("pymilvus")
pytest.importorskip("milvus_lite")

TESTS = Path(__file__).parent
QUESTION = "Blackwell系列与Rubin芯片"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A milvus-lite that stays open from the first build to the last question."""
    where = f"milvus://{tmp_path / 'here.db'}"
    with closing(Engine(read_address(where))):
        yield where


class Server:
    """A Milvus in a process of its own, that can be killed and started again with what it has on its disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.address = f"milvus://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "milvus_lite", "server", "--data-dir", str(self._folder), "--port"]
        self._process = subprocess.Popen(
            [*command, str(self.port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError("the server did not start")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    served = Server(tmp_path / "served")
    yield served
    served.kill()


def eventually(act: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Return what it returns, once it no longer raises StoreError."""
    until = time.monotonic() + seconds
    while True:
        try:
            return act()
        except briefqa.StoreError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


# Addresses.


@pytest.mark.parametrize(
    ("text", "uri", "name", "shown"),
    [
        ("milvus://db", "http://db:19530", "briefqa", "milvus://db:19530"),
        ("milvus://db:1234/press", "http://db:1234", "press", "milvus://db:1234/press"),
        ("http://db:19530", "http://db:19530", "briefqa", "http://db:19530"),
        ("https://db", "https://db:443", "briefqa", "https://db:443"),
        ("milvus://[::1]:19530/a_1", "http://[::1]:19530", "a_1", "milvus://[::1]:19530/a_1"),
        ("milvus:///srv//x/../briefs.db", "/srv/briefs.db", "briefqa", "milvus:///srv/briefs.db"),
        ("milvus:///srv/briefs.db", "/srv/briefs.db", "briefqa", "milvus:///srv/briefs.db"),
    ],
)
def test_an_address_is_a_server_or_a_file(text: str, uri: str, name: str, shown: str) -> None:
    address = read_address(text)
    assert (address.uri, address.name, address.shown) == (uri, name, shown)
    assert address.lite == text.startswith("milvus:///")


@pytest.mark.parametrize(
    "text",
    [
        "milvus://",
        "milvus:///srv",
        "/srv/x.db",
        "postgres://db",
        "milvus://db:99999",
        "milvus://db?x=1",
        "milvus://db#x",
    ],
)
def test_what_is_no_address_is_an_error_that_shows_some(text: str) -> None:
    with pytest.raises(briefqa.SettingsError, match="milvus://host:19530.*milvus:///path.db"):
        read_address(text)


@pytest.mark.parametrize("name", ["a-b", "a__b", "1a", "a_", "é", "a/b", "a" * 81, "x' or 1"])
def test_a_name_that_would_not_be_a_collections_is_refused(name: str) -> None:
    with pytest.raises(briefqa.SettingsError, match="name"):
        read_address(f"milvus://db/{name}")


def test_a_token_in_the_address_is_refused_and_not_repeated() -> None:
    for text in ("milvus://root:s3cret@db", "https://s3cret@db:99999", "milvus://:s3cret@db/x"):
        with pytest.raises(briefqa.SettingsError) as refused:
            read_address(text)
        assert "s3cret" not in str(refused.value)


# What cannot be reached.


def test_a_closed_port_is_one_line_within_seconds(run: Run, corpus: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"milvus://127.0.0.1:{free.getsockname()[1]}"
    started = time.monotonic()
    for command in (("ask", "H200?"), ("search", "H200?"), ("build", corpus), ("status",)):
        status, out, err = run(*command, "--store", address)
        assert (status, out) == (1, "") and err.strip().count("\n") == 0
        assert f"the store {address} cannot be reached: check its address" in err
    assert time.monotonic() - started < 4 * 8


def test_a_server_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        with pytest.raises(briefqa.StoreError, match="cannot be reached"):
            briefqa.open(tmp_path, store=f"milvus://127.0.0.1:{silent.getsockname()[1]}")
        assert time.monotonic() - started < 10


def test_a_server_that_refuses_the_token_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import grpc

    seen: list[str] = []

    class Refusing(grpc.ServerInterceptor):  # type: ignore[misc]
        def intercept_service(self, _: object, details: Any) -> Any:
            seen.extend(str(value) for key, value in details.invocation_metadata if key == "authorization")

            def refuse(_: object, context: Any) -> None:
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "auth check failure, please check api key is correct")

            return grpc.unary_unary_rpc_method_handler(refuse)

    server = grpc.server(futures.ThreadPoolExecutor(2), interceptors=[Refusing()])
    address = f"milvus://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        monkeypatch.delenv("MILVUS_TOKEN", raising=False)
        with pytest.raises(briefqa.StoreError, match="refuses anybody without MILVUS_TOKEN"):
            briefqa.open(tmp_path, store=address)
        monkeypatch.setenv("MILVUS_TOKEN", "s3cret")
        with pytest.raises(briefqa.StoreError, match="refuses the token in MILVUS_TOKEN") as refused:
            briefqa.open(tmp_path, store=address)
        assert "s3cret" not in str(refused.value) and any(seen)  # it was sent
    finally:
        server.stop(0).wait()


def test_without_pymilvus_it_is_said_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(briefqa.StoreError, match=r"pip install 'briefqa\[milvus\]'"):
        briefqa.open(tmp_path, store="milvus://127.0.0.1:1")


def test_a_file_that_is_none_of_milvus_lites_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("mine", encoding="utf-8")
    with pytest.raises(briefqa.StoreError, match="no database of milvus-lite"):
        briefqa.open(tmp_path, store=f"milvus://{tmp_path}/notes.db")
    assert (tmp_path / "notes.db").read_text(encoding="utf-8") == "mine"
    with pytest.raises(briefqa.StoreError, match="make it first"):
        briefqa.build(SAMPLE, tmp_path, store=f"milvus://{tmp_path}/none/x.db")


def test_asking_what_is_not_there_makes_no_database(tmp_path: Path, corpus: Path, encoder: BigramEncoder) -> None:
    store = f"milvus://{tmp_path}/none.db"
    with pytest.raises(briefqa.IndexNotFoundError, match="briefqa build CORPUS --store milvus:///"):
        briefqa.open(tmp_path, encoder, store=store)
    assert briefqa.find_lag(corpus, store=store).behind
    assert briefqa.plan(corpus, encoder=encoder, store=store).chunks_to_embed == 4
    assert not (tmp_path / "none.db").exists()


def test_a_database_that_another_process_has_open_is_told_so(tmp_path: Path) -> None:
    code = (
        "import sys, time; from briefqa.store.milvus.address import read_address; "
        "from briefqa.store.milvus.engine import Engine; Engine(read_address(sys.argv[1])); print('open', flush=True); "
        "time.sleep(60)"
    )
    store = f"milvus://{tmp_path}/one.db"
    with subprocess.Popen([sys.executable, "-c", code, store], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout and holder.stdout.readline() == "open\n"
        with pytest.raises(briefqa.StoreError, match="another process has it open"):
            briefqa.open(tmp_path, store=store)
        holder.kill()


# Builds that end early.


def kill_while_embedding(kill: Callable[[], None]) -> BigramEncoder:
    class Killing(BigramEncoder):
        def encode_document(self, *given: Any) -> np.ndarray:
            vectors = super().encode_document(*given)
            kill()
            return vectors

    return Killing()


def test_a_server_that_is_killed_in_mid_build_serves_the_old_generation_when_it_is_back(
    server: Server, corpus: Path, tmp_path: Path, encoder: BigramEncoder
) -> None:
    briefqa.build(corpus, tmp_path / "index", encoder, store=server.address)
    with briefqa.open(tmp_path / "index", encoder, store=server.address) as qa:
        before = qa.retrieve(QUESTION, k=9)
        (corpus / "new.md").write_text(f"# New\n\n{QUESTION}。\n", encoding="utf-8")
        started = time.monotonic()
        with pytest.raises(briefqa.StoreError, match="cannot be reached.*as it was"):
            briefqa.build(corpus, tmp_path / "index", kill_while_embedding(server.kill), store=server.address)
        with pytest.raises(briefqa.StoreError, match="cannot be reached"):
            qa.retrieve(QUESTION)
        assert time.monotonic() - started < 15
        server.start()
        assert eventually(lambda: qa.retrieve(QUESTION, k=9)) == before and qa.info().generation == 1
        report = briefqa.build(corpus, tmp_path / "index", encoder, store=server.address)  # nobody's lock is in its way
        assert (report.articles_added, report.articles_unchanged) == (1, 3)
        assert qa.retrieve(QUESTION, k=1)[0].article == "new" and qa.info().generation == 2


def test_a_connection_that_is_cut_in_mid_build_leaves_the_old_generation(
    server: Server, corpus: Path, tmp_path: Path, encoder: BigramEncoder
) -> None:
    briefqa.build(corpus, tmp_path / "index", encoder, store=server.address)
    (corpus / "new.md").write_text(f"# New\n\n{QUESTION}。\n", encoding="utf-8")
    with Wire(server.port) as wire, pytest.raises(briefqa.StoreError, match="cannot be reached"):
        store = f"milvus://127.0.0.1:{wire.port}"
        briefqa.build(corpus, tmp_path / "index", kill_while_embedding(wire.cut), store=store)
    with briefqa.open(tmp_path / "index", encoder, store=server.address) as qa:
        assert qa.info().generation == 1 and qa.retrieve(QUESTION, k=1)[0].article == "policy"


class Wire:
    """A line to a port of this machine that can be cut."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def _serve(self) -> None:
        while True:
            try:
                here = self._listener.accept()[0]
                there = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                return
            self._ends += [here, there]
            for source, target in ((here, there), (there, here)):
                threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65_536):
                target.sendall(data)
        except OSError:
            pass

    def cut(self) -> None:
        for end in [self._listener, *self._ends]:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()
        self._ends.clear()


HOLDER = """
import sys, time
from conftest import BigramEncoder
import briefqa

class Slow(BigramEncoder):
    def encode_document(self, *given):
        print("held", flush=True)
        time.sleep(60)

briefqa.build(sys.argv[1], sys.argv[2], Slow(), store=sys.argv[3])
"""


def test_one_build_at_a_time_and_the_lock_of_a_killed_one_is_nothing(
    server: Server, corpus: Path, tmp_path: Path, encoder: BigramEncoder
) -> None:
    command = [sys.executable, "-c", HOLDER, str(corpus), str(tmp_path / "index"), server.address]
    with subprocess.Popen(command, cwd=TESTS, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        with pytest.raises(briefqa.IndexLockedError, match=f"process {holder.pid}.*wait for it to end"):
            briefqa.build(corpus, tmp_path / "index", encoder, store=server.address)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert briefqa.build(corpus, tmp_path / "index", encoder, store=server.address).articles_added == 3
    with closing(Engine(read_address(server.address))) as engine:
        assert not [name for name in engine.collections() if "__lock__" in name]


def test_a_lock_of_another_machine_holds_as_long_as_it_shows_signs_of_life(
    server: Server, corpus: Path, tmp_path: Path, encoder: BigramEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("briefqa.store.milvus.lock._BEAT", 0.2)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("briefqa.store.milvus.lock._host", lambda: "elsewhere")
        theirs = open_writer(tmp_path, server.address)
    monkeypatch.setattr("briefqa.store.milvus.lock._own", set())  # as in another process
    with pytest.raises(briefqa.IndexLockedError, match="on another machine"):
        briefqa.build(corpus, tmp_path / "index", encoder, store=server.address)
    monkeypatch.setattr("briefqa.store.milvus.lock._BEAT", 999.0)
    time.sleep(1)
    monkeypatch.setattr("briefqa.store.milvus.lock._STALE", -10.0)  # as if it had shown none for long
    assert briefqa.build(corpus, tmp_path / "index", encoder, store=server.address).articles_added == 3
    with pytest.raises(briefqa.IndexLockedError, match="took over"), theirs:
        theirs.commit(corpus=corpus, encoder="x", fingerprint="x", chunking="", terms="", problems=())
    with briefqa.open(tmp_path / "index", encoder, store=server.address) as qa:
        assert qa.info().articles == 3


def test_what_a_build_wrote_before_it_failed_is_seen_by_nobody_and_removed_by_the_next(
    corpus: Path, tmp_path: Path, encoder: BigramEncoder, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    briefqa.build(corpus, tmp_path / "index", encoder, store=address)
    with briefqa.open(tmp_path / "index", encoder, store=address) as qa:
        before = qa.retrieve(QUESTION, k=9)
        (corpus / "policy.md").write_text(POLICY.replace("Rubin芯片仍", "Rubin芯片依然"), encoding="utf-8")
        (corpus / "new.md").write_text(f"# New\n\n{QUESTION}。\n", encoding="utf-8")
        with monkeypatch.context() as failing:
            failing.setattr("briefqa.store.milvus.writer.write_manifest", lambda *_: 1 / 0)  # all is written but that
            with pytest.raises(ZeroDivisionError):
                briefqa.build(corpus, tmp_path / "index", encoder, store=address)
        assert qa.retrieve(QUESTION, k=9) == before
        with qa.store.snapshot() as snapshot:
            assert snapshot.known_terms(["依然"]) == set() and snapshot.article("new") is None
        assert rows_of("born > 1", address) > 0
        report = briefqa.build(corpus, tmp_path / "index", encoder, store=address)
        assert (report.articles_added, report.articles_updated, report.articles_unchanged) == (1, 1, 2)
        assert rows_of("born > 2", address) == 0
        briefqa.build(corpus, tmp_path / "fresh", encoder, store="")
        with briefqa.open(tmp_path / "fresh", encoder, store="") as fresh:
            assert described(qa.retrieve(QUESTION, k=9)) == described(fresh.retrieve(QUESTION, k=9))
            assert (qa.info().chunks, qa.info().spans) == (fresh.info().chunks, fresh.info().spans)


def rows_of(expression: str, address: str, kinds: str = "chunks|spans|texts|terms") -> int:
    """Count the rows that an expression is true of, in all collections of these kinds."""
    with closing(Engine(read_address(address))) as engine:
        names = [name for name in engine.collections() if re.search(f"__(?:{kinds})__", name)]
        return sum(engine.count(name, expression) for name in names)


def described(hits: list[briefqa.Hit]) -> list[tuple[str, str, float]]:
    return [(hit.article, hit.anchor, round(hit.score, 5)) for hit in hits]


# Generations.


def test_a_question_ends_on_the_generation_it_began_with_though_two_builds_follow(
    corpus: Path, tmp_path: Path, encoder: BigramEncoder, address: str
) -> None:
    briefqa.build(corpus, tmp_path / "index", encoder, store=address)
    with briefqa.open(tmp_path / "index", encoder, store=address) as qa, qa.store.snapshot() as old:
        query = encoder.encode_query([QUESTION])[0]
        before = [old.chunks(old.nearest_chunks(query, 9, Filters())), old.count_holding(["rubin", "rain"])]
        (corpus / "policy.md").unlink()
        briefqa.build(corpus, tmp_path / "index", encoder, store=address)
        (corpus / "new.md").write_text(f"# New\n\n{QUESTION}。\n", encoding="utf-8")
        briefqa.build(corpus, tmp_path / "index", encoder, store=address, full=True)
        assert [old.chunks(old.nearest_chunks(query, 9, Filters())), old.count_holding(["rubin", "rain"])] == before
        assert old.article("policy") and not old.article("new") and old.generation == 1
        assert [hit.article for hit in qa.retrieve(QUESTION, k=9, articles=["policy", "new"])] == ["new"]


def test_questions_beside_builds_are_answered_from_one_generation_each(
    tmp_path: Path, encoder: BigramEncoder, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("briefqa.store.milvus.writer._ARTICLES_A_WRITE", 1)  # rows are there long before the commit
    monkeypatch.setattr("briefqa.store.milvus.writer._KEPT", 2.0)
    folder = tmp_path / "corpus"
    folder.mkdir()

    def build(number: int) -> None:
        for name in ("a", "b", "c"):
            text = f"# Chip {name}\n\nThe chip {name} is number {number}.\n"
            (folder / f"{name}{number % 2}.md").write_text(text, encoding="utf-8")
            (folder / f"{name}{1 - number % 2}.md").unlink(missing_ok=True)
        briefqa.build(folder, tmp_path / "index", encoder, store=address)

    build(1)
    seen: list[int] = []
    failed: list[object] = []
    ended = threading.Event()

    def see(snapshot: Any) -> None:
        query = encoder.encode_query(["The chip is number"])[0]
        texts = sorted(chunk.text for chunk, _ in snapshot.chunks(snapshot.nearest_chunks(query, 9, Filters())))
        number = snapshot.generation
        expected = [f"The chip {name} is number {number}." for name in ("a", "b", "c")]
        told = {term: count for term, count in snapshot.count_holding(["chip", "number"]).items()}
        if texts != expected or set(told.values()) != {3} or snapshot.info().articles != 3:
            failed.append((number, texts, told))
        seen.append(number)

    with briefqa.open(tmp_path / "index", encoder, store=address) as qa:

        def ask() -> None:
            try:
                while not ended.is_set():
                    qa.store.read(see)
            except Exception as error:
                failed.append(error)

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            for number in range(2, 9):
                build(number)
        finally:
            ended.set()
            for thread in threads:
                thread.join()
    assert not failed and len(set(seen)) >= 4


def test_what_is_no_longer_read_is_removed_and_a_question_that_still_needs_it_is_asked_again(
    corpus: Path, tmp_path: Path, encoder: BigramEncoder, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    briefqa.build(corpus, tmp_path / "index", encoder, store=address)
    monkeypatch.setattr("briefqa.store.milvus.writer._KEPT", -1.0)
    seen: list[int] = []

    def slow(snapshot: Any) -> str:
        seen.append(snapshot.generation)
        if len(seen) == 1:
            for _ in range(2):  # the second one removes what the first replaced
                briefqa.build(corpus, tmp_path / "index", encoder, store=address, full=True)
        return str(snapshot.source("policy", 4, 14))

    with briefqa.open(tmp_path / "index", encoder, store=address) as qa:
        assert qa.store.read(slow) == POLICY[4:14] and seen == [1, 3]
    with closing(Engine(read_address(address))) as engine:
        kinds = sorted(name.split("__")[1] for name in engine.collections())
    assert kinds == sorted(["chunks", "spans", "texts", "terms"] * 2 + ["gen"] * 2)  # the newest, and the one before


def test_an_article_that_changes_often_leaves_neither_rows_nor_counts_behind(
    corpus: Path, tmp_path: Path, encoder: BigramEncoder, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("briefqa.store.milvus.writer._KEPT", -1.0)
    sizes = []
    with monkeypatch.context() as few:
        few.setattr("briefqa.store.milvus.writer._ARTICLES_A_WRITE", 1)
        for number in range(6):
            (corpus / "policy.md").write_text(f"{POLICY}\n第{number}版说明。\n", encoding="utf-8")
            briefqa.build(corpus, tmp_path / "index", encoder, store=address)
            sizes.append(rows_of("id >= 0", address))
    assert max(sizes[2:]) - min(sizes[2:]) <= 4 and sizes[-1] < 1.6 * sizes[0]
    with briefqa.open(tmp_path / "index", encoder, store=address) as qa, qa.store.snapshot() as snapshot:
        assert snapshot.known_terms(["h200"]) == {"h200"} and snapshot.count_holding(["芯片"])["芯片"] == 3
        assert [hit.article for hit in qa.retrieve("第5版说明", k=1)] == ["policy"]


def test_an_unchanged_article_is_neither_embedded_nor_written_again(
    corpus: Path, tmp_path: Path, encoder: BigramEncoder, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    briefqa.build(corpus, tmp_path / "index", encoder, store=address)
    (corpus / "new.md").write_text("# New\n\nOne sentence.\n", encoding="utf-8")
    encoder.embedded.clear()
    before = rows_of("id >= 0", address, "chunks|spans|texts")
    briefqa.build(corpus, tmp_path / "index", encoder, store=address)
    assert encoder.embedded == ["New\nOne sentence."]
    assert rows_of("id >= 0", address, "chunks|spans|texts") == before + 1 + 1 + 5


def test_two_indexes_in_one_server_do_not_touch_each_other(
    server: Server, corpus: Path, tmp_path: Path, encoder: BigramEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("briefqa.store.milvus.writer._KEPT", -1.0)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.md").write_text("# A\n\nOther text.\n", encoding="utf-8")
    for _ in range(2):
        briefqa.build(corpus, tmp_path / "i", encoder, store=f"{server.address}/press", full=True)
        briefqa.build(tmp_path / "other", tmp_path / "i", encoder, store=f"{server.address}/press_2", full=True)
    for name, articles in (("press", 3), ("press_2", 1)):
        with briefqa.open(tmp_path / "i", encoder, store=f"{server.address}/{name}") as qa:
            assert qa.info().articles == articles and qa.retrieve("text Blackwell", k=9)


def test_a_manifest_that_cannot_be_read_is_told_and_the_next_build_starts_over(
    corpus: Path, tmp_path: Path, encoder: BigramEncoder, address: str
) -> None:
    briefqa.build(corpus, tmp_path / "index", encoder, store=address)
    with closing(Engine(read_address(address))) as engine:
        (name,) = [name for name in engine.collections() if "__gen__" in name]
        engine.delete(name, "id >= 0")
        engine.insert(name, [{"id": 0, "body": "{", "none": [1.0, 0.0]}])
        with pytest.raises(briefqa.IndexCorruptError, match="build it again with"):
            briefqa.open(tmp_path / "index", encoder, store=address)
        assert briefqa.build(corpus, tmp_path / "index", encoder, store=address).articles_added == 3
        newer = json.dumps({"format": 99})
        (name,) = [name for name in engine.collections() if "__gen__" in name and name != engine.target("briefqa")] or [
            engine.target("briefqa")
        ]
        newest = engine.target("briefqa")
        engine.delete(newest, "id >= 0")
        engine.insert(newest, [{"id": 0, "body": newer, "none": [1.0, 0.0]}])
        for act in (briefqa.open, lambda *given, **named: briefqa.build(corpus, *given, **named)):
            with pytest.raises(briefqa.IndexCorruptError, match="format 99.*upgrade"):
                act(tmp_path / "index", encoder, store=address)


@pytest.mark.parametrize("kind", ["chunks", "spans", "texts"])
def test_rows_that_somebody_removed_are_told_as_damage_and_a_full_build_mends_it(
    corpus: Path, tmp_path: Path, encoder: BigramEncoder, address: str, kind: str
) -> None:
    briefqa.build(corpus, tmp_path / "index", encoder, store=address)
    with closing(Engine(read_address(address))) as engine, briefqa.open(tmp_path, encoder, store=address) as qa:
        (name,) = [name for name in engine.collections() if f"__{kind}__" in name]
        before = described(qa.retrieve(QUESTION, k=9))
        engine.delete(name, "id > 0" if kind == "texts" else "spans > 0" if kind == "chunks" else "chunk > 0")
        with pytest.raises(briefqa.IndexCorruptError, match=f"0 {kind} of .*--full"):
            qa.retrieve(QUESTION)
        briefqa.build(corpus, tmp_path / "index", encoder, store=address, full=True)
        assert described(qa.retrieve(QUESTION, k=9)) == before


# What is stored, and what is said to the engine.

NAMES = [
    "it's",
    'say "hi"',
    "back\\slash",
    "a] or id > 0 or slug in [1",
    "{x}",
    "100%_",
    "a\u200b反",
    "🤖 or 1==1",
    "新\n行",
]


def test_hostile_values_are_stored_and_compared_as_they_are(
    tmp_path: Path, encoder: BigramEncoder, address: str
) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        title, category = (json.dumps(value, ensure_ascii=False) for value in (name, f"c {name}"))
        front = f"title: {title}\ntags: [{title}, all]\ncategory: {category}"
        text = f"---\n{front}\ndate: 2025-01-{number + 1:02}\n---\n\nText {name.split()[0]} of number {number}.\n"
        (folder / f"a{number} '\"]).md").write_text(text, encoding="utf-8")
    for store in (address, ""):
        assert not briefqa.build(folder, tmp_path / "index", encoder, store=store).problems
    with (
        briefqa.open(tmp_path / "index", encoder, store=address) as qa,
        briefqa.open(tmp_path / "index", encoder, store="") as embedded,
    ):
        with qa.store.snapshot() as snapshot, embedded.store.snapshot() as expected:
            articles = expected.articles()
            assert snapshot.articles() == articles and len(articles) == len(NAMES)
            assert [snapshot.article(one.slug) for one in articles] == [expected.article(one.slug) for one in articles]
        for article in articles:
            for filters in ({"tags": article.tags[0]}, {"category": article.category}, {"articles": article.slug}):
                found = qa.retrieve("Text of number", k=99, **filters)
                assert [hit.article for hit in found] == [article.slug], filters
        for hostile in NAMES:
            assert qa.retrieve("Text", k=9, tags=f"{hostile}?") == [] == qa.retrieve("Text", k=9, articles=hostile)
        assert len(qa.retrieve("Text", k=99, tags="all")) == len(NAMES)


def test_no_word_of_a_text_a_name_or_a_question_is_part_of_an_expression(
    corpus: Path, tmp_path: Path, encoder: BigramEncoder, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    call = Engine._call

    def listening(self: Engine, doing: str, name: str, *given: Any, **named: Any) -> Any:
        said.append(str(named.get("filter", "")))
        return call(self, doing, name, *given, **named)

    monkeypatch.setattr(Engine, "_call", listening)
    briefqa.build(corpus, tmp_path / "index", encoder, store=address)
    (corpus / "weather.md").unlink()
    briefqa.build(corpus, tmp_path / "index", encoder, store=address)
    with briefqa.open(tmp_path / "index", encoder, store=address) as qa:
        for question in (QUESTION, "which chips are banned? '] or id > 0", "What did it do in Paris since 2025-11?"):
            qa.ask(question, since="2025-01", tags=["芯片", "'"], category="政策", articles=["policy", '"]'])
            qa.ask(question)
    assert len(said) > 50
    fields = "born version id slug date category tags terms section owner kind piece chunk term total hash"
    words = rf"array_contains_any|array_contains_all|not|in|and|or|{fields.replace(' ', '|')}"
    values = r'-?\d+|"[0-9a-f]{64}"|>=|<=|==|>|<|[\[\](),]'
    for expression in said:
        assert re.fullmatch(rf"(?:(?:\b(?:{words})\b|{values})\s*)*", expression), expression


def test_texts_longer_than_a_field_are_stored_whole(tmp_path: Path, encoder: BigramEncoder, address: str) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    row = "| " + " | ".join(f"格{n}🤖" * 40 for n in range(400)) + " |"
    table = "| " + " | ".join(f"列{n}" for n in range(400)) + " |\n|" + "---|" * 400 + f"\n{row}\n"
    sections = "".join(f"## 第{n}节\n\n{'汉字🤖，' * 300}结束{n}。\n\n" for n in range(30))
    text = f"# 长文\n\n{sections}\n## 表 {{#table}}\n\n{table}"
    (folder / "long.md").write_text(text, encoding="utf-8")
    for store in (address, ""):
        assert not briefqa.build(folder, tmp_path / "index", encoder, store=store).problems
    assert len(text.encode()) > 3 * 65_535 and len(row.encode()) > 65_535
    with (
        closing(open_reader(tmp_path / "index", address)) as reader,
        closing(open_reader(tmp_path / "index", "")) as embedded,
        reader.snapshot() as snapshot,
        embedded.snapshot() as expected,
    ):
        assert snapshot.article("long") == expected.article("long")
        assert snapshot.source("long", 14_990, 30_010) == text[14_990:30_010]
        assert snapshot.section_spans("long", "table") == expected.section_spans("long", "table")
        query = encoder.encode_query([f"格7🤖 {'汉字🤖，' * 9}"])[0]
        for search in ("nearest_chunks", "nearest_spans"):
            rows = [getattr(one, search)(query, 20, Filters()) for one in (snapshot, expected)]
            cosines = [one.chunk_cosines(query, found) for one, found in zip((snapshot, expected), rows, strict=True)]
            assert cosines[0] == pytest.approx(cosines[1], abs=1e-6)


# Ranking.


def test_golden_questions_have_the_same_first_hit_as_in_the_embedded_store(
    tmp_path: Path, encoder: BigramEncoder, address: str
) -> None:
    for store in (address, ""):
        briefqa.build(SAMPLE, tmp_path / "index", encoder, store=store)
    lines = (TESTS / "golden" / "sample.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line)["question"] for line in lines]
    with (
        briefqa.open(tmp_path / "index", encoder, store=address) as qa,
        briefqa.open(tmp_path / "index", encoder, store="") as embedded,
    ):
        pairs = [(qa.retrieve(question, k=5), embedded.retrieve(question, k=5)) for question in questions]
    same = sum(described(found[:1]) == described(expected[:1]) for found, expected in pairs)
    assert same >= 0.98 * len(questions) and len(questions) > 100
    assert sum(described(found) == described(expected) for found, expected in pairs) >= 0.98 * len(questions)


def test_the_engine_finds_by_words_what_has_most_of_them(tmp_path: Path, encoder: BigramEncoder, address: str) -> None:
    """More chunks hold a word than are looked at, so the engine must put them in order."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    random = np.random.default_rng(7)
    words = "芯片 出口 管制 政策 许可 关税 收入 企业 产能 算力 Blackwell Rubin H200 licence revenue".split()
    worth = 1 / np.arange(1, len(words) + 1)
    for number in range(150):
        drawn = random.choice(words, size=int(random.integers(4, 30)), p=worth / worth.sum())
        (folder / f"a{number}.md").write_text(f"# {number}\n\n{'，'.join(drawn)}。\n", encoding="utf-8")
    for store in (address, ""):
        briefqa.build(folder, tmp_path / "index", encoder, store=store)
    lexicon = load_lexicon(Settings.from_environment().cache_dir)
    with (
        closing(open_reader(tmp_path / "index", address)) as reader,
        closing(open_reader(tmp_path / "index", "")) as embedded,
        reader.snapshot() as snapshot,
        embedded.snapshot() as expected,
    ):
        for question in (
            "芯片出口管制",
            "关税与收入",
            "Blackwell的产能",
            "which licence for the H200?",
            "算力政策 Rubin",
        ):
            for take in (lexicon.own_concepts, lexicon.bridged_concepts):
                concepts = take(question, snapshot.known_terms)
                mine, theirs = snapshot.match(concepts, Filters()), expected.match(concepts, Filters())
                assert (mine.reach, mine.worded) == pytest.approx((theirs.reach, theirs.worded))
                shares = [sorted(match.share_of(match.highest(30)).tolist(), reverse=True) for match in (mine, theirs)]
                assert shares[0] == pytest.approx(shares[1], abs=1e-5)


# Commands.


def test_the_commands_take_a_store(run: Run, corpus: Path, tmp_path: Path, address: str) -> None:
    status, out, _ = run("build", corpus, "--store", address)
    assert status == 0 and out.startswith("3 articles added")
    assert run("build", corpus, "--store", address, "--check")[:2] == (0, "up to date\n")
    status, out, _ = run("status", "--store", address)
    assert status == 0 and out.startswith(f"index       {address}\n") and "up to date" in out
    status, out, _ = run("search", QUESTION, "--store", address, "--json")
    assert json.loads(out)[0]["anchor"] == "banned"
    status, out, _ = run("ask", QUESTION, "--store", address, "--json")
    assert json.loads(out)["citations"][0]["article"] == "policy"
    (tmp_path / "answer.json").write_text(out, encoding="utf-8")
    assert run("verify", tmp_path / "answer.json", "--store", address)[0] == 0
    status, _, err = run("status", "--store", address, "--deep")
    assert status == 2 and "--deep" in err
    assert not (tmp_path / "index").exists()


def test_the_chat_serves_and_rebuilds_what_is_in_the_store_and_keeps_conversations_here(
    corpus: Path, tmp_path: Path, encoder: BigramEncoder, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIEFQA_STORE", address)
    briefqa.build(corpus, tmp_path / "chat", encoder)
    assert not (tmp_path / "chat").exists()
    with served.open_client(tmp_path / "chat", encoder, corpus=corpus) as client:
        assert (tmp_path / "chat" / "conversations.db").exists()
        assert "Blackwell" in client.get("/source/policy").text and client.get("/source/new").status_code == 404
        (corpus / "new.md").write_text("# New\n\nOne sentence.\n", encoding="utf-8")
        with briefqa.open(tmp_path / "chat", encoder) as qa:
            states = list(Rebuilding(corpus, qa.index, encoder, store=qa.address).run())
        assert states[-1].report and states[-1].report.articles_added == 1
        assert "One sentence" in client.get("/source/new").text
    assert read_feedback(tmp_path / "chat") == [] and not (tmp_path / "chat" / "briefqa.db").exists()


def test_a_calibration_is_kept_in_the_store_and_by_the_next_build(
    corpus: Path, tmp_path: Path, encoder: BigramEncoder, address: str
) -> None:
    briefqa.build(corpus, tmp_path / "index", encoder, store=address)
    with briefqa.open(tmp_path / "index", encoder, store=address) as qa:
        with open_writer(tmp_path / "index", address) as writer:
            writer.commit_calibration("[1]")
        with qa.store.snapshot() as snapshot:
            assert snapshot.calibration() == "[1]" and snapshot.generation == 1
        (corpus / "weather.md").unlink()
        briefqa.build(corpus, tmp_path / "index", encoder, store=address)
        with qa.store.snapshot() as snapshot:
            assert snapshot.calibration() == "[1]" and snapshot.generation == 2
        other = BigramEncoder()
        other.fingerprint = "bigrams/2"
        briefqa.build(corpus, tmp_path / "index", other, store=address, full=True)
        with qa.store.snapshot() as snapshot:
            assert snapshot.calibration() == ""


def test_an_index_in_milvus_costs_no_import_where_it_is_not_asked_for() -> None:
    imports = "import sys, briefqa.api, briefqa.indexing, briefqa.cli"
    code = f"{imports}; sys.exit(any(name.startswith(('pymilvus', 'grpc')) for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], env={**os.environ}, check=False).returncode == 0
