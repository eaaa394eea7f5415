"""Damage costs a moment where it is in the cache, and is told with its cure where it is in the database."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from conftest import BigramEncoder, Run

import briefqa
from briefqa.lexicon import load_lexicon
from briefqa.settings import Settings
from briefqa.store import IndexReader
from briefqa.store.inspection import inspect

QUESTION = "Blackwell与Rubin"


def cache_of(index: Path) -> Path:
    (cache,) = index.glob("vectors-*")
    return cache


def found(index: Path) -> list[briefqa.Hit]:
    with briefqa.open(index, encoder=BigramEncoder()) as qa:
        return qa.retrieve(QUESTION, k=9)


def sound(cache: Path) -> bool:
    """Say whether the files are those that the manifest names."""
    stated, said = (cache / "manifest.json").read_text(encoding="utf-8").split("\n")
    manifest = json.loads(said)
    files = {"first.kept": manifest["kept"]}
    for part in manifest["parts"]:
        files |= part["files"]
    return (
        not cache.is_symlink()
        and int(stated, 16) == zlib.crc32(said.encode())
        and all(
            [len(data), zlib.crc32(data)] == files[path.name]
            for path in cache.iterdir()
            if path.name != "manifest.json"
            for data in [path.read_bytes()]
        )
    )


# The cache


@pytest.mark.parametrize("name", ["first.chunks", "first.spans", "first.facts", "manifest.json"])
def test_a_flipped_bit_anywhere_in_the_cache_changes_no_answer(index: Path, name: str) -> None:
    before = found(index)
    file = cache_of(index) / name
    data = file.read_bytes()
    for place in range(0, len(data), max(len(data) // 40, 1)):
        damaged = bytearray(data)
        damaged[place] ^= 1 << place % 8
        file.write_bytes(damaged)
        assert found(index) == before
        assert sound(cache_of(index))


@pytest.mark.parametrize("name", ["first.chunks", "first.spans", "first.facts", "manifest.json"])
@pytest.mark.parametrize("part", [0, 1, 0.5, -1])
def test_a_cache_that_is_cut_short_is_made_again(index: Path, name: str, part: float) -> None:
    before = found(index)
    file = cache_of(index) / name
    data = file.read_bytes()
    file.write_bytes(data[: int(part) if part in (0, 1, -1) else len(data) // 2])
    assert found(index) == before and sound(cache_of(index))


def remove(cache: Path) -> None:
    shutil.rmtree(cache)


def file_in_its_place(cache: Path) -> None:
    shutil.rmtree(cache)
    cache.write_text("something else", encoding="utf-8")


def dangling_link(cache: Path) -> None:
    shutil.rmtree(cache)
    cache.symlink_to("nowhere")


def link_to_another_folder(cache: Path) -> None:
    shutil.rmtree(cache)
    (cache.parents[1] / "elsewhere").mkdir()
    (cache.parents[1] / "elsewhere" / "kept.txt").write_text("kept", encoding="utf-8")
    cache.symlink_to(cache.parents[1] / "elsewhere")


def missing_file(cache: Path) -> None:
    (cache / "first.spans").unlink()


def foreign_file(cache: Path) -> None:
    (cache / "first.spans").write_bytes(b"PK\x03\x04 no vectors" * 1000)


def link_for_a_file(cache: Path) -> None:
    (cache / "first.spans").unlink()
    (cache / "first.spans").symlink_to("/dev/zero")


def pipe_for_a_file(cache: Path) -> None:
    (cache / "manifest.json").unlink()
    os.mkfifo(cache / "manifest.json")


def folder_for_a_file(cache: Path) -> None:
    (cache / "first.facts").unlink()
    (cache / "first.facts").mkdir()


def other_manifest(cache: Path) -> None:
    (cache / "manifest.json").write_text('["format", 3]', encoding="utf-8")


def deep_manifest(cache: Path) -> None:
    (cache / "manifest.json").write_text("[" * 9000, encoding="utf-8")


def not_readable_as_text(cache: Path) -> None:
    (cache / "manifest.json").write_bytes(b"\xff\xfe\x00")


DAMAGES = [
    remove,
    file_in_its_place,
    dangling_link,
    link_to_another_folder,
    missing_file,
    foreign_file,
    link_for_a_file,
    pipe_for_a_file,
    folder_for_a_file,
    other_manifest,
    deep_manifest,
    not_readable_as_text,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_whatever_lies_in_the_place_of_the_cache_it_is_made_again(index: Path, damage: Callable[[Path], None]) -> None:
    before = found(index)
    cache = cache_of(index)
    damage(cache)
    assert found(index) == before
    assert sound(cache) and [path.name for path in index.iterdir() if "vectors" in path.name] == [cache.name]
    kept = index.parent / "elsewhere" / "kept.txt"
    assert damage is not link_to_another_folder or kept.read_text(encoding="utf-8") == "kept"


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_cache_that_cannot_be_written_fails_no_question(
    index: Path, damage: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = found(index)
    damage(cache_of(index))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(30, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert found(index) == before


def test_a_cache_of_another_build_of_the_same_number_is_not_believed(
    corpus: Path, index: Path, tmp_path: Path, encoder: BigramEncoder
) -> None:
    shutil.copytree(index, tmp_path / "backup")
    (corpus / "weather.md").write_text("It snowed in Paris. It stormed in Rome.\n", encoding="utf-8")
    briefqa.build(corpus, index, encoder=encoder)
    (corpus / "weather.md").write_text("H200, H200. Blackwell与Rubin。\n", encoding="utf-8")
    briefqa.build(corpus, tmp_path / "backup", encoder=encoder)
    right = found(tmp_path / "backup")
    shutil.rmtree(tmp_path / "backup" / "vectors-2")
    shutil.copytree(index / "vectors-2", tmp_path / "backup" / "vectors-2")
    assert found(tmp_path / "backup") == right


def test_others_may_read_the_cache_if_they_may_read_the_database(index: Path) -> None:
    def readers(path: Path) -> int:
        return path.stat().st_mode & 0o044

    assert readers(cache_of(index)) == readers(index / "briefqa.db")
    assert all(readers(path) == readers(index / "briefqa.db") for path in cache_of(index).iterdir())


def test_folders_of_somebody_else_beside_the_cache_are_left_alone(
    corpus: Path, index: Path, encoder: BigramEncoder
) -> None:
    (index / "vectors-backup").mkdir()
    (corpus / "weather.md").unlink()
    briefqa.build(corpus, index, encoder=encoder)
    assert (index / "vectors-backup").is_dir() and (index / "vectors-2").is_dir()


# The database


@pytest.fixture
def deep() -> Callable[[Path], tuple[str, ...]]:
    lexicon = load_lexicon(Settings.from_environment().cache_dir)
    return lambda index: inspect(index, lexicon.places)


def change(index: Path, statement: str) -> None:
    with closing(sqlite3.connect(index / "briefqa.db")) as connection:
        connection.execute(statement)
        connection.commit()


def test_a_sound_index_has_no_faults(
    corpus: Path, index: Path, run: Run, deep: Callable[[Path], tuple[str, ...]]
) -> None:
    assert deep(index) == ()
    (corpus / "gb.md").write_bytes("# 标题\n\n这是一篇用另一种编码保存的文章，内容是芯片。\n".encode("gb18030"))
    (corpus / "bom.md").write_bytes(b"\xef\xbb\xbf# Mark\r\n\r\nA byte order mark.\r\n")
    (corpus / "frame.md").write_text("# Frame\n\n```\n     |\n|\nx | y\n```\n", encoding="utf-8")
    assert run("build", corpus, "--index", index)[0] == 0
    assert deep(index) == ()
    status, out, _ = run("status", "--deep", "--index", index)
    assert status == 0 and "damage      none" in out
    status, out, _ = run("status", "--deep", "--json", "--index", index)
    assert status == 0 and json.loads(out)["damage"] == []


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE article SET text = replace(text, 'Rubin', 'Robin')", "text of policy is not that of its file"),
        ("UPDATE article SET date = '2026-12-15' WHERE slug = 'policy'", "front matter of policy"),
        ("UPDATE article SET title = 'x' WHERE slug = 'weather'", "front matter of weather"),
        ('UPDATE section SET start = start + 1, "end" = "end" + 1 WHERE anchor = \'banned\'', "sections of policy"),
        ("UPDATE chunk SET text = replace(text, 'Rubin', 'Robin')", "text or the headings of policy#banned/0"),
        ("UPDATE chunk SET heading_path = '[\"x\"]' WHERE anchor = 'vendors'", "headings of industry/vendors#vendors"),
        ("UPDATE span SET text = replace(text, 'Rubin', 'Robin')", "sentences or rows of policy#banned/0"),
        ("UPDATE span SET header = '[\"x\"]' WHERE kind = 'row'", "sentences or rows of industry/vendors#vendors/0"),
        ("UPDATE span SET start = start + 1 WHERE kind = 'row'", "industry/vendors#vendors/0 does not stand"),
        ('UPDATE span SET "end" = "end" - 2 WHERE ordinal = 1', "does not stand in the article"),
        ("DELETE FROM span WHERE ordinal = 1", "the terms of"),
        ("DELETE FROM posting WHERE term = 'h200'", "lexical statistics of 1 chunks"),
        ("UPDATE chunk SET length = length + 1 WHERE anchor = 'banned'", "terms of policy#banned/0"),
        ("UPDATE vector SET data = zeroblob(length(data)) WHERE id = 1", "1 vectors are not of length 1"),
        ("UPDATE vector SET data = (SELECT data FROM vector WHERE id = 2) WHERE id = 1", "not those that were built"),
        ("UPDATE vector SET data = x'00' WHERE id = 1", "no proper data"),
        ("INSERT INTO vector (hash, data) SELECT zeroblob(32), data FROM vector WHERE id = 1", "belong to no text"),
        ("DELETE FROM vector WHERE id = 1", "refers to a row of vector that is not there"),
        ("DELETE FROM article WHERE slug = 'policy'", "refers to a row of article that is not there"),
        ("UPDATE article SET tags = '[' WHERE slug = 'policy'", "no list of tags"),
        ("UPDATE article SET date = 'yesterday' WHERE slug = 'policy'", "no proper date"),
        ("UPDATE article SET title = CAST(x'ff' AS TEXT)", "decode"),
        ("UPDATE posting SET data = x'000000'", "no proper data"),
        ("UPDATE meta SET value = 'two' WHERE key = 'generation'", "generation is no number"),
        ("DELETE FROM meta WHERE key = 'encoder'", "meta has no encoder"),
        ("UPDATE meta SET value = '0.5' WHERE key = 'spread'", "of its encoder"),
        ("UPDATE geometry SET data = zeroblob(length(data))", "a direction of languages"),
        ("UPDATE chunk SET script = 'greek' WHERE anchor = 'banned'", "policy#banned/0 is not in the script 'greek'"),
        ("DROP TABLE posting", "no such table"),
    ],
)
def test_content_that_is_not_what_was_built_is_found(
    index: Path, run: Run, deep: Callable[[Path], tuple[str, ...]], statement: str, fault: str
) -> None:
    change(index, statement)
    assert any(fault in line for line in deep(index)), deep(index)
    status, out, said = run("status", "--deep", "--index", index)
    assert status == 1 and out == "" and fault in said
    assert f"delete it and build again with `briefqa build CORPUS --index {index}`" in said.splitlines()[-1]
    status, out, _ = run("status", "--deep", "--json", "--index", index)
    assert status == 1 and any(fault in line for line in json.loads(out)["damage"])


def flips(data: bytes) -> Iterator[bytearray]:
    """Yield the database with some bytes of a page inverted, page by page, and parts of it."""
    page = 4096
    for start in range(0, len(data), page):
        for place in (start, start + 8, start + 100, start + page // 2, start + page - 60):
            damaged = bytearray(data)
            for byte in range(place, min(place + 40, len(data))):
                damaged[byte] ^= 0xFF
            yield damaged
    for length in (0, 1, 99, 100, 4000, 4096, 5000, len(data) // 2, len(data) - 4096, len(data) - 1):
        yield bytearray(data[:length])


def test_a_damaged_database_is_an_error_in_one_line_and_never_a_traceback(
    corpus: Path, index: Path, tmp_path: Path, deep: Callable[[Path], tuple[str, ...]]
) -> None:
    data = (index / "briefqa.db").read_bytes()
    told = 0
    before = found(index)
    for number, damaged in enumerate(flips(data)):
        copy = tmp_path / str(number)
        copy.mkdir()
        (copy / "briefqa.db").write_bytes(damaged)
        shutil.copytree(cache_of(index), copy / "vectors-1")
        try:
            faults = deep(copy)
        except briefqa.BriefqaError:
            faults = ("it cannot be opened",)
        told += bool(faults)
        try:
            hits = found(copy)
            assert faults or hits == before
        except briefqa.BriefqaError as error:
            assert faults and ("delete it and build again" in str(error) or "briefqa build" in str(error)), error
        try:
            briefqa.build(corpus, copy, encoder=BigramEncoder())
        except briefqa.BriefqaError as error:
            assert faults, error
        shutil.rmtree(copy)
    assert told > 20


def test_a_database_that_is_deleted_because_it_is_damaged_is_built_again(
    corpus: Path, index: Path, encoder: BigramEncoder
) -> None:
    before = found(index)
    data = (index / "briefqa.db").read_bytes()
    (index / "briefqa.db").write_bytes(data[:5000])
    with pytest.raises(briefqa.IndexCorruptError, match="delete it and build again"):
        found(index)
    (index / "briefqa.db").unlink()
    assert briefqa.build(corpus, index, encoder=encoder).articles_added == 3
    assert found(index) == before


def test_a_full_disk_or_a_busy_one_is_not_called_damage(index: Path) -> None:
    reader = IndexReader(index)
    for words in ("database or disk is full", "disk I/O error", "database is locked", "unable to open database file"):
        with pytest.raises(briefqa.IndexCorruptError) as told, reader.snapshot():
            raise sqlite3.OperationalError(words)
        assert words in str(told.value) and "try again" in str(told.value) and "delete" not in str(told.value)
    reader.close()


def test_a_mistake_in_the_program_is_not_called_damage(index: Path) -> None:
    reader = IndexReader(index)
    with pytest.raises(KeyError, match="mine"), reader.snapshot():
        raise KeyError("mine")
    reader.close()
