"""Take pictures of the chat in each of its states, with a headless Chromium, into docs/img/ (or --out).

    python benchmarks/screenshots.py                  # builds an index of corpus/, serves it, takes all pictures
    python benchmarks/screenshots.py --all --out /tmp/shots

Without --all only the README's pictures are taken.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

import briefqa

ROOT = Path(__file__).parent.parent
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
QUESTIONS = {"en-US": "which chips are banned?", "zh-CN": "寒武纪的代表产品是什么？"}
REFUSED = {"en-US": "How do I bake bread?", "zh-CN": "怎么烤面包？"}
README = {
    ("en-US", "light", "desktop", "source"): "chat.png",
    ("en-US", "dark", "phone", "answer"): "chat-phone-dark.png",
}


@contextmanager
def serve(index: Path) -> Iterator[str]:
    """Run `briefqa chat` on a free port and give its address."""
    command = [sys.executable, "-m", "briefqa", "chat", "--index", str(index), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found, "the server did not start"
            yield found.group()
        finally:
            process.terminate()


def ask(page: Page, question: str) -> None:
    page.locator("#bq-question textarea").fill(question)
    page.keyboard.press("Enter")
    page.locator(".bq-turn").last.locator(".bq-answer").wait_for()


def states(page: Page, url: str, language: str) -> Iterator[str]:
    """Bring the page into one state after the other and name it."""
    page.goto(url)
    page.locator(".bq-example").first.wait_for()
    page.frame_locator("#bq-frame").locator("h1").wait_for(state="attached")
    yield "welcome"
    ask(page, QUESTIONS[language])
    yield "answer"
    page.locator(".bq-cite").first.click()
    page.frame_locator("#bq-frame").locator("mark").first.wait_for()
    page.wait_for_timeout(400)  # the slide-over's way in
    yield "source"
    if page.locator("#bq-close").is_visible():
        page.locator("#bq-close").click()
    ask(page, REFUSED[language])
    page.wait_for_timeout(300)
    yield "refused"


def take(browser: Browser, url: str, out: Path, everything: bool) -> None:
    for language in QUESTIONS:
        for scheme in ("light", "dark"):
            for device, size in (("desktop", DESKTOP), ("phone", PHONE)):
                wanted = [key for key in README if key[:3] == (language, scheme, device)]
                if not wanted and not everything:
                    continue
                context = browser.new_context(viewport=size, locale=language, color_scheme=scheme)
                page = context.new_page()
                for state in states(page, url, language):
                    name = README.get((language, scheme, device, state))
                    if everything:
                        name = f"{language}-{scheme}-{device}-{state}.png"
                    if name:
                        page.screenshot(path=out / name)
                        print(out / name)
                context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", type=Path, help="an index of corpus/, if there is one already")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "img")
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder:
        index = options.index or Path(folder)
        if not options.index:
            briefqa.build(ROOT / "corpus", index)
        with serve(index) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            take(browser, url, options.out, options.all)
            browser.close()


if __name__ == "__main__":
    main()
