"""Questions to ask, made of the corpus's own headings. None is suggested that the briefs would not answer.

suggestions = Suggestions(qa)
suggestions.to_begin(strings)                   # of the newest briefs, for an empty conversation
suggestions.to_go_on(answer, asked, scope)      # headings of the sections beside those that were cited
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from briefqa.answer import Answer
from briefqa.api import BriefQA
from briefqa.question import frame_language
from briefqa.store import Filters, Snapshot
from briefqa.ui.scope import filter_options
from briefqa.ui.strings import LANGUAGES, Strings

_EXAMPLES = 4
_NEIGHBOURS = 3
# Headings that are tried for a suggestion; each costs some 30 ms.
_MOST_TRIED = 12
_LONGEST_HEADING = 48
# Examples come from the newest briefs.
_EXAMPLE_ARTICLES = 12


class Suggestions:
    """What the briefs would answer. Safe to share between threads."""

    def __init__(self, qa: BriefQA) -> None:
        self._qa = qa
        self._examples: dict[tuple[int, str], list[str]] = {}
        self._lock = threading.Lock()

    def to_begin(self, strings: Strings) -> list[str]:
        """Return questions about the newest briefs, those in the reader's language first; made once a build."""
        with self._qa.store.snapshot() as snapshot:
            made_for = snapshot.generation, strings.language
            headings = _example_headings(snapshot, strings.language)
        with self._lock:  # of many pages that are opened at once, one has the work
            if made_for not in self._examples:
                if len(self._examples) >= len(LANGUAGES):
                    self._examples.clear()
                answered = self._answered(headings, strings, Filters())
                self._examples[made_for] = [question_about(heading, strings) for heading in islice(answered, _EXAMPLES)]
            return self._examples[made_for]

    def to_go_on(self, answer: Answer, asked: Sequence[str], scope: Filters) -> tuple[str, ...]:
        """Return headings next to the cited sections; none of a refusal.

        asked: questions of the conversation; a heading that stands in one is not suggested again. scope: which briefs
        the questions are asked of.
        """
        said = [question.casefold() for question in (*asked, answer.question)]
        with self._qa.store.snapshot() as snapshot:
            found = _neighbouring_headings(snapshot, answer)
        new = [heading for heading in found if not any(heading.casefold() in question for question in said)]
        strings = LANGUAGES[frame_language(answer.question)]
        return tuple(islice(self._answered(new, strings, scope), _NEIGHBOURS))

    def _answered(self, headings: Iterable[str], strings: Strings, scope: Filters) -> Iterator[str]:
        for heading in islice(headings, _MOST_TRIED):
            if self._qa.quote(question_about(heading, strings), **filter_options(scope)).answered:
                yield heading


def question_about(heading: str, strings: Strings) -> str:
    """Return the question that a heading is suggested as."""
    return strings.example.format(heading=heading)


def _example_headings(snapshot: Snapshot, language: str) -> list[str]:
    """Return headings of the newest briefs, one of each before a second of any, those in the language first."""
    newest = snapshot.articles()[:_EXAMPLE_ARTICLES]
    sections = snapshot.headings(article.slug for article in newest)
    found = []
    for article in newest:
        headings = _askable(sections[article.slug], article.title)
        found += [(frame_language(heading) != language, place, heading) for place, heading in enumerate(headings)]
    found.sort(key=lambda candidate: candidate[:2])
    return list(dict.fromkeys(heading for _, _, heading in found))


def _neighbouring_headings(snapshot: Snapshot, answer: Answer) -> list[str]:
    """Return the headings behind the cited sections, and then those in front of them."""
    cited = dict.fromkeys((citation.article, citation.anchor, citation.title) for citation in answer.citations)
    used = {(slug, anchor) for slug, anchor, _ in cited}
    sections = snapshot.headings(slug for slug, _, _ in cited)
    behind: list[str] = []
    before: list[str] = []
    for slug, anchor, title in cited:
        anchors = [known for known, _ in sections[slug]]
        place = anchors.index(anchor) if anchor in anchors else len(anchors) if anchor else -1  # -1: before the first
        sides = sections[slug][place + 1 :], sections[slug][: max(place, 0)][::-1]
        for found, side in zip((behind, before), sides, strict=True):
            found += _askable([section for section in side if (slug, section[0]) not in used], title)[:2]
    return list(dict.fromkeys([*behind, *before]))


def _askable(sections: Iterable[tuple[str, str]], title: str) -> list[str]:
    """Return the headings of (anchor, heading) that make a question: no title, none too long to be read at a glance."""
    return [heading for _, heading in sections if heading != title and 1 < len(heading) <= _LONGEST_HEADING]
