"""A build is taken up from the one before it, and is then what it would be if it were read anew."""

from __future__ import annotations

import random
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from conftest import POLICY, BigramEncoder

import briefqa
from briefqa.store import IndexReader, following
from briefqa.store.reader import Generation


def generation(reader: IndexReader) -> Generation:
    with reader.snapshot() as snapshot:
        return snapshot._generation


def assert_same(followed: Generation, anew: Generation) -> None:
    for name in ("lengths", "scripts", "dates", "owners", "row_of"):
        assert np.array_equal(getattr(followed, name), getattr(anew, name)), name
    assert followed.vectors.generation == anew.vectors.generation and followed.build_id == anew.build_id
    assert np.array_equal(followed.vectors.chunk_ids, anew.vectors.chunk_ids)
    assert np.array_equal(followed.vectors.span_starts, anew.vectors.span_starts)
    for kind in ("chunks", "spans"):
        before, after = (b"".join(block.tobytes() for block in one.vectors.blocks(kind)) for one in (followed, anew))
        assert before == after and len(after) == 2 * anew.vectors.dim * anew.vectors.count(kind)


def read_anew(index: Path) -> Generation:
    for cache in index.glob("vectors-*"):
        shutil.rmtree(cache)
    reader = IndexReader(index)
    try:
        return generation(reader)
    finally:
        reader.close()


def fill(corpus: Path, count: int = 30) -> None:
    for number in range(count):
        (corpus / f"{number:02}.md").write_text(
            f"# Article {number}\n\nOne sentence {number}. Another one {number}.\n\n## More\n\nThe rest {number}.\n",
            "utf-8",
        )


def test_random_changes_are_followed_exactly(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    fill(corpus)
    briefqa.build(corpus, index, encoder)
    reader = IndexReader(index)
    chance, followed = random.Random(7), 0
    for number in range(25):
        before = generation(reader)
        for _ in range(chance.randrange(1, 4)):
            path = corpus / f"{chance.randrange(40):02}.md"
            if path.exists() and chance.random() < 0.4:
                path.unlink()
            else:
                path.write_text(f"# {path.stem}\n\nChange {number}. And then.\n\nChinese: 第{number}。\n", "utf-8")
        briefqa.build(corpus, index, encoder)
        with sqlite3.connect(index / "briefqa.db") as connection:
            followed += following.find_step(connection, before.vectors.chunk_ids) is not None
        assert_same(generation(reader), read_anew(index))
    reader.close()
    assert followed == 25


def test_a_reader_follows_without_the_cache_of_the_new_build(
    corpus: Path, index: Path, encoder: BigramEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(corpus)
    briefqa.build(corpus, index, encoder)
    with briefqa.open(index, encoder) as qa:
        qa.info()
        monkeypatch.setattr("briefqa.store.snapshots.load_vectors", lambda *_: 1 / 0)
        (corpus / "policy.md").unlink()
        briefqa.build(corpus, index, encoder)
        assert "policy" not in {hit.article for hit in qa.retrieve("Blackwell", k=99)}
        (corpus / "back.md").write_text(POLICY, encoding="utf-8")
        briefqa.build(corpus, index, encoder)
        assert qa.retrieve("Blackwell", k=1)[0].article == "back"


def test_builds_that_were_missed_are_read_anew(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    fill(corpus)
    briefqa.build(corpus, index, encoder)
    reader = IndexReader(index)
    generation(reader)
    for text in ("One.", "Two."):
        (corpus / "new.md").write_text(f"# New\n\n{text}\n", encoding="utf-8")
        briefqa.build(corpus, index, encoder)
    assert_same(generation(reader), read_anew(index))
    reader.close()


def test_a_restored_index_is_not_taken_for_the_next_build(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    fill(corpus)
    briefqa.build(corpus, index, encoder)
    backup = (index / "briefqa.db").read_bytes()
    (corpus / "a.md").write_text("# A\n\nThe first story.\n", encoding="utf-8")
    briefqa.build(corpus, index, encoder)
    reader = IndexReader(index)
    generation(reader)
    reader._idle.pop().connection.close()
    (index / "briefqa.db").write_bytes(backup)
    for text in ("Other words.", "Yet others, of which there are more."):  # of the same ids as the first story
        (corpus / "a.md").write_text(f"# A\n\n{text}\n", encoding="utf-8")
        briefqa.build(corpus, index, encoder)
    assert_same(generation(reader), read_anew(index))
    reader.close()


def test_an_index_that_becomes_empty_and_fills_again_is_followed(
    corpus: Path, index: Path, encoder: BigramEncoder
) -> None:
    reader = IndexReader(index)
    generation(reader)
    content = {path: path.read_bytes() for path in corpus.rglob("*.md")}
    for path in content:
        path.unlink()
    briefqa.build(corpus, index, encoder)
    assert len(generation(reader).vectors) == 0
    for path, data in content.items():
        path.write_bytes(data)
    briefqa.build(corpus, index, encoder)
    assert_same(generation(reader), read_anew(index))
    briefqa.build(corpus, index, encoder, full=True)
    assert_same(generation(reader), read_anew(index))
    reader.close()
