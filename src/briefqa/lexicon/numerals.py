"""Dates, percentages and quantities: terms that are the same in whatever language and form they are written.

    take_numerals("80 billion by december 11, 2025")    # ["80000000000", "2025", "2025-12", "m12", "m12d11"], " by "

| written | terms |
|---|---|
| 2025年12月11日, 2025-12-11, December 11, 2025, 11 de diciembre de 2025 | 2025, 2025-12, m12, m12d11 |
| 二〇二五年十二月 | 2025, 2025-12, m12 |
| 25%, 25 percent, 百分之二十五, 25 por ciento | 25% |
| 800亿, 80 billion, 80,000,000,000 | 80000000000 |
| 7nm, 7 nm, 7纳米, 7 nanometers | 7nm |
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from re import Match

from briefqa.spelled import HAN_DIGITS, HAN_PLACES, MONTHS, MONTHS_ALONE, read_han
from briefqa.writing import SPACED

_POWERS = {
    3: ["thousand", "thousands", "тысяч", "тысячи"],
    4: ["万", "만"],
    6: ["百万", "million", "millions", "millones", "millon", "millionen", "миллионов", "миллиона", "مليون", "ملايين"],
    7: ["千万"],
    8: ["亿", "억"],
    9: ["billion", "billions", "milliarden", "milliards", "mil millones", "миллиардов", "миллиарда", "مليار"],
    12: ["万亿", "조", "trillion", "trillions", "триллионов", "триллиона"],
}
_POWER = {name: power for power, names in _POWERS.items() for name in names}

_UNIT_NAMES = {
    "%": ["%", "percent", "per cent", "por ciento", "pour cent", "prozent", "процентов", "في المئة", "퍼센트"],
    "nm": ["nm", "纳米", "nanometer", "nanometers", "nanometre", "nanometres"],
    "mm": ["mm", "毫米", "millimeter", "millimeters", "millimetre", "millimetres"],
    "cm": ["cm", "厘米", "公分", "centimeter", "centimeters", "centimetre", "centimetres"],
    "km": ["km", "公里", "千米", "kilometer", "kilometers", "kilometre", "kilometres", "kilometros"],
    "km2": ["km2", "平方公里", "平方千米", "square kilometers", "square kilometres"],
    "kg": ["kg", "公斤", "千克", "kilogram", "kilograms", "kilos"],
    "kw": ["kw", "千瓦", "kilowatt", "kilowatts"],
    "mw": ["mw", "兆瓦", "megawatt", "megawatts"],
    "gw": ["gw", "吉瓦", "gigawatt", "gigawatts"],
    "kwh": ["kwh", "千瓦时", "kilowatt hours"],
    "mb": ["mb", "megabyte", "megabytes"],
    "gb": ["gb", "gigabyte", "gigabytes"],
    "tb": ["tb", "terabyte", "terabytes"],
    "mhz": ["mhz", "兆赫", "megahertz"],
    "ghz": ["ghz", "吉赫", "gigahertz"],
}  # fmt: skip
_UNIT = {name: unit for unit, names in _UNIT_NAMES.items() for name in names}

# More digits than this are a number of something, not an amount.
_LONGEST_AMOUNT = 15


def take_numerals(text: str) -> tuple[list[str], str]:
    """Return the terms of all dates and quantities, and the text without them.

    text: folded as `terms` folds it.
    """
    found: list[str] = []

    def take(match: Match[str], read: Callable[[Match[str]], tuple[str, ...]]) -> str:
        terms = read(match)
        found.extend(terms)
        return " " if terms else match[0]

    text = _HAN_NUMERAL.sub(_arabic, text)
    for pattern, read in _RULES:
        text = pattern.sub(lambda match, read=read: take(match, read), text)  # type: ignore[misc]
    return found, text


def _arabic(match: Match[str]) -> str:
    """Return a Chinese numeral, 二十五 or 二〇二五, in Arabic digits."""
    if match["digits"]:
        return f"{match['digits']}%"
    numeral = match["han"]
    spelled = any(char in HAN_PLACES for char in numeral)
    whole = str(read_han(numeral)) if spelled else "".join(str(HAN_DIGITS[char]) for char in numeral)
    decimals = "".join(str(HAN_DIGITS[char]) for char in match["decimals"] or "")
    return whole + (f".{decimals}" if decimals else "") + ("%" if match["percent"] else "")


def _date(match: Match[str]) -> tuple[str, ...]:
    parts = match.groupdict()
    year, month, day = (int(parts.get(name) or 0) for name in ("year", "month", "day"))
    return _date_terms(year, month, day)


def _named_date(match: Match[str]) -> tuple[str, ...]:
    year, name, day = match["year"], match["name"], match["day"] or match["day_after"]
    if not (year or day or name in MONTHS_ALONE):
        return ()
    return _date_terms(int(year or 0), MONTHS[name], int(day or 0))


def _date_terms(year: int, month: int, day: int) -> tuple[str, ...]:
    if month > 12 or day > 31:
        return ()
    terms = [f"{year}"] if year else []
    if month:
        terms += [f"{year}-{month}"] if year else []
        terms += [f"m{month}"]
        terms += [f"m{month}d{day}"] if day else []
    return tuple(terms)


def _quantity(match: Match[str]) -> tuple[str, ...]:
    digits, unit = match["number"].replace(",", ""), _UNIT.get(match["unit"] or "", "")
    power = _POWER.get(match["power"] or "", 0)
    if len(digits) > _LONGEST_AMOUNT or (digits.startswith("0") and digits[1:2].isdigit()):
        return (digits + unit,)
    amount = Decimal(digits).scaleb(power)
    return (f"{amount.normalize():f}{unit}",)


def _any_of(names: Iterable[str]) -> str:
    """Return a pattern of these names, longest first; one in a script that needs spaces ends at a word's end."""
    ordered = sorted(names, key=lambda name: (-len(name), name))
    spaced = [re.escape(name) for name in ordered if re.match(_LETTER, name[-1])]
    others = [re.escape(name) for name in ordered if not re.match(_LETTER, name[-1])]
    # The look-ahead once, not at each name: compiling it takes half a millisecond.
    return "|".join([f"(?:{'|'.join(spaced)})(?!{_LETTER})", *others])


# 百分之二十五, 百分之3.5, and 十二 in 十二月, 十二% or 三百 in 三百亿; elsewhere the characters stay (千万, 十分).
_HAN_NUMERAL = re.compile(
    r"百分之(?P<digits>\d+(?:\.\d+)?)"
    r"|(?P<percent>百分之)?(?P<han>[零〇一二三四五六七八九两][零〇一二三四五六七八九十百千]*|[十百][零一二三四五六七八九十]*)"
    r"(?:点(?P<decimals>[零〇一二三四五六七八九]+))?(?(percent)|(?=[年月日号万亿%]))"
)
# A letter of a script that puts spaces between words.
_LETTER = rf"{SPACED}[^\W\d_]"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_YEAR = r"(?:1\d{3}|20\d{2})"
_OF = r"(?: de| del| of)?"
_MONTH_AND_DAY = r"(?P<month>\d{1,2}) ?[月월](?: ?(?P<day>\d{1,2}) ?[日号일])?"
_START = rf"(?<!{_LETTER})(?<!{_LETTER}-)(?<![\d.])"
_RULES: list[tuple[re.Pattern[str], Callable[[Match[str]], tuple[str, ...]]]] = [
    # 2025-12-11, 2025/12/11, 2025.12.11, 2025-12
    (
        re.compile(rf"{_START}(?P<year>{_YEAR})(?P<mark>[-/.])(?P<month>0?[1-9]|1[0-2])(?P=mark)(?P<day>{_DAY})(?!\d)"),
        _date,
    ),
    (re.compile(rf"{_START}(?P<year>{_YEAR})-(?P<month>0[1-9]|1[0-2])(?![\d-])"), _date),
    # 2025年12月11日, 2025년 12월 11일, 2025年, 12月11日, 12月
    (
        re.compile(rf"(?<!\d)(?P<year>\d{{4}}) ?[年년](?: ?{_MONTH_AND_DAY})?"),
        _date,
    ),
    (re.compile(rf"(?<!\d){_MONTH_AND_DAY}"), _date),
    # 11 December 2025, 11. Dezember, 11 de diciembre de 2025, December 11, 2025, December 2025, in December
    (
        re.compile(
            rf"(?:{_START}(?P<day>{_DAY})(?:st|nd|rd|th|er|º|[.])?{_OF} )?(?<!{_LETTER})(?P<name>{_any_of(MONTHS)})[.]?"
            rf"(?: (?P<day_after>{_DAY})(?:st|nd|rd|th)?(?![\d:]|,\d))?(?:(?:,|{_OF}) (?P<year>{_YEAR})(?!\d))?"
        ),
        _named_date,
    ),
    # 80 billion, 800亿, 1,234.5, 25%, 7nm
    (
        re.compile(
            rf"{_START}(?P<number>\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?)"
            rf"(?:[ -]?(?P<power>{_any_of(_POWER)}))?(?:[ -]?(?P<unit>{_any_of(_UNIT)}))?(?!{_LETTER}|\d)"
        ),
        _quantity,
    ),
]
