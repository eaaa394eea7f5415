"""The reading room: what happens to conversations. A handler takes what the browser holds, returns what is shown anew.

Whatever comes from a browser is checked here: keys are looked up under their owner, a scope is restored field by field,
and an event has text or nothing.
"""

from __future__ import annotations

import itertools
import threading
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
from briefqa.ui.sent import said, text
from briefqa.ui.strings import Strings, chosen
from briefqa.ui.suggestions import Suggestions
from briefqa.ui.talk import Talk
from briefqa.ui.turns import render_editing, render_notice, render_turn, render_turns, render_welcome
from briefqa.writing import whole_characters

# What a handler leaves as it is.
_AS_IT_IS = gr.skip()
_NOTHING = (_AS_IT_IS,) * 7
_SHOWN = itertools.count(1)
# Open pages whose showing is known; with more, the one that was silent for longest is forgotten.
_MOST_PAGES = 10_000


class Room:
    """What the page's events do with conversations.

    Handlers that change one return, in this order: its key, its earlier turns, its last one, the list of all, a notice,
    the composer, and the id of the turn that the composer's question stands for (0: a new one).
    """

    def __init__(self, qa: BriefQA, kept: Conversations, workers: int) -> None:
        self._kept = kept
        self._suggestions = Suggestions(qa)
        self._talk = Talk(qa, kept, self._suggestions, workers)
        self._showing = _Showing()

    def close(self) -> None:
        """End the answers that are being written."""
        self._talk.close()

    def enter(self, request: gr.Request) -> tuple[Any, ...]:
        """Show the page with the conversation that its address names, or none yet.

        Returns a conversation's updates, then those of the frame: the panel's source, and the composer's two buttons.
        """
        *shown, _ = self.translate(text(request.query_params.get("c")), request)
        return tuple(shown)

    def translate(self, held: Any, request: gr.Request) -> tuple[Any, ...]:
        """Show the page in the language that was chosen, with the conversation that is held.

        Returns what `enter` does, and a number by which the page knows that an answer is to be followed anew.
        """
        strings = chosen(request)
        shown = self._conversation(visitor(request), text(held), strings)
        composer = gr.update(placeholder=strings.ask_about, label=strings.question)
        # Of the Chinese codes Gradio's own choice of language knows zh-CN and zh-TW alone, and it cannot be switched.
        buttons = gr.update(value=strings.ask), gr.update(value=strings.stop)
        return *shown, "", composer, 0, render_source(strings), *buttons, next(_SHOWN)

    def follow_link(self, held: Any, scope: Any, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Ask what a link of the form ?q=… asks, or follow the answer that is being written in what ?c=… shows."""
        question = request.query_params.get("q")
        if question and not request.query_params.get("c"):
            yield from self._ask(question, 0, "", read_scope(scope), request)
        else:
            yield from self.follow(held, request)

    def follow(self, held: Any, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Show the answer that is being written in the conversation that is held, if there is one, as it grows."""
        showing = self._showing.another(request)
        yield _NOTHING
        yield from self._follow(text(held), "", showing, request)

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
            yield _NOTHING

    def go_on(self, held: Any, request: gr.Request) -> Any:
        """Return the last turn of the conversation that is held once it is known what may be asked next.

        An event of its own, so that the next question need not wait for this.
        """
        showing = self._showing.now(request)
        owner, key = visitor(request).owner, text(held)
        self._talk.settle(owner, key)
        turns = self._talk.turns(owner, key)
        found = bool(turns and turns[-1].neighbours)
        return self._last(turns, key, chosen(request)) if found and self._showing.still(request, showing) else _AS_IT_IS

    def edit(self, held: Any, request: gr.Request, event: gr.EventData) -> tuple[Any, ...]:
        """Put a turn's question into the composer; what is asked next stands in its place."""
        turn = self._chosen(held, request, event)
        if turn is None:
            return _NOTHING
        return *_NOTHING[:4], render_editing(chosen(request)), turn.question, turn.id

    def keep(self) -> tuple[Any, ...]:
        """Leave the question that was being changed as it is."""
        return *_NOTHING[:4], "", "", 0

    def stop(self, held: Any, request: gr.Request) -> tuple[Any, ...]:
        """End the answer that is being written."""
        strings, who = chosen(request), visitor(request)
        self._showing.another(request)
        self._talk.stop(who.owner, text(held))
        return *self._conversation(who, text(held), strings), "", _AS_IT_IS, 0

    def clear(self, request: gr.Request) -> tuple[Any, ...]:
        """Begin anew; the conversation that was shown stays in the list."""
        self._showing.another(request)
        return *self._conversation(visitor(request), "", chosen(request)), "", "", 0

    def open(self, request: gr.Request, event: gr.EventData) -> tuple[Any, ...]:
        """Show the conversation that was chosen in the list; the last that is returned is as in `translate`."""
        self._showing.another(request)
        shown = self._conversation(visitor(request), said(event, "conversation"), chosen(request))
        return *shown, "", "", 0, next(_SHOWN)

    def rename(self, held: Any, request: gr.Request, event: gr.EventData) -> str:
        """Give a conversation another title; returns the list."""
        strings, who = chosen(request), visitor(request)
        self._kept.rename(who.owner, said(event, "conversation"), said(event, "title", 500))
        return self._drawer(who, text(held), strings)

    def delete(self, held: Any, request: gr.Request, event: gr.EventData) -> tuple[Any, ...]:
        """Delete a conversation; the one that is shown gives way to an empty one. Returns what `open` does."""
        strings, who = chosen(request), visitor(request)
        key = said(event, "conversation")
        self._talk.stop(who.owner, key)
        self._kept.delete(who.owner, key)
        if key == text(held):
            self._showing.another(request)
            return *self._conversation(who, "", strings), "", _AS_IT_IS, 0, next(_SHOWN)
        return *_NOTHING[:3], self._drawer(who, text(held), strings), *_NOTHING[4:], next(_SHOWN)

    def list_again(self, held: Any, request: gr.Request) -> str:
        """Return the list of conversations, with those of other windows."""
        return self._drawer(visitor(request), text(held), chosen(request))

    def rate(self, held: Any, request: gr.Request, event: gr.EventData) -> tuple[Any, ...]:
        """Keep what somebody thinks of an answer; the same thumb once more takes it back. Returns the turns."""
        strings, who = chosen(request), visitor(request)
        turn = self._chosen(held, request, event)
        if turn is None:
            return _AS_IT_IS, _AS_IT_IS
        rating, comment = said(event, "rating"), said(event, "comment", 10_000)
        if rating in ("up", "down"):
            again = rating == turn.rating and "comment" not in event._data  # an empty comment is no second thumb
            self._kept.rate(who.owner, text(held), turn.id, "" if again else rating, comment)
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
            yield *_NOTHING[:4], render_notice(refused), *_NOTHING[5:]
            return
        showing = self._showing.another(request)
        key = self._talk.ask(who.owner, key, question, scope, instead_of)
        shown = self._conversation(who, key, strings)
        yield *shown, "", "", 0
        yield from self._follow(key, shown[2], showing, request)

    def _follow(self, key: str, last: str, showing: int, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Show a conversation's last turn as it grows, as long as the page shows nothing else. last: what it shows."""
        strings, who = chosen(request), visitor(request)
        for turns in self._talk.follow(who.owner, key):
            if not self._showing.still(request, showing):
                break
            if turns:
                last = self._last(turns, key, strings)
            yield self._grown(last) if turns else _NOTHING
        turns = self._talk.turns(who.owner, key)  # quotes take 30 ms: all may have been there before it was followed
        whole = self._last(turns, key, strings) if turns else last
        if whole != last and self._showing.still(request, showing):
            yield self._grown(whole)
        yield _NOTHING  # Gradio tells what came last once more

    def _grown(self, last: str) -> tuple[Any, ...]:
        return _AS_IT_IS, _AS_IT_IS, last, *_NOTHING[3:]

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


class _Showing:
    """Which conversation each open page was told last to show, by numbers: a page takes what it is told, even too late.

    Gradio cancels what a page no longer waits for, but not before the next thing is under way.
    """

    def __init__(self) -> None:
        self._pages: dict[str | None, int] = {}
        self._lock = threading.Lock()

    def another(self, request: gr.Request) -> int:
        """Say that the page shows something else from now on; return its number."""
        with self._lock:
            self._pages.pop(request.session_hash, None)  # so that the page is the last of all to be forgotten
            number = self._pages[request.session_hash] = next(_SHOWN)
            if len(self._pages) > _MOST_PAGES:
                del self._pages[next(iter(self._pages))]
        return number

    def now(self, request: gr.Request) -> int:
        """Return the number of what the page shows, 0 where that is not known."""
        return self._pages.get(request.session_hash, 0)

    def still(self, request: gr.Request, number: int) -> bool:
        """Say whether the page shows this, as far as is known."""
        return self._pages.get(request.session_hash, number) == number


def check_length(question: str, strings: Strings) -> str:
    """Say why this is no question, or return "" for one."""
    if not question:
        return strings.question_empty
    if len(question) > LONGEST_QUESTION:
        return strings.question_long.format(count=f"{len(question):,}", longest=f"{LONGEST_QUESTION:,}")
    return ""
