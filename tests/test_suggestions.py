"""Questions that are offered: the corpus's own headings, and none that would be refused or was asked already."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import SAMPLE, BigramEncoder

import briefqa
from briefqa.api import BriefQA
from briefqa.llm import Endpoint
from briefqa.question import frame_language
from briefqa.store import Filters
from briefqa.ui.scope import filter_options
from briefqa.ui.strings import CHINESE, ENGLISH, LANGUAGES
from briefqa.ui.suggestions import Suggestions, question_about

SECTIONS = """# Guide

Introduction to the guide.

## Apples {#apples}

Apples are red and sweet, and apples keep for weeks.

## Guide {#again}

The title once more, as a heading: the guide.

## Pears {#pears}

Pears are green and soft, and pears do not keep.

## A heading that is far too long to be read at a glance by anybody who asks {#long}

A heading that is far too long to be read at a glance by anybody who asks is not offered.

## X {#x}

X.

## Cherries {#cherries}

Cherries are dark and small, and cherries have stones.
"""


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BriefQA]:
    index = tmp_path_factory.mktemp("suggestions") / "index"
    briefqa.build(SAMPLE, index, encoder=BigramEncoder())
    with BriefQA(index, BigramEncoder()) as qa:
        yield qa


@pytest.fixture
def guide(corpus: Path, tmp_path: Path, encoder: BigramEncoder) -> Iterator[BriefQA]:
    (corpus / "guide.md").write_text(SECTIONS, encoding="utf-8")
    briefqa.build(corpus, tmp_path / "guide", encoder=encoder)
    with BriefQA(tmp_path / "guide", encoder) as qa:
        yield qa


@pytest.mark.usefixtures("lenient")
def test_examples_come_from_the_corpus_in_the_readers_language_first(index: Path, encoder: BigramEncoder) -> None:
    with BriefQA(index, encoder) as qa:
        suggestions = Suggestions(qa)
        assert suggestions.to_begin(CHINESE)[:2] == [
            CHINESE.example.format(heading="获批的条件"),
            CHINESE.example.format(heading="厂商一览"),
        ]
    with_english = [question_about("Weather", ENGLISH)]
    assert not set(with_english) & set(suggestions._examples[1, "zh"])  # its heading is its title


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_example_would_be_refused(sample: BriefQA, language: str) -> None:
    questions = Suggestions(sample).to_begin(LANGUAGES[language])
    assert questions and len(questions) == len(set(questions)) <= 4
    for question in questions:
        assert sample.ask(question).answered, question


def test_an_index_without_briefs_offers_nothing(tmp_path: Path, encoder: BigramEncoder) -> None:
    (tmp_path / "empty").mkdir()
    briefqa.build(tmp_path / "empty", tmp_path / "index", encoder=encoder)
    with BriefQA(tmp_path / "index", encoder) as qa:
        assert Suggestions(qa).to_begin(ENGLISH) == []
        assert Suggestions(qa).to_go_on(qa.ask("q"), [], Filters()) == ()


def test_examples_are_made_once_a_build(
    index: Path, corpus: Path, encoder: BigramEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with BriefQA(index, encoder) as qa:
        tried: list[str] = []
        quote = qa.quote
        monkeypatch.setattr(qa, "quote", lambda question, **more: tried.append(question) or quote(question, **more))
        suggestions = Suggestions(qa)
        threads = [threading.Thread(target=suggestions.to_begin, args=(CHINESE,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(tried) == len(set(tried)) > 0
        first = len(tried)
        new = "---\ndate: 2026-01-01\n---\n\n# 新\n\n## 新的章节\n\n新的章节说的是新的事情。\n"
        (corpus / "new.md").write_text(new, encoding="utf-8")
        briefqa.build(corpus, index, encoder=encoder)
        assert suggestions.to_begin(CHINESE)[0] == question_about("新的章节", CHINESE) and len(tried) > first


def test_what_may_be_asked_next_would_be_answered_under_the_same_limits(sample: BriefQA) -> None:
    suggestions, offered = Suggestions(sample), 0
    for question in ("which chips are banned?", "H200芯片的出口政策是什么？", "哪些企业询问过H200？", "国产芯片"):
        for scope in (Filters(), Filters(since="2025-12-01"), Filters(tags=("国产芯片",))):
            answer = sample.ask(question, **filter_options(scope))
            headings = suggestions.to_go_on(answer, [], scope)
            offered += len(headings)
            assert len(headings) == len(set(headings)) <= 3 and (answer.answered or not headings)
            for heading in headings:
                asked = question_about(heading, LANGUAGES[frame_language(question)])
                assert sample.ask(asked, **filter_options(scope)).answered, (question, scope, heading)
    assert offered


def test_sections_behind_the_cited_one_come_first_and_titles_and_oddities_never(guide: BriefQA) -> None:
    answer = guide.ask("Pears are green and soft, and pears do not keep.", articles="guide")
    assert {citation.anchor for citation in answer.citations} == {"pears"}
    headings = Suggestions(guide).to_go_on(answer, [], Filters())
    assert set(headings) <= {"Cherries", "Apples"} and headings[0] == "Cherries"


def test_what_was_asked_already_is_not_offered_again(guide: BriefQA) -> None:
    suggestions = Suggestions(guide)
    answer = guide.ask("Pears are green and soft, and pears do not keep.", articles="guide")
    offered = suggestions.to_go_on(answer, [], Filters())
    assert offered
    left = suggestions.to_go_on(answer, [question_about(offered[0], ENGLISH).upper()], Filters())
    assert left == offered[1:]  # letters may be large or small
    assert suggestions.to_go_on(answer, [question_about(heading, ENGLISH) for heading in offered], Filters()) == ()
    renamed = replace(answer, question=f"{offered[0].lower()} and pears?")
    assert offered[0] not in suggestions.to_go_on(renamed, [], Filters())


def test_what_the_limits_shut_out_is_not_offered(guide: BriefQA) -> None:
    suggestions = Suggestions(guide)
    answer = guide.ask("Pears are green and soft, and pears do not keep.", articles="guide")
    assert suggestions.to_go_on(answer, [], Filters(articles=("guide",)))
    assert suggestions.to_go_on(answer, [], Filters(articles=("weather",))) == ()
    assert suggestions.to_go_on(answer, [], Filters(since="2030-01-01")) == ()


def test_a_refusal_and_a_brief_that_is_gone_lead_nowhere(guide: BriefQA) -> None:
    suggestions = Suggestions(guide)
    assert suggestions.to_go_on(guide.ask("zzz qqq 0x7f?"), [], Filters()) == ()
    answer = guide.ask("Pears are green and soft, and pears do not keep.", articles="guide")
    gone = replace(answer, citations=tuple(replace(each, article="gone") for each in answer.citations))
    assert suggestions.to_go_on(gone, [], Filters()) == ()


def test_no_language_model_is_asked_for_suggestions(index: Path, encoder: BigramEncoder) -> None:
    nowhere = Endpoint("http://127.0.0.1:9/v1", "tiny")  # nothing listens there, so asking it would take its time
    with BriefQA(index, encoder, nowhere) as qa, BriefQA(index, encoder) as plain:
        assert Suggestions(qa).to_begin(CHINESE) == Suggestions(plain).to_begin(CHINESE)
        assert qa.quote("Rubin芯片").notice == ""
