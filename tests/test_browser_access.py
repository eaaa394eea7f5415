"""A log-in in a real browser, to a chat that a proxy serves below a path, and to one in another app."""

from __future__ import annotations

import asyncio
import re
import warnings
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import BigramEncoder

import briefqa
from briefqa.api import BriefQA
from briefqa.passwords import read_passwords, set_password

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore")]  # starlette's and gradio's own
pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[dev]'")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from fastapi import FastAPI
    from playwright.sync_api import Browser, expect, sync_playwright
    from test_access import PASSWORD, serving
    from test_browser import CHROMIUM, FLAGS

    from briefqa.ui import create_app, mount

CORPUS = Path(__file__).parent.parent / "corpus"
QUESTION = "which chips are banned?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("access")
    briefqa.build(CORPUS, folder / "index", encoder=BigramEncoder())
    set_password(folder / "people", "alice", PASSWORD)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("no Chromium found: apt install chromium, or name one in the environment variable CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def built(build: Callable[[], Coroutine[None, None, FastAPI]]) -> FastAPI:
    """Build an app in a loop of its own; playwright's runs in this thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(build())).result()


def test_a_reader_logs_in_behind_a_proxy_and_asks(folder: Path, browser: Browser) -> None:
    with BriefQA(folder / "index", BigramEncoder()) as qa:

        async def build() -> FastAPI:
            return create_app(qa, passwords=read_passwords(folder / "people"), root_path="/briefs")

        app = built(build)

        async def proxy(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                path = scope["path"].removeprefix("/briefs")
                scope = {**scope, "path": path, "raw_path": path.encode()} if path != scope["path"] else scope
            await app(scope, receive, send)

        with serving(proxy) as url:  # type: ignore[arg-type]
            page = browser.new_page()
            problems: list[str] = []
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("response", lambda got: problems.append(got.url) if "/briefs/" not in got.url else None)
            page.goto(f"{url}/briefs/?q=1")
            assert re.search(r"/briefs/login\?next=", page.url)
            page.get_by_label("Name").fill("alice")
            page.get_by_label("Password").fill("wrong password")
            page.get_by_role("button", name="Log in").click()
            expect(page.get_by_role("alert")).to_be_visible()
            page.get_by_label("Password").fill(PASSWORD)
            page.keyboard.press("Enter")
            page.wait_for_url(f"{url}/briefs/?q=1")
            page.get_by_label("Question").fill(QUESTION)
            page.keyboard.press("Enter")
            expect(page.locator(".bq-cite").first).to_be_visible()
            page.goto(f"{url}/briefs/source/")
            expect(page.locator(".library li").first).to_be_visible()
            assert not problems
            page.close()


def test_a_chat_in_another_app_is_asked(folder: Path, browser: Browser) -> None:
    with BriefQA(folder / "index", BigramEncoder()) as qa:

        async def build() -> FastAPI:
            app = FastAPI()
            mount(app, "/library", qa)
            return app

        with serving(built(build)) as url:
            page = browser.new_page()
            problems: list[str] = []
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("response", lambda got: problems.append(got.url) if "/library" not in got.url else None)
            page.goto(f"{url}/library/")
            page.get_by_label("Question").fill(QUESTION)
            page.keyboard.press("Enter")
            expect(page.locator(".bq-cite").first).to_be_visible()
            assert not problems
            page.close()
