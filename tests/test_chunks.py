"""Sections become chunks that fit, chunks become spans that can be quoted, and nothing is lost on the way."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from briefqa.articles import Article, parse_article
from briefqa.chunks import Chunk, chunk_article, chunk_passage, span_passage
from briefqa.errors import ArticleError


def article(text: str, slug: str = "a") -> Article:
    return parse_article(text, slug, f"{slug}.md")


def chunks(text: str, window: int = 100) -> list[Chunk]:
    return chunk_article(article(text), window, len)


def visible(text: str) -> str:
    """Leave out white space and the pipes that join cells."""
    return "".join(char for char in text if not char.isspace() and char != "|")


TABLE = "| 芯片 | 状态 |\n|---|---|\n| **H200** | 有条件批准 |\n| H20 | 口头放行 |\n"


def test_a_section_that_fits_is_one_chunk() -> None:
    found = chunks("## 甲 {#a}\n\n第一句。第二句。\n\n第三句。\n\n## 乙 {#b}\n\n第四句。\n")
    assert [chunk.id for chunk in found] == ["a#a/0", "a#b/0"]
    assert found[0].text == "第一句。第二句。\n\n第三句。"
    assert [span.text for span in found[0].spans] == ["第一句。", "第二句。", "第三句。"]


def test_the_offsets_of_a_span_give_back_its_source_markup_included() -> None:
    source = "## 甲\n\n这是一次**有限松动**。下一句[在此](https://example.org)。\n"
    spans = chunks(source)[0].spans
    assert [span.text for span in spans] == ["这是一次有限松动。", "下一句在此。"]
    assert [source[span.start : span.end] for span in spans] == [
        "这是一次**有限松动**。",
        "下一句[在此](https://example.org)。",
    ]


def test_a_table_row_is_a_span_with_its_header_cells() -> None:
    found = chunks(f"## 表\n\n{TABLE}")[0]
    assert [(span.text, span.header) for span in found.spans] == [
        ("H200 | 有条件批准", ("芯片", "状态")),
        ("H20 | 口头放行", ("芯片", "状态")),
    ]
    assert found.text == "芯片 | 状态\nH200 | 有条件批准\nH20 | 口头放行"
    assert span_passage(found, found.spans[1]).endswith("芯片：H20；状态：口头放行")


def test_a_table_without_rows_keeps_its_header_as_a_span() -> None:
    assert [span.text for span in chunks("| 芯片 | 状态 |\n|---|---|\n")[0].spans] == ["芯片 | 状态"]


def test_title_and_headings_are_embedded_and_not_shown() -> None:
    found = chunks("---\ntitle: 简报\n---\n\n# 上\n\n## 下\n\n正文。\n")[0]
    assert found.text == "正文。"
    assert chunk_passage(found) == "简报 › 上 › 下\n正文。"
    assert span_passage(found, found.spans[0]) == chunk_passage(found)


def test_a_title_that_only_repeats_the_file_name_is_not_embedded() -> None:
    assert chunk_passage(chunks("正文。\n")[0]) == "正文。"


def test_a_long_section_is_split_between_sentences_into_parts_of_about_equal_length() -> None:
    sentence = "这一句一共有二十个字左右，读来并不算长。"
    found = chunks("## 长\n\n" + sentence * 9, window=100)
    assert [len(chunk.spans) for chunk in found] == [3, 3, 3]
    assert [chunk.part for chunk in found] == [0, 1, 2]
    assert all(span.text == sentence for chunk in found for span in chunk.spans)


def test_a_sentence_longer_than_the_window_is_cut_at_its_commas() -> None:
    found = chunks("一个没有句号的长句，" * 30, window=100)
    assert all(len(chunk.text) <= 100 for chunk in found)
    assert all(span.text.endswith("，") for chunk in found for span in chunk.spans)
    assert "".join(chunk.text for chunk in found) == "一个没有句号的长句，" * 30


def test_a_table_stays_whole_beside_text_that_fills_the_window() -> None:
    found = chunks("## 表\n\n" + "前面的话。" * 14 + f"\n\n{TABLE}", window=100)
    assert [[span.kind for span in chunk.spans].count("row") for chunk in found] == [0, 2]


def test_the_parts_of_a_table_longer_than_the_window_are_embedded_with_its_header() -> None:
    rows = "".join(f"| 芯片{i} | 状态说明文字{i} |\n" for i in range(30))
    found = chunks(f"| 型号 | 状态 |\n|---|---|\n{rows}", window=100)
    assert len(found) > 2
    assert all(chunk_passage(chunk).startswith("型号 | 状态\n") for chunk in found)
    assert sum(len(chunk.spans) for chunk in found) == 30
    assert not any(chunk.text.startswith("型号") for chunk in found[1:])


def test_each_line_of_code_is_a_span() -> None:
    found = chunks("```\nx = 1. y\n\n# no heading\n```\n")[0]
    assert [span.text for span in found.spans] == ["x = 1. y", "# no heading"]


MARKDOWN = st.lists(
    st.sampled_from(
        [
            "# 标题 {#x}\n",
            "## Head\n",
            "甲乙。丙丁！",
            "A b. C d? ",
            "**粗**",
            "\n\n",
            "\n",
            "- 项\n",
            "> 引。\n",
            "`c`",
        ]
        + [TABLE, "```\n# c\n```\n", "\n---\n", "长" * 70, "，", "&amp;", "<br />", "\\*", "(", "“甲。”"]
    ),
    max_size=25,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(MARKDOWN | st.text(max_size=80), st.sampled_from([20, 60, 500]))
def test_no_text_is_lost_and_every_offset_is_exact(source: str, window: int) -> None:
    try:
        parsed = article(source)
    except ArticleError:
        return
    found = chunk_article(parsed, window, len)
    blocks = [block for section in parsed.sections for block in section.blocks]
    assert visible("".join(chunk.text for chunk in found)) == visible("".join(block.text for block in blocks))
    assert len({chunk.id for chunk in found}) == len(found)
    placed = {offset: char for block in blocks for char, offset in zip(block.text, block.offsets, strict=True)}
    for chunk in found:
        assert chunk.spans
        for span in chunk.spans:
            assert span.text and chunk.start <= span.start < span.end <= chunk.end
            inside = "".join(char for offset, char in sorted(placed.items()) if span.start <= offset < span.end)
            assert visible(inside) == visible(span.text)
            assert visible(span.text) in visible(chunk.text)


@pytest.mark.parametrize("count", [60, 2_000])
def test_a_cut_does_not_go_through_an_entity_of_two_characters(count: int) -> None:
    text = "x" + "&ngE;" * 10 * count
    spans = [span for chunk in chunks(text, 30) for span in chunk.spans]
    assert "".join(span.text for span in spans) == "x" + "\u2267\u0338" * 10 * count
    assert len(spans) > 10 and all(before.end <= after.start for before, after in zip(spans, spans[1:], strict=False))
