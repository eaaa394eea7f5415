"""The cited sections for a reference list: BibTeX and CSL-JSON, one entry each, however often it was quoted.

    to_bibtex([answer])         # "@misc{h200-export-policy:policy-details, author = …"
    to_csl_json([answer])       # '[{"id": "h200-export-policy:policy-details", "type": "webpage", …'

BibTeX entries are `@misc`, with the address in `howpublished`: classic styles know no `@online` and pass over `url`,
and styles that know both fields would print it twice; biblatex takes `@misc` too. Quotes stand in `annote`, which only
annotated styles print. When a page was read is not known here, so there is no `urldate` and no `accessed`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote as percent

from anyascii import anyascii

from briefqa.answer import Answer, Citation
from briefqa.citations import web_url
from briefqa.export.lines import lines_of
from briefqa.question import frame_language
from briefqa.writing import one_line

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE = re.compile(r"([0-9]{4})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12][0-9]|3[01]))?)?")
# Longer halves of a key are cut; Chinese headings make long ones.
_LONGEST_KEY_PART = 60
# BibTeX counts braces, escaped or not, so text has none.
_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    **{char: f"\\{char}" for char in "#$%&_"},
}
# What `\url` takes as it is; `%` too, as the address is percent-encoded already.
_URL_SAFE = "!#$%&'()*+,-./:;=?@[]_~"


@dataclass(frozen=True, slots=True)
class _Source:
    """A cited section. key: ASCII, lower case, unique. date: year, month and day, as many as are known."""

    key: str
    title: str
    heading: str
    author: str
    date: tuple[int, ...]
    place: str
    url: str
    quotes: tuple[str, ...]


def to_bibtex(answers: Sequence[Answer]) -> str:
    """Return an entry for each cited section, in the order of the citations; "" where nothing is cited."""
    return "\n".join(_entry(source) for source in _sources(answers))


def to_csl_json(answers: Sequence[Answer]) -> str:
    """Return an item for each cited section, in the order of the citations, under the same names as in BibTeX."""
    return json.dumps([_item(source) for source in _sources(answers)], ensure_ascii=False, indent=2) + "\n"


def _sources(answers: Sequence[Answer]) -> list[_Source]:
    cited: dict[tuple[str, str], list[Citation]] = {}
    for answer in answers:
        for citation in answer.citations:
            cited.setdefault((citation.article, citation.anchor), []).append(citation)
    taken: set[str] = set()
    return [_source(citations, taken) for citations in cited.values()]


def _source(citations: list[Citation], taken: set[str]) -> _Source:
    first = citations[0]
    title, heading = one_line(first.title), one_line(first.heading)
    section = f"{first.article}#{first.anchor}" if first.anchor else first.article
    date = _DATE.fullmatch(first.date)
    return _Source(
        key=_key(first.article, first.anchor, taken),
        title=title or heading or one_line(first.article),
        heading=heading if heading != title and title else "",
        author=one_line(first.author),
        date=tuple(int(part) for part in date.groups() if part) if date else (),
        place=one_line(section),
        url=web_url(first.url),
        quotes=tuple(quote for quote in dict.fromkeys(" / ".join(lines_of(each.quote)) for each in citations) if quote),
    )


def _key(article: str, anchor: str, taken: set[str]) -> str:
    """Return a key that is not taken, and take it: article and anchor in ASCII, then a number if need be."""
    parts = [re.sub(r"[^a-z0-9]+", "-", anyascii(part).lower()) for part in (article, anchor)]
    name = ":".join(cut for part in parts if (cut := part[:_LONGEST_KEY_PART].strip("-"))) or "brief"
    key, number = name, 1
    while key in taken:
        number += 1
        key = f"{name}-{number}"
    taken.add(key)
    return key


def _entry(source: _Source) -> str:
    year, month, day = (*source.date, 0, 0, 0)[:3]
    fields = {
        # Second braces keep the case of letters, and a name whole. Without an author styles sort by the field `key`.
        "author": f"{{{_latex(source.author)}}}" if source.author else "",
        "key": "" if source.author else source.key,
        "title": f"{{{_latex(source.title)}}}",
        "howpublished": f"\\url{{{_latex_url(source.url)}}}" if source.url else _latex(source.place),
        "year": f"{year:04}" if year else "",
        "month": _MONTHS[month - 1] if month else "",
        "day": str(day or ""),
        "note": _latex(source.heading),
        "annote": _latex(" ".join(f"“{quote}”" for quote in source.quotes)),
    }
    # A month goes without braces: each style spells its name in its own way.
    values = {name: value if name == "month" else f"{{{value}}}" for name, value in fields.items() if value}
    return "".join([f"@misc{{{source.key},\n", *(f"  {name} = {value},\n" for name, value in values.items()), "}\n"])


def _latex(text: str) -> str:
    return "".join(_LATEX.get(char, char) for char in text)


def _latex_url(url: str) -> str:
    return percent(url, safe=_URL_SAFE, errors="replace")


def _item(source: _Source) -> dict[str, object]:
    """Return the section as a CSL item: a page, or part of one where it has a heading of its own."""
    # Zotero and citeproc take {:name: value} in a note for a field of the item.
    note = " ".join(f"“{quote}”" for quote in source.quotes).replace("{:", "{ :")
    item = {
        "id": source.key,
        "type": "webpage" if source.url else "article",
        "title": source.heading or source.title,
        "container-title": source.title if source.heading else "",
        "author": [{"literal": source.author}] if source.author else [],
        "issued": {"date-parts": [list(source.date)]} if source.date else {},
        "URL": source.url,
        # Else styles that capitalise English titles take letters in Chinese ones for words.
        "language": "zh" if frame_language(source.title) == "zh" else "",
        "note": note,
    }
    return {name: value for name, value in item.items() if value}
