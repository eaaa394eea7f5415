"""What the page's events do with the corpus: limits, the list, and builds for those who may make them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from conftest import BigramEncoder
from markup import Elements, assert_text_alone
from sent import NONSENSE, SCOPES, event, request

import briefqa
from briefqa.api import BriefQA
from briefqa.errors import CorpusError
from briefqa.store import Filters
from briefqa.ui.freshness import Freshness
from briefqa.ui.rebuilding import Rebuilding
from briefqa.ui.scope import read_scope
from briefqa.ui.strings import CHINESE, ENGLISH, LANGUAGE_COOKIE

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # starlette's and gradio's own
    import gradio as gr

    from briefqa.ui.endpoints import Refused
    from briefqa.ui.shelf import Shelf

SKIP = gr.skip()
# Where the parts of what shows all of the corpus are.
TOP, UPKEEP, CHANGES, LIMITS, FILTERS, LIST, SEARCH, GENERATION = range(8)


@pytest.fixture
def qa(index: Path, encoder: BigramEncoder) -> Iterator[BriefQA]:
    with BriefQA(index, encoder) as qa:
        yield qa


@pytest.fixture
def shelf(qa: BriefQA, corpus: Path, index: Path, encoder: BigramEncoder) -> Shelf:
    freshness = Freshness(qa, corpus)
    return Shelf(qa, freshness, Rebuilding(corpus, index, encoder, freshness.forget))


def narrow(shelf: Shelf, held: Any, field: Any, value: Any) -> dict[str, Any]:
    scope, *shown = shelf.narrow(held, "", request(), event(field=field, value=value))
    for html in shown:
        assert_text_alone(html)
    assert asdict(read_scope(to_json(scope))) == scope  # what is handed to the browser is taken back from it
    return to_json(scope)


def to_json(scope: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in scope.items()}


def titles(html: str) -> list[str]:
    only = [attributes for _, attributes in Elements(html).found if attributes.get("class") == "bq-only"]
    return [attributes["aria-label"].partition(": ")[2] for attributes in only]


# Showing.


def test_the_corpus_is_shown_as_it_is_indexed(shelf: Shelf) -> None:
    shown = shelf.enter({}, "", request())
    assert len(shown) == 8 and shown[UPKEEP] == shown[LIMITS] == "" and shown[GENERATION] == 1
    for part in (TOP, CHANGES, FILTERS, LIST):
        assert_text_alone(shown[part])
    assert titles(shown[LIST]) == ["芯片出口政策", "国产芯片厂商", "Weather"]
    assert "3 briefs · newest 2025-12-15" in assert_text_alone(shown[TOP]).text
    chinese = shelf.enter({}, "", request(cookie=f"{LANGUAGE_COOKIE}=zh"))
    assert CHINESE.up_to_date in chinese[CHANGES] and 'data-language="zh"' in chinese[TOP]


def test_the_bar_names_who_is_logged_in_and_lets_them_out(shelf: Shelf) -> None:
    page = assert_text_alone(shelf.enter({}, "", request(name="ann"))[TOP])
    assert "ann" in page.text and page.all("action") == ["logout"]
    assert not assert_text_alone(shelf.enter({}, "", request())[TOP]).all("action")


def test_only_an_admin_is_offered_what_changes_the_corpus(shelf: Shelf) -> None:
    assert shelf.enter({}, "", request(name="ann"))[UPKEEP] == ""
    page = assert_text_alone(shelf.enter({}, "", request(admin=True))[UPKEEP])
    assert ENGLISH.rebuild in page.text and page.all("accept") == [".md,.markdown"]


# Limits.


def test_a_click_limits_and_a_second_one_frees(shelf: Shelf) -> None:
    scope = narrow(shelf, {}, "tag", "芯片")
    assert scope["tags"] == ["芯片"]
    scope = narrow(shelf, scope, "period", "2025-12")
    assert (scope["since"], scope["until"]) == ("2025-12-01", "2025-12-31")
    _, limits, filters, briefs = shelf.narrow(scope, "", request(), event(field="category", value="政策"))
    assert titles(briefs) == ["芯片出口政策"]
    assert Elements(filters).buttons("category")["政策"]["aria-pressed"] == "true"
    assert list(Elements(limits).buttons("tag")) == ["芯片"]
    scope = narrow(shelf, scope, "tag", "芯片")
    assert scope["tags"] == [] and scope["since"]
    assert narrow(shelf, scope, "clear", "") == to_json(asdict(Filters()))


def test_a_brief_that_is_asked_alone_is_named_by_its_title(shelf: Shelf) -> None:
    _, limits, _, briefs = shelf.narrow({}, "", request(), event(field="article", value="policy"))
    assert "芯片出口政策" in assert_text_alone(limits).text
    assert len(titles(briefs)) == 3  # another one can be chosen
    _, limits, *_ = shelf.narrow({}, "", request(), event(field="article", value="../../etc/passwd"))
    assert "../../etc/passwd" in assert_text_alone(limits).text


def test_words_are_searched_in_titles_within_the_limits(shelf: Shelf) -> None:
    assert titles(shelf.search({}, "芯片", request())) == ["芯片出口政策", "国产芯片厂商"]
    assert titles(shelf.search({"until": "2025-11-30"}, "芯片", request())) == ["国产芯片厂商"]
    assert ENGLISH.briefs_none in shelf.search({}, "zzz", request())
    assert titles(shelf.enter({}, "weather", request())[LIST]) == ["Weather"]


# Builds.


def add(corpus: Path, name: str = "new.md") -> None:
    (corpus / name).write_text(f"# {name}\n\nText of {name}.\n", encoding="utf-8")


def test_a_page_catches_up_only_with_a_newer_index(
    shelf: Shelf, corpus: Path, index: Path, encoder: BigramEncoder
) -> None:
    assert shelf.catch_up({}, "", 1, request()) == (SKIP,) * 8
    add(corpus)
    briefqa.build(corpus, index, encoder=encoder)
    caught = shelf.catch_up({}, "", 1, request(admin=True))
    assert caught[GENERATION] == 2 and "new.md" in titles(caught[LIST]) and caught[UPKEEP] == SKIP
    assert shelf.catch_up({}, "", 2, request()) == (SKIP,) * 8
    assert shelf.catch_up({}, "", 0, request()) == (SKIP,) * 8  # the page is still being entered


def test_nobody_but_an_admin_rebuilds(shelf: Shelf, corpus: Path, qa: BriefQA) -> None:
    add(corpus)
    for who in (request(), request(name="ann"), request(name="admin"), request(language="zh")):
        assert list(shelf.rebuild({}, "", who)) == [(SKIP,) * 8]
        with pytest.raises(Refused, match="^only an administrator may rebuild the index$"):
            shelf.rebuild_now(who)
    assert qa.info().generation == 1


def test_an_admin_rebuilds_and_sees_how_far_it_is_and_what_came_of_it(shelf: Shelf, corpus: Path) -> None:
    add(corpus)
    *steps, last = shelf.rebuild({"tags": ["芯片"]}, "", request(admin=True))
    assert steps
    for step in steps:
        assert [place for place, part in enumerate(step) if part != SKIP] == [CHANGES]
        assert_text_alone(step[CHANGES])
    assert last[GENERATION] == 2 and "1 added" in assert_text_alone(last[CHANGES]).text
    assert ENGLISH.up_to_date in last[CHANGES] and "芯片" in last[LIMITS]
    add(corpus, "other.md")
    report = shelf.rebuild_now(request(admin=True))
    assert (report.articles_added, report.articles_unchanged) == (1, 4)


def test_a_rebuild_that_fails_says_so_and_names_no_folder(
    qa: BriefQA, index: Path, tmp_path: Path, encoder: BigramEncoder
) -> None:
    shelf = Shelf(qa, Freshness(qa, tmp_path / "gone"), Rebuilding(tmp_path / "gone", index, encoder))
    *_, last = shelf.rebuild({}, "", request(admin=True))
    assert ENGLISH.rebuild_corpus in assert_text_alone(last[CHANGES]).text and str(tmp_path) not in str(last)
    assert ENGLISH.corpus_gone in last[CHANGES]
    with pytest.raises(CorpusError):
        shelf.rebuild_now(request(admin=True))


def test_what_was_uploaded_is_told_as_new(shelf: Shelf, corpus: Path) -> None:
    add(corpus)
    shelf._freshness.forget()
    assert "new.md" in assert_text_alone(shelf.compare(request())).text


# Whatever a browser sends.


def test_nonsense_breaks_no_handler_and_narrows_nothing(shelf: Shelf, qa: BriefQA) -> None:
    free = to_json(asdict(Filters()))
    for held in SCOPES:
        for search in (*NONSENSE, "[", "\\", "*", '"', "芯 片"):
            assert_text_alone(shelf.search(held, search, request()))
        shown = shelf.enter(held, held, request())
        for part in (TOP, CHANGES, LIMITS, FILTERS, LIST):
            assert_text_alone(shown[part])
        caught = shelf.catch_up(held, held, held, request())
        assert len(caught) == 8
    for value in NONSENSE:
        for field in (*NONSENSE, "tag", "category", "article", "period", "since", "until", "dates", "__init__"):
            scope = narrow(shelf, {}, field, value)
            if not isinstance(value, str) or not isinstance(field, str):
                assert scope == free
    for data in NONSENSE:
        scope, *_ = shelf.narrow({"tags": ["芯片"]}, data, request(), gr.EventData(None, data))
        assert to_json(scope) == {**free, "tags": ["芯片"]}
    assert qa.info().generation == 1
