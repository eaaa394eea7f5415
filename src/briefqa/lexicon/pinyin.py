"""Pinyin written together, cut into its syllables: zhengfei → zheng fei.

A word may be cut in more than one way (xianan: xian an, or xi an an); each is a candidate, the fewest syllables first.
"""

from __future__ import annotations

from collections.abc import Callable

_LONGEST_SYLLABLE = 6  # letters: zhuang, shuang, chuang
_MOST_SYLLABLES = 4
_MOST_WAYS = 3


def syllables(word: str, is_syllable: Callable[[str], bool]) -> list[tuple[str, ...]]:
    """Return the ways to cut a word of ASCII letters into 2 to 4 syllables, at most three; none for other words."""
    if not (word.isascii() and word.isalpha()) or len(word) > _LONGEST_SYLLABLE * _MOST_SYLLABLES:
        return []
    ways: list[tuple[tuple[str, ...], str]] = [((), word)]
    found: list[tuple[str, ...]] = []
    for _ in range(_MOST_SYLLABLES):
        ways = [
            ((*taken, rest[:length]), rest[length:])
            for taken, rest in ways
            for length in range(min(_LONGEST_SYLLABLE, len(rest)), 0, -1)
            if is_syllable(rest[:length])
        ]
        found += [taken for taken, rest in ways if not rest and len(taken) > 1]
        ways = [way for way in ways if way[1]]
    return found[:_MOST_WAYS]
