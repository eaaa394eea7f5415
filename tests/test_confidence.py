"""The confidence is a probability: of six signals, fitted to questions with and without what answers them."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import BigramEncoder, Run, make_ranking

import briefqa
from briefqa.calibration import Observation, fit, keep, observe, reliability, separation
from briefqa.chunks import Span
from briefqa.confidence import ANSWERED_FROM, SHIPPED, SIGNALS, Calibration, Signals, measure_signals
from briefqa.evaluate import GoldenQuestion
from briefqa.ranking import Hit

HIT = Hit("a", "s", "标题", ("标题",), "题目", "", "", "", "甲。", 0.9, 1, (Span("甲。", (), 0, 2, "paragraph"),))


def confidence(**changed: object) -> float:
    return SHIPPED.probability(measure_signals(replace(make_ranking(HIT), **changed)))  # type: ignore[arg-type]


def test_a_corpus_of_one_section_can_refuse() -> None:
    alone = measure_signals(make_ranking(HIT, best=0.61, others=0))
    among = measure_signals(make_ranking(HIT, best=0.61, others=49))
    assert alone.values == pytest.approx(among.values, abs=1e-4)  # 49 others at what unrelated texts score
    weak = replace(make_ranking(HIT, best=0.61, others=0), held=0.0, reach=0.0)
    assert SHIPPED.probability(measure_signals(weak)) < ANSWERED_FROM
    assert SHIPPED.probability(measure_signals(make_ranking(HIT, others=0))) > ANSWERED_FROM


@pytest.mark.parametrize("foreign", [False, True])
def test_each_signal_moves_the_confidence_the_way_that_it_should(foreign: bool) -> None:
    middling = {"foreign": foreign, "closeness": 0.68, "evidence": np.array([0.65] + [0.6] * 49), "held": 0.2}
    base = confidence(**middling)
    assert 0.01 < base < 0.99
    assert confidence(**{**middling, "evidence": np.array([0.7] + [0.6] * 49)}) > base
    assert confidence(**{**middling, "closeness": 0.75}) > base
    assert confidence(**{**middling, "lead": 0.3}) > base
    assert confidence(**{**middling, "held": 0.5}) > base
    assert confidence(**{**middling, "missing": 1.0}) < base
    assert confidence(**{**middling, "reach": 0.2}) > base  # less of the question could have been held


def test_the_signals_are_measured_in_spreads() -> None:
    ranking = replace(make_ranking(HIT), lead=0.052, held=0.25, reach=0.5, missing=0.75)
    values = dict(zip(SIGNALS, measure_signals(ranking).values, strict=True))
    spreads = 0.3 / 0.026
    assert values == pytest.approx(
        {
            "margin": math.log(spreads + 0.5),
            "lead": math.log(2.2),
            "closeness": spreads,
            "held": math.log(0.35),
            "reach": math.log(0.6),
            "missing": 0.75,
        },
        rel=1e-5,
    )


def test_an_encoder_with_another_range_gives_the_same_confidence() -> None:
    one = make_ranking(HIT)
    other = replace(
        one,
        evidence=one.evidence * 2 - 1,
        closeness=one.closeness * 2 - 1,
        lead=one.lead * 2,
        unrelated=0.2,
        spread=one.spread * 2,
    )
    assert measure_signals(other).values == pytest.approx(measure_signals(one).values, rel=1e-5)


# Calibration


def observation(value: float, answerable: bool, foreign: bool = False, whole: bool = True) -> Observation:
    golden = GoldenQuestion(f"{value}", ("a",) if answerable else (), "", "", 1)
    return Observation(golden, Signals(np.array([value, 0, 0, 0, 0, 0]), foreign), answerable, whole)


NOTHING = Calibration(own=(0.0,) * 7, foreign=(0.0,) * 7)


def test_a_fit_gives_the_shares_that_were_observed() -> None:
    # At 0 one in four is answerable, at 1 three in four, of as many questions each: odds 1/3 and 3.
    found = [observation(0, i < 25) for i in range(100)] + [observation(1, i < 75) for i in range(100)]
    fitted = fit([found], NOTHING, strength=0)
    gap = math.log(3) - math.log(1 / 3)
    prior = math.log(0.68 / 0.32)  # 68 of 100 are answerable where it is used, 50 were observed
    assert fitted.own[:2] == pytest.approx((math.log(1 / 3) + prior, gap), abs=1e-3)
    assert fitted.foreign == NOTHING.foreign
    abroad = [replace(o, signals=replace(o.signals, foreign=True)) for o in found]
    both = fit([[*found, *abroad]], NOTHING, strength=0)
    assert both.own == pytest.approx(fitted.own)
    assert both.foreign[0] == pytest.approx(fitted.own[0] - prior + math.log(0.72 / 0.28), abs=1e-3)


def test_a_strong_prior_keeps_its_constants_and_many_questions_overrule_it() -> None:
    prior = Calibration(own=(1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0), foreign=(0.0,) * 7)
    found = [observation(i % 2, (i % 2 == 0) == (i % 5 > 0)) for i in range(200)]
    held = fit([found], prior, strength=1e6).own
    assert held == pytest.approx(prior.own, abs=0.01)
    free = fit([found], prior, strength=0.01).own
    assert free[1] < 0  # what was observed says the contrary


def test_without_both_kinds_of_questions_the_constants_stay() -> None:
    assert fit([[observation(1, True)]], SHIPPED) == SHIPPED
    assert fit([[]], SHIPPED) == SHIPPED


def test_separation_and_reliability_are_those_worked_out_by_hand() -> None:
    sure = Calibration(own=(0.0, 10.0, 0.0, 0.0, 0.0, 0.0, 0.0), foreign=(0.0,) * 7)
    found = [observation(1, True), observation(1, True), observation(-1, True), observation(-1, False)]
    found.append(observation(1, False, whole=False))  # parts of a corpus do not count
    measured = separation(found, sure)
    assert (measured.answerable, measured.unanswerable) == (3, 1)
    assert measured.auroc == pytest.approx((1 + 1 + 0.5) / 3)
    assert (measured.false_answers, measured.false_refusals) == (0, pytest.approx(1 / 3))
    assert measured.brier == pytest.approx(0.68 / 3, abs=1e-3)
    low, high = reliability(found, sure)
    assert low.answerable == pytest.approx((0.68 / 3) / (0.68 / 3 + 0.32)) and high.answerable == 1
    assert (low.questions, high.questions) == (2, 2) and low.confidence < 0.01 < 0.99 < high.confidence
    assert math.isnan(separation(found[:2], sure).auroc)


def test_a_question_is_observed_with_and_without_its_answer(index: Path, encoder: BigramEncoder) -> None:
    golden = [
        GoldenQuestion("销售额的25%须上缴谁？", ("policy#conditions",), "", "zh", 1),
        GoldenQuestion("Who won the cup?", (), "", "en", 2),
    ]
    steps: list[tuple[int, int]] = []
    with briefqa.open(index, encoder=encoder) as qa:
        found = observe(qa, golden, progress=lambda done, total: steps.append((done, total)))
    whole = [(o.question.line, o.answerable) for o in found if o.whole]
    assert whole == [(1, True), (1, False), (2, False)]
    parts = [(o.question.line, o.answerable) for o in found if not o.whole]
    assert parts == [(1, True), (1, False)]  # of three articles: the one that answers, and one of the others
    with_answer, without = (o.signals.values for o in found[:2])
    assert with_answer[0] > without[0] and with_answer[2] > without[2]
    assert without[5] == 1  # the 25% that it names stands nowhere else
    assert steps == [(1, 2), (2, 2)]


def test_a_calibration_is_kept_through_builds_and_forgotten_with_its_encoder(
    corpus: Path, index: Path, encoder: BigramEncoder
) -> None:
    never = Calibration(own=(-99.0, 0, 0, 0, 0, 0, 0), foreign=(-99.0, 0, 0, 0, 0, 0, 0))
    with briefqa.open(index, encoder=encoder) as qa:
        before = qa.ask("Blackwell系列")
        keep(never, index)
        after = qa.ask("Blackwell系列")
        assert before.answered and not after.answered and after.confidence < 1e-6
        assert after.generation == before.generation
    (corpus / "new.md").write_text("# New\n\nMore.\n", encoding="utf-8")
    briefqa.build(corpus, index, encoder=encoder)
    with briefqa.open(index, encoder=encoder) as qa:
        assert not qa.ask("Blackwell系列").answered
    other = BigramEncoder()
    other.fingerprint = "bigrams/2"  # type: ignore[misc]
    briefqa.build(corpus, index, encoder=other, full=True)
    with briefqa.open(index, encoder=other) as qa:
        assert qa.ask("Blackwell系列").answered


def test_eval_calibrates_on_request(run: Run, corpus: Path, index: Path, tmp_path: Path) -> None:
    golden = tmp_path / "golden.jsonl"
    lines = [
        {"question": "销售额的25%须上缴谁？", "expected": ["policy#conditions"]},
        {"question": "寒武纪做什么？", "expected": ["industry/vendors#vendors"]},
        {"question": "Who won the cup?", "expected": []},
    ]
    golden.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    status, _, err = run("eval", golden, "--index", index, "--calibrate")
    assert status == 0 and "as shipped: auroc" in err and "calibrated: auroc" in err
    assert "of 3, false refusals" in err  # unanswerable: one, and two with their articles left out
    with briefqa.open(index, encoder=BigramEncoder()) as qa, qa.store.snapshot() as snapshot:
        kept = Calibration.from_json(snapshot.calibration())
    assert kept != SHIPPED and kept.own[1:] == pytest.approx(SHIPPED.own[1:], abs=2)


def test_constants_survive_json() -> None:
    assert Calibration.from_json(SHIPPED.to_json()) == SHIPPED and Calibration.from_json("") == SHIPPED
