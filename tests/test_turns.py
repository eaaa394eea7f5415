"""Turns as HTML: what became of a question, its sources, and what can be done with its answer."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from conftest import BigramEncoder
from made import answer, citation, hit
from markup import Elements, assert_text_alone

from briefqa.answer import Answer
from briefqa.api import BriefQA
from briefqa.conversations import LONGEST_COMMENT, Turn
from briefqa.export import EXPORTS, from_json, to_markdown
from briefqa.store import Filters
from briefqa.ui.downloads import file_name, make_download
from briefqa.ui.strings import CHINESE, ENGLISH, LANGUAGES
from briefqa.ui.turns import render_export_menu, render_turn, render_turns, render_welcome, turn_state


def done(made: Answer, **more: object) -> Turn:
    return Turn(made.question, made, "done", **more)  # type: ignore[arg-type]


def test_what_was_searched_and_who_worded_it_is_shown_as_text() -> None:
    told = replace(
        answer("Yes. [1]", citation(number=1)),
        understood="<i>H20</i>?",
        translations=("哪些芯片<b>被禁</b>？",),
        notice="Quoted & not worded.",
        worded_by="tiny <b>",
    )
    html = render_turn(done(told), ENGLISH)
    assert_text_alone(html)
    shown = unescape(re.sub(r"<[^>]+>", "", html))
    for words in ("Understood as: <i>H20</i>?", "Also searched as: 哪些芯片<b>被禁</b>？", "Quoted & not worded."):
        assert words in shown
    assert "Worded by tiny <b>" in shown


def test_sources_name_each_section_once_with_the_numbers_of_its_quotes() -> None:
    cited = (citation(), citation(number=2, start=30, end=40), citation(number=3, anchor="other", heading="Other"))
    html = render_turn(done(answer("[1] [2] [3]", *cited)), CHINESE)
    sources = html[html.index("bq-sources") :]
    assert sources.count("<li>") == 2 and re.findall(r">(\d)</a>", sources) == ["1", "2", "3"]


def test_a_refusal_links_the_nearest_sections(index: Path, encoder: BigramEncoder) -> None:
    with BriefQA(index, encoder) as qa:
        hits = tuple(qa.retrieve("H200 出口", k=5))
    refused = Answer("q", "Nothing found. Nearest:\n\n- a\n- b", (), False, 0.1, hits)
    html = render_turn(done(refused), ENGLISH)
    assert "Nothing found. Nearest:" in html and "<li>a" not in html
    assert html.count('class="bq-source"') == 3 and 'href="source/policy#' in html


def test_a_follow_up_says_what_it_was_taken_for() -> None:
    taken = replace(answer("Fact [1]", citation(), question="那H20呢？"), understood="H20能出口吗？")
    page = Elements(render_turns([done(taken), done(answer("Fact"))], CHINESE))
    assert page.text.count("理解为：H20能出口吗？") == 1
    refused = replace(taken, answered=False)
    assert "Understood as: H20能出口吗？" in Elements(render_turn(done(refused), ENGLISH)).text
    assert "nderstood" not in Elements(render_turn(done(answer("Fact [1]", citation())), ENGLISH)).text


@pytest.mark.parametrize(
    ("turn", "state"),
    [
        (Turn("q"), "reading"),
        (Turn("q", answer("Rub")), "writing"),
        (done(answer("Rubin [1]", citation())), "quoted"),
        (done(replace(answer("Rubin [1]", citation()), worded_by="tiny")), "worded"),
        (done(replace(answer("Rubin [1]", citation()), notice="It failed.")), "unworded"),
        (done(answer("No.")), "refused"),
        (Turn("q", answer("Rub"), "stopped"), "stopped"),
        (Turn("q", None, "stopped"), "stopped"),
        (Turn("q", None, "failed"), "failed"),
        (Turn("q", None, "failed", "since is 'x': write a date"), "failed"),
    ],
)
def test_every_turn_says_what_became_of_it(turn: Turn, state: str) -> None:
    assert turn_state(turn) == state
    for strings in LANGUAGES.values():
        page = assert_text_alone(render_turn(turn, strings, last=True))
        assert page.all("data-state") == [state] and getattr(strings, f"state_{state}") in page.text
        assert turn.detail in page.text
        under_way = state in ("reading", "writing")
        assert ("bq-writing" in page.all("class")[0]) is under_way
        assert ({"retry", "edit"} <= set(page.all("data-event"))) is not under_way
        assert ("like" in page.all("data-event")) is (turn.answer is not None and not under_way)


def test_what_was_retrieved_and_not_cited_is_folded_away_once_a_section() -> None:
    hits = (hit(anchor="banned", rank=1), hit(rank=3), hit(rank=2, heading="Best"), hit(article="b", title="B", rank=4))
    page = assert_text_alone(render_turn(done(answer("Rubin [1]", citation(), hits=hits)), ENGLISH))
    assert "Also retrieved (2)" in page.text and "› Best" in page.text and "› Other" in page.text
    assert page.all("href")[3:] == ["source/policy#other", "source/b#other"]
    alone = render_turn(done(answer("Rubin [1]", citation(), hits=hits[:1])), ENGLISH)
    assert "Also retrieved" not in alone


def test_a_heading_that_only_repeats_the_title_is_not_said_twice() -> None:
    html = render_turn(done(answer("No.", hits=(hit(heading="Policy"),))), ENGLISH)
    assert "bq-heading" not in html and ">Policy</a>" in html


def test_a_turn_says_what_it_was_limited_to() -> None:
    scope = Filters("2025-12-01", "2025-12-31", ("芯片", "出口"), "政策", ("policy", "gone"))
    turn = done(answer("No.", hits=(hit(title="芯片出口政策"),)), scope=scope)
    page = assert_text_alone(render_turn(turn, ENGLISH))
    assert "Only in: 芯片出口政策 · gone · December 2025 · 政策 · 芯片 · 出口" in page.text
    assert "Only in" not in render_turn(done(answer("No.")), ENGLISH)


def test_an_answer_is_rated_and_only_then_commented() -> None:
    turn = done(answer("Rubin [1]", citation()), id=7)
    page = assert_text_alone(render_turn(turn, ENGLISH))
    assert page.all("aria-pressed") == ["false", "false"] and page.all("data-rating") == ["up", "down"]
    assert "form" not in [tag for tag, _ in page.found]
    page = assert_text_alone(render_turn(replace(turn, rating="down"), ENGLISH))
    assert page.all("aria-pressed") == ["false", "true"]
    form = dict(page.found)["form"]
    assert (form["data-event"], form["data-turn"], form["data-rating"]) == ("like", "7", "down")
    assert page.all("maxlength") == [str(LONGEST_COMMENT)]
    page = assert_text_alone(render_turn(replace(turn, rating="down", comment="Not <b>so</b>."), ENGLISH))
    assert "Your comment: Not <b>so</b>." in page.text and "form" not in [tag for tag, _ in page.found]


def test_questions_to_go_on_with_stand_below_the_last_turn_alone() -> None:
    turn = done(answer("Rubin [1]", citation()), neighbours=("获批的条件", "Licences"))
    page = assert_text_alone(render_turn(turn, ENGLISH, last=True))
    assert page.all("data-question") == [ENGLISH.example.format(heading=heading) for heading in turn.neighbours]
    assert [attributes["lang"] for tag, attributes in page.found if "data-question" in attributes] == ["zh", "en"]
    assert "data-question" not in render_turn(turn, ENGLISH)
    welcome = assert_text_alone(render_welcome(["Which chips?"], CHINESE))
    assert welcome.all("data-question") == ["Which chips?"] and CHINESE.welcome in welcome.text


# Exports.


def test_each_answer_has_a_menu_and_a_refusal_offers_no_references() -> None:
    asked = [
        done(answer("Rubin [1]", citation()), id=3),
        done(answer("No."), id=4),
        Turn("s", id=5),
        Turn("t", None, "failed", id=6),
    ]
    page = assert_text_alone(render_turns(asked, ENGLISH))
    offered = [(item["data-turn"], item["data-format"]) for _, item in page.found if item.get("data-format")]
    assert offered == [*[("3", name) for name in EXPORTS], ("4", "markdown"), ("4", "json")]
    whole = assert_text_alone(render_export_menu(CHINESE))
    assert [item["data-turn"] for _, item in whole.found if "data-format" in item] == ["0"] * len(EXPORTS)
    assert "导出" in whole.text and ("summary", {"aria-label": "导出整个对话"}) in whole.found


def test_a_download_holds_what_the_server_keeps_of_one_answer_or_of_all() -> None:
    first, second = answer("Rubin [1]", citation(), question="Which?"), answer("No.", question="谁？")
    turns = (done(first, id=1), Turn("x", None, "failed", id=2), done(second, id=5))
    assert make_download(turns, "markdown", "5") == {
        "name": "briefqa-谁.md",
        "type": "text/markdown;charset=utf-8",
        "content": to_markdown([second]),
    }
    whole = make_download(turns, "json", "0")
    assert whole and whole["name"] == "briefqa-conversation-Which.json"
    assert from_json(whole["content"]) == (first, second)


@pytest.mark.parametrize(
    ("file_format", "turn"),
    [
        ("markdown", "2"),
        ("markdown", "9"),
        ("markdown", "-1"),
        ("markdown", ""),
        ("html", "1"),
        (None, "0"),
        ("json", None),
        ("json", 1),
        ([], {}),
    ],
)
def test_what_no_menu_offers_is_no_download(file_format: object, turn: object) -> None:
    assert make_download((done(answer("No."), id=1), Turn("x", id=2)), file_format, turn) is None
    assert make_download((), "json", "0") is None


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("which chips are banned?", "briefqa-which-chips-are-banned"),
        ("../../etc/passwd\x00\n", "briefqa-etc-passwd"),
        ("C:\\con<>|*?", "briefqa-C-con"),
        ("\u202egnp.exe", "briefqa-gnp-exe"),
        ("？！", "briefqa"),
        ("\ud800" + "政" * 300, "briefqa-" + "政" * 48),
    ],
)
def test_a_file_is_named_after_its_question_and_nothing_else_in_it(question: str, name: str) -> None:
    assert file_name(question, whole=False) == name
    assert len(file_name("😀𠀀" * 99, whole=True).encode() + b".csl.json") <= 255
