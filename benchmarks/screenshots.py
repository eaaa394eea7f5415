"""Take pictures of the chat in each of its states, with a headless Chromium, into docs/img/ (or --out).

    python benchmarks/screenshots.py                  # serves an index of corpus/, takes the documents' pictures
    python benchmarks/screenshots.py --all --out shots

With --all each state is taken for desktop and phone, light and dark, English and Chinese.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from chromium import FLAGS, ask, chatting, find_chromium
from playwright.sync_api import Browser, Page, sync_playwright

import briefqa
from briefqa.passwords import set_password

ROOT = Path(__file__).parent.parent
SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
QUESTIONS = {"en-US": "which chips are banned?", "zh-CN": "寒武纪的代表产品是什么？"}
REFUSED = {"en-US": "How do I bake bread?", "zh-CN": "怎么烤面包？"}
# The pictures of README and docs: (language, scheme, device, state) → name.
DOCUMENTS = {
    ("en-US", "light", "desktop", "source"): "chat",
    ("en-US", "light", "desktop", "limited"): "briefs",
    ("en-US", "dark", "desktop", "card"): "card-dark",
    ("zh-CN", "light", "desktop", "answer"): "chat-zh",
    ("zh-CN", "dark", "phone", "answer"): "chat-phone-dark",
    ("en-US", "light", "phone", "conversations"): "conversations-phone",
    ("en-US", "light", "desktop", "login"): "login",
}
Show = Callable[[Page, str, str], Iterator[str]]
_WAY_IN = 400  # milliseconds of what slides over the page


def states(page: Page, url: str, language: str) -> Iterator[str]:
    """Bring the page into one state after the other and name it."""
    page.goto(url)
    page.locator(".bq-example").first.wait_for()
    page.locator(".bq-brief").first.wait_for(state="attached")
    yield "welcome"
    ask(page, QUESTIONS[language])
    page.locator(".bq-next .bq-example").first.wait_for()
    yield "answer"
    page.locator(".bq-answer .bq-cite").last.hover()
    page.wait_for_timeout(_WAY_IN)
    yield "card"
    page.locator(".bq-answer .bq-cite").first.click()
    page.frame_locator("#bq-frame").locator("mark").first.wait_for()
    page.wait_for_timeout(_WAY_IN)
    yield "source"
    _close_panel(page)
    if page.locator("#bq-open-briefs").is_visible():
        page.locator("#bq-open-briefs").click()
    page.locator("#bq-tab-briefs").click()
    page.wait_for_timeout(_WAY_IN)
    yield "briefs"
    page.locator(".bq-timeline button").first.click()
    page.locator("#bq-limits .bq-limit").first.wait_for(state="attached")
    page.wait_for_timeout(_WAY_IN)
    yield "limited"
    page.locator("#bq-upkeep .bq-rebuild").click()
    page.locator(".bq-report").wait_for()
    yield "rebuilt"
    _close_panel(page)
    page.locator("#bq-limits .bq-unlimit").click()
    ask(page, REFUSED[language])
    yield "refused"
    page.locator("#bq-conversations").click()
    page.wait_for_timeout(_WAY_IN)
    yield "conversations"


def _close_panel(page: Page) -> None:
    if page.locator("#bq-close").is_visible():
        page.locator("#bq-close").click()
        page.wait_for_timeout(_WAY_IN)


def login(page: Page, url: str, _: str) -> Iterator[str]:
    """Show what asks for a password."""
    page.goto(url)
    yield "login"


def take(browser: Browser, url: str, show: Show, out: Path, everything: bool) -> None:
    for language in QUESTIONS:
        for scheme in ("light", "dark"):
            for device, size in SIZES.items():
                wanted = {key[3]: name for key, name in DOCUMENTS.items() if key[:3] == (language, scheme, device)}
                if not wanted and not everything:
                    continue
                context = browser.new_context(viewport=size, locale=language, color_scheme=scheme)
                page = context.new_page()
                for state in show(page, url, language):
                    name = f"{state}-{device}-{scheme}-{language[:2]}" if everything else wanted.get(state)
                    if name:
                        page.screenshot(path=out / f"{name}.png")
                        print(out / f"{name}.png")
                context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "img")
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        briefqa.build(ROOT / "corpus", folder / "index")
        set_password(folder / "people", "alice", "as long as it takes")
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        with chatting(folder / "index") as url:
            take(browser, url, states, options.out, options.all)
        with chatting(folder / "index", "--auth", str(folder / "people")) as url:
            take(browser, url, login, options.out, options.all)
        browser.close()


if __name__ == "__main__":
    main()
