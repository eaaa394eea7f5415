"""The served page: it names no other host, its events answer, and what stops it from starting is said in a line."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from conftest import BigramEncoder
from served import TestClient, addresses, ask, open_app, open_client, open_small, raise_event

import briefqa
from briefqa.ui import serve
from briefqa.ui.strings import CHINESE, ENGLISH


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with open_small(tmp_path_factory.mktemp("ui")) as client:
        yield client


def test_the_page_names_no_other_host(client: TestClient) -> None:
    response = client.get("/")
    assert response.status_code == 200
    assert {urlsplit(url).netloc for url in addresses(response.text)} <= {"testserver"}
    assert "default-src 'self'" in response.headers["content-security-policy"]
    assert "fonts.g" not in response.text and "og:image" not in response.text


def test_health_says_which_build_is_served(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"generation": 1}


def test_open_pages_hear_whether_what_they_show_is_new(index: Path, corpus: Path, encoder: BigramEncoder) -> None:
    with open_client(index, encoder) as client:
        assert client.get("/news?generation=1").json() == {"generation": 1, "ahead": 0, "words": ""}
        told = client.get("/news?generation=0", headers={"accept-language": "zh"})
        assert told.json()["words"] == CHINESE.news_newer and told.headers["cache-control"] == "no-store"
        for nonsense in ("", "-1", "x", "9" * 40, "1e3", "%00"):
            assert client.get(f"/news?generation={nonsense}").status_code == 200
    (corpus / "new.md").write_text("# New\n\nText.\n", encoding="utf-8")
    with open_client(index, encoder) as client:
        assert client.get("/news?generation=1").json()["words"] == ENGLISH.news_ahead_one


def test_a_question_is_answered_through_the_page(client: TestClient) -> None:
    text = ask(client)
    assert '"process_completed"' in text and '"success":true' in text.replace(" ", "")
    assert "bq-cite" in text and "source/policy?start=" in text


def test_an_answer_is_exported_through_the_page(client: TestClient) -> None:
    told = ask(client, "Rubin芯片仍在清单上？")
    found = re.search(r'data-conversation=\\"([\w-]+)\\"', told)
    assert found
    for turn in ("0", re.findall(r'data-turn=\\"(\d+)\\"', told)[-1]):
        for menu in range(3):  # of earlier turns, of the last one, on top
            said = {"format": "markdown", "turn": turn}
            text = raise_event(client, ("download",), [found[1]], said, nth=menu)
            assert "briefqa-" in text and "[^1]: " in text and "Rubin芯片仍在清单上" in text
    nothing = raise_event(client, ("download",), [found[1]], {"turn": "0"})
    assert '"output":{"data":[null]' in nothing.replace(" ", "")


def test_calls_by_programs_leave_no_sessions_behind_that_add_up(
    index: Path, encoder: BigramEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("briefqa.ui.page.SESSIONS", 5)
    with open_app(index, encoder) as app, TestClient(app) as client:
        blocks = next(route.app.blocks for route in app.routes if hasattr(getattr(route, "app", None), "blocks"))
        for _ in range(12):
            url = "/gradio_api/call/retrieve"
            event = client.post(url, json={"data": ["芯片", 1, "", "", [], "", [], []]}).json()["event_id"]
            assert "event: complete" in client.get(f"{url}/{event}").text
        assert 1 <= len(blocks.state_holder.session_data) <= 5


def test_only_the_endpoints_for_programs_are_described_and_all_answering_is_counted_together(
    index: Path, encoder: BigramEncoder
) -> None:
    with open_app(index, encoder, workers=3) as app, TestClient(app) as client:
        events = client.get("/config").json()["dependencies"]
        public = [event["api_name"] for event in events if event["api_visibility"] != "private"]
        assert public == ["ask", "retrieve", "rebuild"]
        blocks = next(route.app.blocks for route in app.routes if hasattr(getattr(route, "app", None), "blocks"))
        functions = blocks.fns.values()
        asking = {"ask", "ask_example", "ask_again", "follow_link"}
        limits = {
            (function.concurrency_id, function.concurrency_limit)
            for function in functions
            if getattr(function.fn, "__name__", "") in asking and function.api_visibility == "private"
        }
        assert limits == {("answers", 3)}
        assert "answers" not in {function.concurrency_id for function in functions if function.fn is None}


# Starting.


def test_a_missing_index_is_said_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom briefqa.errors import IndexNotFoundError\nfrom briefqa.ui import serve\n"
        f"try:\n    serve({str(tmp_path / 'none')!r})\nexcept IndexNotFoundError:\n"
        "    raise SystemExit(str({'gradio', 'fastapi', 'uvicorn', 'torch'} & set(sys.modules) or 0))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stderr.strip() == "0"


def test_a_port_in_use_is_said_in_one_line(index: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(briefqa.BriefqaError, match=rf"^port {port} is already in use.*--port.*$"):
            serve(index, port=port)


def test_an_address_of_another_machine_is_said_in_one_line(index: Path) -> None:
    with pytest.raises(briefqa.BriefqaError, match=r"^203\.0\.113\.7 is no address of this machine.*$"):
        serve(index, host="203.0.113.7", port=0)
