"""Answers quote what stands in the articles, and refuse where nothing does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from conftest import BigramEncoder, make_ranking
from markdown_it import MarkdownIt

import briefqa
from briefqa.answer import compose, escape_markdown
from briefqa.chunks import Span
from briefqa.question import asks_for, frame_language
from briefqa.ranking import Hit


def hit(*spans: Span, score: float = 0.9, article: str = "a", rank: int = 1) -> Hit:
    placed = [replace(span, start=100 * i, end=100 * i + len(span.text)) for i, span in enumerate(spans)]
    return Hit(article, "s", "标题", ("标题",), "题目", "2025-12-15", "", "", "", score, rank, tuple(placed))


def span(text: str, score: float = 0.9, header: tuple[str, ...] = ()) -> Span:
    return Span(text, header, 0, len(text), "row" if header else "paragraph", score)


def test_the_best_span_is_quoted_first_with_its_number() -> None:
    answer = compose("哪些芯片被禁？", make_ranking(hit(span("甲。", 0.89), span("乙。", 0.9), span("丙。", 0.5))))
    assert [(c.number, c.quote) for c in answer.citations] == [(1, "乙。"), (2, "甲。")]
    assert "乙。 [1]" in answer.text and "甲。 [2]" in answer.text and "丙" not in answer.text


def test_no_more_than_three_quotes_and_none_twice() -> None:
    spans = [span(text) for text in ("甲。", "甲。", "乙。", "丙。", "丁。")]
    assert [c.quote for c in compose("q", make_ranking(hit(*spans))).citations] == ["甲。", "乙。", "丙。"]


def test_a_row_is_shown_under_its_header() -> None:
    answer = compose("q", make_ranking(hit(span("H20 | 放行", header=("芯片", "状态")))))
    assert "| 芯片 | 状态 |\n| --- | --- |\n| H20 | 放行 [1] |" in answer.text
    assert answer.citations[0].header == ("芯片", "状态")


def test_a_refusal_cites_nothing_and_names_the_nearest_sections() -> None:
    answer = compose("Who won?", replace(make_ranking(hit(span("甲。")), best=0.6), held=0.0, reach=0.1))
    assert not answer.answered and answer.citations == () and answer.confidence < 0.5
    assert "do not answer" in answer.text and "The corpus does cover:" in answer.text
    assert "题目 › 标题" in answer.text and "甲。" not in answer.text


@pytest.mark.parametrize(
    ("question", "language"),
    [("哪些芯片？", "zh"), ("which chips?", "en"), ("どのチップですか、禁止", "en"), ("¿qué?", "en")],
)
def test_the_frame_is_in_the_language_of_the_question(question: str, language: str) -> None:
    assert frame_language(question) == language


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "a *b* _c_ [d](javascript:e) `f` | g",
        "# h",
        "- i",
        "1. j",
        "$$k$$",
        "&lt;",
        "![x](y)",
    ],
)
def test_a_quote_is_shown_as_it_stands_whatever_markup_it_holds(text: str) -> None:
    answer = compose("q", make_ranking(hit(span(text))))
    html = MarkdownIt("js-default").render(escape_markdown(text))
    shown = html.removeprefix("<p>").removesuffix("</p>\n")
    assert shown == text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    assert escape_markdown(text) in answer.text


@pytest.mark.parametrize(
    ("question", "fits", "not_this"),
    [
        ("什么时候召开了紧急会议？", "12月11日召开了紧急会议", "紧急会议结束前"),
        ("When was it released?", "It came out in March 2024.", "It was released to all."),
        ("¿Cuándo se celebró?", "于2025年举行", "已举行"),
        ("销售分成是多少？", "25%的分成", "分成机制"),
        ("How much faster is it?", "近六倍", "更快"),
    ],
)
def test_a_question_for_a_date_or_a_quantity_wants_one(question: str, fits: str, not_this: str) -> None:
    pattern = asks_for(question)
    assert pattern and pattern.search(fits) and not pattern.search(not_this)
    quotes = compose(question, make_ranking(hit(span(not_this, 0.9), span(fits, 0.89)))).citations
    assert [citation.quote for citation in quotes] == [fits, not_this]


def test_other_questions_want_nothing_special() -> None:
    assert asks_for("which chips are banned?") is None and asks_for("哪些芯片被禁？") is None


def test_an_answer_is_the_same_streamed(index: Path, encoder: BigramEncoder) -> None:
    with briefqa.open(index, encoder=encoder) as qa:
        assert list(qa.ask_stream("Blackwell系列"))[-1] == qa.ask("Blackwell系列")


def test_every_quote_stands_in_its_article_at_its_offsets(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    with briefqa.open(index, encoder=encoder) as qa:
        for question in ("销售额的25%", "车载芯片", "Paris"):
            for citation in qa.ask(question).citations:
                source = (corpus / f"{citation.article}.md").read_text(encoding="utf-8")
                stands = source[citation.start : citation.end].replace("*", "").strip("| ")
                assert stands == citation.quote
