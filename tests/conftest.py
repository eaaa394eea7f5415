"""What the tests share: a small encoder that needs no model, articles, and an index of them."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import briefqa
from briefqa.articles import read_article
from briefqa.chunks import chunk_article
from briefqa.encoders import load_encoder
from briefqa.encoders.geometry import load_geometry
from briefqa.lexicon import load_lexicon
from briefqa.llm.claims import Claims
from briefqa.quotes import Quote, quote_span
from briefqa.ranking import Hit, Ranking
from briefqa.settings import Settings
from briefqa.store.milvus.address import read_address
from briefqa.store.milvus.engine import Engine

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

SAMPLE = Path(__file__).parents[1] / "corpus"


class BigramEncoder:
    """Counts character bigrams in 256 buckets: texts that share bigrams are near, and no model is needed."""

    name = "bigrams"
    fingerprint = "bigrams/1"
    dim = 256
    max_tokens = 120

    def __init__(self) -> None:
        self.embedded: list[str] = []

    def count_tokens(self, text: str) -> int:
        return len(text)

    def encode_query(self, texts: Sequence[str]) -> np.ndarray:
        return self._encode(texts)

    def encode_document(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
        self.embedded += texts
        if progress:
            progress(len(texts))
        return self._encode(texts)

    def _encode(self, texts: Sequence[str]) -> np.ndarray:
        rows = np.full((len(texts), self.dim), 1e-3, dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for i in range(len(text) - 1):
                row[zlib.crc32(text[i : i + 2].casefold().encode("utf-8", "surrogatepass")) % self.dim] += 1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def make_ranking(*hits: Hit, best: float = 0.9, others: int = 49) -> Ranking:
    """Return a ranking whose best candidate stands so high above others at .6; by default it answers."""
    return Ranking(
        hits=hits,
        evidence=np.array([best] + [0.6] * others, dtype=np.float32),
        closeness=best,
        lead=0.1,
        held=1.0,
        reach=1.0,
        missing=0.0,
        foreign=False,
        spread=0.026,
        unrelated=0.6,
    )


POLICY = """---
title: 芯片出口政策
date: 2025-12-15
category: 政策
tags: [芯片, 出口]
source_url: https://example.org/policy
---

获批的条件 {#conditions}
---

美国批准了H200的出口。销售额的**25%**须上缴美国政府。

## 仍被禁止的产品 {#banned}

Blackwell系列与Rubin芯片仍在禁止清单上。
"""
VENDORS = """---
title: 国产芯片厂商
date: 2025-11-02
category: 产业
tags: [芯片]
---

## 厂商一览 {#vendors}

| 企业 | 领域 |
|---|---|
| 寒武纪 | 云端训练 |
| 地平线 | 车载芯片 |
"""
WEATHER = "# Weather\n\nIt rained in Paris. The sun shone in Rome.\n"


@pytest.fixture
def encoder() -> BigramEncoder:
    return BigramEncoder()


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer what is all but probable: the test's encoder is less sure of its sections than a real one."""
    monkeypatch.setattr("briefqa.answer.ANSWERED_FROM", 0.45)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    (folder / "industry").mkdir(parents=True)
    (folder / "policy.md").write_text(POLICY, encoding="utf-8")
    (folder / "industry" / "vendors.md").write_text(VENDORS, encoding="utf-8")
    (folder / "weather.md").write_text(WEATHER, encoding="utf-8")
    return folder


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is marked both_stores once over each store; both_stores(False) takes a test of a module out again."""
    marker = metafunc.definition.get_closest_marker("both_stores")
    if marker and marker.args != (False,):
        metafunc.fixturenames.insert(0, "store")  # before what builds an index
        metafunc.parametrize("store", ["embedded", "milvus"], indirect=True)


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Say by the environment where indexes of this test are; returns the store's address, "" for the folder."""
    if getattr(request, "param", "embedded") == "embedded":
        yield ""
        return
    pytest.importorskip("pymilvus")
    pytest.importorskip("milvus_lite")
    address = f"milvus://{tmp_path / 'milvus.db'}"
    monkeypatch.setenv("BRIEFQA_STORE", address)
    with closing(Engine(read_address(address))):  # it stays open between the test's builds and questions
        yield address


@pytest.fixture
def index(corpus: Path, tmp_path: Path, encoder: BigramEncoder, store: str) -> Path:
    briefqa.build(corpus, tmp_path / "index", encoder=encoder)
    return tmp_path / "index"


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], encoder: BigramEncoder) -> Run:
    """Run a command in this process with the bigram encoder; returns (exit status, stdout, stderr)."""
    monkeypatch.setattr("briefqa.indexing.load_encoder", lambda *_: encoder)
    monkeypatch.setattr("briefqa.planning.load_encoder", lambda *_: encoder)
    monkeypatch.setattr("briefqa.api.load_encoder", lambda *_: encoder)
    monkeypatch.setenv("COLUMNS", "100")

    def command(*args: object) -> tuple[int, str, str]:
        from briefqa import cli

        monkeypatch.setattr(sys, "argv", ["briefqa", *map(str, args)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        captured = capsys.readouterr()
        return int(stopped.value.code or 0), captured.out, captured.err

    return command


@pytest.fixture(scope="session")
def claims() -> Claims:
    """What checks sentences, with the real encoder."""
    cache_dir = Settings.from_environment().cache_dir
    encoder = load_encoder("bundled", cache_dir)
    return Claims(encoder, load_lexicon(cache_dir), load_geometry(encoder, cache_dir))


@pytest.fixture(scope="session")
def sample_quotes() -> dict[str, Quote]:
    """Each sentence and row of the sample briefs as a quote, by its text."""
    quotes = {}
    for path in sorted(SAMPLE.glob("*.md")):
        article = read_article(path, SAMPLE)
        for rank, chunk in enumerate(chunk_article(article, 480, len), 1):
            where = (article.slug, chunk.anchor, chunk.heading, chunk.heading_path, article.title, article.date)
            hit = Hit(
                *where, article.source_url, f"{article.source_url}#{chunk.anchor}", chunk.text, 0.9, rank, chunk.spans
            )
            quotes |= {span.text: quote_span(hit, span) for span in chunk.spans}
    return quotes


@pytest.fixture(scope="session")
def sample_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an index of the sample briefs, with the real encoder."""
    folder = tmp_path_factory.mktemp("sample") / "index"
    briefqa.build(SAMPLE, folder)
    return folder


@pytest.fixture(scope="session")
def chat(sample_index: Path) -> Iterator[str]:
    """Serve the sample briefs with `briefqa chat`; returns its address."""
    from browsing import chatting

    with chatting(sample_index) as url:
        yield url


@pytest.fixture(scope="session")
def guarded_chat(sample_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the sample briefs to alice, who is an admin, and to bob; returns the address."""
    from browsing import chatting
    from test_access import PASSWORD

    from briefqa.passwords import set_password

    people = tmp_path_factory.mktemp("guarded") / "people"
    for name in ("alice", "bob"):
        set_password(people, name, PASSWORD)
    with chatting(sample_index, "--auth", str(people), "--admin", "alice") as url:
        yield url


@pytest.fixture(scope="module")  # playwright leaves a loop running in this thread, which other modules have no use for
def browser() -> Iterator[Browser]:
    from browsing import launched

    with launched() as browser:
        yield browser


@pytest.fixture
def context(browser: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """Open a browser's window of its own; parametrized with playwright's options for one."""
    from browsing import window

    with window(browser, **getattr(request, "param", {})) as context:
        yield context


@pytest.fixture
def page(context: BrowserContext, chat: str) -> Page:
    """Open the chat in a window of its own."""
    from browsing import open_chat

    return open_chat(context, chat)
