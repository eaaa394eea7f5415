"""A build touches what changed, says what it did, and leaves the old index or the new one."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from conftest import POLICY, BigramEncoder

import briefqa
from briefqa.store import IndexReader, open_writer

both_stores = pytest.mark.both_stores


def counts(index: Path, encoder: BigramEncoder) -> tuple[int, int, int]:
    with briefqa.open(index, encoder=encoder) as qa:
        info = qa.info()
    return info.articles, info.chunks, info.spans


def rows(index: Path, table: str) -> int:
    with sqlite3.connect(index / "briefqa.db") as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def vectors_in_faiss(index: Path) -> tuple[int, int]:
    reader = IndexReader(index)
    with reader.snapshot() as snapshot:
        sizes = snapshot.vectors.count("chunks"), snapshot.vectors.count("spans")
    reader.close()
    return sizes


@both_stores
def test_a_first_build_adds_every_article(corpus: Path, tmp_path: Path, encoder: BigramEncoder) -> None:
    report = briefqa.build(corpus, tmp_path / "index", encoder=encoder)
    assert (report.articles_added, report.chunks_embedded, report.chunks_reused) == (3, 4, 0)
    assert report.problems == ()
    assert counts(tmp_path / "index", encoder) == (3, 4, 3 + 2 + 2)


@both_stores
def test_a_second_build_reads_nothing_into_the_encoder(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    encoder.embedded.clear()
    report = briefqa.build(corpus, index, encoder=encoder)
    assert (report.articles_unchanged, report.chunks_embedded, report.chunks_reused) == (3, 0, 4)
    assert encoder.embedded == []


@both_stores
def test_only_the_changed_section_of_an_edited_article_is_embedded(
    corpus: Path, index: Path, encoder: BigramEncoder
) -> None:
    (corpus / "policy.md").write_text(POLICY.replace("Rubin芯片仍", "Rubin芯片依然"), encoding="utf-8")
    encoder.embedded.clear()
    report = briefqa.build(corpus, index, encoder=encoder)
    assert (report.articles_updated, report.articles_unchanged) == (1, 2)
    assert (report.chunks_embedded, report.chunks_reused) == (1, 3)
    assert all("依然" in text for text in encoder.embedded)


@both_stores
def test_a_renamed_article_is_found_under_its_new_name_and_embeds_nothing(
    corpus: Path, index: Path, encoder: BigramEncoder
) -> None:
    (corpus / "policy.md").rename(corpus / "export.md")
    encoder.embedded.clear()
    report = briefqa.build(corpus, index, encoder=encoder)
    assert (report.articles_added, report.articles_removed, report.chunks_embedded) == (1, 1, 0)
    assert encoder.embedded == []
    with briefqa.open(index, encoder=encoder) as qa:
        assert {hit.article for hit in qa.retrieve("Blackwell系列", k=9)} == {"export", "industry/vendors", "weather"}


@both_stores
def test_a_removed_article_is_counted_no_more(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    (corpus / "policy.md").unlink()
    assert briefqa.build(corpus, index, encoder=encoder).articles_removed == 1
    assert counts(index, encoder) == (2, 2, 4)


def test_a_removed_article_vanishes_from_every_table_and_from_faiss(
    corpus: Path, index: Path, encoder: BigramEncoder
) -> None:
    (corpus / "policy.md").unlink()
    report = briefqa.build(corpus, index, encoder=encoder)
    assert report.articles_removed == 1
    assert [rows(index, table) for table in ("article", "chunk", "span")] == [2, 2, 4]
    assert vectors_in_faiss(index) == (2, 4)
    content = (index / "briefqa.db").read_bytes()
    with sqlite3.connect(index / "briefqa.db") as connection:
        dump = "\n".join(connection.iterdump())
    assert "Blackwell" not in dump and content
    used = rows(index, "vector")
    assert used == len({*range(used)}) <= 6


@both_stores
def test_an_article_that_went_bad_is_named_and_its_old_text_is_no_longer_cited(
    corpus: Path, index: Path, encoder: BigramEncoder
) -> None:
    (corpus / "policy.md").write_text("---\ntitle: [broken\n---\n\ntext\n", encoding="utf-8")
    report = briefqa.build(corpus, index, encoder=encoder)
    assert [problem.path for problem in report.problems] == ["policy.md"]
    assert report.problems[0].line >= 2 and report.problems[0].message
    assert (report.articles_removed, report.articles_unchanged) == (1, 2)


@both_stores
def test_a_problem_is_reported_again_until_it_is_mended(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    (corpus / "weather.md").write_text("---\ndate: someday\n---\n\nRain.\n", encoding="utf-8")
    first = briefqa.build(corpus, index, encoder=encoder)
    second = briefqa.build(corpus, index, encoder=encoder)
    assert [problem.path for problem in first.problems] == ["weather.md"]
    assert second.problems == first.problems and second.articles_unchanged == 3
    (corpus / "weather.md").write_text("Rain.\n", encoding="utf-8")
    assert briefqa.build(corpus, index, encoder=encoder).problems == ()


@both_stores
def test_a_full_build_embeds_everything_again(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    report = briefqa.build(corpus, index, encoder=encoder, full=True)
    assert (report.articles_added, report.chunks_embedded) == (3, 4)
    assert counts(index, encoder) == (3, 4, 7)


@both_stores
def test_a_full_build_of_a_corpus_that_became_empty_is_a_new_generation(
    corpus: Path, index: Path, encoder: BigramEncoder
) -> None:
    shutil.rmtree(corpus)
    corpus.mkdir()
    with briefqa.open(index, encoder=encoder) as qa:
        assert qa.retrieve("Blackwell")
        briefqa.build(corpus, index, encoder=encoder, full=True)
        assert qa.retrieve("Blackwell") == [] and qa.info().generation == 2


@both_stores
def test_another_encoder_is_refused_with_both_names(corpus: Path, index: Path) -> None:
    other = BigramEncoder()
    other.name, other.fingerprint = "other", "other/1"
    with pytest.raises(briefqa.EncoderMismatchError, match=r"bigrams.*other.*--full"):
        briefqa.build(corpus, index, encoder=other)
    with pytest.raises(briefqa.EncoderMismatchError, match=r"bigrams.*other"):
        briefqa.open(index, encoder=other)
    assert briefqa.build(corpus, index, encoder=other, full=True).chunks_embedded == 4


@both_stores
def test_the_same_name_with_other_weights_is_refused_at_the_first_question(index: Path) -> None:
    other = BigramEncoder()
    other.fingerprint = "bigrams/2"
    with briefqa.open(index, encoder=other) as qa, pytest.raises(briefqa.EncoderMismatchError, match="bigrams/1.*/2"):
        qa.ask("H200")


@both_stores
def test_a_build_that_fails_leaves_the_old_index(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    class Failing(BigramEncoder):
        def encode_document(self, *_: object) -> np.ndarray:
            raise MemoryError

    (corpus / "new.md").write_text("# New\n\nText.\n", encoding="utf-8")
    with pytest.raises(MemoryError):
        briefqa.build(corpus, index, encoder=Failing())
    with briefqa.open(index, encoder=encoder) as qa:
        assert qa.info().generation == 1 and qa.info().articles == 3


@both_stores
def test_a_mistake_in_an_encoder_of_ones_own_is_not_told_as_damage(corpus: Path, tmp_path: Path) -> None:
    class Mistaken(BigramEncoder):
        def encode_document(self, *_: object) -> np.ndarray:
            raise TypeError("a mistake")

    for index in (tmp_path / "first", tmp_path / "second"):
        if index.name == "second":
            briefqa.build(corpus, index, encoder=BigramEncoder())
            (corpus / "new.md").write_text("# New\n\nText.\n", encoding="utf-8")
        with pytest.raises(TypeError, match="a mistake"):
            briefqa.build(corpus, index, encoder=Mistaken())


@both_stores
def test_a_second_writer_is_told_to_wait(corpus: Path, index: Path, encoder: BigramEncoder, store: str) -> None:
    with open_writer(index, store), pytest.raises(briefqa.IndexLockedError, match="wait"):
        briefqa.build(corpus, index, encoder=encoder)
    assert briefqa.build(corpus, index, encoder=encoder).articles_unchanged == 3


def test_a_corpus_that_is_not_there_is_an_error_that_names_it(tmp_path: Path, encoder: BigramEncoder) -> None:
    with pytest.raises(briefqa.CorpusError, match="nowhere"):
        briefqa.build(tmp_path / "nowhere", tmp_path / "index", encoder=encoder)


@both_stores
def test_an_empty_corpus_makes_an_index_that_answers_nothing(tmp_path: Path, encoder: BigramEncoder) -> None:
    (tmp_path / "corpus").mkdir()
    briefqa.build(tmp_path / "corpus", tmp_path / "index", encoder=encoder)
    with briefqa.open(tmp_path / "index", encoder=encoder) as qa:
        assert qa.retrieve("H200") == []
        assert not qa.ask("H200").answered


@both_stores
def test_an_open_index_takes_up_the_new_generation(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    with briefqa.open(index, encoder=encoder) as qa:
        assert qa.retrieve("量子计算机", k=1)[0].article != "quantum"
        (corpus / "quantum.md").write_text("# 量子\n\n量子计算机。\n", encoding="utf-8")
        briefqa.build(corpus, index, encoder=encoder)
        assert qa.retrieve("量子计算机", k=1)[0].article == "quantum"


@pytest.mark.parametrize("damage", ["missing", "cut", "flipped", "manifest"])
def test_a_damaged_vector_cache_costs_nothing_but_a_moment(index: Path, encoder: BigramEncoder, damage: str) -> None:
    with briefqa.open(index, encoder=encoder) as qa:
        before = qa.retrieve("Blackwell与Rubin", k=4)
    (cache,) = index.glob("vectors-*")
    spans = cache / "first.spans"
    data = bytearray(spans.read_bytes())
    if damage == "missing":
        shutil.rmtree(cache)
    elif damage == "cut":
        spans.write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        data[len(data) // 2] ^= 1
        spans.write_bytes(data)
    else:
        (cache / "manifest.json").write_text("{", encoding="utf-8")
    with briefqa.open(index, encoder=encoder) as qa:
        assert qa.retrieve("Blackwell与Rubin", k=4) == before
    assert vectors_in_faiss(index) == (4, 7)


def test_a_cache_of_another_index_with_the_same_generation_is_not_believed(
    corpus: Path, index: Path, tmp_path: Path, encoder: BigramEncoder
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.md").write_text("# A\n\nOther text.\n", encoding="utf-8")
    briefqa.build(tmp_path / "other", tmp_path / "index2", encoder=encoder)
    shutil.rmtree(index / "vectors-1")
    shutil.copytree(tmp_path / "index2" / "vectors-1", index / "vectors-1")
    assert vectors_in_faiss(index) == (4, 7)


def test_old_caches_are_removed(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    (corpus / "weather.md").unlink()
    briefqa.build(corpus, index, encoder=encoder)
    assert [path.name for path in index.glob("*vectors*")] == ["vectors-2"]


@both_stores
def test_no_index_is_an_error_that_says_how_to_build_one(tmp_path: Path, store: str) -> None:
    with pytest.raises(briefqa.IndexNotFoundError, match="briefqa build"):
        briefqa.open(tmp_path)


def test_a_damaged_database_is_an_error_that_says_so(index: Path) -> None:
    (index / "briefqa.db").write_bytes(b"no database" * 100)
    with pytest.raises(briefqa.IndexCorruptError, match="delete it and build again"):
        briefqa.open(index)


def test_a_database_of_a_newer_format_is_refused(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    with sqlite3.connect(index / "briefqa.db") as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'format'")
    with pytest.raises(briefqa.IndexCorruptError, match="format 99"):
        briefqa.open(index)
    with pytest.raises(briefqa.IndexCorruptError, match="format 99"):
        briefqa.build(corpus, index, encoder=encoder)


@both_stores
def test_new_rules_for_terms_count_them_anew_and_embed_nothing(
    corpus: Path, index: Path, encoder: BigramEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("briefqa.indexing.TERMS", "other rules")
    (corpus / "weather.md").unlink()
    encoder.embedded.clear()
    report = briefqa.build(corpus, index, encoder=encoder)
    assert (report.articles_added, report.articles_updated, report.articles_removed) == (0, 2, 1)
    assert (report.chunks_embedded, encoder.embedded) == (0, [])
    with briefqa.open(index, encoder=encoder) as qa:
        assert qa.info().terms == "other rules"
        assert qa.retrieve("H200", k=1)[0].article == "policy"
    assert briefqa.build(corpus, index, encoder=encoder).articles_unchanged == 2
