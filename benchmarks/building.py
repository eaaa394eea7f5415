"""An index of 1,000 articles from nothing: articles a second and peak memory, briefqa against the usual pipeline.

    python benchmarks/building.py [--articles 1000] [--repeats 3] [--json FILE]

Both sides have the same articles and the same e5 weights, see pipeline.py; each build is a process of its own, the
time is from its start to its end, and the sides take turns. The articles are made up of word lists, half of them in
Chinese: four sections of five sentences, some 2,000 characters in English. briefqa embeds each sentence besides each
section, by two models, counts words, and writes what the pipeline forgets; "texts" says how many each side embeds.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from freshness import CHINESE, ENGLISH, sentence
from pipeline import weights

from briefqa.settings import Settings

SECTIONS, SENTENCES = 4, 5


@dataclass(frozen=True, slots=True)
class Side:
    """One side's builds. seconds, core_seconds: medians, of the clock and of the cores' work, which other programs on
    the machine disturb less. peak_mb: resident memory at most, of the largest.
    """

    name: str
    seconds: float
    core_seconds: float
    articles_per_second: float
    peak_mb: float
    texts: int


def article(number: int) -> str:
    chance = random.Random(number)
    chinese = number % 2 == 1
    topics = (CHINESE if chinese else ENGLISH)["what"].split(",")
    day = f"{chance.randrange(2019, 2026)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}"
    lines = [f"---\ntitle: {chance.choice(topics)} {number}\ndate: {day}\n---\n"]
    for part in range(SECTIONS):
        text = ("" if chinese else " ").join(sentence(chance, chinese) for _ in range(SENTENCES))
        lines.append(f"## {chance.choice(topics)} {part + 1}\n\n{text}\n")
    return "\n".join(lines)


def write_corpus(folder: Path, count: int) -> None:
    for number in range(count):
        (folder / f"{number:06}.md").write_text(article(number), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Run:
    """A process that ended. core_seconds: of its children too. printed: as JSON."""

    seconds: float
    core_seconds: float
    peak_mb: float
    printed: dict[str, object]


def run(command: list[str]) -> Run:
    """Run a process to its end."""
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        printed, told = process.stdout.read(), process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"{command} failed:\n{told}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, json.loads(printed))


def measure(articles: int, repeats: int) -> list[Side]:
    model = weights(Settings.from_environment().cache_dir)
    sides: dict[str, list[Run]] = {"pipeline": [], "briefqa": []}
    python = sys.executable
    with tempfile.TemporaryDirectory(prefix="briefqa-benchmark-") as name:
        corpus, index = Path(name) / "corpus", Path(name) / "index"
        corpus.mkdir()
        write_corpus(corpus, articles)
        for _ in range(repeats):
            sides["pipeline"].append(
                run([python, str(Path(__file__).with_name("pipeline.py")), str(corpus), "--model", str(model)])
            )
            shutil.rmtree(index, ignore_errors=True)
            build = [python, "-m", "briefqa", "build", str(corpus), "--index", str(index), "--json"]
            sides["briefqa"].append(run(build))
        status = run([python, "-m", "briefqa", "status", "--index", str(index), str(corpus), "--json"]).printed
    texts = {"pipeline": sides["pipeline"][0].printed["chunks"], "briefqa": status["chunks"] + status["spans"]}  # type: ignore[operator]
    return [_side(name, runs, articles, int(str(texts[name]))) for name, runs in sides.items()]


def _side(name: str, runs: list[Run], articles: int, texts: int) -> Side:
    seconds = statistics.median(one.seconds for one in runs)
    cores = statistics.median(one.core_seconds for one in runs)
    peak = max(one.peak_mb for one in runs)
    return Side(name, round(seconds, 1), round(cores, 1), round(articles / seconds, 2), round(peak), texts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=1_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    sides = measure(options.articles, options.repeats)
    print(f"{options.articles:,} articles, each build a process, {options.repeats} by turns")
    for side in sides:
        print(
            f"{side.name:10} {side.seconds:7.1f} s  {side.core_seconds:7.1f} core-s  "
            f"{side.articles_per_second:7.2f} articles/s  "
            f"{side.peak_mb:6,.0f} MB at most  {side.texts:7,} texts embedded"
        )
    usual, own = sides
    faster, less_work = usual.seconds / own.seconds, usual.core_seconds / own.core_seconds
    memory = own.peak_mb / usual.peak_mb
    print(f"ratio      {faster:7.2f} x as fast, {less_work:.2f} x in work of cores, {memory:.2f} x the memory")
    if options.json:
        options.json.write_text(json.dumps([asdict(side) for side in sides], indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
