"""The command that scores an index with golden questions: eval."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from briefqa.cli.options import Index, Json, Store
from briefqa.cli.printing import console, print_json, print_problems, progress

if TYPE_CHECKING:
    from briefqa.evaluate import Evaluation, GoldenQuestion


def evaluate_golden_set(
    golden: Annotated[Path, typer.Argument(help="JSON lines: question, expected, difficulty, language.")],
    index: Index = Path("index"),
    store: Store = "",
    plot: Annotated[Path | None, typer.Option("--plot", help="Draw the scores into this file, a .png.")] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="First fit the confidence to these questions, and keep it in the index.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Score the index with questions of which it is known where the corpus answers them.

    GOLDEN has one question a line, with every section that answers it, or [] if none does:

    {"question": "which chips are banned?", "expected": ["policy#banned"], "difficulty": "easy", "language": "en"}

    Shown are hit@1, hit@5, MRR@10 and nDCG@10, what was refused, and what was found in place of the expected sections.
    """
    from briefqa.evaluate import read_golden_set

    questions = read_golden_set(golden)
    if plot is not None:
        from briefqa.plotting import check_plot

        # Before minutes of questions, not after them.
        check_plot(plot)
    if calibrate:
        _calibrate(index, store, questions, bar=not as_json)
    evaluation = _evaluate(index, store, questions, bar=not as_json)
    print_problems((golden, unknown.line, unknown.message) for unknown in evaluation.unknown)
    if plot is not None:
        from briefqa.plotting import plot_evaluation

        plot_evaluation(evaluation, plot)
    if as_json:
        print_json(evaluation)
        return
    from briefqa.terminal import render_evaluation

    console().print(render_evaluation(evaluation))


def _calibrate(index: Path, store: str, questions: list[GoldenQuestion], bar: bool) -> None:
    from briefqa.api import BriefQA
    from briefqa.calibration import fit, keep, observe, separation
    from briefqa.confidence import SHIPPED

    with BriefQA(index, store=store) as qa, progress(disable=not bar) as shown:
        task = shown.add_task("calibrating", total=len(questions))
        observations = observe(
            qa, questions, progress=lambda done, total: shown.update(task, completed=done, total=total)
        )
    calibration = fit([observations])
    keep(calibration, index, store)
    for name, constants in (("as shipped", SHIPPED), ("calibrated", calibration)):
        found = separation(observations, constants)
        typer.echo(
            f"{name}: auroc {found.auroc:.3f}, false answers {found.false_answers:.3f} of {found.unanswerable},"
            f" false refusals {found.false_refusals:.3f} of {found.answerable}, brier {found.brier:.3f}",
            err=True,
        )


def _evaluate(index: Path, store: str, questions: list[GoldenQuestion], bar: bool) -> Evaluation:
    from briefqa.api import BriefQA
    from briefqa.evaluate import evaluate
    from briefqa.llm import Endpoint

    # What is scored is what was found; a language model would only word it.
    with BriefQA(index, llm=Endpoint(), store=store) as qa, progress(disable=not bar) as shown:
        task = shown.add_task("asking", total=len(questions))
        return evaluate(qa, questions, progress=lambda done, total: shown.update(task, completed=done, total=total))
