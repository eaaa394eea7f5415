"""Months and Chinese numerals as they are spelled, in text that is folded: lower case, no diacritics, Simplified.

MONTHS["diciembre"]     # 12
read_han("二十五")       # 25
"""

from __future__ import annotations

# By month, in text without diacritics. The first group may stand alone ("in December"); what is also another word
# (may, march, mars, mai) or an abbreviation is a month only beside a number.
_MONTH_NAMES = [
    ("january enero janvier januar gennaio janeiro январь января январе يناير", "jan"),
    ("february febrero fevrier februar febbraio fevereiro февраль февраля феврале فبراير", "feb"),
    ("marzo марта مارس", "march marco mars marz mar март марте"),
    ("april abril avril aprile апрель апреля апреле ابريل", "apr"),
    ("maggio مايو", "may mayo mai maio мая май мае"),
    ("june junio juin juni giugno junho июнь июня июне يونيو", "jun"),
    ("july julio juillet juli luglio julho июль июля июле يوليو", "jul"),
    ("august agosto aout август августа августе اغسطس", "aug"),
    ("september septiembre septembre settembre setembro сентябрь сентября сентябре سبتمبر", "sep sept"),
    ("october octubre octobre oktober ottobre outubro октябрь октября октябре اكتوبر", "oct"),
    ("november noviembre novembre novembro ноябрь ноября ноябре نوفمبر", "nov"),
    ("december diciembre decembre dezember dicembre dezembro декабрь декабря декабре ديسمبر", "dec"),
]
MONTHS = {name: number for number, names in enumerate(_MONTH_NAMES, 1) for name in " ".join(names).split()}
MONTHS_ALONE = {name for alone, _ in _MONTH_NAMES for name in alone.split()}

HAN_DIGITS = {char: digit for digit, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
HAN_PLACES = {"十": 10, "百": 100, "千": 1000}
_HAN_POWERS = {"万": 10_000, "亿": 100_000_000}


def read_han(numeral: str) -> int:
    """Return the value of a whole number in Chinese characters: 二十五, 一万五千, or digit by digit 二〇二五."""
    if all(char in HAN_DIGITS for char in numeral):
        return int("".join(str(HAN_DIGITS[char]) for char in numeral))
    whole = section = digit = 0
    for char in numeral:
        if char in HAN_DIGITS:
            digit = HAN_DIGITS[char]
        elif char in HAN_PLACES:
            section += (digit or 1) * HAN_PLACES[char]
            digit = 0
        else:
            whole = (whole + section + digit or 1) * _HAN_POWERS[char]
            section = digit = 0
    return whole + section + digit
