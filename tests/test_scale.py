"""Many vectors: left on the disk, found by a quantised index, checked as they are read; long builds, interrupted."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from conftest import BigramEncoder, Run

import briefqa
from briefqa.lexicon import load_lexicon
from briefqa.settings import Settings
from briefqa.store import IndexReader, Snapshot
from briefqa.store.cells import RECALL, RowFile, Search, like_questions, make_cells
from briefqa.store.inspection import inspect
from briefqa.store.rows import DamagedRows, Filed, Held, Mask

TESTS = Path(__file__).parent
EXACT = 100
QUESTIONS = [
    "Which number is sentence 17?",
    "第三件事",
    "Article 40",
    "sentence 203 is of b",
    "nothing of the kind",
]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a hundred rows be many."""
    monkeypatch.setattr("briefqa.store.parts.EXACT_ROWS", EXACT)
    monkeypatch.setattr("briefqa.store.rows._FEW", 20)
    monkeypatch.setattr("briefqa.store.matching.LARGE", EXACT)


def fill(corpus: Path, count: int = 150) -> None:
    corpus.mkdir(exist_ok=True)
    for number in range(count):
        sentences = " ".join(f"Sentence {number * 3 + i} is of {'abc'[i]}." for i in range(3))
        date = f"---\ndate: 20{10 + number % 15}-01-01\n---\n"
        (corpus / f"{number}.md").write_text(f"{date}# Article {number}\n\n{sentences}\n", encoding="utf-8")


@pytest.fixture
def exact(tmp_path: Path, encoder: BigramEncoder) -> Path:
    """Return an index whose vectors are held in memory."""
    fill(tmp_path / "many")
    briefqa.build(tmp_path / "many", tmp_path / "exact", encoder)
    return tmp_path / "exact"


@pytest.fixture
def large(exact: Path, tmp_path: Path, encoder: BigramEncoder, few: None) -> Path:
    """Return an index of the same articles whose vectors stay in their files."""
    briefqa.build(tmp_path / "many", tmp_path / "large", encoder)
    return tmp_path / "large"


def snapshot_of(index: Path) -> Snapshot:
    with closing(IndexReader(index)) as reader, reader.snapshot() as snapshot:
        return snapshot


def asked(index: Path, **filters: str) -> list[list[briefqa.Hit]]:
    with briefqa.open(index, encoder=BigramEncoder()) as qa:
        return [qa.retrieve(question, k=10, **filters) for question in QUESTIONS]  # type: ignore[arg-type]


def cache_of(index: Path) -> Path:
    (cache,) = index.glob("vectors-*")
    return cache


# The quantised index


def clustered(rows: int, dim: int) -> np.ndarray:
    random = np.random.default_rng(3)
    data = random.normal(size=(40, dim))[random.integers(40, size=rows)] + 0.5 * random.normal(size=(rows, dim))
    return np.asarray(data / np.linalg.norm(data, axis=1, keepdims=True), dtype=np.float16)


@pytest.mark.parametrize("dim", [32, 33, 35, 37])
def test_a_quantised_index_finds_what_it_says_that_it_finds(tmp_path: Path, dim: int) -> None:
    data = clustered(5_000, dim)
    data.tofile(tmp_path / "rows")
    index, search = make_cells(RowFile(tmp_path / "rows", *data.shape), data[::50].astype(np.float32))
    assert RECALL <= search.recall <= 1 and 1 <= search.probed <= search.cells == 128 and search.rows == 5_000
    sums = np.array([zlib.crc32(row.tobytes()) for row in data], dtype="<u4")
    filed, held = Filed(tmp_path / "rows", dim, sums, index, search), Held(data)
    found = [
        len(set(filed.nearest(query, 10, None).places) & set(held.nearest(query, 10, None).places)) / 10
        for query in data[7::50].astype(np.float32)
    ]
    assert np.mean(found) > RECALL - 0.02
    query = data[3].astype(np.float32)
    assert np.allclose(filed.nearest(query, 3, None).scores, held.nearest(query, 3, None).scores, atol=1e-3)
    places = np.array([4_999, 0, 7, 8, 9, 7])
    assert np.array_equal(filed.read(places), data[places]) and filed.read(places[:0]).shape == (0, dim)
    for share in (0.5, 0.1, 0.001):
        wanted = np.random.default_rng(4).random(5_000) < share
        nearest = filed.nearest(query, 10, Mask(wanted))
        assert wanted[nearest.places].all() and len(nearest.places) == min(10, wanted.sum())
        assert len(set(nearest.places) & set(held.nearest(query, 10, Mask(wanted)).places)) >= 0.9 * len(nearest.places)


def test_what_an_index_is_measured_by_lies_as_far_from_the_rows_as_a_question(tmp_path: Path) -> None:
    data = clustered(5_000, 32)
    data.tofile(tmp_path / "rows")
    queries = like_questions(RowFile(tmp_path / "rows", *data.shape))
    assert queries.shape == (128, 32) and queries.dtype == np.float32
    assert np.allclose(np.linalg.norm(queries, axis=1), 1, atol=1e-5)
    rows = data.astype(np.float32)
    nearest = np.sort(queries @ rows.T, axis=1)[:, -10:].mean()
    of_each_other = np.sort(rows[::50] @ rows.T, axis=1)[:, -11:-1].mean()
    assert nearest < of_each_other
    data[:1].tofile(tmp_path / "one")
    assert np.allclose(like_questions(RowFile(tmp_path / "one", 1, 32)), rows[:1] / np.linalg.norm(rows[0]), atol=1e-5)


def test_threads_that_search_at_once_find_what_one_finds(tmp_path: Path) -> None:
    data = clustered(20_000, 32)
    data.tofile(tmp_path / "rows")
    file = RowFile(tmp_path / "rows", *data.shape)
    index, search = make_cells(file, like_questions(file))
    sums = np.array([zlib.crc32(row.tobytes()) for row in data], dtype="<u4")
    filed = Filed(file.path, 32, sums, index, search)
    queries = list(data[::200].astype(np.float32))
    alone = [filed.nearest(query, 10, None).places.tolist() for query in queries]
    with ThreadPoolExecutor(8) as pool:
        beside = list(pool.map(lambda query: filed.nearest(query, 10, None).places.tolist(), queries))
    assert beside == alone


@pytest.mark.parametrize("exactly", [True, False])
def test_rows_that_no_index_finds_are_searched_exactly_if_they_are_not_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exactly: bool
) -> None:
    monkeypatch.setattr("briefqa.store.cells._REFINED", (10,))
    monkeypatch.setattr("briefqa.store.cells._MOST_EXACT_ROWS", 3_000 if exactly else 2_999)
    data = np.random.default_rng(0).normal(size=(3_000, 64))
    data = np.asarray(data / np.linalg.norm(data, axis=1, keepdims=True), dtype=np.float16)
    data.tofile(tmp_path / "rows")
    queries = np.random.default_rng(1).normal(size=(50, 64)).astype(np.float32)
    index, search = make_cells(RowFile(tmp_path / "rows", 3_000, 64), queries)
    if exactly:
        assert (index, search) == (None, Search(3_000))
    else:
        assert index.ntotal == 3_000 and (search.probed, search.refined) == (search.cells, 10)
        assert 0 < search.recall < RECALL


def test_any_of_many_copies_will_do(tmp_path: Path) -> None:
    data = clustered(9_000, 32)
    data[1_000:] = data[0]
    data.tofile(tmp_path / "rows")
    queries = data[[0, *range(1, 128)]].astype(np.float32)
    index, search = make_cells(RowFile(tmp_path / "rows", 9_000, 32), queries)
    assert index is not None and search.recall >= RECALL and search.refined <= 800


def test_a_large_index_ranks_as_an_exact_one(exact: Path, large: Path, run: Run) -> None:
    vectors = snapshot_of(large).vectors
    (view,) = vectors.views
    assert isinstance(view.part.chunks, Filed) and isinstance(view.part.spans, Filed)
    assert isinstance(snapshot_of(exact).vectors.views[0].part.chunks, Held)
    for filters in ({}, {"since": "2020"}, {"until": "2010"}, {"articles": "40"}):
        right, found = asked(exact, **filters), asked(large, **filters)
        assert [hits[0] for hits in right if hits] == [hits[0] for hits in found if hits]
        same = [len({hit.article for hit in a} & {hit.article for hit in b}) for a, b in zip(right, found, strict=True)]
        assert sum(same) >= 0.95 * sum(map(len, right))
    status, out, _ = run("status", "--index", large)
    assert status == 0 and "search      chunks 150, " in out and "recall@10" in out
    searches = json.loads(run("status", "--json", "--index", large)[1])["searches"]
    assert searches["spans"]["rows"] == 450 and searches["spans"]["recall"] >= RECALL
    assert "search      chunks 150 exactly; spans 450 exactly" in run("status", "--index", exact)[1]


def test_as_many_hits_as_asked_for_are_found_in_a_large_index(large: Path) -> None:
    with briefqa.open(large, encoder=BigramEncoder()) as qa:
        for k in (1, 60, 149, 150, 500):
            assert len({hit.article for hit in qa.retrieve("Sentence", k=k)}) == min(k, 150)


# From one build to the next


def test_a_large_index_is_followed_and_only_what_is_new_is_written(
    large: Path, tmp_path: Path, encoder: BigramEncoder
) -> None:
    corpus = tmp_path / "many"
    first = (cache_of(large) / "first.spans").stat()
    with briefqa.open(large, encoder=encoder) as qa:
        qa.retrieve("Sentence")
        for number in range(4):
            (corpus / f"{number}.md").unlink()
            text = f"# News\n\nThe quixotic zebra of {number} jumps.\n"
            (corpus / f"new{number}.md").write_text(text, encoding="utf-8")
            briefqa.build(corpus, large, encoder)
            followed = (cache_of(large) / "first.spans").stat()
            assert (followed.st_ino, followed.st_mtime_ns) == (first.st_ino, first.st_mtime_ns)
            assert (cache_of(large) / "recent.chunks").stat().st_size == 2 * encoder.dim * (number + 1)
            for reading in (qa, None):
                hits = reading.retrieve("quixotic zebra", k=200) if reading else read(large)
                assert {hit.article for hit in hits} == {path.stem for path in corpus.iterdir()}
                assert hits[0].text.startswith("The quixotic zebra")
        assert qa.retrieve("quixotic zebra", k=9) == read(large)[:9]
    assert inspect(large, load_lexicon(Settings.from_environment().cache_dir).places) == ()


def read(index: Path) -> list[briefqa.Hit]:
    with briefqa.open(index, encoder=BigramEncoder()) as qa:
        return qa.retrieve("quixotic zebra", k=200)


def test_much_that_is_new_is_learnt_anew(large: Path, tmp_path: Path, encoder: BigramEncoder) -> None:
    fill(tmp_path / "many", 220)
    briefqa.build(tmp_path / "many", large, encoder)
    assert not (cache_of(large) / "recent.chunks").exists()
    assert snapshot_of(large).vectors.views[0].part.chunks.search.rows == 220


def test_a_file_system_without_links_gets_copies(
    large: Path, tmp_path: Path, encoder: BigramEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "many" / "new.md").write_text("# News\n\nThe quixotic zebra jumps.\n", encoding="utf-8")
    briefqa.build(tmp_path / "many", large, encoder)
    assert (cache_of(large) / "recent.chunks").exists() and read(large)[0].article == "new"


# Damage


def flip(path: Path, place: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 4]))


@pytest.mark.parametrize("name", ["first.chunks", "first.spans"])
@pytest.mark.parametrize("when", ["before", "while it is open"])
def test_a_flipped_bit_in_rows_on_the_disk_changes_no_answer(large: Path, name: str, when: str) -> None:
    right = asked(large)
    file = cache_of(large) / name
    whole = file.read_bytes()
    with briefqa.open(large, encoder=BigramEncoder()) as qa:
        if when == "while it is open":
            qa.retrieve("Sentence")
        for place in range(100, len(whole), 2 * 256):  # in each row
            flip(file, place)
        assert [qa.retrieve(question, k=10) for question in QUESTIONS] == right
    assert (cache_of(large) / name).read_bytes() == whole


@pytest.mark.parametrize("name", ["first.chunks", "first.spans"])
def test_rows_that_are_cut_off_while_they_are_open_fail_no_question(large: Path, name: str) -> None:
    right = asked(large)
    file = cache_of(large) / name
    whole = file.read_bytes()
    with briefqa.open(large, encoder=BigramEncoder()) as qa:
        qa.retrieve("Sentence")
        os.truncate(file, len(whole) // 3)
        assert [qa.retrieve(question, k=10) for question in QUESTIONS] == right
    assert (cache_of(large) / name).read_bytes() == whole


@pytest.mark.parametrize(
    "name", ["first.chunks.cells", "first.spans.sums", "first.facts", "first.kept", "recent.spans"]
)
@pytest.mark.parametrize("damage", ["missing", "cut", "flipped"])
def test_whatever_of_a_large_cache_is_damaged_is_made_again(
    large: Path, tmp_path: Path, encoder: BigramEncoder, name: str, damage: str
) -> None:
    (tmp_path / "many" / "new.md").write_text("# News\n\nThe quixotic zebra jumps.\n", encoding="utf-8")
    (tmp_path / "many" / "3.md").unlink()
    briefqa.build(tmp_path / "many", large, encoder)
    right = {hit.article for hit in read(large)}
    file = cache_of(large) / name
    if damage == "missing":
        file.unlink()
    elif damage == "cut":
        os.truncate(file, file.stat().st_size - 1)
    else:
        flip(file, file.stat().st_size // 2)
    assert {hit.article for hit in read(large)} == right == {path.stem for path in (tmp_path / "many").iterdir()}
    assert not (cache_of(large) / "recent.spans").exists()  # all was read anew


def test_a_large_index_that_cannot_be_written_is_searched_all_the_same(
    large: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    right = asked(large)
    shutil.rmtree(cache_of(large))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(30, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert asked(large) == right
    assert not list(tmp_path.glob("briefqa-*")) and not list(large.glob("vectors-*"))


def test_a_damaged_row_is_told_from_a_sound_one(large: Path) -> None:
    rows = snapshot_of(large).vectors.views[0].part.spans
    flip(cache_of(large) / "first.spans", 5 * 512 + 9)
    assert len(rows.read(np.array([4, 6]))) == 2
    with pytest.raises(DamagedRows):
        rows.read(np.array([4, 5, 6]))


# An interrupted build


class Interrupted(BigramEncoder):
    """Is interrupted, as by Ctrl-C, when it has embedded some lots."""

    lots = 3

    def encode_document(self, texts: object, progress: object = None) -> np.ndarray:
        if self.lots == 0:
            os.kill(os.getpid(), signal.SIGINT)
        self.lots -= 1
        return super().encode_document(texts, progress)  # type: ignore[arg-type]


BUILD = """
import json, signal, sys
from pathlib import Path
from conftest import BigramEncoder
from test_scale import Interrupted
import briefqa, briefqa.indexing

briefqa.indexing._PASSAGES_KEPT = 100
corpus, index, interrupted, full = sys.argv[1:]
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is born without
encoder = Interrupted() if interrupted == "True" else BigramEncoder()
try:
    briefqa.build(corpus, index, encoder, full=full == "True")
finally:
    print(json.dumps(encoder.embedded))
"""


def build(corpus: Path, index: Path, interrupted: bool = False, full: bool = False) -> list[str]:
    """Build in a process of its own; return what was embedded, the texts that measure the encoder left out."""
    command = [sys.executable, "-c", BUILD, corpus, index, str(interrupted), str(full)]
    done = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, check=False)
    assert done.returncode == (-signal.SIGINT if interrupted else 0), done.stderr
    assert not interrupted or done.stderr.rstrip().endswith("KeyboardInterrupt")
    return list(json.loads(done.stdout))


def contents(index: Path) -> Iterator[list[tuple[object, ...]]]:
    """Yield what the tables hold, ids aside."""
    with closing(sqlite3.connect(index / "briefqa.db")) as connection:
        for query in (
            "SELECT hash, data FROM vector ORDER BY hash",
            "SELECT slug, sha256, text FROM article ORDER BY slug",
            "SELECT slug, anchor, chunk.text, terms, length, hash FROM chunk JOIN article ON article.id = article_id"
            " JOIN vector ON vector.id = vector_id ORDER BY slug, anchor, part",
            "SELECT term, block, data FROM posting ORDER BY term, block",
        ):
            yield connection.execute(query).fetchall()


@pytest.mark.parametrize("full", [False, True])
def test_a_build_that_is_interrupted_goes_on_where_it_stopped(tmp_path: Path, full: bool) -> None:
    corpus, index, clean = tmp_path / "many", tmp_path / "index", tmp_path / "clean"
    fill(corpus, 5)
    build(corpus, index)
    fill(corpus, 100)
    whole = build(corpus, clean)
    before = asked(index)
    first = build(corpus, index, interrupted=True, full=full)
    assert len(first) == 300 and asked(index) == before  # nothing of it is in the index
    rest = build(corpus, index, full=full)
    assert rest and not set(first) & set(rest)
    there = set() if full else {text for text in whole if text not in {*first, *rest}}
    assert {*first, *rest, *there} == set(whole) and len(there) == (0 if full else 5 * 4)
    assert [sorted(map(repr, rows)) for rows in list(contents(index))[:3]] == [
        sorted(map(repr, rows)) for rows in list(contents(clean))[:3]
    ]
    assert asked(index) == asked(clean)
    assert not list(index.glob("embedded*"))
    assert not inspect(index, load_lexicon(Settings.from_environment().cache_dir).places)


def test_a_build_that_is_interrupted_says_that_nothing_is_lost(
    tmp_path: Path, run: Run, encoder: BigramEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    fill(tmp_path / "many", 3)
    monkeypatch.setattr(encoder, "encode_document", interrupt)
    status, out, said = run("build", tmp_path / "many", "--index", tmp_path / "index")
    assert status == 130 and out == "" and "what is already embedded is kept: build again to go on" in said


def test_the_first_build_of_an_index_can_be_interrupted_too(tmp_path: Path) -> None:
    fill(tmp_path / "many", 100)
    first = build(tmp_path / "many", tmp_path / "index", interrupted=True)
    with pytest.raises(briefqa.IndexNotFoundError):
        briefqa.open(tmp_path / "index")
    rest = build(tmp_path / "many", tmp_path / "index")
    assert len(first) == 300 and len(rest) == 100 * 4 - 300
    build(tmp_path / "many", tmp_path / "clean")
    assert list(contents(tmp_path / "index")) == list(contents(tmp_path / "clean"))


def test_what_another_encoder_embedded_is_not_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Newer(BigramEncoder):
        fingerprint = "bigrams/2"

    fill(tmp_path / "many", 100)
    build(tmp_path / "many", tmp_path / "index", interrupted=True)
    newer = Newer()
    briefqa.build(tmp_path / "many", tmp_path / "index", newer)
    assert len(newer.embedded) == 100 * 4


@pytest.mark.parametrize("damage", ["cut", "foreign"])
def test_what_was_embedded_is_done_without_where_it_is_damaged(tmp_path: Path, damage: str) -> None:
    fill(tmp_path / "many", 100)
    build(tmp_path / "many", tmp_path / "index", interrupted=True)
    file = tmp_path / "index" / "embedded.db"
    file.write_bytes(file.read_bytes()[:700] if damage == "cut" else b"no database at all" * 100)
    build(tmp_path / "many", tmp_path / "index")
    build(tmp_path / "many", tmp_path / "clean")
    assert list(contents(tmp_path / "index")) == list(contents(tmp_path / "clean"))
    assert not list((tmp_path / "index").glob("embedded*"))
