from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.parser_inline import ParserInline
from markdown_it.token import Token
from markdown_it.utils import EnvType

from briefqa.inline import InlineState
from briefqa.markdown import CELL_JOINER, MAX_NESTING, Block, Document, Heading, read_markdown

FRAGMENTS = [
    *("\n", "\n\n", " ", "  \n", "\t", "    ", "\\", "\\\n", "> ", ">", "- ", "-\t", "1. ", "* ", "# ", "###### "),
    *("---\n", "===\n", "```\n", "~~~\n", "`", "``", "*", "**", "***", "_", "__", "~~", "~", "~~~", "[", "]", "(", ")"),
    *("![", "](", "](u)", "<", ">", "<b>", "</b>", "<br />", "<https://a.b/c>", "<a@b.cd>", "&amp;", "&#65;", "&ngE;"),
    *(
        "&",
        "|",
        " | ",
        "\\|",
        "|--|--|\n",
        "\n|-|-|\n",
        ":-:",
        "芯片",
        "出口。",
        "“许可”",
        "H200",
        "a",
        "é",
        "𠮷",
        "한국",
    ),
    *("[x]: /u\n", "[x]", "!", "\x0c", "\u3000", "\u00a0", "'", '"'),
]
BRACES = ["{#a}", "{.b}", " {#c .d}\n", "{", "}", "{%", "%}", "{#a} b {#c}", "<!-- x -->", "<div>\n", "\r\n", "\r"]
prose = st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join)
anything = st.one_of(
    st.lists(st.one_of(st.sampled_from(FRAGMENTS + BRACES), st.text(max_size=3)), max_size=30).map("".join),
    st.text(),
)


def blocks(text: str) -> list[Block]:
    return [part for part in read_markdown(text).parts if isinstance(part, Block)]


def headings(text: str) -> list[Heading]:
    return [part for part in read_markdown(text).parts if isinstance(part, Heading)]


def texts(text: str) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in blocks(text)]


def check_offsets(text: str, document: Document) -> None:
    """Every visible character stands where its offset says; only breaks, tabs, entities and joiners may differ."""
    for block in document.parts:
        if isinstance(block, Heading):
            assert 0 <= block.start <= len(text)
            continue
        assert len(block.offsets) == len(block.text) > 0
        assert list(block.offsets) == sorted(block.offsets)
        assert 0 <= block.start < block.end <= len(text)
        checked = [True] * len(block.text)
        if block.kind in ("row", "header"):
            assert block.text == CELL_JOINER.join(block.cells)
            checked = [c for cell in block.cells for c in [False] * len(CELL_JOINER) + [True] * len(cell)]
            checked = checked[len(CELL_JOINER) :]
        for char, offset, is_text in zip(block.text, block.offsets, checked, strict=True):
            if is_text and text[offset] != char:
                breaks = char in " \n" and text[offset] in "\t\n\r\\<"
                assert breaks or text[offset] == "&" or (text[offset] == "\0" and char == "\ufffd"), (char, offset)


@settings(max_examples=600, deadline=None)
@given(anything)
def test_every_visible_character_stands_where_its_offset_says(text: str) -> None:
    check_offsets(text, read_markdown(text))


class PlainInline(ParserInline):
    """markdown-it's own inline parser, with our rule for emphasis beside Chinese and nothing else of ours."""

    def parse(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> list[Token]:
        state = InlineState(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens


@settings(max_examples=600, deadline=None)
@given(prose)
def test_the_visible_text_is_what_markdown_it_renders(text: str) -> None:
    text = "x\n\n" + text  # no front matter
    md = MarkdownIt("commonmark", {"maxNesting": MAX_NESTING}).enable(["table", "strikethrough"])
    plain = PlainInline()
    plain.ruler, plain.ruler2 = md.inline.ruler, md.inline.ruler2
    md.inline = plain
    wanted = ""
    for token in md.parse(text):
        if token.type in ("fence", "code_block"):
            wanted += token.content
        for child in token.children or ():
            wanted += child.content if child.type in ("text", "code_inline") else ""
    shown = ""
    for part in read_markdown(text).parts:
        shown += "".join(part.cells) if isinstance(part, Block) and part.cells else part.text
    assert "".join(shown.split()) == "".join(wanted.split())


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*FRAGMENTS, *BRACES[:-2]]), max_size=30).map("".join), st.sampled_from(["\r\n", "\r"]))
def test_line_ends_change_offsets_but_no_text(text: str, line_end: str) -> None:
    unix, other = read_markdown(text), read_markdown(text.replace("\n", line_end))
    assert [part.text for part in unix.parts] == [part.text for part in other.parts]
    check_offsets(text.replace("\n", line_end), other)


def test_markup_is_stripped_and_offsets_point_past_it() -> None:
    text = "## 背景\n\n英伟达**有限**松动，见[许可](https://a.b)与`H200`。"
    (block,) = blocks(text)
    assert block.text == "英伟达有限松动，见许可与H200。"
    assert [text[offset] for offset in block.offsets] == list(block.text)
    assert text[block.start : block.end] == "英伟达**有限**松动，见[许可](https://a.b)与`H200`。"


def test_an_escape_and_an_entity_show_their_character() -> None:
    text = "A\\*B AT&amp;"
    (block,) = blocks(text)
    assert block.text == "A*B AT&"
    assert block.offsets == (0, 2, 3, 4, 5, 6, 7)
    assert (block.tail, text[block.start : block.end]) == (5, text)


def test_an_autolink_shows_its_address_as_written() -> None:
    assert texts("见 <https://a.b/%E4%B8%AD?x=1&amp;y>") == [("paragraph", "见 https://a.b/%E4%B8%AD?x=1&amp;y")]


def test_images_comments_and_tags_show_nothing() -> None:
    assert texts("a ![图](b.png) <b>c</b> <!-- d -->e\n\n<!-- f -->\n\n<div>\n\n<br />\n") == [("paragraph", "a  c e")]


def test_text_in_an_html_block_is_reported_as_lost() -> None:
    document = read_markdown("x\n\n<br />\n下一段\n\ny\n\n<!-- never closed\n\nz")
    assert [part.text for part in document.parts] == ["x", "y"]
    assert [line for line, _ in document.losses] == [3, 8]


def test_a_line_break_between_chinese_is_nothing_and_else_a_space() -> None:
    assert texts("芯片\n出口。\n许可") == [("paragraph", "芯片出口。许可")]
    assert texts("芯片”\n出口") == [("paragraph", "芯片”出口")]
    assert texts("chip\nexport  \nban\\\nend") == [("paragraph", "chip export\nban\nend")]
    assert texts("芯片\nH200\n한국\n어") == [("paragraph", "芯片 H200 한국 어")]


def test_a_line_break_on_purpose_stays_one_and_is_a_space_in_a_cell() -> None:
    assert texts("芯片<br />出口<br>") == [("paragraph", "芯片\n出口")]
    assert texts("床前明月光，  \n疑是地上霜。") == [("paragraph", "床前明月光，\n疑是地上霜。")]
    assert texts("| 芯片<br>甲 |\n|---|") == [("header", "芯片 甲")]


def test_lists_are_items_and_quotes_are_quotes() -> None:
    text = "- a\n  - b\n\n    c\n\n> q\n> r\n>\n> - s\n\n1) t\n"
    assert texts(text) == [("item", t) for t in "abc"] + [("quote", "q r"), ("item", "s"), ("item", "t")]


def test_a_heading_in_a_list_or_quote_is_text_there() -> None:
    assert texts("> # 引 {#a}\n\n- ## b\n") == [("quote", "引"), ("item", "b")]
    assert headings("> # 引 {#a}") == []


def test_code_keeps_its_lines_and_a_hash_in_it_is_no_heading() -> None:
    text = "- x\n\n  ```sh\n  # a\n\n    b\n  ```\n\n      c\n"
    assert texts(text) == [("item", "x"), ("code", "# a\n\n  b"), ("code", "c")]
    assert headings(text) == []
    check_offsets(text, read_markdown(text))


def test_a_tab_that_a_list_cuts_through_keeps_offsets_exact() -> None:
    text = "-\t\tcode\n-\t\t\tmore"
    assert texts(text) == [("code", "code"), ("code", "more")]
    assert [text[block.start : block.end] for block in blocks(text)] == ["code", "more"]


def test_a_table_is_a_header_and_rows_with_its_cells() -> None:
    text = "| 型号 | **状态** |\n|--|:-:|\n| H\\|20 | `a\\|b` |\n| | 禁止 |\n| | |\n| B200 | |\n"
    header, first, second, third = blocks(text)
    assert (header.kind, header.text, header.header) == ("header", "型号 | 状态", ())
    assert (first.kind, first.cells, first.header) == ("row", ("H|20", "a|b"), ("型号", "状态"))
    assert (second.text, third.text) == (" | 禁止", "B200 | ")
    assert [text[block.start : block.end] for block in (second, third)] == ["禁止", "B200"]


def test_a_row_has_a_cell_for_each_column_of_its_header() -> None:
    assert [block.cells for block in blocks("|a|b|\n|-|-|\n|1|\n|1|2|3|\n")] == [("a", "b"), ("1", ""), ("1", "2")]


def test_a_header_without_rows_stands_alone() -> None:
    assert texts("|a|b|\n|-|-|\n\n|c|d|\n|-|-|\n|1|2|") == [("header", "a | b"), ("header", "c | d"), ("row", "1 | 2")]


@pytest.mark.parametrize(
    ("text", "heading", "anchor"),
    [
        ("# 背景 {#a-b}", "背景", "a-b"),
        ("背景 **二** {#a .c}\n---", "背景 二", "a"),
        ("{#above}\n# b", "b", "above"),
        ("{#above}\n# b {#own}", "b", "own"),
        ("{#above}\nb\n===", "b", "above"),
        ("# b {.c}{#d} ##", "b", "d"),
        ("# 集合 {a, b}", "集合 {a, b}", ""),
        ("# b \\{#a}", "b {#a}", ""),
        ("# `{#a}`", "{#a}", ""),
        ("# {#a}", "", "a"),
        ("{#p}\ntext\n\n# b", "b", ""),
    ],
)
def test_braces_after_or_above_a_heading_are_its_id(text: str, heading: str, anchor: str) -> None:
    (found,) = headings(text)
    assert (found.text, found.anchor) == (heading, anchor)


def test_words_after_an_attribute_are_not_swallowed() -> None:
    assert texts("{#a} 正文 {#b}") == [("paragraph", "{#a} 正文 {#b}")]


def test_front_matter_is_no_text_and_only_at_the_top() -> None:
    document = read_markdown("---\ntitle: a\n---\nb")
    assert (document.front_matter, document.body, len(document.parts)) == ("title: a", 17, 1)
    assert read_markdown("---title\nx: y\n---\n").front_matter == ""
    assert read_markdown("- ---\n  a: b\n  ---\n").front_matter == ""


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5_000 + "x",
        "[" * 400_000,
        "![" * 3_000 + "a" + "](b)" * 3_000,
        "> " * 10_000 + "x",
        "- " * 10_000 + "x",
        "中文 and words, *a* " * 60_000,
        "# a" + "{}" * 100_000,
        "{.a}\n" * 50_000,
        "x <!-- " * 30_000,
        "`a" * 100_000,
        "*_" * 50_000,
    ],
    ids=lambda text: text[:8],
)
def test_hostile_text_takes_seconds_and_no_traceback(text: str) -> None:
    start = time.perf_counter()
    read_markdown(text)
    assert time.perf_counter() - start < 10  # each takes below 2 s; quadratic ones took minutes


def test_text_nested_too_deep_is_reported_as_lost() -> None:
    document = read_markdown("> " * (MAX_NESTING + 1) + "x")
    assert document.parts == ()
    assert "nested deeper" in document.losses[0][1]


def test_brackets_that_nobody_closes_stay_text() -> None:
    assert texts("[" * 5_000 + "x") == [("paragraph", "[" * 5_000 + "x")]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("销售额的**25%**须上缴", "销售额的25%须上缴"),
        ("所谓**“特供”**芯片", "所谓“特供”芯片"),
        ("**（注）**说明", "（注）说明"),
        ("**研发的步伐** 。", "研发的步伐 。"),
        ("**双重算计**------用", "双重算计------用"),
        ("删去~~25%~~的", "删去25%的"),
        ("2*3*4与a * b", "234与a * b"),
        ("他说 ** 不 **。", "他说 ** 不 **。"),
    ],
)
def test_emphasis_works_beside_chinese_where_no_space_could_tell(source: str, text: str) -> None:
    assert [part.text for part in read_markdown(source).parts if isinstance(part, Block)] == [text]
