"""The briefs in LangChain: a retriever like any other, and documents that can be cited."""

from __future__ import annotations

import asyncio
import datetime
import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import POLICY, BigramEncoder
from langchain_core.documents import Document
from langchain_core.runnables import RunnablePassthrough

import briefqa
from briefqa.langchain import BriefRetriever

QUESTION = "Blackwell系列与Rubin芯片仍在禁止清单上？"


def test_a_document_says_what_it_is_and_how_to_cite_it(index: Path, encoder: BigramEncoder) -> None:
    with briefqa.open(index, encoder) as qa:
        documents = BriefRetriever(index=qa, k=2).invoke(QUESTION)
        hit = qa.retrieve(QUESTION, 2)[0]
    first = documents[0]
    assert isinstance(first, Document) and len(documents) == 2
    assert first.page_content == hit.text
    assert first.metadata["quotes"][0].pop("text") == "Blackwell系列与Rubin芯片仍在禁止清单上。"
    place = first.metadata["quotes"][0]
    assert POLICY[place["start"] : place["end"]] == "Blackwell系列与Rubin芯片仍在禁止清单上。"
    assert first.metadata == {
        "article": "policy",
        "anchor": "banned",
        "heading": "仍被禁止的产品",
        "heading_path": list(hit.heading_path),
        "title": "芯片出口政策",
        "date": "2025-12-15",
        "author": "",
        "source_url": "https://example.org/policy",
        "url": "https://example.org/policy#banned",
        "source": "https://example.org/policy#banned",
        "score": hit.score,
        "rank": 1,
        "revision": hit.revision,
        "quotes": [place],
    }


def test_metadata_is_json_and_has_a_source_without_an_address_too(index: Path, encoder: BigramEncoder) -> None:
    with briefqa.open(index, encoder) as qa:
        documents = BriefRetriever(index=qa, k=9).invoke("芯片 rain in Paris")
    assert json.loads(json.dumps([document.metadata for document in documents])) == [
        document.metadata for document in documents
    ]
    assert {"weather#weather", "https://example.org/policy#banned"} <= {each.metadata["source"] for each in documents}
    row = next(each for each in documents if each.metadata["article"] == "industry/vendors")
    assert row.metadata["quotes"][0]["header"] == ["企业", "领域"]


@pytest.mark.parametrize(
    "narrowed",
    [
        {"since": "2025-12"},
        {"since": datetime.date(2025, 12, 1)},
        {"tags": ["出口"]},
        {"category": "政策"},
        {"articles": ["policy"]},
    ],
)
def test_the_filters_narrow_what_is_found(index: Path, encoder: BigramEncoder, narrowed: dict[str, object]) -> None:
    with briefqa.open(index, encoder) as qa:
        documents = BriefRetriever(index=qa, k=9, **narrowed).invoke("芯片")
        assert {document.metadata["article"] for document in documents} == {"policy"}
        until = BriefRetriever(index=qa, until="2025-11").invoke("芯片")
        assert {document.metadata["article"] for document in until} == {"industry/vendors"}


def test_it_goes_into_a_chain_with_tags_of_a_trace_of_its_own(index: Path, encoder: BigramEncoder) -> None:
    def numbered(documents: Sequence[Document]) -> str:
        return "\n".join(f"[{each.metadata['rank']}] {each.metadata['url']}" for each in documents)

    with briefqa.open(index, encoder) as qa:
        retriever = BriefRetriever(index=qa, k=1)
        chain = {"context": retriever | numbered, "question": RunnablePassthrough()} | RunnablePassthrough()
        assert chain.invoke(QUESTION) == {"context": "[1] https://example.org/policy#banned", "question": QUESTION}
        assert retriever.with_config(tags=["traced"]).invoke(QUESTION)
        assert [len(found) for found in retriever.batch([QUESTION, "寒武纪"])] == [1, 1]


def test_while_it_waits_the_loop_goes_on(index: Path) -> None:
    class Waiting(BigramEncoder):
        gone_on = threading.Event()

        def encode_query(self, texts: Sequence[str]) -> np.ndarray:
            assert self.gone_on.wait(10)
            return super().encode_query(texts)

    encoder = Waiting()

    async def ask(qa: briefqa.BriefQA) -> list[Document]:
        found = asyncio.create_task(BriefRetriever(index=qa).ainvoke(QUESTION))
        await asyncio.sleep(0.05)
        encoder.gone_on.set()
        return await found

    with briefqa.open(index, encoder) as qa:
        documents = asyncio.run(ask(qa))
        assert documents == BriefRetriever(index=qa).invoke(QUESTION)


def test_a_folder_is_opened_once_and_a_missing_one_named(run, corpus: Path, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    run("build", corpus, "--index", tmp_path / "built")
    opened: dict[tuple[Path, str], briefqa.BriefQA] = {}
    monkeypatch.setattr("briefqa.api._opened", opened)
    for folder in (tmp_path / "built", str(tmp_path / "built")):
        retriever = BriefRetriever(index=folder, k=1)
        assert retriever.invoke(QUESTION)[0].metadata["anchor"] == "banned"
    monkeypatch.setenv("BRIEFQA_INDEX", str(tmp_path / "built"))
    assert BriefRetriever().invoke(QUESTION)
    assert list(opened) == [(tmp_path / "built", "")]
    opened.popitem()[1].close()
    with pytest.raises(briefqa.IndexNotFoundError, match="no index in"):
        BriefRetriever(index=tmp_path / "none").invoke(QUESTION)


def test_what_makes_no_sense_is_told_when_the_retriever_is_made(index: Path, encoder: BigramEncoder) -> None:
    with pytest.raises(briefqa.QuestionError, match="since is 'someday'"):
        BriefRetriever(index=index, since="someday")
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        BriefRetriever(index=index, k=0)
    with briefqa.open(index, encoder) as qa, pytest.raises(briefqa.QuestionError, match="the question is empty"):
        BriefRetriever(index=qa).invoke(" ")


def test_briefqa_itself_never_imports_langchain_core() -> None:
    code = "import sys, briefqa.api, briefqa.chunks; sys.exit('langchain_core' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
