"""Asking in a conversation: an answer is kept whatever becomes of the page, and nobody waits for another's model."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import BigramEncoder
from scripted import Act, Request, fails, serving

from briefqa.answer import Answer
from briefqa.api import BriefQA
from briefqa.conversations import Conversations, Turn
from briefqa.errors import ConversationsError, LLMError
from briefqa.llm import Endpoint
from briefqa.store import Filters
from briefqa.ui.suggestions import Suggestions
from briefqa.ui.talk import Talk

BANNED = "Blackwell系列与Rubin芯片仍在禁止清单上？"
NOWHERE = Filters()


def wait_until(true: Callable[[], object]) -> None:
    ends = time.monotonic() + 20
    while not true():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.005)


@contextmanager
def talking(qa: BriefQA, folder: Path, workers: int = 8) -> Iterator[Talk]:
    kept = Conversations(folder)
    talk = Talk(qa, kept, Suggestions(qa), workers)
    try:
        yield talk
    finally:
        talk.close()
        wait_until(lambda: not [each for each in threading.enumerate() if each.name == "answer"])
        kept.close()


@pytest.fixture
def qa(index: Path, encoder: BigramEncoder) -> Iterator[BriefQA]:
    with BriefQA(index, encoder) as qa:
        yield qa


@pytest.fixture
def talk(qa: BriefQA, index: Path) -> Iterator[Talk]:
    with talking(qa, index) as talk:
        yield talk


def answered(talk: Talk, owner: str, key: str) -> tuple[Turn, ...]:
    """Return a conversation once nothing of it will change."""
    wait_until(lambda: not any(turn.id in talk._writing for turn in talk.turns(owner, key)))
    return talk.turns(owner, key)


def ask(talk: Talk, owner: str, key: str, question: str, instead_of: int = 0, scope: Filters = NOWHERE) -> str:
    key = talk.ask(owner, key, question, scope, instead_of)
    answered(talk, owner, key)
    return key


class Model:
    """A language model that writes until a test says how it ends; requests: how many have begun."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go = threading.Event()

    def __call__(self, request: Request) -> None:
        request.head()
        if "<source-" in request.prompt:
            (key,) = re.findall(r"key=(\w+)>(?:(?!</source-).)*?Rubin", request.prompt, re.DOTALL)[:1]
            request.event(f"Blackwell系列与Rubin芯片仍在禁止清单上[{key}]。")
            request.event("其他芯片")
            self.begun.release()
            assert self.go.wait(20)
            request.event(f"H200的出口已获批[{key}]。")
        request.event(None, "stop")
        request.write("data: [DONE]\n\n")


@contextmanager
def modelled(index: Path, act: Act, monkeypatch: pytest.MonkeyPatch, workers: int = 8) -> Iterator[Talk]:
    """Talk with a language model that acts so."""
    monkeypatch.setattr("briefqa.llm.writer._PAUSE", 0)
    with serving(act) as server, BriefQA(index, BigramEncoder(), Endpoint(server.url, "tiny")) as qa:
        with talking(qa, index, workers) as talk:
            yield talk


# Answered.


def test_a_question_is_answered_in_a_conversation_of_its_own(talk: Talk, qa: BriefQA) -> None:
    key = ask(talk, "ann", "", BANNED)
    (turn,) = talk.turns("ann", key)
    assert (turn.question, turn.state, turn.detail) == (BANNED, "done", "")
    assert turn.answer and turn.answer == qa.ask(BANNED)
    assert talk.turns("bob", key) == ()
    assert ask(talk, "bob", key, "芯片") != key  # a key that is another's begins a conversation
    assert len(talk.turns("ann", key)) == 1


def test_a_turn_is_answered_with_what_was_said_before(talk: Talk) -> None:
    key = ask(talk, "ann", "", "Blackwell系列在禁止清单上吗？")
    assert ask(talk, "ann", key, "那Rubin呢？") == key
    first, second = (turn.answer for turn in talk.turns("ann", key))
    assert first and second
    assert (first.understood, second.understood) == ("", "Rubin系列在禁止清单上吗？")


def test_a_scope_limits_what_is_asked_and_is_kept(talk: Talk) -> None:
    scope = Filters(until="2025-11-30")
    (turn,) = talk.turns("ann", ask(talk, "ann", "", "芯片", scope=scope))
    assert turn.scope == scope and turn.answer
    assert {hit.article for hit in turn.answer.hits} == {"industry/vendors"}


def test_a_question_is_kept_before_anybody_sees_it(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model()
    with modelled(index, model, monkeypatch) as talk:
        key = talk.ask("ann", "", BANNED, NOWHERE)
        other = Conversations(index)  # as another process, or this one after a crash, finds it
        (turn,) = other.turns("ann", key) or ()
        assert (turn.question, turn.state, turn.answer) == (BANNED, "reading", None)
        other.close()
        model.go.set()
        (turn,) = answered(talk, "ann", key)
        assert turn.state == "done" and turn.answer and turn.answer.worded_by == "tiny"


def test_who_follows_sees_the_answer_grow_and_who_comes_late_finds_it(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Model()
    with modelled(index, model, monkeypatch) as talk:
        key = talk.ask("ann", "", BANNED, NOWHERE)
        assert model.begun.acquire(timeout=20)
        seen: list[tuple[Turn, ...]] = []
        for turns in talk.follow("ann", key):
            if turns:
                seen.append(turns)
                last = turns[-1].answer
                if last and "禁止清单" in last.text:
                    model.go.set()
        texts = [turns[-1].answer.text for turns in seen if turns[-1].answer]
        assert len(texts) >= 2 and "H200" in texts[-1] and "H200" not in texts[0]
        assert [turns[-1].state for turns in seen][0] == "reading" and seen[-1][-1].state == "done"
        talk.settle("ann", key)
        assert list(talk.follow("ann", key)) == list(talk.follow("bob", key)) == []
        (turn,) = talk.turns("ann", key)
        assert replace(turn, neighbours=()) == seen[-1][-1]


@pytest.mark.usefixtures("lenient")
def test_what_may_be_asked_next_comes_after_the_answer(talk: Talk) -> None:
    key = ask(talk, "ann", "", BANNED)
    (turn,) = talk.turns("ann", key)
    assert turn.neighbours == ("获批的条件",)
    assert ask(talk, "ann", key, "zzz qqq 0x7f?") == key
    assert talk.turns("ann", key)[-1].neighbours == ()


@pytest.mark.usefixtures("lenient")
def test_an_answer_is_whole_before_it_is_known_what_may_be_asked_next(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    find = talk._suggestions.to_go_on

    def slow(*about: Any) -> tuple[str, ...]:
        assert go.wait(20)
        return find(*about)

    monkeypatch.setattr(talk._suggestions, "to_go_on", slow)
    key = talk.ask("ann", "", BANNED, NOWHERE)
    *_, (seen,) = (turns for turns in talk.follow("ann", key) if turns)
    assert seen.state == "done" and seen.answer and seen.neighbours == ()
    threading.Timer(0.05, go.set).start()
    talk.settle("ann", key)
    assert talk.turns("ann", key)[-1].neighbours == ("获批的条件",)


def test_nobody_waits_for_what_comes_after_an_answer_that_is_still_being_written(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Model()
    with modelled(index, model, monkeypatch) as talk:
        key = talk.ask("ann", "", BANNED, NOWHERE)
        talk.settle("ann", key)
        assert talk.turns("ann", key)[-1].state == "reading"
        model.go.set()
        answered(talk, "ann", key)
        talk.settle("ann", "no such conversation")


def test_a_leaving_listener_stops_no_answer(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model()
    with modelled(index, model, monkeypatch) as talk:
        key = talk.ask("ann", "", BANNED, NOWHERE)
        following = talk.follow("ann", key)
        next(following)
        following.close()  # type: ignore[attr-defined]
        model.go.set()
        (turn,) = answered(talk, "ann", key)
        assert turn.state == "done" and turn.answer and "H200" in turn.answer.text


# Failed.


class Broken:
    """Stands for an index that fails."""

    def __init__(self, qa: BriefQA, error: Exception) -> None:
        self._error = error
        self.store = qa.store

    def ask_stream(self, *_: object, **__: object) -> Iterator[Answer]:
        raise self._error


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("/srv/secret"), LLMError("/srv/secret failed"), OSError("/srv/secret")]
)
def test_a_failure_is_kept_without_its_words_and_logged_with_them(
    qa: BriefQA, tmp_path: Path, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with talking(Broken(qa, error), tmp_path) as talk:  # type: ignore[arg-type]
        key = ask(talk, "ann", "", "q")
        assert [replace(turn, id=0) for turn in talk.turns("ann", key)] == [Turn("q", None, "failed")]
        assert "/srv/secret" in caplog.text
        assert b"secret" not in b"".join(path.read_bytes() for path in tmp_path.glob("conversations.db*"))


def test_what_is_wrong_with_a_question_is_said(talk: Talk) -> None:
    (turn,) = talk.turns("ann", ask(talk, "ann", "", "q", scope=Filters(since="2025-13-45")))
    assert turn.state == "failed" and turn.answer is None and "2025-13-45" in turn.detail


def test_what_cannot_be_kept_is_answered_all_the_same(
    talk: Talk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(turn: Turn) -> None:
        raise ConversationsError("the disk is full")

    monkeypatch.setattr(talk._kept, "put", full)
    key = talk.ask("ann", "", BANNED, NOWHERE)
    *_, last = (turns for turns in talk.follow("ann", key) if turns)
    assert last[-1].state == "done" and last[-1].answer and "the disk is full" in caplog.text


def test_a_failure_of_the_suggestions_leaves_the_answer(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> tuple[str, ...]:
        raise ConversationsError("no")

    monkeypatch.setattr(talk._suggestions, "to_go_on", broken)
    (turn,) = talk.turns("ann", ask(talk, "ann", "", BANNED))
    assert turn.state == "done" and turn.neighbours == ()


# Stopped.


def test_what_was_written_stays_where_an_answer_is_stopped(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model()
    with modelled(index, model, monkeypatch) as talk:
        key = talk.ask("ann", "", BANNED, NOWHERE)
        assert model.begun.acquire(timeout=20)
        wait_until(lambda: (found := talk.turns("ann", key)[-1].answer) and "禁止清单" in found.text)
        talk.stop("bob", key)
        assert talk.turns("ann", key)[-1].state == "reading"
        talk.stop("ann", key)
        (turn,) = talk.turns("ann", key)
        assert turn.state == "stopped" and turn.answer and "禁止清单" in turn.answer.text
        talk.stop("ann", key)  # twice does no harm
        model.go.set()
        wait_until(lambda: not [each for each in threading.enumerate() if each.name == "answer"])
        assert talk.turns("ann", key) == (turn,)  # what comes too late changes nothing
    kept = Conversations(index)
    assert kept.turns("ann", key) == (turn,)
    kept.close()


def test_an_answer_that_a_server_left_unfinished_counts_as_stopped(qa: BriefQA, index: Path) -> None:
    kept = Conversations(index)
    key = kept.begin("ann", "q")
    kept.add("ann", key, Turn("q"))
    kept.close()
    with talking(qa, index) as talk:
        (turn,) = talk.turns("ann", key)
        assert (turn.state, turn.answer) == ("stopped", None) and list(talk.follow("ann", key)) == []
        talk.stop("ann", key)
        assert ask(talk, "ann", key, BANNED) == key
        assert [turn.state for turn in talk.turns("ann", key)] == ["stopped", "done"]
        assert ask(talk, "ann", key, BANNED, turn.id) != key  # it can be asked again, too


def test_a_server_that_ends_keeps_what_there_is(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model()
    with modelled(index, model, monkeypatch) as talk:
        key = talk.ask("ann", "", BANNED, NOWHERE)
        assert model.begun.acquire(timeout=20)
        wait_until(lambda: talk.turns("ann", key)[-1].answer)
        talk.close()
        kept = Conversations(index)
        (turn,) = kept.turns("ann", key) or ()
        assert turn.state == "stopped" and turn.answer
        kept.close()
        model.go.set()


def test_a_conversation_that_is_deleted_while_it_is_written_stays_deleted(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Model()
    with modelled(index, model, monkeypatch) as talk:
        key = talk.ask("ann", "", BANNED, NOWHERE)
        assert model.begun.acquire(timeout=20)
        talk._kept.delete("ann", key)
        model.go.set()
        wait_until(lambda: not [each for each in threading.enumerate() if each.name == "answer"])
        assert talk.turns("ann", key) == () and talk._kept.turns("ann", key) is None


# Again.


def test_the_last_question_is_asked_again_in_its_place(talk: Talk) -> None:
    key = ask(talk, "ann", "", BANNED)
    ask(talk, "ann", key, "寒武纪的领域是什么？")
    last = talk.turns("ann", key)[-1]
    assert ask(talk, "ann", key, "地平线的领域是什么？", last.id) == key
    assert [turn.question for turn in talk.turns("ann", key)] == [BANNED, "地平线的领域是什么？"]
    assert last.id not in [turn.id for turn in talk.turns("ann", key)]


def test_an_earlier_question_is_asked_otherwise_in_a_conversation_of_its_own(talk: Talk) -> None:
    key = ask(talk, "ann", "", "Blackwell系列在禁止清单上吗？")
    for question in ("那Rubin呢？", "寒武纪的领域是什么？"):
        ask(talk, "ann", key, question)
    before = talk.turns("ann", key)
    fork = ask(talk, "ann", key, "那H200呢？", before[1].id)
    assert fork != key and talk.turns("ann", key) == before
    first, second = talk.turns("ann", fork)
    assert (first.question, second.question) == ("Blackwell系列在禁止清单上吗？", "那H200呢？")
    assert second.answer and "H200" in second.answer.understood and "禁止清单" in second.answer.understood


def test_another_question_in_the_place_of_one_that_is_being_written_stops_it(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Model()
    with modelled(index, model, monkeypatch) as talk:
        key = talk.ask("ann", "", BANNED, NOWHERE)
        assert model.begun.acquire(timeout=20)
        (turn,) = talk.turns("ann", key)
        assert talk.ask("ann", key, "zzz qqq 0x7f?", NOWHERE, turn.id) == key
        model.go.set()
        assert [turn.question for turn in answered(talk, "ann", key)] == ["zzz qqq 0x7f?"]


def test_nobody_stops_or_replaces_an_answer_of_another(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model()
    with modelled(index, model, monkeypatch) as talk:
        hers = talk.ask("ann", "", BANNED, NOWHERE)
        assert model.begun.acquire(timeout=20)
        (turn,) = talk.turns("ann", hers)
        his = talk.ask("bob", "", "zzz qqq 0x7f?", NOWHERE)
        for key in (his, hers, ""):
            talk.ask("bob", key, "zzz qqq 0x7f?", NOWHERE, turn.id)
        assert talk.turns("ann", hers)[-1].state == "reading"
        model.go.set()
        (turn,) = answered(talk, "ann", hers)
        assert turn.state == "done" and turn.answer and "H200" in turn.answer.text


# At once.


def test_two_questions_of_one_conversation_are_both_answered(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model()
    with modelled(index, model, monkeypatch) as talk:
        key = talk.ask("ann", "", BANNED, NOWHERE)
        assert model.begun.acquire(timeout=20)
        assert talk.ask("ann", key, "Rubin芯片？", NOWHERE) == key  # in another window
        first, second = talk.turns("ann", key)
        assert (first.state, second.state) == ("reading", "reading")
        wait_until(lambda: talk.turns("ann", key)[0].answer is not None)
        model.go.set()
        turns = answered(talk, "ann", key)
        assert [turn.state for turn in turns] == ["done", "done"] and all(turn.answer for turn in turns)


def test_a_slow_model_of_one_holds_up_no_other(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model()
    slowed: list[str] = []

    def act(request: Request) -> None:
        if "<source-" not in request.prompt or not slowed:
            slowed.extend(["<source-"] if "<source-" in request.prompt else [])
            model(request)
        else:
            fails(400)(request)

    with modelled(index, act, monkeypatch) as talk:
        slow = talk.ask("ann", "", BANNED, NOWHERE)
        assert model.begun.acquire(timeout=20)
        for owner, question in (("bob", "寒武纪的领域是什么？"), ("cid", "zzz qqq 0x7f?")):
            (turn,) = answered(talk, owner, talk.ask(owner, "", question, NOWHERE))
            assert turn.state == "done" and turn.answer and not turn.answer.worded_by
        assert talk.turns("ann", slow)[-1].state == "reading"
        model.go.set()
        assert answered(talk, "ann", slow)[-1].state == "done"


class Counting(BigramEncoder):
    """Knows how many questions are encoded at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.most = 0
        self.lock = threading.Lock()

    def encode_query(self, texts: Sequence[str]):  # type: ignore[no-untyped-def]
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.02)
        with self.lock:
            self.now -= 1
        return super().encode_query(texts)


def test_no_more_answers_are_written_at_a_time_than_there_are_places(index: Path) -> None:
    encoder = Counting()
    with BriefQA(index, encoder) as qa, talking(qa, index, workers=2) as talk:
        keys = [talk.ask(f"owner{number}", "", f"芯片 {number}？", NOWHERE) for number in range(10)]
        for number, key in enumerate(keys):
            (turn,) = answered(talk, f"owner{number}", key)
            assert turn.state == "done" and turn.answer and turn.answer.question == f"芯片 {number}？"
    assert encoder.most == 2
