"""Fit the confidence to questions of which it is known whether the corpus answers them.

    observations = observe(qa, read_golden_set("golden.jsonl"))
    calibration = fit(observations)

    keep(calibration, Path("index"))            # what `briefqa eval --calibrate` does

Every answerable question gives an unanswerable one: the same question, with the articles that answer it left out. Both
are asked of small parts of the corpus too, so that a probability means the same in corpora of any size.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from briefqa.api import BriefQA
from briefqa.confidence import ANSWERED_FROM, SHIPPED, Calibration, Signals, measure_signals
from briefqa.evaluate import GoldenQuestion
from briefqa.store import Filters, open_writer

# Articles of a small part of the corpus, beside those that answer, and what a question asked of one weighs.
_PARTS = (0, 7, 29)
_PART_WEIGHT = 0.1
# Of the questions that people ask a corpus in its own language and in another, the share that it answers. With .68 less
# than a tenth of the Chinese questions without an answer get one; foreign questions would lose .02 of their answers.
_OWN_ANSWERABLE = 0.68
_FOREIGN_ANSWERABLE = 0.72
# How strongly the shipped constants hold against a user's questions: as much as so many of them.
PRIOR_QUESTIONS = 50.0
_NEWTON_STEPS = 30


@dataclass(frozen=True, slots=True)
class Observation:
    """One question, what its ranking showed, and the truth. whole: asked of the whole corpus, or of a part of it."""

    question: GoldenQuestion
    signals: Signals
    answerable: bool
    whole: bool


def observe(
    qa: BriefQA, questions: Sequence[GoldenQuestion], progress: Callable[[int, int], None] | None = None
) -> list[Observation]:
    """Ask each question of the whole corpus and of parts of it, with and without what answers it."""
    with qa.store.snapshot() as snapshot:
        slugs = sorted(article.slug for article in snapshot.articles())
    observations: list[Observation] = []
    for done, golden in enumerate(questions, 1):
        answering = tuple(dict.fromkeys(section.partition("#")[0] for section in golden.expected))
        scopes = [(Filters(), bool(answering), True)]
        if answering:
            others = [slug for slug in slugs if slug not in answering]
            random.Random(golden.question).shuffle(others)
            scopes.append((Filters(without=answering), False, True))
            for many in (many for many in _PARTS if many < len(others)):
                scopes.append((Filters(articles=(*answering, *others[:many])), True, False))
                scopes.append((Filters(articles=tuple(others[: many + 1])), False, False))
        for filters, answerable, whole in scopes:
            ranking = qa.rank(golden.question, 1, filters)
            if ranking.hits:
                observations.append(Observation(golden, measure_signals(ranking), answerable, whole))
        if progress:
            progress(done, len(questions))
    return observations


def fit(
    groups: Sequence[Sequence[Observation]], prior: Calibration = SHIPPED, strength: float = PRIOR_QUESTIONS
) -> Calibration:
    """Fit both models by maximum a posteriori: logistic regression whose weights are drawn to the prior's.

    groups: the observations of each corpus; one with four times as many questions counts twice as much. strength: of
    the prior, in questions. A model without questions of both kinds stays as it was.
    """
    weighted = [
        (observation, (1.0 if observation.whole else _PART_WEIGHT) / len(group) ** 0.5)
        for group in groups
        for observation in group
    ]
    return Calibration(
        own=_fit([(o, weight) for o, weight in weighted if not o.signals.foreign], prior.own, strength),
        foreign=_fit([(o, weight) for o, weight in weighted if o.signals.foreign], prior.foreign, strength),
    )


def _fit(weighted: Sequence[tuple[Observation, float]], prior: tuple[float, ...], strength: float) -> tuple[float, ...]:
    observations = [o for o, _ in weighted]
    answerable = np.array([o.answerable for o in observations], dtype=bool)
    if not answerable.any() or answerable.all():
        return prior
    rows = np.stack([np.concatenate([[1.0], o.signals.values]) for o in observations])  # (n, 7)
    weights = _balance(observations, np.array([weight for _, weight in weighted]))
    weights *= sum(o.whole for o in observations)
    start = np.array(prior)
    # Drawn as strongly as by `strength` questions at even odds, for each weight in the units of its signal; never not
    # at all, or a signal that is the same in all questions had no weight.
    draw = np.diag(strength / 4 * np.append(1.0, rows[:, 1:].var(axis=0)) + 1e-6)
    beta = start.copy()
    for _ in range(_NEWTON_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(rows @ beta, -50, 50)))
        slope = rows.T @ (weights * (answerable - chance)) - draw @ (beta - start)
        curve = (rows * (weights * chance * (1 - chance))[:, None]).T @ rows + draw
        step = np.linalg.solve(curve, slope)
        beta += np.clip(step, -5, 5)
        if np.abs(step).max() < 1e-9:
            break
    return tuple(float(weight) for weight in beta)


def keep(calibration: Calibration, index: Path, store: str = "") -> None:
    """Store a calibration in an index, where the next question finds it."""
    with open_writer(index, store) as writer:
        writer.commit_calibration(calibration.to_json())


@dataclass(frozen=True, slots=True)
class Separation:
    """How well a confidence tells the answerable questions of a whole corpus from the others.

    auroc: area under the ROC, 0..1. false_answers, false_refusals: shares of the unanswerable and of the answerable.
    brier: mean squared error of the probability, lower is better.
    """

    answerable: int
    unanswerable: int
    auroc: float
    false_answers: float
    false_refusals: float
    brier: float


def separation(observations: Sequence[Observation], calibration: Calibration) -> Separation:
    """Measure a calibration on what was observed over whole corpora; NaN where a kind of question is missing."""
    chances, answerable, weights = _whole(observations, calibration)
    yes, no = chances[answerable], chances[~answerable]
    if not len(yes) or not len(no):
        nan = float("nan")
        return Separation(len(yes), len(no), nan, nan, nan, nan)
    return Separation(
        answerable=len(yes),
        unanswerable=len(no),
        auroc=float((yes[:, None] > no).mean() + (yes[:, None] == no).mean() / 2),
        false_answers=float((no >= ANSWERED_FROM).mean()),
        false_refusals=float((yes < ANSWERED_FROM).mean()),
        brier=float((weights * (answerable - chances) ** 2).sum()),
    )


@dataclass(frozen=True, slots=True)
class Bin:
    """Questions of about the same confidence. confidence: its mean. answerable: the share that the corpus answers."""

    confidence: float
    answerable: float
    questions: int


def reliability(observations: Sequence[Observation], calibration: Calibration, bins: int = 10) -> list[Bin]:
    """Return the reliability curve over whole corpora: bins of equal width, those without questions left out."""
    chances, answerable, weights = _whole(observations, calibration)
    places = np.minimum((chances * bins).astype(int), bins - 1)
    curve = []
    for place in np.unique(places):
        here = places == place
        share = weights[here] / weights[here].sum()
        curve.append(Bin(float(share @ chances[here]), float(share @ answerable[here]), int(here.sum())))
    return curve


def _whole(observations: Sequence[Observation], calibration: Calibration) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return confidence, truth and weight of each question of a whole corpus."""
    found = [o for o in observations if o.whole]
    chances = np.array([calibration.probability(o.signals) for o in found])
    answerable = np.array([o.answerable for o in found], dtype=bool)
    return chances, answerable, _balance(found, np.ones(len(found)))


def _balance(observations: Sequence[Observation], weights: np.ndarray) -> np.ndarray:
    """Return weights, which sum to 1, of which the answerable questions have the assumed share."""
    balanced = np.zeros(len(weights))
    foreign = np.array([o.signals.foreign for o in observations], dtype=bool)
    answerable = np.array([o.answerable for o in observations], dtype=bool)
    for model, share in ((~foreign, _OWN_ANSWERABLE), (foreign, _FOREIGN_ANSWERABLE)):
        for kind, part in ((model & answerable, share), (model & ~answerable, 1 - share)):
            if kind.any():
                balanced[kind] = weights[kind] * part * model.mean() / weights[kind].sum()
    return balanced
