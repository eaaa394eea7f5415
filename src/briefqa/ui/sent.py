"""What a browser sends with an event: it may be anything, and is text of a bearable length or nothing.

text(held)                      # the key of a conversation, as the page holds it
said(event, "question")         # what a click was about
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from briefqa.question import LONGEST_QUESTION
from briefqa.writing import whole_characters

_LONGEST_KEY = 64


def text(value: Any, longest: int = _LONGEST_KEY) -> str:
    """Return a browser's value if it is text of at most this many characters, else ""; JSON can hold half of one."""
    return whole_characters(value) if isinstance(value, str) and len(value) <= longest else ""


def said(event: gr.EventData, name: str, longest: int = LONGEST_QUESTION) -> str:
    """Return what an event says by a name, "" where it says nothing, too much, or no text."""
    return text(event._data.get(name) if isinstance(event._data, dict) else "", longest)
