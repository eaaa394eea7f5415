"""Questions to ask next, made of the corpus's own headings.

example_headings(snapshot, "zh")            # of the newest briefs, for an empty conversation
neighbouring_headings(snapshot, answer)     # of the sections beside those that were cited
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from briefqa.answer import Answer
from briefqa.articles import Section
from briefqa.question import frame_language
from briefqa.store import Snapshot

_EXAMPLES = 4
_NEIGHBOURS = 3
_LONGEST_HEADING = 48
# Examples come from the newest briefs.
_EXAMPLE_ARTICLES = 12


def example_headings(snapshot: Snapshot, language: str) -> list[str]:
    """Return headings of the newest briefs, one of each before a second of any, those in the language first."""
    found = []
    for article in islice(snapshot.articles(), _EXAMPLE_ARTICLES):
        headings = _askable(_sections(snapshot, article.slug), article.title)
        found += [(frame_language(heading) != language, place, heading) for place, heading in enumerate(headings)]
    found.sort(key=lambda candidate: candidate[:2])
    return list(dict.fromkeys(heading for _, _, heading in found))[:_EXAMPLES]


def neighbouring_headings(snapshot: Snapshot, answer: Answer, asked: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the headings next to the cited sections, after each before the one in front of it; none of a refusal.

    asked: questions of the conversation; a heading that stands in one is not suggested again.
    """
    cited = dict.fromkeys((citation.article, citation.anchor, citation.title) for citation in answer.citations)
    used = {(slug, anchor) for slug, anchor, _ in cited}
    said = [question.casefold() for question in (*asked, answer.question)]
    behind: list[str] = []
    before: list[str] = []
    for slug, anchor, title in cited:
        sections = _sections(snapshot, slug)
        place = next((place for place, section in enumerate(sections) if section.anchor == anchor), len(sections))
        for found, side in ((behind, sections[place + 1 :]), (before, sections[:place][::-1])):
            found += _askable([section for section in side if (slug, section.anchor) not in used], title)[:1]
    headings = dict.fromkeys([*behind, *before])
    new = (heading for heading in headings if not any(heading.casefold() in question for question in said))
    return tuple(islice(new, _NEIGHBOURS))


def _sections(snapshot: Snapshot, slug: str) -> list[Section]:
    found = snapshot.article(slug)
    return found[2] if found else []


def _askable(sections: Iterable[Section], title: str) -> list[str]:
    """Return the headings that make a question: no title, none too long to be read at a glance."""
    return [
        section.heading
        for section in sections
        if section.level and section.heading != title and 1 < len(section.heading) <= _LONGEST_HEADING
    ]
