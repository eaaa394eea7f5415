"""An answer's Markdown as HTML. What people, briefs or models wrote goes through a parser that knows no HTML.

    render_answer_text(answer.text, answer.citations, strings, answer.doubts)

Raw HTML, links and images are switched off, and only a marker that stands for one of the answer's citations becomes a
link; an escaped one (a quote's own footnote) does not. nh3 goes over the result once more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from html import escape

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

from briefqa.answer import Citation, Doubt
from briefqa.ui.links import source_path
from briefqa.ui.strings import Strings

_MARKER = re.compile(r"\[(\d{1,3}|\?)\]")
_CITED = ("data-where", "data-date", "data-quote", "data-citation")
_BLOCK_TAGS = set("p blockquote ul ol li table thead tbody tr th td pre hr br div".split())
_TAGS = _BLOCK_TAGS | {"em", "strong", "code", "a", "abbr"}
_ATTRIBUTES = {
    "a": {"href", "class", "aria-label", "target", *_CITED},
    "abbr": {"class", "title", "aria-label", "tabindex", "role"},
    "div": {"class", "tabindex", "role", "aria-label"},
    "ol": {"start"},
}


def render_answer_text(text: str, citations: Sequence[Citation], strings: Strings, doubts: Sequence[Doubt] = ()) -> str:
    """Return an answer's Markdown as HTML; the only links in it are those of its citations.

    doubts: why there is a [?] behind sentences of a model's, in the order of the text.
    """
    tokens = _parser().parse(text)
    marks = iter([_doubt_mark("\n".join(_reason(doubt, strings) for doubt in group)) for group in _by_mark(doubts)])
    markers = {str(citation.number): render_marker(citation, strings) for citation in citations}
    for token in tokens:
        if token.children:
            token.children = [part for child in token.children for part in _with_links(child, markers, marks)]
    html = _parser().renderer.render(tokens, _parser().options, {})
    scrolling = f'<div class="bq-table" tabindex="0" role="region" aria-label="{escape(strings.table)}"><table>'
    html = html.replace("<table>", scrolling).replace("</table>", "</table></div>")
    clean: str = nh3.clean(html, tags=_TAGS, attributes=_ATTRIBUTES, url_schemes=set(), link_rel="noopener")
    return clean


def render_marker(citation: Citation, strings: Strings) -> str:
    """Return a citation's number as a link to its source, with all that the page shows of it beside the pointer."""
    where = citation_place(citation)
    label = f"{strings.source_number.format(number=citation.number)}: {where}"
    shown = zip(_CITED, (where, citation.date, citation.quote, citation_line(citation)), strict=True)
    data = "".join(f' {name}="{escape(value)}"' for name, value in shown if value)
    return (
        f'<a class="bq-cite" href="{escape(citation_path(citation))}" target="_blank"'
        f' aria-label="{escape(label)}"{data}>{citation.number}</a>'
    )


def citation_path(citation: Citation) -> str:
    """Return the address of the cited section with its quote, relative to the chat's."""
    return source_path(citation.article, citation.anchor, citation.start, citation.end, citation.quote)


def citation_place(citation: Citation) -> str:
    """Return title and heading of the cited section."""
    return " › ".join(dict.fromkeys(part for part in (citation.title, citation.heading) if part))


def citation_line(citation: Citation) -> str:
    """Return a citation as people paste it: the quote, where it stands, since when, and its address."""
    facts = ", ".join(part for part in (citation_place(citation), citation.author, citation.date, citation.url) if part)
    return f"“{' / '.join(citation.quote.splitlines())}” — {facts}"


def _by_mark(doubts: Sequence[Doubt]) -> list[list[Doubt]]:
    """Return the doubts of each mark: a sentence has one for all of its own, and one more where it is said again."""
    groups: list[list[Doubt]] = []
    for doubt in doubts:
        if not groups or groups[-1][0].text != doubt.text or doubt in groups[-1]:
            groups.append([])
        groups[-1].append(doubt)
    return groups


def _reason(doubt: Doubt, strings: Strings) -> str:
    words = {"uncited": strings.doubt_uncited, "unsupported": strings.doubt_unsupported}
    return words.get(doubt.reason) or strings.doubt_absent.format(found=", ".join(doubt.found))


def _doubt_mark(reason: str) -> str:
    label = escape(reason)
    return f'<abbr class="bq-doubt" title="{label}" aria-label="{label}" role="note" tabindex="0">?</abbr>'


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
