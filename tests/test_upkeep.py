"""A chat that watches its corpus: the next answer knows what was written, and the watcher ends with the server."""

from __future__ import annotations

import asyncio
import logging
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest
from conftest import BigramEncoder

import briefqa
from briefqa.ui.upkeep import Upkeep

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # starlette's and gradio's own
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from briefqa.ui import create_app

pytestmark = pytest.mark.filterwarnings("ignore")  # starlette's and gradio's own
PATIENT = 20.0  # seconds


def watchers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "watch"]


def test_a_new_article_is_in_the_next_answer_and_open_pages_hear_of_it(
    corpus: Path, index: Path, encoder: BigramEncoder, caplog: pytest.LogCaptureFixture
) -> None:
    async def make_app() -> FastAPI:
        return create_app(qa, corpus=corpus, watch=True, local=True)

    caplog.set_level(logging.INFO, "briefqa.ui.upkeep")
    with briefqa.open(index, encoder) as qa:
        app = asyncio.run(make_app())
        assert watchers() == []
        with TestClient(app, base_url="http://127.0.0.1") as client:
            assert len(watchers()) == 1
            assert client.get("/news?generation=1").json()["ahead"] == 0
            (corpus / "quantum.md").write_text("---\ndate: someday\n---\n\n量子计算机。\n", encoding="utf-8")
            until = time.monotonic() + PATIENT
            while client.get("/healthz").json()["generation"] == 1 and time.monotonic() < until:
                time.sleep(0.05)
            assert qa.retrieve("量子计算机", k=1)[0].article == "quantum"
            assert client.get("/source/quantum").status_code == 200
            while "1 added" not in caplog.text and time.monotonic() < until:
                time.sleep(0.05)
            news = client.get("/news?generation=1").json()
            assert (news["generation"], news["ahead"]) == (2, 0) and "newer" in news["words"]
        assert watchers() == []
    assert "1 added, 0 updated, 0 removed; 1 chunks embedded" in caplog.text
    assert "quantum.md:2: " in caplog.text


def test_what_is_built_is_told_after_each_build_and_trouble_goes_to_the_log(
    corpus: Path, index: Path, encoder: BigramEncoder, caplog: pytest.LogCaptureFixture
) -> None:
    built: list[str] = []
    upkeep = Upkeep(corpus, index, encoder, lambda: built.append("built"), "")
    upkeep.start()
    until = time.monotonic() + PATIENT
    while not built and time.monotonic() < until:
        time.sleep(0.02)
    corpus.rename(corpus.with_name("away"))
    while "is not there" not in caplog.text and time.monotonic() < until:
        time.sleep(0.02)
    upkeep.end()
    assert built == ["built"] and watchers() == []
    assert [record.levelname for record in caplog.records if "is not there" in record.message] == ["WARNING"]


def test_the_command_serves_and_watches_until_ctrl_c(corpus: Path, index: Path) -> None:
    import httpx

    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import briefqa.api, briefqa.indexing, briefqa.cli
from conftest import BigramEncoder
briefqa.indexing.load_encoder = briefqa.api.load_encoder = lambda *_: BigramEncoder()
sys.argv = ["briefqa", "chat", "--index", {str(index)!r}, "--port", "0", "--watch"]
briefqa.cli.main()
"""
    pipe, heed = subprocess.PIPE, lambda: signal.signal(signal.SIGINT, signal.default_int_handler)
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, preexec_fn=heed) as process:
        try:
            assert process.stdout is not None and process.stderr is not None
            found = re.search(r"http://\S+/", process.stdout.readline())
            assert found, process.stderr.read()
            (corpus / "new.md").write_text("# New\n\nText.\n", encoding="utf-8")
            until = time.monotonic() + PATIENT
            while httpx.get(f"{found.group()}healthz").json()["generation"] == 1 and time.monotonic() < until:
                time.sleep(0.05)
            assert httpx.get(f"{found.group()}source/new").status_code == 200
            process.send_signal(signal.SIGINT)
            process.wait(PATIENT)
            told = process.stderr.read()
            assert "1 added, 0 updated, 0 removed; 1 chunks embedded" in told and "Traceback" not in told
        finally:
            process.kill()
