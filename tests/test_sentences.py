"""Sentences end where a reader would end them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from briefqa.sentences import split_sentences


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    "expected",
    [
        ["H200获批。", "B200仍被禁止；", "真的吗？！", "是的！"],
        ["他说：“可以。我们走。”", "然后走了。"],
        ["“不行。”他说，走了。"],
        ["下一代（如B200。）仍禁止。", "（这是另一句。）", "完。"],
        ["营收为3.5亿元，增长12.4%。", "见example.org的说明。"],
    ],
)
def test_chinese_text_is_split_at_its_own_stops(expected: list[str]) -> None:
    assert sentences("".join(expected)) == expected


@pytest.mark.parametrize(
    "expected",
    [
        ["B200 costs 3.5 times more.", "U.S. rules apply to it.", "That is all."],
        ["Mr. Smith met Dr. Jones at Acme Inc. in Paris.", "They left."],
        ["J. R. Tolkien wrote it!", '"Really?" he said.', "Yes."],
        ["1. First point.", "Second point!"],
        ["It fell in the U.S.", "The rest rose."],
        ["See e.g. the H20.", "No. 5 is best.", "I said no.", "Then I left."],
        ['He said "stop."', "Then he left."],
        ["It rose 5 %.", "In Jan. 2025 it fell."],
        ["هل حظرت؟", "نعم."],
    ],
)
def test_latin_text_is_not_split_in_numbers_abbreviations_or_quotes(expected: list[str]) -> None:
    assert sentences(" ".join(expected)) == expected


def test_a_stop_between_latin_and_chinese_ends_a_sentence() -> None:
    assert sentences("It is banned.下一句。") == ["It is banned.", "下一句。"]


def test_a_line_break_ends_a_sentence() -> None:
    assert sentences("床前明月光，\n疑是（地上\n霜）。") == ["床前明月光，", "疑是（地上", "霜）。"]


def test_a_bracket_left_open_hides_nothing() -> None:
    assert sentences("他说（这是。没有完。另一句。") == ["他说（这是。", "没有完。", "另一句。"]


@given(st.text(alphabet=st.sampled_from("ab1 .!?。！？；“”（）()\"'…\n\tA中文,，"), max_size=60))
def test_every_visible_character_lies_in_exactly_one_sentence(text: str) -> None:
    ranges = split_sentences(text)
    inside = [i for start, end in ranges for i in range(start, end)]
    assert inside == sorted(set(inside))
    assert {i for i, char in enumerate(text) if not char.isspace()} <= set(inside)
    assert all(text[start:end] == text[start:end].strip() for start, end in ranges)


@given(st.text())
def test_any_unicode_is_split_without_an_error(text: str) -> None:
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


@pytest.mark.parametrize("text", ["（" * 50_000, "a. " * 30_000, '"' * 50_000, "。" * 50_000, "“a。" * 20_000])
def test_hostile_text_is_split_without_a_hang(text: str) -> None:
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())
