"""A question that says of when limits the articles that may answer it, and the answer says so."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from conftest import BigramEncoder, Run
from hypothesis import given, settings
from hypothesis import strategies as st

import briefqa
from briefqa.followups import understand
from briefqa.lexicon import Lexicon, load_lexicon
from briefqa.periods import Period, limit, read_period, without_period
from briefqa.settings import Settings
from briefqa.store import Filters

TODAY = date(2025, 12, 20)  # a Saturday


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return load_lexicon(Settings.from_environment().cache_dir)


@pytest.mark.parametrize(
    ("question", "since"),
    [
        ("12月以来有哪些芯片获批？", "2025-12-01"),
        ("自2025年12月起，美国批准了什么？", "2025-12-01"),
        ("自二〇二五年十二月起批准了什么？", "2025-12-01"),
        ("2025年12月15日之后批准了什么？", "2025-12-16"),
        ("2025年11月之后有哪些变化？", "2025-12-01"),
        ("2025年以后有哪些变化？", "2025-01-01"),
        ("去年12月以来有什么变化？", "2024-12-01"),
        ("今年以來英偉達賣了多少？", "2025-01-01"),
        ("上周发生了什么？", "2025-12-08"),
        ("昨天宣布了什么？", "2025-12-19"),
        ("上个月批准了什么？", "2025-11-01"),
        ("本月哪些企业获准？", "2025-12-01"),
        ("最近三天有什么消息？", "2025-12-17"),
        ("过去一个月批准了哪些芯片？", "2025-11-20"),
        ("過去三個月批准了哪些晶片？", "2025-09-20"),
        ("过去24小时内发生了什么？", "2025-12-19"),
        ("近半年有哪些变化？", "2025-06-20"),
        ("What has been approved since December 2025?", "2025-12-01"),
        ("What has been approved since December?", "2025-12-01"),
        ("What has been approved since last December?", "2024-12-01"),
        ("What has changed since 2025-12-03?", "2025-12-03"),
        ("What changed after 12 December 2025?", "2025-12-13"),
        ("What changed after December 12th?", "2025-12-13"),
        ("From December 2025 on, what changed?", "2025-12-01"),
        ("What happened last week?", "2025-12-08"),
        ("What was announced yesterday?", "2025-12-19"),
        ("Which chips were approved this month?", "2025-12-01"),
        ("What was said in the past three days?", "2025-12-17"),
        ("What was said over the last 2 weeks?", "2025-12-06"),
        ("Desde diciembre de 2025, ¿qué cambió?", "2025-12-01"),
        ("¿Qué pasó la semana pasada?", "2025-12-08"),
        ("Was ist seit Dezember 2025 passiert?", "2025-12-01"),
        ("Was geschah letzte Woche?", "2025-12-08"),
        ("Qu'est-ce qui a changé depuis le 12 décembre 2025 ?", "2025-12-12"),
        ("Что изменилось с декабря 2025 года?", "2025-12-01"),
        ("Что произошло на прошлой неделе?", "2025-12-08"),
        ("12月以降に承認されたチップは？", "2025-12-01"),
        ("先週何がありましたか？", "2025-12-08"),
        ("지난주에 무슨 일이 있었나요?", "2025-12-08"),
    ],
)
def test_what_happened_since_a_day_is_told_by_articles_since_then(question: str, since: str) -> None:
    period = read_period(question, TODAY)
    assert (period.since, period.until) == (since, "")
    assert period.words and period.words in question


@pytest.mark.parametrize(
    ("question", "since", "until"),
    [
        ("12月15日的简报说了什么？", "2025-12-15", "2025-12-15"),
        ("12月15日的簡報說了什麼？", "2025-12-15", "2025-12-15"),
        ("12月25日的简报说了什么？", "2024-12-25", "2024-12-25"),
        ("2025年12月发布的文章提到了谁？", "2025-12-01", "2025-12-31"),
        ("上周的报道里有什么？", "2025-12-08", "2025-12-14"),
        ("2025年12月15日之后的简报怎么说？", "2025-12-16", ""),
        ("2025年12月之前的报道怎么说？", "", "2025-11-30"),
        ("12月1日至12月15日的报道提到了谁？", "2025-12-01", "2025-12-15"),
        ("What do the briefs of December 2025 say?", "2025-12-01", "2025-12-31"),
        ("Which articles from 2025-12-15 mention Huawei?", "2025-12-15", "2025-12-15"),
        ("Which articles published before March 2025 mention it?", "", "2025-02-28"),
        ("briefs published between 1 December and 15 December on chips", "2025-12-01", "2025-12-15"),
        ("articles between December 2024 and February", "2024-12-01", "2025-02-28"),
        ("last week's briefs on chips", "2025-12-08", "2025-12-14"),
        ("What does yesterday's news say?", "2025-12-19", "2025-12-19"),
    ],
)
def test_a_window_is_read_where_the_briefs_themselves_are_meant(question: str, since: str, until: str) -> None:
    period = read_period(question, TODAY)
    assert (period.since, period.until) == (since, until)


@pytest.mark.parametrize(
    "question",
    [
        "What happened in 2020?",
        "What was the population before 2020?",
        "2020年发生了什么？",
        "2020年之前有哪些管制？",
        "In the last week of the war, who won?",
        "What did he do in the last three years of his reign?",
        "Who wrote Yesterday?",
        "What happened after May resigned?",
        "What did the annual reports of 2024 say?",
        "历史上周朝何时灭亡？",
        "日本月球探测器何时发射？",
        "1990年初发生了什么？",
        "公司年初余额是多少？",
        "最近的车站在哪里？",
        "在3个月后发生了什么？",
        "Since when is it banned?",
        "What happened since 300 BC?",
        "What changed after 31 February 2025?",
        "What happened in the past 99999999 years?",
        "2月30日以来有什么变化？",
    ],
)
def test_what_happened_in_or_before_a_year_limits_nothing(question: str) -> None:
    assert not read_period(question, TODAY)


@pytest.mark.parametrize(
    "question",
    [
        "自2025年12月起生效的规则有哪些？",
        "本月将推出哪些产品？",
        "Which rules apply from December 2025 on?",
        "What will ship this month?",
    ],
)
def test_what_lies_ahead_may_have_been_told_before(question: str) -> None:
    assert not read_period(question, TODAY)


@pytest.mark.parametrize(
    ("question", "rest"),
    [
        ("12月以来有哪些芯片获批？", "有哪些芯片获批？"),
        ("自2025年12月起，美国批准了什么？", "美国批准了什么？"),
        ("12月15日的简报说了什么？", "简报说了什么？"),
        ("What has been approved since December 2025?", "What has been approved?"),
        ("Since December 2025, what has been approved?", "what has been approved?"),
        ("What do the briefs of December 2025 say about H20?", "What do the briefs say about H20?"),
        ("What is banned?", "What is banned?"),
    ],
)
def test_the_words_of_a_period_are_not_searched_for(question: str, rest: str) -> None:
    assert without_period(question, read_period(question, TODAY)) == rest


@settings(deadline=None)
@given(st.text(max_size=80), st.sampled_from(["since ", "12月", "以来", "last week", "的简报", " 2025 ", "briefs of "]))
def test_any_question_has_a_period_of_days_or_none(text: str, words: str) -> None:
    for question in (text + words, words + text, text):
        period = read_period(question, TODAY)
        for day in (period.since, period.until):
            assert not day or date.fromisoformat(day)
        assert period.words in question
        without_period(question, period)


@pytest.mark.parametrize("text", ["12月", "last ", "briefs ", "2025 ", "December ", "since the ", "一", "a"])
def test_a_long_question_is_read_at_once(text: str) -> None:
    started = time.perf_counter()
    read_period(text * (4_000 // len(text)), TODAY)
    assert time.perf_counter() - started < 1


DATES = np.array([20251101, 20251215, 0, 20251219])


def test_a_period_comes_to_the_filters_of_the_caller_and_never_widens_them() -> None:
    period = Period("2025-12-01", "2025-12-31")
    assert limit(Filters(), period, DATES, TODAY) == (Filters(since="2025-12-01", until="2025-12-31"), period)
    given_filters = Filters(since="2025-12-10", until="2025-12-20", category="政策")
    narrowed, _ = limit(given_filters, period, np.array([20251109, 20251215]), TODAY)
    assert narrowed == given_filters


def test_a_period_that_leaves_nothing_out_is_none() -> None:
    assert limit(Filters(), Period("1990-01-01"), DATES, TODAY) == (Filters(), Period())


def test_a_period_of_which_there_is_no_article_is_set_aside() -> None:
    filters, period = limit(Filters(), Period("2025-12-20", words="today"), DATES, TODAY)
    assert (filters, period) == (Filters(), Period("2025-12-20", words="today", applied=False))


def test_a_period_in_the_future_is_none() -> None:
    assert limit(Filters(), Period("2031-01-01"), DATES, TODAY) == (Filters(), Period())


def test_a_corpus_without_dates_has_no_periods() -> None:
    assert limit(Filters(), Period("2025-12-01"), np.zeros(3, dtype=np.int64), TODAY) == (Filters(), Period())


@pytest.mark.parametrize(
    ("before", "question", "meant"),
    [
        ("哪些芯片获批出口？", "那12月以来呢？", "12月以来哪些芯片获批出口？"),
        ("哪些芯片获批出口？", "那12月15日的简报呢？", "12月15日的简报：哪些芯片获批出口？"),
        ("11月以来哪些芯片获批出口？", "12月以来呢？", "12月以来哪些芯片获批出口？"),
        ("12月以来H200有什么消息？", "那H20呢？", "12月以来H20有什么消息？"),
        ("which chips were approved?", "and since December?", "which chips were approved since December?"),
        ("which chips were approved?", "What about last week?", "which chips were approved last week?"),
        (
            "which chips were approved last month?",
            "and last week's briefs?",
            "which chips were approved? — last week's briefs",
        ),
        ("哪些芯片获批出口？", "12月以来国会做了什么？", "12月以来国会做了什么？"),
    ],
)
def test_a_period_in_a_follow_up_is_that_of_what_it_stands_for(
    before: str, question: str, meant: str, lexicon: Lexicon
) -> None:
    assert understand(question, [before], lexicon, TODAY).question == meant


@pytest.fixture
def qa(index: Path, encoder: BigramEncoder) -> Iterator[briefqa.BriefQA]:
    with briefqa.open(index, encoder, today=TODAY) as opened:
        yield opened


def test_an_answer_names_the_period_that_limits_it(qa: briefqa.BriefQA) -> None:
    answer = qa.ask("12月以来美国批准了H200的出口吗？")
    assert answer.answered and answer.period == Period("2025-12-01", "", "12月以来")
    assert "2025-12-01以来的简报" in answer.text
    assert {hit.date for hit in answer.hits} == {"2025-12-15"}
    english = qa.ask("Since December 2025: 美国批准了H200的出口")
    assert {hit.date for hit in english.hits} == {"2025-12-15"}


def test_a_refusal_names_it_too(qa: briefqa.BriefQA) -> None:
    answer = qa.ask("What was said about zebras since December 2025?")
    assert not answer.answered
    assert answer.text.startswith("The briefs since 2025-12-01 do not answer this question.")


def test_a_period_without_articles_is_said_and_set_aside(index: Path, encoder: BigramEncoder) -> None:
    with briefqa.open(index, encoder, today=date(2026, 6, 1)) as qa:
        answer = qa.ask("上周美国批准了H200的出口吗？")
    assert answer.period == Period("2026-05-25", "", "上周", applied=False)
    assert answer.text.startswith("没有2026-05-25以来的简报，因此未按日期限定。")
    assert answer.answered and answer.citations[0].date == "2025-12-15"


def test_a_filter_of_the_caller_stays_where_the_question_says_otherwise(qa: briefqa.BriefQA) -> None:
    hits = qa.retrieve("12月以来批准了什么？", until="2025-11-30")
    assert {hit.date for hit in hits} == {"2025-11-02"}


def test_retrieval_is_limited_like_answers(qa: briefqa.BriefQA) -> None:
    assert {hit.date for hit in qa.retrieve("12月以来的芯片")} == {"2025-12-15"}
    assert {hit.date for hit in qa.retrieve("2025年11月的简报里有哪些芯片？")} == {"2025-11-02"}


def test_a_follow_up_is_limited_by_its_own_period(qa: briefqa.BriefQA) -> None:
    first = qa.ask("美国批准了H200的出口吗？")
    answer = qa.ask("那12月以来呢？", history=[first])
    assert answer.understood == "12月以来美国批准了H200的出口吗？"
    assert answer.period.since == "2025-12-01"


def test_the_command_line_says_it_and_saves_it(index: Path, run: Run) -> None:
    status, out, _ = run("ask", "自2025年12月起美国批准了H200的出口吗？", "--index", index)
    assert status == 0 and "2025-12-01以来的简报" in out
    _, out, _ = run("ask", "自2025年12月起美国批准了H200的出口吗？", "--index", index, "--json")
    assert json.loads(out)["period"] == {
        "since": "2025-12-01",
        "until": "",
        "words": "自2025年12月起",
        "applied": True,
    }
