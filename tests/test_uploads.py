"""An upload is checked like any file, stored whole or not at all, and never over another without asking."""

from __future__ import annotations

import os
import threading
import unicodedata
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import POLICY, BigramEncoder
from hypothesis import given
from hypothesis import strategies as st

import briefqa
from briefqa.articles import list_articles, read_article
from briefqa.settings import Limits
from briefqa.ui import uploads
from briefqa.ui.strings import CHINESE, ENGLISH, LANGUAGES
from briefqa.ui.upload_route import add_upload_route
from briefqa.ui.uploads import LONGEST_NAME_BYTES, UploadError, check_name, check_upload, save_upload

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # starlette's own
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

DATA = "# 量子\n\n量子计算机。\n".encode()
OTHER = b"# Other\n\nOther text.\n"


def upload(name: str, data: bytes, corpus: Path, replace: bool = False) -> str:
    return save_upload(check_upload(name, data, corpus), corpus, replace)


def refused(name: str, data: bytes, corpus: Path, replace: bool = False) -> UploadError:
    before = {path: path.lstat().st_mtime_ns for path in corpus.rglob("*")}
    with pytest.raises(UploadError) as caught:
        upload(name, data, corpus, replace)
    assert {path: path.lstat().st_mtime_ns for path in corpus.rglob("*")} == before
    for strings in LANGUAGES.values():
        words = caught.value.message(strings)
        assert words and str(corpus) not in words and "{" not in words
    return caught.value


# Names.


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("h200.md", "h200.md"),
        ("芯片 出口.markdown", "芯片 出口.markdown"),
        ("A.MD", "A.MD"),
        ("a.b.c.md", "a.b.c.md"),
        ("../../etc/cron.d/x.md", "x.md"),
        ("/etc/x.md", "x.md"),
        ("C:\\Users\\me\\x.md", "x.md"),
        ("\\\\server\\share\\x.md", "x.md"),
        ("a/..\\b/x.md", "x.md"),
        ("  x.md \n", "x.md"),
        ("Cafe\u0301.md", "Caf\u00e9.md"),
        ("می\u200cخواهم.md", "می\u200cخواهم.md"),
        ("🚀.md", "🚀.md"),
        ("context.md", "context.md"),
        ("com10.md", "com10.md"),
        ("-rf.md", "-rf.md"),
        ("$(touch x);`id`.md", "$(touch x);`id`.md"),
        ("%2e%2e%2fx.md", "%2e%2e%2fx.md"),
        ("x" * (LONGEST_NAME_BYTES - 3) + ".md", "x" * (LONGEST_NAME_BYTES - 3) + ".md"),
    ],
)
def test_only_the_last_part_of_a_name_counts(name: str, kept: str, corpus: Path) -> None:
    assert check_name(name) == kept
    assert upload(name, DATA, corpus) == kept
    assert (corpus / kept).read_bytes() == DATA and (corpus / kept) in list_articles(corpus)[0]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "upload_name_suffix"),
        (".", "upload_name_dot"),
        ("..", "upload_name_dot"),
        ("../", "upload_name_suffix"),
        ("..\\..\\", "upload_name_suffix"),
        ("x.md/", "upload_name_suffix"),
        (".md", "upload_name_dot"),
        (".hidden.md", "upload_name_dot"),
        ("a/.htaccess.md", "upload_name_dot"),
        ("x", "upload_name_suffix"),
        ("x.txt", "upload_name_suffix"),
        ("x.md.exe", "upload_name_suffix"),
        ("x.html", "upload_name_suffix"),
        ("x.md\x00.html", "upload_name_suffix"),
        ("x.html\x00.md", "upload_name_hidden"),
        ("a\nb.md", "upload_name_hidden"),
        ("a\tb.md", "upload_name_hidden"),
        ("a\x1b[31mb.md", "upload_name_hidden"),
        ("a\x7f.md", "upload_name_hidden"),
        ("a\x9b.md", "upload_name_hidden"),
        ("exe\u202edm.md", "upload_name_hidden"),
        ("a\u200eb.md", "upload_name_hidden"),
        ("a\u2066b.md", "upload_name_hidden"),
        ("a\u200bb.md", "upload_name_hidden"),
        ("a\u00adb.md", "upload_name_hidden"),
        ("a\u2028b.md", "upload_name_hidden"),
        ("a\ufeffb.md", "upload_name_hidden"),
        ("a\U000e0041.md", "upload_name_hidden"),
        ("a\ud800.md", "upload_name_hidden"),
        ("a\udc80.md", "upload_name_hidden"),
        ("CON.md", "upload_name_reserved"),
        ("nul.md", "upload_name_reserved"),
        ("aux.brief.md", "upload_name_reserved"),
        ("com1.md", "upload_name_reserved"),
        ("LPT¹.md", "upload_name_reserved"),
        ("con .md", "upload_name_reserved"),
        ("CONIN$.md", "upload_name_reserved"),
        ("\u200d.md", "upload_name_reserved"),
        ("policy.md:stream.md", "upload_name_characters"),
        ("<img src=x onerror=alert(1)>.md", "upload_name_characters"),
        ('a"b.md', "upload_name_characters"),
        ("what?.md", "upload_name_characters"),
        ("a|b.md", "upload_name_characters"),
        ("*.md", "upload_name_characters"),
        ("x" * 300 + ".md", "upload_name_long"),
        ("政" * 70 + ".md", "upload_name_long"),
        ("{0.__class__}" * 40 + ".md", "upload_name_long"),
    ],
)
def test_a_name_that_no_brief_should_have_is_refused_in_words(name: str, words: str, corpus: Path) -> None:
    with pytest.raises(UploadError) as caught:
        upload(name, DATA, corpus)
    error = caught.value
    assert error.reason == "name" and len(list(corpus.iterdir())) == 3
    for strings in LANGUAGES.values():
        start, end = getattr(strings, words).split("{name}")
        message = error.message(strings)
        assert message.startswith(start) and message.endswith(end) and len(message) < 200
        assert message.replace("\u200d", "").isprintable()
    assert str(error) == error.message(ENGLISH)


@given(st.text(st.characters(codec=None)), st.sampled_from(["", ".md", ".MARKDOWN"]))
def test_any_name_is_refused_or_stays_in_the_corpus(text: str, suffix: str) -> None:
    try:
        name = check_name(text + suffix)
    except UploadError as error:
        assert error.reason == "name"
        return
    assert not set(name) & set("/\\\0\n") and not name.startswith(".") and len(name.encode()) <= LONGEST_NAME_BYTES
    assert check_name(name) == name == unicodedata.normalize("NFC", name)


# Content.


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        (b"", 0, "empty"),
        (b" \n\t\n", 0, "empty"),
        (b"---\ntitle: x\n---\n", 0, "empty"),
        (b"---\ntitle: a: b\n---\n\ntext\n", 2, "YAML"),
        (b"text\nmore\x00\n", 2, "NUL"),
        (b"\xff\xfet\0e\0", 0, "UTF-16"),
        (b"one\ntwo \xc3\x28\n", 2, "UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00", 3, "NUL"),
        (b"<script>alert(1)</script>\n", 0, "empty"),
    ],
)
def test_what_a_build_could_not_read_is_refused_with_its_line(data: bytes, line: int, words: str, corpus: Path) -> None:
    error = refused("x.md", data, corpus)
    (problem,) = error.problems
    assert error.reason == "content" and problem.path == "x.md" and problem.line == line
    assert words in problem.message and problem.message in error.message(CHINESE)
    assert (f"第 {line} 行" in error.message(CHINESE)) == bool(line)


def test_what_is_read_with_a_loss_is_taken_with_its_warnings(corpus: Path) -> None:
    data = b"---\ndate: someday\n---\n\nText.\n"
    checked = check_upload("x.md", data, corpus)
    assert [(problem.path, problem.line) for problem in checked.warnings] == [("x.md", 2)]
    save_upload(checked, corpus)
    assert read_article(corpus / "x.md", corpus).warnings == checked.warnings


def test_a_file_of_the_limit_is_taken_and_one_byte_more_is_not(corpus: Path) -> None:
    data = b"# A\n\n" + b"word " * ((Limits().max_file_bytes - 5) // 5)
    assert len(data) == Limits().max_file_bytes
    assert upload("x.md", data, corpus) == "x.md"
    error = refused("y.md", data + b"x", corpus)
    assert error.reason == "size" and "1 MB" in error.message(CHINESE)


# Storing.


def test_a_file_that_exists_is_not_overwritten_without_asking(corpus: Path) -> None:
    error = refused("policy.md", DATA, corpus)
    assert (error.reason, error.message(ENGLISH)) == ("exists", "There is already a brief “policy.md”.")
    assert (corpus / "policy.md").read_text("utf-8") == POLICY
    os.chmod(corpus / "policy.md", 0o640)
    assert upload("policy.md", DATA, corpus, replace=True) == "policy.md"
    assert (corpus / "policy.md").read_bytes() == DATA and (corpus / "policy.md").stat().st_mode & 0o777 == 0o640
    assert upload("fresh.md", DATA, corpus, replace=True) == "fresh.md"


@pytest.mark.parametrize(
    ("there", "name"), [("a.md", "a.markdown"), ("a.MD", "a.md"), ("Cafe\u0301.md", "Caf\u00e9.md")]
)
def test_a_brief_of_the_same_slug_counts_as_there_and_keeps_its_name(there: str, name: str, corpus: Path) -> None:
    (corpus / there).write_bytes(OTHER)
    error = refused(name, DATA, corpus)
    assert error.reason == "exists" and there in error.message(CHINESE)
    assert upload(name, DATA, corpus, replace=True) == there
    assert (corpus / there).read_bytes() == DATA and not list_articles(corpus)[1] and len(os.listdir(corpus)) == 4


def test_of_twins_the_one_that_a_build_reads_is_replaced(corpus: Path) -> None:
    (corpus / "a.md").write_bytes(OTHER)
    (corpus / "a.markdown").write_bytes(OTHER)
    assert upload("a.markdown", DATA, corpus, replace=True) == "a.md"
    assert (corpus / "a.markdown").read_bytes() == OTHER


@pytest.mark.parametrize("target", ["outside.md", "nowhere.md", "policy.md"])
def test_a_link_is_neither_followed_nor_replaced(target: str, corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.md").write_bytes(OTHER)
    (corpus / "x.md").symlink_to(corpus / target if target == "policy.md" else tmp_path / target)
    assert refused("x.md", DATA, corpus).reason == "exists"
    assert refused("x.md", DATA, corpus, replace=True).reason == "name"
    assert (corpus / "x.md").is_symlink() and (tmp_path / "outside.md").read_bytes() == OTHER
    assert (corpus / "policy.md").read_text("utf-8") == POLICY and not (tmp_path / "nowhere.md").exists()


def test_a_folder_of_that_name_is_left_alone(corpus: Path) -> None:
    (corpus / "x.md").mkdir()
    assert refused("x.md", DATA, corpus).reason == "exists"
    assert refused("x.md", DATA, corpus, replace=True).reason == "name"


def test_a_half_written_file_is_seen_by_no_build(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def power_cut(descriptor: int) -> None:
        seen.append([path.name for path in list_articles(corpus)[0]])
        raise OSError(28, "No space left on device", str(corpus))

    monkeypatch.setattr(os, "fsync", power_cut)
    error = refused("x.md", DATA, corpus)
    assert error.reason == "write" and "No space left on device" in error.message(ENGLISH)
    assert seen == [["vendors.md", "policy.md", "weather.md"]] and len(os.listdir(corpus)) == 3


def test_where_there_are_no_hard_links_a_name_is_still_taken_only_once(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    assert upload("x.md", DATA, corpus) == "x.md" and (corpus / "x.md").read_bytes() == DATA
    monkeypatch.setattr(uploads, "_twin", lambda *_: "")  # as if it came between the look and the write
    assert refused("x.md", OTHER, corpus).reason == "exists"


def test_of_many_uploads_of_one_name_at_once_one_is_stored(corpus: Path) -> None:
    outcomes: list[str] = []

    def send(number: int) -> None:
        try:
            outcomes.append(upload("x.md" if number % 2 else "x.markdown", b"# A\n\ntext %d\n" % number, corpus))
        except UploadError as error:
            outcomes.append(error.reason)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("exists") == 11 and len(os.listdir(corpus)) == 4


def test_a_corpus_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(UploadError) as caught:
        check_upload("x.md", DATA, tmp_path / "gone")
    assert caught.value.reason == "write" and caught.value.message(CHINESE) == CHINESE.corpus_gone


def test_an_uploaded_brief_is_found_after_the_next_build(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    upload("quantum.md", DATA, corpus)
    briefqa.build(corpus, index, encoder=encoder)
    with briefqa.open(index, encoder=encoder) as qa:
        assert qa.retrieve("量子计算机", k=1)[0].article == "quantum"


# The route.


@dataclass
class Served:
    client: TestClient
    corpus: Path
    saved: list[str] = field(default_factory=list)

    def post(self, name: str, data: object = DATA, **given: str) -> tuple[int, dict[str, object]]:
        headers = {"content-type": given.pop("type", "application/octet-stream")}
        for header in ("who", "accept-language"):
            headers[header] = given.pop(header.replace("-", "_"), "admin" if header == "who" else "en")
        response = self.client.post("/upload", params={"name": name, **given}, content=data, headers=headers)
        return response.status_code, response.json()


@pytest.fixture
def served(corpus: Path) -> Iterator[Served]:
    app = FastAPI()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with TestClient(app) as client:
            served = Served(client, corpus)
            add_upload_route(
                app, lambda: corpus, lambda request: request.headers["who"] == "admin", served.saved.append
            )
            yield served


def test_a_posted_brief_is_stored_and_told(served: Served) -> None:
    status, told = served.post("a/量子.md")
    assert (status, told["name"], told["reason"], told["problems"]) == (200, "量子.md", "", [])
    assert "“量子.md” was stored" in str(told["words"]) and served.saved == ["量子.md"]
    status, told = served.post("x.md", b"---\ndate: someday\n---\n\nText.\n", accept_language="zh-CN")
    assert status == 200 and "已保存" in str(told["words"])
    assert [(problem["path"], problem["line"]) for problem in told["problems"]] == [("x.md", 2)]  # type: ignore[attr-defined]


def test_a_posted_brief_that_exists_is_asked_about(served: Served) -> None:
    for replace in ("0", "", "true", "-1"):
        status, told = served.post("policy.md", replace=replace)
        assert (status, told["reason"], told["name"]) == (409, "exists", "")
    assert (served.corpus / "policy.md").read_text("utf-8") == POLICY and served.saved == []
    assert served.post("policy.md", replace="1")[0] == 200
    assert (served.corpus / "policy.md").read_bytes() == DATA


def test_only_who_may_can_post(served: Served) -> None:
    status, told = served.post("x.md", who="guest", language="zh")
    assert (status, told["reason"], told["words"]) == (403, "forbidden", CHINESE.upload_forbidden)
    assert not (served.corpus / "x.md").exists()


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data; boundary=x", "", "text/plain; a"])
def test_what_a_form_of_another_site_could_send_is_refused(served: Served, content_type: str) -> None:
    status, told = served.post("x.md", type=content_type)
    assert (status, told["reason"]) == (415, "type") and not (served.corpus / "x.md").exists()


@pytest.mark.parametrize(
    ("name", "data", "status", "reason"),
    [
        ("../.x.md", DATA, 422, "name"),
        ("", DATA, 422, "name"),
        ("x.md", b"", 422, "content"),
        ("x.md", b"\0", 422, "content"),
        ("x.md", b"x" * (Limits().max_file_bytes + 1), 413, "size"),
    ],
)
def test_a_refusal_is_told_as_json(served: Served, name: str, data: bytes, status: int, reason: str) -> None:
    found, told = served.post(name, data)
    assert (found, told["reason"], set(told)) == (status, reason, {"name", "words", "reason", "problems"})
    assert len(os.listdir(served.corpus)) == 3


def test_a_body_without_a_length_is_read_no_further_than_the_limit(served: Served) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 40 * Limits().max_file_bytes:
            sent += 1_000_000
            yield b"x" * 1_000_000

    assert served.post("x.md", endless())[0] == 413
    assert not (served.corpus / "x.md").exists()


def test_a_corpus_that_went_away_is_told_as_json(served: Served) -> None:
    served.corpus.rename(served.corpus.with_name("moved"))
    status, told = served.post("x.md")
    assert (status, told["reason"], told["words"]) == (500, "write", ENGLISH.corpus_gone)
