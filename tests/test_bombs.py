"""Files and requests that are small and make large trouble: each is read in about a second, or refused by a limit."""

from __future__ import annotations

import time
from dataclasses import fields
from pathlib import Path

import pytest
from bombs import BOMBS
from conftest import BigramEncoder

import briefqa
from briefqa.articles import parse_file
from briefqa.chunks import chunk_article, chunk_passage, span_passage
from briefqa.errors import ArticleError, SettingsError
from briefqa.settings import Limits
from briefqa.ui.source import render_article
from briefqa.verbatim import visible_article

# Seconds of a processor's time for each step; here the slowest takes 0.9.
SECONDS = 3.0
# Characters that are embedded and kept of a file of 1 MB, at most.
MOST_PASSAGES = 60_000_000


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_read_in_about_a_second_or_refused_by_a_limit(name: str) -> None:
    data = BOMBS[name].encode()
    steps = [time.process_time()]
    try:
        article = parse_file(data, "bomb.md")
    except ArticleError as error:
        assert time.process_time() - steps[0] < SECONDS
        assert "\n" not in str(error) and ": " in str(error)
        return
    steps.append(time.process_time())
    chunks = chunk_article(article, 480, lambda text: len(text) // 2 + 1)
    steps.append(time.process_time())
    passages = [span_passage(chunk, span) for chunk in chunks for span in chunk.spans]
    passages += [chunk_passage(chunk) for chunk in chunks]
    assert sum(map(len, passages)) < MOST_PASSAGES
    steps.append(time.process_time())
    visible_article(article)
    steps.append(time.process_time())
    html = render_article(article.text, [section.anchor for section in article.sections if section.level]).html
    steps.append(time.process_time())
    assert len(html) < 20 * len(data) + 3_000_000
    assert [end - start for start, end in zip(steps, steps[1:], strict=False) if end - start > SECONDS] == []


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("a line of 5 MB", "max_file_bytes"),
        ("list items", "max_elements"),
        ("a table of 100,000 rows", "max_elements"),
        ("short sentences", "max_elements"),
        ("a header that each row repeats", "max_header_chars"),
        ("a YAML value of 1 MB", "max_front_matter_chars"),
    ],
)
def test_a_limit_that_is_passed_is_named(name: str, limit: str) -> None:
    with pytest.raises(ArticleError, match=limit):
        parse_file(BOMBS[name].encode(), "bomb.md")


def test_each_limit_is_documented_with_its_default() -> None:
    page = (Path(__file__).parents[1] / "docs" / "security.md").read_text(encoding="utf-8")
    for limit in fields(Limits):
        assert f"| `BRIEFQA_{limit.name.upper()}` | {limit.default} |" in page


def test_text_below_a_limit_that_was_raised_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    text = ("- item\n" * 30_000).encode()
    with pytest.raises(ArticleError, match="100,000 lines, sentences and pieces of markup"):
        parse_file(text, "list.md")
    monkeypatch.setenv("BRIEFQA_MAX_ELEMENTS", "1_000_000")
    assert len(parse_file(text, "list.md").sections[0].blocks) == 30_000
    monkeypatch.setenv("BRIEFQA_MAX_FILE_BYTES", "1000")
    with pytest.raises(ArticleError, match="larger than 0.001 MB"):
        parse_file(text, "list.md")


@pytest.mark.parametrize("value", ["many", "-1", "0", "1e6", "９", "9" * 13])
def test_a_limit_that_is_no_number_is_told(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIEFQA_MAX_COLUMNS", value)
    with pytest.raises(SettingsError, match="BRIEFQA_MAX_COLUMNS") as caught:
        Limits.from_environment()
    assert caught.value.exit_status == 2


def test_a_table_of_too_many_columns_is_refused_with_its_line() -> None:
    wide = "|" + "a|" * 501 + "\n|" + "-|" * 501 + "\n"
    with pytest.raises(ArticleError, match="more than 500 columns") as caught:
        parse_file(f"# Wide\n\n{wide}".encode(), "wide.md")
    assert caught.value.line == 3
    fits = "|" + "a|" * 500 + "\n|" + "-|" * 500 + "\n"
    assert len(parse_file(fits.encode(), "wide.md").sections[0].blocks[0].cells) == 500


def test_what_is_kept_with_every_sentence_is_cut_and_told() -> None:
    text = f"---\ntitle: {'t' * 600}\ntags: [{'g' * 600}]\n---\n\n# {'h' * 600} {{#{'a' * 600}}}\n\nA sentence.\n"
    article = parse_file(text.encode(), "long.md")
    section = article.sections[0]
    assert {len(article.title), len(section.heading), len(section.anchor), *map(len, article.tags)} == {500}
    assert [problem.line for problem in article.warnings] == [2, 3, 6]
    assert all("max_value_chars" in problem.message for problem in article.warnings)
    chunk = chunk_article(article, 480, len)[0]
    assert len(span_passage(chunk, chunk.spans[0])) < 500


def test_a_key_that_is_given_twice_is_told_and_the_last_one_counts() -> None:
    article = parse_file(b"---\ntitle: One\ntitle: Two\nmine: 1\nmine: 2\n---\n\nText.\n", "twice.md")
    assert article.title == "Two"
    assert [(problem.line, problem.message.split(":")[0]) for problem in article.warnings] == [
        (3, "title is given twice")
    ]


@pytest.mark.parametrize(
    "front",
    [
        '"\\uD800"',
        '"\\U0011FFFF"',
        "!!python/object/apply:os.system [true]",
        "1e999",
        "!!timestamp 99999-99-99",
        "&a [*a]",
        "<<: *x",
        ".inf",
        "0o7777777777777777777777",
    ],
)
@pytest.mark.parametrize("loader", ["CSafeLoader", "SafeLoader"])
def test_no_value_of_yaml_is_more_than_text_or_an_article_error(
    front: str, loader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import yaml

    monkeypatch.setattr("briefqa.articles._YAML", getattr(yaml, loader))
    for key in ("title", "date", "tags", "source_url"):
        try:
            article = parse_file(f"---\n{key}: {front}\n---\n\nText.\n".encode(), "a.md")
        except ArticleError as error:
            assert error.line == 2 or error.line == 1
        else:
            assert isinstance(article.title, str) and not any("\ud800" <= char < "\ue000" for char in article.title)


def test_a_build_with_bombs_indexes_the_good_brief_beside_them(tmp_path: Path, encoder: BigramEncoder) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    names = [
        "nested quotes",
        "brackets in brackets",
        "a path of long headings",
        "list items",
        "a table of 5,000 columns",
    ]
    for name in names:
        (corpus / f"{name}.md").write_text(BOMBS[name][:300_000], encoding="utf-8")
    (corpus / "good.md").write_text("# Good\n\nA lemon is sour.\n", encoding="utf-8")
    started = time.process_time()
    report = briefqa.build(corpus, tmp_path / "index", encoder=encoder)
    assert time.process_time() - started < 30
    told = {problem.path: problem.message for problem in report.problems}
    assert {"nested quotes.md", "list items.md", "a path of long headings.md", "a table of 5,000 columns.md"} <= set(
        told
    )
    with briefqa.open(tmp_path / "index", encoder) as qa:
        assert qa.ask("A lemon is sour").citations[0].article == "good"
