"""A question's words in a table that is written in the other language, and a column's name in the question's.

match_translated(asked, tokens, "显存带宽", lexicon, free)     # the tokens of "memory bandwidth", and those of the name
"""

from __future__ import annotations

from functools import lru_cache

from briefqa.lexicon import Lexicon
from briefqa.tables.asked import Asked, Tokens, joined, tokenize
from briefqa.writing import has_han


def is_foreign(asked: Asked, text: str) -> bool:
    """Say whether a text is in the other language than the question: in Chinese or not."""
    return asked.han != has_han(text)


def match_translated(asked: Asked, tokens: Tokens, name: str, lexicon: Lexicon, free: int) -> tuple[int, int]:
    """Match a column's name in the other language: by the question's translations, then by the name's own."""
    if not is_foreign(asked, name):
        return 0, 0
    places, held = asked.translated(tokens, free)
    if held:
        more, more_held = asked.akin(tokens, free & ~places, places, held)
        places, held = places | more, held | more_held
    for own, translations in _translations(name, lexicon):
        if held & own == own:
            continue
        for words in translations:
            found = [place for place in asked.occurrences(words) if place & free == place]
            if not found and len(words) > 1 and not asked.han:  # "computer chip" is a chip
                found = [place for place in asked.occurrences(words[-1:]) if place & free == place]
            if found:
                places |= found[0]
                held |= own
                break
    return places, held


@lru_cache(maxsize=4_000)
def _translations(name: str, lexicon: Lexicon) -> tuple[tuple[int, tuple[Tokens, ...]], ...]:
    """Return the words of a name, each as its places among the name's tokens and what the other language calls it."""
    tokens = tokenize(name, lexicon)
    found = []
    for concept in lexicon.bridged_concepts(name, lambda terms: set()):
        own = 0
        others = []
        for option in concept:
            unit = joined(option)
            at = next((i for i in range(len(tokens)) if tokens[i : i + len(unit)] == unit), -1)
            if at >= 0:
                own |= ((1 << len(unit)) - 1) << at
            else:
                others.append(unit)
        if own and others:
            found.append((own, tuple(others)))
    return tuple(found)
