"""Figures and dates in a sentence that stand in none of its sources, whatever language each is in.

    missing_figures("30% of sales by December 11", "收入的25%，12月11日起", lexicon)     # (["30%"], [])

They are compared in the one form that `lexicon.numerals` gives them: 25% and 百分之二十五, 80 billion and 800亿,
December 11 and 12月11日. A source may also have said it in words (二十家, six times, a quarter, 七成). In a sentence
numbers up to ten in words are let pass: they are articles and idioms too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

from briefqa.lexicon import Lexicon
from briefqa.lexicon.numerals import take_numerals
from briefqa.spelled import read_han

# Where a figure or a date begins and ends as written; which terms it makes is for `take_numerals` to say.
_WRITTEN = re.compile(
    r"(?P<before>[^\W\d_\u2e80-\uffff]{3,12}\.? )?(?P<number>\d[\d.,:/年月日号万亿千百%％-]*)"
    r"(?P<behind>[ -]?[^\W\d_\u2e80-\uffff]{1,12})?"
)
_DATE_TERM = re.compile(r"m\d+(?:d\d+)?|\d{4}-\d+|(?:1\d|20)\d\d")
_UNIT = re.compile(r"[^\d.]+$")
# 80bn, 1.5x, 4N: the numeral rules leave a number alone that letters follow.
_LEFT_OVER = re.compile(r"(?<![^\W\u2e80-\uffff])(?<![.-])(?P<number>\d+(?:,\d{3})*(?:\.\d+)?)(?P<suffix>[a-z]+)")
_POWERS = {"k": 3, "m": 6, "mn": 6, "mln": 6, "b": 9, "bn": 9, "t": 12, "tn": 12, "trn": 12}

_SMALL = 10
_HAN = re.compile("[零〇一二两三四五六七八九十百千万亿]+")
# 一万五千, of which the numeral rules take the first half.
_LONG_HAN = re.compile("(?:[零〇一二两三四五六七八九十百千]+[万亿])+[零〇一二两三四五六七八九十百千]+")
# Behind a number that counts something: not 千万不要 or 百分.
_MEASURE = re.compile("[个家种年倍次名位月天人项条款元台颗件]")
_HAN_SHARE = re.compile(
    "(?P<below>[一二三四五六七八九十]+)分之(?P<above>[一二三四五六七八九十]+)|(?P<tenths>[一二三四五六七八九])成(?P<half>半)?"
)
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_ENGLISH = {
    **{word: number for number, word in enumerate("one two three four five six seven eight nine".split(), 1)},
    **{word: number for number, word in enumerate(_TEENS.split(), 10)},
    **{word: 10 * tens for tens, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)},
}
_ANY_ENGLISH = "|".join(sorted(_ENGLISH, key=len, reverse=True))
_ENGLISH_NUMBER = re.compile(rf"\b(?:(?P<tens>[a-z]+ty)[ -])?(?P<word>{_ANY_ENGLISH})\b")
_SHARES = [
    (re.compile(r"\bhalf\b|一半|半数|\bmitad\b|\bmoitié\b|половин"), "50%"),
    (re.compile(r"\bthree[ -]quarters\b|\btres cuartas\b"), "75%"),
    (re.compile(r"\bquarter\b|\bcuarta parte\b|\bquart\b|четверт"), "25%"),
    (re.compile(r"\btwo[ -]thirds\b|\bdos tercios\b"), "67%"),
    (re.compile(r"\b(?:one|a)[ -]third\b|\bun tercio\b"), "33%"),
    (re.compile(r"\bdoubl(?:e|es|ed)\b|\btwice\b|翻(?:了一)?番"), "2"),
    (re.compile(r"\bdozen\b"), "12"),
]


def missing_figures(sentence: str, source: str, lexicon: Lexicon) -> tuple[list[str], list[str]]:
    """Return the figures and the dates of a sentence that its source does not have, as they are written."""
    known = _figures(source, lexicon)
    numbers = {_UNIT.sub("", term) for term in known}
    missing: dict[str, list[str]] = {"figure": [], "date": []}
    for options, written in _stated(sentence, lexicon):
        if not any(_is_known(term, known, numbers) for term in options):
            kind = "date" if _DATE_TERM.fullmatch(options[0]) else "figure"
            missing[kind].append(written)
    return list(dict.fromkeys(missing["figure"])), list(dict.fromkeys(missing["date"]))


def _is_known(term: str, known: set[str], numbers: set[str]) -> bool:
    """Say whether a source has a term; a number without unit may have any unit there."""
    year, dash, month = term.partition("-")
    if dash and term not in known:
        # Year and month are terms of their own. Together they are wrong only where each belongs to another.
        return not (any(other.startswith(f"{year}-") for other in known) and f"-{month}" in _months(known))
    return term in known or (term in numbers and not _UNIT.search(term))


def _months(terms: Iterable[str]) -> set[str]:
    return {term[4:] for term in terms if term[4:5] == "-"}


def _stated(sentence: str, lexicon: Lexicon) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the figures and dates that a sentence states: the terms that each may be read as, and as written."""
    pieces = [(piece, _terms(piece, lexicon)[0]) for match in _WRITTEN.finditer(sentence) for piece in _pieces(match)]
    terms, rest = _terms(sentence, lexicon)
    for term in dict.fromkeys(terms):
        yield (term,), next((written for written, made in pieces if term in made), _legible(term))
    for match in _LEFT_OVER.finditer(rest):
        yield tuple(_multiplied(match["number"], match["suffix"])), match[0]
    for written, value, end in _spelled(rest):
        if value > _SMALL and (written.isascii() or _MEASURE.match(rest, end)):
            yield (str(value),), written


def _pieces(match: re.Match[str]) -> Iterator[str]:
    """Yield a number as written, alone and with the words around it, of which one may be a month or a unit."""
    before, number, behind = match["before"] or "", match["number"].rstrip(" ,:."), match["behind"] or ""
    yield from dict.fromkeys([number, number + behind, before + number, before + number + behind])


def _figures(source: str, lexicon: Lexicon) -> set[str]:
    """Return all terms that the figures and dates of a source can be read as."""
    folded = lexicon.tokenizer.fold(source)
    terms, rest = _terms(source, lexicon)
    found = set(terms)
    for match in _LEFT_OVER.finditer(rest):
        found.update(_multiplied(match["number"], match["suffix"]))
    found.update(str(value) for _, value, _ in _spelled(folded))
    found.update(share for pattern, share in _SHARES if pattern.search(folded))
    for match in _HAN_SHARE.finditer(folded):
        if match["tenths"]:
            found.add(f"{10 * read_han(match['tenths']) + (5 if match['half'] else 0)}%")
        else:
            found.add(f"{round(100 * read_han(match['above']) / read_han(match['below']))}%")
    return found


def _terms(text: str, lexicon: Lexicon) -> tuple[list[str], str]:
    """Return the terms of the figures and dates in a text, and what is left of it."""
    return take_numerals(_LONG_HAN.sub(lambda match: str(read_han(match[0])), lexicon.tokenizer.fold(text)))


def _multiplied(number: str, suffix: str) -> list[str]:
    """Return what 80bn may be: 80 of something, and 80 billion."""
    plain = number.replace(",", "")
    power = _POWERS.get(suffix, 0)
    return [plain] + ([f"{Decimal(plain).scaleb(power).normalize():f}"] if power else [])


def _spelled(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield the numbers in Chinese or English words: as written, the value, and where each ends."""
    for match in _HAN.finditer(text):
        yield match[0], read_han(match[0]), match.end()
    for match in _ENGLISH_NUMBER.finditer(text):
        tens = _ENGLISH.get(match["tens"] or "", 0)
        yield match[0], tens + _ENGLISH[match["word"]], match.end()


def _legible(term: str) -> str:
    """Return a term as a reader may know it: 12-11 for m12d11."""
    return term.replace("m", "", 1).replace("d", "-") if re.fullmatch(r"m\d+(?:d\d+)?", term) else term
