"""What is kept of conversations: for their owner alone, through restarts, and with many at it at once."""

from __future__ import annotations

import json
import logging
import random
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import BigramEncoder, Run
from made import answer, citation, hit
from vectors import VECTORS

from briefqa import conversations
from briefqa.answer import Answer, Doubt
from briefqa.api import BriefQA
from briefqa.conversations import (
    FILE,
    LONGEST_COMMENT,
    LONGEST_TITLE,
    Conversations,
    Turn,
    read_feedback,
)
from briefqa.errors import ConversationsError, IndexNotFoundError
from briefqa.store import Filters

OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")
ANSWER = answer("Rubin [1]", citation(), question="Which?", hits=(hit(),))


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Conversations]:
    kept = Conversations(tmp_path)
    yield kept
    kept.close()


def add(kept: Conversations, owner: str, key: str, question: str = "Which?", **more: object) -> Turn:
    turn = kept.add(owner, key, Turn(question, ANSWER, "done", **more))  # type: ignore[arg-type]
    assert turn is not None
    return turn


def questions(kept: Conversations, owner: str, key: str) -> list[str]:
    return [turn.question for turn in kept.turns(owner, key) or ()]


def contents(path: Path) -> list[list[tuple[object, ...]]]:
    connection = sqlite3.connect(path)
    found = [connection.execute(f"SELECT * FROM {table}").fetchall() for table in ("conversation", "turn", "feedback")]
    connection.close()
    return found


# Keeping.


def test_what_is_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    first = Conversations(tmp_path)
    key = first.begin("ann", "which chips are banned?")
    scope = Filters("2025-12-01", "", ("芯片",), "政策", ("policy",))
    turn = first.add("ann", key, Turn("which chips are banned?", scope=scope))
    assert turn and turn.id > 0
    done = replace(turn, answer=ANSWER, state="done", neighbours=("获批的条件",), detail="x")
    first.put(done)
    first.close()
    again = Conversations(tmp_path)
    assert again.turns("ann", key) == (done,)
    assert [conversation.title for conversation in again.listed("ann")] == ["which chips are banned?"]
    again.close()


def test_answers_come_back_exactly(kept: Conversations, index: Path, encoder: BigramEncoder) -> None:
    key = kept.begin("ann", "q")
    with BriefQA(index, encoder) as qa:
        answers = [qa.ask(question) for question in ("芯片", "which vendors?", "寒武纪的领域是什么？", "zzz qqq?")]
    answers.append(
        replace(
            answers[0],
            understood="half \ud83d of a pair, \x00 and \u2028",
            translations=("a", "b"),
            notice="n",
            worded_by="m",
            doubts=(Doubt("s", "figure", ("70%",)),),
            confidence=0.1 + 0.2,
        )
    )
    for one in answers:
        kept.add("ann", key, Turn(one.question, one, "done"))
    assert [turn.answer for turn in kept.turns("ann", key) or ()] == answers


def test_conversations_are_listed_with_the_last_touched_first(kept: Conversations) -> None:
    keys = [kept.begin("ann", title) for title in "abc"]
    assert [each.title for each in kept.listed("ann")] == ["c", "b", "a"]
    add(kept, "ann", keys[0])
    assert [each.title for each in kept.listed("ann")][0] in ("a", "c")  # within one millisecond the later begun
    kept._connection.execute("UPDATE conversation SET touched = '2999' WHERE key = ?", (keys[1],))
    assert kept.listed("ann")[0].key == keys[1]
    for number in range(250):
        kept.begin("bob", str(number))
    assert len(kept.listed("bob")) == 200 and len(kept.listed("ann")) == 3


def test_a_key_cannot_be_guessed_and_no_two_are_the_same(kept: Conversations) -> None:
    keys = {kept.begin("ann", "q") for _ in range(500)}
    assert len(keys) == 500 and all(re.fullmatch(r"[\w-]{16}", key) for key in keys)


@pytest.mark.parametrize(
    ("given", "title"),
    [
        ("x" * LONGEST_TITLE, "x" * LONGEST_TITLE),
        ("x" * 500, "x" * (LONGEST_TITLE - 1) + "…"),
        ("two\nlines\tand\u2028more", "two lines and more"),
        ("\x1b[2J\u202eturned\x00", "[2Jturned"),
        ("half \ud83d", "half"),
        ("政" * 100, "政" * (LONGEST_TITLE - 1) + "…"),
    ],
)
def test_a_title_is_one_line_that_can_be_listed(kept: Conversations, given: str, title: str) -> None:
    key = kept.begin("ann", given)
    assert kept.listed("ann")[0].title == title
    kept.rename("ann", key, "other")
    kept.rename("ann", key, given)
    assert kept.listed("ann")[0].title == title


def test_a_conversation_is_renamed_and_an_empty_title_changes_nothing(kept: Conversations) -> None:
    key = kept.begin("ann", "before")
    kept.rename("ann", key, "after")
    for empty in ("", " ", "\n", "\u202e"):
        kept.rename("ann", key, empty)
    assert kept.listed("ann")[0].title == "after"


def test_a_deleted_conversation_leaves_nothing_of_its_turns(kept: Conversations, tmp_path: Path) -> None:
    key, other = kept.begin("ann", "secret"), kept.begin("ann", "other")
    turn = add(kept, "ann", key, "a secret question")
    add(kept, "ann", other)
    kept.delete("ann", key)
    kept.delete("ann", key)  # twice does no harm
    assert kept.turns("ann", key) is None and [each.key for each in kept.listed("ann")] == [other]
    kept.put(replace(turn, state="done"))  # its answer comes too late
    kept.suggest(turn, ("x",))
    conversations, turns, _ = contents(tmp_path / FILE)
    assert len(conversations) == len(turns) == 1 and "secret" not in str((conversations, turns))


def test_half_a_character_is_kept_as_a_sign_of_it(kept: Conversations) -> None:
    key = kept.begin("ann", "\ud83d")
    turn = kept.add("ann", key, Turn("a \ud83d", ANSWER, "failed", "\udc00"))
    assert turn
    kept.rate("ann", key, turn.id, "up", "good \ud83d")
    (found,) = kept.turns("ann", key) or ()
    assert (found.question, found.detail, found.comment) == ("a \ufffd", "\ufffd", "good \ufffd")
    assert kept.feedback()[0].comment == "good \ufffd"


@pytest.mark.parametrize("text", VECTORS)
def test_hostile_text_is_kept_as_it_is(kept: Conversations, text: str) -> None:
    key = kept.begin("ann'; DROP TABLE turn; --", text)
    turn = kept.add("ann'; DROP TABLE turn; --", key, Turn(text, replace(ANSWER, text=text, question=text), "done"))
    assert turn
    kept.rate("ann'; DROP TABLE turn; --", key, turn.id, "down", text)
    (found,) = kept.turns("ann'; DROP TABLE turn; --", key) or ()
    assert found.answer and (found.question, found.answer.text) == (text, text)
    assert found.comment == kept.feedback()[0].comment == text.strip()


# Owners.


def test_nobody_else_sees_or_changes_a_conversation(kept: Conversations, tmp_path: Path) -> None:
    key = kept.begin("ann", "hers")
    turn = add(kept, "ann", key)
    kept.rate("ann", key, turn.id, "up", "mine")
    before = contents(tmp_path / FILE)
    for other in ("bob", "", "ANN", "ann ", "%", "ann\x00"):
        assert kept.listed(other) == [] and kept.turns(other, key) is None
        assert kept.add(other, key, Turn("his")) is None
        kept.rename(other, key, "his")
        kept.delete(other, key)
        kept.rate(other, key, turn.id, "down", "his")
        kept.rate(other, key, turn.id, "")
        assert kept.cut(other, key, turn.id) == key
    assert contents(tmp_path / FILE) == before


def test_a_turn_of_another_conversation_is_not_reached_through_ones_own(kept: Conversations, tmp_path: Path) -> None:
    hers, his = kept.begin("ann", "hers"), kept.begin("bob", "his")
    turn = add(kept, "ann", hers)
    before = contents(tmp_path / FILE)
    kept.rate("bob", his, turn.id, "down", "his")
    assert kept.cut("bob", his, turn.id) == his
    assert contents(tmp_path / FILE) == before


# Another turn in the place of one.


def test_the_last_turn_gives_way(kept: Conversations) -> None:
    key = kept.begin("ann", "q")
    turns = [add(kept, "ann", key, question) for question in "abc"]
    assert kept.cut("ann", key, turns[2].id) == key
    assert questions(kept, "ann", key) == ["a", "b"] and len(kept.listed("ann")) == 1
    assert add(kept, "ann", key, "d").id > turns[2].id  # no id is given twice


def test_an_earlier_turn_stays_and_the_conversation_forks_before_it(kept: Conversations) -> None:
    key = kept.begin("ann", "the title")
    turns = [add(kept, "ann", key, question, neighbours=("n",)) for question in "abc"]
    fork = kept.cut("ann", key, turns[1].id)
    assert fork != key and questions(kept, "ann", key) == ["a", "b", "c"] and questions(kept, "ann", fork) == ["a"]
    assert [each.title for each in kept.listed("ann")] == ["the title"] * 2
    (copied,) = kept.turns("ann", fork) or ()
    assert replace(copied, id=turns[0].id) == turns[0]
    kept.delete("ann", key)
    assert questions(kept, "ann", fork) == ["a"]
    first = kept.cut("ann", fork, copied.id)
    assert first == fork and questions(kept, "ann", fork) == []


def test_an_unknown_turn_changes_nothing(kept: Conversations) -> None:
    key = kept.begin("ann", "q")
    add(kept, "ann", key)
    for unknown in (0, -1, 999, 2**63, 2**70):
        assert kept.cut("ann", key, unknown) == key
        kept.rate("ann", key, unknown, "up")
    assert questions(kept, "ann", key) == ["Which?"] and not kept.feedback()


# Feedback.


def test_an_answer_is_rated_once_and_can_be_rated_anew_and_not_at_all(kept: Conversations) -> None:
    key = kept.begin("ann", "q")
    turn = add(kept, "ann", key)
    for rating, comment in (("up", ""), ("down", " Not so. "), ("up", "Yes.")):
        kept.rate("ann", key, turn.id, rating, comment)
        (found,) = kept.turns("ann", key) or ()
        (given,) = kept.feedback()
        assert (found.rating, found.comment) == (given.rating, given.comment) == (rating, comment.strip())
        assert (given.question, given.answer) == ("Which?", ANSWER)
    kept.rate("ann", key, turn.id, "", "a comment without a thumb")
    (found,) = kept.turns("ann", key) or ()
    assert (found.rating, found.comment, kept.feedback()) == ("", "", [])


def test_what_has_no_answer_or_is_no_rating_is_not_rated(kept: Conversations) -> None:
    key = kept.begin("ann", "q")
    failed = kept.add("ann", key, Turn("q", None, "failed"))
    turn = add(kept, "ann", key)
    assert failed
    kept.rate("ann", key, failed.id, "up")
    for nonsense in ("UP", "1", "up ", "down'--", "<b>"):
        kept.rate("ann", key, turn.id, nonsense)
    assert not kept.feedback() and {each.rating for each in kept.turns("ann", key) or ()} == {""}


def test_a_comment_is_as_long_as_is_said_and_no_longer(kept: Conversations) -> None:
    key = kept.begin("ann", "q")
    turn = add(kept, "ann", key)
    for length in (LONGEST_COMMENT, LONGEST_COMMENT + 1, 100_000):
        kept.rate("ann", key, turn.id, "up", "政" * length)
        assert kept.feedback()[0].comment == "政" * LONGEST_COMMENT


def test_feedback_outlives_its_conversation_and_the_newest_comes_first(kept: Conversations) -> None:
    for number in range(3):
        key = kept.begin("ann", "q")
        kept.rate("ann", key, add(kept, "ann", key, str(number)).id, "down", f"c{number}")
        kept.delete("ann", key)
    assert kept.listed("ann") == []
    assert [(given.question, given.comment) for given in kept.feedback()] == [("2", "c2"), ("1", "c1"), ("0", "c0")]


# At once.


def test_many_threads_lose_nothing(kept: Conversations) -> None:
    key = kept.begin("ann", "q")
    errors: list[Exception] = []

    def work(number: int) -> None:
        try:
            own = kept.begin(f"owner{number}", "q")
            for turn in range(10):
                add(kept, "ann", key, f"{number}.{turn}")
                kept.rate(f"owner{number}", own, add(kept, f"owner{number}", own, str(turn)).id, "up")
                kept.listed("ann")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    asked = questions(kept, "ann", key)
    assert sorted(asked) == sorted(f"{number}.{turn}" for number in range(8) for turn in range(10))
    for number in range(8):
        assert [each for each in asked if each.startswith(f"{number}.")] == [f"{number}.{turn}" for turn in range(10)]
        (own,) = kept.listed(f"owner{number}")
        assert questions(kept, f"owner{number}", own.key) == [str(turn) for turn in range(10)]
    assert len(kept.feedback()) == 80


def test_several_processes_begin_one_file_and_lose_nothing(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom briefqa.conversations import Conversations, Turn\n"
        "kept = Conversations(Path(sys.argv[1]))\nkey = kept.begin('ann', sys.argv[2])\n"
        "for number in range(20): assert kept.add('ann', key, Turn(str(number)))\n"
    )
    run = [sys.executable, "-c", code, str(tmp_path)]
    processes = [subprocess.Popen([*run, str(number)], stderr=subprocess.PIPE, text=True) for number in range(6)]
    for process in processes:
        _, said = process.communicate(timeout=60)
        assert (process.returncode, said) == (0, "")
    kept = Conversations(tmp_path)
    assert sorted(each.title for each in kept.listed("ann")) == [str(number) for number in range(6)]
    for each in kept.listed("ann"):
        assert questions(kept, "ann", each.key) == [str(number) for number in range(20)]
    kept.close()


def test_what_one_server_keeps_another_sees_at_once(tmp_path: Path) -> None:
    one, two = Conversations(tmp_path), Conversations(tmp_path)
    key = one.begin("ann", "q")
    turn = add(one, "ann", key)
    assert two.turns("ann", key) == (turn,)
    two.delete("ann", key)
    assert one.turns("ann", key) is None and one.add("ann", key, Turn("late")) is None
    one.close()
    two.close()


def test_what_fails_in_the_midst_changes_nothing(kept: Conversations, monkeypatch: pytest.MonkeyPatch) -> None:
    key = kept.begin("ann", "q")
    turns = [add(kept, "ann", key, question) for question in "abc"]
    monkeypatch.setattr(kept, "add", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        kept.cut("ann", key, turns[1].id)
    assert [each.key for each in kept.listed("ann")] == [key]


# The file.


def test_a_newer_format_is_refused_in_one_line_and_left_alone(tmp_path: Path) -> None:
    Conversations(tmp_path).close()
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ConversationsError, match=r"^\S+conversations\.db is of a newer briefqa: upgrade.*$"):
        Conversations(tmp_path)
    connection = sqlite3.connect(tmp_path / FILE)
    assert connection.execute("PRAGMA user_version").fetchone() == (99,)
    connection.close()


def test_a_damaged_file_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database at all" * 1000)
    with pytest.raises(ConversationsError, match=r"^\S+conversations\.db is damaged \(.*\): move it away.*$") as told:
        Conversations(tmp_path)
    assert "\n" not in str(told.value)


def test_damage_behind_the_header_is_told_in_one_line_or_does_no_harm(tmp_path: Path) -> None:
    kept = Conversations(tmp_path)
    key = kept.begin("ann", "q")
    for number in range(40):
        add(kept, "ann", key, str(number))
    kept._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept.close()
    whole = (tmp_path / FILE).read_bytes()
    told = 0
    for seed in range(60):
        chance = random.Random(seed)
        data = bytearray(whole)
        for _ in range(200):
            data[chance.randrange(100, len(data))] = chance.randrange(256)
        (tmp_path / FILE).write_bytes(data)
        try:
            kept = Conversations(tmp_path)
        except ConversationsError as error:
            assert "\n" not in str(error)
            told += 1
            continue
        try:
            kept.listed("ann")
            kept.turns("ann", key)
            kept.feedback()
        except ConversationsError as error:
            assert "\n" not in str(error)
            told += 1
        finally:
            kept.close()
    assert told


def test_an_answer_that_this_version_cannot_read_is_asked_again(
    kept: Conversations, caplog: pytest.LogCaptureFixture
) -> None:
    key = kept.begin("ann", "q")
    turn = add(kept, "ann", key)
    kept.rate("ann", key, turn.id, "up")
    kept._connection.execute("UPDATE turn SET answer = x'00'")
    kept._connection.execute("UPDATE feedback SET answer = x'00'")
    (found,) = kept.turns("ann", key) or ()
    assert found.answer is None and found.question == "Which?" and kept.feedback() == []
    assert "an answer that was kept cannot be read" in caplog.text


def test_where_nothing_can_be_written_conversations_end_with_the_server(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).mkdir()  # nobody can write there, not even root
    for folder in (tmp_path, tmp_path / "none"):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            kept = Conversations(folder)
        assert [record.levelno for record in caplog.records] == [logging.WARNING]
        assert "conversations end with this server" in caplog.text
        key = kept.begin("ann", "q")
        turn = add(kept, "ann", key)
        kept.rate("ann", key, turn.id, "up")
        assert kept.turns("ann", key) == (replace(turn, rating="up"),) and len(kept.feedback()) == 1
        kept.close()
        again = Conversations(folder)
        assert again.listed("ann") == []
        again.close()


def test_a_full_disk_is_told_in_one_line(kept: Conversations) -> None:
    key = kept.begin("ann", "q")
    kept._connection.execute("PRAGMA max_page_count = 20")
    with pytest.raises(ConversationsError, match=r"^\S+conversations\.db cannot be written \(.*full\): check.*$"):
        for _ in range(500):
            add(kept, "ann", key, "x" * 4000)
    assert kept.listed("ann")[0].key == key  # what was kept can be read


# The command.


def rated(index: Path, question: str, rating: str, comment: str, made: Answer = ANSWER) -> None:
    kept = Conversations(index)
    key = kept.begin("ann", question)
    turn = kept.add("ann", key, Turn(question, made, "done"))
    assert turn
    kept.rate("ann", key, turn.id, rating, comment)
    kept.close()


def test_feedback_is_listed_and_read_as_json(run: Run, index: Path) -> None:
    status, out, err = run("feedback", "--index", index)
    assert (status, err) == (0, "") and out.startswith("no feedback yet") and not (index / FILE).exists()
    assert run("feedback", "--index", index, "--json")[1] == "[]\n"
    rated(index, "哪些芯片被禁？", "up", "")
    rated(index, "Which?", "down", "The H20 is missing.", answer("No."))
    rated(index, "Which?", "up", "", replace(ANSWER, worded_by="tiny"))
    status, out, err = run("feedback", "--index", index)
    assert (status, err) == (0, "")
    lines = [line for line in out.splitlines() if line.strip()]
    assert [line.split()[0] for line in lines if line.startswith(("+", "-"))] == ["+", "-", "+"]
    assert "The H20 is missing." in out and "policy#banned" in out
    assert [word for word in re.findall(r"UTC · (\w+)", out)] == ["tiny", "refused", "quoted"]
    read = json.loads(run("feedback", "--index", index, "--json")[1])
    assert [(one["rating"], one["question"]) for one in read] == [
        ("up", "Which?"),
        ("down", "Which?"),
        ("up", "哪些芯片被禁？"),
    ]
    assert read[0]["answer"]["citations"][0]["anchor"] == "banned"
    assert read[0]["given_at"].endswith("+00:00") and "owner" not in read[0]


def test_hostile_feedback_is_text_in_a_terminal(run: Run, index: Path) -> None:
    for number, text in enumerate(VECTORS):
        cited = citation(title=text, heading=text, article=text, anchor=text, date=text, quote=text)
        made = answer("x [1]", cited, question=text)
        rated(index, text, ("up", "down")[number % 2], text, replace(made, worded_by=text))
    for options in ((), ("--json",)):
        status, out, err = run("feedback", "--index", index, *options)
        assert (status, err) == (0, "") and not OBEYED.search(out)
    assert len(json.loads(out)) == len(VECTORS)


def test_what_stops_the_command_is_told_in_one_line(run: Run, index: Path, tmp_path: Path) -> None:
    status, out, err = run("feedback", "--index", tmp_path / "none")
    assert (status, out) == (1, "") and err.startswith("briefqa: no index in ") and err.count("\n") == 1
    (index / FILE).write_bytes(b"nonsense" * 2000)
    status, out, err = run("feedback", "--index", index)
    assert (status, out) == (1, "") and "is damaged" in err and err.count("\n") == 1
    with pytest.raises(IndexNotFoundError):
        read_feedback(tmp_path / "none")


def test_feedback_that_cannot_be_read_is_not_said_to_be_none(run: Run, index: Path) -> None:
    (index / FILE).mkdir()
    status, out, err = run("feedback", "--index", index)
    assert status == 1 and out == "" and "cannot be opened" in err and "run as its owner" in err


def test_a_file_that_another_process_is_just_beginning_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []
    once = conversations._open_once

    def busy(path: str) -> sqlite3.Connection:
        tries.append(path)
        if len(tries) < 3 and path != ":memory:":
            raise sqlite3.OperationalError("database is locked")
        return once(path)

    monkeypatch.setattr(conversations, "_open_once", busy)
    kept = Conversations(tmp_path)
    assert len(tries) == 3 and not kept.unwritable
    kept.close()
    monkeypatch.setattr(conversations, "_SECONDS_TO_WAIT", 0)
    tries.clear()
    kept = Conversations(tmp_path)
    assert kept.unwritable == "database is locked"
    kept.close()
