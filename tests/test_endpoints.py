"""The chat's named endpoints, called by the real gradio_client over a real server."""

from __future__ import annotations

import asyncio
import logging
import re
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import POLICY, VENDORS, BigramEncoder

import briefqa
from briefqa.errors import CorpusError, IndexLockedError
from briefqa.indexing import BuildReport
from briefqa.question import LONGEST_QUESTION

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # starlette's and gradio's own
    import gradio as gr
    import httpx
    import uvicorn
    from fastapi import FastAPI
    from gradio_client import Client
    from gradio_client.exceptions import AppError

    from briefqa.ui import create_app
    from briefqa.ui.endpoints import MOST_HITS, Refused, add_endpoints

QUESTION = "Blackwell系列与Rubin芯片仍在禁止清单上？"
ROOT = Path(__file__).parents[1]


class MeetingEncoder(BigramEncoder):
    """Encodes a question with "meet" in it only when another one has come to be encoded too."""

    def __init__(self) -> None:
        super().__init__()
        self.both = threading.Barrier(2, timeout=20)

    def encode_query(self, texts: Sequence[str]) -> np.ndarray:
        if any("meet" in text for text in texts):
            self.both.wait()
        return super().encode_query(texts)


@contextmanager
def serving(make: Callable[[], FastAPI]) -> Iterator[str]:
    """Serve an app on a free port of loopback, and give its address."""
    started = threading.Event()
    servers: list[uvicorn.Server] = []

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            started.set()

    async def serve() -> None:
        config = uvicorn.Config(
            make(), port=0, log_config=None, access_log=False, timeout_graceful_shutdown=1, ws="none"
        )
        servers.append(Server(config))
        await servers[0].serve()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        thread.start()
        try:
            assert started.wait(20)
            port = servers[0].servers[0].sockets[0].getsockname()[1]
            yield f"http://127.0.0.1:{port}"
        finally:
            servers[0].should_exit = True
            thread.join(20)


@pytest.fixture(scope="module")
def open_index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[briefqa.BriefQA]:
    folder = tmp_path_factory.mktemp("endpoints")
    encoder = MeetingEncoder()
    (folder / "corpus" / "industry").mkdir(parents=True)
    (folder / "corpus" / "policy.md").write_text(POLICY, encoding="utf-8")
    (folder / "corpus" / "industry" / "vendors.md").write_text(VENDORS, encoding="utf-8")
    briefqa.build(folder / "corpus", folder / "index", encoder=encoder)
    with briefqa.open(folder / "index", encoder) as qa:
        yield qa


@pytest.fixture(scope="module")
def chat(open_index: briefqa.BriefQA) -> Iterator[str]:
    with serving(lambda: create_app(open_index)) as url:
        yield url


@pytest.fixture(scope="module")
def client(chat: str) -> Client:
    return Client(chat, verbose=False)


def plain(value: Any) -> Any:
    """Return what a value is as JSON."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def test_a_question_alone_is_answered_with_all_that_ask_returns(client: Client, open_index: briefqa.BriefQA) -> None:
    answer = client.predict(QUESTION, api_name="/ask")
    assert answer == plain(asdict(open_index.ask(QUESTION)))
    assert answer["citations"][0]["anchor"] == "banned" and answer["answered"] is True


def test_sections_are_found_and_the_filters_narrow_them(client: Client, open_index: briefqa.BriefQA) -> None:
    hits = client.predict("芯片", 2, api_name="/retrieve")
    assert hits == plain([asdict(hit) for hit in open_index.retrieve("芯片", 2)])
    assert [hit["rank"] for hit in hits] == [1, 2]
    for narrowed in ({"since": "2025-12"}, {"tags": ["出口"]}, {"category": "政策"}, {"articles": ["policy"]}):
        hits = client.predict(question="芯片", k=9, api_name="/retrieve", **narrowed)
        assert {hit["article"] for hit in hits} == {"policy"}, narrowed
    assert client.predict("芯片", until="2025-11-30", api_name="/ask")["hits"][0]["article"] == "industry/vendors"
    assert client.predict("芯片", tags="出口", api_name="/retrieve")[0]["article"] == "policy"  # not in a list


def test_a_follow_up_is_understood_with_the_questions_before_it(client: Client) -> None:
    asked = client.predict("why?", history=["which chips are banned?"], api_name="/ask")
    assert asked["understood"] == "which chips are banned? why?"
    assert client.predict("why?", history=["芯片"], api_name="/retrieve")


def test_the_endpoints_describe_themselves(client: Client) -> None:
    described = client.view_api(return_format="dict")
    assert described["unnamed_endpoints"] == {}
    assert set(described["named_endpoints"]) == {
        "/ask",
        "/retrieve",
        "/rebuild",
    }
    ask = described["named_endpoints"]["/ask"]
    assert ask["description"].startswith("Answer a question from the briefs")
    types = {each["parameter_name"]: each["python_type"]["type"] for each in ask["parameters"]}
    assert types == {
        "question": "str",
        "history": "list[str]",
        "since": "str",
        "until": "str",
        "tags": "list[str]",
        "category": "str",
        "articles": "list[str]",
    }
    assert [each["parameter_name"] for each in ask["parameters"] if not each["parameter_has_default"]] == ["question"]
    assert "citations: list[dict(number: int, article: str" in ask["returns"][0]["python_type"]["type"]
    retrieve = described["named_endpoints"]["/retrieve"]
    assert [each["parameter_name"] for each in retrieve["parameters"]][:2] == ["question", "k"]
    assert retrieve["returns"][0]["python_type"]["type"].startswith("list[dict(article: str")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"question": " "}, "the question is empty: write what you want to know"),
        ({"question": None}, "the question is empty"),
        ({"question": "芯" * (LONGEST_QUESTION + 1)}, "the question has 4,001 characters: shorten it"),
        ({"question": 5}, "question has int where text is expected"),
        ({"question": "q", "since": "someday"}, "since is 'someday': write a date as"),
        ({"question": "q", "tags": [["x"]]}, "tags has list where text is expected"),
        ({"question": "q", "history": {"a": 1}}, "history has dict where text is expected"),
        ({"question": "q", "history": ["q"] * 101}, "history has 101 questions: send the last 100 at most"),
        ({"question": "q", "k": 0, "api_name": "/retrieve"}, f"k must be a whole number from 1 to {MOST_HITS}"),
        ({"question": "q", "k": MOST_HITS + 1, "api_name": "/retrieve"}, "k must be a whole number"),
        ({"question": "q", "k": True, "api_name": "/retrieve"}, "k must be a whole number"),
        ({"question": "q", "k": "5", "api_name": "/retrieve"}, "k must be a whole number"),
    ],
)
def test_what_is_wrong_with_a_call_is_told_in_one_line(client: Client, call: dict[str, Any], message: str) -> None:
    with pytest.raises(AppError, match="^" + re.escape(message)) as told:
        client.predict(**{"api_name": "/ask", **call})
    assert "\n" not in str(told.value) and "Traceback" not in str(told.value)


def test_half_a_character_is_refused_and_the_next_call_answered(chat: str, client: Client) -> None:
    url = f"{chat}/gradio_api/call/ask"
    sent = b'{"data": ["\\ud83d?", [], "", "", [], "", []]}'  # gradio_client itself cannot send it
    called = httpx.post(url, content=sent, headers={"content-type": "application/json"}).json()["event_id"]
    told = httpx.get(f"{url}/{called}", timeout=20).text
    assert told.startswith("event: error") and "half of a surrogate pair" in told
    assert client.predict(QUESTION, api_name="/ask")["answered"]


def test_two_are_served_at_once(chat: str) -> None:
    clients = [Client(chat, verbose=False) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:  # neither of two is encoded before the other has come
        calls = [("meet one", "/ask"), ("meet two", "/ask"), ("meet three", "/ask"), ("meet four", "/retrieve")]
        for pair in (calls[:2], calls[2:]):
            jobs = [
                pool.submit(each.predict, question, api_name=name)
                for each, (question, name) in zip(clients, pair, strict=True)
            ]
            assert all(job.result(30) for job in jobs)


def test_the_program_of_the_readme_works(tmp_path: Path) -> None:
    briefqa.build(ROOT / "corpus", tmp_path / "index", encoder=BigramEncoder())
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(from gradio_client.*?)```", readme, re.DOTALL)
    with briefqa.open(tmp_path / "index", BigramEncoder()) as qa, serving(lambda: create_app(qa)) as url:
        program = program.replace("http://127.0.0.1:7860", url)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "https://www.example.org/briefs/" in done.stdout


@contextmanager
def rebuilding(qa: briefqa.BriefQA, rebuild: Callable[[gr.Request], BuildReport]) -> Iterator[Client]:
    def make() -> FastAPI:
        app = FastAPI()
        with gr.Blocks(analytics_enabled=False) as page:
            add_endpoints(qa, rebuild)
        return gr.mount_gradio_app(app, page, path="/", ssr_mode=False, show_error=False)

    with serving(make) as url:
        yield Client(url, verbose=False)


def test_a_rebuild_reports_what_changed_and_knows_who_asked(index: Path, corpus: Path, encoder: BigramEncoder) -> None:
    (corpus / "new.md").write_text("# New\n\nText.\n", encoding="utf-8")
    (corpus / "bad.md").write_text("---\ntitle: [x\n---\n\ntext\n", encoding="utf-8")

    def rebuild(request: gr.Request) -> BuildReport:
        if request.headers["x-name"] != "ann":
            raise Refused("only ann may")
        return briefqa.build(corpus, index, encoder=encoder)

    with briefqa.open(index, encoder) as qa, rebuilding(qa, rebuild) as client:
        with pytest.raises(AppError, match="^only ann may$"):
            Client(client.src, headers={"x-name": "bob"}, verbose=False).predict(api_name="/rebuild")
        report = Client(client.src, headers={"x-name": "ann"}, verbose=False).predict(api_name="/rebuild")
        assert (report["articles_added"], report["articles_unchanged"]) == (1, 3)
        assert report["problems"][0]["file"] == "bad.md"
        assert client.predict("New Text.", api_name="/retrieve")[0]["article"] == "new"  # of the new generation


def test_an_error_of_the_server_is_logged_and_tells_the_caller_no_path(
    index: Path, encoder: BigramEncoder, caplog: pytest.LogCaptureFixture
) -> None:
    errors: list[Exception] = [
        CorpusError("corpus /srv/secret is missing: name the folder"),
        IndexLockedError("/srv/secret is being written by another build"),
        RuntimeError("/srv/secret"),
    ]

    def rebuild(request: gr.Request) -> BuildReport:
        raise errors[0]

    with briefqa.open(index, encoder) as qa, rebuilding(qa, rebuild) as client, caplog.at_level(logging.WARNING):
        told = []
        while errors:
            with pytest.raises(AppError) as raised:
                client.predict(api_name="/rebuild")
            told.append(str(raised.value))
            del errors[0]
        qa.close()
        with pytest.raises(AppError, match="^the question could not be answered: the server's log says why$"):
            client.predict(QUESTION, api_name="/ask")
    failed = "the index could not be brought up to date: the server's log says why"
    assert told == [failed, "the index is being built already: try again later", failed]
    assert "corpus /srv/secret is missing" in caplog.text and "RuntimeError: /srv/secret" in caplog.text
