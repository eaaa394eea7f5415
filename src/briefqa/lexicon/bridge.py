"""A question's words in the other language: English to Chinese and Chinese to English, by CC-CEDICT.

    concepts = Bridge(dictionary, tokenizer).concepts("Who led the coalition?", known)
    concepts[-1]                            # (("coalit",), ("联盟",))

A concept is a word of the question and all its translations, each of them the terms that must stand together. What
the dictionary does not know (acronyms, numbers, names) stays as it is; a name in pinyin is also looked for in the
characters that are read so, and a name in characters in pinyin. Spanish, German, Russian and their like cross by the
words that they share with English.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from briefqa.lexicon.cedict import Dictionary
from briefqa.lexicon.english import LONGEST_GLOSS, regular
from briefqa.lexicon.languages import CHINESE_FUNCTION_WORDS, FUNCTION_WORDS, guess_language
from briefqa.lexicon.numerals import take_numerals
from briefqa.lexicon.pinyin import syllables
from briefqa.lexicon.terms import Tokenizer, stem

Alternative = tuple[str, ...]
"""Terms that must stand together."""
Concept = tuple[Alternative, ...]
"""Alternatives, any of which will do: their counts add up, and their rarity is that of all of them together."""
Known = Callable[[Iterable[str]], set[str]]
"""Given terms, returns those that stand in the corpus."""

_RUN = re.compile(r"(?P<han>[\u3400-\u4dbf\u4e00-\u9fff]+)|[^\W_\u2e80-\uffff]+(?:[ '’-]+[^\W_\u2e80-\uffff]+)*")
_WORD = re.compile(r"[a-z]+-\d+[a-z]*|[^\W_]+")  # GPT-4 is one word
# Characters of a Chinese word, at most: longer ones in the dictionary are proverbs.
_LONGEST_WORD = 8
# Characters of a syllable that are tried in a name, the most usual first, and readings that are one too many to mean
# anything.
_CHARACTERS = 40
_MOST_READINGS = 12
_LONGEST_NAME = 4  # characters


class Bridge:
    """Makes concepts of questions; safe to share between threads."""

    def __init__(self, dictionary: Dictionary, tokenizer: Tokenizer) -> None:
        self._dictionary = dictionary
        self._tokenizer = tokenizer

    def concepts(self, question: str, known: Known) -> list[Concept]:
        """Return the concepts of a question that names something; a question in a language that is not bridged has
        those that are the same in all languages.
        """
        numerals, rest = take_numerals(self._tokenizer.fold(question))
        language = guess_language(_WORD.findall(rest))
        found: list[Concept] = [((term,),) for term in numerals]
        for match in _RUN.finditer(rest):
            if match["han"]:
                found += self._from_chinese(match[0], known)
            else:
                found += self._from_words(_WORD.findall(match[0]), language, known)
        named = (tuple(option for option in concept if option) for concept in found)
        return list(dict.fromkeys(concept for concept in named if concept))

    def _from_words(self, words: list[str], language: str, known: Known) -> Iterator[Concept]:
        """Yield the concepts of words in a script with spaces, the longest phrases of the dictionary first."""
        function_words = FUNCTION_WORDS[language]
        if language != "en":  # only English phrases are in the dictionary: "give up" needs its "up"
            words = [word for word in words if word not in function_words]
        start = 0
        while start < len(words):
            for length in range(min(LONGEST_GLOSS, len(words) - start), 0, -1):
                phrase = words[start : start + length]
                if function_words.issuperset(phrase):
                    continue
                chinese = self._chinese(phrase)
                if chinese:
                    # The words themselves too, or a corpus in both languages would rank the other one first.
                    named = [word for word in phrase if word not in function_words]
                    own = dict.fromkeys(tuple(map(form, named)) for form in (stem, regular))
                    yield (*own, *self._spell(chinese))
                    break
                if length == 1:
                    yield self._unknown(phrase[0], known)
            start += length

    def _chinese(self, phrase: list[str]) -> tuple[str, ...]:
        # A name first: 北京 is what Beijing means, and the words that the dictionary explains with it are not.
        # Then both what is written and its base: "led" is a lamp and a form of lead.
        return self._dictionary.names("".join(phrase)) or tuple(
            word
            for key in dict.fromkeys(" ".join(map(form, phrase)) for form in (stem, regular))
            for word in self._dictionary.chinese(key)
        )

    def _spell(self, chinese: Iterable[str]) -> Concept:
        return tuple(dict.fromkeys(tuple(self._tokenizer.terms(word)) for word in chinese))

    def _unknown(self, word: str, known: Known) -> Concept:
        """Return a word that is no gloss: as it is, as a name, or as the English word that it shares its root with."""
        found = tuple((term,) for term in self._tokenizer.terms(word))
        names = tuple(self._read_pinyin(word, known))
        english = "" if names else self._dictionary.cognate(word)
        if english:
            return (*found, (stem(english),), *self._spell(self._dictionary.chinese(stem(english))))
        return (*found, *names)

    def _read_pinyin(self, word: str, known: Known) -> Iterator[Alternative]:
        """Yield what stands in the corpus and is read as the word, a name in pinyin."""
        for way in syllables(word, lambda syllable: bool(self._dictionary.characters(syllable))):
            names = list(self._dictionary.characters(way[0])[:_CHARACTERS])
            for syllable in way[1:]:
                following = self._dictionary.characters(syllable)[:_CHARACTERS]
                pairs = known({name[-1] + char for name in names for char in following})
                names = [name + char for name in names for char in following if name[-1] + char in pairs]
            if len(names) <= _MOST_READINGS:
                yield from (tuple(self._tokenizer.terms(name)) for name in names)

    def words(self, run: str) -> Iterator[str]:
        """Yield the longest words of the dictionary in a run of Chinese characters, and each character between them."""
        return (word for word, _ in self.segments(run))

    def is_name(self, word: str) -> bool:
        """Say whether a Chinese word is a proper name in the dictionary."""
        return word in self._dictionary.names("".join(map(self._dictionary.reading, word)))

    def segments(self, run: str) -> Iterator[tuple[str, Concept]]:
        """Yield each of `words` with its translations; a function word has none, nor has a single character."""
        start = 0
        while start < len(run):
            for length in range(min(_LONGEST_WORD, len(run) - start), 1, -1):
                word = run[start : start + length]
                concept = self._english(word)
                if concept or word in CHINESE_FUNCTION_WORDS:
                    yield word, concept
                    break
            else:
                length = 1
                yield run[start], ()
            start += length

    def _from_chinese(self, run: str, known: Known) -> Iterator[Concept]:
        """Yield the concepts of a run of Chinese characters, the longest words of the dictionary first."""
        unknown = ""
        for word, concept in self.segments(run):
            if len(word) == 1:
                unknown += word
                continue
            yield from self._write_pinyin(unknown, known)
            unknown = ""
            if concept:
                yield concept
        yield from self._write_pinyin(unknown, known)

    def _english(self, word: str) -> Concept:
        if word in CHINESE_FUNCTION_WORDS:
            return ()
        glosses = (
            tuple(stemmed for stemmed in gloss.split() if stemmed not in FUNCTION_WORDS["en"])
            for gloss in self._dictionary.english(word)
        )
        found = tuple(dict.fromkeys(gloss for gloss in glosses if gloss))
        return (tuple(self._tokenizer.terms(word)), *found) if found else ()

    def _write_pinyin(self, run: str, known: Known) -> Iterator[Concept]:
        """Yield the names in pinyin that stand in the corpus and are read as characters of the run."""
        sounds = [self._dictionary.reading(char) for char in run]
        parts = {
            stem("".join(sounds[first:last]))
            for first in range(len(run) - 1)
            for last in range(first + 2, min(first + _LONGEST_NAME, len(run)) + 1)
        }
        names = known(parts) if parts else ()
        if names:
            yield tuple((name,) for name in sorted(names))
