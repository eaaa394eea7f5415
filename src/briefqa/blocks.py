"""Markdown's blocks, whose tokens know where in the source the characters of their content stand.

    for token in parser().parse(text, env):
        token.meta["offsets"]       # of an inline token and of code: one for each character of its content

Each block rule of markdown-it-py that makes text is followed by a step that notes where the lines of that text end in
the source (`_LOCATE`), while the parser still knows how much of each line a list or a quote took.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.common.utils import mdTrim
from markdown_it.parser_block import ParserBlock
from markdown_it.rules_block import StateBlock
from markdown_it.token import Token
from markdown_it.utils import EnvType
from mdit_py_plugins.attrs import attrs_block_plugin
from mdit_py_plugins.attrs.parse import ParseError, parse
from mdit_py_plugins.front_matter import front_matter_plugin

from briefqa.inline import Inline, count_elements

MAX_NESTING = 60
"""Levels of quotes and lists (a list is two). markdown-it leaves out what is deeper; a person's text stays below ten,
and the parser's recursion stays well inside Python's limit of 1,000 frames."""


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


class _BlockState(StateBlock):
    """A StateBlock whose tokens are counted."""

    def push(self, ttype: str, tag: str, nesting: Literal[-1, 0, 1]) -> Token:
        count_elements(self.env, 1)
        return super().push(ttype, tag, nesting)


class _Blocks(ParserBlock):
    """The block parser, whose tokens are counted."""

    def parse(self, src: str, md: MarkdownIt, env: EnvType, outTokens: list[Token]) -> list[Token] | None:
        if not src:
            return None
        count_elements(env, src.count("\n"))
        state = _BlockState(src, md, env, outTokens)
        self.tokenize(state, state.line, state.lineMax)
        return state.tokens


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
        return attributes_of(line) is not None and rule(state, start, end, silent)

    return whole_line


def attributes_of(braces: str) -> dict[str, str] | None:
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
    blocks = _Blocks()
    blocks.ruler = md.block.ruler
    md.block = blocks
    md.core.ruler.disable(["inline", "text_join", "attr"])  # `read_markdown` does these, in one pass
    for rule in md.block.ruler.__rules__:
        if rule.name in _LOCATE:
            rule.fn = _located(rule.fn, _LOCATE[rule.name])
    attr, front = (md.block.ruler.__rules__[md.block.ruler.__find__(name)] for name in ("attr", "front_matter"))
    attr.fn, front.fn = _only_a_whole_line(attr.fn), _only_at_the_top(front.fn)
    return md
