"""The golden set: its file, the metrics against fractions worked out by hand, and the command that users run."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Iterator
from fractions import Fraction
from math import log2
from pathlib import Path
from typing import Any

import pytest
from conftest import BigramEncoder, Run
from hypothesis import given
from hypothesis import strategies as st

import briefqa
from briefqa.errors import BriefqaError, GoldenSetError
from briefqa.evaluate import (
    Evaluation,
    GoldenQuestion,
    Refusals,
    Scores,
    evaluate,
    hit_at,
    ndcg,
    ranked_sections,
    read_golden_set,
    reciprocal_rank,
)

PNG = b"\x89PNG\r\n\x1a\n"
BANNED, CONDITIONS = "policy#banned", "policy#conditions"
VENDORS, WEATHER = "industry/vendors#vendors", "weather#weather"
TEN = [f"a#{number}" for number in range(1, 11)]
# Discounts whose logarithm is whole: rank 1, 3 and 7 gain 1, 1/2 and 1/3.
RANK_2 = 1 / log2(3)


@pytest.mark.parametrize(
    ("ranked", "expected", "at_1", "at_5", "reciprocal", "gain"),
    [
        (TEN, {"a#1"}, 1, 1, Fraction(1), Fraction(1)),
        (TEN, {"a#3"}, 0, 1, Fraction(1, 3), Fraction(1, 2)),
        (TEN, {"a#7"}, 0, 0, Fraction(1, 7), Fraction(1, 3)),
        (TEN, {"a#10"}, 0, 0, Fraction(1, 10), 1 / log2(11)),
        (TEN, {"b#1"}, 0, 0, Fraction(0), Fraction(0)),
        ([], {"a#1"}, 0, 0, Fraction(0), Fraction(0)),
        # Two are expected: ideal is 1 + 1/log2(3).
        (TEN, {"a#1", "a#2"}, 1, 1, Fraction(1), Fraction(1)),
        (TEN, {"a#1", "a#3"}, 1, 1, Fraction(1), Fraction(3, 2) / (1 + RANK_2)),
        (TEN, {"a#2", "b#1"}, 0, 1, Fraction(1, 2), RANK_2 / (1 + RANK_2)),
        (TEN, {"a#3", "a#7", "b#1"}, 0, 1, Fraction(1, 3), Fraction(5, 6) / (Fraction(3, 2) + RANK_2)),
    ],
)
def test_metrics_are_the_fractions_worked_out_by_hand(
    ranked: list[str], expected: set[str], at_1: int, at_5: int, reciprocal: Fraction, gain: float
) -> None:
    assert (hit_at(ranked, expected, 1), hit_at(ranked, expected, 5)) == (at_1, at_5)
    assert reciprocal_rank(ranked, expected) == pytest.approx(float(reciprocal))
    assert ndcg(ranked, expected) == pytest.approx(float(gain))


def test_the_eleventh_section_counts_for_nothing() -> None:
    ranked = [*TEN, "b#1"]
    assert (hit_at(ranked, {"b#1"}, 5), reciprocal_rank(ranked, {"b#1"}), ndcg(ranked, {"b#1"})) == (0, 0, 0)


def test_more_than_ten_expected_sections_can_still_gain_everything() -> None:
    assert ndcg(TEN, {*TEN, "b#1", "b#2"}) == pytest.approx(1)


def test_an_article_without_an_anchor_means_any_section_of_it() -> None:
    ranked = ["ab#1", "x/a#1", "a#2", "a#3"]
    assert reciprocal_rank(ranked, {"a"}) == pytest.approx(1 / 3)
    # Its second section gains nothing: one was expected.
    assert ndcg(ranked, {"a"}) == pytest.approx(1 / 2)
    assert ndcg(["a#1", "a#2", "a#3"], {"a"}) == 1
    assert ndcg(["a#2", "a#1"], {"a", "a#2"}) == 1


def test_a_section_without_a_heading_is_named_by_a_bare_hash() -> None:
    assert hit_at(["a#"], {"a#"}, 1) == 1
    assert hit_at(["a#1"], {"a#"}, 1) == 0


SECTIONS = st.lists(st.sampled_from(["a#", "a#1", "a#2", "b#1", "b#2", "c/d#1"]), max_size=12)


@given(ranked=SECTIONS, expected=st.sets(st.sampled_from(["a", "a#", "a#1", "b#1", "c/d", "gone"])))
def test_every_metric_is_between_0_and_1(ranked: list[str], expected: set[str]) -> None:
    at_1, at_5 = hit_at(ranked, expected, 1), hit_at(ranked, expected, 5)
    assert 0 <= at_1 <= at_5 <= 1
    assert at_1 <= reciprocal_rank(ranked, expected) <= 1
    assert 0 <= ndcg(ranked, expected) <= 1 + 1e-9


def write(path: Path, *lines: object) -> Path:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def test_a_golden_set_is_read_line_by_line(tmp_path: Path) -> None:
    path = write(
        tmp_path / "golden.jsonl",
        {"question": " 哪些芯片被禁？ ", "expected": ["a#b", "a", "a#b"], "difficulty": "hard", "language": "zh"},
        "",
        # JSON lets a line separator stand in a string; it ends no line of the file.
        '{"question": "one\u2028question", "expected": []}',
    )
    assert read_golden_set(path) == [
        GoldenQuestion("哪些芯片被禁？", ("a#b", "a"), "hard", "zh", 1),
        GoldenQuestion("one\u2028question", (), "", "", 3),
    ]
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert [golden.line for golden in read_golden_set(str(path))] == [1, 3]


def test_the_golden_set_of_the_sample_briefs_can_be_read() -> None:
    questions = read_golden_set(Path(__file__).parent / "golden" / "sample.jsonl")
    assert {golden.difficulty for golden in questions} == {"easy", "hard"}
    assert {golden.language for golden in questions} >= {"zh", "en"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{question", "not JSON: write one object a line, like {"),
        ("[" * 100_000, "not JSON: "),
        (r'{"question": "\ud83d", "expected": []}', "not JSON: "),
        ('["question"]', "not a JSON object: write one a line"),
        ({"expected": []}, "no question: add one"),
        ({"question": 5, "expected": []}, "no question: add one"),
        ({"question": " ", "expected": []}, "the question is empty: write what you want to know"),
        ({"question": "q" * 5000, "expected": []}, "the question has 5,000 characters: shorten it"),
        ({"question": "q"}, 'expected is no list of sections: write ["article#anchor"], or []'),
        ({"question": "q", "expected": "a#b"}, "expected is no list of sections"),
        ({"question": "q", "expected": None}, "expected is no list of sections"),
        ({"question": "q", "expected": [1]}, "expected is no list of sections"),
        ({"question": "q", "expected": [""]}, "expected is no list of sections"),
        ({"question": "q", "expected": [], "language": 1}, "language is no string: put it in quotes or leave it out"),
        ({"question": "q", "expected": [], "difficulty": None}, "difficulty is no string"),
    ],
)
def test_a_line_that_is_no_golden_question_is_named_with_the_cure(tmp_path: Path, line: object, said: str) -> None:
    path = write(tmp_path / "golden.jsonl", {"question": "q", "expected": []}, line)
    with pytest.raises(GoldenSetError) as raised:
        read_golden_set(path)
    assert str(raised.value).startswith(f"{path}:2: {said}") and "\n" not in str(raised.value)


def test_a_golden_set_that_is_missing_empty_or_not_text_is_named_with_the_cure(tmp_path: Path) -> None:
    path = tmp_path / "golden.jsonl"

    def said() -> str:
        with pytest.raises(GoldenSetError) as raised:
            read_golden_set(path)
        assert "\n" not in str(raised.value)
        return str(raised.value)

    assert said().startswith(f'no golden set at {path}: name a file of JSON lines, like {{"question": ')
    path.mkdir()
    assert said().startswith(f"{path} cannot be read: ") and said().endswith("name a file of JSON lines")
    path.rmdir()
    path.write_text("\n \n", encoding="utf-8")
    assert said().startswith(f"{path} holds no questions: write one a line, like ")
    path.write_bytes('{"question": "q", "expected": []}\n{"question": "哪些芯片被禁？"}'.encode("gb18030"))
    assert said() == f"{path}:2: not UTF-8: save the file as UTF-8"


@pytest.fixture
def qa(index: Path, encoder: BigramEncoder) -> Iterator[briefqa.BriefQA]:
    with briefqa.open(index, encoder) as opened:
        yield opened


def test_an_easy_golden_set_scores_1(qa: briefqa.BriefQA) -> None:
    steps: list[tuple[int, int]] = []
    questions = [
        GoldenQuestion("Rubin芯片仍在禁止清单上", (BANNED,), "easy", "zh", 1),
        GoldenQuestion("车载芯片", ("industry/vendors",), "hard", "zh", 2),
        GoldenQuestion("It rained in Paris", (WEATHER,), "easy", "en", 3),
        GoldenQuestion("红烧肉怎么做", (), "hard", "zh", 4),
    ]
    evaluation = evaluate(qa, questions, progress=lambda done, total: steps.append((done, total)))
    assert evaluation == Evaluation(
        overall=Scores(3, 1, 1, 1, 1),
        by_language={"zh": Scores(2, 1, 1, 1, 1), "en": Scores(1, 1, 1, 1, 1)},
        by_difficulty={"easy": Scores(2, 1, 1, 1, 1), "hard": Scores(1, 1, 1, 1, 1)},
        by_language_and_difficulty={
            "zh": {"easy": Scores(1, 1, 1, 1, 1), "hard": Scores(1, 1, 1, 1, 1)},
            "en": {"easy": Scores(1, 1, 1, 1, 1)},
        },
        refusals=Refusals(answerable=3, answerable_refused=0, unanswerable=1, unanswerable_refused=1),
        misses=(),
        wrongly_refused=(),
        wrongly_answered=(),
        unknown=(),
    )
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.fixture
def planned(qa: briefqa.BriefQA, monkeypatch: pytest.MonkeyPatch) -> briefqa.BriefQA:
    """An index that finds the sections that a question spells out, and refuses those that say so."""
    hits = {f"{hit.article}#{hit.anchor}": hit for hit in qa.retrieve("芯片", 30)}
    answer = qa.ask("芯片")
    monkeypatch.setattr(qa, "retrieve", lambda question, k: [hits[name] for name in question.split()[1:]][:k])
    monkeypatch.setattr(
        qa, "ask", lambda question: dataclasses.replace(answer, answered=not question.startswith("refused"))
    )
    return qa


def test_scores_are_means_over_each_group_and_misses_show_what_was_found(planned: briefqa.BriefQA) -> None:
    first = GoldenQuestion(f"first {BANNED} {WEATHER}", (BANNED,), "easy", "zh", 1)
    third = GoldenQuestion(f"refused {WEATHER} {WEATHER} {VENDORS} {WEATHER} {BANNED}", (BANNED,), "hard", "zh", 2)
    never = GoldenQuestion(f"never {CONDITIONS} {WEATHER}", (VENDORS,), "hard", "", 3)
    evaluation = evaluate(planned, [first, third, never])
    assert evaluation.by_language == {
        "zh": Scores(2, 1 / 2, 1, pytest.approx((1 + 1 / 3) / 2), pytest.approx((1 + 1 / 2) / 2)),
        "": Scores(1, 0, 0, 0, 0),
    }
    assert evaluation.overall == Scores(
        3, pytest.approx(1 / 3), pytest.approx(2 / 3), pytest.approx(4 / 9), pytest.approx(1 / 2)
    )
    assert evaluation.by_difficulty["hard"] == Scores(2, 0, 1 / 2, pytest.approx(1 / 6), pytest.approx(1 / 4))
    assert evaluation.by_language_and_difficulty["zh"]["hard"] == Scores(1, 0, 1, pytest.approx(1 / 3), 1 / 2)
    assert [(miss.line, miss.rank, [found.section for found in miss.found]) for miss in evaluation.misses] == [
        (3, 0, [CONDITIONS, WEATHER]),
        (2, 3, [WEATHER, VENDORS, BANNED]),
    ]
    assert (evaluation.misses[1].question, evaluation.misses[1].expected) == (third.question, (BANNED,))
    assert (evaluation.misses[1].language, evaluation.misses[1].difficulty) == ("zh", "hard")
    assert evaluation.wrongly_refused == (third.question,)


def test_refusals_are_right_for_what_the_corpus_does_not_answer(planned: briefqa.BriefQA) -> None:
    questions = [
        GoldenQuestion(f"refused {BANNED}", (BANNED,), "", "", 1),
        GoldenQuestion(f"said {BANNED}", (BANNED,), "", "", 2),
        GoldenQuestion("refused, rightly", (), "", "", 3),
        GoldenQuestion("said, wrongly", (), "", "", 4),
        GoldenQuestion("said, wrongly again", (), "", "", 5),
    ]
    evaluation = evaluate(planned, questions)
    assert evaluation.refusals == Refusals(2, 1, 3, 1)
    assert evaluation.wrongly_answered == ("said, wrongly", "said, wrongly again")
    assert evaluation.overall.questions == 2 and evaluation.misses == ()


def test_a_golden_set_without_answerable_questions_has_refusals_alone(planned: briefqa.BriefQA) -> None:
    evaluation = evaluate(planned, [GoldenQuestion("refused", (), "", "", 1)])
    assert evaluation.overall == Scores(0, 0, 0, 0, 0) and evaluation.by_language == {}
    assert evaluation.refusals == Refusals(0, 0, 1, 1)


def test_a_section_counts_once_at_the_place_of_its_best_chunk(tmp_path: Path, encoder: BigramEncoder) -> None:
    corpus = tmp_path / "long"
    corpus.mkdir()
    text = "量子计算机的研究进展。" * 60
    (corpus / "long.md").write_text(f"## A {{#a}}\n\n{text}\n\n## B {{#b}}\n\n天气。\n", encoding="utf-8")
    briefqa.build(corpus, tmp_path / "index", encoder=encoder)
    with briefqa.open(tmp_path / "index", encoder) as qa:
        hits = qa.retrieve("量子计算机", 30)
        assert len([hit for hit in hits if hit.anchor == "a"]) > 1
        sections = ranked_sections(hits)
        assert [(found.section, found.score) for found in sections] == [
            ("long#a", hits[0].score),
            ("long#b", next(hit.score for hit in hits if hit.anchor == "b")),
        ]


def test_no_more_than_ten_sections_are_ranked(qa: briefqa.BriefQA) -> None:
    (hit,) = qa.retrieve("芯片", 1)
    hits = [dataclasses.replace(hit, anchor=str(number)) for number in range(12)]
    assert [found.section for found in ranked_sections(hits)] == [f"{hit.article}#{number}" for number in range(10)]


def test_expected_sections_that_the_index_does_not_hold_are_named(corpus: Path, tmp_path: Path) -> None:
    encoder = BigramEncoder()
    (corpus / "bare.md").write_text("## Above {#above}\n\n### Below {#below}\n\nText.\n", encoding="utf-8")
    briefqa.build(corpus, tmp_path / "index", encoder=encoder)
    expected = ("policy", BANNED, "bare#below", "bare#above", "policy#gone", "gone#banned", "gone", "policy#")
    with briefqa.open(tmp_path / "index", encoder) as qa:
        unknown = evaluate(qa, [GoldenQuestion("q", expected, "", "", 7)]).unknown
    assert [(entry.line, entry.section) for entry in unknown] == [(7, section) for section in expected[3:]]
    cure = "; correct the golden set, or build the index again"
    assert [entry.message for entry in unknown] == [
        f"bare#above cannot be found: bare has no text under the anchor above{cure}",
        f"policy#gone cannot be found: policy has no text under the anchor gone{cure}",
        f"gone#banned cannot be found: there is no article gone{cure}",
        f"gone cannot be found: there is no article gone{cure}",
        f"policy# cannot be found: policy has no text before its first heading{cure}",
    ]


@pytest.fixture
def run_eval(run: Run, index: Path) -> Run:
    """Run `briefqa eval` on the small index; returns (exit status, stdout, stderr)."""
    return lambda *args: run("eval", *args, "--index", index)


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    return write(
        tmp_path / "golden.jsonl",
        {"question": "Rubin芯片仍在禁止清单上", "expected": [BANNED], "difficulty": "easy", "language": "zh"},
        {"question": "车载芯片", "expected": [VENDORS], "difficulty": "hard", "language": "zh"},
        {"question": "It rained in Paris", "expected": ["weather#snow"], "difficulty": "hard", "language": "en"},
        {"question": "红烧肉怎么做", "expected": []},
    )


def test_eval_prints_scores_refusals_and_misses(run_eval: Run, golden: Path) -> None:
    status, out, err = run_eval(golden)
    rows = [line.strip("│ ").replace("│", " ").split() for line in out.splitlines() if line.startswith("│")]
    assert status == 0 and rows == [
        ["all", "3", "0.667", "0.667", "0.667", "0.667"],
        ["zh", "2", "1.000", "1.000", "1.000", "1.000"],
        ["easy", "1", "1.000", "1.000", "1.000", "1.000"],
        ["hard", "1", "1.000", "1.000", "1.000", "1.000"],
        ["en", "1", "0.000", "0.000", "0.000", "0.000"],
        ["easy", "1", "1.000", "1.000", "1.000", "1.000"],
        ["hard", "2", "0.500", "0.500", "0.500", "0.500"],
    ]
    assert "refused, and the corpus does not answer: 1 of 1" in out
    assert "refused, though the corpus answers: 0 of 3" in out
    misses = [line.strip() for line in out[out.index("misses") :].splitlines()]
    assert misses[:3] == [
        "misses at the first place: 1 of 3",
        "· It rained in Paris en hard",
        "expected: weather#snow (not among the first ten)",
    ]
    assert misses[3].startswith(f"found instead: {WEATHER} ")
    assert err.strip() == (
        f"{golden}:3: weather#snow cannot be found: weather has no text under the anchor snow; "
        "correct the golden set, or build the index again"
    )


def test_eval_says_where_the_expected_section_came_and_which_questions_were_refused_wrongly(
    run_eval: Run, tmp_path: Path
) -> None:
    asked = {"question": "It rained in Paris [b]", "expected": ["policy", "industry/vendors"]}
    silent = {"question": "红烧肉怎么做", "expected": ["policy", "weather", "industry/vendors"]}
    out = run_eval(write(tmp_path / "golden.jsonl", asked, silent, {"question": "It rained in Paris", "expected": []}))[
        1
    ]
    assert "· It rained in Paris [b]\n" in "\n".join(line.rstrip() for line in out.splitlines()) + "\n"
    assert "expected: policy, industry/vendors (at place 2)" in out
    # Of what was found, what stood above the expected section alone.
    assert re.search(rf"found instead: {WEATHER} \d\.\d{{3}}\s*$", out)
    assert "answered: It rained in Paris" in out and "refused: 红烧肉怎么做" in out


def test_a_question_set_without_answers_has_dashes_for_scores(run_eval: Run, tmp_path: Path) -> None:
    out = run_eval(write(tmp_path / "golden.jsonl", {"question": "红烧肉怎么做", "expected": []}))[1]
    (row,) = [line for line in out.splitlines() if line.startswith("│")]
    assert row.split() == ["│", "all", "│", "0", "│", "-", "│", "-", "│", "-", "│", "-", "│"]
    assert "misses" not in out


def test_eval_reports_as_json(run_eval: Run, golden: Path) -> None:
    status, out, err = run_eval(golden, "--json")
    evaluation = json.loads(out)
    assert status == 0 and err.startswith(f"{golden}:3: ") and len(err.splitlines()) == 1
    assert evaluation["by_language_and_difficulty"]["zh"]["hard"]["hit_at_1"] == 1
    (miss,) = evaluation["misses"]
    assert (miss["question"], miss["expected"], miss["rank"]) == ("It rained in Paris", ["weather#snow"], 0)
    assert miss["found"][0]["section"] == WEATHER and len(miss["found"]) == 4
    assert evaluation["refusals"] == {
        "answerable": 3,
        "answerable_refused": 0,
        "unanswerable": 1,
        "unanswerable_refused": 1,
    }
    assert evaluation["unknown"][0]["section"] == "weather#snow"


@pytest.mark.parametrize("languages", [[], ["all", "", "zh", r"$\frac$"]])
def test_eval_draws_a_picture(run_eval: Run, tmp_path: Path, languages: list[str]) -> None:
    lines: list[dict[str, Any]] = [{"question": "红烧肉怎么做", "expected": []}]
    lines += [{"question": "芯片", "expected": [BANNED], "language": language} for language in languages]
    picture = tmp_path / "scores.png"
    status, out, _ = run_eval(write(tmp_path / "golden.jsonl", *lines), "--plot", picture, "--json")
    assert status == 0 and json.loads(out)["overall"]["questions"] == len(languages)
    assert picture.read_bytes().startswith(PNG) and picture.stat().st_size > 1000


def test_without_matplotlib_the_plot_says_what_to_install(
    run_eval: Run, golden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    status, out, err = run_eval(golden, "--plot", tmp_path / "scores.png")
    assert (status, out) == (1, "") and err == "briefqa: matplotlib is not installed: pip install 'briefqa[plot]'\n"
    assert run_eval(golden)[0] == 0


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("scores", "is no picture's name: let it end in .png"),
        ("scores.doc", "is no picture's name: let it end in .png"),
        ("none/scores.png", "cannot be written: there is no folder"),
        ("folder.png", "cannot be written: "),
    ],
)
def test_a_picture_that_cannot_be_written_is_one_line(
    run_eval: Run, golden: Path, tmp_path: Path, name: str, said: str
) -> None:
    (tmp_path / "folder.png").mkdir()
    status, out, err = run_eval(golden, "--plot", tmp_path / name, "--json")
    assert (status, out) == (1, "") and err.splitlines()[-1].startswith(f"briefqa: {tmp_path / name} {said}")
    assert "Traceback" not in err


def test_a_bad_golden_set_is_one_line_and_exit_status_1(run_eval: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "golden.jsonl", {"question": "q"})
    status, out, err = run_eval(path)
    assert (status, out) == (1, "") and err.startswith(f"briefqa: {path}:1: expected is no list of sections")
    assert len(err.splitlines()) == 1
    assert issubclass(briefqa.GoldenSetError, BriefqaError)


def test_eval_without_a_golden_set_is_wrong_usage(run_eval: Run) -> None:
    status, out, err = run_eval()
    assert status == 2 and out == "" and "golden" in err.casefold()
