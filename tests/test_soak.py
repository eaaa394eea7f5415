"""Twenty seconds of benchmarks/soak.py: articles change, builds are killed, four readers ask and check."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_no_citation_is_wrong_no_article_lost_and_no_question_fails_while_builds_are_killed() -> None:
    command = [sys.executable, TESTS.parent / "benchmarks" / "soak.py", "--seconds", "20", "--json"]
    done = subprocess.run(
        [*command, "--encoder", "conftest:BigramEncoder", "--articles", "40"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)])},
    )
    found = json.loads(done.stdout)
    assert [found[name] for name in ("wrong", "failed", "lost", "faults")] == [0, 0, 0, 0], (found, done.stderr)
    assert found["kills"] >= 1 and found["builds"] >= 5 and found["generations"] >= 5, found
    assert found["citations"] > 100 and found["checked"] > found["citations"] / 4, found
    assert found["growth"] < 0.2, found  # so early a process has not all that it will keep
