"""Later articles on the subject of what is cited.

    newer = find_newer(question, answer.citations, ranking, snapshot, lexicon)
    newer[0].number, newer[0].title, newer[0].date      # beside citation [1] belongs this later section

A section is shown as newer where it is of a later day and another article, answers the question nearly as well as what
is cited, is close to the cited section, has a sentence close to the cited one, and shares words with the quote, with
the title and, of the question, all that matter. One that is not on the subject is worse than none: docs/retrieval.md
has the counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from briefqa.citations import Citation
from briefqa.lexicon import Lexicon
from briefqa.ranking import Hit, Ranking
from briefqa.store import Snapshot

# Of scores, in the encoder's spread: what answers worse than the cited section by more is about something else.
_WORSE = 3.0
# Of the way from the cosine of unrelated texts to 1: how close the sections must be, and the cited sentence and the
# nearest of the other's. For the bundled encoder a cosine of .883.
_CLOSE = 0.67
# Shares by rarity, 0..1: of the quote's words, and of both titles' words, that the other section holds; and of the
# question's words that the cited section holds, those that the other may lack. Entries of one kind (two stations, two
# fishes) are as close as two reports on one matter, and only the name in the question tells them apart.
_WORDS = 0.15
_TITLES = 0.25
_LOST = 0.25


@dataclass(frozen=True, slots=True)
class Newer:
    """A section of a later article on what a citation is about. number: of the citation. The rest is as in Citation."""

    number: int
    article: str
    anchor: str
    heading: str
    title: str
    date: str
    url: str


def find_newer(
    question: str, citations: Sequence[Citation], ranking: Ranking, snapshot: Snapshot, lexicon: Lexicon
) -> tuple[Newer, ...]:
    """Return for each citation the latest section on its subject among the hits, for those that have one.

    question: as it was ranked. ranking: the hits that the citations are of, with their rows in the snapshot.
    """
    places = {
        (hit.article, hit.anchor, span.start): number for number, hit in enumerate(ranking.hits) for span in hit.spans
    }
    found = []
    for citation in citations:
        number = places.get((citation.article, citation.anchor, citation.start))
        later = _later(citation, number, ranking, snapshot) if citation.date and number is not None else []
        for hit in sorted(later, key=lambda hit: (hit.date, hit.score), reverse=True):
            if _share_words(question, citation, ranking.hits[number or 0], hit, snapshot, lexicon):
                newer = Newer(citation.number, hit.article, hit.anchor, hit.heading, hit.title, hit.date, hit.url)
                found.append(newer)
                break
    return tuple(found)


def beside(citations: Sequence[Citation], known: Sequence[tuple[Citation, Newer]]) -> tuple[Newer, ...]:
    """Return what is newer than these citations, as it is known of others of the same quotes with other numbers."""
    of = {(citation.article, citation.anchor, citation.start): newer for citation, newer in known}
    found = ((citation, of.get((citation.article, citation.anchor, citation.start))) for citation in citations)
    return tuple(replace(newer, number=citation.number) for citation, newer in found if newer)


def _later(citation: Citation, number: int, ranking: Ranking, snapshot: Snapshot) -> list[Hit]:
    """Return the later hits that are close to the cited one, hit number `number`."""
    least = ranking.hits[number].score - _WORSE * ranking.spread
    others = [
        other
        for other, hit in enumerate(ranking.hits)
        if hit.date > citation.date and hit.article != citation.article and hit.score >= least and hit.spans
    ]
    if not others:
        return []
    cited = ranking.hits[number]
    close = ranking.unrelated + _CLOSE * (1 - ranking.unrelated)
    rows = np.array([ranking.rows[other] for other in others])
    sections = snapshot.chunk_cosines(snapshot.chunk_vector(ranking.rows[number]), rows)
    near = [(other, row) for other, row, cosine in zip(others, rows, sections, strict=True) if cosine >= close]
    quoted = [
        snapshot.span_vector(ranking.rows[number], place)
        for place, span in enumerate(sorted(cited.spans, key=lambda span: span.start))
        if span.start < citation.end and citation.start < span.end
    ]
    return [
        ranking.hits[other]
        for other, row in near
        if any(snapshot.span_cosines(sentence, np.array([row])).max() >= close for sentence in quoted)
    ]


def _share_words(
    question: str, citation: Citation, cited: Hit, later: Hit, snapshot: Snapshot, lexicon: Lexicon
) -> bool:
    """Say whether the later section holds the words that say what the question, the quote and the title are about."""
    asked, quote, title, later_title = (
        set(lexicon.terms(text)) for text in (question, citation.quote, cited.title, later.title)
    )
    held, holding = (set(lexicon.terms(" ".join([hit.title, *hit.heading_path, hit.text]))) for hit in (cited, later))
    counts = snapshot.count_holding(asked | quote | title | later_title)
    n_chunks = snapshot.n_chunks

    def weight(terms: Iterable[str]) -> float:
        found = [counts.get(term, 0) for term in terms]
        return sum(math.log(1 + (n_chunks - count + 0.5) / (count + 0.5)) for count in found)

    def share(terms: set[str], others: set[str]) -> float:
        return weight(terms & others) / max(weight(terms), 1e-6)

    answered = asked & held
    return (
        share(quote, holding) >= _WORDS
        and (share(title, holding) + share(later_title, held)) / 2 >= _TITLES
        and (not answered or share(answered, holding) >= 1 - _LOST)
    )
