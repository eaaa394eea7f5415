"""What the browser tests share: windows in which nothing may go wrong, asking, and what a page shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from chromium import FLAGS, ask, chatting, find_chromium
from chromium import wait_for_answer as answered

pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[dev]'")
from axe_playwright_python.sync_playwright import Axe  # noqa: E402
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, expect, sync_playwright  # noqa: E402

__all__ = ["answered", "ask", "chatting"]

CORPUS = Path(__file__).parent.parent / "corpus"
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
QUESTION = "which chips are banned?"
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


@contextmanager
def launched() -> Iterator[Browser]:
    """Start Chromium; skip the tests where there is none."""
    chromium = find_chromium()
    if not chromium:
        pytest.skip("no Chromium found: apt install chromium, or name one in the environment variable CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def window(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """Open a browser of its own; it may ask no other machine for anything, and no script may fail or be refused."""
    foreign: list[str] = []
    errors: list[str] = []
    context = browser.new_context(**{"viewport": DESKTOP, "locale": "en-US", **options})

    def leaves(url: str) -> bool:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in LOOPBACK

    def begun(asked: Request) -> None:
        if leaves(asked.url):
            foreign.append(asked.url)

    context.on("request", begun)
    context.on("weberror", lambda error: errors.append(str(error.error)))
    context.on("dialog", lambda dialog: (errors.append(dialog.message), dialog.dismiss()))
    context.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
    yield context
    context.close()
    assert foreign == []
    assert errors == []


_GRAVE = {"serious", "critical"}


def open_chat(context: BrowserContext, url: str) -> Page:
    """Open the chat and wait until it can be used."""
    page = context.new_page()
    page.goto(url)
    ready(page)
    return page


def ready(page: Page) -> None:
    """Wait until the page shows a conversation, or questions to begin one."""
    expect(page.locator("#bq-now").locator(".bq-example, .bq-turn").first).to_be_visible(timeout=20_000)
    expect(page.locator("#bq-filters .bq-filters")).to_be_attached()


def insist(act: Callable[[], object], seen: Callable[[float], object]) -> None:
    """Do something until its effect is seen: what comes before Gradio has ended the last event, it ignores.

    seen: takes how long to wait for it, in milliseconds, and fails as playwright's expectations do.
    """
    for _ in range(10):
        act()
        try:
            seen(1_500)
            return
        except AssertionError:
            continue
    seen(1_500)


def click_question(page: Page, button: Locator) -> str:
    """Click a question that is suggested, wait for the whole of its answer, and return it."""
    question = button.inner_text()
    asked = page.locator("#bq-now .bq-question")
    insist(lambda: button.click(timeout=5_000), lambda wait: expect(asked).to_have_text(question, timeout=wait))
    answered(page, question)
    return question


def marked(page: Page) -> Locator:
    """Return what is marked in the source panel."""
    return page.frame_locator("#bq-frame").locator("mark")


def no_sideways_scroll(page: Page) -> bool:
    return bool(
        page.evaluate("document.documentElement.scrollWidth <= innerWidth && document.body.scrollWidth <= innerWidth")
    )


def show_briefs(page: Page) -> None:
    """Show the list of briefs in the panel."""
    page.locator("#bq-tab-briefs").click()


def open_settings(page: Page) -> None:
    page.locator(".bq-settings summary").click()


def assert_accessible(page: Page, state: str) -> None:
    """Fail where axe-core finds anything serious in the page; state: what is shown there."""
    found = Axe().run(page).response
    grave = [
        f"{state}: {violation['id']} {node['html'][:200]} {node.get('failureSummary', '')[:300]}"
        for violation in found["violations"]
        if violation["impact"] in _GRAVE
        for node in violation["nodes"]
    ]
    assert not grave, "\n".join(grave)
