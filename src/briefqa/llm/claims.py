"""What a language model wrote, sentence by sentence, against the quotes that it cites.

    claims = Claims(encoder, lexicon, geometry)
    claims.check("30% goes to Intel.", [quote])     # (Doubt("30% goes to Intel.", "figure", ("30%",)), …)

| reason | what is doubted |
|---|---|
| uncited | no quote is cited |
| unsupported | the quotes say something else |
| figure, date, name | these stand in none of them |
| quotation | what stands in quotation marks is nowhere in them |

Support is what a sentence shares with its quotes: how much nearer they are to it than unrelated texts are, in the
encoder's spread, and how many of its words stand there, as they are or translated. That tells a sentence about
something else, not one that says the contrary: whether a chip is banned or allowed changes a word.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from briefqa.answer import Doubt
from briefqa.chunks import Span, spell_row
from briefqa.encoders import Encoder
from briefqa.encoders.geometry import Geometry, parallel_questions
from briefqa.lexicon import Concept, Lexicon
from briefqa.llm.figures import missing_figures
from briefqa.llm.names import missing_names, only_letters
from briefqa.quotes import Quote

# Measured on tests/golden/claims.jsonl, written on the sample briefs in Chinese, English and Spanish: an honest
# sentence scores a median of 8.0 with its quotes, of 1.3 with other spans of the briefs. 1 of 34 honest ones is marked,
# none of 14 inventions on the subject of their quote passes, and 28 of 673 pairs with another span do, half of which
# have a figure or a name that is not there, and some say the same. By cosine alone 4 honest ones would be marked.
_SUPPORTED_FROM = 4.75
_WORDS = 2.0
# Questions, in four languages, that stand for unrelated texts.
_UNRELATED = 8
_LANGUAGES = ("en", "zh", "es", "ru")
# Letters of a heading, or of "These are the conditions:", that is too short to be about anything.
_SHORT = 30
# Vectors of quotes that are kept: an answer has a dozen.
_KEPT = 200


class Claims:
    """Checks sentences; safe to share between threads. encoder: what it measures support with."""

    def __init__(self, encoder: Encoder, lexicon: Lexicon, geometry: Geometry) -> None:
        self.lexicon = lexicon
        self.encoder = encoder
        self._geometry = geometry
        self._background: np.ndarray | None = None
        self._vectors: dict[str, np.ndarray] = {}

    def check(
        self, sentence: str, quotes: Sequence[Quote], quoted: Sequence[str] = (), leads: bool = False
    ) -> tuple[Doubt, ...]:
        """Return what is doubtful about a sentence; nothing where its quotes bear it out.

        quotes: those that it cites. quoted: what of it stands in quotation marks. leads: whether it is a heading or
        leads to a list; then the quotes are all there are, and a short one needs no support.
        """
        if not quotes:
            return (Doubt(sentence, "uncited"),)
        source = "\n".join(map(_whole, quotes))
        figures, dates = missing_figures(sentence, source, self.lexicon)
        letters = only_letters(source, self.lexicon)
        invented = [part for part in quoted if only_letters(part, self.lexicon) not in letters]
        found = {
            "figure": figures,
            "date": dates,
            "name": missing_names(sentence, source, self.lexicon),
            "quotation": invented,
        }
        doubts = tuple(Doubt(sentence, reason, tuple(missing)) for reason, missing in found.items() if missing)
        if leads and len(only_letters(sentence, self.lexicon)) <= _SHORT:
            return doubts
        if self.support(sentence, quotes) < _SUPPORTED_FROM:
            return (Doubt(sentence, "unsupported"), *doubts)
        return doubts

    def support(self, sentence: str, quotes: Sequence[Quote]) -> float:
        """Return how far the quotes bear a sentence out, higher is better; unrelated ones score about 1."""
        terms = set(self.lexicon.terms("\n".join(map(_whole, quotes))))
        written = set(self.lexicon.terms(sentence))
        own = len(written & terms) / max(len(written), 1)
        translated = _share(self.lexicon.bridged_concepts(sentence, lambda asked: terms.intersection(asked)), terms)
        row = self._geometry.without_language(self.encoder.encode_query([sentence])[0])
        texts = [_text(quote) for quote in quotes]
        # Together as well: a sentence may put two quotes into one.
        cosine = max(float(row @ self._vector(text)) for text in [*texts, "\n".join(texts)])
        nearer = (cosine - float(row @ self._unrelated())) / self._geometry.spread
        return nearer + _WORDS * max(own, translated)

    def _vector(self, text: str) -> np.ndarray:
        found = self._vectors.get(text)
        if found is None:
            found = self.encoder.encode_document([text])[0]
            if len(self._vectors) >= _KEPT:
                self._vectors.clear()
            self._vectors[text] = found
        return found

    def _unrelated(self) -> np.ndarray:
        """Return the mean of questions about anything: the cosine with it is the mean of the cosines with them."""
        if self._background is None:
            questions = parallel_questions()[:_UNRELATED]
            texts = [question[language] for question in questions for language in _LANGUAGES]
            self._background = self.encoder.encode_query(texts).mean(axis=0)
        return self._background


def _share(concepts: Sequence[Concept], terms: set[str]) -> float:
    """Return the share of the concepts of which one form stands among the terms."""
    held = sum(any(option and terms.issuperset(option) for option in concept) for concept in concepts)
    return held / max(len(concepts), 1)


def _text(quote: Quote) -> str:
    """Return a quote as it is embedded: its sentences, or its rows with their headers."""
    if not quote.header:
        return quote.text
    return "\n".join(spell_row(Span(row, quote.header, 0, 0, "row")) for row in quote.text.split("\n"))


def _whole(quote: Quote) -> str:
    """Return a quote with what stands above it: title, date, headings, header cells."""
    hit = quote.hit
    return "\n".join([hit.title, hit.date, *hit.heading_path, " ".join(quote.header), quote.text])
