"""The words of articles and questions: what they are, and what they are called in the other language.

    lexicon = load_lexicon(cache_dir)
    lexicon.terms("英偉達H200，7 nm")                    # ["7nm", "英伟", "伟达", "h200"]
    lexicon.bridged_concepts("who makes the chips?", known)     # its words with their translations

| module | what |
|---|---|
| `terms`     | text to terms, one tokenizer for both sides |
| `numerals`  | dates and quantities in one form |
| `languages` | function words, and the language they give away |
| `english`   | irregular forms, glosses |
| `cognates`  | words that European languages share |
| `pinyin`    | syllables |
| `cedict`    | CC-CEDICT as tables, prepared once |
| `bridge`    | a question's words with their translations |
| `proper`    | proper names with their translations |
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from briefqa.chunks import Chunk, passage_prefix
from briefqa.lexicon.bridge import Bridge, Concept, Known
from briefqa.lexicon.cedict import open_dictionary
from briefqa.lexicon.languages import guess_language
from briefqa.lexicon.proper import ProperNames
from briefqa.lexicon.terms import TERMS, Tokenizer, pairs_between
from briefqa.writing import script_of

__all__ = ["TERMS", "Concept", "Known", "Lexicon", "load_lexicon"]

_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Lexicon:
    """What knows words; safe to share between threads."""

    tokenizer: Tokenizer
    bridge: Bridge
    proper_names: ProperNames

    def terms(self, text: str) -> list[str]:
        """Return the terms of a text, repeated as they are."""
        return self.tokenizer.terms(text)

    def codes(self, text: str) -> list[str]:
        """Return the terms of a text that are the same in all languages and say which thing is meant."""
        return self.tokenizer.codes(text)

    def language(self, text: str) -> str:
        """Return the language of a text as far as it shows: in Latin letters "en", "es"…, else its script."""
        script = script_of(text)
        return guess_language(_WORD.findall(self.tokenizer.fold(text))) if script == "latin" else script

    def names(self, text: str) -> list[tuple[str, Concept]]:
        """Return the proper names in a text, each as written and with what it is called in the other language."""
        return self.proper_names.find(text)

    def places(self, chunk: Chunk) -> dict[str, list[int]]:
        """Return where each term stands in a chunk, repeated as it is: 0 in title, headings and table headers, which
        belong to all spans; 1 and up in the first span and the next ones.
        """
        header = " ".join(dict.fromkeys(cell for span in chunk.spans for cell in span.header))
        heading = passage_prefix(chunk.title, chunk.article, chunk.heading_path)
        found: dict[str, list[int]] = {}
        for place, text in enumerate([f"{heading}\n{header}", *(span.text for span in chunk.spans)]):
            for term in self.tokenizer.terms(text):
                found.setdefault(term, []).append(place)
        return found

    def own_concepts(self, question: str, known: Known) -> list[Concept]:
        """Return the terms of a question as they are, each a concept of its own. known: of given terms, those in the
        corpus. What only two neighbouring Chinese words make, and the corpus has not, is left out: it says nothing of
        what the corpus lacks.
        """
        terms = dict.fromkeys(self.tokenizer.terms(question))
        between: set[str] = set()
        if script_of(question) == "cjk":
            between = pairs_between(self.words(run) for run in self.tokenizer.runs(question))
        unknown = between - known(between) if between else between
        return [((term,),) for term in terms if term not in unknown]

    def bridged_concepts(self, question: str, known: Known) -> Sequence[Concept]:
        """Return the words of a question, each with its translations. known: as in `own_concepts`."""
        return self.bridge.concepts(question, known)

    def words(self, run: str) -> list[str]:
        """Split folded Chinese characters into the longest words of the dictionary and the characters between them."""
        return list(self.bridge.words(run))

    def is_name(self, word: str) -> bool:
        """Say whether a folded Chinese word is a proper name in the dictionary."""
        return self.bridge.is_name(word)


@lru_cache(maxsize=4)
def load_lexicon(cache_dir: Path) -> Lexicon:
    """Load the lexicon; its tables are made once, in a few seconds, and kept in cache_dir."""
    dictionary = open_dictionary(cache_dir)
    tokenizer = Tokenizer(dictionary.simplified)
    bridge = Bridge(dictionary, tokenizer)
    return Lexicon(tokenizer, bridge, ProperNames(dictionary, tokenizer, bridge))
