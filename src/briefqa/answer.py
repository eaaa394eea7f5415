"""Hits to an answer whose every quote can be checked.

    answer = compose("which chips are banned?", ranking)
    answer.text                    # Markdown with [1] markers
    answer.citations[0].quote      # verbatim in the article, between .start and .end

No model words it: the spans that answer are quoted as they stand, in a frame in the question's language. A question
that the corpus does not answer gets a refusal, which cites nothing and says what the nearest sections are about.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from briefqa.chunks import Span
from briefqa.question import asks_for, frame_language
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
# Logistic model of the margin between the best candidate's evidence and the mean of the others', in the encoder's
# spread. What is expected of it grows with the share of the question's words that stand in the corpus: median margins
# of answered and refused questions are 6.5 and 1.8 for Chinese on Chinese, 1.9 and 1.0 for Arabic on Chinese.
_MARGIN_MIDPOINT = 1.3
_MARGIN_PER_REACH = 2.3
_MARGIN_SLOPE = 1.9
# Candidates that make the background. Where there are fewer, they are all about one subject and the margin is smaller.
_BACKGROUND = 50
_ANSWERED_FROM = 0.5

_PHRASES = {
    "zh": {
        "answer": "简报中的相关原文：",
        "refusal": "语料库中没有找到这个问题的答案。",
        "nearest": "最接近的章节：",
        "empty": "没有可供检索的简报。",
    },
    "en": {
        "answer": "The briefs say:",
        "refusal": "The briefs do not answer this question.",
        "nearest": "The nearest sections are about:",
        "empty": "There are no briefs to search.",
    },
}


@dataclass(frozen=True, slots=True)
class Citation:
    """A quote and where it stands.

    quote: verbatim, markup aside; of a table row its own cells, joined by " | ". header: the header cells of a row.
    start, end: character offsets into the article file. url: source_url#anchor, or "".
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


@dataclass(frozen=True, slots=True)
class Answer:
    """What the corpus says to a question.

    text: Markdown with [1] markers. confidence: 0..1, the probability that the corpus answers the question.
    hits: what was retrieved, best first.
    """

    question: str
    text: str
    citations: tuple[Citation, ...]
    answered: bool
    confidence: float
    hits: tuple[Hit, ...]


def compose(question: str, ranking: Ranking) -> Answer:
    """Quote the spans that answer, or refuse."""
    phrases = _PHRASES[frame_language(question)]
    confidence = estimate_confidence(ranking)
    if not ranking.hits:
        return Answer(question, phrases["empty"], (), False, 0.0, ())
    if confidence < _ANSWERED_FROM:
        return Answer(question, _refusal(phrases, ranking.hits), (), False, confidence, ranking.hits)
    citations = tuple(
        Citation(
            number=number,
            article=hit.article,
            anchor=hit.anchor,
            heading=hit.heading,
            title=hit.title,
            date=hit.date,
            quote=span.text,
            header=span.header,
            start=span.start,
            end=span.end,
            url=hit.url,
        )
        for number, (hit, span) in enumerate(select_quotes(question, ranking), 1)
    )
    text = "\n\n".join([phrases["answer"], *_quoted(citations)])
    return Answer(question, text, citations, True, confidence, ranking.hits)


def estimate_confidence(ranking: Ranking) -> float:
    """Estimate the probability that the corpus answers: how far the best candidate stands out from the others.

    Scores of different languages are not comparable, margins nearly are.
    """
    best, others = ranking.evidence[:1], ranking.evidence[1:_BACKGROUND]
    if len(others) == 0:
        return float(len(best))
    scale = math.log(1 + len(others)) / math.log(_BACKGROUND)
    margin = float(best[0] - others.mean()) / max(ranking.spread * scale, 1e-6)
    above = margin - _MARGIN_MIDPOINT - _MARGIN_PER_REACH * ranking.reach
    return 1 / (1 + math.exp(-min(max(_MARGIN_SLOPE * above, -50.0), 50.0)))


def select_quotes(question: str, ranking: Ranking) -> list[tuple[Hit, Span]]:
    """Return the few spans that answer best, best first."""
    asked_for = asks_for(question)
    candidates = []
    for hit in ranking.hits[:_HITS_QUOTED]:
        for span in hit.spans:
            fits = asked_for is not None and asked_for.search(span.text) is not None
            candidates.append(((hit.score + span.score) / 2 + _ASKED_FOR * ranking.spread * fits, hit, span))
    candidates.sort(key=lambda candidate: (-candidate[0], candidate[1].rank, candidate[2].start))
    chosen: list[tuple[Hit, Span]] = []
    for score, hit, span in candidates:
        if len(chosen) == _MOST_QUOTES or score < candidates[0][0] - _QUOTE_MARGIN * ranking.spread:
            break
        if all(span.text != quoted.text for _, quoted in chosen):
            chosen.append((hit, span))
    return chosen


def escape_markdown(text: str) -> str:
    """Return the text so that Markdown shows it as it is."""
    escaped = "".join(f"\\{char}" if char in "\\`*_[]<>|~&#$!" else char for char in text)
    digits = len(escaped) - len(escaped.lstrip("0123456789"))
    begins_list = escaped[digits : digits + 1] in ((".", ")") if digits else ("-", "+", "="))
    return f"{escaped[:digits]}\\{escaped[digits:]}" if begins_list else escaped


def _quoted(citations: tuple[Citation, ...]) -> list[str]:
    """Return a Markdown block for each quote: its text, or a table row under its header, then where it stands."""
    blocks = []
    for citation in citations:
        cells = [escape_markdown(cell) for cell in citation.quote.split(" | ")]
        marker = f"[{citation.number}]"
        if citation.header and len(cells) == len(citation.header):
            head = [escape_markdown(cell) for cell in citation.header]
            lines = [head, ["---"] * len(head), [*cells[:-1], f"{cells[-1]} {marker}"]]
            blocks.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
        else:
            blocks.append(f"> {escape_markdown(citation.quote)} {marker}")
    return blocks


def _refusal(phrases: dict[str, str], hits: tuple[Hit, ...]) -> str:
    sections = dict.fromkeys(" › ".join(part for part in (hit.title, hit.heading) if part) for hit in hits)
    nearest = [f"- {escape_markdown(section)}" for section in list(sections)[:3]]
    return "\n".join([f"{phrases['refusal']} {phrases['nearest']}", "", *nearest])
