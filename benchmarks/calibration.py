#!/usr/bin/env python3
"""Fit the constants of the confidence, and show whether its probabilities hold.

    python benchmarks/calibration.py corpus=tests/golden/sample.jsonl MORE_ARTICLES=MORE_QUESTIONS.jsonl …
    python benchmarks/calibration.py … --check OTHER_ARTICLES=OTHER_QUESTIONS.jsonl --plot docs/img/reliability.png

Each pair is a folder of articles and a golden set over it, in the format of `briefqa eval`; any set of questions will
do of which it is known which articles answer them. Printed are the constants for src/briefqa/confidence.py, then how
they do on the pairs of --check, or else on those that they were fitted to.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from pathlib import Path

import briefqa
from briefqa.calibration import Observation, fit, observe, reliability, separation
from briefqa.confidence import Calibration
from briefqa.evaluate import read_golden_set


def gather(pairs: list[str], work: Path) -> list[list[Observation]]:
    found: list[list[Observation]] = []
    for pair in pairs:
        corpus, _, golden = pair.partition("=")
        index = work / f"{len(list(work.iterdir()))}"
        briefqa.build(corpus, index)
        with briefqa.open(index) as qa:
            found.append(observe(qa, read_golden_set(golden)))
        print(f"{pair}: {len(found[-1])} observations", flush=True)
    return found


def show(observations: list[Observation], calibration: Calibration) -> None:
    by_language: dict[str, list[Observation]] = defaultdict(list)
    for observation in observations:
        by_language[observation.question.language or "-"].append(observation)
    heads = ("answerable", "not", "auroc", "false answers", "false refusals", "brier")
    print(f"\n{'':10}" + "".join(f"{head:>15}" for head in heads))
    for name, group in {**by_language, "all": observations}.items():
        s = separation(group, calibration)
        shares = (s.auroc, s.false_answers, s.false_refusals, s.brier)
        print(f"{name:10}{s.answerable:15}{s.unanswerable:15}" + "".join(f"{share:15.3f}" for share in shares))
    print("\nconfidence  answerable  questions")
    for part in reliability(observations, calibration):
        print(f"{part.confidence:10.3f} {part.answerable:11.3f} {part.questions:10}")


def plot(observations: list[Observation], calibration: Calibration, path: Path) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    curve = reliability(observations, calibration)
    figure, axes = pyplot.subplots(figsize=(5, 4.2), layout="constrained")
    axes.plot([0, 1], [0, 1], color="#8d8779", linewidth=1, linestyle="--")
    axes.plot([part.confidence for part in curve], [part.answerable for part in curve], color="#1c5d78", marker="o")
    axes.set(xlabel="confidence", ylabel="share that the corpus answers", xlim=(0, 1), ylim=(0, 1))
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=144)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", nargs="+", metavar="CORPUS=GOLDEN")
    parser.add_argument("--check", nargs="+", default=[], metavar="CORPUS=GOLDEN", help="pairs that are not fitted to")
    parser.add_argument("--plot", type=Path, help="draw the reliability curve into this .png")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="briefqa-calibration-") as work:
        fitted_to = gather(options.pairs, Path(work))
        checked = gather(options.check, Path(work)) or fitted_to
    calibration = fit(fitted_to, strength=0)
    for name in ("own", "foreign"):
        print(f"{name}=({', '.join(f'{weight:.3f}' for weight in getattr(calibration, name))}),")
    observations = [observation for group in checked for observation in group]
    show(observations, calibration)
    if options.plot:
        plot(observations, calibration, options.plot)


if __name__ == "__main__":
    main()
