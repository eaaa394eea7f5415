r"""Markdown text to headings and blocks, with one source offset for every visible character.

    document = read_markdown("# 芯片 {#chips}\n\nH200 **有条件**批准")
    block = document.parts[1]          # Block(kind="paragraph", text="H200 有条件批准", ...)
    block.offsets[5]                   # 21: "有" stands there in the text

markdown-it-py parses; what it forgets is kept on the way, so no offset is ever searched for: `blocks` notes where the
text of a block stands, `inline` where each token inside a line was pushed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from markdown_it.token import Token
from markdown_it.utils import EnvType

from briefqa.blocks import MAX_NESTING, attributes_of, parser
from briefqa.errors import ArticleError
from briefqa.inline import Inline, TooManyElements
from briefqa.settings import Limits
from briefqa.writing import is_cjk, shown, without_hidden

__all__ = ["CELL_JOINER", "MAX_NESTING", "Block", "Document", "Heading", "parser", "read_markdown", "take_braces"]

CELL_JOINER = " | "
_CONTAINERS = {"blockquote_open": "quote", "bullet_list_open": "item", "ordered_list_open": "item"}
_SHARED_PUNCTUATION = frozenset("“”‘’—…·")  # Chinese punctuation too, when the other side is Chinese
LINE_BREAK = re.compile(r"</?br\b", re.IGNORECASE)
_UNREAD_HTML = re.compile(r"\s*<(?:[!?]|(?:script|style)\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Block:
    """A run of visible text: a paragraph, a code block or one row of a table.

    kind: "paragraph", "item", "quote", "code", "header" or "row".
    offsets: for each character of `text` its offset in the file, never decreasing. A space for a line break has the
    offset of the break; all characters of an entity have that of its "&"; those of a joiner between cells have the end
    of the visible character before it, or at the head of a row the start of the one after it.
    cells: of a header or a row its cells, one per column, empty ones too; `text` is these, joined by " | ".
    header: of a row the cells of its header. tail: how many characters of source the last one of `text` stands for:
    1 unless it is an entity (more) or a joiner before an empty cell (0).
    """

    kind: str
    text: str
    offsets: tuple[int, ...]
    header: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    tail: int = 1

    @property
    def start(self) -> int:
        """Offset of the first visible character."""
        return self.offsets[0]

    @property
    def end(self) -> int:
        """Offset just after the source of the last visible character."""
        return self.offsets[-1] + self.tail


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading outside of lists and quotes.

    anchor: its explicit id or "". line: 1-based. start: offset of that line.
    """

    level: int
    text: str
    anchor: str
    line: int
    start: int


@dataclass(frozen=True, slots=True)
class Document:
    """What a Markdown text holds, in order.

    front_matter: the lines between the `---`, without them. body: offset of what follows it, or 0.
    losses: (1-based line, message) of each text that is not among the parts.
    """

    front_matter: str
    body: int
    parts: tuple[Heading | Block, ...]
    losses: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class _Visible:
    text: str
    offsets: Sequence[int]
    tail: int


# Tokens to parts.


def joins_without_space(left: str, right: str) -> bool:
    """Say whether a line break between these two characters stands for nothing."""
    cjk = is_cjk(left), is_cjk(right)
    return any(cjk) and all(
        known or char in _SHARED_PUNCTUATION for known, char in zip(cjk, (left, right), strict=True)
    )


def _trimmed(text: str, offsets: Sequence[int], tail: int) -> _Visible:
    start, end = len(text) - len(text.lstrip()), len(text.rstrip())
    if not any(unicodedata.category(char) not in ("Cf", "Cc", "Zs", "Zl", "Zp") for char in text):
        return _Visible("", (), 1)
    return _Visible(text[start:end], offsets[start:end], tail if end == len(text) else 1)


def _visible(content: str, offsets: Sequence[int], env: EnvType, hard_break: str = "\n") -> _Visible:
    """Return the visible text of inline content; `offsets` has one offset per character of it."""
    md = parser()
    assert isinstance(md.inline, Inline)
    texts: list[str] = []
    places: list[int] = []
    tail, last = 1, ""
    gap = -1  # offset of a line break that no visible character followed yet
    certain = False  # whether the author broke the line on purpose (<br>, hard break): a line break in the text too
    for token in md.inline.locate(content, md, env):
        if token.type == "softbreak":
            gap = offsets[token.meta["at"]] if gap < 0 else gap
        elif token.type == "hardbreak" or token.type == "html_inline" and LINE_BREAK.match(token.content):
            gap, certain = (offsets[token.meta["at"]] if gap < 0 else gap), True
        elif token.content and token.type in ("text", "text_special", "code_inline"):
            at = token.meta["at"]
            entity = token.info == "entity"
            text = token.content if entity else content[at : at + len(token.content)].replace("\n", " ")
            spaced = last.isspace() or text[0].isspace()
            between = hard_break if certain else "" if joins_without_space(last or " ", text[0]) else " "
            if gap >= 0 and last and between and not (spaced and between == " "):
                texts.append(between)
                places.append(gap)
            gap, certain = -1, False
            texts.append(text)
            places.extend([offsets[at]] * len(text) if entity else offsets[at : at + len(text)])
            tail, last = len(token.markup) if entity else 1, text[-1]
    return _trimmed("".join(texts), places, tail)


def _row(kind: str, cells: list[_Visible], header: tuple[str, ...]) -> Block | None:
    """Join the cells of a row; None if all are empty."""
    texts = tuple(cell.text for cell in cells)
    shown = [cell for cell in cells if cell.text]
    if not shown:
        return None
    offsets: list[int] = []
    end, tail = shown[0].offsets[0], 0
    for number, cell in enumerate(cells):
        if number:
            offsets.extend([end] * len(CELL_JOINER))
            tail = 0
        if cell.text:
            offsets.extend(cell.offsets)
            end, tail = cell.offsets[-1] + cell.tail, cell.tail
    return Block(kind, CELL_JOINER.join(texts), tuple(offsets), header, texts, tail)


def take_braces(content: str) -> tuple[str, str]:
    """Split a heading's content from the attributes at its end; return it and the id, "" if there is none."""
    anchor, end = "", len(content)
    while end and content[end - 1] == "}":
        start = content.rfind("{", 0, end)
        attributes = None if start < 0 or content[start - 1 : start] == "\\" else attributes_of(content[start:end])
        if attributes is None:
            break
        anchor, end = anchor or attributes.get("id", ""), start
        while end and content[end - 1].isspace():
            end -= 1
    return content[:end], anchor


def _html_loss(html: str) -> str:
    """Say what an HTML block hides that its author may want to be read; "" if nothing."""
    if html.lstrip().startswith("<!--") and "-->" not in html:
        return "the comment that begins here is never closed, so the rest is not read: end it with -->"
    if not _UNREAD_HTML.match(html) and any(map(str.isalnum, re.sub(r"<[^<>]*>", "", html))):
        return "text in an HTML block is not read: write it in Markdown, with an empty line after the tag"
    return ""


def _check_header(header: Block, line: int, limits: Limits) -> None:
    """Raise ArticleError for a header that would be too much to repeat with each of its rows."""
    if len(header.cells) > limits.max_columns:
        most = f"{limits.max_columns:,} columns (max_columns)"
    elif len(header.text) > limits.max_header_chars:
        most = f"{limits.max_header_chars:,} characters in its header (max_header_chars)"
    else:
        return
    raise ArticleError(f"a table has more than {most}: split it into several tables", line)


def read_markdown(text: str, limits: Limits | None = None) -> Document:
    """Read a text into its front matter, headings and blocks; offsets count the characters of `text`.

    limits: left out, there are none, as for a text that was read before. Raises ArticleError where they are passed, and
    RuntimeError (RecursionError is one), ValueError or IndexError where the parser itself gives up.
    """
    env: EnvType = {}
    if limits is None:
        return _read(text, env, None)
    env["most_elements"] = limits.max_elements
    try:
        return _read(text, env, limits)
    except TooManyElements:
        most = f"{limits.max_elements:,} lines, sentences and pieces of markup (max_elements)"
        raise ArticleError(f"the file has more than {most}: split it into several articles") from None


def _read(text: str, env: EnvType, limits: Limits | None) -> Document:
    src = text
    places: Sequence[int] = range(len(text) + 1)  # the offset in text of each character of src
    if "\r" in text:
        places = [i for i, char in enumerate(text) if char != "\n" or text[i - 1 : i] != "\r"] + [len(text)]
        src = "".join([text[i] for i in places[:-1]]).replace("\r", "\n")
    starts = [0, *(match.end() for match in re.finditer("\n", src))]
    front_matter, body, anchor = "", 0, ""
    parts: list[Heading | Block] = []
    losses: list[tuple[int, str]] = []
    containers: list[str] = []
    cells: list[_Visible] = []
    header: tuple[str, ...] = ()
    opener = Token("", "", 0)
    line = 0

    def add(block: Block) -> None:
        if block.text:
            parts.append(replace(block, offsets=tuple([places[i] for i in block.offsets])))

    for token in parser().parse(src, env):
        line = token.map[0] + 1 if token.map else line
        if token.type in _CONTAINERS:
            containers.append(_CONTAINERS[token.type])
        elif token.type.replace("_close", "_open") in _CONTAINERS:
            containers.pop()
        elif token.type == "front_matter" and token.map:
            front_matter, body = token.content, places[starts[min(token.map[1], len(starts) - 1)]]
        elif token.type == "inline" and opener.type in ("th_open", "td_open"):
            cells.append(_visible(token.content, token.meta["offsets"], env, hard_break=" "))
        elif token.type == "inline":
            content, own_anchor = take_braces(token.content) if opener.type == "heading_open" else (token.content, "")
            visible = _visible(content, token.meta["offsets"], env)
            if opener.type == "heading_open" and not containers:
                level, start = int(opener.tag[1:]), places[starts[line - 1]]
                heading, named = without_hidden(visible.text), shown(without_hidden(own_anchor or anchor))
                parts.append(Heading(level, heading, named, line, start))
            else:
                kind = containers[-1] if containers else "paragraph"
                add(Block(kind, visible.text, tuple(visible.offsets), tail=visible.tail))
        elif token.type in ("fence", "code_block"):
            visible = _trimmed(token.content, token.meta["offsets"], 1)
            add(Block("code", visible.text, tuple(visible.offsets)))
        elif token.type == "html_block" and (loss := _html_loss(token.content)):
            losses.append((line, loss))
        elif token.type == "tr_close":
            row = _row("row" if header else "header", cells, header)
            if row and row.kind == "header" and limits:
                _check_header(row, line, limits)
            header, cells = header or tuple(cell.text for cell in cells), []
            if row:
                add(row)
        elif token.type == "table_close":
            header = ()
        if token.type in ("blockquote_open", "list_item_open") and token.level + 1 >= MAX_NESTING:
            losses.append((line, f"what is nested deeper than {MAX_NESTING} levels is not read: nest it less"))
        if token.type == "attrs_block":
            anchor = str(token.attrs.get("id", anchor))
        elif token.type not in ("heading_open", "inline"):
            anchor = ""
        opener = token
    return Document(front_matter, body, tuple(parts), tuple(losses))
