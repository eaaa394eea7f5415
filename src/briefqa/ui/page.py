"""The chat's Gradio page: what stands where, and what happens when. Words come from strings, HTML from the renderers.

The server keeps conversations (`briefqa.conversations`); what a page itself knows, which conversation it shows and what
it is limited to, the browser holds, so that a restart of the server loses neither. An open page takes up a new build
at its next question, since the index is asked anew each time.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import gradio as gr

from briefqa.api import BriefQA
from briefqa.ui.endpoints import add_endpoints
from briefqa.ui.room import Room
from briefqa.ui.shelf import Shelf
from briefqa.ui.strings import translations

# Past this many waiting questions, saying so is kinder than a wait of minutes.
LONGEST_QUEUE = 256
# Sessions that Gradio remembers, of open pages and of each call by a program: 140 KB each, and no page needs any of it.
# By default it would forget none before there are 10,000, 1.4 GB.
SESSIONS = 500
_SCRIPTS = ("results.js", "shell.js", "source.js", "turns.js", "uploads.js")


def build_page(qa: BriefQA, room: Room, shelf: Shelf, workers: int) -> tuple[gr.Blocks, gr.I18n]:
    """Return the page and the translations to mount it with. workers: how many answers are followed at a time."""
    i18n = gr.I18n(**translations())
    with gr.Blocks(title="briefqa", fill_height=True, fill_width=True, analytics_enabled=False) as page:
        page.state_session_capacity = SESSIONS
        add_endpoints(qa, shelf.rebuild_now)  # first: a handler of the page called `ask` would take the name /ask

        # What the browser holds. An id of a turn that is asked again in other words; 0 for a new question.
        conversation = gr.Textbox("", visible=False)
        scope = gr.JSON({}, visible=False)
        instead_of = gr.Number(0, precision=0, visible=False)
        generation = gr.Number(0, precision=0, visible=False)
        shown = gr.State(0)  # another number each time that a conversation is shown
        file = gr.JSON(visible=False)

        top = _html("bq-top")
        with gr.Row(elem_id="bq-room"):
            drawer = _html("bq-drawer")
            with gr.Column(elem_id="bq-talk"):
                with gr.Column(elem_id="bq-scroll"):
                    log = _html("bq-log")
                    now = _html("bq-now")
                alert = _html("bq-alert")
                limits = _html("bq-limits")
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
                    stop = gr.Button(i18n("stop"), elem_id="bq-stop", min_width=0)
            with gr.Column(elem_id="bq-panel"):
                source = _html("bq-source")
                with gr.Column(elem_id="bq-briefs"):
                    upkeep = _html("bq-upkeep")
                    changes = _html("bq-changes")
                    filters = _html("bq-filters")
                    search = gr.Textbox(
                        elem_id="bq-search",
                        label=i18n("search"),
                        placeholder=i18n("search"),
                        show_label=False,
                        container=False,
                        max_lines=1,
                    )
                    briefs = _html("bq-list")

        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        # What comes while the same event is under way, Gradio ignores, or does afterwards.
        last = {**quiet, "trigger_mode": "always_last"}
        # Counted together: --workers is how many answers are written at a time, whatever they were asked by.
        answering = {**quiet, "concurrency_id": "answers", "concurrency_limit": workers}
        talk = [conversation, log, now, drawer, alert, question, instead_of]
        frame = [source, ask, stop]
        narrowed = [limits, filters, briefs]
        corpus = [top, upkeep, changes, *narrowed, search, generation]
        here = [conversation, scope]
        looking = [scope, search]

        entered = page.load(room.enter, None, [*talk, *frame], **quiet)
        page.load(shelf.enter, looking, corpus, **quiet)
        asked = [entered.then(room.follow_link, here, talk, **answering)]
        asked.append(shown.change(room.follow, [conversation], talk, **answering))
        asking = [question.submit, ask.click]
        asked.append(gr.on(asking, room.ask, [question, instead_of, *here], talk, trigger_mode="once", **answering))
        for turns in (log, now):
            asked.append(turns.select(room.ask_example, here, talk, trigger_mode="once", **answering))
            asked.append(turns.retry(room.ask_again, [conversation], talk, trigger_mode="once", **answering))
            turns.edit(room.edit, [conversation], talk, **quiet).then(None, js=_FOCUS_QUESTION, **quiet)
            turns.like(room.rate, [conversation], [log, now], **last)
        for menu in (log, now, top):
            menu.download(room.export, [conversation], [file], **quiet).then(None, [file], None, js=_SAVE, **quiet)
        alert.undo(room.keep, None, talk, **quiet)
        # What shows another conversation stops following the answer of the one before; it is written all the same.
        leaving = {**quiet, "cancels": asked}
        stop.click(room.stop, [conversation], talk, **leaving)
        for event in asked:
            event.then(room.go_on, [conversation], [now], **quiet)
            event.then(shelf.catch_up, [*looking, generation], corpus, **quiet)

        top.clear(room.clear, None, talk, **leaving).then(None, js=_FOCUS_QUESTION, **quiet)
        top.expand(room.list_again, [conversation], [drawer], **quiet)
        language = top.select(room.translate, [conversation], [*talk, *frame, shown], **leaving)
        language.then(shelf.enter, looking, corpus, **quiet)
        drawer.select(room.open, None, [*talk, shown], **leaving)
        drawer.delete(room.delete, [conversation], [*talk, shown], **leaving)
        drawer.clear(room.clear, None, talk, **leaving)
        drawer.edit(room.rename, [conversation], [drawer], **quiet)
        for narrowing in narrowed:
            narrowing.apply(shelf.narrow, looking, [scope, *narrowed], **last)
        # Not its input event: Gradio raises that for pressed letters alone, not for what is deleted or pasted.
        search.change(shelf.search, looking, [briefs], **last)
        upkeep.apply(shelf.rebuild, looking, corpus, trigger_mode="once", **quiet)
        upkeep.expand(shelf.compare, None, [changes], **quiet)
    page.queue(default_concurrency_limit=None, max_size=LONGEST_QUEUE)
    return page, i18n


def head(style: str) -> str:
    """Return what the page's head gets: style sheet and scripts, all our own.

    Not Gradio's own parameter for styles: it puts a prefix before each selector.
    """
    folder = files("briefqa.ui").joinpath("scripts")
    scripts = "".join(f"<script>{folder.joinpath(name).read_text('utf-8')}</script>" for name in _SCRIPTS)
    return f"<style>{style}</style>{scripts}"


def _html(elem_id: str) -> gr.HTML:
    return gr.HTML(elem_id=elem_id, apply_default_css=False, js_on_load=_FORWARD)


# gr.HTML lets what stands in it raise its events: what has data-event raises that, with its other data-… attributes.
_FORWARD = """
const raise = (from, more) => trigger(from.dataset.event, {...from.dataset, ...more});
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-event]");
  if (button) raise(button);
});
element.addEventListener("change", (event) => {
  const input = event.target.closest("input[type=date]");
  if (input) trigger("apply", {field: input.name, value: input.value});
});
element.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-event]");
  if (!form) return; // logging out leaves the page
  event.preventDefault();
  raise(form, Object.fromEntries(new FormData(form)));
});
"""
_FOCUS_QUESTION = """() => {
  const area = document.querySelector("#bq-question textarea");
  area.focus();
  area.setSelectionRange(area.value.length, area.value.length);
}"""
_SAVE = """(file) => {
  if (!file) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([file.content], {type: file.type}));
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}"""
