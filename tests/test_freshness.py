"""Open pages hear of a newer index and of articles ahead of it, and many pages cost no more than one."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import POLICY, BigramEncoder

import briefqa
from briefqa.api import BriefQA
from briefqa.changes import FileDigests, digest_of
from briefqa.ui.freshness import Freshness, News, news_lines
from briefqa.ui.strings import CHINESE, ENGLISH


@pytest.fixture
def qa(index: Path, encoder: BigramEncoder) -> Iterator[BriefQA]:
    with BriefQA(index, encoder) as qa:
        yield qa


def age(*paths: Path) -> None:
    """Make files look as if they were written a while ago; their change time cannot be set."""
    for path in paths:
        os.utime(path, (1_700_000_000, 1_700_000_000))


def test_nothing_changed_is_no_news(qa: BriefQA, corpus: Path) -> None:
    news = Freshness(qa, corpus).news(1)
    assert (news.generation, news.newer, news.ahead) == (1, False, 0)
    assert news.changes and len(news.changes.unchanged) == 3
    assert news_lines(news, ENGLISH) == news_lines(news, CHINESE) == []


def test_changed_new_and_removed_briefs_are_ahead_of_the_index(qa: BriefQA, corpus: Path) -> None:
    (corpus / "policy.md").write_text(POLICY + "\nMore.\n", encoding="utf-8")
    (corpus / "new.md").write_text("# New\n\nText.\n", encoding="utf-8")
    (corpus / "weather.md").unlink()
    news = Freshness(qa, corpus).news(1)
    assert news.changes and (news.ahead, news.changes.added, news.changes.changed) == (3, ("new.md",), ("policy",))


def test_a_page_that_saw_an_older_index_hears_of_the_newer_one(
    qa: BriefQA, corpus: Path, index: Path, encoder: BigramEncoder
) -> None:
    freshness = Freshness(qa, corpus)
    (corpus / "new.md").write_text("# New\n\nText.\n", encoding="utf-8")
    assert freshness.news(1).ahead == 1
    briefqa.build(corpus, index, encoder=encoder)
    news = freshness.news(1)  # what was found of the older index does not count, though it is new
    assert (news.generation, news.newer, news.ahead) == (2, True, 0)
    assert not freshness.news(2).newer


def test_what_was_found_is_kept_until_it_is_told_to_forget(qa: BriefQA, corpus: Path) -> None:
    freshness = Freshness(qa, corpus)
    assert freshness.news(1).ahead == 0
    (corpus / "new.md").write_text("# New\n\nText.\n", encoding="utf-8")
    assert freshness.news(1).ahead == 0
    freshness.forget()
    assert freshness.news(1).ahead == 1


def test_a_corpus_that_is_gone_is_no_error(qa: BriefQA, corpus: Path) -> None:
    shutil.rmtree(corpus)
    news = Freshness(qa, corpus).news(1)
    assert (news.ahead, news.changes, news_lines(news, ENGLISH)) == (0, None, [])


def test_many_pages_at_once_read_each_file_once(qa: BriefQA, corpus: Path) -> None:
    read: list[Path] = []

    def slow(path: Path) -> str:
        read.append(path)
        time.sleep(0.05)
        return digest_of(path)

    freshness = Freshness(qa, corpus, slow)
    found: list[News] = []
    threads = [threading.Thread(target=lambda: found.append(freshness.news(1))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 20 and {news.ahead for news in found} == {0}
    assert len(read) == 3


def test_a_file_is_read_again_only_when_it_looks_touched(tmp_path: Path) -> None:
    read: list[str] = []

    def counted(path: Path) -> str:
        read.append(path.name)
        return digest_of(path)

    path = tmp_path / "a.md"
    path.write_text("one", encoding="utf-8")
    digests = FileDigests(counted, unsettled=0)
    time.sleep(0.05)
    first = digests(path)
    assert digests(path) == first and read == ["a.md"]
    path.write_text("two", encoding="utf-8")  # as long as before
    age(path)
    assert digests(path) != first and len(read) == 2
    (tmp_path / "b").write_text("six", encoding="utf-8")
    age(tmp_path / "b")
    (tmp_path / "b").replace(path)  # as long and as old, but another file
    assert digests(path) == digest_of(path) and len(read) == 3


def test_a_file_that_was_written_just_now_is_not_trusted_yet(tmp_path: Path) -> None:
    read: list[Path] = []
    digests = FileDigests(lambda path: read.append(path) or "x")
    (tmp_path / "a.md").write_text("one", encoding="utf-8")
    assert [digests(tmp_path / "a.md") for _ in range(3)] == ["x"] * 3 and len(read) == 3


def test_a_file_that_vanishes_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("one", encoding="utf-8")
    digests = FileDigests(unsettled=0)
    assert digests(path) == digest_of(path) != ""
    path.unlink()
    digests.forget_missing()
    assert digests(path) == ""


@pytest.mark.parametrize(
    ("ahead", "english", "chinese"),
    [
        (1, "1 brief has changed since", "有 1 篇简报"),
        (3, "3 briefs have changed since", "有 3 篇简报"),
        (1234, "1,234 briefs have changed since", "有 1,234 篇简报"),
    ],
)
def test_the_banner_counts_in_both_languages(ahead: int, english: str, chinese: str) -> None:
    (line,) = news_lines(News(2, False, ahead, None), ENGLISH)
    assert line.startswith(english)
    (line,) = news_lines(News(2, False, ahead, None), CHINESE)
    assert chinese in line


def test_the_banner_tells_both_kinds_of_news() -> None:
    newer, ahead = news_lines(News(2, True, 2, None), ENGLISH)
    assert newer == "A newer index is in use from your next question on." and ahead.startswith("2 briefs")
