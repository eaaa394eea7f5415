"""The corpus view: what limits a conversation, the list of briefs, their timeline, and what changed since a build."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import POLICY, BigramEncoder
from hypothesis import given
from hypothesis import strategies as st
from markup import HOSTILE, Elements, assert_harmless

import briefqa
from briefqa.articles import parse_article
from briefqa.chunks import CHUNKING
from briefqa.indexing import Changes, corpus_changes
from briefqa.lexicon import TERMS
from briefqa.store import Filters, IndexInfo, IndexReader, IndexWriter, Snapshot, StoredArticle
from briefqa.ui.briefs import MOST_LISTED, render_briefs, render_changes, render_filters
from briefqa.ui.scope import LONGEST_VALUE, MOST_TAGS, change_scope, render_scope
from briefqa.ui.strings import CHINESE, ENGLISH, LANGUAGES
from briefqa.ui.timeline import MOST_BARS, render_timeline

INFO = IndexInfo(
    3, "2026-11-25T18:21:00+00:00", "/srv/secret/corpus", "bundled", "f", CHUNKING, TERMS, "i", 3, 4, 7, ()
)


@contextmanager
def opened(index: Path) -> Iterator[Snapshot]:
    reader = IndexReader(index)
    with reader.snapshot() as snapshot:
        yield snapshot
    reader.close()


def stored(date: str = "", slug: str = "a", **front: object) -> StoredArticle:
    given = {"title": slug, "category": "", "tags": (), "source_url": "", "author": "", "summary": "", "sha256": ""}
    return StoredArticle(slug=slug, path=f"{slug}.md", date=date, **{**given, **front})  # type: ignore[arg-type]


def put_articles(index: Path, articles: dict[str, str]) -> Path:
    """Store articles without chunks: what the corpus view shows needs no vectors."""
    (index.parent / "none").mkdir(exist_ok=True)
    briefqa.build(index.parent / "none", index, encoder=BigramEncoder())
    with IndexWriter(index) as writer:
        for slug, text in articles.items():
            writer.put_article(parse_article(text, slug, f"{slug}.md"), [], [], [], [])
        writer.commit(
            corpus=index, encoder="bigrams", fingerprint="bigrams/1", chunking=CHUNKING, terms=TERMS, problems=()
        )
    return index


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sections = "".join(f"## 第{n}节 {{#s{n}}}\n\n正文。\n\n" for n in range(8))
    return put_articles(
        tmp_path_factory.mktemp("large") / "index",
        {
            f"brief-{n:04}": f"---\ntitle: 第{n}期芯片简报\ndate: {2020 + n % 6}-{n % 12 + 1:02}-{n % 28 + 1:02}\n"
            f"category: 类{n % 9}\ntags: [标签{n % 40}, 标签{n % 7}]\n---\n\n{sections}"
            for n in range(3_142)
        },
    )


# The scope.


def test_a_tag_is_added_and_taken_away_again() -> None:
    one = change_scope(Filters(), "tag", "芯片")
    two = change_scope(one, "tag", "出口")
    assert two.tags == ("芯片", "出口") and change_scope(two, "tag", "芯片").tags == ("出口",)


def test_a_category_replaces_another_and_is_taken_away_by_itself() -> None:
    scope = change_scope(change_scope(Filters(), "category", "政策"), "category", "产业")
    assert scope == Filters(category="产业") and change_scope(scope, "category", "产业") == Filters()


def test_a_brief_is_chosen_alone_and_let_go_again() -> None:
    scope = change_scope(change_scope(Filters(), "article", "a"), "article", "b/c")
    assert scope.articles == ("b/c",) and change_scope(scope, "article", "b/c") == Filters()
    assert change_scope(Filters(articles=("a", "b")), "article", "a").articles == ("b",)


@pytest.mark.parametrize(
    ("period", "since", "until"),
    [
        ("2025", "2025-01-01", "2025-12-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2025-02", "2025-02-01", "2025-02-28"),
        ("2025-12-15", "2025-12-15", "2025-12-15"),
    ],
)
def test_a_period_sets_both_dates_and_takes_them_away_again(period: str, since: str, until: str) -> None:
    scope = change_scope(Filters(tags=("a",), since="2001-01-01"), "period", period)
    assert (scope.since, scope.until, scope.tags) == (since, until, ("a",))
    assert change_scope(scope, "period", period) == Filters(tags=("a",))


def test_a_date_past_the_other_takes_the_other_away() -> None:
    scope = change_scope(change_scope(Filters(), "since", "2025-01-01"), "until", "2025-06-30")
    assert (scope.since, scope.until) == ("2025-01-01", "2025-06-30")
    assert change_scope(scope, "since", "2025-07-01") == Filters(since="2025-07-01")
    assert change_scope(scope, "until", "2024-07-01") == Filters(until="2024-07-01")
    assert change_scope(scope, "since", "") == Filters(until="2025-06-30")
    assert change_scope(scope, "dates", "") == change_scope(scope, "clear", "") == Filters()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("without", "a"),
        ("__class__", "a"),
        ("tags", "a"),
        (None, "a"),
        (["tag"], "a"),
        ({}, {}),
        ("tag", None),
        ("tag", 5),
        ("tag", ""),
        ("tag", ["a"]),
        ("tag", "\ud800"),
        ("tag", "a\x00b"),
        ("tag", "\u202etxt"),
        ("tag", "x" * (LONGEST_VALUE + 1)),
        ("category", ""),
        ("article", ""),
        ("article", "\udcff"),
        ("period", ""),
        ("period", "2025-13"),
        ("period", "2025-02-30"),
        ("period", "0002-01-01"),
        ("period", "２０２５"),
        ("period", "2025-1"),
        ("period", "2025-12-15\n"),
        ("since", "2025"),
        ("since", "2025-12"),
        ("since", "20251215"),
        ("since", "2025-W01-1"),
        ("since", "yesterday"),
        ("until", "0002-12-31"),
        ("until", "' OR 1=1"),
    ],
)
def test_nonsense_from_a_browser_changes_nothing(field: object, value: object) -> None:
    scope = Filters("2025-01-01", "2025-12-31", ("a",), "c", ("s",))
    assert change_scope(scope, field, value) is scope


@given(st.text(), st.text())
def test_any_text_from_a_browser_leaves_a_scope_that_the_store_takes(field: str, value: str) -> None:
    for name in (field, "tag", "category", "article", "period", "since", "until"):
        scope = change_scope(Filters(), name, value)
        assert re.fullmatch(r"(\d{4}-\d\d-\d\d)?", scope.since, re.ASCII)
        "".join((scope.since, scope.until, scope.category, *scope.tags, *scope.articles)).encode("utf-8")
        assert_harmless(render_scope(scope, ENGLISH, {}))


def test_a_scope_holds_so_many_tags_and_no_more() -> None:
    scope = Filters()
    for n in range(MOST_TAGS + 5):
        scope = change_scope(scope, "tag", str(n))
    assert len(scope.tags) == MOST_TAGS


def test_the_scope_is_shown_as_chips_that_take_themselves_away() -> None:
    assert render_scope(Filters(), ENGLISH, {}) == ""
    scope = Filters("2025-12-01", "2025-12-31", ("芯片", "出口"), "政策", ("policy", "gone"))
    page = assert_harmless(render_scope(scope, ENGLISH, {"policy": "Export policy"}))
    for words in ("Limited to", "Export policy", "gone", "December 2025", "政策", "芯片", "出口", "Clear all"):
        assert words in page.text
    for _, pressed in page.found:
        if "data-field" in pressed:
            assert change_scope(scope, pressed["data-field"], pressed["data-value"]) != scope
    assert page.buttons("tag")["芯片"]["aria-label"] == "Remove the limit: 芯片"


@pytest.mark.parametrize(
    ("since", "until", "english", "chinese"),
    [
        ("2025-01-01", "2025-12-31", "2025", "2025"),
        ("2025-12-01", "2025-12-31", "December 2025", "2025年12月"),
        ("2025-12-15", "2025-12-15", "2025-12-15", "2025-12-15"),
        ("2025-12-15", "", "Since 2025-12-15", "2025-12-15 起"),
        ("", "2025-12-15", "Until 2025-12-15", "截至 2025-12-15"),
        ("2025-01-02", "2025-12-31", "2025-01-02 to 2025-12-31", "2025-01-02 至 2025-12-31"),
    ],
)
def test_dates_are_said_as_short_as_they_can_be(since: str, until: str, english: str, chinese: str) -> None:
    for strings, words in ((ENGLISH, english), (CHINESE, chinese)):
        page = Elements(render_scope(Filters(since, until), strings, {}))
        assert page.buttons("dates")[""]["aria-label"] == strings.scope_remove.format(limit=words)


# The timeline.


def test_a_timeline_has_a_bar_for_each_month_in_proportion() -> None:
    articles = [stored("2025-12-15")] * 3 + [stored("2025-10-02")] + [stored("2025-08-02")] * 8 + [stored()]
    page = assert_harmless(render_timeline(articles, Filters(), ENGLISH))
    bars = page.buttons("period")
    assert {period: bar["class"] for period, bar in bars.items()} == {"2025-08": "h8", "2025-10": "h1", "2025-12": "h3"}
    assert [bar["aria-label"] for bar in bars.values()] == [
        "August 2025: 8 briefs",
        "October 2025: 1 brief",
        "December 2025: 3 briefs",
    ]
    chinese = Elements(render_timeline(articles, Filters(), CHINESE)).buttons("period")
    assert chinese["2025-12"]["aria-label"] == "2025年12月：3 篇简报"


@pytest.mark.parametrize(
    ("first", "last", "period"),
    [
        ("2025-12-15", "2025-12-15", "2025-12-15"),
        ("2025-11-01", "2025-12-15", "2025-12-15"),
        ("2025-10-01", "2025-12-15", "2025-12"),
        ("2023-01-01", "2025-12-15", "2025-12"),
        ("2022-12-31", "2025-12-15", "2025"),
        ("0001-01-01", "9999-12-31", "9999"),
    ],
)
def test_the_bars_are_days_months_or_years_as_long_as_the_corpus(first: str, last: str, period: str) -> None:
    html = render_timeline([stored(first), stored(last)], Filters(), ENGLISH)
    assert list(Elements(html).buttons("period"))[-1] == period
    assert html.count("<button") + html.count("<span></span>") <= MOST_BARS


def test_a_timeline_of_a_hundred_scattered_years_keeps_to_the_newest() -> None:
    page = Elements(render_timeline([stored(f"{year}-05-05") for year in range(1500, 2026, 4)], Filters(), ENGLISH))
    bars = page.buttons("period")
    assert len(bars) == MOST_BARS and list(bars)[-1] == "2024"


def test_the_bar_of_the_scope_is_pressed_and_those_within_it_are_marked() -> None:
    articles = [stored(f"2025-{month:02}-01") for month in range(1, 13)]
    pressed = Elements(render_timeline(articles, Filters("2025-12-01", "2025-12-31"), ENGLISH)).buttons("period")
    assert [period for period, bar in pressed.items() if bar["aria-pressed"] == "true"] == ["2025-12"]
    within = Elements(render_timeline(articles, Filters(since="2025-10-15"), ENGLISH)).buttons("period")
    assert [period for period, bar in within.items() if bar["class"].endswith(" in")] == [
        "2025-10",
        "2025-11",
        "2025-12",
    ]
    assert {bar["aria-pressed"] for bar in within.values()} == {"false"}


def test_without_dates_there_is_no_timeline() -> None:
    assert render_timeline([stored(), stored()], Filters(), ENGLISH) == render_timeline([], Filters(), ENGLISH) == ""


# Filters and the list.


def test_filters_show_what_the_corpus_has_and_what_is_chosen(index: Path) -> None:
    with opened(index) as snapshot:
        page = assert_harmless(render_filters(snapshot, Filters(since="2025-12-01", tags=("出口", "gone")), ENGLISH))
    assert {value: chip["aria-pressed"] for value, chip in page.buttons("tag").items()} == {
        "芯片": "false",
        "出口": "true",
        "gone": "true",
    }
    assert list(page.buttons("category")) == ["产业", "政策"] and "clear" in {
        attributes.get("data-field") for _, attributes in page.found
    }
    inputs = [attributes for tag, attributes in page.found if tag == "input"]
    assert inputs == [
        {"type": "date", "name": "since", "value": "2025-12-01"},
        {"type": "date", "name": "until", "value": ""},
    ]
    assert list(page.buttons("period")) == ["2025-12-15"]


def test_the_timeline_of_the_filters_counts_what_the_other_filters_let_pass(index: Path) -> None:
    with opened(index) as snapshot:
        every = Elements(render_filters(snapshot, Filters(until="2025-11-30"), ENGLISH)).buttons("period")
        policy = Elements(render_filters(snapshot, Filters(category="政策"), ENGLISH)).buttons("period")
    assert list(every) == ["2025-11-02", "2025-12-15"] and list(policy) == ["2025-12-15"]


def test_rare_tags_are_folded_away_unless_one_is_chosen(large: Path) -> None:
    with opened(large) as snapshot:
        html = render_filters(snapshot, Filters(), ENGLISH)
        chosen = render_filters(snapshot, Filters(tags=("标签39",)), ENGLISH)
    first, folded = html[html.index(">Tags<") :].split("<details>")
    assert first.count('bq-chip"') == 10 and folded.count('bq-chip"') == 30 and "30 more" in folded
    assert list(Elements(first).buttons("tag"))[:7] == [f"标签{n}" for n in (0, 1, 2, 3, 4, 5, 6)]
    assert "<details open>" in chosen


def test_the_list_names_each_brief_with_its_sections_newest_first(index: Path) -> None:
    with opened(index) as snapshot:
        html = render_briefs(snapshot, Filters(articles=("policy",)), "", ENGLISH)
    page = assert_harmless(html)
    links = [attributes["href"] for tag, attributes in page.found if tag == "a"]
    assert links == [
        "source/policy",
        "source/policy#conditions",
        "source/policy#banned",
        "source/industry/vendors",
        "source/industry/vendors#vendors",
        "source/weather",
    ]
    assert all(attributes["class"] == "bq-source" for tag, attributes in page.found if tag == "a")
    assert {slug: button["aria-pressed"] for slug, button in page.buttons("article").items()} == {
        "policy": "true",
        "industry/vendors": "false",
        "weather": "false",
    }
    for words in ("3 briefs", "2 sections", "1 section", "2025-12-15", "政策", "出口", "仍被禁止的产品"):
        assert words in page.text


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("芯片", ["policy", "industry/vendors"]),
        ("芯片 出口", ["policy"]),
        ("出口\u3000芯片", ["policy"]),
        ("晶片", []),
        ("國產 廠商", ["industry/vendors"]),
        ("WEATHER", ["weather"]),
        ("Ｗｅａｔｈｅｒ", ["weather"]),
        ("weather 芯片", []),
        ("   ", ["policy", "industry/vendors", "weather"]),
        ("weather\x00\u202e", ["weather"]),
        (None, ["policy", "industry/vendors", "weather"]),
        ("%", []),
        ("\ud800", ["policy", "industry/vendors", "weather"]),
    ],
)
def test_a_search_finds_titles_in_either_chinese_script_width_and_case(
    index: Path, search: str, found: list[str]
) -> None:
    with opened(index) as snapshot:
        page = Elements(render_briefs(snapshot, Filters(), search, ENGLISH))
    assert list(page.buttons("article")) == found


def test_the_scope_limits_the_list_by_all_but_single_briefs(index: Path) -> None:
    with opened(index) as snapshot:
        for scope, found in (
            (Filters(tags=("出口",)), ["policy"]),
            (Filters(until="2025-11-30"), ["industry/vendors"]),
            (Filters(category="产业", articles=("policy",)), ["industry/vendors"]),
        ):
            assert list(Elements(render_briefs(snapshot, scope, "", ENGLISH)).buttons("article")) == found


def test_an_empty_list_says_why(index: Path, tmp_path: Path) -> None:
    with opened(index) as snapshot:
        assert ENGLISH.briefs_none in render_briefs(snapshot, Filters(), "nowhere", ENGLISH)
        assert CHINESE.briefs_none in render_briefs(snapshot, Filters(tags=("x",)), "", CHINESE)
    with opened(put_articles(tmp_path / "empty", {})) as snapshot:
        assert ENGLISH.corpus_empty in render_briefs(snapshot, Filters(), "", ENGLISH)
        assert render_filters(snapshot, Filters(), ENGLISH) == ""


def test_three_thousand_briefs_are_listed_at_once(large: Path) -> None:
    with opened(large) as snapshot:
        page = Elements(render_briefs(snapshot, Filters(), "", ENGLISH))
        assert "200 of 3,142 briefs: narrow the search" in page.text
        assert len(page.buttons("article")) == MOST_LISTED
        slugs = [article.slug for article in snapshot.articles()[:MOST_LISTED]]
        started = time.perf_counter()
        headings = snapshot.headings(slugs)
        took = time.perf_counter() - started
        assert sum(map(len, headings.values())) == 8 * MOST_LISTED
        assert took < 0.25  # some 3 ms on an idle machine
        assert "3,142 briefs" not in render_briefs(snapshot, Filters(), "第77期", ENGLISH)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_briefs_are_listed_as_text(text: str, tmp_path: Path) -> None:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    front = f'---\ntitle: "{quoted}"\ncategory: "{quoted}"\ntags: ["{quoted}"]\ndate: 2025-12-15\n---\n\n'
    slug = text.replace("/", "∕").replace("\\", "")
    put_articles(tmp_path / "index", {slug: f"{front}# Other\n\nx\n\n## `{text}`\n\ny\n"})
    with opened(tmp_path / "index") as snapshot:
        article = snapshot.articles()[0]
        scope = Filters(tags=article.tags, category=article.category, articles=(article.slug,))
        for strings in LANGUAGES.values():
            briefs = assert_harmless(render_briefs(snapshot, scope, "", strings))
            filters = assert_harmless(render_filters(snapshot, scope, strings))
            limits = assert_harmless(render_scope(scope, strings, {article.slug: article.title}))
            assert article.title in briefs.text and article.title in filters.text and article.title in limits.text
            assert {*filters.buttons("tag"), *filters.buttons("category")} == {article.title}
            assert list(briefs.buttons("article")) == [article.slug]


# What changed.


def test_changes_tell_new_changed_and_removed_briefs_apart(corpus: Path, index: Path) -> None:
    (corpus / "industry" / "new.markdown").write_text("# New\n\nText.\n", encoding="utf-8")
    (corpus / "policy.md").write_text(POLICY + "\nMehr.\n", encoding="utf-8")
    (corpus / "weather.md").unlink()
    changes = corpus_changes(corpus, index)
    assert (changes.added, changes.changed, changes.removed) == (("industry/new.markdown",), ("policy",), ("weather",))
    assert (changes.ahead, changes.unchanged) == (3, ("industry/vendors",))
    page = assert_harmless(render_changes(changes, INFO, ENGLISH))
    assert page.text.index("New") < page.text.index("industry/new.markdown") < page.text.index("Changed")
    assert "Index 3, built 2026-11-25 18:21:00 UTC" in page.text and "secret" not in page.text


def test_a_file_that_still_cannot_be_read_is_no_news_until_it_changes(
    corpus: Path, index: Path, encoder: BigramEncoder
) -> None:
    broken = corpus / "broken.md"
    broken.write_text("---\ntitle: [broken\n---\n\ntext\n", encoding="utf-8")
    assert corpus_changes(corpus, index).ahead == 1
    briefqa.build(corpus, index, encoder=encoder)
    changes = corpus_changes(corpus, index)
    assert (changes.ahead, changes.refused) == (0, ("broken.md",))
    broken.write_text("mended\n", encoding="utf-8")
    assert corpus_changes(corpus, index).added == ("broken.md",)


def test_many_changes_are_cut_short_and_a_missing_corpus_is_said() -> None:
    names = tuple(f"n{i}" for i in range(32))
    page = Elements(render_changes(Changes((), (), names, names[:21], names[:20]), INFO, ENGLISH))
    assert "and 12 more" in page.text and "and 1 more" in page.text and page.text.count("more") == 2
    assert CHINESE.corpus_gone in render_changes(None, INFO, CHINESE)
    assert CHINESE.up_to_date in render_changes(Changes((), ("a",), ()), INFO, CHINESE)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_file_names_and_problems_are_shown_as_text(text: str) -> None:
    problems = ((text, 3, text), (f"\u202e{text}\n", 0, "x"))
    info = IndexInfo(1, text, "/c", "b", "f", "c", "t", "i", 1, 1, 1, problems)
    page = assert_harmless(render_changes(Changes((), (), (text,), (text,), (text,)), info, ENGLISH))
    assert f"{text}:3: {text}" in page.text and "\u202e" not in page.text and page.text.count(text) >= 6
