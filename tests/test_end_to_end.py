"""From files to citations on the sample briefs, with the real encoder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import briefqa
from briefqa.articles import Article, read_article
from briefqa.evaluate import Evaluation, evaluate, read_golden_set

ROOT = Path(__file__).parents[1]
GOLDEN = [json.loads(line) for line in (ROOT / "tests/golden/sample.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def qa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[briefqa.BriefQA]:
    index = tmp_path_factory.mktemp("sample") / "index"
    report = briefqa.build(ROOT / "corpus", index)
    assert report.articles_added == 4 and report.problems == ()
    with briefqa.open(index) as opened:
        yield opened


@pytest.fixture(scope="module")
def articles() -> dict[str, Article]:
    paths = sorted((ROOT / "corpus").glob("*.md"))
    return {path.stem: read_article(path, ROOT / "corpus") for path in paths}


def stands_at(article: Article, start: int, end: int) -> str:
    """Return what a reader sees between two offsets of the file, white space and cell borders aside."""
    blocks = [block for section in article.sections for block in section.blocks]
    seen = [char for block in blocks for char, at in zip(block.text, block.offsets, strict=True) if start <= at < end]
    return "".join(char for char in seen if char not in " |")


def test_every_citation_resolves_and_its_quote_stands_at_its_offsets(
    qa: briefqa.BriefQA, articles: dict[str, Article]
) -> None:
    cited = 0
    for item in GOLDEN:
        answer = qa.ask(item["question"])
        assert answer.answered == bool(answer.citations)
        for citation in answer.citations:
            article = articles[citation.article]
            (section,) = [section for section in article.sections if section.anchor == citation.anchor]
            assert section.start <= citation.start < citation.end <= section.end
            assert stands_at(article, citation.start, citation.end) == "".join(
                char for char in citation.quote if char not in " |\n"
            )
            assert citation.url == f"{article.source_url}#{citation.anchor}"
            assert (citation.title, citation.date) == (article.title, article.date)
            cited += 1
    assert cited > 150


@pytest.mark.parametrize(
    ("question", "anchors", "words"),
    [
        ("which chips are banned?", {"at-a-glance"}, "Banned"),
        ("哪些芯片仍被禁止出口？", {"spec-table"}, "禁止出口"),
        ("哪些企业询问过H200？", {"china-reaction"}, "阿里巴巴"),
        ("紧急会议是什么时候召开的？", {"china-reaction"}, "12月11日"),
        ("¿Qué empresas chinas querían comprar el H200?", {"china-reaction"}, "阿里巴巴"),
    ],
)
def test_the_sentence_that_answers_is_quoted_first(
    qa: briefqa.BriefQA, question: str, anchors: set[str], words: str
) -> None:
    first = qa.ask(question).citations[0]
    assert first.anchor in anchors and words in first.quote


@pytest.mark.parametrize(
    ("question", "rows", "said"),
    [
        ("which chips are banned?", ["Blackwell", "Rubin"], ""),
        ("哪款芯片的显存是96 GB？", ["H20"], ""),
        ("Hopper架构的芯片有哪些？", ["H100", "H200", "H20"], ""),
        ("H100和H200的显存分别是多少？", ["H100", "H200"], ""),
        ("which chip has the highest memory bandwidth?", ["B200"], "the highest “显存带宽” is 8 TB/s: B200."),
        ("哪款芯片的显存最大？", ["B200"], "“显存”最高的是B200：192 GB HBM3e。（另有1项没有可比较的数值，未计入。）"),
        ("显存超过100GB的芯片有几款？", ["H200", "B200"], "“显存”大于100GB的共2项：H200、B200。"),
        ("表里一共有几款芯片？", ["H100", "H200", "H20", "B200", "Rubin"], "表中共列出5项"),
    ],
)
def test_tables_answer_with_their_rows(qa: briefqa.BriefQA, question: str, rows: list[str], said: str) -> None:
    answer = qa.ask(question)
    assert answer.answered and said in answer.text.replace("\\", "")
    assert [line.split(" | ")[0] for citation in answer.citations for line in citation.quote.split("\n")] == rows


def test_a_question_of_another_world_is_refused(qa: briefqa.BriefQA) -> None:
    for question in ("Who won the football world cup in 1998?", "红烧肉怎么做？"):
        answer = qa.ask(question)
        assert not answer.answered and answer.citations == () and answer.hits


def test_one_liners_keep_the_index_open(qa: briefqa.BriefQA) -> None:
    assert briefqa.ask("which chips are banned?", index=qa.index) == qa.ask("which chips are banned?")
    assert briefqa.retrieve("B200", k=3, index=qa.index) == qa.retrieve("B200", k=3)


@pytest.fixture(scope="module")
def evaluation(qa: briefqa.BriefQA) -> Evaluation:
    return evaluate(qa, read_golden_set(ROOT / "tests/golden/sample.jsonl"))


@pytest.mark.parametrize(
    ("language", "hit_at_1", "hit_at_5"),
    [("zh", 0.84, 0.96), ("en", 0.78, 0.93), ("es", 0.72, 0.81), ("ja", 0.80, 0.90), ("ar", 0.70, 0.90)],
)
def test_each_language_of_the_golden_set_finds_its_sections(
    evaluation: Evaluation, language: str, hit_at_1: float, hit_at_5: float
) -> None:
    scores = evaluation.by_language[language]
    assert scores.hit_at_1 >= hit_at_1 and scores.hit_at_5 >= hit_at_5


def test_easy_questions_are_easy_and_hard_ones_are_found(evaluation: Evaluation) -> None:
    easy, hard = evaluation.by_difficulty["easy"], evaluation.by_difficulty["hard"]
    assert easy.hit_at_1 >= 0.88 and easy.hit_at_5 == 1 and easy.ndcg_at_10 >= 0.87
    assert hard.hit_at_1 >= 0.75 and hard.hit_at_5 >= 0.92 and hard.ndcg_at_10 >= 0.76


def test_most_of_the_golden_set_is_answered_or_refused_as_it_should_be(evaluation: Evaluation) -> None:
    refusals = evaluation.refusals
    assert refusals.unanswerable_refused / refusals.unanswerable >= 0.6
    assert refusals.answerable_refused / refusals.answerable <= 0.09


def test_every_expected_section_is_in_the_index(evaluation: Evaluation) -> None:
    assert evaluation.unknown == () and evaluation.overall.questions >= 60
