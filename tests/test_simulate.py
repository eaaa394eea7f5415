"""The tables of docs/scale.md are what the simulator prints, and its arithmetic is arithmetic."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from simulate import SIZES, Assumptions, amount, duration, row, size, tables

ROOT = Path(__file__).parents[1]


def printed(*options: str) -> str:
    command = [sys.executable, str(ROOT / "benchmarks" / "simulate.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_document_has_what_the_simulator_prints() -> None:
    text = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    shown = text.split("<!-- python benchmarks/simulate.py -->\n")[1].split("\n<!-- end -->")[0]
    assert shown == printed().rstrip("\n")


def test_each_constant_is_an_option_and_says_where_it_is_from() -> None:
    told = printed("--help")
    for option in ("--core-hour", "--spans-per-chunk", "--milvus-bytes"):
        assert option in told
    sources = ("measured: ", "estimated", "assumed: ", "chosen: ", "price: ")
    assert sum(map(told.count, sources)) > 25


def test_an_option_changes_what_it_says() -> None:
    assert row(10**6, Assumptions(core_hour=0.09)).embedding_dollars == pytest.approx(
        2 * row(10**6, Assumptions()).embedding_dollars
    )
    assert "| 5 M | 625 k |" in printed("--chunks", "5e6")


def test_a_row_is_what_one_gets_by_hand() -> None:
    given = Assumptions(tokens_per_chunk=400, tokens_per_core=1000, articles_per_parent=100, chunks_per_article=10)
    found = row(10**6, given)
    assert found.core_hours == pytest.approx(10**6 * 400 / 1000 / 3600)
    assert found.parent == pytest.approx(1000)
    assert found.builds_for_a_day == 1
    assert found.workers_for_a_day == 5  # 400,000 seconds of work in 85,400


def test_more_chunks_never_cost_less() -> None:
    rows = [row(chunks, Assumptions()) for chunks in SIZES]
    for small, large in zip(rows, rows[1:], strict=False):
        assert small.disk < large.disk and small.memory <= large.memory
        assert small.month_dollars <= large.month_dollars and small.machines <= large.machines


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (amount(125), "125"),
        (amount(1250), "1.25 k"),
        (amount(5e9), "5 G"),
        (duration(90), "90 s"),
        (duration(7200), "2 h"),
        (size(0.256), "0.26 GB"),
        (size(2290), "2.29 TB"),
    ],
)
def test_numbers_are_shown_short(shown: str, expected: str) -> None:
    assert shown == expected


def test_the_tables_have_a_row_for_each_size() -> None:
    lines = list(tables([1000, 5000], Assumptions()))
    assert sum(line.startswith("| 1 k |") for line in lines) == sum(line.startswith("| 5 k |") for line in lines) == 2
