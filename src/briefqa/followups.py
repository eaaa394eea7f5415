"""What a question means in a conversation: as it stands, or as a follow-up to the last question that was answered.

    understand("那H20呢？", [qa.ask("B200能出口吗？")], lexicon).question        # "H20能出口吗？"
    understand("why?", [qa.ask("which chips are banned?")], lexicon).question    # "which chips are banned? why?"
    understand("寒武纪是什么时候上市的？", history, lexicon).question             # as it stands: it needs no history

No model reads it. What a follow-up leaves out is put back in: the one thing of its kind that the question before named,
where there is just one; else the whole question before, beside which what is new counts more.

| a follow-up | is answered as |
|---|---|
| names another thing: 那H20呢？ | the question before with that thing in place of the one of its kind |
| ...where there is no such one | the question before and that thing |
| points: 它什么时候发布的？ | itself with the one thing that was asked about in place of the pronoun |
| ...where there is no such one | the question before and itself, first in the sections that were cited |
| only asks: 为什么？ | the same |
| names days: 那12月以来呢？ | the question before, limited to them in place of its own |
| asks for more: 还有呢？ | the question before, last in the sections that were cited |
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from briefqa.answer import Answer
from briefqa.errors import QuestionError
from briefqa.lexicon import Lexicon
from briefqa.markdown import CELL_JOINER
from briefqa.periods import read_period, without_period
from briefqa.question import LONGEST_QUESTION
from briefqa.ranking import Evidence
from briefqa.writing import has_han

if TYPE_CHECKING:
    from briefqa.leaning import Leaning

Turn = Answer | str
"""An earlier turn of a conversation: its answer, or its question alone, which then counts as answered."""


@dataclass(frozen=True, slots=True)
class Understood:
    """A question as it is to be answered.

    question: a follow-up's in full, any other's as it was asked. evidence: what to rank it with.
    """

    question: str
    evidence: Evidence = Evidence()


def understand(question: str, history: Sequence[Turn], lexicon: Lexicon, today: date | None = None) -> Understood:
    """Return what the question means after these turns, oldest first; the last that was answered is what it may mean.

    today: the day that it is asked on, see `read_period`. Raises QuestionError for a history that is none.
    """
    question = question.strip()
    turns = _checked(history)
    turn = next((turn for turn in reversed(turns) if isinstance(turn, str) or turn.answered), "")
    topic = _topic(turn)
    if not topic or not question:
        return Understood(question)
    limited = _limited(question, topic, today)
    if limited:
        return Understood(limited if len(limited) <= LONGEST_QUESTION else question)
    from briefqa.leaning import find_leaning  # after the first question: its patterns take 15 ms

    leaning = find_leaning(question, lexicon)
    understood = _in_full(question, leaning, topic, turns, lexicon) if leaning else Understood(question)
    return understood if len(understood.question) <= LONGEST_QUESTION else Understood(question)


# What may stand around a period in a follow-up that names nothing else: 那12月以来呢？, and last week's briefs?
_BEFORE_WHEN = (
    r"(?:那么|那麼|那|还有|還有|至于|至於|而|如果|要是"
    r"|(?:and|but|so|okay|ok|then|now|what|how|about|in|the|y|et|und|aber|а|и|que|qué|hay|de|was|ist|mit)\b[, ]*)*"
)
_AFTER_WHEN = r"(?: ?(?:then|too)|呢|如何|怎么样|怎麼樣|は)*"
_BRIEFS = r"(?: ?(?:briefs?|articles?|reports|news|stories)|的?(?:简报|簡報|文章|报道|報道|報導|新闻|新聞|消息))?"


def _limited(question: str, topic: str, today: date | None) -> str:
    """Return the topic with the period of a follow-up that names nothing else, in place of its own; "" for others."""
    period = read_period(question, today)
    said = question.strip(" ¿?？。.!！")
    pattern = rf"{_BEFORE_WHEN}(?P<when>{_BRIEFS} ?{re.escape(period.words)}{_BRIEFS}){_AFTER_WHEN}"
    match = re.fullmatch(pattern, said, re.IGNORECASE) if period else None
    if not match:
        return ""
    when, rest = match["when"].strip(), without_period(topic, read_period(topic, today))
    if when != period.words:  # briefs of those days
        return f"{when}：{rest}" if has_han(when) else f"{rest} — {when}"
    if has_han(when):
        return f"{when}{rest}" if has_han(rest) else f"{when}：{rest}"
    end = len(rest.rstrip("?？.。!！ "))
    return f"{rest[:end]} {when}{rest[end:]}"


def _checked(history: Sequence[Turn]) -> list[Turn]:
    turns: list[Turn] = [history] if isinstance(history, str) or not isinstance(history, Sequence) else list(history)
    wrong = [turn for turn in turns if turn is history or not isinstance(turn, Answer | str)]
    if wrong:
        raise QuestionError(
            f"history has {type(wrong[0]).__name__} where a list of earlier answers is expected:"
            " pass what `ask` returned, or the earlier questions as text, oldest first"
        )
    return turns


def _topic(turn: Turn) -> str:
    """Return what a turn was about, as a question; what was only added to the one before it is left out again."""
    if isinstance(turn, str):
        return _closed(turn.strip())
    whole, added = _closed(turn.understood or turn.question), _closed(turn.question)
    return whole.removesuffix(added).strip() or whole


def _closed(question: str) -> str:
    """Return the question with a mark at its end, so that another one can follow."""
    if not question or not (question[-1].isalnum() or question[-1] in "\"'”’」)）%"):
        return question
    return question + ("？" if has_han(question) else "?")


def _in_full(question: str, leaning: Leaning, topic: str, turns: list[Turn], lexicon: Lexicon) -> Understood:
    """Return what a follow-up stands for."""
    cited = [turn for turn in turns if isinstance(turn, Answer) and turn.answered and _topic(turn) == topic]
    if leaning.kind == "more":
        return Understood(topic, Evidence(told=_sections(cited)))
    last = cited[-1] if cited else None
    if leaning.kind == "names":
        replaced = _replace(topic, leaning.thing, last, lexicon)
        if replaced:
            return Understood(replaced)
        full = f"{leaning.thing}：{topic}" if has_han(topic) else f"{topic} — {leaning.thing}"
        return Understood(full, Evidence(stressed=leaning.thing))
    subject = _subject(topic, last, lexicon) if leaning.kind == "points" else ""
    named = _name_subject(question, subject) if subject else ""
    if named:
        return Understood(named)
    space = "" if has_han(topic) and has_han(question) else " "
    added = _closed(question)
    return Understood(f"{topic}{space}{added}", Evidence(stressed=added, sections=_sections(cited[-1:])))


def _sections(answers: Sequence[Answer]) -> frozenset[tuple[str, str]]:
    return frozenset((citation.article, citation.anchor) for answer in answers for citation in answer.citations)


# What one may stand for another of: codes (H200, GPT-4), years, and names in Latin letters.
_THING = re.compile(
    r"(?P<code>(?<![A-Za-z0-9])(?=[A-Za-z-]*\d)(?=[\d-]*[A-Za-z])[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*)"
    r"|(?P<year>(?<!\d)(?:19|20)\d\d(?!\d))"
    r"|(?P<name>(?<![A-Za-zÀ-ÿ])[A-Z][A-Za-zÀ-ÿ&]*(?:[ -](?:(?:of|for|the|and) )?[A-Z][A-Za-zÀ-ÿ&]+)*)"
)


def _things(text: str, lexicon: Lexicon) -> list[tuple[str, str]]:
    """Return the kind and the words of each thing that is named in a text, each once."""
    from briefqa.leaning import is_function_word

    def found() -> Iterator[tuple[str, str]]:
        for match in _THING.finditer(text):
            words = match[0]
            if match["name"] and is_function_word(lexicon.tokenizer.fold(words.split()[0])):
                words = words.partition(" ")[2]  # Which, ¿Cuándo, and other words that begin a sentence
            if words:
                yield str(match.lastgroup), words

    return list(dict.fromkeys(found()))


def _replace(topic: str, thing: str, answer: Answer | None, lexicon: Lexicon) -> str:
    """Return the topic with the thing in place of the one of its kind; "" where that cannot be told."""
    from briefqa.leaning import is_function_word

    named = _things(thing, lexicon)
    if not named:  # Chinese has no capitals: a name there is what names something where the answer was looked for
        old = _known_name(topic, answer)
        return topic.replace(old, thing) if old and thing in _known_names(answer) else ""
    kind, new = named[0]
    rest = re.findall(r"[^\W_]+", lexicon.tokenizer.fold(thing.replace(new, " ")))
    others = [words for other, words in _things(topic, lexicon) if other == kind]
    old = _chief(topic, others)
    if len(named) > 1 or not old or new in others or not all(map(is_function_word, rest)):
        return ""
    return re.sub(rf"(?<![A-Za-z0-9]){re.escape(old)}(?![A-Za-z0-9])", lambda _: new, topic)


def _subject(topic: str, answer: Answer | None, lexicon: Lexicon) -> str:
    """Return what a singular pronoun stands for after the topic; "" where that cannot be told."""
    things = [words for kind, words in _things(topic, lexicon) if kind != "year"]
    return _chief(topic, things) if things else _known_name(topic, answer)


def _chief(topic: str, things: list[str]) -> str:
    """Return the one thing, or the one that the topic begins with."""
    if len(things) > 1 and not re.match(rf"{re.escape(things[0])}(?!\s*(?:[和与與、,，/]|and\b|or\b))", topic):
        return ""
    return things[0] if things else ""


def _known_names(answer: Answer | None) -> set[str]:
    """Return what names things where the answer was looked for: headings, and the first cells of table rows."""
    hits = answer.hits if answer else ()
    cells = {span.text.partition(CELL_JOINER)[0] for hit in hits for span in hit.spans if span.header}
    return {hit.heading for hit in hits} | cells


def _known_name(topic: str, answer: Answer | None) -> str:
    """Return the longest known name that stands in the topic, "" if there is none."""
    return max((name for name in _known_names(answer) if len(name) > 1 and name in topic), key=len, default="")


_SINGULAR = re.compile(
    r"(?P<of>其)(?![中他它实余次])|它(?![们們])|\b(?P<own>its|his)\b|\b(?:it|he|she)\b(?![’'])", re.IGNORECASE
)


def _name_subject(question: str, subject: str) -> str:
    """Return the question with the subject in place of its one pronoun; "" where it has another or more of them."""

    def name(match: re.Match[str]) -> str:
        return f"{subject}的" if match["of"] else f"{subject}'s" if match["own"] else subject

    named, count = _SINGULAR.subn(name, question)
    return named if count == 1 else ""
