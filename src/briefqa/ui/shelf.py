"""The shelf of briefs: what the page's events do with the corpus view, and with the limits that it sets to questions.

Each handler takes what the browser holds, the scope and the words that titles are searched for, and returns what is
shown anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from html import escape
from typing import Any

import gradio as gr

from briefqa.api import BriefQA
from briefqa.indexing import BuildReport
from briefqa.store import Filters, Snapshot
from briefqa.ui.access import visitor
from briefqa.ui.briefs import render_briefs, render_changes, render_filters
from briefqa.ui.endpoints import Refused
from briefqa.ui.frame import render_top, render_upkeep
from briefqa.ui.freshness import Freshness
from briefqa.ui.rebuilding import Rebuilding, render_progress
from briefqa.ui.scope import change_scope, read_scope, render_scope
from briefqa.ui.sent import said, text
from briefqa.ui.strings import Strings, chosen

_LONGEST_SEARCH = 200
_AS_IT_IS = gr.skip()
_NOTHING = (_AS_IT_IS,) * 8


class Shelf:
    """What the page's events do with the corpus.

    Handlers that show all of it return, in this order: the bar on top, what an admin can do, what changed since the
    last build, the scope above the composer, the filters, the list of briefs, the words of the search, and the
    generation of the index.
    """

    def __init__(self, qa: BriefQA, freshness: Freshness, rebuilding: Rebuilding) -> None:
        self._qa = qa
        self._freshness = freshness
        self._rebuilding = rebuilding

    def enter(self, held: Any, search: Any, request: gr.Request) -> tuple[Any, ...]:
        """Show the corpus as it is indexed now."""
        strings, who = chosen(request), visitor(request)
        upkeep = render_upkeep(strings) if who.admin else ""
        with self._qa.store.snapshot() as snapshot:
            top = render_top(snapshot, who, strings)
            shown = self._narrowed(snapshot, read_scope(held), text(search, _LONGEST_SEARCH), strings)
            words = gr.update(placeholder=strings.search, label=strings.search)
            return top, upkeep, self._changes(snapshot, strings), *shown, words, snapshot.generation

    def catch_up(self, held: Any, search: Any, shown: Any, request: gr.Request) -> tuple[Any, ...]:
        """Show the corpus anew if a build has come since; after a question, which was answered from the new index."""
        with self._qa.store.snapshot() as snapshot:
            newer = shown not in (0, snapshot.generation)  # 0: the page is still being entered
        top, _, *rest = self.enter(held, search, request) if newer else _NOTHING
        return top, _AS_IT_IS, *rest  # what is said of uploads stays

    def compare(self, request: gr.Request) -> str:
        """Return what changed since the last build, after an upload."""
        with self._qa.store.snapshot() as snapshot:
            return self._changes(snapshot, chosen(request))

    def narrow(self, held: Any, search: Any, request: gr.Request, event: gr.EventData) -> tuple[Any, ...]:
        """Change the scope by what was clicked; returns the scope, and what shows it."""
        scope = change_scope(read_scope(held), said(event, "field"), said(event, "value"))
        with self._qa.store.snapshot() as snapshot:
            shown = self._narrowed(snapshot, scope, text(search, _LONGEST_SEARCH), chosen(request))
        return asdict(scope), *shown

    def search(self, held: Any, search: Any, request: gr.Request) -> str:
        """Return the list of briefs with these words in their titles."""
        with self._qa.store.snapshot() as snapshot:
            return render_briefs(snapshot, read_scope(held), text(search, _LONGEST_SEARCH), chosen(request))

    def rebuild(self, held: Any, search: Any, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Bring the index up to date, for an admin; show how far it is, and at the end a report above the corpus."""
        strings = chosen(request)
        if not visitor(request).admin:
            yield _NOTHING
            return
        report = ""
        for state in self._rebuilding.run():
            report = render_progress(state, strings)
            yield *_NOTHING[:2], report, *_NOTHING[3:]
        top, upkeep, changes, *rest = self.enter(held, search, request)
        yield top, upkeep, f"{report}{changes}", *rest

    def rebuild_now(self, request: gr.Request) -> BuildReport:
        """Bring the index up to date for a program; return the report. Raises Refused, and what the build raised."""
        if not visitor(request).admin:
            raise Refused("only an administrator may rebuild the index")
        *_, last = self._rebuilding.run()
        if last.report is None:
            raise last.error or Refused("the build ended without a report; the server's log says why")
        return last.report

    def _changes(self, snapshot: Snapshot, strings: Strings) -> str:
        changes = self._freshness.news(snapshot.generation).changes
        heading = f'<h2 class="bq-visually-hidden">{escape(strings.library)}</h2>'
        return f"{heading}{render_changes(changes, snapshot.info(), strings)}"

    def _narrowed(self, snapshot: Snapshot, scope: Filters, search: str, strings: Strings) -> tuple[str, str, str]:
        titles = {}
        for slug in scope.articles:
            found = snapshot.article(slug)
            if found:
                titles[slug] = found[0].title
        return (
            render_scope(scope, strings, titles),
            render_filters(snapshot, scope, strings),
            render_briefs(snapshot, scope, search, strings),
        )
