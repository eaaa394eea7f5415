"""docs/performance.md: each section is a command that exists and what it printed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import performance
import pytest

ROOT = Path(__file__).parents[1]


def test_each_section_of_the_document_names_its_command() -> None:
    found = performance.read_sections()
    assert found
    commands = {benchmark.letters: benchmark.command for benchmark in performance.BENCHMARKS}
    for letters, text in found.items():
        assert re.findall(r"```bash\n(.*)\n```", text) == [commands[letters]]
        assert (ROOT / shlex.split(commands[letters])[1]).exists()
        assert re.search(r"```text\n.+?\n```", text, re.DOTALL)


def test_the_table_at_the_head_has_the_rows_of_the_sections() -> None:
    text = performance.DOCUMENT.read_text(encoding="utf-8")
    assert text == performance.document(performance.read_sections())


def test_sections_that_are_not_run_again_stay_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(performance, "DOCUMENT", tmp_path / "performance.md")
    row = "| a | ≥ 2.0 × | 3.00 × | yes |"
    one = f"## a. Embedding many texts\n\nHere.\n\n| | aim | measured | reached |\n|---|---|---|---|\n{row}\n\n"
    two = one.replace("## a. Embedding many texts", "## e. Many who ask at once").replace("| a |", "| e |")
    performance.DOCUMENT.write_text(performance.document({"e": two, "a": one}), encoding="utf-8")
    assert performance.read_sections() == {"a": one, "e": two}
    assert performance.DOCUMENT.read_text(encoding="utf-8").count(row) == 2


@pytest.mark.parametrize(
    ("figures", "reached"),
    [
        (
            [{"seconds": 3.0, "peak_mb": 1000}, {"seconds": 1.5, "peak_mb": 900}],
            [("2.00 ×", True), ("900 of 1,000 MB", True)],
        ),
        (
            [{"seconds": 1.4, "peak_mb": 800}, {"seconds": 1.0, "peak_mb": 900}],
            [("1.40 ×", False), ("900 of 800 MB", False)],
        ),
    ],
)
def test_what_is_reached_is_told_and_what_is_not(
    figures: list[dict[str, float]], reached: list[tuple[str, bool]]
) -> None:
    (building,) = (benchmark for benchmark in performance.BENCHMARKS if benchmark.letters == "b")
    assert [target.reached(figures) for target in building.targets] == reached
