"""A conversation as HTML. What people, briefs or models wrote is escaped, or goes through a parser that knows no HTML.

    render_conversation([Turn("which chips are banned?", answer)], strings)

An answer's text is Markdown with [1] markers. It is parsed with raw HTML, links and images switched off, and only a
marker that stands for one of the answer's citations becomes a link; an escaped one (a quote's own footnote) does not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

from briefqa.answer import Answer, Citation
from briefqa.question import frame_language
from briefqa.ui.links import source_path
from briefqa.ui.strings import Strings

_MARKER = re.compile(r"\[(\d{1,3})\]")
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
_TAGS = _BLOCK_TAGS | {"em", "strong", "code", "a"}
_ATTRIBUTES = {
    "a": {"href", "class", "title", "aria-label", "target"},
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
    inner = "".join(_turn(turn, strings) for turn in turns) or welcome
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


def _turn(turn: Turn, strings: Strings) -> str:
    question = f'<h2 class="bq-question" lang="{frame_language(turn.question)}">{escape(turn.question)}</h2>'
    if turn.answer:
        body = _answered(turn.answer, strings) if turn.answer.answered else _refused(turn.answer, strings)
        body = _understood(turn.answer.understood, strings) + body
    elif turn.notice:
        body = render_notice(turn.notice)
    else:
        body = f'<p class="bq-wait">{escape(strings.searching)}</p>'
    return f'<section class="bq-turn">{question}{body}</section>'


def _understood(question: str, strings: Strings) -> str:
    """Return the line that says what a follow-up was taken for, so that a reader can see it and ask otherwise."""
    if not question:
        return ""
    before, after = strings.understood.split("{question}")
    shown = f'<span lang="{frame_language(question)}">{escape(question)}</span>'
    return f'<p class="bq-understood">{escape(before)}{shown}{escape(after)}</p>'


def _answered(answer: Answer, strings: Strings) -> str:
    text = render_answer_text(answer.text, answer.citations, strings)
    copy = f'<button type="button" class="bq-copy">{escape(strings.copy)}</button>'
    return (
        f'<div class="bq-answer" lang="{frame_language(answer.question)}">{text}</div>'
        f'{_sources(answer.citations, strings)}<div class="bq-tools">{copy}</div>'
    )


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


def render_answer_text(text: str, citations: Sequence[Citation], strings: Strings) -> str:
    """Return an answer's Markdown as HTML; the only links in it are those of its citations."""
    tokens = _parser().parse(text)
    markers = {str(citation.number): _marker(citation, strings) for citation in citations}
    for token in tokens:
        if token.children:
            token.children = [part for child in token.children for part in _with_links(child, markers)]
    html = _parser().renderer.render(tokens, _parser().options, {})
    html = html.replace("<table>", '<div class="bq-table" tabindex="0"><table>').replace("</table>", "</table></div>")
    clean: str = nh3.clean(html, tags=_TAGS, attributes=_ATTRIBUTES, url_schemes=set(), link_rel="noopener")
    return clean


def _with_links(token: Token, markers: dict[str, str]) -> list[Token]:
    """Split a text token at the markers of known citations, each of which becomes its link."""
    if token.type == "text_special":  # an escaped character: text, but no part of a marker
        return [Token("text", "", 0, content=token.content)]
    if token.type != "text":
        return [token]
    parts: list[Token] = []
    for number, piece in enumerate(_MARKER.split(token.content)):
        if number % 2 and piece in markers:
            if parts and parts[-1].content.endswith(" "):  # a marker stays with the word before it
                parts[-1].content = f"{parts[-1].content[:-1]}\u00a0"
            parts.append(Token("html_inline", "", 0, content=markers[piece]))
        else:
            parts.append(Token("text", "", 0, content=f"[{piece}]" if number % 2 else piece))
    return parts


@cache
def _parser() -> MarkdownIt:
    md = MarkdownIt("commonmark", {"html": False}).enable("table")
    md.disable(["link", "image", "autolink", "html_inline", "html_block", "reference"])
    md.core.ruler.disable("text_join")  # an escaped bracket stays a token of its own and makes no marker
    return md
