"""Where terms stand is exact after every build, whatever was added, edited, renamed and removed before."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from conftest import BigramEncoder
from hypothesis import given, settings
from hypothesis import strategies as st

import briefqa
from briefqa.lexicon import load_lexicon
from briefqa.settings import Settings
from briefqa.store import IndexReader, IndexWriter, Posting, postings
from briefqa.store.postings import PostingWriter, read_known_terms, read_postings
from briefqa.writing import script_of

Places = dict[str, dict[str, list[int]]]
"""Of each term, the ids of the chunks that hold it, each with its places in ascending order."""


@dataclass(frozen=True)
class Statistics:
    """What an index knows of its words, chunks by their names: row numbers depend on the order of builds."""

    places: Places
    lengths: dict[str, int]
    scripts: dict[str, str]
    known: frozenset[str]


def stored_terms(index: Path) -> set[str]:
    with closing(sqlite3.connect(index / "briefqa.db")) as connection:
        assert connection.execute("SELECT count(*) FROM posting WHERE length(data) = 0").fetchone() == (0,)
        return {term for (term,) in connection.execute("SELECT term FROM posting")}


def read_statistics(index: Path) -> Statistics:
    terms = stored_terms(index)
    with closing(IndexReader(index)) as reader, reader.snapshot() as snapshot:
        rows = np.arange(len(snapshot.vectors))
        names = [chunk.id for chunk, _ in snapshot.chunks(rows)]
        places: Places = {}
        for term, posting in snapshot.postings(terms).items():
            assert (np.diff(posting.rows) >= 0).all()  # counting a term's chunks relies on it
            places[term] = {}
            for row, place in zip(posting.rows, posting.places, strict=True):
                places[term].setdefault(names[row], []).append(int(place))
        places = {term: {name: sorted(where) for name, where in found.items()} for term, found in places.items()}
        lengths = {name: int(length) for name, length in zip(names, snapshot.lengths, strict=True)}
        assert len(lengths) == len(names)
        scripts = dict(zip(names, map(str, snapshot.scripts), strict=True))
        return Statistics(places, lengths, scripts, frozenset(snapshot.known_terms([*terms, "no such term", ""])))


def count_anew(index: Path) -> Statistics:
    """Count the words of the chunks that are stored, with nothing but the lexicon."""
    lexicon = load_lexicon(Settings.from_environment().cache_dir)
    places: Places = {}
    lengths = {}
    scripts = {}
    with closing(IndexReader(index)) as reader, reader.snapshot() as snapshot:
        for chunk, _ in snapshot.chunks(np.arange(len(snapshot.vectors))):
            found = lexicon.places(chunk)
            lengths[chunk.id] = sum(map(len, found.values()))
            scripts[chunk.id] = script_of(chunk.text)
            for term, where in found.items():
                places.setdefault(term, {})[chunk.id] = sorted(where)
    return Statistics(places, lengths, scripts, frozenset(places))


QUESTIONS = ["H200的出口", "哪些芯片被禁止？", "which chips are banned?", "25%", "2025年12月11日", "central bank", "雨"]


def search_scores(index: Path) -> dict[str, dict[tuple[str, str, str], float]]:
    with briefqa.open(index, encoder=BigramEncoder()) as qa:
        hits = {question: qa.retrieve(question, k=1_000) for question in QUESTIONS}
    return {question: {(h.article, h.anchor, h.text): h.score for h in found} for question, found in hits.items()}


def write(corpus: Path, slug: str, text: str) -> None:
    path = corpus / f"{slug}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


_SENTENCES = [
    "H200芯片的出口被禁止。",
    "销售额的25%须上缴。",
    "Which chips are banned? The H200, and H200 again.",
    "2025年12月11日，中央银行宣布800亿。",
    "It rained in Paris on December 11, 2025.",
    "台灣的半導體。",
    "| 企业 | 领域 |\n|---|---|\n| 寒武纪 | 芯片 |\n| 地平线 | 芯片 芯片 |\n",
    "禁止。禁止。禁止。",
]
_section = st.tuples(
    st.sampled_from(["芯片", "Banned chips", "25%"]), st.lists(st.sampled_from(_SENTENCES), max_size=4)
)
_article = st.tuples(st.sampled_from(["芯片政策", "Weather"]), st.lists(_section, max_size=3)).map(
    lambda article: (
        f"---\ntitle: {article[0]}\ndate: 2025-12-11\n---\n\n"
        + "\n\n".join(f"## {heading}\n\n" + "\n\n".join(sentences) for heading, sentences in article[1])
    )
)
_slug = st.sampled_from(["a", "b", "c", "sub/a"])
_change = st.one_of(
    st.tuples(st.just("write"), _slug, _article),
    st.tuples(st.just("rename"), _slug, _slug),
    st.tuples(st.just("delete"), _slug, st.just("")),
    st.tuples(st.just("spoil"), _slug, st.just("---\ntitle: [broken\n---\n")),
)


@given(st.lists(st.lists(_change, min_size=1, max_size=4), min_size=2, max_size=4))
@settings(deadline=None, max_examples=25)
def test_builds_one_after_the_other_count_what_one_full_build_counts(builds: list[list[tuple[str, str, str]]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        corpus = Path(name) / "corpus"
        for slug in ("a", "b"):
            write(corpus, slug, f"# {slug}\n\n{_SENTENCES[0]}\n\n{_SENTENCES[6]}")
        briefqa.build(corpus, Path(name) / "index", encoder=BigramEncoder())
        for changes in builds:
            for kind, slug, value in changes:
                if kind in ("write", "spoil"):
                    write(corpus, slug, value)
                elif kind == "delete":
                    (corpus / f"{slug}.md").unlink(missing_ok=True)
                elif (corpus / f"{slug}.md").exists():
                    write(corpus, value, (corpus / f"{slug}.md").read_text(encoding="utf-8"))
                    if value != slug:
                        (corpus / f"{slug}.md").unlink()
            briefqa.build(corpus, Path(name) / "index", encoder=BigramEncoder())
        briefqa.build(corpus, Path(name) / "anew", encoder=BigramEncoder())

        found, expected = read_statistics(Path(name) / "index"), read_statistics(Path(name) / "anew")
        assert found == expected == count_anew(Path(name) / "anew")
        scores, expected_scores = search_scores(Path(name) / "index"), search_scores(Path(name) / "anew")
        for question in QUESTIONS:
            assert scores[question] == pytest.approx(expected_scores[question], abs=1e-6)


def test_places_say_in_which_span_a_term_stands(corpus: Path, index: Path) -> None:
    found = read_statistics(index)
    assert found.places["h200"] == {"policy#conditions/0": [1]}
    assert found.places["25%"] == {"policy#conditions/0": [2]}
    assert found.places["芯片"] == {
        "policy#conditions/0": [0],
        "policy#banned/0": [0, 1],
        "industry/vendors#vendors/0": [0, 2],
    }
    assert found.places["企业"] == {"industry/vendors#vendors/0": [0]}
    assert found.places["寒武"] == {"industry/vendors#vendors/0": [1]}
    assert found == count_anew(index)


def test_a_deleted_article_leaves_no_term_behind(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    before = read_statistics(index)
    (corpus / "policy.md").unlink()
    briefqa.build(corpus, index, encoder=encoder)
    after = read_statistics(index)
    assert {"h200", "25%", "blackwel"} <= before.known and not {"h200", "25%", "blackwel"} & after.known
    assert after.places["芯片"] == {"industry/vendors#vendors/0": before.places["芯片"]["industry/vendors#vendors/0"]}
    assert after.known == stored_terms(index) and after == count_anew(index)
    for path in corpus.rglob("*.md"):
        path.unlink()
    briefqa.build(corpus, index, encoder=encoder)
    assert stored_terms(index) == set()


def test_a_build_that_fails_leaves_the_counts_as_they_were(corpus: Path, index: Path) -> None:
    class Failing(BigramEncoder):
        def encode_document(self, *_: object) -> np.ndarray:
            raise MemoryError

    before = read_statistics(index)
    (corpus / "policy.md").unlink()
    write(corpus, "new", "# New\n\nH200 again.\n")
    with pytest.raises(MemoryError):
        briefqa.build(corpus, index, encoder=Failing())
    assert read_statistics(index) == before


def test_what_does_not_fit_into_memory_is_written_in_parts(
    corpus: Path, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postings, "_MOST_PENDING", 5)
    briefqa.build(corpus, tmp_path / "parts", encoder=BigramEncoder())
    assert read_statistics(tmp_path / "parts") == read_statistics(index)
    (corpus / "policy.md").rename(corpus / "export.md")
    briefqa.build(corpus, tmp_path / "parts", encoder=BigramEncoder())
    assert read_statistics(tmp_path / "parts") == count_anew(tmp_path / "parts")
    assert "policy#conditions/0" not in read_statistics(tmp_path / "parts").lengths


def test_terms_of_other_rules_are_counted_anew_and_nothing_is_embedded(
    corpus: Path, index: Path, encoder: BigramEncoder
) -> None:
    before = read_statistics(index)
    with closing(sqlite3.connect(index / "briefqa.db")) as connection, connection:
        connection.execute("UPDATE meta SET value = '0' WHERE key = 'terms'")
        connection.execute("UPDATE posting SET term = 'old ' || term")
        connection.execute("UPDATE chunk SET terms = '[]', length = 1")
    encoder.embedded.clear()
    report = briefqa.build(corpus, index, encoder=encoder)
    assert (report.chunks_embedded, encoder.embedded) == (0, [])
    assert read_statistics(index) == before


# Blocks


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as opened:
        make_table(opened)
        yield opened


def make_table(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TABLE posting (term TEXT, block INTEGER, data BLOB, PRIMARY KEY (term, block)) WITHOUT ROWID"
    )


def read_ids(connection: sqlite3.Connection, term: str, ids: Sequence[int]) -> dict[int, list[int]]:
    """Return chunk id → places of a term. ids: the chunks of the index, ascending."""
    row_of = np.full(max(ids, default=0) + 1, -1, dtype=np.int64)
    row_of[list(ids)] = np.arange(len(ids))
    posting = read_postings(connection, [term], row_of).get(term, Posting(np.empty(0, int), np.empty(0, int)))
    assert (np.diff(posting.rows) >= 0).all() and (posting.rows >= 0).all()
    found: dict[int, list[int]] = {}
    for row, place in zip(posting.rows, posting.places, strict=True):
        found.setdefault(ids[row], []).append(int(place))
    return found


def test_chunks_on_both_sides_of_a_blocks_border_are_read_back(connection: sqlite3.Connection) -> None:
    chunks = {chunk_id: [0, chunk_id % 7, 65_535] for chunk_id in (1, 4094, 4095, 4096, 4097, 8191, 8192, 409_600)}
    writer = PostingWriter(connection)
    for chunk_id in sorted(chunks, reverse=True):
        writer.add(chunk_id, {"芯片": chunks[chunk_id], f"only {chunk_id}": [3]})
    writer.flush()
    ids = sorted(chunks)
    assert read_ids(connection, "芯片", ids) == {chunk_id: sorted(places) for chunk_id, places in chunks.items()}
    for chunk_id in ids:
        assert read_ids(connection, f"only {chunk_id}", ids) == {chunk_id: [3]}
    assert read_ids(connection, "no such term", ids) == {}
    assert connection.execute("SELECT count(*) FROM posting WHERE term = '芯片'").fetchone() == (4,)


def test_removing_all_of_a_block_removes_its_row(connection: sqlite3.Connection) -> None:
    writer = PostingWriter(connection)
    for chunk_id in (4095, 4096, 4097):
        writer.add(chunk_id, {"a": [1, 1], "b": [2]})
    writer.flush()
    writer.remove(4095, ["a", "b"])
    writer.remove(4096, ["a", "b"])
    writer.flush()
    assert read_ids(connection, "a", [4097]) == {4097: [1, 1]}
    assert connection.execute("SELECT term, block FROM posting").fetchall() == [("a", 1), ("b", 1)]
    writer.remove(4097, ["a"])
    writer.add(4098, {"b": [5]})
    writer.flush()
    assert connection.execute("SELECT term, block FROM posting").fetchall() == [("b", 1)]
    assert read_ids(connection, "b", [4097, 4098]) == {4097: [2], 4098: [5]}
    assert read_known_terms(connection, ["a", "b", "c"]) == {"b"}


def test_a_place_that_does_not_fit_is_not_taken_for_another_chunk(connection: sqlite3.Connection) -> None:
    writer = PostingWriter(connection)
    writer.add(4094, {"a": [65_534, 65_535, 65_536, 1_000_000]})
    writer.flush()
    assert read_ids(connection, "a", [4094, 4095, 4096]) == {4094: [65_534, 65_535, 65_535, 65_535]}


_ids = st.sampled_from([1, 2, 4095, 4096, 4097, 8191, 8192]) | st.integers(1, 20_000)
_places = st.dictionaries(st.sampled_from("abc"), st.lists(st.integers(0, 65_535), min_size=1, max_size=3))


@given(st.lists(st.tuples(st.sets(st.integers(0, 20)), st.dictionaries(_ids, _places, max_size=5)), max_size=6))
@settings(deadline=None)
def test_rows_hold_what_was_added_and_not_removed(
    steps: list[tuple[set[int], Mapping[int, Mapping[str, list[int]]]]],
) -> None:
    kept: dict[int, Mapping[str, list[int]]] = {}
    with closing(sqlite3.connect(":memory:")) as connection:
        make_table(connection)
        writer = PostingWriter(connection)
        for removed, added in steps:
            for chunk_id in [chunk_id for i, chunk_id in enumerate(sorted(kept)) if i in removed]:
                writer.remove(chunk_id, kept.pop(chunk_id))
            for chunk_id in added.keys() - kept.keys():
                writer.add(chunk_id, added[chunk_id])
                kept[chunk_id] = added[chunk_id]
            writer.flush()
        for term in "abc":
            expected = {chunk_id: sorted(terms[term]) for chunk_id, terms in kept.items() if term in terms}
            assert read_ids(connection, term, sorted(kept)) == expected
        terms = Counter(term for terms in kept.values() for term in terms)
        assert read_known_terms(connection, "abcd") == set(terms)
        assert connection.execute("SELECT count(*) FROM posting WHERE length(data) = 0").fetchone() == (0,)


# Format 1


def make_format_1(index: Path) -> None:
    """Turn an index into what briefqa wrote before it knew of terms."""
    with closing(sqlite3.connect(index / "briefqa.db", isolation_level=None)) as connection:
        kept = 'id, article_id, anchor, heading, heading_path, part, text, start, "end", table_header, vector_id'
        connection.executescript(
            f"""
            PRAGMA foreign_keys = OFF;
            BEGIN;
            CREATE TABLE old (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                article_id INTEGER NOT NULL REFERENCES article ON DELETE CASCADE,
                anchor TEXT NOT NULL, heading TEXT NOT NULL, heading_path TEXT NOT NULL, part INTEGER NOT NULL,
                text TEXT NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL, table_header TEXT NOT NULL,
                vector_id INTEGER NOT NULL REFERENCES vector
            );
            INSERT INTO old ({kept}) SELECT {kept} FROM chunk;
            DROP TABLE chunk;
            ALTER TABLE old RENAME TO chunk;
            CREATE INDEX chunk_article ON chunk (article_id);
            CREATE INDEX chunk_vector ON chunk (vector_id);
            DROP TABLE posting;
            DROP TABLE geometry;
            UPDATE meta SET value = '1' WHERE key = 'format';
            DELETE FROM meta WHERE key IN ('terms', 'spread');
            COMMIT;
            """
        )


def format_of(index: Path) -> str:
    with closing(sqlite3.connect(index / "briefqa.db")) as connection:
        return str(connection.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()[0])


def test_an_index_of_format_1_is_refused_with_the_cure(index: Path, encoder: BigramEncoder) -> None:
    make_format_1(index)
    with pytest.raises(briefqa.IndexCorruptError, match="older briefqa: run `briefqa build`"):
        briefqa.open(index, encoder=encoder)
    with pytest.raises(briefqa.BriefqaError, match="briefqa build"):
        briefqa.retrieve("H200", index=index)


def test_a_build_makes_an_index_of_format_1_whole_and_embeds_nothing(
    corpus: Path, index: Path, tmp_path: Path, encoder: BigramEncoder
) -> None:
    shutil.copytree(index, tmp_path / "before")
    make_format_1(index)
    encoder.embedded.clear()
    report = briefqa.build(corpus, index, encoder=encoder)
    assert encoder.embedded == []
    assert (report.chunks_embedded, report.chunks_reused, report.problems) == (0, 4, ())
    assert format_of(index) == format_of(tmp_path / "before")
    assert read_statistics(index) == read_statistics(tmp_path / "before")
    assert search_scores(index) == search_scores(tmp_path / "before")
    encoder.embedded.clear()
    assert briefqa.build(corpus, index, encoder=encoder).articles_unchanged == 3 and encoder.embedded == []


def test_an_index_of_format_1_takes_up_what_changed_meanwhile(
    corpus: Path, index: Path, tmp_path: Path, encoder: BigramEncoder
) -> None:
    make_format_1(index)
    (corpus / "weather.md").unlink()
    write(corpus, "new", "# New\n\nH200 again.\n")
    encoder.embedded.clear()
    briefqa.build(corpus, index, encoder=encoder)
    assert encoder.embedded and all("H200 again" in text for text in encoder.embedded)
    briefqa.build(corpus, tmp_path / "anew", encoder=encoder)
    assert read_statistics(index) == read_statistics(tmp_path / "anew")
    assert search_scores(index) == search_scores(tmp_path / "anew")


def test_a_build_that_gives_up_leaves_format_1(index: Path, encoder: BigramEncoder) -> None:
    make_format_1(index)
    with IndexWriter(index) as writer:
        assert writer.known_articles() == {}
    assert format_of(index) == "1"
    with closing(sqlite3.connect(index / "briefqa.db")) as connection:
        assert connection.execute("SELECT count(*) FROM chunk").fetchone() == (4,)
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'posting'").fetchone() == (0,)
    with pytest.raises(briefqa.IndexCorruptError, match="briefqa build"):
        briefqa.open(index, encoder=encoder)


def test_a_chunk_remembers_its_different_terms(index: Path) -> None:
    found = count_anew(index)
    with closing(sqlite3.connect(index / "briefqa.db")) as connection:
        stored = {
            f"{slug}#{anchor}/{part}": json.loads(terms)
            for slug, anchor, part, terms in connection.execute(
                "SELECT slug, anchor, part, terms FROM chunk JOIN article ON article.id = article_id"
            )
        }
    assert {name: sorted(terms) for name, terms in stored.items()} == {
        name: sorted(term for term, chunks in found.places.items() if name in chunks) for name in found.lengths
    }
