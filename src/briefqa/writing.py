"""Writing systems: which characters are CJK."""

from __future__ import annotations

import re

# Radicals to Bopomofo, ideographs and their extensions, compatibility and full-width forms. Not Hangul: Korean puts
# spaces between words.
_CJK = re.compile(
    "[\u2e80-\u312f\u31a0-\u4dbf\u4e00-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff9f\uffe0-\uffef\U00020000-\U0003ffff]"
)


def is_cjk(char: str) -> bool:
    """Say whether the character is written without spaces between words: Han, kana, or their punctuation."""
    return bool(_CJK.match(char))
