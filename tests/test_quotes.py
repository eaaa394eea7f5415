"""A few quotes answer: whole sentences, each thing once, with what they refer to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conftest import make_ranking

from briefqa.articles import parse_article
from briefqa.chunks import Span, chunk_article
from briefqa.quotes import Quote, quote_span, select_quotes
from briefqa.ranking import Hit


def hit(text: str, *scores: float, article: str = "a", rank: int = 1, score: float = 0.9) -> Hit:
    """Make a hit of Markdown as briefqa reads it; scores: of its spans, in the order of the text."""
    (chunk,) = chunk_article(parse_article(text, article, f"{article}.md"), 2_000, len)
    assert len(scores) == len(chunk.spans), [span.text for span in chunk.spans]
    spans = [replace(span, score=value) for span, value in zip(chunk.spans, scores, strict=True)]
    spans.sort(key=lambda span: (-span.score, span.start))
    return Hit(
        article, chunk.anchor, chunk.heading, (), "题目", "2025-12-15", "", "", chunk.text, score, rank, tuple(spans)
    )


def quotes(*hits: Hit, question: str = "哪些芯片被禁？") -> list[Quote]:
    return select_quotes(question, make_ranking(*hits))


def texts(*hits: Hit) -> list[str]:
    return [quote.text for quote in quotes(*hits)]


def test_a_sentence_that_says_it_brings_the_one_that_says_what() -> None:
    text = "H20是一款特供芯片。它于2025年4月受到限制。之后另有消息。"
    (quote,) = quotes(hit(text, 0.6, 0.9, 0.5))
    assert quote.text == "H20是一款特供芯片。它于2025年4月受到限制。"
    assert text[quote.start : quote.end] == quote.text


@pytest.mark.parametrize(
    "sentence",
    [
        "这使其成为首选。", "该公司已上市。", "其产能有限。", "此举引发争论。", "前者更快。", "“它”很慢。",
        "这些芯片被禁。", "It is banned.", "Its memory is large.", "These are listed.", "They were sold.",
        "This is new.", "The latter is faster.", "Este chip es nuevo.", "Diese Chips sind neu.", "Это новое.",
        "この製品は新しい。",
    ],
)  # fmt: skip
def test_what_refers_back_is_told_by_its_beginning(sentence: str) -> None:
    first = "B200 was shown in March 2024." if sentence.isascii() else "英伟达发布了B200芯片。"
    between = " " if sentence.isascii() else ""
    (quote,) = quotes(hit(first + between + sentence, 0.6, 0.9))
    assert quote.text == first + between + sentence


@pytest.mark.parametrize(
    "sentence",
    ["其他芯片不受影响。", "其实没有结论。", "这里有工厂。", "此外还有三家。", "Itanium is old.", "他国也有。"],
)
def test_what_only_looks_so_stands_alone(sentence: str) -> None:
    assert texts(hit("英伟达发布了B200芯片。" + sentence, 0.6, 0.9)) == [sentence]


def test_one_sentence_is_brought_along_and_not_a_chain() -> None:
    assert texts(hit("甲公司成立。它上市了。它亏损了。", 0.5, 0.5, 0.9)) == ["它上市了。它亏损了。"]


def test_a_sentence_that_a_semicolon_parts_is_quoted_whole() -> None:
    text = "处境反复：4月须先取得许可；7月获口头放行。之后没有消息。"
    (quote,) = quotes(hit(text, 0.9, 0.5, 0.5))
    assert quote.text == "处境反复：4月须先取得许可；7月获口头放行。"
    long = "甲" * 90 + "；" + "乙" * 90 + "。"
    assert texts(hit(long, 0.9, 0.5)) == ["甲" * 90 + "；"]


def test_a_short_sentence_brings_the_one_that_goes_on_about_it() -> None:
    assert texts(hit("H200与H20不同。它是标准型号。另有一句话。", 0.9, 0.5, 0.5)) == ["H200与H20不同。它是标准型号。"]
    long = "H200与此前面向中国市场大幅裁剪的特供产品H20完全不同。"
    assert texts(hit(f"{long}它是标准型号。", 0.9, 0.5)) == [long]


def test_nothing_is_brought_along_from_another_paragraph() -> None:
    assert texts(hit("甲公司成立。\n\n它亏损了。", 0.5, 0.9)) == ["它亏损了。"]


def test_sentences_that_follow_each_other_are_one_quote() -> None:
    article = "第一句说H200。第二句说H20。中间另有一句。最后一句说B200。"
    found = quotes(hit(article, 0.9, 0.89, 0.5, 0.88))
    assert [quote.text for quote in found] == ["第一句说H200。第二句说H20。", "最后一句说B200。"]
    assert all(article[quote.start : quote.end] == quote.text for quote in found)


def test_markup_between_two_sentences_is_left_out_of_the_quote_and_not_of_its_place() -> None:
    text = "**H20**受限。它[获放行](https://example.org)了。"
    (quote,) = quotes(hit(text, 0.6, 0.9))
    assert quote.text == "H20受限。它获放行了。" and text[quote.start : quote.end] == text.removeprefix("**")


def test_the_same_said_twice_is_quoted_once() -> None:
    one = hit("H200的算力约为H20的六倍，但比Blackwell慢。", 0.9)
    other = hit("H200的算力约为H20的六倍，但是比Blackwell慢。", 0.89, article="b", rank=2)
    third = hit("阿里巴巴询问了购买事宜。", 0.88, article="c", rank=3)
    assert texts(one, other, third) == [one.text, third.text]


def test_of_what_is_about_as_good_that_of_another_article_is_preferred() -> None:
    first = hit("甲说H200获批。\n\n乙说B200被禁。\n\n丙说分成二成五。\n\n丁说名单在列。", 0.9, 0.899, 0.898, 0.8975)
    other = hit("另一篇说会议已开。", 0.8965, article="b", rank=2)
    assert texts(first, other) == ["甲说H200获批。", "乙说B200被禁。", "另一篇说会议已开。"]
    far = hit("另一篇说会议已开。", 0.85, article="b", rank=2)
    assert "另一篇说会议已开。" not in texts(first, far)


def test_rows_of_a_table_are_not_taken_for_the_same() -> None:
    table = "| 型号 | 状态 |\n|---|---|\n| H100 | 禁止出口 |\n| H101 | 禁止出口 |\n"
    assert texts(hit(table, 0.9, 0.89)) == ["H100 | 禁止出口", "H101 | 禁止出口"]


def test_what_falls_behind_is_not_quoted() -> None:
    assert texts(hit("第一句说H200。\n\n另一段离题了。", 0.9, 0.7)) == ["第一句说H200。"]


def test_the_first_hit_comes_first_unless_another_quote_is_clearly_better() -> None:
    first = hit("第一篇说H200获批。", 0.9)
    assert texts(first, hit("第二篇说B200被禁。", 0.905, article="b", rank=2))[0] == first.text
    assert texts(first, hit("第二篇说B200被禁。", 0.95, article="b", rank=2))[0] == "第二篇说B200被禁。"


def test_a_hit_without_spans_is_passed_over() -> None:
    empty = replace(hit("甲。", 0.9), spans=())
    assert quotes(empty) == [] and texts(empty, hit("乙说了话。", 0.8, rank=2)) == ["乙说了话。"]


def test_a_span_that_its_hit_does_not_show_is_quoted_alone() -> None:
    odd = replace(hit("甲公司成立。它亏损了。", 0.5, 0.9), text="别的文字")
    assert [quote.text for quote in quotes(odd)] == ["它亏损了。"]


def test_a_quote_of_one_span_is_that_span() -> None:
    span = Span("甲。", (), 3, 5, "paragraph")
    quote = quote_span(hit("甲。", 0.9), span)
    assert (quote.text, quote.start, quote.end, quote.header, quote.marked) == ("甲。", 3, 5, (), ())


LIST = "这些芯片可以分成三层：\n\n- 放行：H200。条件有三。\n- 反复：H20。\n- **禁止**：B200。\n\n别的事情。"


def test_a_sentence_that_leads_to_a_list_brings_its_items() -> None:
    (*found,) = quotes(hit(LIST, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1))
    assert [quote.text for quote in found] == [
        "这些芯片可以分成三层：",
        "放行：H200。条件有三。",
        "反复：H20。",
        "禁止：B200。",
    ]
    assert [LIST[quote.start : quote.end] for quote in found[1:3]] == ["放行：H200。条件有三。", "反复：H20。"]
    assert LIST[: found[3].end].endswith("- **禁止**：B200。")


def test_an_item_that_is_quoted_is_not_quoted_once_more_and_one_of_which_a_part_is_comes_whole() -> None:
    assert texts(hit(LIST, 0.9, 0.1, 0.1, 0.1, 0.95, 0.1))[:2] == ["禁止：B200。", "这些芯片可以分成三层："]
    assert texts(hit(LIST, 0.9, 0.1, 0.1, 0.1, 0.95, 0.1)).count("禁止：B200。") == 1
    assert texts(hit(LIST, 0.9, 0.1, 0.95, 0.1, 0.1, 0.1)) == [
        "条件有三。",
        "这些芯片可以分成三层：",
        "放行：H200。条件有三。",
        "反复：H20。",
        "禁止：B200。",
    ]


@pytest.mark.parametrize(
    ("text", "led"),
    [
        pytest.param("他写道：\n\n> 战争会结束。机器会作战。\n\n别的。", "战争会结束。机器会作战。", id="a paragraph"),
        pytest.param("The conditions:\n\n1. a quarter\n2. no Blackwell\n", "a quarter|no Blackwell", id="numbers"),
        pytest.param("名单如下：\n\n| 企业 | 领域 |\n|---|---|\n| 寒武纪 | 云端 |\n\n别的。", "", id="a table"),
        pytest.param("条件如下：\n\n```\na = 1\n```\n\n别的。", "", id="code"),
        pytest.param("条件如下：\n\n" + "很长" * 300 + "。", "", id="too long"),
        pytest.param("条件如下：\n\n- 甲。\n- " + "很长" * 300 + "。\n- 乙。", "甲。", id="as far as it is short"),
        pytest.param("没有条件。\n\n- 甲。", "", id="nothing is said to follow"),
        pytest.param("最后一句：", "", id="nothing follows"),
    ],
)
def test_what_a_sentence_leads_to_is_quoted_behind_it(text: str, led: str) -> None:
    (chunk,) = chunk_article(parse_article(text, "a", "a.md"), 2_000, len)
    first, *found = quotes(hit(text, 0.9, *[0.1] * (len(chunk.spans) - 1)))
    assert first.text == chunk.spans[0].text and "|".join(quote.text for quote in found) == led
