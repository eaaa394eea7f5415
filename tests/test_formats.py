"""Indexes of every format so far, as they were built then (fixtures/index-format-N), are what they were promised to be.

All are of the corpus of conftest.py, by the bigram encoder.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from conftest import BigramEncoder, Run

import briefqa
from briefqa.store.schema import FORMAT

FIXTURES = Path(__file__).parent / "fixtures"
OLDER = range(1, FORMAT)


@pytest.fixture
def old(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return Path(shutil.copytree(FIXTURES / f"index-format-{request.param}", tmp_path / "old"))


def vectors(index: Path) -> dict[bytes, bytes]:
    """Return the vectors by the checksum of what they embed."""
    with closing(sqlite3.connect(index / "briefqa.db")) as connection:
        return dict(connection.execute("SELECT hash, data FROM vector").fetchall())


def chunks(index: Path) -> list[tuple[object, ...]]:
    """Return what is stored of each chunk and span, the vector that it has included, in a comparable form."""
    with closing(sqlite3.connect(index / "briefqa.db")) as connection:
        return sorted(
            connection.execute(
                "SELECT slug, anchor, part, chunk.text, chunk.start, chunk.\"end\", hash, '', 0 FROM chunk"
                " JOIN article ON article.id = article_id JOIN vector ON vector.id = vector_id"
                ' UNION ALL SELECT slug, anchor, part, span.text, span.start, span."end", hash, header, ordinal'
                " FROM span JOIN chunk ON chunk.id = chunk_id JOIN article ON article.id = article_id"
                " JOIN vector ON vector.id = span.vector_id"
            )
        )


def test_there_is_an_index_of_every_format() -> None:
    assert sorted(path.name for path in FIXTURES.glob("index-format-*")) == [
        f"index-format-{number}" for number in range(1, FORMAT + 1)
    ]


@pytest.mark.parametrize("old", [FORMAT], indirect=True)
def test_an_index_of_this_format_is_opened_as_it_is(index: Path, old: Path, encoder: BigramEncoder) -> None:
    assert vectors(old) == vectors(index) and chunks(old) == chunks(index)
    with briefqa.open(index, encoder=encoder) as new, briefqa.open(old, encoder=encoder) as qa:
        assert qa.retrieve("Blackwell", k=9) == new.retrieve("Blackwell", k=9)
        assert qa.info().corpus == "/briefs" and qa.info().generation == 1


@pytest.mark.parametrize("old", OLDER, indirect=True)
def test_an_older_index_is_refused_to_questions_with_what_to_do(old: Path, run: Run) -> None:
    for command in (["ask", "Blackwell"], ["status"], ["status", "--deep"]):
        status, _, said = run(*command, "--index", old)
        assert status == 1 and "run `briefqa build` once" in said and said.count("\n") == 1


@pytest.mark.parametrize("old", OLDER, indirect=True)
def test_an_older_index_is_migrated_by_a_build_that_embeds_nothing(
    corpus: Path, index: Path, old: Path, encoder: BigramEncoder
) -> None:
    before = vectors(old)
    encoder.embedded.clear()
    report = briefqa.build(corpus, old, encoder=encoder)
    assert encoder.embedded == [] and (report.chunks_embedded, report.chunks_reused) == (0, 4)
    assert vectors(old) == before == vectors(index) and chunks(old) == chunks(index)
    with briefqa.open(index, encoder=encoder) as new, briefqa.open(old, encoder=encoder) as qa:
        assert qa.retrieve("Blackwell", k=9) == new.retrieve("Blackwell", k=9)
        assert qa.info().generation == 2
    assert briefqa.build(corpus, old, encoder=encoder).articles_unchanged == 3


@pytest.mark.parametrize("old", OLDER, indirect=True)
def test_a_migration_that_fails_leaves_the_older_index(corpus: Path, old: Path) -> None:
    class Failing(BigramEncoder):
        def encode_document(self, *_: object) -> object:  # type: ignore[override]
            raise MemoryError

    (corpus / "new.md").write_text("# New\n\nText.\n", encoding="utf-8")
    before = chunks(old)
    with pytest.raises(MemoryError):
        briefqa.build(corpus, old, encoder=Failing())
    assert chunks(old) == before
    with pytest.raises(briefqa.IndexCorruptError, match="older briefqa"):
        briefqa.open(old)
