"""Writing systems: which characters are CJK, and which script a text is written in."""

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


def has_han(text: str) -> bool:
    """Say whether there is a Chinese character in the text; Japanese has them too."""
    return bool(_HAN.search(text))


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
