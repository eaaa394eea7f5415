"""What was deleted is gone: by no path does an open index come to it, from the next question on."""

from __future__ import annotations

import asyncio
import warnings
from pathlib import Path

import pytest
from conftest import POLICY, BigramEncoder

import briefqa
from briefqa.store import Filters

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # starlette's and gradio's own
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from briefqa.ui import create_app

pytestmark = [pytest.mark.both_stores, pytest.mark.filterwarnings("ignore")]  # starlette's and gradio's own


def test_a_deleted_article_is_unreachable_by_every_path_from_the_next_question_on(
    corpus: Path, index: Path, encoder: BigramEncoder
) -> None:
    (corpus / "policy.md").write_text(
        POLICY + "\n## 数字 {#figures}\n\n| 产品 | 关税 |\n|---|---|\n| 芯片 | 25% |\n\n出口管制由商务部执行。\n",
        encoding="utf-8",
    )
    briefqa.build(corpus, index, encoder)
    quote = "Blackwell系列与Rubin芯片仍在禁止清单上。"

    async def make_app() -> FastAPI:
        return create_app(qa)  # without a running loop gradio makes several, and never closes them

    def words_known(*words: str) -> set[str]:
        with qa.store.snapshot() as snapshot:
            return snapshot.known_terms(words)

    with briefqa.open(index, encoder) as qa, TestClient(asyncio.run(make_app()), base_url="http://127.0.0.1") as client:
        asked = [quote, "which chips are banned?", "H200", "芯片的关税是多少？", "who enforces export controls?"]
        answers = [qa.ask(question) for question in asked]
        cited = next(answer for answer in answers if any(one.article == "policy" for one in answer.citations))
        assert any(hit.article == "policy" for answer in answers for hit in answer.hits)
        with qa.store.snapshot() as snapshot:
            assert snapshot.visible("policy") is not None and list(snapshot.holding(["Blackwell"]))
        assert client.get("/source/policy").status_code == 200 and "policy" in client.get("/source/").text
        assert words_known("h200", "rubin") == {"h200", "rubin"}
        size_before = snapshot.info().chunks, snapshot.info().spans

        (corpus / "policy.md").unlink()
        briefqa.build(corpus, index, encoder)

        for question in asked:
            streamed = [part for part in qa.ask_stream(question)]
            for answer in [qa.ask(question), qa.quote(question), qa.ask("那H200呢？", history=[cited]), *streamed]:
                assert "policy" not in {one.article for one in answer.citations}, question
                assert "policy" not in {hit.article for hit in answer.hits}, question
                assert "Blackwell" not in answer.text
            assert "policy" not in {hit.article for hit in qa.retrieve(question, k=99)}
            assert qa.retrieve(question, articles=["policy"]) == []
            assert qa.retrieve(question, category="政策") == [] == qa.retrieve(question, tags=["出口"])
        with qa.store.snapshot() as snapshot:
            # vectors and spans
            info = snapshot.info()
            assert (info.chunks, info.spans, snapshot.n_chunks) == (2, 4, 2) and size_before != (2, 4)
            assert info.generation == snapshot.generation == 3
            query = encoder.encode_query([quote])[0]
            for search in (snapshot.nearest_chunks, snapshot.nearest_spans):
                near = snapshot.chunks(search(query, 99, Filters()))
                assert {chunk.article for chunk, _ in near} == {"industry/vendors", "weather"}
            # lexical, and the bridge, which asks which words the corpus knows
            assert words_known("h200", "rubin") == set() and not snapshot.count_holding(["h200", "rubin"])
            match = snapshot.match([(("h200",), ("rubin",))], Filters())
            assert match.reach == 0 and not len(match.highest(9))
            # what answers are checked against, and what sections are read by
            assert snapshot.visible("policy") is None and list(snapshot.holding(["Blackwell"])) == []
            assert snapshot.article("policy") is None and snapshot.section_spans("policy", "banned") == []
            assert snapshot.anchors(["policy"]) == {} and "policy" not in snapshot.known_articles()
            assert snapshot.source("policy", 0, 99) == "" and len(snapshot.rows_of([("policy", "banned")])) == 0
            assert {article.slug for article in snapshot.articles()} == {"industry/vendors", "weather"}
            assert snapshot.headings(["policy"]) == {"policy": []}
        # pages
        assert client.get("/source/policy").status_code == 404
        assert "policy" not in client.get("/source/").text and "芯片出口政策" not in client.get("/source/").text
        # a saved answer
        for against in (None, corpus):
            checked = briefqa.verify(cited, index, against)
            assert not checked.good and all(check.failure for check in checked.answers[0].citations)
    # the cache on disk, and a reader that opens it now
    with briefqa.open(index, encoder) as qa:
        assert {hit.article for hit in qa.retrieve(quote, k=99)} == {"industry/vendors", "weather"}
        assert "policy" not in {one.article for one in qa.ask(quote).citations}
