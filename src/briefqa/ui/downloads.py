"""The file that a choice in an export menu makes.

    make_download(turns, "markdown", "7")
    # {"name": "briefqa-which-chips-are-banned.md", "type": "text/markdown;charset=utf-8", "content": "# which …"}

It is made of what the server keeps of the conversation, never of what the page shows, and is handed to the page's own
script, which saves it: nothing is written to a disk here, and no address leads to it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from briefqa.conversations import Turn
from briefqa.export import EXPORTS

# File systems allow 255 bytes a name; a character takes up to four.
_LONGEST_NAME = 48


def make_download(turns: Sequence[Turn], file_format: object, turn: object) -> dict[str, str] | None:
    """Return a file's name, media type and text, or None for what no menu offers.

    turn: the id of one as text, or "0" for the whole conversation. Both come from a browser and may be anything.
    """
    export = EXPORTS.get(file_format) if isinstance(file_format, str) else None
    chosen = turns if turn == "0" else [each for each in turns if turn == str(each.id)]
    answers = [each.answer for each in chosen if each.answer]
    if export is None or not answers:
        return None
    return {
        "name": file_name(answers[0].question, whole=turn == "0") + export.suffix,
        "type": f"{export.media_type};charset=utf-8",
        "content": export.write(answers),
    }


def file_name(question: str, whole: bool) -> str:
    """Return a name without suffix for the answer to a question, or the whole conversation that it began.

    Of the question it has letters and digits alone, so no path and nothing that turns the direction of a name.
    """
    kept = "".join(char if unicodedata.category(char)[0] in "LMN" else "-" for char in question)
    words = re.sub("-+", "-", kept).strip("-")[:_LONGEST_NAME].rstrip("-")
    return "-".join(part for part in ("briefqa", "conversation" if whole else "", words) if part)
