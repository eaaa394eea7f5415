"""Writing systems: which characters are CJK, which script a text is written in, and what in it cannot be seen."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache

# Radicals to Bopomofo, ideographs and their extensions, compatibility and full-width forms. Not Hangul: Korean puts
# spaces between words.
_CJK = re.compile(
    "[\u2e80-\u312f\u31a0-\u4dbf\u4e00-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff9f\uffe0-\uffef\U00020000-\U0003ffff]"
)
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
SPACED = r"(?=[\0-\u2e7f\U00010000-\U0010ffff])"
"""Pattern: what comes is of a script that puts spaces between words, if it is a letter. `{SPACED}[^\\W\\d_]` is the
same as `[^\\W\\d_\\u2e80-\\uffff]`, which takes re 2 ms to compile instead of 0.3: it ticks off each character of a
range."""


def has_han(text: str) -> bool:
    """Say whether there is a Chinese character in the text; Japanese has them too."""
    return bool(_HAN.search(text))


# What ends a line in one program or another. Not the ideographic space, which is text.
_BREAKS = re.compile(r"[ \t\n\r\v\f\x1c-\x1f\x85\u2028\u2029]+")
# Control characters, which a terminal obeys, halves of characters, byte order marks, and what turns the direction of
# the rest of a line. Not tabs and line feeds, nor the joiners without which Persian and Hindi are misspelt.
_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff\u202a-\u202e\u2066-\u2069]")


def is_cjk(char: str) -> bool:
    """Say whether the character is written without spaces between words: Han, kana, or their punctuation."""
    return bool(_CJK.match(char))


def script_of(text: str) -> str:
    """Return the script that a text is written in: "cjk", "kana", "latin", "arabic"…; "" for a text without letters.

    A fifth of the letters makes it Chinese or Japanese: their texts are full of names and codes in Latin letters.
    """
    counts = Counter(_script(char) for char in text if char.isalpha())
    total = counts.total()
    for script in ("kana", "cjk"):
        if 5 * counts[script] >= total > 0:
            return script
    return counts.most_common(1)[0][0] if counts else ""


@lru_cache(maxsize=20_000)
def _script(char: str) -> str:
    script = unicodedata.name(char, "other").split()[0].split("-")[0].casefold()
    return "kana" if script in ("hiragana", "katakana") else script


def without_hidden(text: str) -> str:
    """Return the text without what cannot be seen but changes what is: control characters and turns of direction."""
    return _HIDDEN.sub("", text)


# The joiners without which Persian and Hindi are misspelt and families of emoji fall apart.
_JOINERS = "\u200c\u200d"
# Letters of Cyrillic and Greek that nobody can tell from Latin ones.
_ALIKE = frozenset("аеорсухіјѕһԁԛԝАВЕЅІЈКМНОРСТУХԌԚԜΑΒΕΖΗΙΚΜΝΟΡΤΥΧοϲν")
_LATIN = re.compile("[A-Za-z]")
_WORDS = re.compile(r"[^\W\d_]+")


MOST_MARKS = 30
"""Combining marks upon one character, as in Unicode's Stream-Safe Text Format (UAX 15). To put many of them in order
takes quadratic time: 400,000 take two minutes."""
_MAYBE_MARKS = re.compile(rf"[^\w\s\x00-\u02ff\u2000-\u206f\u3000-\u3029\uff00-\uffef]{{{MOST_MARKS + 1},}}")


def stacks_marks(text: str) -> bool:
    """Say whether more combining marks follow each other than any script needs."""
    for run in _MAYBE_MARKS.findall(text):
        count = 0
        for char in run:
            count = count + 1 if unicodedata.combining(char) else 0
            if count > MOST_MARKS:
                return True
    return False


def is_invisible(char: str) -> bool:
    """Say whether a character is there without being seen, other than the joiners of Persian and Hindi."""
    return unicodedata.category(char) == "Cf" and char not in _JOINERS


def shown(text: str) -> str:
    """Return a name without what nobody sees, each character in its one form (NFC): names that look the same are."""
    return unicodedata.normalize("NFC", "".join(char for char in text if not is_invisible(char)))


def alike_letters(text: str) -> str:
    """Return the first word that mixes Latin letters with Cyrillic or Greek ones that look like them; "" if none does.

    "pоlicy" with a Cyrillic о passes for another name; "H200市场" and "μm" mix scripts that anybody can tell apart.
    """
    for word in _WORDS.findall(text) if not text.isascii() else ():
        if _LATIN.search(word) and not _ALIKE.isdisjoint(word):
            return str(word)
    return ""


def one_line(text: str) -> str:
    """Return the text on one line, without what is hidden in it."""
    return without_hidden(_BREAKS.sub(" ", text)).strip(" ")


def whole_characters(text: str) -> str:
    """Return the text with each half of a character (a lone surrogate, which no file can hold) as U+FFFD."""
    return re.sub(r"[\ud800-\udfff]", "\ufffd", text)


def escape_hidden(json: str) -> str:
    r"""Return JSON text with an escape such as \u009b for each hidden character that it holds as it is."""
    return _HIDDEN.sub(lambda char: f"\\u{ord(char[0]):04x}", json)
