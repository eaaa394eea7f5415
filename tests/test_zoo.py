"""500 malformed files in one corpus of good ones: the good ones are all indexed, and each bad one has its line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from conftest import POLICY, VENDORS, WEATHER, BigramEncoder
from hypothesis import given, settings
from hypothesis import strategies as st
from zoo import GOOD, KINDS, malformed

import briefqa
from briefqa.articles import parse_file
from briefqa.errors import ArticleError


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_broken_file_is_refused_in_one_line_with_the_cure(kind: str) -> None:
    with pytest.raises(ArticleError) as caught:
        parse_file(KINDS[kind], "a.md")
    message = str(caught.value)
    assert "\n" not in message and message.isprintable() and len(message) < 300
    assert ": " in message, message
    assert 0 <= caught.value.line <= 1 + KINDS[kind].count(b"\n") + KINDS[kind].count(b"\r")


def test_there_are_sixty_kinds_by_hand_and_the_good_one_is_good() -> None:
    assert len(KINDS) >= 60
    assert parse_file(GOOD.encode(), "good.md").warnings == ()


def test_of_500_malformed_files_each_has_its_line_and_the_good_ones_are_all_indexed(
    tmp_path: Path, encoder: BigramEncoder
) -> None:
    corpus = tmp_path / "corpus"
    bad = malformed(500)
    good = {"policy.md": POLICY, "industry/vendors.md": VENDORS, "weather.md": WEATHER}
    good |= {f"good/{number}.md": f"{GOOD}\n第{number}批产品在{number}月获批。\n" for number in range(50)}
    for name, data in {**bad, **{name: text.encode() for name, text in good.items()}}.items():
        (corpus / name).parent.mkdir(parents=True, exist_ok=True)
        (corpus / name).write_bytes(data)
    assert len(bad) == 500
    started = time.process_time()
    report = briefqa.build(corpus, tmp_path / "index", encoder=encoder)
    first = time.process_time() - started
    assert report.articles_added == len(good)
    told = {problem.path for problem in report.problems}
    assert told == set(bad)
    assert len(report.problems) == len(bad)
    assert all(problem.message.isprintable() for problem in report.problems)
    started = time.process_time()
    again = briefqa.build(corpus, tmp_path / "index", encoder=encoder)
    second = time.process_time() - started
    assert (again.articles_unchanged, len(again.problems)) == (len(good), 500)
    assert first < 20 and second < 20  # 2.5 and 2.0 here
    with briefqa.open(tmp_path / "index", encoder) as qa:
        assert {article.slug for article in _articles(qa)} == {name[:-3] for name in good}
        assert qa.ask("第7批产品在7月获批").citations[0].article == "good/7"


def _articles(qa: briefqa.BriefQA) -> list[object]:
    with qa.store.snapshot() as snapshot:
        return list(snapshot.articles())


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(sorted(kind for kind, data in KINDS.items() if len(data) < 20_000)),
    st.binary(max_size=40),
    st.floats(0, 1),
)
def test_a_broken_file_that_is_broken_once_more_is_an_article_or_an_article_error(
    kind: str, noise: bytes, place: float
) -> None:
    data = KINDS[kind]
    at = int(place * len(data))
    try:
        article = parse_file(data[:at] + noise + data[at:], "a.md")
    except ArticleError as error:
        assert "\n" not in str(error)
    else:
        assert all(section.start <= section.end <= len(article.text) for section in article.sections)
