"""Where the latest is asked for the newer article comes first, and beside an older one a later one is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from conftest import BigramEncoder
from rich.console import Console

import briefqa
from briefqa.answer import Answer
from briefqa.citations import Citation
from briefqa.conversations import Turn
from briefqa.export import from_json, to_json, to_markdown
from briefqa.newer import Newer, beside
from briefqa.periods import Period
from briefqa.question import asks_for_latest
from briefqa.ranking import newness
from briefqa.terminal import render_answer
from briefqa.ui.strings import CHINESE, ENGLISH
from briefqa.ui.turns import render_turn

GOLDEN = Path(__file__).parent / "golden"
QUESTIONS = [json.loads(line) for line in (GOLDEN / "news.jsonl").read_text(encoding="utf-8").splitlines()]
# Of the questions of each kind, how many must have the right section first; see docs/experiments.md.
FLOORS = {"latest": 13, "relevance": 8, "period": 6, "plain": 3}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Answer]]:
    """The answers to the golden questions, with the real encoder."""
    index = tmp_path_factory.mktemp("news") / "index"
    briefqa.build(GOLDEN / "news", index)
    with briefqa.open(index, today=date(2025, 12, 31)) as qa:
        yield {question["question"]: qa.ask(question["question"]) for question in QUESTIONS}


@pytest.mark.parametrize("kind", FLOORS)
def test_the_newest_section_comes_first_where_it_is_asked_for(kind: str, answers: dict[str, Answer]) -> None:
    asked = [question for question in QUESTIONS if question["difficulty"] == kind]
    right = [
        question
        for question in asked
        if f"{answers[question['question']].hits[0].article}#{answers[question['question']].hits[0].anchor}"
        in question["expected"]
    ]
    assert len(right) >= FLOORS[kind], [question["question"] for question in asked if question not in right]


def test_what_is_first_is_cited_first(answers: dict[str, Answer]) -> None:
    for answer in answers.values():
        if answer.answered and "_" not in answer.question:
            assert answer.citations[0].article == answer.hits[0].article, answer.question


def test_a_later_article_is_always_on_the_same_matter_and_later(answers: dict[str, Answer]) -> None:
    shown = 0
    for answer in answers.values():
        cited = {citation.number: citation for citation in answer.citations}
        for newer in answer.newer:
            shown += 1
            citation = cited[newer.number]
            assert newer.date > citation.date
            assert newer.article.split("-")[0] == citation.article.split("-")[0] and newer.article != citation.article
    assert shown >= 15


def test_the_old_toll_has_the_latest_one_beside_it(answers: dict[str, Answer]) -> None:
    answer = answers["青屿跨海大桥目前小客车收费多少？"]
    older = {citation.number for citation in answer.citations if citation.article != "bridge-3"}
    assert older and {newer.number for newer in answer.newer} == older
    assert answer.newer[0] == Newer(
        answer.newer[0].number,
        "bridge-3",
        "toll",
        "收费调整",
        "青屿跨海大桥：通车首周",
        "2025-11-18",
        "https://news.example/bridge-3#toll",
    )


def test_what_is_cited_last_of_all_has_nothing_newer(answers: dict[str, Answer]) -> None:
    assert answers["南汐港扩建要花多少钱？"].newer == ()


@pytest.mark.parametrize(
    "question",
    [
        "最新的收费标准是什么？",
        "目前收费多少？",
        "现在收费多少？",
        "如今收费多少？",
        "近期有什么变化？",
        "截至目前有多少家？",
        "What is the latest toll?",
        "What is the newest figure?",
        "What was the most recent decision?",
        "Who is currently the governor?",
        "How far is it, as of now?",
        "¿Cuál es la decisión más reciente?",
    ],
)
def test_a_question_for_the_latest_is_known_by_its_words(question: str) -> None:
    assert asks_for_latest(question)


@pytest.mark.parametrize(
    "question", ["收费多少？", "Who was first?", "现代汉语有多少声调？", "What is a current?", "When?"]
)
def test_other_questions_do_not_ask_for_the_latest(question: str) -> None:
    assert not asks_for_latest(question)


def test_only_what_is_about_as_good_gains_by_being_new() -> None:
    dates, near = np.array([20250101, 20250301, 20250201, 20251231]), np.array([True, True, True, False])
    assert newness(dates, near).tolist() == [0, 1, 0.5, 0]


def test_what_has_no_date_and_what_is_alone_gains_nothing() -> None:
    near = np.array([True, True])
    assert newness(np.array([0, 20250101]), near).tolist() == [0, 0]
    assert newness(np.array([20250101, 20250101]), near).tolist() == [0, 0]


def brief(folder: Path, name: str, day: str, body: str) -> None:
    text = f"---\ntitle: 湖滨电池厂的投资\ndate: {day}\n---\n\n## 投资规模 {{#size}}\n\n{body}\n"
    (folder / f"{name}.md").write_text(text, encoding="utf-8")


@pytest.fixture
def plant(tmp_path: Path, encoder: BigramEncoder) -> Path:
    """An index of two reports on one matter, and of another matter that is newer than both."""
    corpus = tmp_path / "plant"
    corpus.mkdir()
    brief(corpus, "old", "2025-04-15", "湖滨电池厂破土动工，总投资60亿元，计划招收1200名工人。")
    brief(corpus, "new", "2025-09-23", "湖滨电池厂投资缩减，总投资42亿元，计划招收800名工人。")
    (corpus / "port.md").write_text("---\ntitle: 港口\ndate: 2025-12-01\n---\n南汐港新建两个泊位。\n", encoding="utf-8")
    briefqa.build(corpus, tmp_path / "plants", encoder=encoder)
    return tmp_path / "plants"


@pytest.mark.both_stores
def test_the_later_of_two_reports_is_named_beside_the_older(plant: Path, encoder: BigramEncoder) -> None:
    with briefqa.open(plant, encoder) as qa:
        answer = qa.ask("湖滨电池厂总投资多少亿元？")
    older = [citation.number for citation in answer.citations if citation.article == "old"]
    assert older and [newer.number for newer in answer.newer] == older
    assert {(newer.article, newer.anchor, newer.date) for newer in answer.newer} == {("new", "size", "2025-09-23")}


@pytest.mark.both_stores
def test_an_article_without_a_date_is_neither_newer_nor_older(tmp_path: Path, encoder: BigramEncoder) -> None:
    corpus = tmp_path / "undated"
    corpus.mkdir()
    brief(corpus, "old", "", "湖滨电池厂破土动工，总投资60亿元，计划招收1200名工人。")
    brief(corpus, "new", "2025-09-23", "湖滨电池厂投资缩减，总投资42亿元，计划招收800名工人。")
    briefqa.build(corpus, tmp_path / "index", encoder=encoder)
    with briefqa.open(tmp_path / "index", encoder) as qa:
        assert qa.ask("湖滨电池厂总投资多少亿元？").newer == ()


CITED = Citation(1, "old", "size", "投资规模", "电池厂", "2025-04-15", "总投资60亿元。", (), 0, 9, "")
LATER = Newer(1, "new", "size", "投资<b>规模</b>", "电池厂\x1b[2J", "2025-09-23", "https://example.org/new#size")
ANSWER = Answer("投资多少？", "原文：\n\n> 总投资60亿元。 [1]", (CITED,), True, 0.9, (), newer=(LATER,))


def test_a_models_citations_keep_what_is_newer_under_their_own_numbers() -> None:
    other = replace(CITED, article="other")
    assert beside([other, replace(CITED, number=2)], [(CITED, LATER)]) == (replace(LATER, number=2),)


def printed(answer: Answer) -> str:
    console = Console(width=100, file=None, force_terminal=False)
    with console.capture() as capture:
        console.print(render_answer(answer))
    return capture.get()


def test_a_terminal_names_the_later_section_under_the_older() -> None:
    assert "newer: 电池厂[2J › 投资<b>规模</b> · 2025-09-23 · new#size" in printed(ANSWER)


def test_markdown_names_it_with_a_reference_to_the_footnote() -> None:
    text = to_markdown([ANSWER])
    assert "较新的简报：电池厂\\[2J › 投资\\<b\\>规模\\</b\\> · 2025-09-23 <https://example.org/new#size> [^1]" in text
    assert "Newer: " in to_markdown([replace(ANSWER, question="how much?")])
    bad = replace(ANSWER, newer=(replace(LATER, url="javascript:alert(1)"),))
    assert "javascript" not in to_markdown([bad])


@pytest.mark.parametrize("strings", [ENGLISH, CHINESE])
def test_the_chat_links_it_below_the_source(strings: object) -> None:
    html = render_turn(Turn("q", ANSWER, "done"), strings)  # type: ignore[arg-type]
    assert strings.newer in html and "投资&lt;b&gt;规模" in html  # type: ignore[attr-defined]
    assert html.index("bq-newer") < html.index("</ul>")
    assert "bq-newer" not in render_turn(Turn("q", replace(ANSWER, newer=()), "done"), strings)  # type: ignore[arg-type]


def test_a_period_is_told_beside_a_models_words_which_do_not_tell_it() -> None:
    period = Period("2025-12-01", "", "12月以来")
    worded = replace(ANSWER, worded_by="tiny", period=period)
    aside = replace(worded, period=replace(period, applied=False))
    assert "仅限2025-12-01以来的简报。" in printed(worded) and "仅限2025-12-01以来的简报。" in to_markdown([worded])
    assert "未按日期限定" in printed(aside)
    assert "Only in: Since 2025-12-01" in render_turn(Turn("q", worded, "done"), ENGLISH)
    assert "date was set aside" in render_turn(Turn("q", aside, "done"), ENGLISH)
    assert "仅限" not in printed(replace(ANSWER, period=period))


def test_saved_answers_keep_both_and_older_ones_need_neither() -> None:
    answer = replace(ANSWER, period=Period("2025-12-01", "", "12月以来"))
    assert from_json(to_json([answer])) == (answer,)
    older = {name: value for name, value in json.loads(to_json([answer])).items() if name not in ("period", "newer")}
    assert from_json(json.dumps(older)) == (replace(answer, period=Period(), newer=()),)
