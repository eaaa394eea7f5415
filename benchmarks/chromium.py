"""A Chromium without a head, and `briefqa chat` for it to visit: what the benchmarks and the browser tests share.

with chatting(index) as url, sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
    page = browser.new_page()
    page.goto(url)
    ask(page, "which chips are banned?")
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # No name leads anywhere but to this machine.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_INTERRUPTED = 130
_SECONDS_TO_END = 10


def find_chromium() -> str:
    """Return the browser that CHROMIUM names, or one on the path; "" where there is none."""
    return os.environ.get("CHROMIUM") or next((found for name in _NAMES if (found := shutil.which(name))), "")


@contextmanager
def chatting(index: Path, *options: str, port: int = 0) -> Iterator[str]:
    """Run `briefqa chat` and give its address.

    Raises RuntimeError unless Ctrl-C ends it at once and without a word.
    """
    command = [sys.executable, "-m", "briefqa", "chat", "--index", str(index), "--port", str(port), *options]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, preexec_fn=_heed_ctrl_c) as process:
        try:
            assert process.stdout is not None and process.stderr is not None
            found = re.search(r"http://\S+", process.stdout.readline())
            if not found:
                raise RuntimeError(f"the server did not start: {process.stderr.read()}")
            yield found.group()
            process.send_signal(signal.SIGINT)
            status = process.wait(timeout=_SECONDS_TO_END)
            said = process.stderr.read()
            if status != _INTERRUPTED or said:
                raise RuntimeError(f"the server ended with {status} and said: {said}")
        finally:
            process.kill()


def _heed_ctrl_c() -> None:
    """Undo what a shell does to all that it starts in the background: have SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def ask(page: Page, question: str) -> None:
    """Ask a question and wait for the whole of its answer."""
    from playwright.sync_api import TimeoutError as TimedOut

    area = page.locator("#bq-question textarea")
    area.fill(question)
    for _ in range(20):  # Gradio ignores what is asked before it has ended what was asked before
        area.press("Enter")
        try:
            page.wait_for_function("!document.querySelector('#bq-question textarea').value", timeout=1_500)
            break
        except TimedOut:
            continue
    wait_for_answer(page, question)


def wait_for_answer(page: Page, question: str) -> None:
    """Wait until a question is the last one that was asked, and its answer is there as a whole."""
    page.wait_for_function(
        """question => {
          const turn = document.querySelector("#bq-now .bq-turn:not(.bq-writing)");
          return turn?.querySelector(".bq-question").textContent === question;
        }""",
        arg=question,
    )
