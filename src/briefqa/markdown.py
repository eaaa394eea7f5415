r"""Markdown text to headings and blocks, with one source offset for every visible character.

    document = read_markdown("# 芯片 {#chips}\n\nH200 **有条件**批准")
    block = document.parts[1]          # Block(kind="paragraph", text="H200 有条件批准", ...)
    block.offsets[5]                   # 21: "有" stands there in the text

markdown-it-py parses; what it forgets is kept on the way, so no offset is ever searched for. Each block rule that makes
text is followed by a step that notes where the lines of that text end in the source (`_LOCATE`), while the parser still
knows how much of each line a list or a quote took. Inside a line, `inline` notes where each token was pushed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.common.utils import mdTrim
from markdown_it.rules_block import StateBlock
from markdown_it.token import Token
from markdown_it.utils import EnvType
from mdit_py_plugins.attrs import attrs_block_plugin
from mdit_py_plugins.attrs.parse import ParseError, parse
from mdit_py_plugins.front_matter import front_matter_plugin

from briefqa.inline import Inline
from briefqa.writing import is_cjk, without_hidden

CELL_JOINER = " | "
MAX_NESTING = 60
"""Levels of quotes and lists (a list is two). markdown-it leaves out what is deeper; a person's text stays below ten,
and the parser's recursion stays well inside Python's limit of 1,000 frames."""

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


# Block rules: where the characters of a token's content stand in the source.


def _line_offsets(state: StateBlock, first: int, content: str) -> list[int]:
    """Return the offset of each character of `content`, whose lines end where the lines from `first` on end."""
    offsets: list[int] = []
    for line, piece in enumerate(content.split("\n"), first):
        end = state.eMarks[line]
        at, pad = end - len(piece), 0
        if at < 0 or not state.src.startswith(piece, at):
            # A tab that a list or a quote took only part of was replaced by spaces: all of them stand for the tab.
            spaces = len(piece) - len(piece.lstrip(" "))
            pad = next(n for n in range(spaces, 0, -1) if state.src[at + n - 1] != " ")
        offsets.extend([at + pad - 1] * pad)
        offsets.extend(range(at + pad, end + 1))
    return offsets[:-1]


def _place(token: Token, raw: str, offsets: Sequence[int]) -> None:
    """Note the offsets of a token whose content is `raw` without the white space around."""
    start = raw.index(token.content)
    token.meta["offsets"] = offsets[start : start + len(token.content)]


def _locate_lines(state: StateBlock, start: int, tokens: list[Token]) -> None:
    begin, end = tokens[1].map or (start, start)
    raw = state.getLines(begin, end, state.blkIndent, False)
    _place(tokens[1], raw, _line_offsets(state, begin, raw))


def _locate_atx(state: StateBlock, start: int, tokens: list[Token]) -> None:
    after_marker = state.bMarks[start] + state.tShift[start] + len(tokens[0].markup)
    raw = state.src[after_marker : state.eMarks[start]]
    _place(tokens[1], raw, range(after_marker, state.eMarks[start]))


def _locate_code(state: StateBlock, start: int, tokens: list[Token]) -> None:
    first = start if tokens[0].type == "code_block" else start + 1
    tokens[0].meta["offsets"] = _line_offsets(state, first, tokens[0].content)


def _locate_table(state: StateBlock, start: int, tokens: list[Token]) -> None:
    cells: Iterator[list[int]] = iter(())
    for token in tokens:
        if token.type == "tr_open" and token.map:
            cells = iter(_cell_offsets(state, token.map[0]))
        elif token.type == "inline":
            offsets = next(cells, [])  # a row may have fewer cells than its header
            _place(token, "".join([state.src[at] for at in offsets]), offsets)


def _cell_offsets(state: StateBlock, line: int) -> list[list[int]]:
    """Split a row where markdown-it does: at each pipe without a backslash before it; else that backslash goes."""
    begin = state.bMarks[line] + state.tShift[line]
    raw = state.src[begin : state.eMarks[line]]
    row = mdTrim(raw)
    begin += raw.index(row)
    cells: list[list[int]] = [[]]
    for i, char in enumerate(row):
        if char == "|" and row[i - 1 : i] != "\\":
            cells.append([])
        elif not (char == "\\" and row[i + 1 : i + 2] == "|"):
            cells[-1].append(begin + i)
    return cells[0 if cells[0] else 1 :]


_LOCATE: dict[str, Callable[[StateBlock, int, list[Token]], None]] = {
    "paragraph": _locate_lines,
    "lheading": _locate_lines,
    "heading": _locate_atx,
    "code": _locate_code,
    "fence": _locate_code,
    "table": _locate_table,
}
_BlockRule = Callable[[StateBlock, int, int, bool], bool]


def _located(rule: _BlockRule, locate: Callable[[StateBlock, int, list[Token]], None]) -> _BlockRule:
    def located(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        before = len(state.tokens)
        found = rule(state, start, end, silent)
        if found and not silent:
            locate(state, start, state.tokens[before:])
        return found

    return located


def _only_at_the_top(rule: _BlockRule) -> _BlockRule:
    """Keep the front matter rule from taking `---title` or a list's first line for a fence."""

    def at_the_top(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        fence = state.src[: state.eMarks[0]].rstrip(" \t")
        return start == 0 and state.level == 0 and not fence.strip("-") and rule(state, start, end, silent)

    return at_the_top


def _only_a_whole_line(rule: _BlockRule) -> _BlockRule:
    """Keep the attribute rule from swallowing the words of a line such as `{#a} words {#b}`."""

    def whole_line(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        line = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]].rstrip(" \t")
        return _attributes(line) is not None and rule(state, start, end, silent)

    return whole_line


def _attributes(braces: str) -> dict[str, str] | None:
    """Return the attributes of `{#id .class key=value}`, or None where `braces` are something else."""
    if not (braces.startswith("{") and braces.endswith("}")):
        return None
    try:
        end, attributes = parse(braces)
    except ParseError:
        return None
    return attributes if end == len(braces) - 1 else None


@cache
def parser() -> MarkdownIt:
    """Return the one parser of briefs; its inline tokens come from `parser().inline.locate`."""
    md = MarkdownIt("commonmark", {"maxNesting": MAX_NESTING}).enable(["table", "strikethrough"])
    md.use(front_matter_plugin).use(attrs_block_plugin)
    inline = Inline()
    inline.ruler, inline.ruler2 = md.inline.ruler, md.inline.ruler2
    inline.ruler2.disable("fragments_join")
    md.inline = inline
    md.core.ruler.disable(["inline", "text_join", "attr"])  # `read_markdown` does these, in one pass
    for rule in md.block.ruler.__rules__:
        if rule.name in _LOCATE:
            rule.fn = _located(rule.fn, _LOCATE[rule.name])
    attr, front = (md.block.ruler.__rules__[md.block.ruler.__find__(name)] for name in ("attr", "front_matter"))
    attr.fn, front.fn = _only_a_whole_line(attr.fn), _only_at_the_top(front.fn)
    return md


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
        attributes = None if start < 0 or content[start - 1 : start] == "\\" else _attributes(content[start:end])
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


def read_markdown(text: str) -> Document:
    """Read a text into its front matter, headings and blocks; offsets count the characters of `text`.

    Raises RuntimeError (RecursionError is one), ValueError or IndexError where the parser itself gives up.
    """
    src = text
    places: Sequence[int] = range(len(text) + 1)  # the offset in text of each character of src
    if "\r" in text:
        places = [i for i, char in enumerate(text) if char != "\n" or text[i - 1 : i] != "\r"] + [len(text)]
        src = "".join([text[i] for i in places[:-1]]).replace("\r", "\n")
    starts = [0, *(match.end() for match in re.finditer("\n", src))]
    env: EnvType = {}
    front_matter, body, anchor = "", 0, ""
    parts: list[Heading | Block] = []
    losses: list[tuple[int, str]] = []
    containers: list[str] = []
    cells: list[_Visible] = []
    header: tuple[str, ...] = ()
    opener = Token("", "", 0)

    def add(block: Block) -> None:
        if block.text:
            parts.append(replace(block, offsets=tuple([places[i] for i in block.offsets])))

    for token in parser().parse(src, env):
        line = token.map[0] + 1 if token.map else 0
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
                heading, named = without_hidden(visible.text), without_hidden(own_anchor or anchor)
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
