"""Questions find the sections that answer, and filters apply before ranking."""

from __future__ import annotations

import datetime
import threading
from pathlib import Path

import pytest
from conftest import BigramEncoder

import briefqa


@pytest.fixture
def qa(index: Path, encoder: BigramEncoder):  # type: ignore[no-untyped-def]
    with briefqa.open(index, encoder=encoder) as opened:
        yield opened


def found(hits: list[briefqa.Hit]) -> list[str]:
    return [f"{hit.article}#{hit.anchor}" for hit in hits]


def test_a_hit_says_where_it_stands(qa: briefqa.BriefQA) -> None:
    hit = qa.retrieve("Blackwell系列与Rubin芯片", k=1)[0]
    assert (hit.article, hit.anchor, hit.heading) == ("policy", "banned", "仍被禁止的产品")
    assert hit.heading_path == ("仍被禁止的产品",)
    assert (hit.title, hit.date, hit.rank) == ("芯片出口政策", "2025-12-15", 1)
    assert hit.url == "https://example.org/policy#banned"
    assert hit.spans[0].text == "Blackwell系列与Rubin芯片仍在禁止清单上。"


def test_hits_and_their_spans_come_best_first(qa: briefqa.BriefQA) -> None:
    hits = qa.retrieve("车载芯片", k=4)
    assert [hit.rank for hit in hits] == [1, 2, 3, 4]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert found(hits)[0] == "industry/vendors#vendors"
    assert hits[0].spans[0].text == "地平线 | 车载芯片"
    assert hits[0].spans[0].header == ("企业", "领域")


@pytest.mark.parametrize(
    ("filters", "articles"),
    [
        ({"since": "2025-12-01"}, {"policy"}),
        ({"since": "2025-12"}, {"policy"}),
        ({"until": "2025-11"}, {"industry/vendors"}),
        ({"until": datetime.date(2025, 12, 14)}, {"industry/vendors"}),
        ({"since": "2025-12-15", "until": "2025-12-15"}, {"policy"}),
        ({"tags": "出口"}, {"policy"}),
        ({"tags": ["芯片", "nothing"]}, {"policy", "industry/vendors"}),
        ({"category": "产业"}, {"industry/vendors"}),
        ({"articles": ["weather"]}, {"weather"}),
        ({"articles": ["weather", "policy"], "category": "政策"}, {"policy"}),
        ({"since": "2026"}, set()),
        ({"category": "x' OR 1=1 --"}, set()),
        ({"since": None, "tags": None, "category": ""}, {"policy", "industry/vendors", "weather"}),
    ],
)
def test_filters_apply_before_ranking(qa: briefqa.BriefQA, filters: dict, articles: set[str]) -> None:  # type: ignore[type-arg]
    assert {hit.article for hit in qa.retrieve("Paris rain", k=9, **filters)} == articles


@pytest.mark.parametrize("question", ["", "  \n", "x" * 5000])
def test_a_question_nobody_could_answer_is_an_error(qa: briefqa.BriefQA, question: str) -> None:
    with pytest.raises(briefqa.QuestionError):
        qa.retrieve(question)


@pytest.mark.parametrize("filters", [{"since": "yesterday"}, {"until": "2025-13-01"}, {"since": "2025-1"}])
def test_a_date_that_is_none_is_an_error_that_shows_the_form(qa: briefqa.BriefQA, filters: dict) -> None:  # type: ignore[type-arg]
    with pytest.raises(briefqa.QuestionError, match="2025-12-31"):
        qa.retrieve("H200", **filters)


def test_k_below_one_is_an_error(qa: briefqa.BriefQA) -> None:
    with pytest.raises(briefqa.QuestionError, match="at least one"):
        qa.retrieve("H200", k=0)


@pytest.mark.parametrize("question", ["'; DROP TABLE article; --", "\x00", "\ud800", "🙂", "？" * 3000])
def test_any_text_is_a_question(qa: briefqa.BriefQA, question: str) -> None:
    assert len(qa.retrieve(question, k=4)) == 4


def test_threads_share_an_open_index(qa: briefqa.BriefQA) -> None:
    expected = found(qa.retrieve("车载芯片", k=4))
    answers: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: answers.extend(found(qa.retrieve("车载芯片", k=4)) for _ in range(20)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [expected] * 160


def test_a_closed_index_says_that_it_is_closed(index: Path, encoder: BigramEncoder) -> None:
    qa = briefqa.open(index, encoder=encoder)
    qa.close()
    with pytest.raises(briefqa.BriefqaError, match="closed"):
        qa.retrieve("H200")


def test_an_article_without_an_original_has_no_url(qa: briefqa.BriefQA) -> None:
    assert qa.retrieve("Paris", k=1, articles="weather")[0].url == ""
