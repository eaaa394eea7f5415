"""How long a reader waits for the chat, measured in the browser: for the page after a start, for an answer after Enter.

    python benchmarks/chat.py [--index DIR] [--starts 5] [--questions 30] [--json]

start: from starting `briefqa chat` until a question to begin with can be clicked, in a browser that is open already and
has nothing of the page yet. answer: from the press of Enter until the answer's first characters stand in the page, of
questions of the golden set that the briefs answer, quoted, with no language model.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from chromium import FLAGS, ask, chatting, find_chromium
from playwright.sync_api import Browser, Page, sync_playwright

import briefqa

ROOT = Path(__file__).parent.parent
# Seconds at p50 that we promise on two cores.
LIMITS = {"start": 6.0, "answer": 0.3}
# Notes when Enter is pressed, and when the answer's first characters stand in the page.
WATCH = """() => {
  window.waited = [];
  let pressed = 0, before = null;
  document.querySelector("#bq-question textarea").addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    before = document.querySelector("#bq-now .bq-turn")?.dataset.turn;
    pressed = performance.now();
  }, true);
  new MutationObserver(() => {
    const turn = document.querySelector("#bq-now .bq-turn");
    if (!pressed || !turn || turn.dataset.turn === before || !turn.querySelector(".bq-answer")?.textContent) return;
    window.waited.push(performance.now() - pressed);
    pressed = 0;
  }).observe(document.body, {childList: true, subtree: true, characterData: true});
}"""


def measure_start(browser: Browser, index: Path) -> float:
    """Return the seconds from the start of the server to a page that can be used."""
    context = browser.new_context(locale="en-US")
    page = context.new_page()
    started = time.perf_counter()
    with chatting(index) as url:
        page.goto(url)
        page.locator(".bq-example").first.click(trial=True)  # waits until it can be clicked
        taken = time.perf_counter() - started
        context.close()
    return taken


def measure_answers(page: Page, questions: list[str]) -> list[float]:
    """Return the seconds from Enter to the answer, of each question in a conversation of its own."""
    page.evaluate(WATCH)
    for question in questions:
        ask(page, question)
        page.locator("#bq-top .bq-new").click()
        page.locator(".bq-welcome").wait_for()
    return [milliseconds / 1000 for milliseconds in page.evaluate("window.waited")]


def answered_questions(index: Path, count: int) -> list[str]:
    """Return questions of the golden set that the briefs answer, in all its languages."""
    lines = (ROOT / "tests" / "golden" / "sample.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [item["question"] for item in map(json.loads, lines)]
    with briefqa.open(index) as qa:
        found = [question for question in dict.fromkeys(asked) if qa.ask(question).answered]
    step = max(1, len(found) // count)
    return found[::step][:count]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--index", type=Path, help="an index of corpus/, if there is one already")
    parser.add_argument("--starts", type=int, default=5, help="how often to start the server")
    parser.add_argument("--questions", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        index = options.index or Path(folder)
        if not options.index:
            briefqa.build(ROOT / "corpus", index)
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        starts = [measure_start(browser, index) for _ in range(options.starts)]
        questions = answered_questions(index, options.questions)
        with chatting(index) as url:
            page = browser.new_page(locale="en-US")
            page.goto(url)
            page.locator(".bq-example").first.wait_for()
            ask(page, questions[0])  # the first one loads what the others find loaded
            page.reload()
            page.locator("#bq-now .bq-turn").wait_for()
            answers = measure_answers(page, questions)
        browser.close()
    report({"start": starts, "answer": answers}, options.json)


def report(measured: dict[str, list[float]], as_json: bool) -> None:
    if as_json:
        print(json.dumps(measured))
        return
    print(f"{'':8}{'n':>4}{'p50':>9}{'p95':>9}{'most':>9}{'at most':>9}")
    for name, seconds in measured.items():
        cuts = statistics.quantiles(seconds, n=20, method="inclusive")
        row = "".join(f"{value:7.2f} s" for value in (statistics.median(seconds), cuts[-1], max(seconds), LIMITS[name]))
        print(f"{name:8}{len(seconds):4}{row}")


if __name__ == "__main__":
    main()
