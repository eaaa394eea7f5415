"""Every word of the interface, in each of its languages.

strings = choose("zh-CN,zh;q=0.9,en;q=0.8")     # what a browser sends as Accept-Language
strings.ask                                     # "提问"
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from briefqa.ui.strings.chinese import CHINESE
from briefqa.ui.strings.english import ENGLISH
from briefqa.ui.strings.words import Strings

__all__ = ["CHINESE", "ENGLISH", "LANGUAGES", "LANGUAGE_COOKIE", "Strings", "choose", "chosen", "translations"]

LANGUAGES = {"en": ENGLISH, "zh": CHINESE}
LANGUAGE_COOKIE = "briefqa_language"
# The codes that Gradio knows.
_CODES = {"en": ENGLISH, "zh-CN": CHINESE, "zh-TW": CHINESE}


def chosen(request: Any) -> Strings:
    """Return the words for a request, Starlette's or Gradio's: as chosen on the page, else in the browser."""
    language = request.cookies.get(LANGUAGE_COOKIE, "")
    return LANGUAGES.get(language) or choose(request.headers.get("accept-language", ""))


def choose(accept_language: str) -> Strings:
    """Return the words in the language that a browser wants most, in English if it wants none that we have."""
    wishes: list[tuple[float, int, str]] = []
    for position, part in enumerate(accept_language.split(",")):
        code, _, quality = part.strip().partition(";")
        try:
            weight = float(quality.strip().removeprefix("q=")) if quality else 1.0
        except ValueError:
            continue
        wishes.append((-weight, position, code.split("-")[0].lower()))
    return next((LANGUAGES[code] for _, _, code in sorted(wishes) if code in LANGUAGES), ENGLISH)


def translations() -> dict[str, dict[str, str]]:
    """Return what `gr.I18n` takes: a dictionary of all words for each browser language."""
    return {code: asdict(strings) for code, strings in _CODES.items()}
