"""Answers as Markdown, JSON, BibTeX and CSL-JSON: what they say, what is read back, and what hostile text cannot do."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin

from briefqa import restoring
from briefqa.answer import Answer, Citation, Doubt, escape_markdown
from briefqa.chunks import Span
from briefqa.errors import SavedAnswerError
from briefqa.export import EXPORTS, from_json, to_bibtex, to_csl_json, to_json, to_markdown
from briefqa.newer import Newer
from briefqa.periods import Period
from briefqa.ranking import Hit

RUBIN = Citation(
    number=1,
    article="policy",
    anchor="banned",
    heading="仍被禁止的产品",
    title="芯片出口政策",
    date="2025-12-15",
    quote="Rubin芯片仍在清单上。",
    header=(),
    start=10,
    end=22,
    url="https://example.org/policy#banned",
    author="简报编辑部",
)
VENDORS = Citation(
    number=2,
    article="industry/vendors",
    anchor="vendors",
    heading="Vendors",
    title="Chip vendors",
    date="2025-11-02",
    quote="寒武纪 | 云端\n地平线 | 车载",
    header=("企业", "领域"),
    start=30,
    end=60,
    url="",
)
HIT = Hit(
    "policy",
    "banned",
    "仍被禁止的产品",
    ("出口", "仍被禁止的产品"),
    "芯片出口政策",
    "2025-12-15",
    "https://example.org/policy",
    "https://example.org/policy#banned",
    "Rubin芯片仍在清单上。",
    0.81,
    1,
    (Span("Rubin芯片仍在清单上。", (), 10, 22, "paragraph", 0.9),),
)
TABLE = "| 企业 | 领域 |\n| --- | --- |\n| 寒武纪 | 云端 |\n| 地平线 | 车载 [2] |"
ANSWER = Answer(
    question="which chips are banned?",
    text=f"The briefs say:\n\n> Rubin芯片仍在清单上。 [1]\n\n{TABLE}",
    citations=(RUBIN, VENDORS),
    answered=True,
    confidence=0.93,
    hits=(HIT,),
    generation=3,
)
FOLLOW_UP = Answer(
    question="那H20呢？",
    text="简报中的相关原文：\n\n> H20 可以出口。 [1]",
    citations=(replace(RUBIN, quote="H20 可以出口。", anchor="allowed", heading="", url=""),),
    answered=True,
    confidence=0.8,
    hits=(),
    understood="H20芯片被禁止了吗？",
    notice="语言模型没有回答，以下是原文。",
)
REFUSAL = Answer("Who won?", "The briefs do not answer this question.", (), False, 0.1, ())
HOSTILE = [
    "[^1]: mine",
    "[1]: http://evil.example",
    "a]: b",
    "![x](http://evil.example/track.png)",
    "[click](javascript:alert(1))",
    "<script>alert(1)</script>",
    "<!-- ",
    "<details open ontoggle=alert(1)>",
    "```\nx",
    "~~~{=html}\n<b>",
    "`<b>`{=html}",
    "^[a note]",
    "\\input{/etc/passwd} $x$",
    "{}}{\\{ } {",
    "\\",
    "a | b \\| c",
    "one\ntwo\n\n# three\n- four",
    "\u202egnp.exe\u2066 \ufeff\x00\x1b[31m",
    "---\ntitle: x\n---",
    "{:URL: http://evil.example}",
    "www.evil.example/a_b https://evil.example/a_b",
    "\ud800",
    "100% #1 & A_B ~ ^ \\$",
]


def reader() -> MarkdownIt:
    """Return a reader of what GitHub reads, raw HTML included."""
    return MarkdownIt("commonmark", {"html": True}).enable("table").use(footnote_plugin)


def flat(tokens: list[Token]) -> list[Token]:
    return [part for token in tokens for part in (token, *(token.children or []))]


def visible(tokens: list[Token]) -> str:
    """Return the text that is read, footnote references as numbers in brackets."""
    words = {
        "text": lambda token: token.content,
        "text_special": lambda token: token.content,
        "code_inline": lambda token: token.content,
        "code_block": lambda token: token.content,
        "fence": lambda token: token.content,
        "softbreak": lambda _: "\n",
        "hardbreak": lambda _: "\n",
        "footnote_ref": lambda token: f"[{token.meta['label']}]",
    }
    return "".join(words[token.type](token) for token in flat(tokens) if token.type in words)


def assert_harmless(markdown: str) -> list[Token]:
    """Assert that nothing is live in it but links to the cited sections."""
    tokens = reader().parse(markdown)
    for token in flat(tokens):
        assert not token.type.startswith("html") and token.type != "image", token
        assert token.type != "link_open" or str(token.attrs["href"]).startswith("https://example.org/"), token
    return tokens


# Markdown.


def test_a_conversation_becomes_markdown_with_its_footnotes_at_the_end() -> None:
    assert to_markdown([ANSWER, REFUSAL, FOLLOW_UP]) == (
        """\
# which chips are banned?

The briefs say:

> Rubin芯片仍在清单上。 [^1]

| 企业 | 领域 |
| --- | --- |
| 寒武纪 | 云端 |
| 地平线 | 车载 [^2] |

# Who won?

The briefs do not answer this question.

# 那H20呢？

理解为：H20芯片被禁止了吗？

提示：语言模型没有回答，以下是原文。

简报中的相关原文：

> H20 可以出口。 [^3]

[^1]: 芯片出口政策 › 仍被禁止的产品 · 简报编辑部 · 2025-12-15

    > Rubin芯片仍在清单上。

    <https://example.org/policy#banned>

[^2]: Chip vendors › Vendors · 2025-11-02

    | 企业 | 领域 |
    | --- | --- |
    | 寒武纪 | 云端 |
    | 地平线 | 车载 |

    industry/vendors\\#vendors

[^3]: 芯片出口政策 · 简报编辑部 · 2025-12-15

    > H20 可以出口。

    policy\\#allowed
"""
    )


def test_footnotes_are_numbered_in_the_order_of_the_text_and_all_are_shown() -> None:
    three = replace(RUBIN, number=3, quote="drei")
    answer = replace(ANSWER, text="b [2], a [1], b again [2][1]", citations=(RUBIN, VENDORS, three))
    markdown = to_markdown([answer])
    assert "b [^1], a [^2], b again [^1][^2]\n\nSee also: [^3]" in markdown
    assert markdown.index("[^1]: Chip vendors") < markdown.index("[^2]: 芯片") < markdown.index("> drei")
    tokens = reader().parse(markdown)
    assert sum(token.type == "footnote_open" for token in tokens) == 3


def test_only_markers_of_citations_become_references() -> None:
    text = "\\[1\\] [9] [1](http://evil.example) `[1]` [^1] [1]: x\n\n```python\nx[1]\n```\n\n    y[1]\n\n[1]: z"
    markdown = to_markdown([replace(ANSWER, text=text, citations=(RUBIN,))])
    assert r"\[1\] \[9\] [^1]\(http\://evil.example) `[1]` \[^1\] [^1]\: x" in markdown
    assert "\n```python\nx[1]\n```\n" in markdown and "\n    y[1]\n" in markdown and "\n[^1]\\: z" in markdown
    assert sum(token.type == "footnote_open" for token in assert_harmless(markdown)) == 1


def test_a_mark_of_doubt_is_kept_and_explained_but_not_a_quotes_own() -> None:
    markdown = to_markdown([replace(ANSWER, text="Rubin is allowed [1] [?]"), replace(FOLLOW_UP, text="甲。[?]")])
    assert r"Rubin is allowed [^1] \[?\]" in markdown and r"甲。\[?\]" in markdown
    assert r"\[?\] marks a sentence" in markdown and r"\[?\] 表示所引原文" in markdown
    assert "marks" not in to_markdown([replace(ANSWER, text="> " + escape_markdown("who [?]") + " [1]")])


def test_a_reference_in_a_table_cell_leaves_the_table_whole() -> None:
    rows = f"| a | b |\n| --- | --- |\n| {escape_markdown('x | y')} | **z** [1] |\n| `p\\|q` | r ` [2] |"
    tokens = reader().parse(to_markdown([replace(ANSWER, text=rows)]))
    cells = [visible([token]) for token in tokens if token.type == "inline"][1:7]
    assert cells == ["a", "b", "x | y", "z [1]", "p|q", "r ` [2]"]


def test_a_quote_of_rows_that_do_not_fit_their_header_is_quoted_line_by_line() -> None:
    uneven = replace(VENDORS, number=1, quote="a | b | c\n\n- d | e")
    assert "    > a \\| b \\| c\n    >\n    > \\- d \\| e\n" in to_markdown(
        [replace(ANSWER, text="x [1]", citations=(uneven,))]
    )


def test_a_row_that_begins_with_an_empty_cell_stays_in_its_table() -> None:
    first = replace(VENDORS, number=1, quote=f" | {' | '.join(VENDORS.header[1:])}")
    markdown = to_markdown([replace(ANSWER, text="x [1]", citations=(first,))])
    assert f"    |  | {' | '.join(VENDORS.header[1:])} |\n" in markdown and "    | --- |" in markdown


def test_code_that_is_left_open_ends_before_the_next_question() -> None:
    tokens = reader().parse(to_markdown([replace(ANSWER, text="```{=html}\n<b>\n    ```"), REFUSAL]))
    fence = next(token for token in tokens if token.type == "fence")
    assert (fence.content, fence.info) == ("<b>\n    ```\n", "")
    assert [visible([token]) for token in tokens if token.type == "inline"][:4] == [
        "which chips are banned?",
        "See also: [1] [2]",
        "Who won?",
        "The briefs do not answer this question.",
    ]


def test_a_rule_is_no_metadata() -> None:
    markdown = to_markdown([replace(REFUSAL, text="a\n\n---\ntitle: b\n\n---\n\nc\n---\n")])
    assert markdown.endswith("\n\na\n\n***\ntitle: b\n\n***\n\nc\n---\n")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_briefs_stay_text_in_markdown(text: str) -> None:
    citation = replace(RUBIN, title=text, heading=text, quote=text, article=text, anchor=text, author=text, date=text)
    quoted = f"> {escape_markdown(text.splitlines()[0])} [1]"
    answer = replace(
        ANSWER, question=text, text=quoted, citations=(citation,), understood=text, notice=text, answered=True
    )
    markdown = to_markdown([answer, answer])
    tokens = assert_harmless(markdown)
    assert sum(token.type == "heading_open" for token in tokens) == 2
    assert sum(token.type == "footnote_open" for token in tokens) == 2
    assert markdown.encode("utf-8") and not re.search("[\u202a-\u202e\u2066-\u2069]", markdown.split("[^1]: ")[1])
    for line in text.splitlines():
        seen = re.sub(r"[\x00-\x1f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]|\s", "", line)
        assert seen in re.sub(r"\s", "", visible(tokens))


def test_an_address_that_no_browser_should_follow_is_no_link() -> None:
    for url in ("javascript:alert(1)", "https://a.example/ b", "https://a.example/>x", "file:///etc/passwd"):
        markdown = to_markdown([replace(ANSWER, citations=(replace(RUBIN, url=url),))])
        assert "<" not in markdown and "policy\\#banned" in markdown


PIECES = st.sampled_from(
    [
        *("[1]", "[2]", "[3]", "[^1]", "[^1]:", "[1]:", "](javascript:x)", "![", "^[", "{=html}", "[r]: http://x\n"),
        *(
            "<b>",
            "<script>",
            "<!--",
            "<http://x>",
            "`",
            "``",
            "```",
            "~~~",
            "```{=html}\n",
            "\\",
            "\\[",
            "\\`",
            "$",
            "(http://x)",
        ),
        *(
            "|",
            "\\|",
            "\n\n| a | b |\n| --- | --- |\n| x | y [1] |\n\n",
            "> ",
            "- ",
            "1. ",
            "    ",
            "\t",
            "# ",
            "---\n",
        ),
        *(" ", "\n", "\n\n", "\r\n", "*", "**", "_", "a", "中文", "。", ":", "="),
    ]
)


@given(st.lists(PIECES, max_size=25).map("".join))
def test_whatever_a_model_writes_is_read_as_in_the_chat_and_nothing_in_it_is_live(text: str) -> None:
    tokens = assert_harmless(to_markdown([replace(REFUSAL, text=text), REFUSAL]))
    texts = [visible([token]) for token in tokens if token.type in ("inline", "fence", "code_block")]
    assert texts[-2:] == ["Who won?", REFUSAL.text]
    chat = MarkdownIt("commonmark", {"html": False}).enable("table")
    chat.disable(["link", "image", "autolink", "html_inline", "html_block", "reference"])

    def letters(read: str) -> str:
        # Code over several lines is shown as text, with its backticks, backslashes and asterisks.
        return re.sub(r"[\s`\\*_{}]", "", read)

    assert letters("".join(texts[1:-2])) == letters(visible(chat.parse(text)))


# JSON, and back.

TEXT = st.text(st.characters(exclude_categories=()), max_size=12)
FLOAT = st.floats(allow_nan=False, allow_infinity=False)


def test_what_was_searched_and_who_worded_it_is_said() -> None:
    answer = replace(ANSWER, translations=("哪些芯片*被禁？",), worded_by="tiny <b>")
    text = to_markdown([answer])
    assert r"哪些芯片\*被禁？" in text and r"tiny \<b\>" in text
    assert "Also searched as: " in text or "同时检索：" in text


SPANS = st.builds(
    Span, TEXT, st.tuples(TEXT, TEXT), st.integers(), st.integers(), st.sampled_from(["row", "item"]), FLOAT
)
HITS = st.builds(
    Hit,
    *(TEXT, TEXT, TEXT, st.lists(TEXT, max_size=2).map(tuple), TEXT, TEXT, TEXT, TEXT, TEXT, FLOAT, st.integers()),
    st.lists(SPANS, max_size=2).map(tuple),
)
CITATIONS = st.builds(Citation, st.integers(), *[TEXT] * 6, st.tuples(TEXT), st.integers(), st.integers(), TEXT)
ANSWERS = st.builds(
    Answer,
    *(
        TEXT,
        TEXT,
        st.lists(CITATIONS, max_size=2).map(tuple),
        st.booleans(),
        FLOAT,
        st.lists(HITS, max_size=2).map(tuple),
    ),
    understood=TEXT,
    translations=st.lists(TEXT, max_size=2).map(tuple),
    notice=TEXT,
    generation=st.integers(0, 9),
    worded_by=TEXT,
    doubts=st.lists(st.builds(Doubt, TEXT, TEXT, st.lists(TEXT, max_size=2).map(tuple)), max_size=2).map(tuple),
    period=st.builds(Period, TEXT, TEXT, TEXT, st.booleans()),
    newer=st.lists(st.builds(Newer, st.integers(), *[TEXT] * 6), max_size=2).map(tuple),
)


@settings(deadline=None)
@given(st.lists(ANSWERS, max_size=3))
def test_what_is_saved_is_read_back_as_it_was(answers: list[Answer]) -> None:
    text = to_json(answers)
    assert from_json(text) == tuple(answers)
    assert from_json(text.encode("utf-8").decode("utf-8")) == tuple(answers)
    assert not answers or from_json(json.dumps([asdict(answer) for answer in answers])) == tuple(answers)


def test_one_answer_is_a_plain_object_and_several_are_a_conversation() -> None:
    assert json.loads(to_json([ANSWER])) == json.loads(json.dumps(asdict(ANSWER)))
    conversation = json.loads(to_json([ANSWER, REFUSAL]))
    assert conversation["format"] == "briefqa-conversation/1"
    assert [turn["question"] for turn in conversation["turns"]] == [ANSWER.question, REFUSAL.question]
    assert json.loads(to_json([])) == {"format": "briefqa-conversation/1", "turns": []}


def test_a_field_that_is_missing_has_its_default_and_an_unknown_one_is_passed_over() -> None:
    record: dict[str, Any] = json.loads(to_json([ANSWER]))
    for name in ("understood", "notice", "generation"):
        del record[name]
    del record["citations"][0]["revision"]
    record["doubts_of_tomorrow"] = [{"kind": "new"}]
    record["hits"][0]["spans"][0]["colour"] = "red"
    record["confidence"] = 1
    (answer,) = from_json(json.dumps(record))
    assert answer == replace(ANSWER, generation=0, confidence=1.0) and type(answer.confidence) is float


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "saved answer:1: not JSON (Expecting value"),
        ("[" * 100_000, "nested too deep to be an answer"),
        ('{"question": NaN}', "not JSON (NaN is no number)"),
        ("9" * 5000, "saved answer: not JSON (Exceeds the limit"),
        ("[]", "saved answer: it is an empty list: save an answer with `briefqa ask"),
        ("{}", "saved answer: question is missing, it must be text"),
        ('{"format": "briefqa-conversation/2", "turns": []}', 'format is "briefqa-conversation/2", this version'),
        ('{"format": "briefqa-conversation/1"}', "turns is missing"),
        ('{"format": "briefqa-conversation/1", "turns": {}}', "turns is {}, not a list"),
        ('{"format": "briefqa-conversation/1", "turns": [1]}', "turns[0] is 1, not an object"),
        ('{"question": "q"}', "text is missing"),
        ('{"question": 1, "text": ""}', "question is 1, not text"),
    ],
)
def test_what_is_no_saved_answer_is_told_by_its_field(text: str, message: str) -> None:
    with pytest.raises(SavedAnswerError, match=re.escape(message)) as told:
        from_json(text)
    assert len(str(told.value)) < 220 and "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("citations", 0, "number"), "1", 'citations[0].number is "1", not a whole number'),
        (("citations", 1, "start"), True, "citations[1].start is true, not a whole number"),
        (("citations", 0, "header"), "x", 'citations[0].header is "x", not a list'),
        (("citations",), None, "citations is null, not a list"),
        (("answered",), 1, "answered is 1, not true or false"),
        (("confidence",), 10**400, f"confidence is {'1' + '0' * 39}…, not a number"),
        (("hits", 0, "spans", 0, "text"), None, "hits[0].spans[0].text is null, not text"),
        (("hits", 0, "heading_path", 1), 2, "hits[0].heading_path[1] is 2, not text"),
    ],
)
def test_a_wrong_field_is_named_with_its_place(path: tuple[Any, ...], value: object, message: str) -> None:
    record: Any = json.loads(to_json([ANSWER]))
    place = record
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(SavedAnswerError, match=re.escape(message)):
        from_json(json.dumps(record))


@dataclass(frozen=True, slots=True)
class Remark:
    kind: Literal["unsupported", "figure"]
    place: tuple[int, str]
    rows: tuple[tuple[int, ...], ...] = ()
    other: str | None = None
    tags: tuple[str, ...] = field(default_factory=tuple)


def test_fields_that_are_yet_to_come_are_read_by_their_types() -> None:
    doubts = (Remark("figure", (1, "a"), ((1, 2), ()), "x", ("t",)), Remark("unsupported", (0, "")))
    records = json.loads(json.dumps([asdict(doubt) for doubt in doubts]))
    assert restoring.restore(tuple[Remark, ...], records, "doubts") == doubts
    for name, value, message in (
        ("kind", "odd", "doubts[0].kind is \"odd\", not 'unsupported' or 'figure'"),
        ("place", [1], "doubts[0].place is [1], not a list of 2"),
        ("other", 1, "doubts[0].other is 1, not text"),
    ):
        with pytest.raises(SavedAnswerError, match=re.escape(message)):
            restoring.restore(tuple[Remark, ...], [{**records[0], name: value}], "doubts")


def test_every_type_of_an_answer_can_be_read() -> None:
    types = (Answer, Citation, Hit, Newer, Period, Span)
    kinds = {str(kind) for of in types for kind in restoring.field_types(of).values()}
    readable = r"<class '(str|int|float|bool|briefqa\.periods\.Period)'>|tuple\[.*\]|typing\.Literal\[.*\]|.* \| .*"
    assert all(re.fullmatch(readable, kind) for kind in kinds), kinds


# BibTeX and CSL-JSON.


def parse_bibtex(text: str) -> dict[str, dict[str, str]]:
    """Return each entry's fields by its key, read as BibTeX reads them: braces count, whatever stands before them."""
    entries: dict[str, dict[str, str]] = {}
    place = 0
    while entry := re.compile(r"\s*@misc\{([^\s,{}#%~\\\"]+),\n").match(text, place):
        key, place = entry[1], entry.end()
        assert key.isascii() and key.lower() not in map(str.lower, entries)
        entries[key] = {}
        while name := re.compile(r"  ([a-z]+) = ").match(text, place):
            place = name.end()
            if month := re.compile(r"[a-z]{3}").match(text, place):
                end = month.end()
            else:
                depth, end = 0, place
                while depth or end == place:
                    depth += {"{": 1, "}": -1}.get(text[end], 0)
                    end += 1
            assert name[1] not in entries[key] and text[end : end + 2] == ",\n"
            entries[key][name[1]], place = text[place:end], end + 2
        assert text[place : place + 2] == "}\n"
        place += 2
    assert text[place:].strip() == ""
    return entries


def test_each_cited_section_is_one_entry() -> None:
    again = replace(RUBIN, number=3, quote="Blackwell芯片也在。")
    entries = parse_bibtex(to_bibtex([replace(ANSWER, citations=(RUBIN, VENDORS, again)), ANSWER, REFUSAL]))
    assert entries == {
        "policy:banned": {
            "author": "{{简报编辑部}}",
            "title": "{{芯片出口政策}}",
            "howpublished": "{\\url{https://example.org/policy#banned}}",
            "year": "{2025}",
            "month": "dec",
            "day": "{15}",
            "note": "{仍被禁止的产品}",
            "annote": "{“Rubin芯片仍在清单上。” “Blackwell芯片也在。”}",
        },
        "industry-vendors:vendors": {
            "key": "{industry-vendors:vendors}",
            "title": "{{Chip vendors}}",
            "howpublished": "{industry/vendors\\#vendors}",
            "year": "{2025}",
            "month": "nov",
            "day": "{2}",
            "note": "{Vendors}",
            "annote": "{“寒武纪 | 云端 / 地平线 | 车载”}",
        },
    }


@pytest.mark.parametrize(
    ("sections", "keys"),
    [
        ([("政策", "背景"), ("zheng-ce", "bei-jing")], ["zhengce:beijing", "zheng-ce:bei-jing"]),
        ([("A/b", "c"), ("a-B", "C"), ("a b", "c")], ["a-b:c", "a-b:c-2", "a-b:c-3"]),
        ([("a", ""), ("\u202e", "\ud800"), ("", "")], ["a", "brief", "brief-2"]),
        ([("x" * 99, "{},#%")], ["x" * 60]),
    ],
)
def test_keys_are_readable_ascii_and_unique(sections: list[tuple[str, str]], keys: list[str]) -> None:
    citations = tuple(replace(RUBIN, article=article, anchor=anchor) for article, anchor in sections)
    assert list(parse_bibtex(to_bibtex([replace(ANSWER, citations=citations)]))) == keys


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_briefs_stay_text_in_bibtex(text: str) -> None:
    citation = replace(RUBIN, title=text, heading=text, quote=text, article=text, anchor=text, author=text, date=text)
    other = replace(citation, article="other", url="https://example.org/{x%20z#}}}政")
    written = to_bibtex([replace(ANSWER, citations=(citation, other))])
    entries = parse_bibtex(written)
    assert len(entries) == 2 and written.encode("utf-8") and not re.search("[\u202a-\u202e\u2066-\u2069]", written)
    for entry in entries.values():
        for name in ("title", "note", "annote", "author"):
            value = re.sub(r"\\text[a-z]+\{\}|\\[#$%&_]", "", entry.get(name, "{}"))
            assert not re.search(r"[\\#$%&_~^<>]", value) and value.count("{") == value.count("}") <= 2
        assert "year" not in entry
    assert all(entry["howpublished"].startswith("{\\url{https://example.org/") for entry in entries.values())


def test_an_address_in_bibtex_is_ascii_without_braces_or_backslashes() -> None:
    citation = replace(RUBIN, url="https://example.org/a_b%20{c}?d=e&f=~g#政策")
    (entry,) = parse_bibtex(to_bibtex([replace(ANSWER, citations=(citation,))])).values()
    assert entry["howpublished"] == "{\\url{https://example.org/a_b%20%7Bc%7D?d=e&f=~g#%E6%94%BF%E7%AD%96}}"


@pytest.mark.parametrize(
    ("date", "parts"),
    [
        ("2025-12-15", [2025, 12, 15]),
        ("2025-12", [2025, 12]),
        ("2025", [2025]),
        ("", []),
        ("2025-13-01", []),
        ("2025-12-15} x = {", []),
        ("٢٠٢٥", []),
    ],
)
def test_dates_are_given_as_far_as_they_are_known(date: str, parts: list[int]) -> None:
    answers = [replace(ANSWER, citations=(replace(RUBIN, date=date),))]
    (item,) = json.loads(to_csl_json(answers))
    assert item.get("issued") == ({"date-parts": [parts]} if parts else None)
    (entry,) = parse_bibtex(to_bibtex(answers)).values()
    assert [name in entry for name in ("year", "month", "day")] == [len(parts) > n for n in range(3)]
    assert "urldate" not in entry and "accessed" not in item


def assert_csl(items: Any) -> None:
    """Assert the rules of the CSL schema (csl-data.json 1.0.2) that bear on what is written here."""
    assert isinstance(items, list) and len({item["id"] for item in items}) == len(items)
    for item in items:
        assert set(item) <= {
            *("id", "type", "title", "container-title", "author", "issued", "URL", "language", "note")
        } and {"id", "type"} <= set(item)
        assert item["type"] in ("webpage", "article") and ("URL" in item) == (item["type"] == "webpage")
        for name in ("id", "title", "container-title", "URL", "language", "note"):
            assert isinstance(item.get(name, "x"), str) and item.get(name, "x")
        for author in item.get("author", []):
            assert set(author) == {"literal"} and isinstance(author["literal"], str)
        if "issued" in item:
            assert set(item["issued"]) == {"date-parts"}
            (parts,) = item["issued"]["date-parts"]
            assert 1 <= len(parts) <= 3 and all(type(part) is int for part in parts)


def test_csl_items_have_the_section_its_article_and_the_quotes() -> None:
    items = json.loads(to_csl_json([ANSWER, ANSWER]))
    assert_csl(items)
    assert items == [
        {
            "id": "policy:banned",
            "type": "webpage",
            "title": "仍被禁止的产品",
            "container-title": "芯片出口政策",
            "author": [{"literal": "简报编辑部"}],
            "issued": {"date-parts": [[2025, 12, 15]]},
            "URL": "https://example.org/policy#banned",
            "language": "zh",
            "note": "“Rubin芯片仍在清单上。”",
        },
        {
            "id": "industry-vendors:vendors",
            "type": "article",
            "title": "Vendors",
            "container-title": "Chip vendors",
            "issued": {"date-parts": [[2025, 11, 2]]},
            "note": "“寒武纪 | 云端 / 地平线 | 车载”",
        },
    ]
    assert json.loads(to_csl_json([REFUSAL])) == [] and to_bibtex([REFUSAL]) == ""


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_briefs_stay_text_in_csl(text: str) -> None:
    citation = replace(RUBIN, title=text, heading=f"{text}x", quote=text, author=text, date=text, url=text)
    written = to_csl_json([replace(ANSWER, citations=(citation,))])
    assert written.encode("utf-8")
    items = json.loads(written)
    assert_csl(items)
    assert "{:" not in items[0].get("note", "") and items[0]["type"] == "article"


# All of them.


def test_every_kind_of_file_ends_its_last_line_and_has_a_suffix_of_its_own() -> None:
    assert len({export.suffix for export in EXPORTS.values()}) == len(EXPORTS) == 4
    for export in EXPORTS.values():
        assert export.write([ANSWER, FOLLOW_UP]).endswith("\n") and export.suffix.startswith(".")
        assert export.cited == (export.write([REFUSAL]).strip() in ("", "[]"))
