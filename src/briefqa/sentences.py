"""Where sentences begin and end, in CJK, Latin and Arabic scripts.

    split_sentences("H200获批。B200 costs 3.5 times more. U.S. rules apply.")
    # [(0, 7), (7, 34), (35, 53)]

A stop inside a short pair of brackets or quotes does not end the sentence around it; a quotation that ends in a stop of
its own does, unless the sentence goes on behind it. A line break is one that the author made on purpose, and ends it.
"""

from __future__ import annotations

import re
from bisect import bisect_left

from briefqa.writing import is_cjk

# Always the end of a sentence, whatever follows: scripts that write no space after a stop.
_FULL_STOPS = frozenset("。！？；｡؟۔।॥")
# The end of a sentence when white space, CJK text or the end of the text follows.
_LATIN_STOPS = frozenset(".!?")
_PAIRS = {
    "（": "）", "(": ")", "《": "》", "〈": "〉",
    "「": "」", "『": "』", "【": "】", "“": "”", "‘": "’", "[": "]", "«": "»",
}  # fmt: skip
_CLOSERS = frozenset(_PAIRS.values()) | frozenset("\"'")
# A pair longer than this (characters) is a slip of the author's or a passage of its own: its stops count.
_LONGEST_PAIR = 120
# After a closed quotation the sentence goes on where one of these follows.
_CONTINUERS = frozenset("，、：；。！？,;:.!?的地得之等—…")
_ABBREVIATIONS = frozenset(
    """mr mrs ms dr prof sr jr st gen col lt sgt capt rev hon pres gov sen rep inc ltd co corp llc plc bros dept univ
    assn no nos vol vols ed eds fig figs eq sec ch pp approx est ca cf al vs v etc eg ie viz resp incl excl max min
    jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun ave blvd rd mt ft""".split()
)
# Characters: a word longer than this is no abbreviation and no word that sentences begin with.
_LONGEST_WORD = 24
_GAP = re.compile(r"\s*")
_STOPS = re.compile(f"[{re.escape(''.join([*sorted(_FULL_STOPS), *sorted(_LATIN_STOPS), '…']))}]*")
_MARKS = re.compile(f"[{re.escape(''.join(sorted(_FULL_STOPS | _LATIN_STOPS | frozenset(_PAIRS.values()))))}]")
_BRACKETS = re.compile(f"[{re.escape(''.join(sorted(frozenset(_PAIRS) | frozenset(_PAIRS.values()))))}]")
_BEFORE_WORD = re.compile(rf"[\s{re.escape(''.join(sorted(_PAIRS)))}\"']*")
_WORD = re.compile(rf"[^\W_]{{1,{_LONGEST_WORD}}}")
# Behind "U.S." and its like a sentence ends only where one of these begins the next: "U.S. Congress" goes on.
_STARTERS = frozenset(
    "the a an it its this that these those in on at for but and however he she they we i as if when while there".split()
)


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Return the (start, end) of each sentence, in order, white space around them left out.

    Every character that is no white space lies in exactly one sentence.
    """
    ranges: list[tuple[int, int]] = []
    line_start = 0
    for line in text.split("\n"):
        ranges += [(line_start + start, line_start + end) for start, end in _split_line(line)]
        line_start += len(line) + 1
    return ranges


def _split_line(text: str) -> list[tuple[int, int]]:
    line = _Line(text)
    ranges: list[tuple[int, int]] = []
    start = 0
    for mark in _MARKS.finditer(text):
        if mark.start() < start:
            continue  # taken along by the end of the sentence before
        end = line.sentence_end(mark.start())
        if end:
            _append(ranges, text, start, end)
            start = end
            line.begin(start)
    _append(ranges, text, start, len(text))
    return ranges


def _append(ranges: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    part = text[start:end]
    stripped = part.strip()
    if stripped:
        start += len(part) - len(part.lstrip())
        ranges.append((start, start + len(stripped)))


def _short_pairs(text: str) -> list[tuple[int, int]]:
    """Return for each character the (start, end) of the outermost short pair around it, (0, 0) outside any."""
    pairs = [(0, 0)] * len(text)
    stack: list[tuple[str, int]] = []
    for bracket in _BRACKETS.finditer(text):
        char, i = bracket.group(), bracket.start()
        if char in _PAIRS:
            stack.append((_PAIRS[char], i))
        else:
            for depth in range(len(stack) - 1, max(-1, len(stack) - 4), -1):  # forgive up to three left open
                closer, opened = stack[depth]
                if closer == char:
                    del stack[depth:]
                    if i - opened <= _LONGEST_PAIR:
                        pairs[opened : i + 1] = [(opened, i + 1)] * (i + 1 - opened)
                    break
    return pairs


class _Line:
    """A line and the sentence that is being read in it.

    Of a run of stops all that depends on its end alone is worked out once: a line of a million stops is a line too.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._pairs = _short_pairs(text)
        self._quotes: dict[str, list[int]] = {}
        self._run_end = -1
        self._end = 0
        self._next = (-1, "")
        self.begin(0)

    def begin(self, start: int) -> None:
        """Begin the sentence that starts here."""
        self._start = start
        self._run_end = -1
        gap = _GAP.match(self._text, start)
        self._first = gap.end() if gap else start  # its first visible character

    def sentence_end(self, i: int) -> int:
        """Return the end of the sentence if one ends with the character at i, else 0."""
        text = self._text
        char = text[i]
        opened, closed = self._pairs[i]
        if closed:
            return i + 1 if i + 1 == closed and self._pair_ends_sentence(opened, closed) else 0
        if char not in _FULL_STOPS and char not in _LATIN_STOPS:
            return 0
        end = self._after_stops(i)
        if char in _LATIN_STOPS and not (end - i > 1 and text[end - 1] in _FULL_STOPS):
            return end if self._latin_stop(i, end) else 0
        return end

    def _after_stops(self, i: int) -> int:
        """Return the end of the run of stops that i is in, closing marks included."""
        text = self._text
        if i < self._run_end:
            return self._end
        run = _STOPS.match(text, i + 1)
        self._run_end = end = run.end() if run else i + 1
        while end < len(text) and text[end] in _CLOSERS and not self._pairs[end][1] and self._opened(end):
            end += 1
        self._end = end
        return end

    def _pair_ends_sentence(self, opened: int, closed: int) -> bool:
        """Return whether the sentence ends with this pair, as 他说：“可以。” does and “可以。”他说 does not."""
        text = self._text
        if text[closed - 2] not in "。！？.!?" or text[closed : closed + 1] in _CONTINUERS:
            return False
        introduced = self._first < opened
        if text[closed - 1] not in "”」』’":
            return not introduced  # a sentence in brackets, which stands for itself
        return introduced and not self._next_word(closed)[:1].islower()

    def _opened(self, end: int) -> bool:
        """Return whether the closing mark at end closes something in this sentence; a stray one is taken along too."""
        mark = self._text[end]
        if mark not in "\"'":
            return True
        if mark not in self._quotes:
            self._quotes[mark] = [quote.start() for quote in re.finditer(mark, self._text)]
        places = self._quotes[mark]
        return (bisect_left(places, end) - bisect_left(places, self._start)) % 2 == 1

    def _next_word(self, i: int) -> str:
        """Return the beginning of the word that follows, or the mark."""
        if self._next[0] != i:
            before = _BEFORE_WORD.match(self._text, i)
            first = before.end() if before else i
            word = _WORD.match(self._text, first)
            self._next = i, word.group() if word else self._text[first : first + 1]
        return self._next[1]

    def _latin_stop(self, i: int, end: int) -> bool:
        """Return whether the ASCII stop at i, followed by more marks up to end, ends a sentence."""
        text = self._text
        if end == len(text):
            return True
        if not text[end].isspace() and not is_cjk(text[end]):
            return False  # 3.5, example.org, e.g.
        if is_cjk(text[end]) and (text[i] != "." or not text[i - 1 : i].isalpha()):
            return text[i] != "."  # "约3.5.版" is no sentence, "真的?是" is two
        following = self._next_word(end)
        if following[:1].islower() or following[:1] in ",;:":
            return False
        if text[i] != ".":
            return True
        word_start, furthest = i, max(self._start, i - _LONGEST_WORD)
        while word_start > furthest and (text[word_start - 1].isalnum() or text[word_start - 1] in ".'’"):
            word_start -= 1
        word = text[word_start:i]
        if word_start <= self._first and (word.isdigit() or len(word) == 1):
            return False  # "1. First point", "A. Option"
        if "." in word and not any(char.isdigit() for char in word):
            return following.casefold() in _STARTERS  # U.S., e.g., a.m.
        if len(word) == 1 and word.isupper() and word != "I":
            return False  # the initial of a name
        if word.casefold() == "no" and not following[:1].isdigit():
            return True
        return word.casefold() not in _ABBREVIATIONS
