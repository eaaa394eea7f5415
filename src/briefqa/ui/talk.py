"""Asking in a conversation. Each answer is written in a thread of its own and kept, whether or not anybody watches.

    key = talk.ask(owner, key, "which chips are banned?", scope)
    for turns in talk.follow(owner, key):   # the conversation whenever its last turn has grown, None between
        ...
    talk.stop(owner, key)                   # keeps what there is

A page that is closed, or shows another conversation, loses nothing: who comes back follows the answer, or finds it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace

from briefqa.api import BriefQA
from briefqa.conversations import Conversations, Turn
from briefqa.errors import BriefqaError, QuestionError
from briefqa.store import Filters
from briefqa.ui.scope import filter_options
from briefqa.ui.suggestions import Suggestions

# Who follows an answer can leave at these intervals.
_SECONDS_BETWEEN_SIGNS = 0.25

_log = logging.getLogger(__name__)


class _Writing:
    """An answer that is being written. turn: what there is of it. ended: its last state has been kept."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.ended = False
        self.settled = False  # nothing more will change, not even what may be asked next
        self.changed = threading.Condition()

    def tell(self, turn: Turn, settled: bool = False) -> None:
        """Show what there is now to all who follow."""
        with self.changed:
            self.turn, self.settled = turn, settled
            self.changed.notify_all()


class Talk:
    """The conversations of all who are here. workers: how many answers are written at a time; the others wait."""

    def __init__(self, qa: BriefQA, kept: Conversations, suggestions: Suggestions, workers: int) -> None:
        self._qa = qa
        self._kept = kept
        self._suggestions = suggestions
        self._writing: dict[int, _Writing] = {}
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(workers)

    def close(self) -> None:
        """Stop all answers and keep what there is of them."""
        for writing in list(self._writing.values()):
            self._end(writing, replace(writing.turn, state="stopped"))

    def turns(self, owner: str, key: str) -> tuple[Turn, ...]:
        """Return the turns of a conversation; none of one that is not there, or is not this owner's.

        A turn that nobody writes any more, since the server ended in the midst of it, counts as stopped.
        """
        return tuple(self._as_it_is(turn) for turn in self._kept.turns(owner, key) or ())

    def ask(self, owner: str, key: str, question: str, scope: Filters, instead_of: int = 0) -> str:
        """Ask a question and return the key of its conversation, a new one where the key leads to none of this owner's.

        instead_of: id of the turn that is asked again, or otherwise; see `Conversations.cut`. A question that fails
        raises nothing: its turn then says so.
        """
        earlier = self.turns(owner, key)
        if any(turn.id == instead_of for turn in earlier):  # ids are easily guessed
            self._stop_turn(instead_of)
            key = self._kept.cut(owner, key, instead_of)
            earlier = self.turns(owner, key)
        turn = self._kept.add(owner, key, Turn(question, scope=scope)) if key else None
        if turn is None:  # a new conversation, or one that was deleted in another window
            key, earlier = self._kept.begin(owner, question), ()
            turn = self._kept.add(owner, key, Turn(question, scope=scope))
            assert turn is not None
        writing = self._writing[turn.id] = _Writing(turn)
        # A daemon: a server that is stopped does not wait for a language model.
        threading.Thread(target=self._write, args=(writing, earlier), name="answer", daemon=True).start()
        return key

    def follow(self, owner: str, key: str) -> Iterator[tuple[Turn, ...] | None]:
        """Yield the conversation, and again whenever its last turn has grown, until that is answered.

        None is yielded between, so that who follows can leave.
        """
        turns = self._kept.turns(owner, key) or ()
        writing = self._writing.get(turns[-1].id) if turns else None
        if writing is None:
            return
        earlier = tuple(self._as_it_is(turn) for turn in turns[:-1])
        shown = None
        while shown is None or shown.state == "reading":
            with writing.changed:
                if writing.turn is shown:
                    writing.changed.wait(_SECONDS_BETWEEN_SIGNS)
                turn = writing.turn
            yield None if turn is shown else (*earlier, turn)
            shown = turn

    def settle(self, owner: str, key: str) -> None:
        """Wait until it is known what may be asked after the last answer of a conversation, where that is there."""
        turns = self._kept.turns(owner, key) or ()
        writing = self._writing.get(turns[-1].id) if turns else None
        if writing and writing.turn.state != "reading":
            with writing.changed:
                writing.changed.wait_for(lambda: writing.settled)

    def stop(self, owner: str, key: str) -> None:
        """End the answer that is being written in a conversation, and keep what there is of it."""
        for turn in self._kept.turns(owner, key) or ():
            self._stop_turn(turn.id)

    def _stop_turn(self, turn_id: int) -> None:
        if writing := self._writing.get(turn_id):
            self._end(writing, replace(writing.turn, state="stopped"))

    def _as_it_is(self, turn: Turn) -> Turn:
        if turn.state != "reading":
            return turn
        writing = self._writing.get(turn.id)
        return writing.turn if writing else replace(turn, state="stopped")

    def _write(self, writing: _Writing, earlier: tuple[Turn, ...]) -> None:
        with self._places:
            turn = self._answer(writing, earlier)
            if self._end(writing, turn, settled=turn.state != "done"):
                self._suggest(writing, turn, earlier)

    def _answer(self, writing: _Writing, earlier: tuple[Turn, ...]) -> Turn:
        turn = writing.turn
        history = [past.answer for past in earlier if past.answer]
        try:
            for answer in self._qa.ask_stream(turn.question, history, **filter_options(turn.scope)):
                turn = replace(turn, answer=answer)
                if writing.ended:
                    return turn
                if answer.worded_by:  # a version of what a model writes; quotes come at once, and whole
                    writing.tell(turn)
            return replace(turn, state="done")
        except QuestionError as error:
            return replace(turn, state="failed", detail=str(error))
        except Exception as error:
            # Messages may name folders of the server, so they are for its log alone.
            known = isinstance(error, BriefqaError)
            _log.error("a question could not be answered: %s", error, exc_info=None if known else error)
            return replace(turn, state="failed")

    def _end(self, writing: _Writing, turn: Turn, settled: bool = True) -> bool:
        """Keep a turn's last state, once; False where it has ended already."""
        with self._lock:
            if writing.ended:
                return False
            writing.ended = True
        try:
            self._kept.put(turn)
        except BriefqaError as error:
            _log.error("an answer could not be kept: %s", error)
        if settled:
            self._writing.pop(turn.id, None)
        writing.tell(turn, settled)
        return True

    def _suggest(self, writing: _Writing, turn: Turn, earlier: tuple[Turn, ...]) -> None:
        """Find what may be asked next, after the answer is shown."""
        try:
            if turn.answer and turn.answer.answered:
                asked = [past.question for past in earlier]
                neighbours = self._suggestions.to_go_on(turn.answer, asked, turn.scope)
                turn = self._kept.suggest(turn, neighbours) if neighbours else turn
        except BriefqaError as error:
            _log.warning("no question to go on with: %s", error)
        finally:
            self._writing.pop(turn.id, None)
            writing.tell(turn, settled=True)
