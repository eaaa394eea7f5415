"""What can be told from a question alone: whether it is one, its language, and what kind of answer it asks for.

question = check_question("什么时候召开了紧急会议？")
asks_for(question).search("12月11日召开紧急会议")        # a date stands there
"""

from __future__ import annotations

import re

from briefqa.errors import QuestionError
from briefqa.writing import has_han

# Characters; a question is a sentence or two, and an encoder reads no more than its window anyway.
LONGEST_QUESTION = 4_000

_WHEN = re.compile(
    r"什么时候|什麼時候|何时|何時|哪年|哪一年|哪天|哪一天|几月|幾月|几号|いつ|何年|何月|언제|متى|когда|в каком году"
    r"|\b(when|what (?:year|date|day|month)|which (?:year|month|day)|cu[aá]ndo|quando|quand|wann)\b",
    re.IGNORECASE,
)
_HOW_MUCH = re.compile(
    r"多少|几[个家种年倍次名位成月天]|幾[個家種年倍次名位成月天]|多大|多高|多快|多长|百分之几|いくつ|いくら|何[個社倍人%％]|얼마|몇|كم|сколько"
    r"|\b(how (?:much|many|fast|large|big|long|high|far|old|often)|what (?:percentage|share|number|rate)"
    r"|cu[aá]nt[oa]s?|quant[oi]s?|combien|wie ?viele?)\b",
    re.IGNORECASE,
)
_LATEST = re.compile(
    r"最新|目前|[现現]在|如今|[当當]前|眼下|近期|近日|[现現]今|截[至止](?:目前|今[天日]|[现現]在)|今のところ|최신|현재|الآن|أحدث"
    r"|\b(?:latest|newest|most[ -]recent(?:ly)?|currently|as of (?:now|today)|at present|right now|so far|recently"
    r"|up[ -]to[ -]date|m[aá]s recientes?|actualmente|[uú]ltimas noticias|actuellement|derni[eè]res nouvelles"
    r"|derzeit|neueste[nrsm]?|aktuelle?[nrsm]?|сейчас|последние новости)\b",
    re.IGNORECASE,
)
_LAST_QUESTION = re.compile(r"[^?？؟]+[?？؟]\s*$")
_DATE = re.compile(
    r"\d+\s*[年月日号號]|\b(?:1\d|20)\d\d\b|[〇一二三四五六七八九十]+[年月日]|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b",
    re.IGNORECASE,
)
_QUANTITY = re.compile(
    r"\d|[一二三四五六七八九十百千万亿两近数][个家种年倍次名位成万亿千百]"
    r"|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twice|half|hundred|thousand|million|billion)\b",
    re.IGNORECASE,
)


def check_question(question: str) -> str:
    """Return the question without white space around it, or raise QuestionError if nobody could answer it."""
    question = question.strip()
    if not question:
        raise QuestionError("the question is empty: write what you want to know")
    if len(question) > LONGEST_QUESTION:
        raise QuestionError(
            f"the question has {len(question):,} characters: shorten it to at most {LONGEST_QUESTION:,}"
        )
    return question


def frame_language(question: str) -> str:
    """Return "zh" for a question in Chinese, else "en"."""
    kana = any("\u3041" <= char <= "\u30ff" for char in question)
    return "zh" if has_han(question) and not kana else "en"


def asks_for(question: str) -> re.Pattern[str] | None:
    """Return a pattern of what must stand in an answer: a date for when, a quantity for how much; None for the rest.

    Of several questions the last one counts.
    """
    last = _LAST_QUESTION.search(question)
    question = last[0] if last else question
    if _WHEN.search(question):
        return _DATE
    return _QUANTITY if _HOW_MUCH.search(question) else None


def asks_for_latest(question: str) -> bool:
    """Say whether a question asks how things stand now, or for the newest of something."""
    return _LATEST.search(question) is not None
