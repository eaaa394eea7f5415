"""The fuzz of the article parser, for five seconds; `python benchmarks/fuzz.py` goes on for two minutes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FUZZ = Path(__file__).parents[1] / "benchmarks" / "fuzz.py"


def test_five_seconds_of_fuzz_find_no_crash_and_no_hang() -> None:
    run = [sys.executable, str(FUZZ), "--seconds", "5"]
    done = subprocess.run(run, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    assert "no crash and no hang" in done.stdout and " read" in done.stdout
