"""Hits to an answer whose every quote can be checked.

    answer = compose("which chips are banned?", ranking)
    answer.text                    # Markdown with [1] markers
    answer.citations[0].quote      # verbatim in the article, between .start and .end

No model words it: the spans that answer are quoted as they stand, in a frame in the question's language. A question
that the corpus does not answer gets a refusal, which cites nothing and says what the nearest sections are about.
"""

from __future__ import annotations

from dataclasses import dataclass

from briefqa.checking import Source, keep_good
from briefqa.citations import Citation, cite
from briefqa.claims import Doubt
from briefqa.confidence import ANSWERED_FROM, SHIPPED, Calibration, measure_signals
from briefqa.question import frame_language
from briefqa.quotes import select_quotes
from briefqa.ranking import Hit, Ranking

__all__ = ["Answer", "Citation", "compose", "escape_markdown"]

# Below this confidence one answer in three is beside the question (docs/answers.md), and the frame says "may".
_SURE_FROM = 0.75

_PHRASES = {
    "zh": {
        "answer": "简报中的相关原文：",
        "perhaps": "以下原文或许能回答这个问题：",
        "refusal": "语料库中没有找到这个问题的答案。",
        "nearest": "与问题最接近的，语料库中有这些章节：",
        "empty": "没有可供检索的简报。",
    },
    "en": {
        "answer": "The briefs say:",
        "perhaps": "This may answer the question:",
        "refusal": "The briefs do not answer this question.",
        "nearest": "The corpus does cover:",
        "empty": "There are no briefs to search.",
    },
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the corpus says to a question.

    text: Markdown with [1] markers. confidence: 0..1, the probability that the corpus answers the question.
    hits: what was retrieved, best first. understood: the question that was answered where it is another than was asked
    (a follow-up), else "". translations: in which it was searched for too. notice: one line on what did not work (the
    language model), else "". generation: of the index that answered. worded_by: the model that wrote the text, "" where
    it is quotes. doubts: why there is a [?] behind a sentence of a model's.
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


def compose(
    question: str,
    ranking: Ranking,
    understood: str = "",
    source: Source | None = None,
    calibration: Calibration = SHIPPED,
) -> Answer:
    """Quote the spans that answer, or refuse.

    understood: what was ranked, where it is another than was asked. source: the snapshot that was ranked, which every
    citation is checked against before it is shown; None where the hits are of no index.
    """
    phrases = _PHRASES[frame_language(question)]
    if not ranking.hits:
        return Answer(question, phrases["empty"], (), False, 0.0, (), understood)
    confidence = calibration.probability(measure_signals(ranking))
    quotes = select_quotes(understood or question, ranking) if confidence >= ANSWERED_FROM else []
    if source is not None:
        quotes = keep_good(quotes, ranking.hits, source)
    if not quotes:
        return Answer(question, _refusal(phrases, ranking.hits), (), False, confidence, ranking.hits, understood)
    citations = cite(quotes)
    frame = phrases["answer" if confidence >= _SURE_FROM else "perhaps"]
    text = "\n\n".join([frame, *_quoted(citations)])
    return Answer(question, text, citations, True, confidence, ranking.hits, understood)


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
