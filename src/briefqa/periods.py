"""What a question says of when: the days that its answer must have been published on.

    period = read_period("which chips were approved since December 2025?", date(2025, 12, 20))
    period.since, period.until, period.words        # "2025-12-01", "", "since December 2025"
    without_period("which chips were approved since December 2025?", period)    # "which chips were approved?"

What has happened since a day can only be told by an article of that day or later: so "since", "last week" and
"12月以来" leave older ones out. What happened before a day, or in a year, is told by articles of any later day: "in
2020" and "before 2020" say when a brief was published only beside the word for briefs ("the briefs of December 2025",
"2025年12月之前的报道"). What lies ahead may have been told before ("which rules apply from December on?"): no limit.

| written | days, asked on 20 December 2025 |
|---|---|
| since December, 12月以来, 自2025年12月起, desde diciembre | from 2025-12-01 |
| after 12 December 2025, 12月12日之后 | from 2025-12-13 |
| past three days, 最近三天 | from 2025-12-17 |
| what happened last week, 上周发生了什么 | from 2025-12-08 |
| last week's briefs, 上周的简报 | 2025-12-08 to 2025-12-14 |
| articles before December, 12月之前的文章 | until 2025-11-30 |
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from re import Match
from typing import TYPE_CHECKING

import numpy as np

from briefqa.spelled import HAN_DIGITS, MONTHS, read_han

if TYPE_CHECKING:
    from briefqa.store import Filters


@dataclass(frozen=True, slots=True)
class Period:
    """Days, both included. since, until: ISO, "" where that side is open. words: of the question, as written.

    applied: whether the articles were limited to it; they are not where none is of these days.
    """

    since: str = ""
    until: str = ""
    words: str = ""
    applied: bool = True

    def __bool__(self) -> bool:
        return bool(self.since or self.until)


def read_period(question: str, today: date | None = None) -> Period:
    """Return the period that a question limits its answer to; an empty one where it names none.

    today: the day that "last week" is counted from, and which a month without a year is not after; left out, this one.
    """
    today = today or date.today()
    ahead = _AHEAD.search(question) is not None
    plain = _plain(question)
    folded = plain.casefold()
    for kind, words, pattern in _RULES:
        if ahead and kind in ("since", "after", "on and after", "during"):
            continue
        if not any(word in folded for word in words):
            continue
        for match in _compiled(pattern).finditer(plain):
            try:
                since, until = _days(kind, match, today)
            except (ValueError, OverflowError, KeyError):  # 31 February, 12 billion days ago
                continue
            ends = [day.isoformat() if day else "" for day in (since, until)]
            return Period(ends[0], ends[1], question[slice(*match.span("words"))].strip(_AROUND))
    return Period()


def limit(filters: Filters, period: Period, dates: np.ndarray, today: date) -> tuple[Filters, Period]:
    """Return the filters with the days of the period, and the period as it is to be shown.

    dates: (n_chunks,) of what the filters let pass, as numbers, 20251231, or 0. Filters stand, and the period comes to
    them. It is none where it leaves nothing out, and where it lies in the future; it is not applied where nothing is
    of its days.
    """
    first, last = (int(day.replace("-", "") or 0) for day in (period.since, period.until))
    dated = dates > 0
    inside = dated & (dates >= first) & (dates <= (last or 99991231))
    if not period or not (dated & ~inside).any():
        return filters, Period()
    if not inside.any():
        return filters, Period() if period.since > today.isoformat() else replace(period, applied=False)
    since, until = max(filters.since, period.since), min(filter(None, (filters.until, period.until)), default="")
    return replace(filters, since=since, until=until), period


def _plain(question: str) -> str:
    """Return the question without the accents of Latin letters, each character in its place."""
    if question.isascii():
        return question
    return "".join([unicodedata.normalize("NFD", char)[0] if "\xc0" <= char < "\u0250" else char for char in question])


def without_period(question: str, period: Period) -> str:
    """Return the question without the words of the period, which need not stand in what answers it."""
    before, found, after = question.partition(period.words) if period.words else (question, "", "")
    if not found:
        return question
    before, after = before.rstrip(_AROUND), after.lstrip(f"{_AROUND[:4]}的")
    return f"{before} {after}".strip() if before.isascii() and after[:1].isalnum() else f"{before}{after}"


_AROUND = " ,，、"

# What lies ahead, or begins to hold on a day, may have been announced before it.
_AHEAD = re.compile(
    r"将[会要于在]|将(?=推出|发布|上市|举行|召开|公布|出台)|將[會要於在]|预计|預計|计划|計劃|生效|实施|實施|施行|执行|執行|适用|適用|即将|即將|未来|未來"
    r"|\b(?:will|shall|going to|plans|planned|expect(?:s|ed)?|scheduled|upcoming|effective|in force|takes? effect"
    r"|apply|applies|forecast|predict(?:s|ed)?)\b",
    re.IGNORECASE,
)

# A day, a month or a year, with a month's name in English, and in any language that is known.
_NUMBER = rf"[{''.join(HAN_DIGITS)}十兩\d]{{1,3}}"
_CJK_YEAR = r"(?:(?<!\d)(?:19|20)\d\d ?年|二[〇零一二三四五六七八九]{3}年|[今去前]年)"
_CJK_DATE = rf"(?:{_CJK_YEAR} ?)?(?<!\d){_NUMBER} ?月份?(?: ?{_NUMBER} ?[日号號])?|{_CJK_YEAR}"
_ISO_DATE = r"\b(?:19|20)\d\d(?:[-/.]\d\d?(?:[-/.]\d\d?)?)?(?![\d%年년]|[-/.,]\d| (?:BC|B\.C|AD))"
_DAY = r"\d\d?(?:st|nd|rd|th|er|º|\.)?"
_NAMED_DATE = (
    rf"(?:{_DAY} (?:(?:of|de|del) )?)?(?:last |this )?\b(?:NAMES)\b\.?(?: {_DAY}(?!\d))?"
    r"(?:,? (?:(?:of|de|del) )?(?:19|20)\d\d\b)?"
)
_ENGLISH_MONTHS = (
    "january|february|april|june|july|august|september|october|november|december|feb|apr|jun|jul|aug|sept?|oct|nov|dec"
    # Words of their own, and names of people: only beside a number, or where the clause ends.
    r"|(?:march|may|mar|jan)(?=\.? \d|\s*(?:[?,.;)]|$))|(?<=\d )(?:march|may|mar|jan)"
)
_ENGLISH_DATE = f"(?:{_NAMED_DATE.replace('NAMES', _ENGLISH_MONTHS)}|{_ISO_DATE})"
_OTHER_DATE = f"(?:{_NAMED_DATE.replace('NAMES', '|'.join(sorted(MONTHS, key=len, reverse=True)))}|{_ISO_DATE})"
_PARTS = [
    re.compile(r"(?P<year>\d{4})(?:[-/.](?P<month>\d\d?)(?:[-/.](?P<day>\d\d?))?)?"),
    re.compile(
        r"(?:(?P<year>\d{4}|二...) ?年|(?P<relative>[今去前])年)?"
        rf"(?: ?(?P<month>{_NUMBER}) ?月份?(?: ?(?P<day>{_NUMBER}) ?.)?)?"
    ),
    re.compile(
        r"(?:(?P<day>\d\d?)\D{0,2} (?:(?:of|de|del) )?)?(?P<last>last |this )?(?P<name>[^\W\d]+)\.?"
        r"(?: (?P<day_after>\d\d?)(?!\d)\D{0,2}?)?(?:,? (?:(?:of|de|del) )?(?P<year>\d{4}))?",
        re.IGNORECASE,
    ),
]

# Stretches that are counted from today: their unit, how many of it they lie back, and what they are called.
_RELATIVES = [
    (unit, back, names)
    for unit, back, names in (
        ("day", 1, "昨[天日]|yesterday|ayer|gestern|вчера|어제|أمس"),
        ("day", 2, "前[天日]"),
        ("week", 0, "(?:本|这|這)(?:周|週|星期|礼拜)|今週|this week|esta semana|diese[rn]? Woche|cette semaine"
         "|этой неделе|이번 주"),
        ("week", 1, "上个?(?:周|星期|礼拜)|上個?(?:週|星期|禮拜)|先週|last week|la semana pasada|letzte[rn]? Woche"
         "|la semaine derniere|прошлой неделе|지난주|الأسبوع الماضي"),
        ("month", 0, "本月|这个月|這個月|今月|this month|este mes|diese[nm]? Monat|ce mois(?:-ci)?|этом месяце"
         "|이번 달"),
        ("month", 1, "上个?月|上個月|先月|last month|el mes pasado|letzten Monat|le mois dernier|прошлом месяце|지난달"
         "|الشهر الماضي"),
        ("year", 0, "今年|年初|this year|este ano|diese[sm] Jahr|cette annee|этом году|올해"),
        ("year", 1, "去年|昨年|last year|el ano pasado|letzte[sn] Jahr|l['’]annee derniere|прошлом году|작년"),
    )
]  # fmt: skip
# Not 日本月…, 历史上周朝…, 1990年初.
_CJK_RELATIVE = (
    "(?<![日\\d〇一二三四五六七八九])(?:昨[天日]|前天|[本这這][周週](?![边邊围圍期])|[本这這]个?星期|今週|先週|先月|今月|昨年"
    "|上[个個一]?(?:[周週](?![朝公王代边邊围圍期])|星期|[礼禮][拜])|本月(?!球)|[这這][个個]月|上[个個]月|上月(?!球)|今年|去年|年初(?=以[来來]|至今))"
)
_ENGLISH_RELATIVE = r"(?:(?:last|this) (?:week|month|year)|(?-i:yesterday)|^yesterday)(?! of\b)"
_OTHER_RELATIVE = (
    "ayer|gestern|вчера|어제|أمس|(?:esta|la) semana(?: pasada)?|(?:diese|letzte)[rn]? Woche|cette semaine"
    "|la semaine derniere|(?:этой|прошлой) неделе|이번 주|지난주|الأسبوع الماضي|este mes|el mes pasado"
    "|(?:diese|letzte)[nm] Monat|ce mois(?:-ci)?|le mois dernier|(?:этом|прошлом) месяце|이번 달|지난달|الشهر الماضي"
    "|este ano|el ano pasado|(?:diese|letzte)[smn] Jahr|cette annee|l['’]annee derniere|(?:этом|прошлом) году|올해|작년"
)
_CJK_UNITS = {
    "小时": "hour", "小時": "hour", "時間": "hour", "天": "day", "日間": "day", "日": "day", "周": "week",
    "週間": "week", "週": "week", "星期": "week", "礼拜": "week", "月": "month", "年間": "year", "年": "year",
}  # fmt: skip
_WORDS = "a one two three four five six seven eight nine ten eleven twelve".split()
_COUNTS = {word: max(number, 1) for number, word in enumerate(_WORDS)}

_CJK_BRIEFS = (
    "(?:发布|發布|发表|發表|刊登)?的?(?:有(?:哪些|什么|什麼))?(?:简报|簡報|文章|报道|报导|報道|報導|新闻|新聞|消息)"
)
_BRIEFS = r"(?:briefs?|briefings?|articles?|(?<!annual )(?<!quarterly )reports|news|stories|coverage)\b"
_PUBLISHED = r"(?: (?:that )?(?:were |was )?(?:published|dated|written|posted|issued))?"
_CJK_WHEN = f"(?:{_CJK_DATE}|{_CJK_RELATIVE})"
_WHEN = f"(?:the )?(?P<first>{_ENGLISH_DATE}|{_ENGLISH_RELATIVE})"
_OTHER_WHEN = f"(?P<first>{_OTHER_DATE}|{_OTHER_RELATIVE})"
_FROM = "(?:自从|自從|自|从|從|由|在)"

_BRIEF_WORDS = "brief article report news stories coverage"
_CJK_BRIEF_WORDS = "简报 簡報 文章 报道 报导 報道 報導 新闻 新聞 消息"
_OTHER_STRETCHES = (
    "ayer gestern вчера 어제 أمس semana woche semaine недел 주 الأسبوع mes monat mois месяц 달 الشهر"
    " ano jahr annee год 올해 작년"
)

# In this order: what speaks of briefs, then "since", then what names a stretch. Of each the kind, the words without one
# of which it cannot match, and the pattern: a hundred questions need none of them, and compiling all takes 60 ms.
_RULES = [
    (kind, tuple(words.split(",") if "," in words else words.split()), pattern)
    for kind, words, pattern in (
        ("before", "前", f"(?P<words>(?P<first>{_CJK_WHEN})(?:之前|以前|前)){_CJK_BRIEFS}"),
        ("before", "before", rf"\b{_BRIEFS}{_PUBLISHED}(?P<words> before {_WHEN})"),
        ("until", "截至", f"(?P<words>截至(?P<first>{_CJK_WHEN})){_CJK_BRIEFS}"),
        ("until", "until,up to", rf"\b{_BRIEFS}{_PUBLISHED}(?P<words> (?:until|up to) {_WHEN})"),
        (
            "between",
            "至 到 和",
            f"(?P<words>{_FROM}?(?P<first>{_CJK_WHEN})[至到和](?P<second>{_CJK_WHEN})(?:之间|期间)?){_CJK_BRIEFS}",
        ),
        (
            "between",
            "between from",
            rf"\b{_BRIEFS}{_PUBLISHED}"
            rf"(?P<words> (?:between|from) {_WHEN} (?:and|to|until) (?P<second>{_ENGLISH_DATE}))",
        ),
        (
            "window",
            _CJK_BRIEF_WORDS,
            f"(?P<words>{_FROM}?(?P<first>{_CJK_WHEN})(?:当[天日月]|當[天日月]|那天)?){_CJK_BRIEFS}",
        ),
        (
            "window",
            _BRIEF_WORDS,
            rf"\b{_BRIEFS}{_PUBLISHED}(?P<words> (?:of|from|in|on|dated) {_WHEN})(?! (?:to|on|onwards?)\b)",
        ),
        ("window", _BRIEF_WORDS, rf"(?P<words>\b{_WHEN}(?:['’]s)?) {_BRIEFS}"),
        (
            "since",
            "以来 以來 至今 迄今 以降",
            f"(?P<words>{_FROM}?(?P<first>{_CJK_WHEN})(?:以来|以來|至今|迄今|以降に?))",
        ),
        ("since", "起 开始 開始", f"(?P<words>{_FROM}(?P<first>{_CJK_WHEN})(?:起|开始|開始))"),
        ("after", "之后 之後", f"(?P<words>{_FROM}?(?P<first>{_CJK_WHEN})(?:之后|之後))"),
        ("on and after", "后 後", f"(?P<words>{_FROM}?(?P<first>{_CJK_WHEN})(?:以后|以後|过?后|後))"),
        ("since", "since", rf"(?P<words>\b(?:ever )?since (?:the (?:beginning|start|end) of )?{_WHEN})"),
        ("since", "from", rf"(?P<words>\bfrom {_WHEN} (?:on|onwards?)\b)"),
        ("after", "after", rf"(?P<words>\bafter {_WHEN})"),
        (
            "since",
            "desde depuis seit منذ",
            rf"(?P<words>\b(?:desde|depuis|seit|منذ) (?:(?:el|la|le|dem|der) )?{_OTHER_WHEN})"
            r"(?! (?:hasta|a|bis|jusqu))",
        ),
        ("since", "с", rf"(?P<words>\b(?:начиная )?с {_OTHER_WHEN}(?: года)?)(?! (?:по|до))"),
        (
            "back",
            "近 过去 過去 ここ",
            rf"(?P<words>(?:最近|过去|過去|近|ここ)的?(?P<count>{_NUMBER}|半)[个個]?(?P<unit>{'|'.join(_CJK_UNITS)})"
            "(?:以?[来來]|[内內里裡])?)(?!前)",
        ),
        (
            "back",
            "past last previous",
            r"(?P<words>\b(?:(?:in|over|during|within|for) )?(?:the )?(?:past|last|previous) "
            rf"(?P<count>\d{{1,4}}|{'|'.join(_WORDS)}) (?P<unit>hour|day|week|month|year)s?\b)(?! of\b)",
        ),
        (
            "back",
            "past last",
            r"(?P<words>\b(?:in|over|during|within) the (?:past|last) (?P<unit>day|week|month|year)\b)(?! of\b)",
        ),
        ("during", "昨 前天 本 这 這 今 先 上 去年 年初", f"(?P<words>(?P<first>{_CJK_RELATIVE}))(?!的?同期)"),
        (
            "during",
            "last this yesterday",
            rf"(?P<words>\b(?:in |on |during )?{_WHEN.replace(_ENGLISH_DATE, '(?!)')})\b",
        ),
        ("during", _OTHER_STRETCHES, rf"(?P<words>(?<!\w)(?:en |в |на )?(?P<first>{_OTHER_RELATIVE}))(?![a-zа-яё])"),
    )
]  # fmt: skip


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _days(kind: str, match: Match[str], today: date) -> tuple[date | None, date | None]:
    """Return the first and the last day of what a rule found. Raises ValueError for days that there are none of."""
    if kind == "back":
        return _back(match, today), None
    first, last = _stretch(match["first"], today)
    if kind == "between":
        last = _stretch(match["second"], today)[1]
        # Of "1 December to 15 January" the month without a year that comes first is the earlier one.
        return (first, last) if first <= last else (first.replace(year=first.year - 1), last)
    if kind == "before":
        return None, first - timedelta(days=1)
    if kind == "until":
        return None, last
    if kind == "window":
        return first, last
    if kind == "after" or (kind == "on and after" and first == last):  # 2020年以后 takes 2020 in
        return last + timedelta(days=1), None
    return first, None


def _back(match: Match[str], today: date) -> date:
    """Return the day that is so many days, weeks, months or years before today; hours count as a day."""
    written = match.groupdict().get("count") or "1"
    count = _COUNTS.get(written.casefold()) or (1 if written == "半" else _int(written))
    unit = _CJK_UNITS.get(match["unit"], match["unit"].casefold())
    if written == "半":  # 半年, 半个月
        return _months_before(today, 6) if unit == "year" else today - timedelta(days=16)
    if unit in ("month", "year"):
        return _months_before(today, count * (12 if unit == "year" else 1))
    return today - timedelta(days={"week": 7 * count, "day": count, "hour": -(-count // 24)}[unit])


def _stretch(text: str, today: date) -> tuple[date, date]:
    """Return the first and the last day of a date or a stretch as written: 12月, December 2025, last week."""
    text = text.strip()
    for unit, back, names in _RELATIVES:
        if _compiled(names).fullmatch(text):
            return _unit(today, unit, back)
    match = next(filter(None, (part.fullmatch(text) for part in _PARTS)))
    parts = match.groupdict()
    year, month, day = (_int(parts.get(name) or "") for name in ("year", "month", "day"))
    if parts.get("name"):
        month, day = MONTHS[parts["name"].casefold()], day or _int(parts["day_after"] or "")
    if parts.get("relative"):
        year = today.year - "今去前".index(parts["relative"])
    if not year:  # the last such day or month that is not after today; "last December" is over
        over = month < today.month if (parts.get("last") or "").casefold() == "last " else month <= today.month
        year = today.year if over and (month, day) <= (today.month, today.day if day else 31) else today.year - 1
    first = date(year, month or 1, day or 1)
    if day:
        return first, first
    return (first, _month_end(first)) if month else (first, date(year, 12, 31))


def _unit(today: date, unit: str, back: int) -> tuple[date, date]:
    """Return the first and the last day of what lies so many days, weeks (from Monday), months or years back."""
    if unit == "day":
        return today - timedelta(days=back), today - timedelta(days=back)
    if unit == "week":
        monday = today - timedelta(days=today.weekday() + 7 * back)
        return monday, monday + timedelta(days=6)
    if unit == "month":
        first = _months_before(today.replace(day=1), back)
        return first, _month_end(first)
    return date(today.year - back, 1, 1), date(today.year - back, 12, 31)


def _int(text: str) -> int:
    return int(text) if text.isdecimal() else read_han(text.replace("兩", "两")) if text else 0


def _month_end(day: date) -> date:
    return _months_before(day.replace(day=1), -1) - timedelta(days=1)


def _months_before(day: date, months: int) -> date:
    """Return the same day so many months before, or the last of a month that has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    start = date(year, month + 1, 1)
    longest = (date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return start.replace(day=min(day.day, longest))
