"""All benchmarks of speed, one after the other: prints what they say and writes docs/performance.md.

    python benchmarks/performance.py                    # all of them, an hour or so on two cores
    python benchmarks/performance.py a c e              # these; the others stay in the document as they are

Each section of the document is one command and what it printed, so that no figure stands there without its origin. The
targets are compared in the table at its head, which is made of the same output.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "performance.md"
HEAD = """# Performance

Written by `python benchmarks/performance.py` (`make bench`): each section is a command and what it printed. Ratios are
within one run, the sides taking turns on the same machine; "core-s" are seconds of work of cores, which other programs
on the machine disturb less than the clock. What is measured is said by each script at its head.
"""
_SECTION = re.compile(r"^## (?P<letters>[a-z](?:, [a-z])*)\. .*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Target:
    """Something that was aimed at. reached: what was measured, and whether that is enough, of the figures."""

    aim: str
    reached: Callable[[Any], tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One command. letters: of the questions that it answers."""

    letters: str
    title: str
    command: str
    targets: tuple[Target, ...]


def _times(value: float, least: float) -> tuple[str, bool]:
    return f"{value:.2f} ×", value >= least


def _sized(results: Any, chunks: int) -> Any:
    return next((result for result in results if abs(result["chunks"] - chunks) <= chunks / 10), None)


def _of(chunks: int, field: str, unit: str, most: float) -> Callable[[Any], tuple[str, bool]]:
    def reached(results: Any) -> tuple[str, bool]:
        result = _sized(results, chunks)
        return (f"{result[field]:,.2f} {unit}", result[field] <= most) if result else ("not run", False)

    return reached


def _retrieve(chunks: int, most: float) -> Target:
    return Target(f"retrieve at {chunks:,} chunks, p50 ≤ {most:g} ms", _of(chunks, "retrieve_p50", "ms", most))


def _recall(chunks: int) -> Target:
    def reached(results: Any) -> tuple[str, bool]:
        result = _sized(results, chunks)
        return (f"{result['recall']:.3f}", result["recall"] >= 0.98) if result else ("not run", False)

    return Target(f"of the ten best hits at {chunks:,} chunks ≥ .98 found", reached)


def _threads(way: str, loads: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    own = [load for load in loads if load["way"] == way]
    return tuple(next(load for load in own if load["threads"] == count) for count in (1, 8))  # type: ignore[return-value]


def _rate(way: str) -> Callable[[Any], tuple[str, bool]]:
    def reached(loads: Any) -> tuple[str, bool]:
        one, eight = _threads(way, loads)
        return _times(eight["per_second"] / one["per_second"], 1.6)

    return reached


def _slowest(way: str) -> Callable[[Any], tuple[str, bool]]:
    def reached(loads: Any) -> tuple[str, bool]:
        one, eight = _threads(way, loads)
        ratio = eight["p95_ms"] / one["p50_ms"]
        return f"{ratio:.1f} ×", ratio < 10

    return reached


BENCHMARKS = (
    Benchmark(
        "a",
        "Embedding many texts",
        "python benchmarks/embedding.py",
        (
            Target(
                "≥ 2.0 × sentence-transformers float32, same weights and texts",
                lambda found: _times(found["ratio"]["bundled"], 2.0),
            ),
        ),
    ),
    Benchmark(
        "b",
        "An index of 1,000 articles",
        "python benchmarks/building.py --repeats 1",
        (
            Target(
                "≥ 1.5 × the pipeline's articles/s",
                lambda sides: _times(sides[0]["seconds"] / sides[1]["seconds"], 1.5),
            ),
            Target(
                "no more memory than the pipeline",
                lambda sides: (
                    f"{sides[1]['peak_mb']:,.0f} of {sides[0]['peak_mb']:,.0f} MB",
                    sides[1]["peak_mb"] <= sides[0]["peak_mb"],
                ),
            ),
        ),
    ),
    Benchmark(
        "c",
        "A cold start",
        "python benchmarks/cold.py",
        (
            Target(
                "cold `briefqa ask` ≤ 1.0 s",
                lambda starts: (f"{starts[2]['seconds']:.2f} s", starts[2]["seconds"] <= 1),
            ),
            Target(
                "≥ 5 × as fast as the pipeline", lambda starts: _times(starts[3]["seconds"] / starts[2]["seconds"], 5)
            ),
        ),
    ),
    Benchmark(
        "d, f, g",
        "From a thousand to a million chunks",
        "python benchmarks/scale.py --chunks 1000 10000 100000 1000000",
        (
            _retrieve(10_000, 25),
            _retrieve(100_000, 40),
            _retrieve(1_000_000, 80),
            _recall(10_000),
            _recall(100_000),
            _recall(1_000_000),
            Target("1,000,000 chunks open in ≤ 10 s", _of(1_000_000, "open_s", "s", 10)),
            Target("1,000,000 chunks at rest ≤ 6 GB", _of(1_000_000, "rest", "MB", 6_000)),
            Target("one article more in 100,000 chunks ≤ 2 s", _of(100_000, "one_more_s", "s", 2)),
        ),
    ),
    Benchmark(
        "e",
        "Many who ask at once",
        "python benchmarks/concurrency.py",
        (
            Target("8 threads ≥ 1.6 × one thread's answers/s", _rate("one BriefQA")),
            Target("p95 of 8 threads < 10 × the single p50", _slowest("one BriefQA")),
            Target("the web server: 8 readers ≥ 1.6 ×", _rate("web server")),
            Target("the web server: p95 of 8 readers < 10 ×", _slowest("web server")),
        ),
    ),
)


def machine() -> str:
    """Return a line about where this was measured."""
    try:
        names = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        names = []
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "sentence-transformers", "faiss-cpu", "numpy"))
    return (
        f"{datetime.date.today()}, {names[0] if names else platform.processor()}, {cores} cores, Python "
        f"{platform.python_version()}, {packages}; load averages before: {load}"
    )


def measure(benchmark: Benchmark) -> str:
    """Run a benchmark and return its section."""
    script, *options = shlex.split(benchmark.command)[1:]
    where = machine()
    with tempfile.TemporaryDirectory(prefix="briefqa-benchmark-") as name:
        figures = Path(name) / "figures.json"
        command = [sys.executable, str(ROOT / script), *options, "--json", str(figures)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)
        return section(benchmark, where, done.stdout, json.loads(figures.read_text(encoding="utf-8")))


def section(benchmark: Benchmark, where: str, printed: str, found: Any) -> str:
    """Return a section: where, the command, what it printed, and how that compares."""
    rows = []
    for target in benchmark.targets:
        reached, enough = target.reached(found)
        rows.append(f"| {benchmark.letters} | {target.aim} | {reached} | {'yes' if enough else 'no'} |")
    return (
        f"## {benchmark.letters}. {benchmark.title}\n\n{where}.\n\n"
        f"```bash\n{benchmark.command}\n```\n\n```text\n{printed.rstrip()}\n```\n\n"
        f"| | aim | measured | reached |\n|---|---|---|---|\n" + "\n".join(rows) + "\n\n"
    )


def document(sections: dict[str, str]) -> str:
    """Return the document: the table of all aims, then the sections in their order."""
    ordered = [sections[benchmark.letters] for benchmark in BENCHMARKS if benchmark.letters in sections]
    rows = re.findall(r"^\| [a-z](?:, [a-z])* \| .*$", "".join(ordered), re.MULTILINE)
    table = "| | aim | measured | reached |\n|---|---|---|---|\n" + "\n".join(rows)
    return f"{HEAD}\n{table}\n\n" + "".join(ordered).rstrip() + "\n"


def read_sections() -> dict[str, str]:
    """Return the sections that the document has, by their letters."""
    text = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else ""
    return {match["letters"]: f"{match[0].rstrip()}\n\n" for match in _SECTION.finditer(text)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("letters", nargs="*", help="a, b, c, d, e, f, g; all unless given")
    wanted = set(parser.parse_args().letters)
    for benchmark in BENCHMARKS:
        if wanted and not wanted & set(benchmark.letters.split(", ")):
            continue
        print(f"{benchmark.letters}. {benchmark.title}: {benchmark.command}", flush=True)
        made = measure(benchmark)
        print(made.split("```text\n")[1].split("\n```")[0], flush=True)
        DOCUMENT.write_text(document({**read_sections(), benchmark.letters: made}), encoding="utf-8")
    print(DOCUMENT.read_text(encoding="utf-8").split("## ")[0])


if __name__ == "__main__":
    main()
