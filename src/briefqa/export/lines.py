"""Text of briefs and questions as lines, without what cannot be seen but changes what is.

lines_of(citation.quote)      # of rows a line each
"""

from __future__ import annotations

from briefqa.writing import one_line


def lines_of(text: str) -> list[str]:
    """Return the lines that are not empty, each as `one_line` has it."""
    return [line for line in map(one_line, text.splitlines()) if line]
