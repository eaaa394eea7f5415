"""A conversation as HTML. What people, briefs or models wrote is escaped, or goes through a parser that knows no HTML.

    render_conversation([Turn("which chips are banned?", answer)], strings)

An answer's text is Markdown with [1] markers. It is parsed with raw HTML, links and images switched off, and only a
marker that stands for one of the answer's citations becomes a link; an escaped one (a quote's own footnote) does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

from briefqa.answer import Answer, Citation, Doubt
from briefqa.export import EXPORTS
from briefqa.question import frame_language
from briefqa.ui.links import source_path
from briefqa.ui.strings import Strings

_MARKER = re.compile(r"\[(\d{1,3}|\?)\]")
_NEAREST = 3
_BLOCK_TAGS = {
    "p",
    "blockquote",
    "ul",
    "ol",
    "li",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "pre",
    "hr",
    "br",
    "div",
}
_TAGS = _BLOCK_TAGS | {"em", "strong", "code", "a", "abbr"}
_ATTRIBUTES = {
    "a": {"href", "class", "title", "aria-label", "target"},
    "abbr": {"class", "title", "aria-label", "tabindex"},
    "div": {"class", "tabindex"},
    "ol": {"start"},
}


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and what became of it: an answer, or a notice in words, or neither while it is being read."""

    question: str
    answer: Answer | None = None
    notice: str = ""


def render_conversation(turns: Sequence[Turn], strings: Strings, welcome: str = "") -> str:
    """Return the conversation's HTML, or the welcome where nothing was asked yet."""
    inner = "".join(_turn(turn, place, strings) for place, turn in enumerate(turns)) or welcome
    return f'<div class="bq-turns" role="log" aria-label="{escape(strings.conversation)}">{inner}</div>'


def render_welcome(questions: Sequence[str], strings: Strings) -> str:
    """Return what an empty conversation shows: what to do, and questions to begin with."""
    chips = "".join(
        f'<li><button type="button" class="bq-example" lang="{frame_language(text)}">{escape(text)}</button></li>'
        for text in questions
    )
    return f'<div class="bq-welcome"><p>{escape(strings.welcome)}</p><ul>{chips}</ul></div>'


def render_notice(notice: str) -> str:
    """Return a line that says why something did not work."""
    return f'<p class="bq-notice" role="alert">{escape(notice)}</p>' if notice else ""


def render_export_menu(strings: Strings, place: int | None = None, cited: bool = True) -> str:
    """Return a menu of formats for the answer at a place in the conversation, or for the whole of it.

    cited: whether there is anything to cite, so that lists of references are offered.
    """
    label = strings.export_conversation if place is None else strings.export_answer
    items = "".join(
        f'<button type="button" class="bq-format{" bq-references" if export.cited else ""}" data-format="{name}"'
        f' data-turn="{"" if place is None else place}">{escape(export.name)}</button>'
        for name, export in EXPORTS.items()
        if cited or not export.cited
    )
    summary = f'<summary aria-label="{escape(label)}">{escape(strings.export)}</summary>'
    return f'<details class="bq-export">{summary}<div>{items}</div></details>'


def _turn(turn: Turn, place: int, strings: Strings) -> str:
    question = f'<h2 class="bq-question" lang="{frame_language(turn.question)}">{escape(turn.question)}</h2>'
    if turn.answer:
        body = _answered(turn.answer, strings) if turn.answer.answered else _refused(turn.answer, strings)
        body = _understood(turn.answer, strings) + body + _tools(turn.answer, place, strings)
    elif turn.notice:
        body = render_notice(turn.notice)
    else:
        body = f'<p class="bq-wait">{escape(strings.searching)}</p>'
    return f'<section class="bq-turn">{question}{body}</section>'


def _understood(answer: Answer, strings: Strings) -> str:
    """Return the lines that say what was taken for the question, so that a reader can see it and ask otherwise."""
    lines = [(strings.understood, answer.understood)] if answer.understood else []
    lines += [(strings.translated, translation) for translation in answer.translations]
    return "".join(_said_as(words, question) for words, question in lines)


def _said_as(words: str, question: str) -> str:
    before, after = words.split("{question}")
    shown = f'<span lang="{frame_language(question)}">{escape(question)}</span>'
    return f'<p class="bq-understood">{escape(before)}{shown}{escape(after)}</p>'


def _answered(answer: Answer, strings: Strings) -> str:
    text = render_answer_text(answer.text, answer.citations, strings, answer.doubts)
    notes = [answer.notice] if answer.notice else []
    notes += [strings.worded.format(model=answer.worded_by)] if answer.worded_by else []
    return (
        f'<div class="bq-answer" lang="{frame_language(answer.question)}">{text}</div>'
        + "".join(f'<p class="bq-note" role="note">{escape(note)}</p>' for note in notes)
        + _sources(answer.citations, strings)
    )


def _tools(answer: Answer, place: int, strings: Strings) -> str:
    copy = f'<button type="button" class="bq-copy">{escape(strings.copy)}</button>' if answer.answered else ""
    menu = render_export_menu(strings, place, cited=bool(answer.citations))
    return f'<div class="bq-tools">{copy}{menu}</div>'


def _refused(answer: Answer, strings: Strings) -> str:
    """Show a refusal's words, and the nearest sections as links instead of its list of them."""
    words = render_answer_text(answer.text.split("\n\n", 1)[0], (), strings)
    nearest = {(hit.article, hit.anchor): hit for hit in reversed(answer.hits)}
    hits = sorted(nearest.values(), key=lambda hit: hit.rank)[:_NEAREST]
    items = "".join(
        f"<li>{_source_link(source_path(hit.article, hit.anchor), hit.title, hit.heading, hit.date)}</li>"
        for hit in hits
    )
    listed = f'<ul class="bq-sources" aria-label="{escape(strings.nearest)}">{items}</ul>' if items else ""
    return f'<div class="bq-answer" lang="{frame_language(answer.question)}">{words}</div>{listed}'


def _sources(citations: Sequence[Citation], strings: Strings) -> str:
    """List each cited section once, with the numbers of its quotes."""
    sections: dict[tuple[str, str], list[Citation]] = {}
    for citation in citations:
        sections.setdefault((citation.article, citation.anchor), []).append(citation)
    items = "".join(
        f'<li><span class="bq-numbers">{"".join(_marker(citation, strings) for citation in cited)}</span>'
        f"{_source_link(citation_path(cited[0]), cited[0].title, cited[0].heading, cited[0].date)}</li>"
        for cited in sections.values()
    )
    return f'<ul class="bq-sources" aria-label="{escape(strings.sources)}">{items}</ul>' if items else ""


def citation_path(citation: Citation) -> str:
    """Return the address of the cited section with its quote, relative to the chat's."""
    return source_path(citation.article, citation.anchor, citation.start, citation.end, citation.quote)


def _source_link(path: str, title: str, heading: str, date: str) -> str:
    heading = f' <span class="bq-heading">› {escape(heading)}</span>' if heading and heading != title else ""
    when = f' · <time datetime="{escape(date)}">{escape(date)}</time>' if date else ""
    return f'<p><a class="bq-source" href="{escape(path)}" target="_blank">{escape(title)}{heading}</a>{when}</p>'


def _marker(citation: Citation, strings: Strings) -> str:
    where = " › ".join(part for part in (citation.title, citation.heading) if part)
    hover = "\n".join(part for part in (where, citation.date, citation.quote) if part)
    label = f"{strings.source_number.format(number=citation.number)}: {where}"
    return (
        f'<a class="bq-cite" href="{escape(citation_path(citation))}" target="_blank" title="{escape(hover)}"'
        f' aria-label="{escape(label)}">{citation.number}</a>'
    )


def render_answer_text(text: str, citations: Sequence[Citation], strings: Strings, doubts: Sequence[Doubt] = ()) -> str:
    """Return an answer's Markdown as HTML; the only links in it are those of its citations.

    doubts: why there is a [?] behind sentences of a model's, in the order of the text.
    """
    tokens = _parser().parse(text)
    reasons: dict[str, list[str]] = {}
    for doubt in doubts:
        reasons.setdefault(doubt.text, []).append(_reason(doubt, strings))
    marks = iter([_doubt_mark("\n".join(lines)) for lines in reasons.values()])
    markers = {str(citation.number): _marker(citation, strings) for citation in citations}
    for token in tokens:
        if token.children:
            token.children = [part for child in token.children for part in _with_links(child, markers, marks)]
    html = _parser().renderer.render(tokens, _parser().options, {})
    html = html.replace("<table>", '<div class="bq-table" tabindex="0"><table>').replace("</table>", "</table></div>")
    clean: str = nh3.clean(html, tags=_TAGS, attributes=_ATTRIBUTES, url_schemes=set(), link_rel="noopener")
    return clean


def _reason(doubt: Doubt, strings: Strings) -> str:
    words = {"uncited": strings.doubt_uncited, "unsupported": strings.doubt_unsupported}
    return words.get(doubt.reason) or strings.doubt_absent.format(found=", ".join(doubt.found))


def _doubt_mark(reason: str) -> str:
    return f'<abbr class="bq-doubt" title="{escape(reason)}" aria-label="{escape(reason)}" tabindex="0">?</abbr>'


def _with_links(token: Token, markers: dict[str, str], marks: Iterator[str]) -> list[Token]:
    """Split a text token at its markers: those of known citations become links, those of doubts say their reason."""
    if token.type == "text_special":  # an escaped character: text, but no part of a marker
        return [Token("text", "", 0, content=token.content)]
    if token.type != "text":
        return [token]
    parts: list[Token] = []
    for number, piece in enumerate(_MARKER.split(token.content)):
        html = (markers.get(piece) or (next(marks, "") if piece == "?" else "")) if number % 2 else ""
        if html:
            if parts and parts[-1].content.endswith(" "):  # a marker stays with the word before it
                parts[-1].content = f"{parts[-1].content[:-1]}\u00a0"
            parts.append(Token("html_inline", "", 0, content=html))
        else:
            parts.append(Token("text", "", 0, content=f"[{piece}]" if number % 2 else piece))
    return parts


@cache
def _parser() -> MarkdownIt:
    md = MarkdownIt("commonmark", {"html": False}).enable("table")
    md.disable(["link", "image", "autolink", "html_inline", "html_block", "reference"])
    md.core.ruler.disable("text_join")  # an escaped bracket stays a token of its own and makes no marker
    return md
