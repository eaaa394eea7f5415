"""A brief as HTML that is safe to show, with what was quoted in <mark>.

    rendered = render_article(text, anchors, start, end)
    rendered.html       # '<h2 id="policy-details">…</h2><p>… <mark id="quote">the quote</mark> …'
    rendered.quoted     # the marked text of each block or cell

Tags are written by this module alone, for the tokens that it knows; all else of the brief is escaped, and its raw HTML
is dropped. nh3 goes over the result once more. The quote is never searched for: each visible character knows its offset
in the file (see briefqa.markdown), and those between start and end are marked, in bold text, links and cells too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

import nh3
from markdown_it.token import Token
from markdown_it.utils import EnvType

from briefqa import markdown
from briefqa.citations import web_url
from briefqa.inline import Inline

# Characters of an address, and of all addresses of a page. A definition of 50 KB can be referred to by 50,000 links.
_LONGEST_ADDRESS = 2_000
_MOST_LINKED = 1_000_000
_BLOCK_TAGS = ("p", "ul", "li", "blockquote", "table", "thead", "tbody", "tr")
_INLINE_TAGS = ("em", "strong", "s")
_HEADINGS = ("h2", "h3", "h4", "h5", "h6")
_ATTRIBUTES = {
    "a": {"href", "target"},
    "div": {"tabindex"},
    "mark": {"id"},
    "ol": {"start"},
    "td": {"class"},
    "th": {"class"},
    **{tag: {"id", "class"} for tag in _HEADINGS},
}
_TAGS = {*_BLOCK_TAGS, *_INLINE_TAGS, *_HEADINGS, *_ATTRIBUTES, "br", "code", "hr", "pre"}


@dataclass(frozen=True, slots=True)
class Rendered:
    """html: safe to show. quoted: the marked text, one for each block or cell that has some. mark: id of the first."""

    html: str
    quoted: tuple[str, ...]
    mark: str


class _Writer:
    """Writes tags as they are given and text escaped, marking the characters whose offset lies in the quote."""

    def __init__(self, start: int, end: int, mark: str) -> None:
        self.quoted: list[str] = []
        self._quote = range(start, end)
        self._mark = mark
        self._html: list[str] = []
        self._run: list[str] = []
        self._marked = False
        self._new_block = True
        self._linked = 0

    def tag(self, html: str) -> None:
        self._end_run()
        self._html.append(html)

    def block(self) -> None:
        """Begin a block or cell: what is marked in it is a quoted text of its own."""
        self._new_block = True

    def may_link(self, href: str) -> bool:
        """Say whether a link may have this address: of a short text, addresses can make a page of gigabytes."""
        self._linked += len(href)
        return len(href) <= _LONGEST_ADDRESS and self._linked <= _MOST_LINKED

    def text(self, text: str, offsets: Sequence[int]) -> None:
        pairs = zip(text, offsets, strict=True)
        for marked, run in groupby(pairs, key=lambda pair: pair[1] in self._quote):
            if marked != self._marked:
                self._end_run()
            self._marked = marked
            self._run.extend(char for char, _ in run)

    def html(self) -> str:
        self._end_run()
        return "".join(self._html)

    def _end_run(self) -> None:
        text, self._run = "".join(self._run), []
        if text and self._marked:
            identity = "" if self.quoted else f' id="{escape(self._mark)}"'
            self._html.append(f"<mark{identity}>{escape(text)}</mark>")
            if self._new_block:
                self.quoted.append("")
            self.quoted[-1] += text
            self._new_block = False
        else:
            self._html.append(escape(text))


def render_article(text: str, anchors: Sequence[str], start: int = 0, end: int = 0, title: str = "") -> Rendered:
    """Render a brief's Markdown without its front matter.

    anchors: of the sections that have a heading, in order. start, end: offsets of the quote in `text`; none if they
    are equal. title: a heading of the first level that only repeats it is there for its anchor, of class "repeated".
    """
    places: Sequence[int] = range(len(text) + 1)  # the offset in text of each character of src, as in read_markdown
    src = text
    if "\r" in text:
        places = [i for i, char in enumerate(text) if char != "\n" or text[i - 1 : i] != "\r"] + [len(text)]
        src = "".join([text[i] for i in places[:-1]]).replace("\r", "\n")
    taken = set(anchors)
    mark = "quote"
    while mark in taken:
        mark += "-"
    writer = _Writer(start, end, mark)
    env: EnvType = {}
    tokens = markdown.parser().parse(src, env)
    ids = iter(anchors)
    depth = 0  # of quotes and lists: a heading in them is no section
    for number, token in enumerate(tokens):
        if token.type in ("blockquote_open", "bullet_list_open", "ordered_list_open"):
            depth += 1
        elif token.type in ("blockquote_close", "bullet_list_close", "ordered_list_close"):
            depth -= 1
        if token.type == "inline":
            writer.block()
            offsets = [places[at] for at in token.meta["offsets"]]
            content = token.content
            if tokens[number - 1].type == "heading_open":
                content, _ = markdown.take_braces(content)
            _inline(writer, content, offsets, env)
        elif token.type in ("fence", "code_block"):
            writer.block()
            writer.tag("<pre><code>")
            writer.text(token.content, [places[at] for at in token.meta["offsets"]])
            writer.tag("</code></pre>")
        elif token.type == "heading_open":
            anchor = next(ids, "") if not depth else ""
            heading, _ = markdown.take_braces(tokens[number + 1].content)
            repeated = token.tag == "h1" and heading.strip() == title
            writer.tag(_heading(token.tag, anchor, repeated))
        else:
            writer.tag(_block_tag(token))
    html = nh3.clean(
        writer.html(), tags=_TAGS, attributes=_ATTRIBUTES, url_schemes={"http", "https"}, link_rel="noopener noreferrer"
    )
    return Rendered(html, tuple(writer.quoted), mark)


def _heading(tag: str, anchor: str, repeated: bool) -> str:
    """Open a heading; the page's own title is its h1."""
    identity = f' id="{escape(anchor)}"' if anchor else ""
    style = ' class="repeated"' if repeated else ""
    return f"<{max(tag, 'h2')}{identity}{style}>"


def _block_tag(token: Token) -> str:
    """Return the tag of a block token; "" for what is not shown: front matter, attributes, raw HTML."""
    kind, _, side = token.type.rpartition("_")
    if token.hidden:
        return ""
    if token.type == "hr":
        return "<hr>"
    if kind == "heading":
        return f"</{max(token.tag, 'h2')}>"
    if token.type == "ordered_list_open":
        start = token.attrs.get("start", 1)
        return "<ol>" if start == 1 else f'<ol start="{int(start)}">'
    if token.tag == "ol":
        return "</ol>"
    if token.tag == "table":  # a wide one scrolls by itself, with the keyboard too
        return '<div tabindex="0"><table>' if side == "open" else "</table></div>"
    if token.tag in ("td", "th"):
        align = re.search(r"right|center", str(token.attrs.get("style", "")))
        return f"</{token.tag}>" if side == "close" else f'<{token.tag} class="{align.group() if align else "left"}">'
    if token.tag in _BLOCK_TAGS and side in ("open", "close"):
        return f"<{'/' if side == 'close' else ''}{token.tag}>"
    return ""


def _inline(writer: _Writer, content: str, offsets: Sequence[int], env: EnvType) -> None:
    """Write inline content; its visible characters are those that `markdown.read_markdown` sees."""
    inline = markdown.parser().inline
    assert isinstance(inline, Inline)
    links: list[bool] = []
    gap, last = -1, ""
    for token in inline.locate(content, markdown.parser(), env):
        if token.type == "softbreak":
            gap = offsets[token.meta["at"]]
        elif token.type == "hardbreak" or (token.type == "html_inline" and markdown.LINE_BREAK.match(token.content)):
            writer.tag("<br>")
            gap, last = -1, ""
        elif token.tag in _INLINE_TAGS:
            writer.tag(f"<{'/' if token.nesting < 0 else ''}{token.tag}>")
        elif token.type == "link_open":
            href = str(token.attrs.get("href", ""))
            links.append(writer.may_link(href) and (bool(web_url(href)) or href.startswith("#")))
            if links[-1]:
                target = "" if href.startswith("#") else ' target="_blank"'
                writer.tag(f'<a href="{escape(href)}"{target}>')
        elif token.type == "link_close":
            if links.pop():
                writer.tag("</a>")
        elif token.content and token.type in ("text", "text_special", "code_inline"):
            at = token.meta["at"]
            entity = token.info == "entity"
            text = token.content if entity else content[at : at + len(token.content)].replace("\n", " ")
            if gap >= 0 and last and not markdown.joins_without_space(last, text[0]):
                writer.text(" ", [gap])
            gap, last = -1, text[-1]
            code = token.type == "code_inline"
            if code:
                writer.tag("<code>")
            writer.text(text, [offsets[at]] * len(text) if entity else offsets[at : at + len(text)])
            if code:
                writer.tag("</code>")
