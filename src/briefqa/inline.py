"""Inline Markdown whose tokens know where in the source they begin, and whose emphasis works in Chinese."""

from __future__ import annotations

import re
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Scanned
from markdown_it.token import Token
from markdown_it.utils import EnvType

from briefqa.writing import is_cjk

MAX_LABEL_WORK = 2_000_000
"""Characters that may be scanned for the ends of link labels in one paragraph, about a second of work. It is linear in
ordinary text and quadratic in the brackets that nobody closes: 5,000 of them are 12 million."""


# What the rules stop at, be it markup or not: one that fails costs as much as one that does not. And ends of sentences.
_MARKS = re.compile(r"[\n\[\]<&`*_~\\!。？；]|[.?](?=\s)")


class TooManyElements(ValueError):
    """A text has more markup than the limit in its env allows."""


def count_elements(env: EnvType, count: int) -> None:
    """Count pieces of markup, where env has a limit ("most_elements"). Raises TooManyElements."""
    most = env.get("most_elements")
    if most is not None:
        env["elements"] = env.get("elements", 0) + count
        if env["elements"] > most:
            raise TooManyElements


class InlineState(StateInline):
    """A StateInline whose tokens know where in `src` they begin (`meta["at"]`)."""

    _pending_at = -1

    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:
        """Let emphasis begin and end beside CJK text, where no space could tell: `占**25%**的`, `**“特供”**芯片`.

        CommonMark takes markers between a punctuation mark and a letter for text; in Chinese nearly all of them are
        meant. The rule is that of the proposal "CommonMark CJK-friendly amendments" (tats-u, 2024).
        """
        scanned = super().scanDelims(start, canSplitWord)
        before = self.src[start - 1] if start else " "
        after = self.src[start + scanned.length] if start + scanned.length < self.posMax else " "
        if self.src[start] == "_" or not (is_cjk(before) or is_cjk(after)):
            return scanned
        opens = not isWhiteSpace(ord(after)) and (not _is_latin_mark(after) or not _is_word(before))
        closes = not isWhiteSpace(ord(before)) and (not _is_latin_mark(before) or not _is_word(after))
        return Scanned(opens, closes, scanned.length)

    def append_pending(self, text: str) -> None:
        """Note where pending text begins."""
        # Pending text is a slice of src: whatever is not appended pushes a token, and that ends the pending text.
        if self._pending_at < 0:
            self._pending_at = self.pos
        super().append_pending(text)

    def pushPending(self) -> Token:
        """Give the pending text's place to its token."""
        token = super().pushPending()
        token.meta["at"] = self._pending_at
        self._pending_at = -1
        return token

    def push(self, ttype: str, tag: str, nesting: Literal[-1, 0, 1]) -> Token:
        """Give the place where the parser stands to the token."""
        token = super().push(ttype, tag, nesting)
        token.meta["at"] = self.pos
        self._pending_at = -1
        return token


class Inline(ParserInline):
    """The inline parser, whose tokens keep their places."""

    def parse(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> list[Token]:
        """Parse nothing: only the image rule calls this, for the alternative text, which is not shown."""
        return tokens

    def locate(self, src: str, md: MarkdownIt, env: EnvType) -> list[Token]:
        """Return the tokens of `src`, `meta["at"]` being where in it the content of each begins."""
        count_elements(env, len(_MARKS.findall(src)))
        if "[" in src and _label_work(src) > MAX_LABEL_WORK:
            src = src.replace("[", "\ue000")  # as long, and no markup; `_visible` takes its text from the source
        state = InlineState(src, md, env, [])
        self.tokenize(state)
        run_at = run_end = -1
        for before, token in zip([None, *state.tokens], state.tokens, strict=False):
            at, length = token.meta["at"], len(token.content)
            if token.type == "text_special" and token.info == "escape":
                token.meta["at"] = at + len(token.markup) - length
            elif token.type == "code_inline":
                at += len(token.markup)
                same = src[at : at + length].replace("\n", " ") == token.content
                token.meta["at"] = at if same else at + 1  # one space on each side was taken away
            elif token.type == "text":
                if before is not None and before.markup == "autolink" and before.nesting == 1:
                    token.meta["at"] = at + 1
                    token.content = src[at + 1 : src.index(">", at)]  # as written, not decoded for display
                elif at == run_at:  # the markers of one run such as *** are pushed together
                    token.meta["at"] = run_end
                run_at, run_end = at, token.meta["at"] + len(token.content)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens


def _label_work(src: str) -> int:
    """Return how many characters lie between each opening bracket and the one that closes it, in all."""
    work, depth, last = 0, 0, 0
    for bracket in re.finditer(r"[\[\]]", src):
        work += depth * (bracket.start() - last)
        last = bracket.start()
        depth = depth + 1 if bracket.group() == "[" else max(depth - 1, 0)
    return work + depth * (len(src) - last)


def _is_latin_mark(char: str) -> bool:
    """Say whether this is a punctuation mark that is not only Chinese."""
    return not is_cjk(char) and (isMdAsciiPunct(ord(char)) or isPunctChar(char))


def _is_word(char: str) -> bool:
    """Say whether this is a letter or digit of a script with spaces."""
    return not (isWhiteSpace(ord(char)) or _is_latin_mark(char) or is_cjk(char))
