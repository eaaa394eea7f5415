"""Asking in a conversation: each turn is kept before it is shown, and whatever ends it, it stays in the conversation.

for key, turns in talk.ask(owner, key, "which chips are banned?", scope):
    ...                                 # the conversation with its last turn as it grows
talk.stop(owner, key)                   # from another thread
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from queue import SimpleQueue

from briefqa.answer import Answer
from briefqa.api import BriefQA
from briefqa.conversations import Conversations, Turn
from briefqa.errors import BriefqaError, QuestionError
from briefqa.store import Filters
from briefqa.ui.scope import filter_options
from briefqa.ui.suggestions import Suggestions

_log = logging.getLogger(__name__)

Talked = tuple[str, tuple[Turn, ...]]
"""A conversation's key and its turns."""


class Talk:
    """The conversations of all who are here."""

    def __init__(self, qa: BriefQA, kept: Conversations, suggestions: Suggestions) -> None:
        self._qa = qa
        self._suggestions = suggestions
        self._kept = kept
        self._writing: dict[int, Turn] = {}
        self._writers: dict[int, _Writer] = {}
        self._lock = threading.Lock()

    def turns(self, owner: str, key: str) -> tuple[Turn, ...]:
        """Return the turns of a conversation; none of one that is not there, or is not this owner's.

        A turn that nobody is writing any more, since the server ended or its page was closed, counts as stopped.
        """
        turns = self._kept.turns(owner, key) or ()
        return tuple(
            replace(turn, state="stopped") if turn.state == "reading" and turn.id not in self._writing else turn
            for turn in turns
        )

    def ask(self, owner: str, key: str, question: str, scope: Filters, instead_of: int = 0) -> Iterator[Talked]:
        """Yield the conversation as the answer grows; one is begun where the key leads to none of this owner's.

        instead_of: id of the turn that is asked again, or otherwise; see `Conversations.cut`. Raises nothing for a
        question that fails: its turn then says so.
        """
        if instead_of:
            key = self._kept.cut(owner, key, instead_of)
        if self._kept.turns(owner, key) is None:
            key = self._kept.begin(owner, question)
        earlier = self.turns(owner, key)
        turn = self._kept.add(owner, key, Turn(question, scope=scope))
        if turn is None:  # deleted in this moment, in another window
            yield from self.ask(owner, "", question, scope)
            return
        writer = _Writer(self._answers(turn, earlier))
        self._writing[turn.id], self._writers[turn.id] = turn, writer
        try:
            yield key, (*earlier, turn)
            writer.start()
            for answer in writer.versions():
                turn = replace(turn, answer=answer)
                with self._lock:
                    if turn.id not in self._writing:
                        return
                    self._writing[turn.id] = turn
                if answer.worded_by:  # a version of what a model writes; quotes come at once, and whole
                    yield key, (*earlier, turn)
            turn = replace(turn, state="done")
        except QuestionError as error:
            turn = replace(turn, state="failed", detail=str(error))
        except Exception as error:
            # Messages may name folders of the server, so they are for its log alone.
            _log.exception(
                "a question could not be answered", exc_info=None if isinstance(error, BriefqaError) else error
            )
            turn = replace(turn, state="failed")
        finally:
            if turn.state == "reading":  # whoever listened has gone
                self._end(replace(turn, state="stopped"))
        if self._end(turn):
            yield key, (*earlier, turn)
            if neighbours := self._neighbours(turn, earlier):
                turn = self._kept.suggest(turn, neighbours)
                yield key, (*earlier, turn)

    def stop(self, owner: str, key: str) -> None:
        """End the answer that is being written in a conversation, and keep what there is of it."""
        for turn in self._kept.turns(owner, key) or ():
            if turn.state == "reading":
                self._end(replace(self._writing.get(turn.id, turn), state="stopped"))

    def close(self) -> None:
        """End all answers that are being written, as the server ends."""
        for turn in list(self._writing.values()):
            self._end(replace(turn, state="stopped"))

    def _answers(self, turn: Turn, earlier: tuple[Turn, ...]) -> Iterator[Answer]:
        history = [past.answer for past in earlier if past.answer]
        return self._qa.ask_stream(turn.question, history, **filter_options(turn.scope))

    def _neighbours(self, turn: Turn, earlier: tuple[Turn, ...]) -> tuple[str, ...]:
        if turn.answer is None or not turn.answer.answered or turn.state != "done":
            return ()
        try:
            return self._suggestions.to_go_on(turn.answer, [past.question for past in earlier], turn.scope)
        except BriefqaError as error:
            _log.warning("no question to go on with: %s", error)
            return ()

    def _end(self, turn: Turn) -> bool:
        """Keep a turn's last state, once; False where it has ended already."""
        with self._lock:
            if self._writing.pop(turn.id, None) is None:
                return False
            writer = self._writers.pop(turn.id)
        writer.stop()
        self._kept.put(turn)
        return True


class _Writer(threading.Thread):
    """Writes an answer, so that nobody has to wait for a model that says nothing, to stop it or to end the server."""

    def __init__(self, answers: Iterator[Answer]) -> None:
        super().__init__(name="answer", daemon=True)
        self._answers = answers
        self._written: SimpleQueue[Answer | Exception | None] = SimpleQueue()
        self._stopped = False

    def run(self) -> None:
        try:
            for answer in self._answers:
                if self._stopped:
                    return
                self._written.put(answer)
            self._written.put(None)
        except Exception as error:
            self._written.put(error)

    def versions(self) -> Iterator[Answer]:
        """Yield each version of the answer, until it is whole or stopped. Raises what its writing raised."""
        while (written := self._written.get()) is not None:
            if isinstance(written, Exception):
                raise written
            yield written

    def stop(self) -> None:
        self._stopped = True
        self._written.put(None)
