"""Take pictures of the chat in its states, with a headless Chromium, into docs/img/ (or --out).

    python benchmarks/screenshots.py                        # the documents' pictures, and a sheet of each state
    python benchmarks/screenshots.py --all --out /tmp/shots # each state, device, theme and language by itself

Pictures of --all are named state-device-theme-language.png; a sheet, states/STATE.png, has all of a state beside each
other, in a row for each language. Each is reduced to 256 colours, a third of its size.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from itertools import product
from pathlib import Path

from chromium import FLAGS, ask, chatting, find_chromium
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

import briefqa

ROOT = Path(__file__).parent.parent
DEVICES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
LOCALES = {"en": "en-US", "zh": "zh-CN"}
THEMES = ("light", "dark")
ANSWERED = {"en": "which chips are banned?", "zh": "寒武纪的代表产品是什么？"}
FOLLOWED = {"en": "Who calls the revenue share an innovative tax model?", "zh": "紧急会议是什么时候召开的？"}
SAYING = {"en": "tax model", "zh": "12月11日"}
REFUSED = {"en": "How do I bake bread?", "zh": "怎么烤面包？"}
UNSUPPORTED = {"en": "Sales will grow by 70%.", "zh": "销量将增长70%。"}
NEW_BRIEF = "---\ntitle: A brief that came later\ndate: 2026-01-05\n---\n\n## What it says {#says}\n\nIt says little.\n"
README = {
    "chat.png": "source-desktop-light-en",
    "chat-phone-dark.png": "answer-phone-dark-zh",
    "chat-zh.png": "source-desktop-light-zh",
    "briefs.png": "filtered-desktop-light-en",
    "login.png": "login-desktop-light-en",
}
# Height of a picture in a sheet, and what is between two, in pixels.
SHEET_HEIGHT, SHEET_GAP = 520, 12


@dataclass(frozen=True, slots=True)
class View:
    """A window as one of the pictures has it."""

    device: str
    theme: str
    language: str

    def name(self, state: str) -> str:
        return f"{state}-{self.device}-{self.theme}-{self.language}"


@dataclass(frozen=True, slots=True)
class Servers:
    """Addresses: of the chat, of one where a model words the answers, of one that wants a log-in."""

    plain: str
    worded: str
    guarded: str


class Model(BaseHTTPRequestHandler):
    """A language model that gives the sentence that answers, and adds what no source says."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = "\n".join(message["content"] for message in body["messages"])
        language = "zh" if FOLLOWED["zh"] in prompt else "en"
        sources = re.findall(r" key=(\w+)>.*?text: (.*?)\n", prompt, re.DOTALL)
        found = [(key, text) for key, text in sources if SAYING[language] in text]
        if not found:  # asked for other words of the question
            self.send_error(500)
            return
        key, said = found[0]
        text = re.sub("。", f" [{key}]。", said) if "。" in said else f"{said} [{key}]"
        text = f"{text} {UNSUPPORTED[language]}"
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for choice in ({"delta": {"content": text}}, {"delta": {}, "finish_reason": "stop"}):
            chunk = {"id": "1", "object": "chat.completion.chunk", "choices": [{"index": 0, **choice}]}
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(folder: Path) -> Iterator[Servers]:
    """Serve a corpus of our own, so that it can be changed and no conversation is there yet."""
    shutil.copytree(ROOT / "corpus", folder / "corpus")
    index, people = folder / "index", folder / "people"
    briefqa.build(folder / "corpus", index)
    password = [sys.executable, "-m", "briefqa", "password", "alice", "--auth", str(people)]
    subprocess.run(password, input="correct horse battery\n", text=True, check=True, capture_output=True)
    model = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=model.serve_forever, daemon=True).start()
    with ExitStack() as stack:
        plain = stack.enter_context(chatting(index))
        llm = ("--llm-base-url", f"http://127.0.0.1:{model.server_port}/v1", "--llm-model", "small")
        worded = stack.enter_context(chatting(index, *llm))
        guarded = stack.enter_context(chatting(index, "--auth", str(people)))
        yield Servers(plain, worded, guarded)
    model.shutdown()


def states(page: Page, servers: Servers, view: View, corpus: Path) -> Iterator[str]:
    """Bring the page into one state after the other, and name it."""
    phone, language = view.device == "phone", view.language
    page.goto(servers.plain)
    page.locator(".bq-example").first.wait_for()
    page.locator(".bq-brief").first.wait_for(state="attached")
    yield "welcome"
    ask(page, FOLLOWED[language])
    page.locator("#bq-top .bq-new").click()
    page.locator(".bq-welcome").wait_for()
    ask(page, ANSWERED[language])
    page.locator(".bq-next .bq-example").first.wait_for()
    yield "answer"
    chip = page.locator(".bq-answer .bq-cite").first
    if not phone:  # a finger does not hover
        chip.hover()
        page.locator("#bq-card").wait_for()
        yield "card"
    chip.click()
    page.frame_locator("#bq-frame").locator("mark").first.wait_for()
    yield "source"
    page.locator("#bq-tab-briefs").click()
    yield "briefs"
    page.locator(".bq-timeline button").first.click()
    page.locator(".bq-limit").wait_for(state="attached")
    page.locator(".bq-timeline [aria-pressed=true]").wait_for()
    yield "filtered"
    page.locator(".bq-timeline [aria-pressed=true]").click()
    page.locator(".bq-limit").wait_for(state="detached")
    added = corpus / "later.md"
    added.write_text(NEW_BRIEF, encoding="utf-8")
    page.locator(".bq-rebuild").click()
    page.locator(".bq-report").wait_for(timeout=60_000)
    yield "rebuilt"
    added.unlink()
    briefqa.build(corpus, corpus.parent / "index")
    if phone:
        page.locator("#bq-close").click()
    ask(page, REFUSED[language])
    yield "refused"
    page.locator("#bq-conversations").click()
    yield "drawer"
    page.goto(servers.worded)
    page.locator(".bq-example").first.wait_for()
    ask(page, FOLLOWED[language])
    page.locator(".bq-doubt").first.wait_for()
    page.locator(".bq-next .bq-example").first.wait_for()
    yield "worded"
    page.goto(servers.guarded)
    yield "login"


def take(browser: Browser, servers: Servers, view: View, corpus: Path, keep: Callable[[str, bytes], None]) -> None:
    context = browser.new_context(
        viewport=DEVICES[view.device],
        locale=LOCALES[view.language],
        color_scheme="dark" if view.theme == "dark" else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    for state in states(page, servers, view, corpus):
        if state != "card":
            page.mouse.move(0, 0)
        page.wait_for_timeout(300)  # what scrolls into view, a frame that paints
        keep(view.name(state), page.screenshot(caret="hide"))
    context.close()


def reduced(picture: bytes) -> bytes:
    """Return a picture in 256 colours, without dither, which would speckle plain areas."""
    smaller = BytesIO()
    colours = Image.open(BytesIO(picture)).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    colours.save(smaller, "PNG", optimize=True)
    return smaller.getvalue()


def sheet(state: str, pictures: dict[str, bytes]) -> bytes:
    """Return the pictures of a state beside each other."""
    rows = []
    for language in LOCALES:
        views = [View(device, theme, language) for device, theme in product(DEVICES, THEMES)]
        taken = [pictures[view.name(state)] for view in views if view.name(state) in pictures]
        row = [Image.open(BytesIO(picture)).convert("RGB") for picture in taken]
        rows.append([image.resize((image.width * SHEET_HEIGHT // image.height, SHEET_HEIGHT)) for image in row])
    width = max(sum(image.width + SHEET_GAP for image in row) for row in rows) - SHEET_GAP
    whole = Image.new("RGB", (width, len(rows) * (SHEET_HEIGHT + SHEET_GAP) - SHEET_GAP), "white")
    for number, row in enumerate(rows):
        left = 0
        for image in row:
            whole.paste(image, (left, number * (SHEET_HEIGHT + SHEET_GAP)))
            left += image.width + SHEET_GAP
    made = BytesIO()
    whole.save(made, "PNG")
    return made.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "img")
    parser.add_argument("--all", action="store_true", help="each picture by itself")
    options = parser.parse_args()
    pictures: dict[str, bytes] = {}

    views = [View(*values) for values in product(DEVICES, THEMES, LOCALES)]
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as servers, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        for view in views:
            take(browser, servers, view, Path(folder) / "corpus", pictures.__setitem__)
        browser.close()
    if options.all:
        made = {f"{name}.png": picture for name, picture in pictures.items()}
    else:
        made = {file: pictures[taken] for file, taken in README.items()}
        made |= {
            f"states/{state}.png": sheet(state, pictures) for state in {name.split("-")[0]: 0 for name in pictures}
        }
    for file, picture in made.items():
        (options.out / file).parent.mkdir(parents=True, exist_ok=True)
        (options.out / file).write_bytes(reduced(picture))
        print(options.out / file)


if __name__ == "__main__":
    main()
