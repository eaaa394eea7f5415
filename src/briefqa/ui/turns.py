"""A conversation as HTML: its turns, each with its answer, its sources and what can be done with it.

    render_turns(turns, strings)            # all that were asked before
    render_turn(turn, strings, last=True)   # the one that is being answered, or was answered last

Buttons say what they are for by data-event and further data-… attributes, which the page's script hands to Gradio. What
people, briefs or models wrote is escaped, or goes through `briefqa.ui.markup`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from html import escape

from briefqa.answer import Answer, Citation
from briefqa.conversations import LONGEST_COMMENT, Turn
from briefqa.export import EXPORTS
from briefqa.newer import Newer
from briefqa.question import frame_language
from briefqa.ranking import Hit
from briefqa.ui.links import source_path
from briefqa.ui.markup import citation_path, render_answer_text, render_marker
from briefqa.ui.scope import dates_words, scope_words
from briefqa.ui.strings import Strings
from briefqa.ui.suggestions import question_about

_NEAREST = 3


def render_turns(turns: Sequence[Turn], strings: Strings) -> str:
    """Return the HTML of the turns before the last."""
    return "".join(render_turn(turn, strings) for turn in turns)


@lru_cache(maxsize=256)  # the earlier turns are shown anew with each question
def render_turn(turn: Turn, strings: Strings, last: bool = False) -> str:
    """Return the HTML of a turn.

    last: whether the conversation ends with it, so that it goes on with questions to ask next.
    """
    state = turn_state(turn)
    question = f'<h2 class="bq-question" lang="{frame_language(turn.question)}">{escape(turn.question)}</h2>'
    titles = {hit.article: hit.title for hit in turn.answer.hits} if turn.answer else {}
    limits = scope_words(turn.scope, strings, titles)
    limited = f'<p class="bq-understood">{escape(strings.scope_of.format(scope=limits))}</p>' if limits else ""
    if turn.answer:
        body = _understood(turn.answer, strings) + _said(state, strings)
        body += _answered(turn.answer, state, strings) if turn.answer.answered else _refused(turn.answer, strings)
    else:
        body = _said(state, strings)
    if turn.detail:
        body += f'<p class="bq-notice" role="alert">{escape(turn.detail)}</p>'
    if turn.state != "reading":
        body += _tools(turn, strings) + (_next_questions(turn, strings) if last else "")
    writing = " bq-writing" if turn.state == "reading" else ""
    return f'<section class="bq-turn{writing}" data-turn="{turn.id}">{question}{limited}{body}</section>'


def turn_state(turn: Turn) -> str:
    """Return what became of a question: reading, writing, quoted, worded, unworded, refused, stopped or failed."""
    if turn.state == "reading":
        return "writing" if turn.answer else "reading"
    if turn.state != "done" or turn.answer is None:
        return "stopped" if turn.state == "stopped" else "failed"
    if not turn.answer.answered:
        return "refused"
    if turn.answer.worded_by:
        return "worded"
    return "unworded" if turn.answer.notice else "quoted"


def render_welcome(questions: Sequence[str], strings: Strings) -> str:
    """Return what an empty conversation shows: what to do, and questions to begin with."""
    return (
        f'<div class="bq-welcome"><h2>{escape(strings.tagline)}</h2><p>{escape(strings.welcome)}</p>'
        f"{_questions(questions, strings.examples)}</div>"
    )


def render_notice(notice: str) -> str:
    """Return a line that says why something did not work."""
    return f'<p class="bq-notice" role="alert">{escape(notice)}</p>' if notice else ""


def render_editing(strings: Strings) -> str:
    """Return what stands above the composer while it holds an earlier question."""
    keep = f'<button type="button" data-event="undo">{escape(strings.editing_not)}</button>'
    return f'<p class="bq-hint" role="status">{escape(strings.editing)} {keep}</p>'


def render_export_menu(strings: Strings, turn_id: int = 0, cited: bool = True) -> str:
    """Return a menu of formats for the answer of a turn, or with 0 for the whole conversation.

    cited: whether there is anything to cite, so that lists of references are offered.
    """
    label = strings.export_answer if turn_id else strings.export_conversation
    items = "".join(
        f'<button type="button" class="bq-format{" bq-references" if export.cited else ""}" data-event="download"'
        f' data-format="{name}" data-turn="{turn_id}">{escape(export.name)}</button>'
        for name, export in EXPORTS.items()
        if cited or not export.cited
    )
    summary = f'<summary aria-label="{escape(label)}">{escape(strings.export)}</summary>'
    return f'<details class="bq-menu bq-export">{summary}<div>{items}</div></details>'


def _said(state: str, strings: Strings) -> str:
    words = getattr(strings, f"state_{state}")
    return f'<p class="bq-state" data-state="{state}" role="status">{escape(words)}</p>'


def _understood(answer: Answer, strings: Strings) -> str:
    """Return the lines that say what was taken for the question, so that a reader can see it and ask otherwise."""
    lines = [(strings.understood, answer.understood)] if answer.understood else []
    lines += [(strings.translated, translation) for translation in answer.translations]
    return "".join(_said_as(words, question) for words, question in lines) + _limited(answer, strings)


def _limited(answer: Answer, strings: Strings) -> str:
    """Return a line on the period that the question names; a quoted answer and a refusal say it themselves."""
    if not answer.period or not answer.worded_by:
        return ""
    days = dates_words(answer.period.since, answer.period.until, strings)
    words = strings.scope_of.format(scope=days) if answer.period.applied else strings.period_empty.format(dates=days)
    return f'<p class="bq-understood">{escape(words)}</p>'


def _said_as(words: str, question: str) -> str:
    before, after = words.split("{question}")
    shown = f'<span lang="{frame_language(question)}">{escape(question)}</span>'
    return f'<p class="bq-understood">{escape(before)}{shown}{escape(after)}</p>'


def _answered(answer: Answer, state: str, strings: Strings) -> str:
    text = render_answer_text(answer.text, answer.citations, strings, answer.doubts)
    notes = [answer.notice] if answer.notice else []
    notes += [strings.worded.format(model=answer.worded_by)] if state == "worded" else []
    return (
        f'<div class="bq-answer" lang="{frame_language(answer.question)}">{text}</div>'
        + "".join(f'<p class="bq-note" role="note">{escape(note)}</p>' for note in notes)
        + _sources(answer.citations, answer.newer, strings)
        + _also_retrieved(answer, strings)
    )


def _refused(answer: Answer, strings: Strings) -> str:
    """Show a refusal's words, and the nearest sections as links instead of its list of them."""
    words = render_answer_text(answer.text.split("\n\n", 1)[0], (), strings)
    items = _hit_links(list(_sections(answer.hits).values())[:_NEAREST])
    listed = f'<ul class="bq-sources" aria-label="{escape(strings.nearest)}">{items}</ul>' if items else ""
    return f'<div class="bq-answer" lang="{frame_language(answer.question)}">{words}</div>{listed}'


def _sources(citations: Sequence[Citation], newer: Sequence[Newer], strings: Strings) -> str:
    """List each cited section once, with the numbers of its quotes and the later section on its subject."""
    later = {found.number: found for found in newer}
    sections: dict[tuple[str, str], list[Citation]] = {}
    for citation in citations:
        sections.setdefault((citation.article, citation.anchor), []).append(citation)
    items = "".join(
        f'<li><span class="bq-numbers">{"".join(render_marker(citation, strings) for citation in cited)}</span>'
        f"{_source_link(citation_path(cited[0]), cited[0])}"
        f"{_newer([later[citation.number] for citation in cited if citation.number in later], strings)}</li>"
        for cited in sections.values()
    )
    return f'<ul class="bq-sources" aria-label="{escape(strings.sources)}">{items}</ul>' if items else ""


def _newer(later: Sequence[Newer], strings: Strings) -> str:
    """Return a line for the latest of the later sections, if there are any."""
    if not later:
        return ""
    latest = max(later, key=lambda found: found.date)
    link = _source_link(source_path(latest.article, latest.anchor), latest)
    return f'<div class="bq-newer"><span>{escape(strings.newer)}</span> {link}</div>'


def _also_retrieved(answer: Answer, strings: Strings) -> str:
    """Fold away the sections that were retrieved and not cited."""
    cited = {(citation.article, citation.anchor) for citation in answer.citations}
    others = [hit for section, hit in _sections(answer.hits).items() if section not in cited]
    if not others:
        return ""
    summary = f"<summary>{escape(strings.also_retrieved.format(count=len(others)))}</summary>"
    return f'<details class="bq-also">{summary}<ul class="bq-sources">{_hit_links(others)}</ul></details>'


def _sections(hits: Sequence[Hit]) -> dict[tuple[str, str], Hit]:
    """Return the best hit of each section, best first."""
    sections: dict[tuple[str, str], Hit] = {}
    for hit in sorted(hits, key=lambda hit: hit.rank):
        sections.setdefault((hit.article, hit.anchor), hit)
    return sections


def _hit_links(hits: Sequence[Hit]) -> str:
    return "".join(f"<li>{_source_link(source_path(hit.article, hit.anchor), hit)}</li>" for hit in hits)


def _source_link(path: str, found: Citation | Hit | Newer) -> str:
    heading, title, date = found.heading, found.title, found.date
    heading = f' <span class="bq-heading">› {escape(heading)}</span>' if heading and heading != title else ""
    when = f' · <time datetime="{escape(date)}">{escape(date)}</time>' if date else ""
    return f'<p><a class="bq-source" href="{escape(path)}" target="_blank">{escape(title)}{heading}</a>{when}</p>'


def _tools(turn: Turn, strings: Strings) -> str:
    copy = f'<button type="button" class="bq-copy">{escape(strings.copy)}</button>'
    again = _button("retry", strings.retry, turn.id) + _button("edit", strings.edit, turn.id)
    if turn.answer is None:
        return f'<div class="bq-tools">{again}</div>'
    menu = render_export_menu(strings, turn.id, cited=bool(turn.answer.citations))
    thumbs = "".join(
        f'<button type="button" class="bq-thumb" data-event="like" data-turn="{turn.id}" data-rating="{rating}"'
        f' aria-pressed="{str(turn.rating == rating).lower()}" aria-label="{escape(label)}" title="{escape(label)}">'
        "</button>"
        for rating, label in (("up", strings.rate_up), ("down", strings.rate_down))
    )
    rate = f'<span class="bq-rate" role="group" aria-label="{escape(strings.rate)}">{thumbs}</span>'
    return f'<div class="bq-tools">{copy}{again}{menu}{rate}</div>{_comment(turn, strings)}'


def _button(event: str, words: str, turn_id: int) -> str:
    return f'<button type="button" data-event="{event}" data-turn="{turn_id}">{escape(words)}</button>'


def _comment(turn: Turn, strings: Strings) -> str:
    """Ask for a comment once an answer was rated, and show the one that was given."""
    if not turn.rating:
        return ""
    if turn.comment:
        thanks = strings.comment_thanks.format(comment=turn.comment)
        return f'<p class="bq-note" role="status">{escape(thanks)}</p>'
    label = escape(strings.comment_ask)
    return (
        f'<form class="bq-comment" data-event="like" data-turn="{turn.id}" data-rating="{turn.rating}">'
        f'<input name="comment" maxlength="{LONGEST_COMMENT}" placeholder="{label}" aria-label="{label}"'
        f' autocomplete="off"><button type="submit">{escape(strings.comment_send)}</button></form>'
    )


def _next_questions(turn: Turn, strings: Strings) -> str:
    questions = [question_about(heading, strings) for heading in turn.neighbours]
    return f'<div class="bq-next">{_questions(questions, strings.follow_ups)}</div>' if questions else ""


def _questions(questions: Sequence[str], label: str) -> str:
    items = "".join(
        f'<li><button type="button" class="bq-example" data-event="select" data-question="{escape(text)}"'
        f' lang="{frame_language(text)}">{escape(text)}</button></li>'
        for text in questions
    )
    return f'<ul aria-label="{escape(label)}">{items}</ul>' if items else ""
