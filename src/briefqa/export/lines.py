"""Text of briefs and questions as single lines, without what cannot be seen but changes what is.

one_line(citation.title)
lines_of(citation.quote)      # of rows a line each
"""

from __future__ import annotations

import re

# Not the ideographic space, which is text.
_BREAKS = re.compile(r"[ \t\n\r\v\f\x1c-\x1f\x85\u2028\u2029]+")
# Control characters, halves of characters, byte order marks, and what turns the direction of the rest of a line.
_HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufeff\u202a-\u202e\u2066-\u2069]")


def one_line(text: str) -> str:
    """Return the text on one line, without control characters and without those that turn its direction."""
    return _HIDDEN.sub("", _BREAKS.sub(" ", text)).strip(" ")


def lines_of(text: str) -> list[str]:
    """Return the lines that are not empty, each as `one_line` has it."""
    return [line for line in map(one_line, text.splitlines()) if line]


def whole_characters(text: str) -> str:
    """Return the text with each half of a character (a lone surrogate, which no file can hold) as U+FFFD."""
    return re.sub(r"[\ud800-\udfff]", "\ufffd", text)
