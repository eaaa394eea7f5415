"""Names and paths that lead elsewhere: nothing outside the corpus is read, listed, stored or told of."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path

import pytest
from conftest import POLICY, BigramEncoder, Run
from served import open_client

import briefqa
from briefqa.articles import read_article
from briefqa.corpus import list_articles, read_bytes
from briefqa.errors import ArticleError, SettingsError
from briefqa.indexing import changes_since, digest_of
from briefqa.ui.uploads import UploadError, check_name

SECRET = "The secret word is xylophone."
# Each leads out of the folder somewhere, or means to.
PATHS = [
    "../secret",
    "../secret.md",
    "..",
    ".",
    "/",
    "policy/../../secret",
    "./policy/../../secret",
    "....//secret",
    "..\\secret",
    "policy\\..\\..\\secret",
    "%2e%2e/secret",
    "%2e%2e%2fsecret",
    "..%5csecret",
    "%252e%252e%252fsecret",
    "..%c0%afsecret",
    "..\u2215secret",
    "\uff0e\uff0e/secret",
    "../secret\0",
    "policy\0/../../secret",
    "C:\\secret.md",
    "C:secret",
    "//host/share/secret",
    "\\\\?\\C:\\secret",
    "file:///etc/passwd",
    "~/secret",
    "$HOME/secret",
    "policy.md",
    "policy/",
    "/policy",
    "policy?x",
    "policy#banned",
    "\ud800",
    "' OR 1=1 --",
    "policy' UNION SELECT text FROM article --",
    "*",
    "%",
    "po_icy",
    "a" * 100_000,
]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a secret, and a corpus and its index beside it."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "secret.md").write_text(SECRET, encoding="utf-8")
    (folder / "corpus").mkdir()
    (folder / "corpus" / "policy.md").write_text(POLICY, encoding="utf-8")
    briefqa.build(folder / "corpus", folder / "index", encoder=BigramEncoder())
    return folder


def test_no_address_of_a_brief_leads_out_of_the_index(guarded: Path) -> None:
    with open_client(guarded / "index", BigramEncoder()) as client:
        for path in PATHS:
            if "\ud800" in path or len(path) > 9_000:
                continue  # neither can be sent
            for address in (path, path.replace("%", "%25"), path.replace("/", "%2f").replace("\0", "%00")):
                try:
                    response = client.get(f"/source/{address}")
                except Exception as error:  # the client's own: no such address can be sent
                    assert type(error).__name__ == "InvalidURL"
                    continue
                own = response.url.path.startswith("/source")  # the client itself goes up at ".."
                if response.status_code == 200 and own:
                    assert "芯片出口政策" in response.text, path
                assert response.status_code in (200, 404) and "xylophone" not in response.text, path
                assert str(guarded) not in response.text


@pytest.mark.parametrize("path", PATHS, ids=lambda path: repr(path[:30]))
def test_a_filter_by_article_takes_names_as_they_are_and_lets_nothing_else_pass(path: str, guarded: Path) -> None:
    with briefqa.open(guarded / "index", BigramEncoder()) as qa:
        for options in ({"articles": [path]}, {"tags": [path]}, {"category": path}):
            assert qa.retrieve("芯片", **options) == []
            assert not qa.ask("芯片", **options).answered
        assert [hit.article for hit in qa.retrieve("芯片", articles=[path, "policy"], k=1)] == ["policy"]


def test_agents_are_told_of_articles_alone(guarded: Path) -> None:
    pytest.importorskip("mcp.server.mcpserver")
    from test_mcp import said, talk

    from briefqa.mcp import make_server

    with briefqa.open(guarded / "index", BigramEncoder()) as qa:
        paths = [path for path in PATHS if "\ud800" not in path]
        calls = [("read_section", {"article": path, "anchor": anchor}) for path in paths for anchor in ("", "banned")]
        calls += [("read_section", {"article": "policy", "anchor": path}) for path in paths]
        started = time.process_time()
        for result in talk(make_server(lambda: qa), *calls):
            assert result.is_error and "xylophone" not in said(result) and str(guarded) not in said(result)
        assert time.process_time() - started < 20


def test_a_saved_answer_that_cites_a_path_is_told_that_there_is_no_such_article(guarded: Path) -> None:
    from dataclasses import replace

    with briefqa.open(guarded / "index", BigramEncoder()) as qa:
        answer = qa.ask("Blackwell系列与Rubin芯片仍在禁止清单上")
    for path in PATHS:
        if path in ("\ud800",):
            continue
        fake = replace(answer.citations[0], article=path, quote=SECRET, revision="")
        for corpus in (None, guarded / "corpus"):
            verification = briefqa.verify(replace(answer, citations=(fake,)), guarded / "index", corpus)
            assert verification.answers[0].citations[0].failure == "fabricated", path


@pytest.mark.parametrize("path", PATHS, ids=lambda path: repr(path[:30]))
def test_an_upload_keeps_to_the_folder_whatever_it_is_called(path: str) -> None:
    for name in (path, f"{path}.md"):
        try:
            kept = check_name(name)
        except UploadError:
            continue
        assert "/" not in kept and "\\" not in kept and not kept.startswith(".") and kept.endswith(".md")


# Links.


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A corpus with links of all kinds."""
    corpus, outside = tmp_path / "corpus", tmp_path / "outside"
    (corpus / "in").mkdir(parents=True)
    (outside / "deep").mkdir(parents=True)
    (corpus / "in" / "a.md").write_text("A brief of our own.", encoding="utf-8")
    (outside / "b.md").write_text(SECRET, encoding="utf-8")
    (outside / "deep" / "c.md").write_text("Another file outside.", encoding="utf-8")
    (corpus / "out.md").symlink_to(outside / "b.md")
    (corpus / "away").symlink_to(outside)
    (corpus / "loop").symlink_to(corpus)
    (corpus / "in" / "up").symlink_to("..")
    (outside / "deep" / "back").symlink_to(outside)
    (corpus / "self").symlink_to("self")
    (corpus / "passwd.md").symlink_to("/etc/passwd")
    (corpus / "device.md").symlink_to("/dev/zero")
    return corpus


def test_links_out_of_the_corpus_are_not_followed_and_each_is_told(linked: Path) -> None:
    files, problems = list_articles(linked)
    assert [path.relative_to(linked).as_posix() for path in files] == ["in/a.md"]
    told = {problem.path: problem.message for problem in problems}
    assert set(told) == {"out.md", "away", "loop", "in/up", "passwd.md", "device.md"}
    assert told["out.md"].startswith("the link leads out of the corpus")


def test_links_are_followed_where_that_was_asked_for_and_loops_end(
    linked: Path, monkeypatch: pytest.MonkeyPatch, encoder: BigramEncoder
) -> None:
    monkeypatch.setenv("BRIEFQA_FOLLOW_LINKS", "1")
    files, problems = list_articles(linked)
    assert [path.relative_to(linked).as_posix() for path in files] == [
        *("away/b.md", "away/deep/c.md", "in/a.md", "out.md", "passwd.md")
    ]
    told = {problem.path: problem.message for problem in problems}
    assert set(told) == {"loop", "in/up", "away/deep/back", "device.md"}
    assert told["loop"] == "the link leads to a folder that is read already: remove it"
    assert told["device.md"] == "not a regular file: remove it"
    report = briefqa.build(linked, linked.parent / "index", encoder=encoder)
    assert report.articles_added == 5
    assert list_articles(linked, follow_links=False)[0] == [linked / "in" / "a.md"]


@pytest.mark.parametrize("value", ["maybe", "2", "ja"])
def test_a_switch_that_is_neither_on_nor_off_is_told(
    value: str, linked: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setenv("BRIEFQA_FOLLOW_LINKS", value)
    with pytest.raises(SettingsError, match="say 1 or 0"):
        list_articles(linked)
    status, _, err = run("build", linked, "--index", linked.parent / "index")
    assert status == 2 and "BRIEFQA_FOLLOW_LINKS" in err and "Traceback" not in err


# Files that are none.


def test_a_pipe_a_socket_and_a_device_hang_no_build(
    tmp_path: Path, encoder: BigramEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "good.md").write_text("A lemon is sour.", encoding="utf-8")
    os.mkfifo(corpus / "pipe.md")
    (corpus / "link.md").symlink_to("pipe.md")
    monkeypatch.chdir(corpus)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.md")
        report = briefqa.build(corpus, tmp_path / "index", encoder=encoder)
    assert report.articles_added == 1
    assert {problem.path: problem.message for problem in report.problems} == {
        name: "not a regular file: remove it" for name in ("pipe.md", "link.md", "socket.md")
    }


def test_a_file_that_became_a_pipe_after_it_was_listed_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("text", encoding="utf-8")
    (path,) = list_articles(tmp_path)[0]
    path.unlink()
    os.mkfifo(path)
    done = threading.Event()

    def read() -> None:
        with pytest.raises(ArticleError, match="not a regular file"):
            read_article(path, tmp_path)
        assert digest_of(path) == ""
        done.set()

    threading.Thread(target=read, daemon=True).start()
    assert done.wait(10)


def test_a_folder_a_missing_file_and_a_name_with_nul_are_article_errors(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone.md", tmp_path / "a\0.md"):
        with pytest.raises(ArticleError, match="cannot be read|not a regular file"):
            read_bytes(path, 10)


def test_no_more_of_a_file_is_read_than_the_limit(tmp_path: Path) -> None:
    with (tmp_path / "sparse.md").open("wb") as file:
        file.truncate(1 << 40)
    assert len(read_bytes(tmp_path / "sparse.md", 1_000)) == 1_001
    assert digest_of(tmp_path / "sparse.md") == ""
    with pytest.raises(ArticleError, match="larger than 1 MB"):
        read_article(tmp_path / "sparse.md", tmp_path)


def test_what_cannot_be_read_leaves_the_others_indexed(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    locked = corpus / "locked.md"
    locked.write_text("Nobody may read this.", encoding="utf-8")
    locked.chmod(0)
    if os.access(locked, os.R_OK):
        pytest.skip("an administrator may read all")
    report = briefqa.build(corpus, index, encoder=encoder)
    assert report.articles_unchanged == 3
    assert [(problem.path, "Permission denied" in problem.message) for problem in report.problems] == [
        ("locked.md", True)
    ]
    known = {"policy": ("", "policy.md")}
    told = [(problem.path, problem.line, problem.message) for problem in report.problems]
    assert changes_since(known, told, corpus).refused == ("locked.md",)
