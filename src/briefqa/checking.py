"""Citations to good ones: nothing is shown as a source that does not say what is quoted.

    good = keep_good(citations, ranking.hits, snapshot)        # numbered anew; what failed is logged
    check = check_citation(citation, hits, snapshot)
    check.failure, check.message, check.found[0].start         # "stale", "…", where it stands now

A citation is good if

1. its article has a section with its anchor, and its heading, title, date and address are theirs;
2. it lies in what was retrieved for the question, where the hits are known;
3. its quote is what a reader sees between its offsets, all of which lie in that section, rows below their header.

What else of the file has changed does not matter. One that fails is never shown as good, and has a kind:

| the article's file                         | the quote stands in the corpus         | kind          |
|--------------------------------------------|----------------------------------------|---------------|
| is another than `revision` says, or gone   | somewhere, or nowhere                  | stale         |
| is the one of `revision`                   | elsewhere                              | misattributed |
| is the one of `revision`                   | nowhere                                | fabricated    |
| may have changed (`revision` is empty)     | in its section, at other offsets       | stale         |
| may have changed                           | elsewhere                              | misattributed |
| may have changed                           | nowhere                                | fabricated    |

One that stands where it says, and was not retrieved or is given a wrong title or date, is misattributed too, or stale
where the article changed. `found` is where it stands, the likeliest place first.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol

from briefqa.citations import Citation, cite
from briefqa.quotes import Quote
from briefqa.ranking import Hit, section_url
from briefqa.verbatim import VisibleArticle, VisibleSection, Wording

FABRICATED = "fabricated"
MISATTRIBUTED = "misattributed"
STALE = "stale"

# Places of one quote that are looked for; who quotes "是的。" need not see them all.
_MOST_PLACES = 20
# Characters of a name that are shown in a message.
_LONGEST_NAME = 100

_log = logging.getLogger("briefqa")


class Source(Protocol):
    """The articles that citations are checked against: a snapshot of an index, or the files of a corpus."""

    def visible(self, slug: str) -> VisibleArticle | None:
        """Return what a reader sees of an article; None if there is none."""

    def holding(self, bares: Collection[str]) -> Iterator[VisibleArticle]:
        """Yield all articles that hold one of these texts, white space and borders aside; others may be among them."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: an article's section, and offsets in its file."""

    article: str
    anchor: str
    start: int
    end: int

    def __str__(self) -> str:
        return f"{section_name(self.article, self.anchor)}, characters {self.start}–{self.end}"


@dataclass(frozen=True, slots=True)
class Check:
    """What became of a citation. failure: "" if it is good, else its kind. message: one line, "" if it is good.

    found: where the quote stands, the likeliest place first; empty if the citation is good, or nothing says it.
    """

    citation: Citation
    failure: str = ""
    message: str = ""
    found: tuple[Place, ...] = ()


def check_citation(citation: Citation, hits: Sequence[Hit] | None, source: Source) -> Check:
    """Check one citation. hits: what was retrieved for the question; None where that is not known."""
    return check_citations([(citation, retrieved(hits) if hits is not None else None)], source)[0]


def keep_good(quotes: Sequence[Quote], hits: Sequence[Hit], source: Source) -> list[Quote]:
    """Return the quotes whose citations are good; those that are not are logged."""
    places = retrieved(hits)
    checks = check_citations([(citation, places) for citation in cite(quotes)], source)
    for check in checks:
        if check.failure:
            _log.warning("citation [%d] is left out, it is %s: %s", check.citation.number, check.failure, check.message)
    return [quote for quote, check in zip(quotes, checks, strict=True) if not check.failure]


def retrieved(hits: Sequence[Hit]) -> tuple[Place, ...]:
    """Return where the chunks of the hits stand, from their first span to their last."""
    return tuple(
        Place(hit.article, hit.anchor, min(span.start for span in hit.spans), max(span.end for span in hit.spans))
        for hit in hits
        if hit.spans
    )


def check_citations(cited: Sequence[tuple[Citation, Sequence[Place] | None]], source: Source) -> list[Check]:
    """Check citations, each with the places that were retrieved for its question, or None where they are not known.

    The corpus is gone through once, and only where a quote does not stand where its citation says.
    """
    wordings = [Wording.of(citation.quote, citation.header) for citation, _ in cited]
    articles = [source.visible(citation.article) for citation, _ in cited]
    stand = [
        _says(article, citation, wording)
        for (citation, _), article, wording in zip(cited, articles, wordings, strict=True)
    ]
    elsewhere = _search([wording for wording, stands in zip(wordings, stand, strict=True) if not stands], source)
    return [
        _check_source(citation, article, places)
        if article is not None and stands
        else _explain(citation, article, wording, elsewhere)
        for (citation, places), article, wording, stands in zip(cited, articles, wordings, stand, strict=True)
    ]


def section_name(article: str, anchor: str) -> str:
    """Return article#anchor for a message."""
    return printable(f"{article}#{anchor}" if anchor else article)


def printable(text: str) -> str:
    """Return a text for a message: on one line and not too long, whatever a saved answer or a file's name holds."""
    shown = "".join([char if char.isprintable() else "\ufffd" for char in text[: _LONGEST_NAME + 1]])
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[: _LONGEST_NAME - 1]}…"


def _says(article: VisibleArticle | None, citation: Citation, wording: Wording) -> bool:
    section = article.section(citation.anchor) if article else None
    return section is not None and section.says(wording, citation.start, citation.end)


def _changed(citation: Citation, article: VisibleArticle | None) -> bool:
    """Say whether the article is known to be another than the one that was quoted."""
    return bool(citation.revision) and (article is None or article.sha256 != citation.revision)


def _check_source(citation: Citation, article: VisibleArticle, places: Sequence[Place] | None) -> Check:
    """Check what is said of a quote that stands where its citation says."""
    own = Place(citation.article, citation.anchor, citation.start, citation.end)
    section = article.section(citation.anchor)
    assert section is not None
    for name, said, true in (
        ("heading", citation.heading, section.heading),
        ("title", citation.title, article.title),
        ("date", citation.date, article.date),
        ("address", citation.url, section_url(article.source_url, citation.anchor)),
    ):
        if said != true:
            kind = STALE if _changed(citation, article) else MISATTRIBUTED
            return Check(citation, kind, f"the quote stands, but its {name} is “{printable(true)}”", (own,))
    if places is not None and not _covered(own, bool(citation.header), places, section):
        message = "the quote stands, but that part of its section was not retrieved for this question"
        return Check(citation, MISATTRIBUTED, message, (own,))
    return Check(citation)


def _covered(own: Place, is_row: bool, places: Sequence[Place], section: VisibleSection) -> bool:
    """Say whether a quote lies in one of the places, or in several without a gap.

    A table is read whole, however many chunks it was cut into: for a row any place in its section will do.
    """
    near = [place for place in places if (place.article, place.anchor) == (own.article, own.anchor)]
    reached = own.start
    for place in sorted(near, key=lambda place: place.start):
        if section.is_empty(reached, place.start):
            reached = max(reached, place.end)
    return reached >= own.end or (is_row and bool(near))


def _search(wordings: Iterable[Wording], source: Source) -> dict[Wording, list[tuple[Place, str]]]:
    """Return the places of each wording, with and without its header, each with the revision of its article."""
    wanted = {form for wording in wordings if wording.forms for form in (wording, _without_header(wording))}
    found: dict[Wording, list[tuple[Place, str]]] = {wording: [] for wording in wanted}
    for article in source.holding({wording.bare for wording in wanted}) if wanted else ():
        for wording, places in found.items():
            new = _places(article, wording)
            places += [(place, article.sha256) for place in islice(new, _MOST_PLACES - len(places))]
    return found


def _places(article: VisibleArticle, wording: Wording) -> Iterator[Place]:
    for section in article.sections:
        for start, end in section.find(wording):
            yield Place(article.slug, section.anchor, start, end)


def _without_header(wording: Wording) -> Wording:
    return replace(wording, header=())


def _explain(
    citation: Citation,
    article: VisibleArticle | None,
    wording: Wording,
    elsewhere: dict[Wording, list[tuple[Place, str]]],
) -> Check:
    """Say why a citation fails whose quote does not stand where it says."""

    def places(of: Wording) -> tuple[Place, ...]:
        own = [(place, article.sha256) for place in islice(_places(article, of), _MOST_PLACES)] if article else []
        known = dict([*own, *elsewhere.get(of, [])])
        return tuple(sorted(known, key=lambda place: _unlikeliness(place, known[place], citation))[:_MOST_PLACES])

    found, under = places(wording), ""
    if not found and wording.header:
        found, under = places(_without_header(wording)), " below another header"
    here = bool(found) and (found[0].article, found[0].anchor) == (citation.article, citation.anchor)
    if _changed(citation, article):
        kind, now = STALE, " now"
        if article is not None:
            reason = "the article changed since it was quoted"
        else:
            reason = f"there is no article {printable(citation.article)} any more"
    else:
        kind = FABRICATED if not found else STALE if here and not citation.revision and not under else MISATTRIBUTED
        now = " now" if kind == STALE else ""
        if article is None:
            reason = f"there is no article {printable(citation.article)}"
        elif article.section(citation.anchor) is None:
            reason = f"{printable(article.slug)} has no section {printable(f'#{citation.anchor}')}"
        else:
            reason = "the quote moved within its section" if kind == STALE else "the quote does not stand there"
    if not found:
        return Check(citation, kind, f"{reason}, and no article says this")
    others = f", and in {len(found) - 1} more" if len(found) > 1 else ""
    return Check(citation, kind, f"{reason}: it stands{now}{under} in {found[0]}{others}", found)


def _unlikeliness(place: Place, revision: str, citation: Citation) -> tuple[bool, bool, bool, str, int]:
    """Order places: in the same section, in the same article, in the same file under another name, then by name."""
    article = place.article == citation.article
    return (
        not (article and place.anchor == citation.anchor),
        not article,
        revision != citation.revision,
        place.article,
        place.start,
    )
