"""From nothing to an answer: `briefqa ask` and `import briefqa` against the usual pipeline, each a new process.

    python benchmarks/cold.py [--repeats 5] [--json FILE]

The sample briefs, indexed beforehand by both sides, the pipeline's with FAISS's own file, so that it only has to load
the model and the vectors, see pipeline.py. Files are in the page cache. The sides take turns; the median counts, and
beside it the seconds of cores' work, which other programs on the machine disturb less.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from building import Run, run
from pipeline import weights

from briefqa.settings import Settings

ROOT = Path(__file__).parents[1]
QUESTION = "which chips are banned?"


@dataclass(frozen=True, slots=True)
class Start:
    """A kind of start. Medians."""

    name: str
    seconds: float
    core_seconds: float
    peak_mb: float


def measure(repeats: int) -> list[Start]:
    model = weights(Settings.from_environment().cache_dir)
    python = sys.executable
    with tempfile.TemporaryDirectory(prefix="briefqa-benchmark-") as name:
        index, kept = Path(name) / "index", Path(name) / "kept"
        run([python, "-m", "briefqa", "build", str(ROOT / "corpus"), "--index", str(index), "--json"])
        usual = [python, str(Path(__file__).with_name("pipeline.py")), str(ROOT / "corpus"), "--model", str(model)]
        commands = {
            "python": [python, "-c", "print('null')"],
            "import briefqa": [python, "-c", "import briefqa; print('null')"],
            "briefqa ask": [python, "-m", "briefqa", "ask", QUESTION, "--index", str(index), "--json"],
            "pipeline": [*usual, "--keep", str(kept), "--ask", QUESTION],
        }
        for command in commands.values():
            run(command)
        runs: dict[str, list[Run]] = {kind: [] for kind in commands}
        for _ in range(repeats):
            for kind, command in commands.items():
                runs[kind].append(run(command))
    return [
        Start(
            kind,
            round(statistics.median(one.seconds for one in found), 3),
            round(statistics.median(one.core_seconds for one in found), 3),
            round(statistics.median(one.peak_mb for one in found)),
        )
        for kind, found in runs.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    starts = measure(options.repeats)
    for start in starts:
        print(
            f"{start.name:15} {start.seconds:6.2f} s  {start.core_seconds:6.2f} core-s  "
            f"{start.peak_mb:6,.0f} MB at most"
        )
    own, usual = starts[2], starts[3]
    print(
        f"ratio           {usual.seconds / own.seconds:6.1f} x as fast, {usual.peak_mb / own.peak_mb:.1f} x less memory"
    )
    if options.json:
        options.json.write_text(json.dumps([asdict(start) for start in starts], indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
