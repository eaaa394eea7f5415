"""Hits to the few quotes that answer.

quotes = select_quotes("which chips are banned?", ranking)
quotes[0].text, quotes[0].start, quotes[0].end      # what a citation will say, and where it stands
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

from briefqa.chunks import Span
from briefqa.markdown import CELL_JOINER
from briefqa.question import asks_for
from briefqa.ranking import Hit, Ranking

# Quotes in an answer: what a reader takes in at a glance.
_MOST_QUOTES = 3
# Spans of the first hits compete; further down the right one is rarely found (golden set: never).
_HITS_QUOTED = 5
# A further quote must come this close to the best one's score, in the encoder's spread, else it is filler.
_QUOTE_MARGIN = 3.6
# What a question asks for counts this much when it stands in a span, in the encoder's spread: more than neighbouring
# sentences differ by.
_ASKED_FOR = 1.15
# The first hit's best quote comes first unless another one is better by this, in the encoder's spread.
_FIRST_HIT = 0.5
# A quote of an article that is not quoted yet is preferred by this, in the encoder's spread: what two briefs say is
# better founded. More costs answers (.5: answer@3 of English on Chinese .903 → .883).
_ANOTHER = 0.1
# Two quotes that share this much of the shorter one's pairs of characters say the same.
_SAME = 0.8
# Characters of a sentence that says little by itself, and of the longest one that is quoted whole where semicolons
# part it.
_SHORT = 20
_LONGEST_WHOLE = 160
# Characters of neighbours that are quoted as one. In longer ones the best sentence would no longer come first, and a
# reader look for it (answer@3 within 400 characters, English on English: .857 without a limit, .907 with it).
_LONGEST_JOINED = 240
_PARTED = frozenset("；;")
# Characters of a list, or a paragraph, that is quoted with the sentence that leads to it, which says little without it.
_LONGEST_LED = 600
_LEADS = frozenset("：:")
# A sentence that begins so speaks of what the one before it named.
_REFERS_BACK = re.compile(
    r"[“‘\"'（(]*(?:这(?!里)|该(?!国|年)|其(?![他它余次实])|它|他(?!国|日)|她|此(?!外|后|时)|前者|后者|上述|对此|為此|为此|これ|それ|その|この|彼)"
    r"|[“‘\"'(]*(?:it|its|this|these|those|they|their|he|his|she|her|such|both|the (?:latter|former|same)"
    r"|est[aeo]s?|ello|ella|dies(?:e[rsmn]?)?|il|elle|cela|cette|это|этот|эта|эти|он|она|они|هذا|هذه|ذلك|تلك)\b",
    re.IGNORECASE,
)


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


def span_score(hit: Hit, span: Span) -> float:
    """Return how well a span answers, higher is better: the mean of its own score and its section's."""
    return (hit.score + span.score) / 2


def select_quotes(question: str, ranking: Ranking) -> list[Quote]:
    """Return the few quotes that answer best, best first.

    A sentence that speaks of the one before it brings that one along, a short one that the next speaks of brings the
    next; sentences that follow each other are one quote. One that leads to a list brings its items, a quote each.
    """
    asked_for = asks_for(question)
    candidates = []
    for hit in ranking.hits[:_HITS_QUOTED]:
        for span in hit.spans:
            fits = asked_for is not None and asked_for.search(span.text) is not None
            candidates.append((span_score(hit, span) + _ASKED_FOR * ranking.spread * fits, hit, span))
    candidates.sort(key=lambda candidate: (-candidate[0], candidate[1].rank, candidate[2].start))
    least = candidates[0][0] - _QUOTE_MARGIN * ranking.spread if candidates else 0.0
    candidates = [candidate for candidate in candidates if candidate[0] >= least]
    another = _ANOTHER * ranking.spread
    chosen: list[tuple[float, Hit, Span]] = []
    quoted: set[str] = set()
    while candidates and len(chosen) < _MOST_QUOTES:
        best = max(
            range(len(candidates)), key=lambda i: candidates[i][0] + another * (candidates[i][1].article not in quoted)
        )
        score, hit, span = candidates.pop(best)
        if not any(_say_the_same(span, other) for _, _, other in chosen):
            chosen.append((score + _FIRST_HIT * ranking.spread * (hit.rank == 1), hit, span))
            quoted.add(hit.article)
    chosen.sort(key=lambda candidate: (-candidate[0], candidate[1].rank, candidate[2].start))
    quotes: list[Quote] = []
    for _, hit, span in chosen:
        if not _is_quoted(hit, span.start, span.end, quotes):
            quotes.append(_quote_passage(hit, span, [other for _, owner, other in chosen if owner is hit]))
            led = _quote_led(quotes[-1])
            quotes += [quote for quote in led if not _is_quoted(hit, quote.start, quote.end, quotes)]
    return quotes


def _is_quoted(hit: Hit, start: int, end: int, quotes: Sequence[Quote]) -> bool:
    """Say whether all of this is quoted already."""
    return any(quote.hit is hit and quote.start <= start and end <= quote.end for quote in quotes)


def _say_the_same(one: Span, other: Span) -> bool:
    if one.header != other.header:
        return False
    if one.header:  # rows of one table are alike, and each says something else
        return one.text == other.text
    pairs = [{a + b for a, b in pairwise(span.text)} for span in (one, other)]
    return len(pairs[0] & pairs[1]) >= _SAME * max(min(map(len, pairs)), 1)


def _quote_passage(hit: Hit, span: Span, chosen: Sequence[Span]) -> Quote:
    """Return the quote of a span together with the chosen ones beside it, and with the sentence that it refers to."""
    passage = _passage(hit, span)
    if not passage:
        return quote_span(hit, span)
    at = next(i for i, (_, other) in enumerate(passage) if other is span)
    first, last = _whole_sentence(passage, at)
    if first > 0 and _REFERS_BACK.match(passage[first][1].text):
        first = _whole_sentence(passage, first - 1)[0]
    elif last + 1 < len(passage) and len(span.text) <= _SHORT and _REFERS_BACK.match(passage[last + 1][1].text):
        last = _whole_sentence(passage, last + 1)[1]
    while first > 0 and passage[first - 1][1] in chosen and _length(passage, first - 1, last) <= _LONGEST_JOINED:
        first -= 1
    while last + 1 < len(passage) and passage[last + 1][1] in chosen:
        if _length(passage, first, last + 1) > _LONGEST_JOINED:
            break
        last += 1
    return _quote_sentences(hit, passage[first : last + 1])


def _quote_sentences(hit: Hit, sentences: Sequence[tuple[int, Span]]) -> Quote:
    """Return the quote of sentences that follow each other."""
    text = hit.text[sentences[0][0] : _end(sentences)]
    return Quote(hit, text, (), sentences[0][1].start, sentences[-1][1].end)


def _length(passage: Sequence[tuple[int, Span]], first: int, last: int) -> int:
    """Return the characters from the first sentence to the last."""
    return _end(passage[: last + 1]) - passage[first][0]


def _end(sentences: Sequence[tuple[int, Span]]) -> int:
    """Return where the last sentence ends in the hit's text."""
    place, last = sentences[-1]
    return place + len(last.text)


def _whole_sentence(passage: Sequence[tuple[int, Span]], at: int) -> tuple[int, int]:
    """Return the first and the last part of the sentence that a semicolon parted; of a long one the part alone."""
    first = last = at
    while first > 0 and passage[first - 1][1].text[-1:] in _PARTED:
        first -= 1
    while last + 1 < len(passage) and passage[last][1].text[-1:] in _PARTED:
        last += 1
    return (first, last) if _length(passage, first, last) <= _LONGEST_WHOLE else (at, at)


def _passage(hit: Hit, span: Span) -> Sequence[tuple[int, Span]]:
    """Return the sentences of the span's paragraph, in order, each with its place in the hit's text; a row has none."""
    return next((passage for passage in _passages(hit) if any(one is span for _, one in passage)), ())


def _passages(hit: Hit) -> list[list[tuple[int, Span]]]:
    """Return the paragraphs and the items of a hit, in order: their sentences, each with its place in its text."""
    passages: list[list[tuple[int, Span]]] = []
    end = 0
    for span in sorted(hit.spans, key=lambda span: span.start):
        if span.header or span.kind in ("row", "header", "code"):
            continue
        found = hit.text.find(span.text, end)
        if found < 0:
            continue
        if not passages or "\n" in hit.text[end:found]:
            passages.append([])
        passages[-1].append((found, span))
        end = found + len(span.text)
    return passages


def _quote_led(quote: Quote) -> list[Quote]:
    """Return what a quote leads to, as far as it is short: the items of the list below it, or the paragraph."""
    hit = quote.hit
    passages = _passages(hit) if quote.text[-1:] in _LEADS else []
    lead = next((i for i, passage in enumerate(passages) if passage[-1][1].end == quote.end), len(passages))
    below = passages[lead + 1 :]
    items = list(takewhile(lambda passage: passage[0][1].kind == "item", below))
    led: list[Quote] = []
    above, length = passages[lead] if below else [], 0
    for passage in items or below[:1]:
        length += _length(passage, 0, len(passage) - 1)
        if length > _LONGEST_LED or hit.text[_end(above) : passage[0][0]].strip():
            break
        led.append(_quote_sentences(hit, passage))
        above = passage
    return led
