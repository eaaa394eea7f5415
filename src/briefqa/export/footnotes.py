"""Answers as Markdown, a footnote for each citation.

    # which chips are banned?

    > Rubin is banned. [^1]

    [^1]: Policy › Banned · 2025-12-15

        > Rubin is banned.

        <https://example.org/policy#banned>

Footnotes are numbered through a conversation, in the order in which its text refers to them: GitHub and Pandoc both
read `[^1]` and print the numbers of that order. All of them stand at the end, where no text can swallow them. An
answer's text may be a language model's, so outside of code brackets and tags are escaped, and a marker counts only
where it stands for one of the answer's citations.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from briefqa.answer import Answer, Citation, escape_markdown, period_note
from briefqa.citations import web_url
from briefqa.export.lines import lines_of
from briefqa.newer import Newer
from briefqa.question import frame_language
from briefqa.quotes import split_rows
from briefqa.writing import one_line, whole_characters

_WORDS = {
    "zh": {
        "understood": "理解为：",
        "translated": "同时检索：",
        "notice": "提示：",
        "worded": "撰写：",
        "others": "另见：",
        "newer": "较新的简报：",
        "doubted": r"\[?\] 表示所引原文不足以支持这句话。",
    },
    "en": {
        "understood": "Understood as: ",
        "translated": "Also searched as: ",
        "notice": "Note: ",
        "worded": "Worded by ",
        "others": "See also: ",
        "newer": "Newer: ",
        "doubted": r"\[?\] marks a sentence that its sources do not bear out.",
    },
}
_INDENT = " " * 4
# Pieces of a paragraph, the first that fits: an escaped character, code with an attribute block behind it, any other
# run of backticks, a marker, and what begins links, images, notes, tags, mathematics or (with Pandoc) TeX. Code ends
# on its line: of longer code a later line could begin with a tag, which would be a block of HTML before it is code.
_PIECE = re.compile(
    r"(?P<kept>\\[!-/:-@\[-`{-~\n])"
    r"|(?P<code>(?P<run>`+)(?!`)[^\n]+?(?<!`)(?P=run)(?!`))(?P<attributes>\{?)"
    r"|(?P<ticks>`+)"
    r"|\[(?P<number>\d{1,3})\](?P<behind>[:(]?)"
    r"|(?P<special>[\\<\[\]$]|[!^](?=\[)|:(?=//)|(?<=www)\.)"
)
# What GitHub makes a link of, up to the next space and with the backslashes before escaped characters.
_BARE_LINK = re.compile(r":(?=//)|(?<=www)\.")
# Behind a sentence of a language model that was checked and found wanting; a quote's own is escaped.
_DOUBT = re.compile(r"(?<!\\)\[\?\]")
_LANGUAGE = re.compile(r"^[\w+#.-]+(?=\s|$)")
_CELL_BORDER = re.compile(r"(?<!\\)\|")


def to_markdown(answers: Sequence[Answer]) -> str:
    """Return the answers, each under its question, and the footnotes of all of them."""
    blocks: list[str] = []
    notes: list[Citation] = []
    for answer in answers:
        words = _WORDS[frame_language(answer.question)]
        references = _References(answer.citations, notes)
        blocks.append(f"# {_text(answer.question)}")
        translated = [("translated", translation) for translation in answer.translations]
        said = [("understood", answer.understood), *translated, ("notice", answer.notice), ("worded", answer.worded_by)]
        for name, line in [*said, ("notice", period_note(answer))]:
            if one_line(line):
                blocks.append(words[name] + _text(line))
        blocks.append(_with_references(answer.text, references))
        if others := references.unused():
            blocks.append(words["others"] + " ".join(others))
        for later in answer.newer:
            if reference := references.to(later.number):
                blocks.append(f"{words['newer']}{_section(later)} {reference}")
        if _DOUBT.search(answer.text):
            blocks.append(words["doubted"])
    blocks += [_footnote(number, citation) for number, citation in enumerate(notes, 1)]
    return whole_characters("\n\n".join(block for block in blocks if block.strip())) + "\n"


class _References:
    """Turns an answer's numbers into footnote references; a citation joins the notes when it is first referred to."""

    def __init__(self, citations: Sequence[Citation], notes: list[Citation]) -> None:
        self._citations = {citation.number: citation for citation in citations}
        self._notes = notes
        self._places: dict[int, int] = {}

    def to(self, number: int) -> str:
        """Return "[^…]", or "" where there is no such citation."""
        if number not in self._citations:
            return ""
        if number not in self._places:
            self._notes.append(self._citations[number])
            self._places[number] = len(self._notes)
        return f"[^{self._places[number]}]"

    def unused(self) -> list[str]:
        """Refer to the citations that the text does not: a footnote without a reference is not shown."""
        return [self.to(number) for number in self._citations if number not in self._places]


def _with_references(text: str, references: _References) -> str:
    """Return an answer's Markdown with footnote references for its markers, code left as it is."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    blocks: dict[int, Token] = {}  # by first line; a table stands for its cells
    for token in _parser().parse("\n".join(lines)):
        if token.map and token.type in ("inline", "table_open", "hr", "fence", "code_block"):
            blocks.setdefault(token.map[0], token)
    written = []
    line = 0
    while line < len(lines):
        block = blocks.get(line)
        end = block.map[1] if block and block.map else line + 1
        part = lines[line:end]
        if block is None or block.type == "inline":
            written.append(_paragraph("\n".join(part), references))
        elif block.type == "table_open":
            written += ["|".join(_paragraph(cell, references) for cell in _CELL_BORDER.split(row)) for row in part]
        elif block.type == "hr":
            written += part if block.level else ["***"]  # between two of --- Pandoc would look for metadata
        else:
            written += _code(block, part)
        line = end
    return "\n".join(written).strip("\n")


def _paragraph(text: str, references: _References) -> str:
    def piece(match: re.Match[str]) -> str:
        if match["kept"]:
            return match[0]
        if match["ticks"]:
            return "\\`" * len(match["ticks"])
        if match["code"]:
            return match["code"] + ("\\{" if match["attributes"] else "")
        if match["number"] is None:
            return f"\\{match[0]}"
        # With a colon behind it, it would be a footnote of its own; with a parenthesis, a link.
        reference = references.to(int(match["number"])) or f"\\[{match['number']}\\]"
        return reference + (f"\\{match['behind']}" if match["behind"] else "")

    return _PIECE.sub(piece, text)


def _code(token: Token, lines: list[str]) -> list[str]:
    """Return the lines of code so that every renderer takes them for code, and for nothing but code.

    Fences get blank lines around them and an end, where they had none; of what stands behind the opening one, a
    language's name is kept, but {=html} would be raw HTML to Pandoc.
    """
    if token.type == "code_block":
        return lines
    before, fence, info = lines[0].partition(token.markup)
    begin = before + fence + "".join(_LANGUAGE.findall(info.strip())[:1])
    if token.level:
        return [begin, *lines[1:]]
    closed = re.fullmatch(rf" {{0,3}}{token.markup}{token.markup[0]}*[ \t]*", lines[-1]) and len(lines) > 1
    return ["", begin, *lines[1:], *([] if closed else [token.markup]), ""]


def _footnote(number: int, citation: Citation) -> str:
    """Return a footnote: where the quote stands, the quote, and the address, a block each."""
    facts = _facts(citation.title, citation.heading, citation.author, citation.date)
    address = web_url(citation.url)
    section = f"{citation.article}#{citation.anchor}" if citation.anchor else citation.article
    blocks = [[_text(facts)], _quote(citation), [f"<{address}>" if address else _text(section)]]
    body = f"\n\n{_INDENT}".join(f"\n{_INDENT}".join(lines) for lines in blocks if any(lines))
    return f"[^{number}]: {body or '—'}"


def _facts(title: str, heading: str, author: str, date: str) -> str:
    place = " › ".join(dict.fromkeys(part for part in map(one_line, (title, heading)) if part))
    return " · ".join(fact for fact in (place, one_line(author), one_line(date)) if fact)


def _section(later: Newer) -> str:
    """Return where a later section stands, with its address if it has one."""
    address = web_url(later.url)
    return _text(_facts(later.title, later.heading, "", later.date)) + (f" <{address}>" if address else "")


def _quote(citation: Citation) -> list[str]:
    """Return the lines of the quote: a table of rows under their header, else a paragraph for each of its lines."""
    rows = split_rows(citation.quote, citation.header)
    if rows:
        head, *body = [[_text(cell) for cell in row] for row in (citation.header, *rows)]
        return [f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *body]]
    return [line for text in lines_of(citation.quote) for line in (">", f"> {_text(text)}")][1:]


def _text(text: str) -> str:
    """Return the text on one line, escaped."""
    return _BARE_LINK.sub(r"\\\g<0>", escape_markdown(one_line(text)))


@cache
def _parser() -> MarkdownIt:
    """Return a parser that sees the blocks which are left once brackets and tags are escaped."""
    md = MarkdownIt("commonmark", {"html": False}).enable("table")
    return md.disable(["link", "image", "autolink", "html_inline", "html_block", "reference"])
