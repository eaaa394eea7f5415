"""The date of an article as its author wrote it, to an ISO day.

    read_date("2025年12月15日")         # "2025-12-15"
    read_date("15/12/2025")             # "2025-12-15": there is no month 15
    read_date("05/12/2025")             # raises ValueError: it is 5 December or 12 May

Understood are year first (2025-12-15, 2025/12/15, 2025.12.15, 20251215), Chinese, Japanese and Korean dates, also in
Chinese numerals and with the day of the week, dates with the month's name in the languages of `spelled`, and
year last with numbers alone where they can only be one day. A time and its zone may follow; the day is the one that is
written, whatever the zone.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from briefqa.spelled import HAN_DIGITS, MONTHS, read_han

_CURE = "write it as 2025-12-15"
_TIME = r"(?:(?:T|,? )? ?\d{1,2} ?[:：时時点點h].*|T\d{4,6}(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?|Z)?"
_WEEKDAY = (
    r"(?: ?\(?(?:星期|周|週|礼拜|禮拜)[一二三四五六日天]\)?| ?\([日月火水木金土일월화수목금토](?:曜日?|요일)?\))?"
)
_NUMERIC = re.compile(rf"(\d{{4}}) ?([-/.]) ?(\d{{1,2}}) ?\2 ?(\d{{1,2}})\.?{_TIME}", re.IGNORECASE)
_COMPACT = re.compile(rf"(\d{{4}})(\d\d)(\d\d){_TIME}", re.IGNORECASE)
_CJK = re.compile(rf"(?:公元)?(\d{{4}}) ?[年년] ?(\d{{1,2}}) ?[月월] ?(\d{{1,2}}) ?[日号號일]{_WEEKDAY}{_TIME}")
_YEAR_LAST = re.compile(rf"(\d{{1,2}}) ?([-/.]) ?(\d{{1,2}}) ?\2 ?(\d{{4}}){_TIME}", re.IGNORECASE)
_OF = r"(?: (?:de|del|of))?"
# Mon, 15 Dec 2025 08:30:00 +0000; 15. Dezember 2025; December 15th, 2025
_NAMED = re.compile(
    r"(?:[^\W\d]+\.?,? )?(?:(?P<day>\d{1,2})(?:st|nd|rd|th|er|º|\.)?"
    rf"{_OF} )?(?P<name>[^\W\d]+)\.?(?: (?P<day_after>\d{{1,2}})(?:st|nd|rd|th)?)?,?{_OF} (?P<year>\d{{4}})"
    rf"(?: г\.?)?{_TIME}"
)
_HAN_NUMBER = re.compile(rf"[{''.join(HAN_DIGITS)}十]{{1,4}}(?=[年月日号號])")
_NO_DAY = re.compile(r"\d{4}(?: ?[-/.年년] ?(?:\d{1,2} ?[月월]?)?)?")
_DIACRITICS = re.compile("[\u0300-\u036f]")


def read_date(text: str) -> str:
    """Return the day, YYYY-MM-DD. Raises ValueError, whose message says what is wrong with the date, and the cure."""
    written = " ".join(unicodedata.normalize("NFKC", text).split())
    plain = _HAN_NUMBER.sub(lambda match: str(read_han(match[0])), written)
    try:
        for pattern, places in ((_NUMERIC, (1, 3, 4)), (_COMPACT, (1, 2, 3)), (_CJK, (1, 2, 3))):
            if match := pattern.fullmatch(plain):
                year, month, day = (int(match[place]) for place in places)
                return date(year, month, day).isoformat()
        if match := _YEAR_LAST.fullmatch(plain):
            return _year_last(int(match[4]), int(match[1]), int(match[3]))
        folded = _DIACRITICS.sub("", unicodedata.normalize("NFD", plain.casefold()))
        if (match := _NAMED.fullmatch(folded)) and match["name"] in MONTHS and (match["day"] or match["day_after"]):
            return date(int(match["year"]), MONTHS[match["name"]], int(match["day"] or match["day_after"])).isoformat()
    except _AmbiguousError:
        raise
    except ValueError:
        raise ValueError(f"is no day of the calendar, so it is ignored: {_CURE}") from None
    if _NO_DAY.fullmatch(plain):
        raise ValueError(f"names no day, so it is ignored: {_CURE}")
    raise ValueError(f"is not understood, so it is ignored: {_CURE}")


class _AmbiguousError(ValueError):
    """A date that is another one where the month is written first."""


def _year_last(year: int, first: int, second: int) -> str:
    """Return the only day that the numbers can be: 15/12 and 12/15 are one, 05/12 is not."""
    days = []
    for month, day in ((first, second), (second, first)):
        try:
            days.append(date(year, month, day).isoformat())
        except ValueError:
            continue
    if not days:
        raise ValueError
    if len(set(days)) > 1:
        raise _AmbiguousError(f"may be {days[0]} or {days[1]}, so it is ignored: write the one that is meant")
    return days[0]
