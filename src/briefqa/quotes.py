"""Hits to the few quotes that answer.

quotes = select_quotes("which chips are banned?", ranking)
quotes[0].text, quotes[0].start, quotes[0].end      # what a citation will say, and where it stands
"""

from __future__ import annotations

from dataclasses import dataclass

from briefqa.chunks import Span
from briefqa.markdown import CELL_JOINER
from briefqa.question import asks_for
from briefqa.ranking import Hit, Ranking

# Quotes in an answer: what a reader takes in at a glance.
_MOST_QUOTES = 3
# Spans of the first hits compete; further down the right one is rarely found (golden set: never).
_HITS_QUOTED = 5
# A further quote must come this close to the best one's score, in the encoder's spread, else it is filler.
_QUOTE_MARGIN = 1.9
# What a question asks for counts this much when it stands in a span, in the encoder's spread: more than neighbouring
# sentences differ by.
_ASKED_FOR = 1.15


@dataclass(frozen=True, slots=True)
class Quote:
    """One span of a hit, or several that stand side by side in its section.

    text: verbatim, markup aside: sentences as they follow each other, of rows a line each, cells joined by " | ".
    header: the header cells of rows. start, end: character offsets into the article file. marked: for each row the
    columns, counted from 0, of the cells that matched. cells: of each row, where they were read from the table.
    """

    hit: Hit
    text: str
    header: tuple[str, ...]
    start: int
    end: int
    marked: tuple[tuple[int, ...], ...] = ()
    cells: tuple[tuple[str, ...], ...] = ()


def quote_span(hit: Hit, span: Span) -> Quote:
    """Return the quote of one span."""
    return Quote(hit, span.text, span.header, span.start, span.end)


def split_rows(text: str, header: tuple[str, ...]) -> list[list[str]]:
    """Return the cells of each row of a quote; none where it is no rows, or their cells cannot be told apart."""
    rows = [line.split(CELL_JOINER) for line in text.split("\n")]
    return rows if header and all(len(row) == len(header) for row in rows) else []


def select_quotes(question: str, ranking: Ranking) -> list[Quote]:
    """Return the few quotes that answer best, best first."""
    asked_for = asks_for(question)
    candidates = []
    for hit in ranking.hits[:_HITS_QUOTED]:
        for span in hit.spans:
            fits = asked_for is not None and asked_for.search(span.text) is not None
            candidates.append(((hit.score + span.score) / 2 + _ASKED_FOR * ranking.spread * fits, hit, span))
    candidates.sort(key=lambda candidate: (-candidate[0], candidate[1].rank, candidate[2].start))
    chosen: list[Quote] = []
    for score, hit, span in candidates:
        if len(chosen) == _MOST_QUOTES or score < candidates[0][0] - _QUOTE_MARGIN * ranking.spread:
            break
        if all(span.text != quote.text for quote in chosen):
            chosen.append(quote_span(hit, span))
    return chosen
