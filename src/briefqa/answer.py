"""Hits to an answer whose every quote can be checked.

    answer = compose("which chips are banned?", ranking)
    answer.text                    # Markdown with [1] markers
    answer.citations[0].quote      # verbatim in the article, between .start and .end

No model words it: the spans that answer are quoted as they stand, in a frame in the question's language. A question
that the corpus does not answer gets a refusal, which cites nothing and says what the nearest sections are about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from briefqa.checking import Source, keep_good
from briefqa.citations import Citation, cite
from briefqa.confidence import ANSWERED_FROM, SHIPPED, Calibration, measure_signals
from briefqa.newer import Newer
from briefqa.periods import Period
from briefqa.question import frame_language
from briefqa.quotes import Quote, select_quotes, split_rows
from briefqa.ranking import Hit, Ranking
from briefqa.writing import without_hidden

if TYPE_CHECKING:
    from briefqa.tables import TableAnswer

__all__ = ["Answer", "Citation", "Doubt", "compose", "escape_markdown"]

# From .5 to here the corpus answers three questions in five (docs/answers.md): the frame then says "may".
_SURE_FROM = 0.75
# Probability that a table answers a question whose every word has its place there.
_CERTAIN = 0.9
_ANY_DAY = Period()

_PHRASES = {
    "zh": {
        "answer": "简报中的相关原文{dated}：",
        "perhaps": "以下原文或许能回答这个问题{dated}：",
        "dated": "（{dates}）",
        "refusal": "语料库中没有找到这个问题的答案。",
        "nearest": "与问题最接近的，语料库中有这些章节：",
        "empty": "没有可供检索的简报。",
        "answer within": "{briefs}中的相关原文{dated}：",
        "perhaps within": "{briefs}中，以下原文或许能回答这个问题{dated}：",
        "dated within": "（{briefs}；{dates}）",
        "refusal within": "{briefs}中没有找到这个问题的答案。",
        "since": "{since}以来的简报",
        "until": "截至{until}的简报",
        "between": "{since}至{until}的简报",
        "day": "{since}的简报",
        "set aside": "没有{briefs}，因此未按日期限定。",
        "only": "仅限{briefs}。",
    },
    "en": {
        "answer": "The briefs say{dated}:",
        "perhaps": "This may answer the question{dated}:",
        "dated": " ({dates})",
        "refusal": "The briefs do not answer this question.",
        "nearest": " The corpus does cover:",
        "empty": "There are no briefs to search.",
        "answer within": "The {briefs} say{dated}:",
        "perhaps within": "In the {briefs}, this may answer the question{dated}:",
        "dated within": " ({briefs}; {dates})",
        "refusal within": "The {briefs} do not answer this question.",
        "since": "briefs since {since}",
        "until": "briefs until {until}",
        "between": "briefs from {since} to {until}",
        "day": "briefs of {since}",
        "set aside": "There are no {briefs}, so their date was set aside. ",
        "only": "Only in the {briefs}.",
    },
}


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a sentence of an answer that a language model worded is marked.

    text: the sentence, without markers. reason: "uncited", "unsupported", "figure", "date", "name" or "quotation".
    found: what stands in no cited quote, as written; empty where the sentence as a whole is meant.
    """

    text: str
    reason: str
    found: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the corpus says to a question.

    text: Markdown with [1] markers. confidence: 0..1, the probability that the corpus answers the question.
    hits: what was retrieved, best first. understood: the question that was answered where it is another than was asked
    (a follow-up), else "". translations: in which it was searched for too. notice: one line on what did not work (the
    language model), else "". generation: of the index that answered. worded_by: the model that wrote the text, "" where
    it is quotes. doubts: why there is a [?] behind a sentence of a model's. period: the days that the question
    limits its answer to. newer: later sections on what is cited, at most one for each citation.
    """

    question: str
    text: str
    citations: tuple[Citation, ...]
    answered: bool
    confidence: float
    hits: tuple[Hit, ...]
    understood: str = ""
    translations: tuple[str, ...] = ()
    notice: str = ""
    generation: int = 0
    worded_by: str = ""
    doubts: tuple[Doubt, ...] = ()
    period: Period = _ANY_DAY
    newer: tuple[Newer, ...] = ()


def compose(
    question: str,
    ranking: Ranking,
    understood: str = "",
    source: Source | None = None,
    calibration: Calibration = SHIPPED,
    table: TableAnswer | None = None,
    period: Period = _ANY_DAY,
) -> Answer:
    """Quote what answers, or refuse.

    understood: what was ranked, where it is another than was asked. source: the snapshot that was ranked, which every
    citation is checked against before it is shown; None where the hits are of no index. table: what a table of the
    hits answers, which comes before sentences. period: the days that the question limits its answer to.
    """
    phrases = _PHRASES[frame_language(question)]
    if not ranking.hits:
        return Answer(question, phrases["empty"], (), False, 0.0, (), understood)
    confidence = calibration.probability(measure_signals(ranking))
    if table and table.certain:
        confidence = max(confidence, _CERTAIN)

    def checked(quotes: Sequence[Quote]) -> list[Quote]:
        return list(quotes) if source is None else keep_good(quotes, ranking.hits, source)

    quotes = checked(table.quotes) if table and confidence >= ANSWERED_FROM else []
    if table is None or len(quotes) < len(table.quotes):  # what was computed from a row that fails is not said
        table = None
        quotes = checked(select_quotes(understood or question, ranking)) if confidence >= ANSWERED_FROM else []
    briefs = describe_period(period, frame_language(question))
    within = " within" if period and period.applied else ""
    aside = phrases["set aside"].format(briefs=briefs) if period and not period.applied else ""
    if not quotes:
        text = aside + _refusal(phrases[f"refusal{within}"].format(briefs=briefs), phrases, ranking.hits)
        return Answer(question, text, (), False, confidence, ranking.hits, understood, period=period)
    citations = cite(quotes)
    dates = sorted({citation.date for citation in citations if citation.date})
    days = dates[0] if len(dates) == 1 else f"{dates[0]} – {dates[-1]}" if dates else ""
    dated = phrases["dated"].format(dates=days) if days else ""
    said = phrases[("answer" if confidence >= _SURE_FROM else "perhaps") + within].format(briefs=briefs, dated=dated)
    if table and table.statement:
        markers = "".join(f"[{citation.number}]" for citation in citations)
        dated = phrases["dated within"].format(briefs=briefs, dates=days) if within else dated
        said = f"{escape_markdown(table.statement)}{dated} {markers}"
    text = "\n\n".join([aside + said, *_quoted(quotes, citations)])
    return Answer(question, text, citations, True, confidence, ranking.hits, understood, period=period)


def describe_period(period: Period, language: str) -> str:
    """Return what the briefs of a period are called: "briefs since 2025-12-01". language: "zh" or "en"."""
    since, until = period.since, period.until
    name = "day" if since == until else "between" if since and until else "since" if since else "until"
    return _PHRASES[language][name].format(since=since, until=until) if period else ""


def period_note(answer: Answer) -> str:
    """Return a line on the period of an answer whose text does not name it, for a model worded it; else ""."""
    if not answer.period or not answer.worded_by:
        return ""
    language = frame_language(answer.question)
    said = _PHRASES[language]["only" if answer.period.applied else "set aside"]
    return said.format(briefs=describe_period(answer.period, language)).strip()


def escape_markdown(text: str) -> str:
    """Return the text so that Markdown shows it as it is, but for what is hidden in it."""
    escaped = "".join(f"\\{char}" if char in "\\`*_[]<>|~&#$!" else char for char in without_hidden(text))
    digits = len(escaped) - len(escaped.lstrip("0123456789"))
    begins_list = escaped[digits : digits + 1] in ((".", ")") if digits else ("-", "+", "="))
    return f"{escaped[:digits]}\\{escaped[digits:]}" if begins_list else escaped


def _quoted(quotes: Sequence[Quote], citations: Sequence[Citation]) -> list[str]:
    """Return Markdown blocks: a quote's text and its number; rows under their header, which is written once for all
    rows of a table that follow each other.
    """
    blocks: list[str] = []
    header: tuple[object, ...] = ()
    for quote, citation in zip(quotes, citations, strict=True):
        marker = f"[{citation.number}]"
        rows = quote.cells or split_rows(quote.text, quote.header)
        if not rows:
            header = ()
            lines = [escape_markdown(line) for line in quote.text.split("\n")]
            blocks.append("\n".join(f"> {line}" for line in lines) + f" {marker}")
            continue
        lines = [_row(row, marked, marker) for row, marked in zip(rows, quote.marked or [()] * len(rows), strict=True)]
        table = (quote.hit.article, quote.hit.anchor, quote.header)
        if table == header:
            blocks[-1] += "\n" + "\n".join(lines)
        else:
            head = [escape_markdown(cell) for cell in quote.header]
            blocks.append("\n".join([_line(head), _line(["---"] * len(head)), *lines]))
            header = table
    return blocks


def _row(cells: Sequence[str], marked: Sequence[int], marker: str) -> str:
    """Return a row of a Markdown table, the marked cells in bold, the number of its quote behind the last."""
    shown = [
        f"**{escape_markdown(cell)}**" if number in marked and cell else escape_markdown(cell)
        for number, cell in enumerate(cells)
    ]
    shown[-1] = f"{shown[-1]} {marker}".lstrip()
    return _line(shown)


def _line(cells: Sequence[str]) -> str:
    line = f"| {' | '.join(cells)} |"
    return line.replace("\n", " ")  # an entity may be a line break, which would end the table


def _refusal(said: str, phrases: dict[str, str], hits: tuple[Hit, ...]) -> str:
    sections = dict.fromkeys(" › ".join(part for part in (hit.title, hit.heading) if part) for hit in hits)
    nearest = [f"- {escape_markdown(section)}" for section in list(sections)[:3]]
    return "\n".join([f"{said}{phrases['nearest']}", "", *nearest])
