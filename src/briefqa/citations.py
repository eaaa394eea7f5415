"""Quotes to numbered citations.

citations = cite(quotes)
citations[0].number, citations[0].quote, citations[0].url
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from briefqa.quotes import Quote

# A marker, or whatever a backslash keeps from being one.
_MARKER = re.compile(r"\\.|\[(\d{1,3})\]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Citation:
    """A quote and where it stands.

    quote: verbatim, markup aside; of table rows a line each, their own cells joined by " | ". header: the header cells
    of rows. start, end: character offsets into the article file. url: source_url#anchor, or "". revision: SHA-256
    of the article file that was quoted, in hex; "" where it is not known. author: of the article, or "".
    """

    number: int
    article: str
    anchor: str
    heading: str
    title: str
    date: str
    quote: str
    header: tuple[str, ...]
    start: int
    end: int
    url: str
    revision: str = ""
    author: str = ""


def cite(quotes: Sequence[Quote]) -> tuple[Citation, ...]:
    """Return the quotes as citations, numbered from 1."""
    return tuple(
        Citation(
            number=number,
            article=quote.hit.article,
            anchor=quote.hit.anchor,
            heading=quote.hit.heading,
            title=quote.hit.title,
            date=quote.hit.date,
            quote=quote.text,
            header=quote.header,
            start=quote.start,
            end=quote.end,
            url=quote.hit.url,
            revision=quote.hit.revision,
            author=quote.hit.author,
        )
        for number, quote in enumerate(quotes, 1)
    )


def markers(text: str) -> list[str]:
    """Return the numbers in the [1] markers of an answer's text, in order; an escaped bracket makes none."""
    return [number for number in _MARKER.findall(text) if number]


def web_url(url: str) -> str:
    """Return an address that a browser may follow out of here: http or https to some host; else ""."""
    if any(char.isspace() or not char.isprintable() or char in "<>\"'\\`" for char in url):
        return ""
    try:
        parts = urlsplit(url)
        return url if parts.scheme in ("http", "https") and parts.hostname else ""
    except ValueError:
        return ""
