"""Words that European languages share: coalición, Koalition and коалиция are the English coalition.

    key(normal_form("coalición")), likeness(normal_form("coalición"), normal_form("coalition"))

A word is transcribed to Latin letters and brought to a normal form, in which spellings of one sound are one letter; two
words are as like as the share of their pairs of letters that is the same (Dice's coefficient). The first consonants are
the key under which the dictionary keeps the English words to compare with.
"""

from __future__ import annotations

import re

# The endings of coalition, coalición, Koalition, coalizione and коалиция; soft c. Then spellings of one sound, in the
# order in which they are replaced.
_SOFT = re.compile("(?:ts|[tcz])i(?=[oay])|c(?=[eiy])")
_SOUNDS = [("sch", "s"), ("tsh", "c"), ("tch", "c"), ("sh", "s"), ("ch", "k"), ("ph", "f"), ("th", "t"), ("ck", "k")]
_SOUNDS += [("qu", "k"), ("ts", "t"), ("x", "ks")]
_LETTERS = str.maketrans("cqzyjwv", "kksiivv", "h")
_VOWELS = re.compile("[aeiou]")
_KEY = 3  # consonants
SHORTEST = 5  # letters; shorter words are like one another by chance
# Below this likeness a pair is as often a chance as a cognate: .6 to .7 did best for Spanish, German and Russian.
LIKE = 0.65


def normal_form(word: str) -> str:
    """Return the word in Latin letters, one for each sound; "" for a script that writes no vowels, or no letters."""
    if any("\u0590" <= char <= "\u08ff" for char in word) or not word.isalpha():
        return ""
    from anyascii import anyascii

    plain = re.sub("[^a-z]", "", anyascii(word).casefold())
    plain = _SOFT.sub(lambda match: "si" if match[0].endswith("i") else "s", plain)
    for spelling, sound in _SOUNDS:
        plain = plain.replace(spelling, sound)
    return re.sub(r"(.)\1", r"\1", plain.translate(_LETTERS))


def key(form: str) -> str:
    """Return the first consonants of a normal form: cognates share them."""
    return _VOWELS.sub("", form)[:_KEY]


def likeness(one: str, other: str) -> float:
    """Return how like two normal forms are, 0 to 1."""
    ones, others = _pairs(one), _pairs(other)
    return 2 * len(ones & others) / (len(ones) + len(others))


def _pairs(form: str) -> set[str]:
    return {f"^{form[:1]}", *(form[i : i + 2] for i in range(len(form) - 1))}
