"""What a question asks of a table, told from the question alone: the highest, how many, more than a number, which.

    asked = read_question("哪款芯片的显存超过100 GB？", lexicon, known)
    asked.comparisons[0].sign, asked.comparisons[0].amount      # ">", Amount(100, 100, 1000000000, "byte")
    asked.which                                                 # the tokens of 哪款, one bit each

Places in a question are sets of tokens, held as the bits of a number: they are united and compared all the time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from briefqa.lexicon import Concept, Known, Lexicon
from briefqa.lexicon.english import regular
from briefqa.lexicon.languages import guess_language
from briefqa.lexicon.terms import UNSPACED
from briefqa.spelled import HAN_DIGITS
from briefqa.tables import wording
from briefqa.tables.amounts import DATE, Amount, as_year, find_amounts, plain
from briefqa.writing import has_han

Tokens = tuple[str, ...]
"""Characters of scripts without spaces, stems of words, numbers without their thousands separators."""

PRICE, SPEED = "price", "speed"
"""What a superlative may be of, beside DATE."""

_LONGEST = 300  # characters; a longer question is a story, and its patterns would take a second
_Place = Callable[[int, int], int]
"""Given two offsets of a question, returns the tokens between them."""

_TOKEN = re.compile(
    rf"(?P<number>(?<![^\W\d_{UNSPACED}])\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?(?!\d)|\d+\.\d+|\d+(?=[^\W\d_]))"
    rf"|(?P<word>(?:[^\W_{UNSPACED}])+[+#]*)|[{UNSPACED}]"
)
_HAN_DIGITS = str.maketrans({char: str(digit) for char, digit in HAN_DIGITS.items()})

_OWN = re.compile(rf"[{UNSPACED}]")


@dataclass(frozen=True, slots=True)
class Superlative:
    """The highest or lowest. sign: 1 or -1. many: how many of them. nth: which of them, 1 the very highest.
    kind: DATE for the latest, PRICE for the cheapest, SPEED for the fastest, else "".
    """

    places: int
    sign: int
    many: int
    nth: int
    kind: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """More or less than an amount.

    sign: ">", ">=", "<", "<=", "between", or "after" and "before", which leave open whether the date itself is meant.
    amount: from its low to its high. written: the amount in the question's own words.
    """

    places: int
    sign: str
    amount: Amount
    written: str


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the question and what it is called in the other language, each the tokens of a text."""

    places: int
    translations: tuple[Tokens, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, ready to be looked for in tables. Fields that are numbers are sets of tokens, a bit each.

    quoted: what stands in quotation marks, with its text. amounts: numbers, those of a range left out. count, total,
    average, each, which: the words that ask so, 0 where none does. per: of each those that part the table: 各 but not
    所有. filler: words that say nothing. negation: words
    that deny. several: whether it asks for more than one thing.
    words: with their translations, for tables in the other language.
    """

    text: str
    tokens: Tokens
    starts: tuple[int, ...]
    han: bool
    quoted: dict[int, str]
    amounts: tuple[tuple[int, Amount], ...]
    superlatives: tuple[Superlative, ...]
    comparisons: tuple[Comparison, ...]
    count: int
    total: int
    average: int
    each: int
    per: int
    which: int
    filler: int
    negation: int
    yes_or_no: bool
    several: bool
    words: tuple[Word, ...]

    def occurrences(self, unit: Tokens) -> Iterator[int]:
        """Yield each place where the tokens of a unit follow each other."""
        if not unit:
            return
        width, bits = len(unit), (1 << len(unit)) - 1
        for start in self._starts_of(unit[0]):
            if self.tokens[start : start + width] == unit:
                yield bits << start

    def overlap(self, unit: Tokens, free: int) -> tuple[int, int]:
        """Return the free tokens of the question that stand in the unit too, and which of the unit's these are.

        Two characters at least must follow each other in both, or a word be the same.
        """
        places = held = 0
        at = 0
        while at < len(unit):
            best = (0, 0)
            for start in self._starts_of(unit[at]):
                length = 0
                while (
                    at + length < len(unit)
                    and start + length < len(self.tokens)
                    and unit[at + length] == self.tokens[start + length]
                    and free >> (start + length) & 1
                ):
                    length += 1
                best = max(best, (length, start))
            length, start = best
            if length > 1 or (length == 1 and _says_something(unit[at])):
                places |= ((1 << length) - 1) << start
                held |= ((1 << length) - 1) << at
            at += max(length, 1)
        return places, held

    def translated(self, unit: Tokens, free: int) -> tuple[int, int]:
        """Like `overlap`, for a unit in the other language."""
        places = held = 0
        for word in self.words:
            if word.places & free == word.places:
                for tokens in word.translations:
                    found = run(tokens, unit)
                    if found:
                        places |= word.places
                        held |= found
        return places, held

    def akin(self, unit: Tokens, free: int, places: int, held: int) -> tuple[int, int]:
        """Return neighbours of words that were found, whose translation shares a character with what is left of the
        unit: "memory" beside "bandwidth" is the 显存 of 显存带宽, for 存储 is memory too.
        """
        rest = [number for number, token in enumerate(unit) if not held >> number & 1 and _OWN.match(token)]
        for word in self.words:
            if word.places & free == word.places and word.places & (places << 1 | places >> 1):
                shared = {char for tokens in word.translations for char in tokens}
                if any(unit[number] in shared for number in rest):
                    return word.places, sum(1 << number for number in rest)
        return 0, 0

    def gap(self, one: int, other: int) -> int:
        """Return how many tokens that say something stand between two places, where they are nearest."""
        ends = sorted([(at, 0) for at in bits(one)] + [(at, 1) for at in bits(other)])
        return min(
            (
                ((1 << last) - (2 << first) & ~self.filler).bit_count()
                for (first, side), (last, other_side) in zip(ends, ends[1:], strict=False)
                if side != other_side
            ),
            default=len(self.tokens),
        )

    def _starts_of(self, token: str) -> Iterator[int]:
        return (number for number, own in enumerate(self.tokens) if own == token)


def read_question(question: str, lexicon: Lexicon, known: Known) -> Asked | None:
    """Read a question; None for one that no table answers, or in another language than Chinese and English."""
    if len(question) > _LONGEST:
        return None
    text = plain(question).translate(lexicon.tokenizer.simplified)
    if len(text) != len(question) or wording.NOT_IN_A_TABLE.search(text):
        return None
    matches = list(_TOKEN.finditer(text))
    tokens = tuple(normal_token(match[0]) for match in matches)
    starts = tuple(match.start() for match in matches)
    han = has_han(text)
    if any("\u3041" <= char <= "\u30ff" for char in text) or not tokens:
        return None
    if not han and guess_language([match[0].casefold() for match in matches if match["word"]]) != "en":
        return None

    def place(start: int, end: int) -> int:
        return sum(1 << number for number, at in enumerate(starts) if start <= at < end)

    def places(pattern: re.Pattern[str]) -> int:
        return union(place(*match.span()) for match in pattern.finditer(text))

    quoted = {place(match.start() + 1, match.end() - 1): match[0][1:-1] for match in wording.QUOTED.finditer(text)}
    outside = ~union(quoted)
    amounts = find_amounts(text)
    comparisons = tuple(_comparisons(text, question, amounts, place))
    filler = (places(wording.FILLER) if han else 0) | union(
        1 << number
        for number, match in enumerate(matches)
        if match["word"] and match[0].casefold() in wording.FILLERS_EN
    )
    return Asked(
        text=text,
        tokens=tokens,
        starts=starts,
        han=han,
        quoted=quoted,
        amounts=tuple((place(start, end), amount) for start, end, amount in _lone(amounts, text)),
        superlatives=tuple(found for found in _superlatives(text, place) if found.places & outside == found.places),
        comparisons=comparisons,
        count=places(wording.COUNT) & outside,
        total=places(wording.SUM) & outside,
        average=places(wording.AVERAGE) & outside,
        each=(places(wording.EACH) | places(wording.ALL)) & outside,
        per=places(wording.EACH) & outside,
        which=places(wording.WHICH) & outside,
        filler=filler & outside,
        negation=places(wording.NEGATION) & outside,
        yes_or_no=wording.YES_OR_NO.search(text) is not None,
        several=wording.SEVERAL.search(text) is not None,
        words=tuple(_words(lexicon.bridged_concepts(question, known), tokens)),
    )


def bits(places: int) -> Iterator[int]:
    """Yield the numbers of these tokens."""
    while places:
        yield (places & -places).bit_length() - 1
        places &= places - 1


def union(places: Iterable[int]) -> int:
    """Return all tokens of these places."""
    found = 0
    for place in places:
        found |= place
    return found


@lru_cache(maxsize=20_000)
def tokenize(text: str, lexicon: Lexicon) -> Tokens:
    """Return the tokens of a cell, as those of a question."""
    text = plain(text).translate(lexicon.tokenizer.simplified)
    return tuple(normal_token(match[0]) for match in _TOKEN.finditer(text))


@lru_cache(maxsize=20_000)
def normal_token(token: str) -> str:
    """Return a token as it is compared: a number without separators, the stem of a word, 二 as 2."""
    if token[0].isdigit() and not token.isdigit():
        return token.replace(",", "").casefold()
    if len(token) == 1:
        return token.casefold().translate(_HAN_DIGITS)
    return regular(token.casefold())


def _says_something(token: str) -> bool:
    """Say whether a token means something alone: a word or a year does, a character or a small number does not."""
    return not _OWN.match(token) and token not in wording.FILLERS_EN and (len(token) > 3 or not token.isdigit())


def _superlatives(text: str, place: _Place) -> Iterator[Superlative]:
    for match in wording.SUPERLATIVE.finditer(text):
        group = match.groupdict()
        many = group["some"] or group["first"] or group["top"] or group["few"] or "1"
        nth = group["nth"] or group["nth_en"] or "1"
        low = group["min"] or group["min_en"] or group["early"] or group["early_en"]
        dated = group["late"] or group["early"] or group["late_en"] or group["early_en"]
        fast = wording.FAST.search(match[0])
        yield Superlative(
            places=place(*match.span()),
            sign=-1 if low else 1,
            many=wording.SMALL_NUMBERS.get(many.casefold()) or int(many),
            nth=wording.SMALL_NUMBERS.get(nth.casefold()) or int(nth),
            kind=DATE if dated else PRICE if wording.PRICED.search(match[0]) else SPEED if fast else "",
        )


def _comparisons(
    text: str, question: str, amounts: Sequence[tuple[int, int, Amount]], place: _Place
) -> Iterator[Comparison]:
    taken: set[int] = set()
    for (start, end, low), (next_start, next_end, high) in zip(amounts, amounts[1:], strict=False):
        if wording.BETWEEN.fullmatch(text, end, next_start) and (
            wording.BETWEEN_BEFORE.search(text, 0, start) or wording.BETWEEN_BEHIND.match(text, next_end)
        ):
            if not low.unit and low.scale == 1:
                low = Amount(low.low, low.high, high.scale, high.unit)
            if (low.unit, low.scale) == (high.unit, high.scale):
                before, behind = (
                    wording.BETWEEN_BEFORE.search(text, 0, start),
                    wording.BETWEEN_BEHIND.match(text, next_end),
                )
                first, last = before.start() if before else start, behind.end() if behind else next_end
                both = Amount(low.low, high.high, low.scale, low.unit)
                taken |= {start, next_start}
                yield Comparison(place(first, last), "between", both, question[start:next_end])
    for match in wording.SIDE_OF_ZERO.finditer(text):
        sign = "<" if match["below"] else ">"
        yield Comparison(place(*match.span()), sign, Amount(Decimal(0), Decimal(0), Decimal(1), ""), "0")
    for start, end, amount in amounts:
        if start in taken:
            continue
        before = next(
            (m for m in wording.SIGN.finditer(text) if re.fullmatch(r" ?[“\"「(]? ?", text[m.end() : start])), None
        )
        behind = wording.SIGN_BEHIND.match(text, end)
        if before:
            sign = list(wording.SIGNS)[int((before.lastgroup or "s0")[1:])]
            yield Comparison(place(before.start(), end), sign, amount, question[start:end])
        elif behind:
            sign = {"least": ">=", "most": "<="}.get(behind.lastgroup or "", behind.lastgroup or "")
            dated = sign in ("after", "before")
            yield Comparison(
                place(start, behind.end()),
                sign,
                as_year(amount) if dated else amount,
                question[start:end],
            )


def _lone(amounts: Sequence[tuple[int, int, Amount]], text: str) -> Iterator[tuple[int, int, Amount]]:
    """Yield the amounts that are no end of a range."""
    for start, end, amount in amounts:
        if not re.match(r" ?[-~至到] ?\d", text[end:]) and not re.search(r"\d[^\s\d]{0,3} ?[-~至到] ?$", text[:start]):
            yield start, end, amount


def _words(concepts: Iterable[Concept], tokens: Tokens) -> Iterator[Word]:
    """Yield the words of a question that the dictionary knows, each where it stands."""
    for concept in concepts:
        own = 0
        translations = []
        for option in concept:
            unit = joined(option)
            found = run(unit, tokens)
            own |= found
            if not found:
                translations.append(unit)
        if own and translations:
            yield Word(own, tuple(translations))


def joined(option: Sequence[str]) -> Tokens:
    """Return the tokens of a dictionary's word: its characters, which come in pairs, or its stems."""
    if not _OWN.match(option[0]):
        return tuple(option)
    return tuple(normal_token(char) for char in option[0] + "".join(pair[-1] for pair in option[1:]))


def run(unit: Tokens, tokens: Tokens) -> int:
    """Return where the tokens of the unit stand, one after the other; 0 if they do not."""
    width = len(unit)
    found = 0
    for start in range(len(tokens) - width + 1):
        if tokens[start : start + width] == unit:
            found |= ((1 << width) - 1) << start
    return found
