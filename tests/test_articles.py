from __future__ import annotations

import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from briefqa.articles import Article, decode, list_articles, parse_article, read_article, slug_of
from briefqa.errors import ArticleError, CorpusError
from briefqa.settings import Limits

BRIEF = """---
title: "稀土出口许可：谁受影响"
date: 2025-11-03
category: "产业"
tags: ["稀土", "出口管制"]
source_url: "https://example.org/rare-earths"
author: "编辑部"
summary: "摘要"
---

许可的范围 {#scope}
----------------

许可涵盖**七种**中重稀土。

<br />

价格变化 {#prices}
---------------

| **元素** | **涨幅** |
|--------|--------|
| **镝**  | 40%    |
"""


def parsed(text: str, path: str = "a.md") -> Article:
    return parse_article(text, path.rsplit(".", 1)[0], path)


def failure(text: str) -> ArticleError:
    with pytest.raises(ArticleError) as caught:
        parsed(text)
    assert "\n" not in str(caught.value)
    return caught.value


def write(corpus: Path, name: str, data: str | bytes = "text") -> Path:
    path = corpus / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def listed(corpus: Path) -> tuple[list[str], dict[str, str]]:
    files, problems = list_articles(corpus)
    assert all(problem.line == 0 for problem in problems)
    return [file.relative_to(corpus).as_posix() for file in files], {p.path: p.message for p in problems}


def test_a_brief_is_read_with_its_front_matter_sections_and_offsets(tmp_path: Path) -> None:
    path = write(tmp_path, "trade/rare.md", BRIEF)
    article = read_article(path, tmp_path)
    assert slug_of(path, tmp_path) == article.slug
    assert (article.slug, article.path) == ("trade/rare", "trade/rare.md")
    assert (article.title, article.date, article.category) == ("稀土出口许可：谁受影响", "2025-11-03", "产业")
    assert (article.tags, article.author, article.summary) == (("稀土", "出口管制"), "编辑部", "摘要")
    assert article.source_url == "https://example.org/rare-earths"
    assert len(article.sha256) == 64
    assert article.warnings == ()
    scope, prices = article.sections
    assert (scope.anchor, scope.heading, scope.level, scope.line) == ("scope", "许可的范围", 2, 11)
    assert scope.heading_path == ("许可的范围",)
    assert [block.text for block in scope.blocks] == ["许可涵盖七种中重稀土。"]
    assert article.text[scope.start : scope.end].startswith("许可的范围 {#scope}")
    assert article.text[scope.end :].startswith("价格变化 {#prices}")
    assert prices.end == len(article.text)
    header, row = prices.blocks
    assert (header.kind, row.kind, row.text, row.header) == ("header", "row", "镝 | 40%", ("元素", "涨幅"))
    assert article.text[row.start : row.end] == "镝**  | 40%"


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.text(), st.text(alphabet="-:ab\n#{}[]>|`*&! \r\t")), st.sampled_from(["", "---\n", "---\na: b\n---\n"])
)
def test_any_text_is_an_article_or_an_article_error(text: str, front: str) -> None:
    try:
        article = parsed(front + text)
    except ArticleError as error:
        assert "\n" not in str(error)
        assert error.line <= (front + text).count("\n") + (front + text).count("\r") + 1
        return
    anchors = [section.anchor for section in article.sections]
    assert len(set(anchors)) == len(anchors)
    assert all(section.start <= section.end for section in article.sections)
    for section in article.sections:
        assert all(section.start <= block.start < block.end <= section.end for block in section.blocks)


@settings(max_examples=300, deadline=None)
@given(st.binary())
def test_any_bytes_are_text_or_an_article_error(data: bytes) -> None:
    try:
        assert decode(data).strip()
    except ArticleError as error:
        assert error.line <= data.count(b"\n") + data.count(b"\r") + 1


@pytest.mark.parametrize(
    ("value", "date"),
    [
        ("2025-12-15", "2025-12-15"),
        ("2025-12-15T08:30:00Z", "2025-12-15"),
        ("2025-12-15 08:30:00 +08:00", "2025-12-15"),
        ('"2025/12/5"', "2025-12-05"),
        ("2025.12.15", "2025-12-15"),
        ("2025年12月15日", "2025-12-15"),
        ("2025 年 1 月 5 日", "2025-01-05"),
        ("2025年12月15号", "2025-12-15"),
        ("2025年12月15日 08:30", "2025-12-15"),
        ("2025年12月15日（星期一）", "2025-12-15"),
        ("2025年12月15日 周一 8时30分", "2025-12-15"),
        ("２０２５年１２月１５日", "2025-12-15"),
        ("二〇二五年十二月十五日", "2025-12-15"),
        ("2025年12月15日(月)", "2025-12-15"),
        ("2025년 12월 15일", "2025-12-15"),
        ("2025-12-15T23:30:00-08:00", "2025-12-15"),
        ("2025-12-15T08:30:00.123456Z", "2025-12-15"),
        ("2025-12-15T083000Z", "2025-12-15"),
        ("2025-12-15Z", "2025-12-15"),
        ("20251215", "2025-12-15"),
        ("20251215T083000Z", "2025-12-15"),
        ("2025/12/15 8:30", "2025-12-15"),
        ("2025. 12. 15.", "2025-12-15"),
        ("December 15, 2025", "2025-12-15"),
        ("Dec. 15th, 2025", "2025-12-15"),
        ("15 December 2025", "2025-12-15"),
        ("Mon, 15 Dec 2025 08:30:00 +0000", "2025-12-15"),
        ("15 de diciembre de 2025", "2025-12-15"),
        ("15. Dezember 2025", "2025-12-15"),
        ("1er décembre 2025", "2025-12-01"),
        ("15 декабря 2025 г.", "2025-12-15"),
        ("12/15/2025", "2025-12-15"),
        ("15/12/2025", "2025-12-15"),
        ("15.12.2025 08:30", "2025-12-15"),
        ("12/12/2025", "2025-12-12"),
        ("", ""),
        ("~", ""),
    ],
)
def test_a_date_is_understood_in_each_common_form(value: str, date: str) -> None:
    article = parsed(f"---\ndate: {value}\n---\nx")
    assert (article.date, article.warnings) == (date, ())


def test_numbers_that_may_be_two_days_are_told_and_not_guessed() -> None:
    for value in ("05/12/2025", "5-12-2025", "05.12.2025"):
        article = parsed(f"---\ndate: {value}\n---\nx")
        assert article.date == ""
        assert "may be 2025-05-12 or 2025-12-05" in article.warnings[0].message


@pytest.mark.parametrize(
    "value",
    [
        "2025-13-45",
        "2025-02-30",
        "31/02/2025",
        "13/13/2025",
        "soon",
        "2025",
        "2025-12",
        "2025年12月",
        "December 2025",
        "[2025-12-15]",
        "2025-12/15",
        "12/15/25",
        "2025-12-15 or so",
        "2025-12-155",
        "0000-12-15",
        "May 5",
    ],
)
def test_a_date_that_is_none_is_a_warning_with_its_line(value: str) -> None:
    article = parsed(f"---\ntitle: a\ndate: {value}\n---\nx")
    assert article.date == ""
    assert article.warnings[0].line == 3
    assert "date" in article.warnings[0].message


def test_tags_are_a_list_or_a_string() -> None:
    assert parsed("---\ntags: a, b，c、a\n---\nx").tags == ("a", "b", "c")
    assert parsed("---\ntags: [a, 2025, ~, 'b']\n---\nx").tags == ("a", "2025", "b")
    article = parsed("---\ntags:\n- a\n- [b]\n---\nx")
    assert (article.tags, len(article.warnings)) == (("a",), 1)


def test_a_value_of_the_wrong_kind_is_left_empty_with_a_warning() -> None:
    article = parsed("---\nunknown: [1]\ntitle: {a: b}\nauthor:\n  - c\n---\nx", "stem.md")
    assert (article.title, article.author) == ("stem", "")
    assert [problem.line for problem in article.warnings] == [3, 5]


def test_values_are_kept_as_they_are_written() -> None:
    article = parsed("---\ntitle: |\n  two\n  lines\ncategory: 1e3\nauthor: yes\n---\nx")
    assert (article.title, article.category, article.author) == ("two lines", "1e3", "yes")


def test_a_yaml_alias_bomb_costs_nothing() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    article = parsed("---\n" + "\n".join(lines) + "\ntitle: *a59\ntags: *a59\n---\nx")
    assert (article.title, article.tags, len(article.warnings)) == ("a", (), 2)


def test_a_title_falls_back_on_the_first_heading_and_then_on_the_file() -> None:
    assert parsed("## b\n\nx\n\n# A *c*\n\ny").title == "A c"
    assert parsed("## b\n\nx", "folder/名 字.md").title == "名 字"


def test_broken_front_matter_names_its_line_and_the_cure() -> None:
    error = failure("---\ntitle: x\nsummary: a: b\n---\ntext")
    assert error.line == 3
    assert str(error).startswith("front matter is not valid YAML (mapping values are not allowed")
    assert str(error).endswith("quote the value or mend line 3")


@pytest.mark.parametrize("front", ["[" * 30_000, "- " * 30_000, "a: " + "x" * 70_000, "标题：甲", "a: \x07", "a: *b"])
def test_front_matter_that_cannot_be_read_is_an_article_error(front: str) -> None:
    assert "front matter" in str(failure(f"---\n{front}\n---\ntext"))


def test_front_matter_that_is_never_closed_is_an_error() -> None:
    error = failure("---\ntitle: a\n\ntext")
    assert (error.line, "never closed" in str(error)) == (1, True)
    assert [section.blocks[0].text for section in parsed("---\n\n正文。").sections] == ["正文。"]


@pytest.mark.parametrize("text", ["", " \n", "# a", "---\ntitle: a\n---\n", "![x](y)", "<!-- x -->", "\u200b"])
def test_an_article_without_text_is_empty(text: str) -> None:
    assert str(failure(text)).startswith("empty: ")


def test_a_section_without_blocks_is_kept_for_its_anchor() -> None:
    article = parsed("# 甲\n\n## 乙\n\nx\n\n# 丙")
    assert [(section.anchor, len(section.blocks)) for section in article.sections] == [("甲", 0), ("乙", 1), ("丙", 0)]


def test_text_before_the_first_heading_is_a_section_without_an_anchor() -> None:
    first, second = parsed("---\ntitle: a\n---\nx\n\n# b\n\ny").sections
    assert (first.anchor, first.heading, first.heading_path, first.level) == ("", "", (), 0)
    assert (first.start, first.end) == (17, second.start)


def test_a_heading_path_leads_from_the_outermost_heading() -> None:
    sections = parsed("# a\n## b\n### c\nx\n## d\n#### e\n# f").sections
    assert [" ".join(section.heading_path) for section in sections] == ["a", "a b", "a b c", "a d", "a d e", "f"]


def test_anchors_are_made_of_the_heading_and_unique() -> None:
    text = "# H200 芯片：Status?\n# 背景\nx\n# 背景\n# ？\n# b {#背景}\n# हिन्दी\n# pre-release"
    anchors = [section.anchor for section in parsed(text).sections]
    assert anchors == ["h200-芯片status", "背景-1", "背景-2", "section", "背景", "हिन्दी", "pre-release"]


def test_an_anchor_given_twice_is_suffixed_with_a_warning() -> None:
    article = parsed("# a {#x}\nt\n# b {#x}\n# c {#x-1}")
    assert [section.anchor for section in article.sections] == ["x", "x-2", "x-1"]
    assert [problem.line for problem in article.warnings] == [3]


def test_a_hash_in_a_code_fence_is_no_heading() -> None:
    (section,) = parsed("# a\n\n```\n# b\n```").sections
    assert [(block.kind, block.text) for block in section.blocks] == [("code", "# b")]


@pytest.mark.parametrize("line_end", ["\r\n", "\r"])
def test_offsets_count_the_line_ends_of_the_file(tmp_path: Path, line_end: str) -> None:
    data = BRIEF.replace("\n", line_end).encode("utf-8-sig")
    article = read_article(write(tmp_path, "a.md", data), tmp_path)
    assert article.text == data.decode("utf-8-sig")
    assert article.sections[0].line == 11
    for section in article.sections:
        assert article.text[section.start :].startswith(section.heading)
    row = article.sections[1].blocks[1]
    assert article.text[row.start : row.end] == "镝**  | 40%"


def test_gb18030_is_recognised() -> None:
    assert decode(BRIEF.encode("gb18030")) == BRIEF


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        (BRIEF.encode("utf-16"), 0, "UTF-16"),
        (BRIEF.encode("utf-32"), 0, "UTF-32"),
        (b"a\nb\0", 2, "NUL"),
        ("a\r\nété là, déjà vu".encode("latin-1"), 2, "save the file as UTF-8"),
        (b"a\n" + "中文的正文在这里".encode()[1:], 2, "save the file as UTF-8"),
        (b"a\n\xff\xff", 2, "save the file as UTF-8"),
    ],
)
def test_another_encoding_is_refused_with_the_cure(data: bytes, line: int, words: str) -> None:
    with pytest.raises(ArticleError, match=words) as caught:
        decode(data)
    assert caught.value.line == line


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArticleError, match="larger than 1 MB .max_file_bytes.: split"):
        read_article(write(tmp_path, "a.md", b"a" * (Limits().max_file_bytes + 1)), tmp_path)


def test_a_file_without_permission_is_an_article_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "a.md")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ArticleError, match="Permission denied"):
        read_article(path, tmp_path)


def test_articles_are_listed_by_slug_and_hidden_ones_are_not(tmp_path: Path) -> None:
    for name in ("b.md", "a/z.MD", "a.markdown", "README.md", "c.txt", ".x.md", ".git/y.md"):
        write(tmp_path, name)
    assert listed(tmp_path) == (["README.md", "a.markdown", "a/z.MD", "b.md"], {})


def test_of_two_files_with_one_slug_the_first_is_kept(tmp_path: Path) -> None:
    for name in ("a.markdown", "a.md", unicodedata.normalize("NFC", "é.md"), unicodedata.normalize("NFD", "é.md")):
        write(tmp_path, name)
    files, problems = listed(tmp_path)
    assert files == ["a.md", unicodedata.normalize("NFD", "é.md")]
    assert "a.md" in problems["a.markdown"]
    assert "rename" in problems[unicodedata.normalize("NFC", "é.md")]


def test_links_are_followed_to_files_inside_the_corpus_alone(tmp_path: Path) -> None:
    corpus, outside = tmp_path / "corpus", tmp_path / "corpus-2"
    write(corpus, "in/a.md")
    write(outside, "b.md")
    (corpus / "link.md").symlink_to(corpus / "in/a.md")
    (corpus / "out.md").symlink_to(outside / "b.md")
    (corpus / "gone.md").symlink_to(corpus / "nothing.md")
    (corpus / "self.md").symlink_to(corpus / "self.md")
    (corpus / "loop").symlink_to(corpus)
    (corpus / "away").symlink_to(outside)
    files, problems = listed(corpus)
    assert files == ["in/a.md", "link.md"]
    assert {path: message.split(":")[0] for path, message in problems.items()} == {
        "out.md": "the link leads out of the corpus",
        "gone.md": "the link leads nowhere",
        "self.md": "the link leads nowhere",
        "loop": "links to folders are not followed",
        "away": "links to folders are not followed",
    }


def test_a_folder_named_like_an_article_is_a_problem_and_scanned(tmp_path: Path) -> None:
    write(tmp_path, "x.md/a.md")
    files, problems = listed(tmp_path)
    assert (files, list(problems)) == (["x.md/a.md"], ["x.md"])


def test_a_pipe_and_a_name_in_no_encoding_are_problems(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.md")).touch()
    files, problems = listed(tmp_path)
    assert (files, sorted(problems)) == ([], ["pipe.md", "\ufffd.md"])


def test_a_folder_that_cannot_be_read_is_a_problem_or_a_corpus_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "closed/a.md")
    write(tmp_path, "b.md")
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if path.name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    files, problems = listed(tmp_path)
    assert (files, list(problems)) == (["b.md"], ["closed"])
    with pytest.raises(CorpusError, match="Permission denied"):
        list_articles(tmp_path / "closed")


def test_a_corpus_that_is_no_folder_is_a_corpus_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="does not exist"):
        list_articles(tmp_path / "none")
    with pytest.raises(CorpusError, match="is not a folder"):
        list_articles(write(tmp_path, "a.md"))


def test_importing_articles_is_light() -> None:
    code = "import sys, briefqa.articles; print([m for m in ('numpy', 'torch', 'faiss', 'gradio') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
