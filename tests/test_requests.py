"""Requests that mean harm: too long, too deep, with line feeds where a header could be made of them."""

from __future__ import annotations

import logging
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import POLICY, BigramEncoder, Run
from served import open_app, open_client

import briefqa
from briefqa.conversations import Conversations
from briefqa.errors import QuestionError
from briefqa.ui.sessions import Sessions

with_client = pytest.importorskip("fastapi.testclient")
TestClient = with_client.TestClient
# Where a path of the server's would give itself away.
LEAKED = re.compile(r"/tmp|/home/|/root/|site-packages|Traceback|\.py\b|sqlite|briefqa\.db", re.IGNORECASE)
LONG = "q" * 1_000_000
SQL = [
    "'; DROP TABLE article; --",
    '" OR 1=1 --',
    "芯片' UNION SELECT text FROM article --",
    "NEAR(a b) AND title:* OR (",
    'a* ^b "c',
    "%_[]{}\\",
    "\x00",
    "{{7*7}} ${7*7} %s %(x)s {0.__class__}",
    "' || (SELECT value FROM meta) || '",
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("requests")
    (folder / "corpus").mkdir()
    (folder / "corpus" / "policy.md").write_text(POLICY, encoding="utf-8")
    briefqa.build(folder / "corpus", folder / "index", encoder=BigramEncoder())
    with open_app(folder / "index", BigramEncoder()) as app, TestClient(app, raise_server_exceptions=False) as client:
        yield client


# Too long.


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/run/retrieve",
        "/gradio_api/call/retrieve",
        "/gradio_api/queue/join",
        "/gradio_api/cancel",
        "/nothing",
        "/news",
    ],
)
def test_a_body_that_is_too_long_is_refused_wherever_it_is_sent(path: str, served: Any) -> None:
    body = b'{"data": ["' + b"x" * 1_000_000 + b'"]}'
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 100:
            sent += 1
            yield b"x" * 1_000_000

    started = time.process_time()
    for content in (body, endless()):
        response = served.post(path, content=content, headers={"content-type": "application/json"})
        assert response.status_code == 413 and "1,000,000 bytes" in response.text
        assert response.headers["connection"] == "close"
        assert response.headers["x-content-type-options"] == "nosniff"
    lie = served.post(path, content=b"{}", headers={"content-length": "9" * 30, "content-type": "application/json"})
    assert lie.status_code == 413
    assert time.process_time() - started < 5


def test_the_limit_is_a_setting_and_what_is_below_it_arrives(
    corpus: Path, index: Path, encoder: BigramEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIEFQA_MAX_REQUEST_BYTES", "200")
    with open_client(index, encoder) as client:
        for length, status in ((100, 200), (300, 413)):
            data = ["x" * length, 5, "", "", [], "", [], []]
            assert client.post("/gradio_api/run/retrieve", json={"data": data}).status_code == status


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 400_000 + b"]" * 400_000,
        b'{"data":' * 100_000,
        b'{"data":[' + b"9" * 5_000 + b"]}",
        b'{"data":[' + b"1e999," * 1_000 + b"1]}",
        b"null",
        b"\xff\xfe",
        b'{"data":["\\ud800"]}',
        b'{"data":[NaN]}',
        b'{"data":{"a":1}}',
        b"",
    ],
    ids=lambda body: repr(body[:12]),
)
def test_json_that_means_harm_is_refused_quickly_and_nothing_is_told(
    body: bytes, served: Any, caplog: pytest.LogCaptureFixture
) -> None:
    started = time.process_time()
    for path in (
        "/gradio_api/run/retrieve",
        "/gradio_api/call/retrieve",
        "/gradio_api/queue/join",
        "/gradio_api/component_server",
    ):
        response = served.post(path, content=body, headers={"content-type": "application/json"})
        assert response.status_code in (200, 400, 404, 422, 500)
        assert not LEAKED.search(response.text), response.text[:300]
    assert time.process_time() - started < 5


def test_a_question_of_a_megabyte_is_refused_in_one_line_by_every_way_in(
    index: Path, encoder: BigramEncoder, run: Run
) -> None:
    started = time.process_time()
    with briefqa.open(index, encoder) as qa:
        for ask in (qa.ask, qa.retrieve, qa.quote):
            with pytest.raises(QuestionError, match="1,000,000 characters: shorten it") as caught:
                ask(LONG)
            assert len(str(caught.value)) < 200
        assert len(qa.ask("why?", history=[LONG, LONG]).understood) < 5_000
    for command in ("ask", "search"):
        status, out, err = run(command, LONG, "--index", index)
        assert status == 2 and not out and "shorten it" in err and len(err) < 300
    assert time.process_time() - started < 10


def test_agents_are_told_that_a_question_is_too_long(index: Path, encoder: BigramEncoder) -> None:
    pytest.importorskip("mcp.server.mcpserver")
    from test_mcp import talk, wrong

    from briefqa.mcp import make_server

    with briefqa.open(index, encoder) as qa:
        calls = [("ask", {"question": LONG}), ("retrieve", {"question": LONG}), ("read_section", {"article": LONG})]
        started = time.process_time()
        for result in talk(make_server(lambda: qa), *calls):
            assert len(wrong(result)) < 3_000
        assert time.process_time() - started < 10


# SQL.


@pytest.mark.parametrize("text", SQL)
def test_sql_in_a_question_or_a_filter_is_text(text: str, index: Path, encoder: BigramEncoder) -> None:
    with briefqa.open(index, encoder) as qa:
        before = qa.info()
        answer = qa.ask(text)
        assert isinstance(answer.text, str)
        for options in ({"tags": [text]}, {"category": text}, {"articles": [text]}):
            assert qa.retrieve("芯片", **options) == []
        for name in ("since", "until"):
            with pytest.raises(QuestionError):
                qa.retrieve("芯片", **{name: text})
        assert qa.info() == before and qa.retrieve("芯片")


def test_no_statement_is_made_of_what_others_wrote() -> None:
    """Each f-string with SQL in it names columns and tables of our own alone; values go as parameters."""
    source = Path(briefqa.__file__).parent
    made = re.compile(r"""f"[^"]*\b(?:SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|PRAGMA)\b[^"]*\{(\w+)""")
    names = {name for path in source.rglob("*.py") for name in made.findall(path.read_text(encoding="utf-8"))}
    assert names <= {
        "MOST_FAULTS",
        "_ARTICLE",
        "_FORMAT",
        "_KILOBYTES_OF_CACHE",
        "_MILLISECONDS_FOR_QUESTIONS",
        "_TURN",
        "condition",
        "good",
        "marks",
        "table",
    }


# Headers.


@pytest.mark.parametrize(
    "text", ["a\r\nSet-Cookie: evil=1", "a\nLocation: //evil", "a\r\n\r\n<script>", "é\u2028x", "\0"]
)
def test_no_header_is_made_of_what_was_asked(text: str, served: Any) -> None:
    from urllib.parse import quote

    for address in (
        f"/source/{quote(text)}",
        f"/source/policy?start={quote(text)}&end=5&check={quote(text)}",
        f"/news?generation={quote(text)}",
        f"/login?next={quote(text)}",
        f"/?q={quote(text)}",
        f"/gradio_api/file={quote(text)}",
    ):
        response = served.get(address, headers={"accept": "text/html"}, follow_redirects=False)
        assert "evil" not in "".join(response.headers.values())
        assert all(value.isprintable() for value in response.headers.values())


def test_a_redirect_to_the_log_in_stays_here_whatever_was_asked_for(
    index: Path, encoder: BigramEncoder, tmp_path: Path
) -> None:
    from briefqa.passwords import PasswordFile, set_password

    set_password(tmp_path / "people", "alice", "a long password")
    with open_client(index, encoder, passwords=PasswordFile(tmp_path / "people")) as client:
        for path in (
            "/source/%0d%0aSet-Cookie:%20evil=1",
            "//evil.example/",
            "/%5cevil.example",
            "/?x=%0aLocation:%20//evil",
        ):
            response = client.get(path, headers={"accept": "text/html"}, follow_redirects=False)
            assert response.status_code == 303
            assert response.headers["location"].startswith("/login")
            assert not re.search(r"[\r\n]|^//|evil=1$", response.headers["location"])
            assert "evil" not in response.headers.get("set-cookie", "")


# What is told of the server.


def test_no_page_tells_a_path_when_all_behind_it_is_gone(
    corpus: Path, index: Path, encoder: BigramEncoder, caplog: pytest.LogCaptureFixture
) -> None:
    def all_ways(client: Any) -> Iterator[Any]:
        yield client.get("/source/")
        yield client.get("/source/policy")
        yield client.get("/source/policy?start=1&end=20&check=x")
        yield client.get("/healthz")
        yield client.get("/news?generation=1")
        yield client.get("/nothing")
        yield client.post("/upload?name=x.md", content=b"text", headers={"content-type": "application/octet-stream"})
        yield client.post("/upload?name=../x", content=b"text", headers={"content-type": "application/octet-stream"})
        yield client.post("/gradio_api/run/retrieve", json={"data": ["芯片", 5, "", "", [], "", [], []]})
        yield client.post("/gradio_api/run/rebuild", json={"data": []})
        yield client.get("/gradio_api/file=/etc/passwd")
        yield client.get("/gradio_api/file=../../../etc/passwd")
        yield client.get("/static/../../../etc/passwd")

    caplog.set_level(logging.CRITICAL)
    with open_app(index, encoder, local=True) as app:
        with TestClient(app, raise_server_exceptions=False, base_url="http://127.0.0.1") as client:
            told = list(all_ways(client))
            shutil.rmtree(corpus)
            told += all_ways(client)
            for path in index.iterdir():
                if path.name.startswith("briefqa.db"):
                    path.write_bytes(b"this is no database" * 1_000)
                elif path.is_dir():
                    shutil.rmtree(path)
            told += all_ways(client)
            for path in index.iterdir():
                path.unlink()
            told += all_ways(client)
    for response in told:
        assert not LEAKED.search(response.text), (response.url, LEAKED.search(response.text))
        assert "root:" not in response.text
    assert {response.status_code for response in told} <= {200, 400, 403, 404, 409, 422, 500, 503}


# Files of our own.


@pytest.mark.skipif(os.name == "nt", reason="modes are those of POSIX")
def test_what_people_said_and_who_they_are_is_for_its_owner_alone(index: Path) -> None:
    previous = os.umask(0)
    try:
        kept = Conversations(index)
        kept.begin("owner", "a question")
        sessions = Sessions(index / "sessions.db")
        sessions.start("alice", "hash")
        files = [path for path in index.iterdir() if path.name.startswith(("conversations", "sessions"))]
        assert {path.name for path in files} >= {"conversations.db", "sessions.db"}
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    finally:
        os.umask(previous)
        kept.close()
        sessions.close()


def test_nothing_that_runs_code_is_read() -> None:
    """No pickle, no eval, no shell, no YAML that makes objects, no code of a model's."""
    source = Path(briefqa.__file__).parent
    forbidden = re.compile(
        r"\w*pickle\.loads?\(|\bUnpickler\b|allow_pickle\s*=\s*True|\bjoblib\b|torch\.load\(|trust_remote_code\s*=\s*True|\beval\(|\bexec\(|"
        r"os\.system|shell\s*=\s*True|yaml\.(?:load|unsafe_load|full_load)\(|\bmarshal\b|tempfile\.mktemp\("
    )
    found = {
        (path.name, match.group())
        for path in source.rglob("*.py")
        for match in forbidden.finditer(path.read_text(encoding="utf-8"))
    }
    # An Encoder object of the user's own goes from a build to the workers that it started.
    assert found == {("portable.py", "pickle.loads(")}
