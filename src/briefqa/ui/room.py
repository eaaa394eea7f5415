"""The reading room: what happens to conversations. A handler takes what the browser holds, returns what is shown anew.

Whatever comes from a browser is checked here: keys are looked up under their owner, a scope is restored field by field,
and an event has text or nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr

from briefqa.api import BriefQA
from briefqa.conversations import Conversations, Turn
from briefqa.question import LONGEST_QUESTION
from briefqa.store import Filters
from briefqa.ui.access import Visitor, visitor
from briefqa.ui.downloads import make_download
from briefqa.ui.frame import render_drawer, render_source
from briefqa.ui.scope import read_scope
from briefqa.ui.strings import Strings, chosen
from briefqa.ui.suggestions import Suggestions
from briefqa.ui.talk import Talk
from briefqa.ui.turns import render_notice, render_turn, render_turns, render_welcome
from briefqa.writing import whole_characters

_LONGEST_KEY = 64
# What a handler leaves as it is.
_AS_IT_IS = gr.skip()


class Room:
    """What the page's events do with conversations.

    Handlers that change one return, in this order: its key, its earlier turns, its last one, the list of all, a notice,
    the composer, and the id of the turn that the composer's question stands for (0: a new one).
    """

    def __init__(self, qa: BriefQA, kept: Conversations) -> None:
        self._kept = kept
        self._suggestions = Suggestions(qa)
        self._talk = Talk(qa, kept, self._suggestions)

    def close(self) -> None:
        """End what is being written, as the server ends."""
        self._talk.close()

    def enter(self, held: Any, request: gr.Request) -> tuple[Any, ...]:
        """Show the page: the conversation that its address names, or the one that is held, or none yet.

        Returns a conversation's updates, then those of the frame: the panel's source, and the composer's two buttons.
        """
        strings, who = chosen(request), visitor(request)
        key = text(held) or text(request.query_params.get("c"))
        shown = self._conversation(who, key, strings)
        composer = gr.update(placeholder=strings.ask_about)
        # Of the Chinese codes Gradio's own choice of language knows zh-CN and zh-TW alone, and it cannot be switched.
        buttons = gr.update(value=strings.ask), gr.update(value=strings.stop)
        return *shown, "", composer, 0, render_source(strings), *buttons

    def follow_link(self, held: Any, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Ask what a link of the form ?q=… asks; an address that names a conversation has its answer already."""
        question = request.query_params.get("q")
        if question and not request.query_params.get("c"):
            yield from self._ask(question, 0, "", read_scope(held), request)
        else:
            yield (_AS_IT_IS,) * 7

    def ask(
        self, question: Any, instead_of: Any, held: Any, scope: Any, request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        """Ask a question in the conversation that is held, and show its answer as it is written."""
        replaced = instead_of if isinstance(instead_of, int) else 0
        yield from self._ask(question, replaced, text(held), read_scope(scope), request)

    def ask_example(self, held: Any, scope: Any, request: gr.Request, event: gr.EventData) -> Iterator[tuple[Any, ...]]:
        """Ask the question that was clicked."""
        yield from self._ask(said(event, "question"), 0, text(held), read_scope(scope), request)

    def ask_again(self, held: Any, request: gr.Request, event: gr.EventData) -> Iterator[tuple[Any, ...]]:
        """Ask a turn's question once more, of the same articles."""
        turn = self._chosen(held, request, event)
        if turn:
            yield from self._ask(turn.question, turn.id, text(held), turn.scope, request)
        else:
            yield (_AS_IT_IS,) * 7

    def edit(self, held: Any, request: gr.Request, event: gr.EventData) -> tuple[Any, ...]:
        """Put a turn's question into the composer; what is asked next stands in its place."""
        turn = self._chosen(held, request, event)
        if turn is None:
            return (_AS_IT_IS,) * 7
        notice = f'<p class="bq-hint">{escape(chosen(request).editing)}</p>'
        return *(_AS_IT_IS,) * 4, notice, turn.question, turn.id

    def stop(self, held: Any, request: gr.Request) -> tuple[Any, ...]:
        """End the answer that is being written."""
        strings, who = chosen(request), visitor(request)
        self._talk.stop(who.owner, text(held))
        return *self._conversation(who, text(held), strings), "", _AS_IT_IS, 0

    def clear(self, request: gr.Request) -> tuple[Any, ...]:
        """Begin anew; the conversation that was shown stays in the list."""
        return *self._conversation(visitor(request), "", chosen(request)), "", "", 0

    def open(self, request: gr.Request, event: gr.EventData) -> tuple[Any, ...]:
        """Show the conversation that was chosen in the list."""
        return *self._conversation(visitor(request), said(event, "conversation"), chosen(request)), "", "", 0

    def rename(self, held: Any, request: gr.Request, event: gr.EventData) -> str:
        """Give a conversation another title; returns the list."""
        strings, who = chosen(request), visitor(request)
        self._kept.rename(who.owner, said(event, "conversation"), whole_characters(said(event, "title", 500)))
        return self._drawer(who, text(held), strings)

    def delete(self, held: Any, request: gr.Request, event: gr.EventData) -> tuple[Any, ...]:
        """Delete a conversation; the one that is shown gives way to an empty one."""
        strings, who = chosen(request), visitor(request)
        key = said(event, "conversation")
        self._kept.delete(who.owner, key)
        if key == text(held):
            return *self._conversation(who, "", strings), "", _AS_IT_IS, 0
        return *(_AS_IT_IS,) * 3, self._drawer(who, text(held), strings), *(_AS_IT_IS,) * 3

    def list_again(self, held: Any, request: gr.Request) -> str:
        """Return the list of conversations, with those of other windows."""
        return self._drawer(visitor(request), text(held), chosen(request))

    def rate(self, held: Any, request: gr.Request, event: gr.EventData) -> tuple[Any, ...]:
        """Keep what somebody thinks of an answer; the same thumb once more takes it back. Returns the turns."""
        strings, who = chosen(request), visitor(request)
        turn = self._chosen(held, request, event)
        if turn is None:
            return _AS_IT_IS, _AS_IT_IS
        rating, comment = said(event, "rating"), whole_characters(said(event, "comment", 10_000))
        rating = "" if rating == turn.rating and not comment else rating
        self._kept.rate(who.owner, text(held), turn.id, rating, comment)
        _, earlier, last, _ = self._conversation(who, text(held), strings)
        return earlier, last

    def export(self, held: Any, request: gr.Request, event: gr.EventData) -> dict[str, str] | None:
        """Return the file that was chosen in a menu."""
        turns = self._talk.turns(visitor(request).owner, text(held))
        return make_download(turns, said(event, "format"), said(event, "turn"))

    def _ask(
        self, question: Any, instead_of: int, key: str, scope: Filters, request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        strings, who = chosen(request), visitor(request)
        question = whole_characters(question).strip() if isinstance(question, str) else ""
        if refused := check_length(question, strings):
            yield *(_AS_IT_IS,) * 4, render_notice(refused), _AS_IT_IS, _AS_IT_IS
            return
        begun = False
        for talked, turns in self._talk.ask(who.owner, key, question, scope, instead_of):
            last = self._last(turns, talked, strings)
            if begun:
                yield _AS_IT_IS, _AS_IT_IS, last, *(_AS_IT_IS,) * 4
            else:
                yield talked, self._earlier(turns, strings), last, self._drawer(who, talked, strings), "", "", 0
            begun = True

    def _conversation(self, who: Visitor, key: str, strings: Strings) -> tuple[str, str, str, str]:
        """Return a conversation's key, its earlier turns, its last one, and the list; the welcome for an empty one."""
        turns = self._talk.turns(who.owner, key)
        if turns:
            shown = self._earlier(turns, strings), self._last(turns, key, strings)
        else:
            key, shown = "", ("", self._welcome(strings))
        return key, *shown, self._drawer(who, key, strings)

    def _earlier(self, turns: tuple[Turn, ...], strings: Strings) -> str:
        return f'<div class="bq-turns">{render_turns(turns[:-1], strings)}</div>' if turns[1:] else ""

    def _last(self, turns: tuple[Turn, ...], key: str, strings: Strings) -> str:
        last = render_turn(turns[-1], strings, last=True)
        return f'<div class="bq-turns" role="log" data-conversation="{escape(key)}">{last}</div>'

    def _welcome(self, strings: Strings) -> str:
        questions = self._suggestions.to_begin(strings)
        return f'<div class="bq-turns" data-conversation="">{render_welcome(questions, strings)}</div>'

    def _drawer(self, who: Visitor, key: str, strings: Strings) -> str:
        return render_drawer(self._kept.listed(who.owner), key, strings)

    def _chosen(self, held: Any, request: gr.Request, event: gr.EventData) -> Turn | None:
        """Return the turn that an event is about."""
        turns = self._talk.turns(visitor(request).owner, text(held))
        return next((turn for turn in turns if str(turn.id) == said(event, "turn")), None)


def check_length(question: str, strings: Strings) -> str:
    """Say why this is no question, or return "" for one."""
    if not question:
        return strings.question_empty
    if len(question) > LONGEST_QUESTION:
        return strings.question_long.format(count=f"{len(question):,}", longest=f"{LONGEST_QUESTION:,}")
    return ""


def text(value: Any, longest: int = _LONGEST_KEY) -> str:
    """Return a value of a browser's if it is text of at most this many characters, else ""."""
    return value if isinstance(value, str) and len(value) <= longest else ""


def said(event: gr.EventData, name: str, longest: int = LONGEST_QUESTION) -> str:
    """Return what an event says by a name, "" where it says nothing, too much, or no text."""
    return text(event._data.get(name) if isinstance(event._data, dict) else "", longest)
