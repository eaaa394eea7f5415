"""Proper names in a text, each with what it is called in the other language.

    ProperNames(dictionary, tokenizer, bridge).find("Huawei与拜登")     # [("Huawei", (("huawei",), ("华为",))), …]

A Chinese name is a word that CC-CEDICT reads in capitals. A word in Latin letters is a candidate if it has a capital
itself; its concept holds more than the word only where most of what the dictionary has for it are names (White is one
too, but most of its meanings are not).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from briefqa.lexicon.bridge import Bridge, Concept
from briefqa.lexicon.cedict import Dictionary
from briefqa.lexicon.terms import Tokenizer, stem
from briefqa.writing import SPACED

_WORD = re.compile(
    r"(?P<han>[\u3400-\u4dbf\u4e00-\u9fff]+)"
    rf"|(?<!{SPACED}[^\W_])[A-Z][^\W\d_\u2e80-\uffff]+(?!{SPACED}[^\W_])"
)


class ProperNames:
    """Finds names; safe to share between threads."""

    def __init__(self, dictionary: Dictionary, tokenizer: Tokenizer, bridge: Bridge) -> None:
        self._dictionary = dictionary
        self._tokenizer = tokenizer
        self._bridge = bridge

    def find(self, text: str) -> list[tuple[str, Concept]]:
        """Return the names in the text, each as written and with its forms, its own terms first."""
        found: list[tuple[str, Concept]] = []
        for match in _WORD.finditer(text):
            if match["han"]:
                found += self._chinese(self._tokenizer.fold(match[0]))
            else:
                found.append((match[0], self._latin(self._tokenizer.fold(match[0]))))
        return found

    def _chinese(self, run: str) -> Iterator[tuple[str, Concept]]:
        """Yield the names among the longest words of the dictionary in a run of characters."""
        for word, concept in self._bridge.segments(run):
            if self._bridge.is_name(word):
                yield word, concept

    def _latin(self, word: str) -> Concept:
        chinese = self._dictionary.names(word) or self._dictionary.chinese(stem(word))
        names = [name for name in chinese if self._bridge.is_name(name)]
        translated = names if 2 * len(names) > len(chinese) else []
        return (tuple(self._tokenizer.terms(word)), *(tuple(self._tokenizer.terms(name)) for name in translated))
