"""What the page's events do with conversations, whatever a browser sends with them."""

from __future__ import annotations

import itertools
import sqlite3
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import GeneratorType
from typing import Any

import pytest
from conftest import BigramEncoder
from markup import assert_text_alone
from sent import NONSENSE, SCOPES, event, request

from briefqa.api import BriefQA
from briefqa.conversations import FILE, LONGEST_TITLE, Conversations, Turn
from briefqa.export import EXPORTS
from briefqa.question import LONGEST_QUESTION
from briefqa.store import Filters
from briefqa.ui.strings import CHINESE, ENGLISH, LANGUAGE_COOKIE

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # starlette's and gradio's own
    import gradio as gr

    from briefqa.ui.room import Room, check_length

BANNED = "Blackwell系列与Rubin芯片仍在禁止清单上？"
SECRET = "a secret of ann's, 不可告人"
SKIP = gr.skip()
# Where the parts of a conversation's updates are.
KEY, EARLIER, LAST, DRAWER, ALERT, COMPOSER, INSTEAD = range(7)


@pytest.fixture
def room(index: Path, encoder: BigramEncoder) -> Iterator[Room]:
    kept = Conversations(index)
    with BriefQA(index, encoder) as qa:
        room = Room(qa, kept, 8)
        yield room
        room.close()
    kept.close()


def ask(
    room: Room, question: Any = BANNED, held: Any = "", owner: str = "bob", scope: Any = None, again: Any = 0
) -> tuple[Any, Any]:
    """Ask, and return the first and the last update."""
    first, *rest = changes(room.ask(question, again, held, scope or {}, request(owner)))
    return first, (rest or [first])[-1]


def changes(updates: Iterator[Any]) -> list[Any]:
    """Return the updates that change something."""
    return [update for update in updates if any(part != SKIP for part in update)]


def turns(room: Room, key: str, owner: str = "bob") -> tuple[Turn, ...]:
    return room._talk.turns(owner, key)


# Asking.


def test_a_question_begins_a_conversation_and_the_next_goes_on_with_it(room: Room) -> None:
    first, last = ask(room)
    key = first[KEY]
    assert first[EARLIER] == "" and first[COMPOSER] == first[ALERT] == "" and first[INSTEAD] == 0
    assert BANNED in assert_text_alone(first[DRAWER]).text
    assert "bq-cite" in assert_text_alone(last[LAST]).all("class")
    first, last = ask(room, "那Rubin呢？", key)
    assert first[KEY] == key and BANNED in assert_text_alone(first[EARLIER]).text
    assert "bq-writing" not in last[LAST]
    assert assert_text_alone(last[LAST]).all("data-conversation") == [key]
    assert [turn.state for turn in turns(room, key)] == ["done", "done"]


def test_an_answer_that_is_there_before_anybody_follows_it_is_shown(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = room._talk.ask

    def slowly(*given: Any) -> str:
        key = asks(*given)
        room._talk.settle("bob", key)
        while room._talk._writing:
            time.sleep(0.01)
        return key

    monkeypatch.setattr(room._talk, "ask", slowly)
    first, last = ask(room)
    assert first[KEY] and first == last and "bq-cite" in first[LAST] and first[COMPOSER] == ""


def test_an_answer_that_ends_just_before_it_is_followed_is_shown(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    follow = room._talk.follow

    def late(owner: str, key: str) -> Iterator[tuple[Turn, ...] | None]:
        while room._talk._writing:
            time.sleep(0.01)
        yield from follow(owner, key)

    monkeypatch.setattr(room._talk, "follow", late)
    assert "bq-cite" in ask(room)[-1][LAST]


def test_a_page_that_shows_something_else_is_told_no_more_of_an_answer(room: Room) -> None:
    asking = room.ask(BANNED, 0, "", {}, request())
    assert BANNED in next(asking)[LAST]
    room.clear(request())
    assert all(part == SKIP for update in asking for part in update)
    (conversation,) = room._kept.listed("bob")
    assert turns(room, conversation.key)[0].state in ("reading", "done")


@pytest.mark.usefixtures("lenient")
def test_what_may_be_asked_next_comes_by_an_event_of_its_own_and_to_no_other_page(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = ask(room)[0][KEY]
    assert "获批的条件" in assert_text_alone(room.go_on(key, request())).text
    assert room.go_on(key, request("ann")) == room.go_on("", request()) == SKIP

    def leave(*_: object) -> None:
        room.clear(request())

    monkeypatch.setattr(room._talk, "settle", leave)
    assert room.go_on(key, request()) == SKIP


def test_an_empty_or_endless_question_is_answered_in_words_and_keeps_what_was_written(room: Room) -> None:
    assert check_length("", CHINESE) == CHINESE.question_empty
    assert "4,001" in check_length("x" * (LONGEST_QUESTION + 1), ENGLISH)
    assert check_length("x" * LONGEST_QUESTION, ENGLISH) == ""
    for question in ("", "  \n ", None, 5, [], {"a": 1}, "x" * (LONGEST_QUESTION + 1)):
        first, _ = ask(room, question)
        assert [place for place, part in enumerate(first) if part != SKIP] == [ALERT]
        assert "alert" in assert_text_alone(first[ALERT]).all("role")
    assert room._kept.listed("bob") == []


def test_a_link_asks_and_an_address_shows_what_it_names(room: Room) -> None:
    asked = request(query="q=Rubin%E8%8A%AF%E7%89%87%E4%BB%8D%E5%9C%A8%E6%B8%85%E5%8D%95%E4%B8%8A%EF%BC%9F")
    entered = room.enter(asked)
    assert entered[KEY] == "" and "bq-welcome" in entered[LAST]
    updates = changes(room.follow_link("", {}, asked))
    key = updates[0][KEY]
    assert "Rubin芯片仍在清单上？" in assert_text_alone(updates[-1][LAST]).text
    named = request(query=f"c={key}&q=again")
    room._talk.settle("bob", key)
    entered = room.enter(named)
    assert entered[KEY] == key and "bq-cite" in entered[LAST]
    for update in changes(room.follow_link(key, {}, named)):
        assert update[LAST] == entered[LAST]
    assert len(turns(room, key)) == 1
    stranger = room.enter(request("eve", query=f"c={key}"))
    assert stranger[KEY] == "" and "Rubin芯片仍在清单上" not in str(stranger)


@pytest.mark.parametrize(
    "query",
    ["c=", "c=%00", "c=%ff", "c=" + "x" * 5000, "q=", "q=%20", "q=" + "x" * 5000, "c[]=1", "%%%", "q=%ED%A0%80"],
)
def test_an_odd_address_shows_a_page(room: Room, query: str) -> None:
    entered = room.enter(request(query=query))
    assert len(entered) == 10 and entered[KEY] == "" and "bq-welcome" in assert_text_alone(entered[LAST]).all("class")
    for update in room.follow_link("", {}, request(query=query)):
        assert len(update) == 7


def test_the_language_is_that_of_the_cookie_then_of_the_browser(room: Room) -> None:
    for asked, strings in (
        (request(cookie=f"{LANGUAGE_COOKIE}=zh"), CHINESE),
        (request(cookie=f"{LANGUAGE_COOKIE}=en", language="zh-CN"), ENGLISH),
        (request(language="zh-CN,en;q=0.5"), CHINESE),
        (request(cookie=f'{LANGUAGE_COOKIE}="><script>', language="zh"), CHINESE),
        (request(cookie=f"{LANGUAGE_COOKIE}=xx"), ENGLISH),
    ):
        assert strings.welcome in assert_text_alone(room.enter(asked)[LAST]).text
        *_, ask_button, stop_button = room.enter(asked)
        assert (ask_button["value"], stop_button["value"]) == (strings.ask, strings.stop)
    key = ask(room)[0][KEY]
    translated = room.translate(key, request(cookie=f"{LANGUAGE_COOKIE}=zh"))
    assert translated[KEY] == key and CHINESE.state_quoted in translated[LAST]
    assert translated[-1] != room.translate(key, request())[-1]  # or the page would not follow the answer anew


def test_an_example_is_asked_as_it_stands(room: Room) -> None:
    page = assert_text_alone(room.enter(request())[LAST])
    question = page.all("data-question")[0]
    updates = changes(room.ask_example("", {}, request(), event(question=question)))
    (turn,) = turns(room, updates[0][KEY])
    assert turn.question == question and turn.answer and turn.answer.answered


def test_a_turn_is_asked_again_of_the_same_articles(room: Room) -> None:
    key = ask(room, "芯片", scope={"until": "2025-11-30"})[0][KEY]
    (turn,) = turns(room, key)
    assert turn.scope == Filters(until="2025-11-30")
    updates = changes(room.ask_again(key, request(), event(turn=str(turn.id))))
    assert updates[0][KEY] == key
    (again,) = turns(room, key)
    assert again.id != turn.id and (again.question, again.scope) == (turn.question, turn.scope)


def test_a_question_is_edited_and_what_is_asked_next_takes_its_place(room: Room) -> None:
    key = ask(room)[0][KEY]
    (turn,) = turns(room, key)
    edited = room.edit(key, request(), event(turn=str(turn.id)))
    assert edited[COMPOSER] == BANNED and edited[INSTEAD] == turn.id
    assert ENGLISH.editing in assert_text_alone(edited[ALERT]).text
    kept = room.keep()
    assert (kept[ALERT], kept[COMPOSER], kept[INSTEAD]) == ("", "", 0) and kept[:4] == (SKIP,) * 4
    first, _ = ask(room, "Rubin？", key, again=turn.id)
    assert first[KEY] == key and first[INSTEAD] == 0
    assert [turn.question for turn in turns(room, key)] == ["Rubin？"]


# The list.


def test_conversations_are_listed_opened_renamed_and_deleted(room: Room) -> None:
    one, two = ask(room)[0][KEY], ask(room, "Rubin？")[0][KEY]
    listed = assert_text_alone(room.list_again(two, request()))
    opening = [attributes for tag, attributes in listed.found if attributes.get("class") == "bq-open"]
    assert {attributes["data-conversation"] for attributes in opening} == {one, two}
    assert [each["data-conversation"] for each in opening if each.get("aria-current")] == [two]
    opened = room.open(request(), event(conversation=one))
    assert opened[KEY] == one and BANNED in opened[LAST] and len(opened) == 8
    assert (
        "My own <b>title"
        in assert_text_alone(room.rename(one, request(), event(conversation=one, title="My own <b>title</b>"))).text
    )
    room.rename(one, request(), event(conversation=one, title="x" * 501))
    room.rename(one, request(), event(conversation=one, title=["x"]))
    assert room._kept.listed("bob")[0].title == "My own <b>title</b>" or len(room._kept.listed("bob")) == 2
    room.rename(one, request(), event(conversation=one, title="x" * 300))
    assert {len(each.title) for each in room._kept.listed("bob")} >= {LONGEST_TITLE}
    other = room.delete(two, request(), event(conversation=one))
    assert other[KEY] == SKIP and other[LAST] == SKIP and one not in other[DRAWER] and two in other[DRAWER]
    shown = room.delete(two, request(), event(conversation=two))
    assert shown[KEY] == "" and "bq-welcome" in shown[LAST] and ENGLISH.conversations_none in shown[DRAWER]
    assert room._kept.listed("bob") == []


def test_a_new_conversation_leaves_the_old_one_in_the_list(room: Room) -> None:
    key = ask(room)[0][KEY]
    cleared = room.clear(request())
    assert cleared[KEY] == cleared[COMPOSER] == "" and "bq-welcome" in cleared[LAST] and key in cleared[DRAWER]


# Rating and exporting.


def test_the_same_thumb_takes_a_rating_back_and_an_empty_comment_does_not(room: Room) -> None:
    key = ask(room)[0][KEY]
    (turn,) = turns(room, key)

    def rate(**data: Any) -> tuple[str, str]:
        _, last = room.rate(key, request(), event(turn=str(turn.id), **data))
        assert_text_alone(last)
        return turns(room, key)[0].rating, turns(room, key)[0].comment

    assert rate(rating="up") == ("up", "")
    assert rate(rating="up", comment="") == ("up", "")
    assert rate(rating="up", comment="Good <b>one</b>.") == ("up", "Good <b>one</b>.")
    assert rate(rating="down") == ("down", "")
    for nonsense in ({}, {"rating": "x"}, {"rating": None}, {"rating": ["up"]}, {"comment": "x"}, {"rating": "UP"}):
        assert rate(**nonsense) == ("down", "")
    assert rate(rating="down", comment=["x"]) == ("down", "")
    assert rate(rating="down") == ("", "") and room._kept.feedback() == []


def test_one_answer_is_exported_or_all(room: Room) -> None:
    key = ask(room)[0][KEY]
    ask(room, "Rubin？", key)
    first, second = turns(room, key)
    for name, export in EXPORTS.items():
        whole = room.export(key, request(), event(format=name, turn="0"))
        one = room.export(key, request(), event(format=name, turn=str(second.id)))
        assert whole and one and first.answer and second.answer
        assert whole["content"] == export.write([first.answer, second.answer])
        assert one["content"] == export.write([second.answer]) and one["name"].endswith(export.suffix)
        assert room.export(key, request("eve"), event(format=name, turn="0")) is None
    assert room.export("", request(), event(format="json", turn="0")) is None


# Whatever a browser sends.


def contents(index: Path) -> list[Any]:
    connection = sqlite3.connect(index / FILE)
    found = [connection.execute(f"SELECT * FROM {table}").fetchall() for table in ("conversation", "turn", "feedback")]
    connection.close()
    return found


def run(made: Any) -> list[Any]:
    """Return all updates of a handler."""
    return list(made) if isinstance(made, GeneratorType) else [made]


def sent(her_key: str, her_turn: int) -> list[Any]:
    """Return data of events that make no sense, or are about what is another's."""
    mixed = [
        dict(zip(("conversation", "turn", "title", "rating", "comment", "format", "question"), values, strict=True))
        for values in zip(*(NONSENSE[place:] + NONSENSE[:place] for place in range(7)), strict=True)
    ]
    hers: dict[str, Any] = {"conversation": her_key, "turn": str(her_turn), "title": "his", "format": "json"}
    return [
        *NONSENSE,
        *mixed,
        {**hers, "rating": "up", "comment": "his"},
        {**hers, "turn": her_turn, "rating": "down"},
        {**hers, "turn": "0"},
        {**hers, "turn": [str(her_turn)]},
    ]


def test_nonsense_breaks_no_handler_and_reaches_nothing_of_anybody(room: Room, index: Path) -> None:
    her_key = ask(room, SECRET, owner="ann")[0][KEY]
    (her_turn,) = turns(room, her_key, "ann")
    room._kept.rename("ann", her_key, SECRET)
    before = contents(index)
    shown: list[Any] = []
    helds = [*NONSENSE, her_key]
    for held in helds:
        shown += run(room.translate(held, request()))
        shown += run(room.follow(held, request()))
        shown += run(room.follow_link(held, held, request()))
        shown += run(room.go_on(held, request()))
        shown += run(room.stop(held, request()))
        shown += run(room.list_again(held, request()))
    events = [gr.EventData(None, data) for data in sent(her_key, her_turn.id)]
    for held, said in itertools.chain(
        itertools.product(("", her_key, None, "\ud800"), events), itertools.product(helds, events[-4:])
    ):
        shown += run(room.ask_again(held, request(), said))
        shown += run(room.edit(held, request(), said))
        shown += run(room.open(request(), said))
        shown += run(room.rename(held, request(), said))
        shown += run(room.delete(held, request(), said))
        shown += run(room.rate(held, request(), said))
        shown += run(room.export(held, request(), said))
    assert SECRET not in str(shown) and f'data-turn="{her_turn.id}"' not in str(shown)
    assert contents(index) == before
    for update in shown:
        for part in update if isinstance(update, tuple) else [update]:
            if isinstance(part, str) and "<" in part and "bq-frame" not in part:
                assert_text_alone(part)


def test_whatever_is_asked_with_is_asked_in_a_conversation_of_ones_own(room: Room) -> None:
    her_key = ask(room, SECRET, owner="ann")[0][KEY]
    (her_turn,) = turns(room, her_key, "ann")
    for held in (*NONSENSE[::2], her_key):
        for again in (her_turn.id, *NONSENSE[::5]):
            first, last = ask(room, "Rubin？", held, scope=None, again=again)
            assert first[KEY] != her_key and SECRET not in str((first, last))
    for scope in SCOPES:
        first, _ = ask(room, "Rubin？", scope=scope)
        (turn,) = turns(room, first[KEY])
        assert turn.state == "done" and not turn.scope.without and len(str(turn.scope)) < 200_000
    assert [turn.question for turn in turns(room, her_key, "ann")] == [SECRET]


def test_half_a_character_in_a_question_is_asked_as_a_sign_of_it(room: Room) -> None:
    first, _ = ask(room, "Rubin \ud83d？")
    assert [turn.question for turn in turns(room, first[KEY])] == ["Rubin \ufffd？"]
