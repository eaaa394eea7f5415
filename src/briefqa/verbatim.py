"""What a reader sees of an article, each character with its place: does a quote stand there, and where else?

    visible = visible_article(read_article(path, corpus))
    wording = Wording.of("Blackwell系列仍在禁止清单上。")
    section = visible.sections[0]
    section.says(wording, start, end)       # whether it stands between these offsets of the file
    list(section.find(wording))             # everywhere that it stands

Compared are letters, digits and punctuation, all of them. White space counts only where it parts two words ("12 3" is
not "123"), borders only between cells, markup not at all. Headings and front matter are no text that can be quoted.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock

from briefqa.articles import Article, Block, Section
from briefqa.writing import is_cjk

_GAP = re.compile(r"\s+")
# At the ends of a row, where cells may be empty, and of a part of a row.
_BORDER = " |"
# Scripts from Thai on are written without spaces, or their spaces do not part words: no word is seen to be cut there.
_UNSPACED = "\u0e00"
# Characters of articles that are kept: 6 to 10 bytes each, so about 20 MB.
_MOST_KEPT = 2_000_000


@dataclass(frozen=True, slots=True)
class Wording:
    """What must stand in a text. forms: any of them, squeezed. header: of rows, the header cells over them, squeezed.

    bare: without any white space and border, for a first look.
    """

    forms: tuple[str, ...]
    header: tuple[str, ...]
    bare: str

    @classmethod
    def of(cls, quote: str, header: Sequence[str] = ()) -> Wording:
        """Return the wording of a quote: sentences, or rows, a line each."""
        rows = "\n".join([line.strip().strip(_BORDER) for line in quote.split("\n")])
        forms = dict.fromkeys(squeeze(text).strip(_BORDER) for text in (quote, rows))
        return cls(tuple(form for form in forms if form), tuple(map(squeeze, header)), bare(quote))


@dataclass(frozen=True, slots=True)
class _Part:
    """Characters first to last of a section's text that are one block. end: its offset in the file."""

    first: int
    last: int
    end: int
    kind: str
    header: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VisibleSection:
    """The visible text of a section, squeezed. start, end: offsets in the file. offsets: of each character of text."""

    anchor: str
    heading: str
    start: int
    end: int
    text: str
    offsets: array[int]
    parts: tuple[_Part, ...]

    def says(self, wording: Wording, start: int, end: int) -> bool:
        """Say whether exactly this is what a reader sees between two offsets of the file, and no word of it is cut."""
        if not self.shows(wording, start, end):
            return False
        first, last = bisect_left(self.offsets, start), bisect_left(self.offsets, end)
        return self._whole(first, last) and self._under(wording.header, first, last)

    def shows(self, wording: Wording, start: int, end: int) -> bool:
        """Say whether exactly this is what a reader sees between two offsets of the file, header cells aside."""
        if not self.start <= start < end <= self.end:
            return False
        first, last = bisect_left(self.offsets, start), bisect_left(self.offsets, end)
        return self.text[first:last].strip(_BORDER) in wording.forms

    def is_empty(self, start: int, end: int) -> bool:
        """Say whether a reader sees nothing between two offsets of the file."""
        return bisect_left(self.offsets, start) >= bisect_left(self.offsets, end)

    def find(self, wording: Wording) -> Iterator[tuple[int, int]]:
        """Yield the offsets between which it stands, in order."""
        for form in wording.forms:
            first = self.text.find(form)
            while first >= 0:
                last = first + len(form)
                if self._whole(first, last) and self._under(wording.header, first, last):
                    yield self.offsets[first], self._end(last)
                first = self.text.find(form, first + 1)

    def _end(self, last: int) -> int:
        """Return the offset behind the character before `last`."""
        part = self.parts[bisect_left(self.parts, last, key=lambda part: part.last)]
        return part.end if part.last == last else self.offsets[last - 1] + 1

    def _whole(self, first: int, last: int) -> bool:
        """Say whether no word or number is cut at the ends: "H20" does not stand in "H200", nor "5%" in "25%"."""
        while first < last and self.text[first] in _BORDER:
            first += 1
        while first < last and self.text[last - 1] in _BORDER:
            last -= 1
        return not (self._inside_word(first) or self._inside_word(last))

    def _inside_word(self, at: int) -> bool:
        before, after = self.text[max(at - 2, 0) : at], self.text[at : at + 2]
        if not before or not after:
            return False
        if all(char < _UNSPACED and char.isalnum() for char in (before[-1], after[0])):
            return True
        mark, rest = (before[-1], before[:-1] + after[:1]) if before[-1] in ".," else (after[0], before[-1] + after[1:])
        if mark not in ".," or len(rest) != 2 or not rest.isdigit():
            return False
        around = self.offsets[at - 2 : at + 1] if mark == before[-1] else self.offsets[at - 1 : at + 2]
        return around[2] - around[0] == 2  # "1,250", not "in 2021, 250"

    def _under(self, header: tuple[str, ...], first: int, last: int) -> bool:
        """Say whether these characters are rows below this header; all are below none."""
        if not header:
            return True
        begin = bisect_right(self.parts, first, key=lambda part: part.last)
        over = [part for part in self.parts[begin:] if part.first < last]
        return bool(over) and all(part.kind == "row" and part.header == header for part in over)


@dataclass(frozen=True, slots=True)
class VisibleArticle:
    """An article as far as quotes of it are concerned; sha256: of the file's bytes."""

    slug: str
    sha256: str
    title: str
    date: str
    source_url: str
    sections: tuple[VisibleSection, ...]

    @property
    def characters(self) -> int:
        """How many there are in all: what it costs to keep."""
        return sum(len(section.text) for section in self.sections)

    def section(self, anchor: str) -> VisibleSection | None:
        """Return the section with this anchor."""
        return next((section for section in self.sections if section.anchor == anchor), None)


class KeptArticles:
    """Articles that were read for a question and are kept for the next ones; shared between threads."""

    def __init__(self) -> None:
        self._articles: OrderedDict[str, VisibleArticle] = OrderedDict()
        self._characters = 0
        self._lock = Lock()

    def get(self, slug: str) -> VisibleArticle | None:
        """Return an article if it is kept."""
        with self._lock:
            if slug in self._articles:
                self._articles.move_to_end(slug)
            return self._articles.get(slug)

    def keep(self, article: VisibleArticle) -> VisibleArticle:
        """Keep an article, and let go those that were asked for least lately; return it."""
        with self._lock:
            if article.slug not in self._articles:
                self._articles[article.slug] = article
                self._characters += article.characters
            while self._characters > _MOST_KEPT and len(self._articles) > 1:
                self._characters -= self._articles.popitem(last=False)[1].characters
            return article


def visible_article(article: Article) -> VisibleArticle:
    """Return what a reader sees of an article."""
    sections = tuple(visible_section(section, section.blocks) for section in article.sections)
    return VisibleArticle(article.slug, article.sha256, article.title, article.date, article.source_url, sections)


def visible_section(section: Section, blocks: Iterable[Block]) -> VisibleSection:
    """Return what a reader sees of a section that is made of these blocks."""
    text: list[str] = []
    offsets = array("I")
    parts: list[_Part] = []
    before = ""  # the last character
    for block in blocks:
        seen, places = block.text, block.offsets
        if block.kind in ("row", "header"):
            begin, end = len(seen) - len(seen.lstrip(_BORDER)), len(seen.rstrip(_BORDER))
            seen, places = seen[begin:end], places[begin:end]
        squeezed, where = _squeeze(seen, places)
        if not squeezed:
            continue
        if _is_word(before) and _is_word(squeezed[0]):
            text.append(" ")
            offsets.append(where[0])
        first = len(offsets)
        text.append(squeezed)
        offsets.extend(where)
        header = tuple(map(squeeze, block.header))
        parts.append(_Part(first, len(offsets), block.end, block.kind, header))
        before = squeezed[-1]
    return VisibleSection(
        section.anchor, section.heading, section.start, section.end, "".join(text), offsets, tuple(parts)
    )


def squeeze(text: str) -> str:
    """Return the text without its white space, but for one space where two words would else run together."""
    return _GAP.sub(_space, text)


def bare(text: str) -> str:
    """Return the text without any white space and borders."""
    return "".join(text.split()).replace("|", "")


def _squeeze(text: str, places: Sequence[int]) -> tuple[str, Sequence[int]]:
    """Squeeze a text and the places of its characters alike."""
    kept: list[int] = []
    at = 0
    for gap in _GAP.finditer(text):
        kept += places[at : gap.start() + len(_space(gap))]
        at = gap.end()
    return (squeeze(text), [*kept, *places[at:]]) if kept or at else (text, places)


def _space(gap: re.Match[str]) -> str:
    text, start, end = gap.string, gap.start(), gap.end()
    return " " if start and _is_word(text[start - 1]) and _is_word(text[end : end + 1]) else ""


def _is_word(char: str) -> bool:
    return char.isalnum() and not is_cjk(char)
