"""A log-in in a real browser, to a chat that a proxy serves below a path, and to one in another app."""

from __future__ import annotations

import asyncio
import re
import warnings
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from browsing import CORPUS, QUESTION, ask, open_settings, ready
from conftest import BigramEncoder
from playwright.sync_api import Browser, BrowserContext, expect

import briefqa
from briefqa.api import BriefQA
from briefqa.passwords import read_passwords, set_password

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore")]  # starlette's and gradio's own
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from fastapi import FastAPI
    from test_access import PASSWORD, serving

    from briefqa.ui import create_app, mount


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("access")
    briefqa.build(CORPUS, folder / "index", encoder=BigramEncoder())
    set_password(folder / "people", "alice", PASSWORD)
    return folder


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
            ready(page)
            ask(page, QUESTION)
            expect(page.locator("#bq-now .bq-cite").first).to_be_visible()
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
            ready(page)
            ask(page, QUESTION)
            expect(page.locator("#bq-now .bq-cite").first).to_be_visible()
            assert not problems
            page.close()


def test_who_logs_in_has_a_history_of_their_own_and_logs_out_again(guarded_chat: str, context: BrowserContext) -> None:
    page = context.new_page()

    def log_in(name: str) -> None:
        expect(page.get_by_role("heading", level=1)).to_have_text("briefqa")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        ready(page)

    page.goto(guarded_chat)
    log_in("alice")
    expect(page.get_by_role("button", name="Rebuild the index")).to_be_visible()
    ask(page, QUESTION)
    address = page.url
    open_settings(page)
    expect(page.locator(".bq-settings")).to_contain_text("alice")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(re.compile("/login"))
    page.goto(address)
    page.wait_for_url(re.compile(r"/login\?next="))

    log_in("bob")
    assert page.url == address
    expect(page.locator(".bq-welcome")).to_be_visible()
    expect(page.locator(".bq-question")).to_have_count(0)
    expect(page.locator(".bq-upkeep")).to_have_count(0)
    open_settings(page)
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(re.compile("/login"))
    page.goto(address)
    log_in("alice")
    expect(page.locator(".bq-question")).to_have_text(QUESTION)


def test_a_page_whose_session_has_ended_asks_to_log_in(guarded_chat: str, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{guarded_chat}?q=which+chips+are+banned%3F")
    page.get_by_label("Name").fill("bob")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#bq-now .bq-question")).to_have_text(QUESTION)
    expect(page.locator("#bq-now .bq-state")).to_have_attribute("data-state", "quoted")
    context.clear_cookies()
    page.reload()
    expect(page.get_by_label("Password")).to_be_visible()
