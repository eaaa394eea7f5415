"""What the cells of a table are worth: numbers in any notation, with their units.

    read_amount("1.2亿元")              # Amount(low=1.2, high=1.2, scale=100000000, unit="元")
    read_amount("(1,234.50)").low       # -1234.50
    read_amount("5-10%")                # low 5, high 10
    find_amounts("more than 100 GB")    # [(10, 16, Amount(100, 100, 1000000000, "byte"))]

A cell that holds several numbers, or one that is no amount ("H200", "3rd place"), is not read at all: a wrong number is
worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache

from briefqa.lexicon.numerals import take_numerals
from briefqa.spelled import HAN_DIGITS, read_han
from briefqa.writing import SPACED

_LONGEST = 60  # characters of a cell that is one amount, remarks included
_ENDLESS = Decimal("Infinity")
DATE = "date"
"""The unit of a date: a number such as 20251231. A month or a year goes from its first day to its last."""

# Full-width forms to ASCII, one for one, and the many dashes to one. Not NFKC: it makes "1001" of "100①".
_PLAIN = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | dict.fromkeys(
    map(ord, "\u3000\u00a0\u202f\u2009"), ord(" ")
)
_PLAIN |= dict.fromkeys(map(ord, "−‐‑‒–—"), ord("-")) | {ord("～"): ord("~"), ord("〜"): ord("~"), ord("￥"): ord("¥")}

_POWERS = {
    "十": 1, "百": 2, "千": 3, "万": 4, "十万": 5, "百万": 6, "千万": 7, "亿": 8, "十亿": 9, "百亿": 10, "千亿": 11,
    "万亿": 12, "thousand": 3, "thousands": 3, "million": 6, "millions": 6, "mln": 6, "mn": 6, "billion": 9,
    "billions": 9, "bn": 9, "trillion": 12, "trillions": 12, "tn": 12, "k": 3,
}  # fmt: skip
# What a letter behind a number means where it is an amount of money: $5m, €3b.
_MONEY_POWERS = {"m": 6, "b": 9, "t": 12}
# Names of a unit → the unit that it is counted in, and how many of them it is. What is counted in pieces has no unit.
_UNIT_NAMES = {
    "%": {"1": "% percent 百分比 pct", "0.1": "‰"},
    "pp": {"1": "个百分点 百分点"},
    "元": {"1": "元 人民币 人民币元 元人民币 rmb cny yuan ¥"},
    "usd": {"1": "美元 usd us$ $ dollar dollars"},
    "eur": {"1": "欧元 eur € euro euros"},
    "gbp": {"1": "英镑 gbp £ pounds"},
    "hkd": {"1": "港元 港币 hkd hk$"},
    "jpy": {"1": "日元 jpy yen"},
    "byte": {"1e3": "kb", "1e6": "mb 兆字节 megabytes", "1e9": "gb gigabytes", "1e12": "tb terabytes", "1e15": "pb"},
    "bit/s": {"1e3": "kbps", "1e6": "mbps", "1e9": "gbps", "1e12": "tbps"},
    "hz": {"1": "hz 赫兹", "1e3": "khz", "1e6": "mhz 兆赫", "1e9": "ghz 吉赫"},
    "flops": {"1e9": "gflops", "1e12": "tflops", "1e15": "pflops", "1e18": "eflops"},
    "w": {"1": "w 瓦 watts", "1e3": "kw 千瓦", "1e6": "mw 兆瓦", "1e9": "gw 吉瓦"},
    "wh": {"1": "wh", "1e3": "kwh 千瓦时 度", "1e6": "mwh 兆瓦时", "1e9": "gwh 吉瓦时"},
    "m": {
        "1": "m 米 meters metres", "1e3": "km 公里 千米 kilometers kilometres", "1e-2": "cm 厘米 公分",
        "1e-3": "mm 毫米", "1e-6": "μm 微米", "1e-9": "nm 纳米",
    },
    "m2": {"1": "平方米 m2 m² ㎡", "1e4": "公顷 hectares ha", "1e6": "平方公里 平方千米 km2 km²"},
    "kg": {"1": "kg 千克 公斤 kilograms", "1e-3": "克 grams", "1e-6": "mg 毫克", "1e3": "吨 t tonnes tons"},
    "second": {
        "1": "秒 seconds s", "1e-3": "ms 毫秒", "60": "分钟 minutes min", "3600": "小时 hours hour h",
        "86400": "天 days day", "604800": "周 weeks week",
    },
    "month": {"1": "个月 months month", "3": "季度 quarters", "12": "年 years year 周年"},
    "": {"1": "个 家 名 位 项 款 种 台 件 次 人 条 只 套 座 所 间 支 辆 户 people persons units"},
    "倍": {"1": "倍 times x"},
    "岁": {"1": "岁 years_old"},
}  # fmt: skip
_UNITS = {
    name.replace("_", " "): (unit, Decimal(factor))
    for unit, names in _UNIT_NAMES.items()
    for factor, group in names.items()
    for name in group.split()
}
_CURRENCY = r"(?:us\$|hk\$|[$¥€£]|(?:rmb|cny|usd|eur|gbp|hkd|jpy)(?= ?\d))"

_DIGITS = r"(?:\d{1,3}(?:[,']\d{3})+|\d{1,2}(?:,\d{2})+,\d{3}|\d+)(?:\.\d+)?(?:e[+-]?\d{1,3})?|\.\d+"
_HAN = "零〇一二两三四五六七八九十百千"


def _any_of(names: Iterable[str]) -> str:
    """Return a pattern of these names, the longest first; a Latin one ends where its word ends."""
    ordered = sorted(names, key=len, reverse=True)
    return "|".join(
        re.escape(name) + (r"(?![a-z])" if name[-1].isascii() and name[-1].isalpha() else "") for name in ordered
    )


_POWER = _any_of(_POWERS)
_UNIT = _any_of(_UNITS)
_NUMBER = re.compile(
    rf"(?P<digits>{_DIGITS})(?: ?(?P<power>{_POWER}))?(?:(?P<more>\d+(?:\.\d+)?)(?P<more_power>万|千|百))?"
    rf"|(?P<percent>百分之)(?P<share>{_DIGITS}|[{_HAN}]+(?:点[{_HAN}]+)?)"
    rf"|(?P<han>[{_HAN}]+(?:点[{_HAN}]+)?)(?P<han_power>万亿|亿|万)?"
)
_BASE = r"[a-z]+|公斤|千克|平方米|千瓦时|小时|[秒吨股桶人年月天日度克斤升亩户台次]"
_MEASURE = re.compile(rf" ?(?P<unit>{_UNIT})(?:(?P<per>/|每)(?P<base>{_BASE}))?")
_BEFORE = re.compile(
    rf"(?:(?P<about>约为?|大约|近|将近|about|around|approximately|approx\.?|ca\.?|nearly|almost|~|≈)"
    r"|(?P<least>超过|超|逾|大于|高于|不低于|不少于|至少|over|more than|above|at least|>=?|≥)"
    r"|(?P<most>不到|不足|低于|小于|少于|不超过|至多|最高|最多|可?达|under|below|less than|up to|at most|<=?|≤))? ?"
    rf"(?P<sign>[-+△▲负])? ?(?P<currency>{_CURRENCY})? ?(?P<sign_after>-)?"
)
_PREFIX = re.compile(rf"(?P<sign>(?<![a-z\d])-)? ?(?P<currency>{_CURRENCY})? ?$")
_AFTER = re.compile(
    r" ?(?:(?P<least>\+|及?以上|or more|or above)|(?P<most>及?以下|以内|or less|or below)|左右|上下"
    r"|[余多](?=$|[^\W\d_]))"
)
_RANGE = re.compile(r" ?(?:-|~|至|到|to(?= )) ?")
# What stands behind an amount and says nothing of it: a remark in brackets, a footnote's mark.
_REMARK = re.compile(r"(?<=\S) ?(?:\([^()]*\)|\[[^\[\]]*\]|[*†‡#①-⑳])+$")
_NEGATIVE = re.compile(r"\((?P<inner>[^()]+)\)")
_BRACKETS = re.compile(r"[(\[【]([^()\[\]【】]*)[)\]】]")
_BLANK = re.compile(
    r"[-/\\.·~*_ ]*|n/?a|n\.a\.?|nil|none|null|unknown|not available|not listed.*|tbd|tba"
    r"|无|未知|不详|暂无|不适用|未列|未列出|未披露|未公布|待定|缺|空|/"
)
_SIMPLE = re.compile(r"(?P<digits>-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)(?P<unit>%?)", re.ASCII)
_NUMERAL = re.compile(rf"[\d{_HAN}]")
_SUPERSCRIPT = re.compile(r"\d[⁰¹²³⁴-⁹]")
_LETTER = rf"{SPACED}[^\W\d_]"
_LONE_DIGIT = re.compile(rf"(?<!{_LETTER})(?<!{_LETTER}-)(?<![\d.,])\d")
# An unknown unit is a word or two; what is longer is a sentence with a number in it.
_UNKNOWN_UNIT = re.compile(rf"[\u2e80-\uffff]{{1,3}}|{_LETTER}[^\s]*(?: {_LETTER}[^\s]*)?|[^\w\s]+")


@dataclass(frozen=True, slots=True)
class Amount:
    """A number as it is written, and what to multiply it with.

    low, high: the same but for a range; infinite where it is open ("100以上"). scale: 10000 for 万, 1e9 for GB.
    unit: what is counted: "元", "byte", "%", DATE, or "" where it is not said.
    """

    low: Decimal
    high: Decimal
    scale: Decimal
    unit: str

    @property
    def least(self) -> Decimal:
        """The least that it can be, in its unit."""
        return self.low * self.scale

    @property
    def most(self) -> Decimal:
        """The most that it can be, in its unit."""
        return self.high * self.scale

    @property
    def exact(self) -> bool:
        """Whether it is one number, no range."""
        return self.low == self.high


def plain(text: str) -> str:
    """Return the text with ASCII digits, dashes and brackets, character for character."""
    return text.translate(_PLAIN)


@lru_cache(maxsize=20_000)
def read_amount(text: str) -> Amount | None:
    """Read a cell; None for what is no amount, or not for certain one."""
    if len(text) > _LONGEST:
        return None
    if simple := _SIMPLE.fullmatch(text):
        value = _digits_value(simple["digits"])
        return Amount(value, value, Decimal(1), simple["unit"])
    if not _NUMERAL.search(text) or _SUPERSCRIPT.search(text):
        return None
    written = plain(text).strip().casefold()
    negative = _NEGATIVE.fullmatch(written)
    if negative:
        amount = _read_whole(negative["inner"].strip())
        return replace(amount, low=-amount.high, high=-amount.low) if amount and amount.low >= 0 else None
    written = _REMARK.sub("", written).strip()
    return read_date(written) or _read_whole(written)


def is_blank(text: str) -> bool:
    """Say whether a cell says that there is no value."""
    return _BLANK.fullmatch(plain(text).strip().casefold()) is not None


def is_value(text: str) -> bool:
    """Say whether a text is an amount and nothing else, no year and no name such as "2023 share"."""
    amount = read_amount(text)
    known = amount is not None and any(amount.unit.partition("/")[0] == unit for unit, _ in _UNITS.values())
    return amount is not None and known and as_year(replace(amount, unit="")).unit != DATE


def has_number(text: str) -> bool:
    """Say whether a number stands by itself in the text, not as a part of a name such as HBM3."""
    return _LONE_DIGIT.search(plain(text).casefold()) is not None


def read_date(text: str) -> Amount | None:
    """Read a text that is a date and nothing else."""
    if not any(char.isdigit() for char in text):
        return None
    terms, rest = take_numerals(plain(text).strip().casefold())
    if rest.strip(" .") or not terms or not re.fullmatch(r"\d{4}", terms[0]):
        return None
    if len(terms) == 1:
        if not re.search(r"\d ?[年년]", text):
            return None  # 2021 may be a number of something
        first, last = 101, 1231
    else:
        parts = re.fullmatch(r"m(\d+)(?:d(\d+))?", terms[-1])
        if not parts or len({term for term in terms if "-" not in term and term[0] != "m"}) > 1:
            return None
        first = int(parts[1]) * 100 + int(parts[2] or 1)
        last = int(parts[1]) * 100 + int(parts[2] or 31)
    year = int(terms[0]) * 10_000
    return Amount(Decimal(year + first), Decimal(year + last), Decimal(1), DATE)


def as_year(amount: Amount) -> Amount:
    """Return a plain number from 1000 to 2999 as the date that it is where a date is meant."""
    if amount.unit or amount.scale != 1 or not amount.exact or not 1000 <= amount.low < 3000 or amount.low % 1:
        return amount
    return Amount(amount.low * 10_000 + 101, amount.low * 10_000 + 1231, Decimal(1), DATE)


def read_unit(name: str) -> tuple[Decimal, str]:
    """Return scale and unit that a column's name says: 金额（万元） → 10000, "元"; (1, "") where it says none."""
    written = plain(name).strip().casefold()
    candidates = [inside.strip() for inside in _BRACKETS.findall(written)]
    candidates += [part.strip() for part in re.split(r"[/,，:：]", _BRACKETS.sub("", written))[1:]]
    if written.endswith(("%", "‰")):
        candidates.append(written[-1])
    for candidate in candidates:
        found = _whole_unit(re.sub(r"^(?:单位[:：]?|unit:?|in) ?", "", candidate))
        if found:
            return found
    return Decimal(1), ""


def in_unit(amount: Amount, scale: Decimal, unit: str) -> Amount:
    """Return the amount of a cell in the scale and unit of its column, unless it says its own."""
    if amount.unit:
        return amount
    return replace(amount, scale=scale if amount.scale == 1 else amount.scale, unit=unit)


def find_amounts(text: str) -> list[tuple[int, int, Amount]]:
    """Return (start, end, amount) of each amount in a sentence, dates too. text: in any notation."""
    written = plain(text).casefold()
    if len(written) != len(text):  # a rare letter becomes two in small letters
        written = "".join(char if len(char.casefold()) != 1 else char.casefold() for char in plain(text))
    found: list[tuple[int, int, Amount]] = []
    dates = re.compile(r"\d{4} ?年(?: ?\d{1,2} ?月(?: ?\d{1,2} ?[日号])?)?|\d{4}[-/.]\d{1,2}(?:[-/.]\d{1,2})?")
    taken = []
    for match in dates.finditer(written):
        date = read_date(match[0])
        if date:
            found.append((match.start(), match.end(), date))
            taken.append(range(match.start(), match.end()))
    for match in _NUMBER.finditer(written):
        start = match.start()
        before = written[start - 1 : start]
        if any(start in place for place in taken) or (before.isascii() and before.isalpha()) or before == "_":
            continue
        if match["han"] and not (match["han_power"] or _MEASURE.match(written, match.end()) or len(match["han"]) > 1):
            continue  # 一般, 三星: no number without a unit
        if before == "第":
            continue
        prefix = _PREFIX.search(written, max(0, start - 8), start)
        first = start
        if prefix:
            first = prefix.start() if prefix["sign"] else prefix.start("currency") if prefix["currency"] else start
        amount, end = _measured(written, match, prefix["currency"] if prefix else None)
        if end < len(written) and written[end - 1 : end].isdigit() and re.match(r"[a-z](?![a-z])", written[end:]):
            continue  # 5g, 3d: a name
        if prefix and prefix["sign"]:
            amount = replace(amount, low=-amount.low, high=-amount.high)
        found.append((first, end, amount))
    return sorted(found, key=lambda place: place[0])


def _read_whole(written: str) -> Amount | None:
    """Read a text that is an amount, a range, or an amount with words behind it."""
    before = _BEFORE.match(written)
    assert before
    number = _NUMBER.match(written, before.end())
    if not number:
        return None
    amount, end = _measured(written, number, before["currency"])
    if number["han"] and end < len(written):
        return None  # 三元里: only what is nothing but a number is written out
    if before["sign"] in ("-", "△", "▲", "负") or before["sign_after"]:
        amount = replace(amount, low=-amount.low, high=-amount.high)
    between = _RANGE.match(written, end)
    if between:
        return None if before["least"] or before["most"] else _range(amount, written[between.end() :])
    after = _AFTER.match(written, end)
    rest = written[after.end() if after else end :].strip()
    if has_number(rest) or rest[:1] in (",", ".", "'", "/", "×", "x", "*", ":", "="):
        return None
    if rest and end < len(written) and not after and re.match(r"\w", written[end]):
        return _with_unknown_unit(number, amount, written)
    if rest and not amount.unit and not after:
        amount = replace(amount, unit=rest)
        if not _UNKNOWN_UNIT.fullmatch(rest):
            return None
    if before["least"] or (after and after["least"]):
        return replace(amount, high=_ENDLESS)
    if before["most"] or (after and after["most"]):
        return replace(amount, low=-_ENDLESS)
    return amount


def _with_unknown_unit(number: re.Match[str], amount: Amount, written: str) -> Amount | None:
    """Return the amount of a text whose number runs on into a word: 5台, but not 3rd or 2022年的旗舰."""
    unit = written[number.end() :].strip()
    if written[number.end()].isascii() or not _UNKNOWN_UNIT.fullmatch(unit):
        return None
    value, scale = _value(number)
    return replace(amount, scale=scale, unit=unit)


def _range(low: Amount, written: str) -> Amount | None:
    high = _read_whole(written)
    if high is None or not high.exact or not low.exact:
        return None
    if not low.unit and low.scale == 1:  # 5-10万元: said once, meant for both
        low = replace(low, unit=high.unit, scale=high.scale)
    if (low.unit, low.scale) != (high.unit, high.scale) or low.low > high.low:
        return None
    return replace(low, high=high.low)


def _measured(written: str, number: re.Match[str], currency: str | None) -> tuple[Amount, int]:
    """Return the amount of a number with the power and the unit that follow it, and where it ends."""
    end = number.end()
    value, scale = _value(number)
    unit = "%" if number["percent"] else ""
    if currency:
        unit, _ = _UNITS[currency]
        letter = re.compile(r" ?([mbt])(?![a-z])").match(written, end)
        if letter and scale == 1:
            scale, end = Decimal(10) ** _MONEY_POWERS[letter[1]], letter.end()
    measure = _MEASURE.match(written, end)
    if measure and not unit:
        unit, factor = _UNITS[measure["unit"]]
        scale *= factor
        if measure["per"]:
            base = "second" if measure["base"] in ("s", "秒") else measure["base"]
            unit = f"{unit}/{base}"
        end = measure.end()
    elif measure and _UNITS[measure["unit"]][0] == unit:
        end = measure.end()
    return Amount(value, value, scale, unit), end


def _value(number: re.Match[str]) -> tuple[Decimal, Decimal]:
    """Return the number as it is written, and its scale."""
    if number["percent"]:
        share = number["share"]
        return (_han_value(share) if share[0] in _HAN else _digits_value(share)), Decimal(1)
    if number["han"]:
        power = number["han_power"]
        return _han_value(number["han"]), Decimal(10) ** (_POWERS[power] if power else 0)
    value, scale = _digits_value(number["digits"]), Decimal(1)
    if number["power"]:
        scale = Decimal(10) ** _POWERS[number["power"]]
    if number["more"] and number["power"]:  # 1亿2000万
        more = _digits_value(number["more"]) * Decimal(10) ** _POWERS[number["more_power"]]
        return value + more / scale, scale
    return value, scale


def _digits_value(digits: str) -> Decimal:
    return Decimal(digits.replace(",", "").replace("'", ""))


def _han_value(numeral: str) -> Decimal:
    whole, _, decimals = numeral.partition("点")
    return Decimal(f"{read_han(whole)}.{''.join(str(HAN_DIGITS.get(char, 0)) for char in decimals) or 0}").normalize()


def _whole_unit(written: str) -> tuple[Decimal, str] | None:
    """Read a text that is a unit and nothing else: 万元, $ million, millions, GB/s."""
    match = re.fullmatch(
        rf"(?P<currency>{_CURRENCY}|usd|rmb|cny|eur|gbp|人民币)? ?(?P<power>{_POWER})?(?: of)?"
        rf" ?(?:{_MEASURE.pattern})?",
        written,
    )
    if not match or not written:
        return None
    scale, unit = Decimal(1), ""
    if match["power"]:
        scale = Decimal(10) ** _POWERS[match["power"]]
    if match["unit"]:
        unit, factor = _UNITS[match["unit"]]
        scale *= factor
        if match["per"]:
            unit += f"/{'second' if match['base'] in ('s', '秒') else match['base']}"
    if match["currency"]:
        unit = _UNITS[match["currency"]][0]
    return scale, unit
