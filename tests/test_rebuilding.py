"""A rebuild from the page: one at a time, watched by many, and told in words that name no place on the server."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import BigramEncoder
from markup import HOSTILE, assert_harmless

import briefqa
from briefqa.articles import Problem
from briefqa.indexing import BuildReport
from briefqa.store import IndexWriter
from briefqa.ui.rebuilding import Rebuilding, RebuildState, error_words, render_progress, render_report
from briefqa.ui.strings import CHINESE, ENGLISH, LANGUAGES


class Waiting(BigramEncoder):
    """Embeds half of what it is given, then waits until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.halfway = threading.Event()
        self.go = threading.Event()

    def encode_document(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
        if progress:
            progress(len(texts) // 2)
        self.halfway.set()
        assert self.go.wait(20)
        return super().encode_document(texts)


def test_a_rebuild_ends_with_the_report_of_the_build(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    (corpus / "new.md").write_text("# New\n\nText.\n", encoding="utf-8")
    rebuilding = Rebuilding(corpus, index, encoder)
    first, *_, last = [RebuildState(), *rebuilding.run()]
    assert first.step == "starting" and last.step == "done" and last.error is None and not rebuilding.running
    assert last.report and (last.report.articles_added, last.report.articles_unchanged) == (1, 3)
    *_, again = rebuilding.run()
    assert again.report and again.report.articles_unchanged == 4


def test_a_second_caller_joins_the_build_that_runs(corpus: Path, tmp_path: Path) -> None:
    encoder = Waiting()
    rebuilding = Rebuilding(corpus, tmp_path / "new", encoder)
    states = rebuilding.run()
    assert next(states).report is None
    assert encoder.halfway.wait(20) and rebuilding.running
    joined = rebuilding.run()
    assert (halfway := next(joined)).step == "embedding" and 0 < halfway.done < halfway.total
    encoder.go.set()
    *_, last = states
    *_, same = joined
    assert last is same and last.report and last.report.articles_added == 3
    assert len(encoder.embedded) == len(set(encoder.embedded))


def test_a_build_goes_on_where_its_watcher_leaves(corpus: Path, tmp_path: Path) -> None:
    encoder = Waiting()
    ended = threading.Event()
    rebuilding = Rebuilding(corpus, tmp_path / "new", encoder, ended.set)
    states = rebuilding.run()
    next(states)
    states.close()  # type: ignore[attr-defined]
    encoder.go.set()
    assert ended.wait(20)
    *_, last = rebuilding.run()
    with briefqa.open(tmp_path / "new", encoder=encoder) as qa:
        assert qa.info().articles == 3 and last.report


def test_what_follows_a_build_is_done_before_its_end_is_told(
    corpus: Path, index: Path, encoder: BigramEncoder, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[str] = []
    *_, last = Rebuilding(corpus, index, encoder, lambda: called.append("ended")).run()
    assert called == ["ended"] and last.report
    *_, last = Rebuilding(corpus, index, encoder, lambda: 1 / 0).run()
    assert last.report and "what follows a build failed" in caplog.text


def test_another_build_on_the_way_is_told_in_words(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    with IndexWriter(index):
        *_, last = Rebuilding(corpus, index, encoder).run()
    assert isinstance(last.error, briefqa.IndexLockedError) and last.step == "failed"
    assert ENGLISH.rebuild_locked in render_progress(last, ENGLISH)
    *_, last = Rebuilding(corpus, index, encoder).run()
    assert last.report


def test_failures_name_no_path_to_the_page_and_all_of_it_to_the_log(
    corpus: Path, index: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = BigramEncoder()
    other.name = "other"

    class Failing(BigramEncoder):
        def encode_document(self, *_: object) -> np.ndarray:
            raise MemoryError(str(tmp_path))

    (corpus / "new.md").write_text("# New\n\nText.\n", encoding="utf-8")
    cases = [
        (Rebuilding(tmp_path / "gone", index, BigramEncoder()), "rebuild_corpus"),
        (Rebuilding(corpus, index, other), "rebuild_encoder"),
        (Rebuilding(corpus, index, Failing()), "rebuild_failed"),
    ]
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "briefqa.db").write_bytes(b"no database" * 1000)
    cases.append((Rebuilding(corpus, tmp_path / "bad", BigramEncoder()), "rebuild_corrupt"))
    for rebuilding, words in cases:
        caplog.clear()
        *_, last = rebuilding.run()
        for strings in LANGUAGES.values():
            page = assert_harmless(render_progress(last, strings))
            assert page.text == getattr(strings, words) and str(tmp_path) not in page.text
        assert str(tmp_path) in caplog.text and caplog.records[0].levelno >= logging.WARNING
    assert error_words(ValueError("/etc/x"), CHINESE) == CHINESE.rebuild_failed


def test_progress_is_a_bar_with_words() -> None:
    page = assert_harmless(render_progress(RebuildState("reading", 1200, 3142), ENGLISH))
    assert page.text == "Reading the briefs 1,200 of 3,142"
    assert page.found[-1] == ("progress", {"aria-label": "Reading the briefs", "max": "3142", "value": "1200"})
    for state in (RebuildState(), RebuildState("embedding", 5, 0), RebuildState("odd", -1, 3)):
        assert "value=" not in render_progress(state, CHINESE) and "aria-label=" in render_progress(state, CHINESE)


def test_the_report_says_what_the_command_line_says(corpus: Path, index: Path, encoder: BigramEncoder) -> None:
    (corpus / "broken.md").write_text("---\ntitle: [broken\n---\n\ntext\n", encoding="utf-8")
    (corpus / "weather.md").unlink()
    *_, last = Rebuilding(corpus, index, encoder).run()
    page = assert_harmless(render_progress(last, ENGLISH))
    assert "0 added, 0 updated, 1 removed, 2 unchanged" in page.text and "0 embedded, 3 reused" in page.text
    assert "broken.md:" in page.text and "YAML" in page.text and str(corpus) not in page.text
    assert "移除 1 篇" in render_progress(last, CHINESE)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_problems_are_shown_as_text(text: str) -> None:
    report = BuildReport(1, 0, 0, 0, 1, 0, (Problem(text, 7, text), Problem(f"a\x1b[31m\u202e{text}", 0, text)), 0.1)
    page = assert_harmless(render_report(report, CHINESE))
    assert f"{text}:7: {text}" in page.text and "\x1b" not in page.text and "\u202e" not in page.text
