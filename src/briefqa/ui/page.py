"""The chat's Gradio page: what stands where, and what happens when. Words come from strings, HTML from answers.

Conversations live in `gr.State`, on the server, as Turns; the page only shows them. An open page takes up a new build
at its next question, since the index is asked anew each time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from itertools import islice
from typing import Any

import gradio as gr

from briefqa.api import BriefQA
from briefqa.errors import BriefqaError
from briefqa.question import LONGEST_QUESTION, frame_language
from briefqa.store import Snapshot
from briefqa.ui.answers import Turn, render_conversation, render_export_menu, render_notice, render_welcome
from briefqa.ui.downloads import make_download
from briefqa.ui.endpoints import add_endpoints
from briefqa.ui.reading import style
from briefqa.ui.strings import Strings, choose, translations

# A quoted answer takes some 30 ms of one core, an LLM's answer seconds of waiting: neither may hold up the other.
CONCURRENT_ANSWERS = 8
# Past this many waiting questions, saying so is kinder than a wait of minutes.
LONGEST_QUEUE = 64
_EXAMPLES = 4
_LONGEST_EXAMPLE = 48
# Example questions come from the newest briefs.
_EXAMPLE_ARTICLES = 12

_log = logging.getLogger(__name__)
_Updates = tuple[Any, ...]


def build_page(qa: BriefQA) -> tuple[gr.Blocks, gr.I18n]:
    """Return the page and the translations to mount it with."""
    i18n = gr.I18n(**translations())
    with gr.Blocks(title="briefqa", fill_height=True, fill_width=True, analytics_enabled=False) as page:
        turns = gr.State(())
        with gr.Row(elem_id="bq-top"):
            header = gr.HTML(elem_id="bq-header", apply_default_css=False)
            menu = gr.HTML(elem_id="bq-export", apply_default_css=False, js_on_load=_FORWARD_FORMATS)
            clear = gr.Button(i18n("clear"), elem_id="bq-clear", size="sm", min_width=0, scale=0)
        with gr.Row(elem_id="bq-room"):
            with gr.Column(elem_id="bq-talk"):
                log = gr.HTML(
                    elem_id="bq-log", apply_default_css=False, js_on_load=_FORWARD_EXAMPLES + _FORWARD_FORMATS
                )
                notice = gr.HTML(elem_id="bq-alert", apply_default_css=False)
                with gr.Row(elem_id="bq-composer"):
                    question = gr.Textbox(
                        elem_id="bq-question",
                        label=i18n("question"),
                        placeholder=i18n("ask_about"),
                        show_label=False,
                        container=False,
                        lines=1,
                        max_lines=6,
                        autofocus=True,
                    )
                    ask = gr.Button(i18n("ask"), variant="primary", elem_id="bq-ask", min_width=0)
            panel = gr.HTML(elem_id="bq-panel", apply_default_css=False)
        file = gr.JSON(visible=False)

        def enter(request: gr.Request) -> _Updates:
            strings = _strings(request)
            # Of the Chinese codes Gradio's own choice of language knows zh-CN and zh-TW alone.
            words = (
                gr.update(placeholder=strings.ask_about),
                gr.update(value=strings.ask),
                gr.update(value=strings.clear),
            )
            with qa.store.snapshot() as snapshot:
                shown = (render_header(snapshot, strings), render_export_menu(strings), welcome(snapshot, strings))
                return *shown, render_panel(strings), *words

        def welcome(snapshot: Snapshot, strings: Strings) -> str:
            return render_conversation((), strings, render_welcome(example_questions(snapshot, strings), strings))

        def answer(text: str, turns: tuple[Turn, ...], request: gr.Request) -> Iterator[_Updates]:
            strings = _strings(request)
            text = text.strip()
            if refused := check_length(text, strings):
                yield gr.skip(), turns, gr.skip(), render_notice(refused)
                return
            for turn in answer_turn(qa, text, strings, turns):
                conversation = (*turns, turn)
                yield render_conversation(conversation, strings), conversation, "", ""

        def answer_example(turns: tuple[Turn, ...], request: gr.Request, event: gr.EventData) -> Iterator[_Updates]:
            yield from answer(str(event.question), turns, request)

        def empty(request: gr.Request) -> _Updates:
            with qa.store.snapshot() as snapshot:
                return welcome(snapshot, _strings(request)), (), "", ""

        def export(turns: tuple[Turn, ...], event: gr.EventData) -> dict[str, str] | None:
            return make_download(turns, getattr(event, "format", None), getattr(event, "turn", None))

        outputs = [log, turns, question, notice]
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        page.load(enter, None, [header, menu, log, panel, question, ask, clear], **quiet)
        gr.on([question.submit, ask.click], answer, [question, turns], outputs, trigger_mode="once", **quiet)
        log.select(answer_example, [turns], outputs, trigger_mode="once", **quiet)
        clear.click(empty, None, outputs, **quiet)
        for exported in (log, menu):
            exported.download(export, [turns], [file], **quiet).then(None, [file], None, js=_SAVE, **quiet)
        add_endpoints(qa)
    page.queue(default_concurrency_limit=CONCURRENT_ANSWERS, max_size=LONGEST_QUEUE)
    return page, i18n


# gr.HTML lets a page's own elements raise its events; the questions in the welcome are such, and the formats in menus.
_FORWARD_EXAMPLES = """
element.addEventListener("click", (event) => {
  const example = event.target.closest(".bq-example");
  if (example) trigger("select", {question: example.textContent});
});
"""

_FORWARD_FORMATS = """
element.addEventListener("click", (event) => {
  const button = event.target.closest(".bq-format");
  if (button) trigger("download", {format: button.dataset.format, turn: button.dataset.turn});
});
"""
_SAVE = """
(file) => {
  if (!file) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([file.content], {type: file.type}));
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
"""


def head() -> str:
    """Return what the page's head gets: the style sheet and the script, both our own.

    Not Gradio's own parameter for styles: it puts a prefix before each selector.
    """
    script = files("briefqa.ui").joinpath("page.js").read_text("utf-8")
    return f"<style>{style()}</style><script>{script}</script>"


def _strings(request: gr.Request) -> Strings:
    return choose(request.headers.get("accept-language", ""))


def check_length(question: str, strings: Strings) -> str:
    """Say why this is no question, or return "" for one."""
    if not question:
        return strings.question_empty
    if len(question) > LONGEST_QUESTION:
        return strings.question_long.format(count=f"{len(question):,}", longest=f"{LONGEST_QUESTION:,}")
    return ""


def answer_turn(qa: BriefQA, question: str, strings: Strings, earlier: Sequence[Turn] = ()) -> Iterator[Turn]:
    """Yield the turn as it grows: at once the question, then its answer as it is written, or a notice in words.

    earlier: the turns of the conversation so far, to which the question may be a follow-up.
    """
    yield Turn(question)
    try:
        for answer in qa.ask_stream(question, [turn.answer for turn in earlier if turn.answer]):
            yield Turn(question, answer)
    except BriefqaError as error:  # its message is for people, and names the cure
        _log.warning("%s", error)
        yield Turn(question, notice=f"{strings.failed} ({error})")
    except Exception:
        _log.exception("a question could not be answered")
        yield Turn(question, notice=strings.failed)


def render_header(snapshot: Snapshot, strings: Strings) -> str:
    """Return the page's head: its name and what the corpus holds."""
    count = snapshot.info().articles
    newest = next((article.date for article in snapshot.articles() if article.date), "")
    words = {0: strings.corpus_empty, 1: strings.corpus_one}.get(count, strings.corpus_many)
    holds = [words.format(count=f"{count:,}"), strings.newest.format(date=newest) if newest else ""]
    facts = " · ".join(escape(fact) for fact in holds if fact)
    tagline = f'<p class="bq-tagline">{escape(strings.tagline)}</p>'
    return f'<header data-copied="{escape(strings.copied)}"><h1>briefqa</h1>{tagline}<p>{facts}</p></header>'


def render_panel(strings: Strings) -> str:
    """Return the panel of the source: a frame, so that a brief's page and this one cannot touch each other."""
    return (
        f'<aside aria-label="{escape(strings.source)}"><div class="bq-bar"><span>{escape(strings.source)}</span>'
        f'<a id="bq-open" href="source/" target="_blank" rel="noopener">{escape(strings.open_page)}</a>'
        f'<button type="button" id="bq-close">{escape(strings.close)}</button></div>'
        f'<iframe id="bq-frame" src="source/" title="{escape(strings.source)}"'
        ' sandbox="allow-scripts allow-popups allow-popups-to-escape-sandbox"></iframe></aside>'
    )


def example_questions(snapshot: Snapshot, strings: Strings) -> list[str]:
    """Make questions of the headings of the newest briefs, those in the reader's language first."""
    found = []
    for article in islice(snapshot.articles(), _EXAMPLE_ARTICLES):
        _, _, sections = snapshot.article(article.slug) or (article, "", [])
        headings = [
            section.heading
            for section in sections
            if section.level and section.heading != article.title and 1 < len(section.heading) <= _LONGEST_EXAMPLE
        ]
        found += [(frame_language(heading) != strings.language, turn, heading) for turn, heading in enumerate(headings)]
    found.sort(key=lambda candidate: candidate[:2])  # one heading of each brief, then the second ones
    return [strings.example.format(heading=heading) for _, _, heading in found[:_EXAMPLES]]
