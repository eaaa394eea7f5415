"""An answer worded by a language model from quotes, each sentence checked before it is shown as good.

    for answer in write(quoted, gather_sources(question, ranking), model, claims):
        answer.text, answer.citations, answer.doubts

It begins with the quoted answer and ends with it wherever the model fails: no endpoint, no reply, no citation, or not
one sentence that its sources bear out. A question that the corpus does not answer is not given to a model at all.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from briefqa.answer import Answer, Doubt
from briefqa.citations import cite
from briefqa.errors import LLMError
from briefqa.llm.claims import Claims
from briefqa.llm.drafts import DOUBT, Draft, read_draft
from briefqa.llm.endpoint import LanguageModel, spoken
from briefqa.llm.prompts import NO_ANSWER, answer_prompt
from briefqa.question import frame_language
from briefqa.quotes import Quote, quote_span, select_quotes, span_score
from briefqa.ranking import Ranking

# What a model is given: the sentence that answers is nearly always among the first few of the first hits, and a dozen
# with their headings are about 1,500 tokens, which a laptop reads in seconds and a context of 4,096 holds.
_MOST_SOURCES = 12
_HITS_GIVEN = 8
_LONGEST_SOURCES = 4_000  # characters
# An answer has a few sentences; what a reasoning model thinks before it counts too.
_REPLY_TOKENS = 1_000
_LONGEST_ANSWER = 6_000  # characters; what comes after is not read
# Seconds between two versions of a text that is being written: faster than anybody reads.
_PAUSE = 0.05

_NOTICES = {
    "zh": {
        "failed": "未使用语言模型，以下为原文引用：{error}。",
        "silent": "语言模型在这些简报中没有找到答案，以下是与问题最接近的原文。",
        "doubtful": "语言模型写的内容无法与简报核对，以下是简报原文。",
        "marked": f"{DOUBT} 标出的句子没有得到来源的支持。",
    },
    "en": {
        "failed": "Quoted, not worded: {error}.",
        "silent": "The language model found no answer in these briefs; here are the sentences nearest to the question.",
        "doubtful": "What the language model wrote could not be checked against the briefs; here are their own words.",
        "marked": f"{DOUBT} marks a sentence that its sources do not bear out.",
    },
}


def gather_sources(question: str, ranking: Ranking) -> list[Quote]:
    """Return the quotes for a model to answer from, best first: those that answer by themselves, then others."""
    gathered: list[Quote] = []
    length = 0
    spans = [(span_score(hit, span), quote_span(hit, span)) for hit in ranking.hits[:_HITS_GIVEN] for span in hit.spans]
    spans.sort(key=lambda scored: (-scored[0], scored[1].hit.rank, scored[1].start))
    for quote in [*select_quotes(question, ranking), *(quote for _, quote in spans)]:
        longer = length + len(quote.text)
        known = any(_overlap(quote, other) or quote.text == other.text for other in gathered)
        if not known and (longer <= _LONGEST_SOURCES or not gathered):
            gathered.append(quote)
            length = longer
        if len(gathered) == _MOST_SOURCES:
            break
    return gathered


def _overlap(one: Quote, other: Quote) -> bool:
    return one.hit.article == other.hit.article and one.start < other.end and other.start < one.end


def write(
    quoted: Answer, sources: Sequence[Quote], model: LanguageModel, claims: Claims, chance: random.Random | None = None
) -> Iterator[Answer]:
    """Yield the answer as the model writes it, each time longer; the last is the checked one, or the quoted one.

    quoted: the answer without a model. sources: best first. chance: draws keys; left out, the system's. Raises nothing:
    what goes wrong is the last answer's notice.
    """
    notices = _NOTICES[frame_language(quoted.question)]
    if not quoted.answered or not sources:
        yield quoted
        return
    writing = _Writing(quoted, model, claims, chance or secrets.SystemRandom())
    try:
        yield from writing.versions(sources)
        written = writing.finished()
    except LLMError as error:
        said = error.chinese if notices is _NOTICES["zh"] else str(error)
        written = replace(quoted, notice=notices["failed"].format(error=said))
    yield written


class _Writing:
    """One reply, from the prompt to the checked answer."""

    def __init__(self, quoted: Answer, model: LanguageModel, claims: Claims, chance: random.Random) -> None:
        self._quoted = quoted
        self._model = model
        self._claims = claims
        self._chance = chance
        self._notices = _NOTICES[frame_language(quoted.question)]
        self._checked: dict[tuple[str, tuple[str, ...], tuple[str, ...]], tuple[Doubt, ...]] = {}
        self._reply = ""

    def versions(self, sources: Sequence[Quote]) -> Iterator[Answer]:
        """Yield what there is of the answer while it comes; half of the sources are tried where all are too many."""
        try:
            yield from self._listen(sources)
        except LLMError as error:
            if not error.too_long or len(sources) < 2:
                raise
            yield from self._listen(sources[: len(sources) // 2])

    def _listen(self, sources: Sequence[Quote]) -> Iterator[Answer]:
        self._prompt = answer_prompt(self._quoted.understood or self._quoted.question, sources, self._chance)
        self._reply, longest, shown_at = "", 0, 0.0
        with closing(self._model.stream(self._prompt.messages, _REPLY_TOKENS)) as pieces:
            for piece in pieces:
                self._reply += piece
                if time.monotonic() - shown_at < _PAUSE:
                    continue
                text = spoken(self._reply)
                version = self._answer(self._read(text, finished=False), finished=False)
                # A reply can take back what it began with, when it turns out to have been reasoning.
                if len(version.text) > longest and not _says_nothing(text):
                    longest = len(version.text)
                    yield version
                shown_at = time.monotonic()
                if len(text) > _LONGEST_ANSWER:
                    return

    def finished(self) -> Answer:
        """Return the checked answer, or the quoted one with a notice."""
        text = spoken(self._reply, ended=True)
        if not text.strip():
            raise self._model.failure("empty")
        if _says_nothing(text):
            return replace(self._quoted, notice=self._notices["silent"])
        is_cut = len(text) > _LONGEST_ANSWER
        draft = self._read(text, finished=not is_cut)
        draft = draft.without_last() if is_cut else draft
        answer = self._answer(draft, finished=True)
        doubted = {doubt.text for doubt in answer.doubts}
        claimed = {sentence.text for sentence in draft.sentences if not sentence.leads and _has_words(sentence.text)}
        if not answer.citations or claimed <= doubted:
            return replace(self._quoted, notice=self._notices["doubtful"])
        return replace(answer, notice=self._notices["marked"] if doubted else "")

    def _read(self, text: str, finished: bool) -> Draft:
        return read_draft(text[:_LONGEST_ANSWER], tuple(self._prompt.keys), self._prompt.mark, finished)

    def _answer(self, draft: Draft, finished: bool) -> Answer:
        """Return the answer with this text; of one that is not finished the last sentence is not checked yet."""
        numbers = {key: number for number, key in enumerate(draft.cited, 1)}
        doubts: list[Doubt] = []
        doubted = []
        sentences = draft.sentences
        for number, sentence in enumerate(sentences if finished else sentences[:-1]):
            found = self._check(sentence.text, sentence.keys, sentence.quoted, sentence.leads)
            doubts += found
            doubted += [number] if found else []
        return replace(
            self._quoted,
            text=draft.render(numbers, doubted),
            citations=cite([self._prompt.keys[key] for key in numbers]),
            doubts=tuple(doubts),
            worded_by=self._model.name,
        )

    def _check(self, text: str, keys: tuple[str, ...], quoted: tuple[str, ...], leads: bool) -> tuple[Doubt, ...]:
        if not _has_words(text):
            return ()
        if (text, keys, quoted) not in self._checked:
            quotes = [self._prompt.keys[key] for key in (self._prompt.keys if leads else keys)]
            self._checked[text, keys, quoted] = self._claims.check(text, quotes, quoted, leads)
        return self._checked[text, keys, quoted]


def _says_nothing(text: str) -> bool:
    """Say whether a reply is, or may be about to be, the words for no answer."""
    said = text.strip(" \n\"'*`.。").upper()
    return said.startswith(NO_ANSWER) or NO_ANSWER.startswith(said)


def _has_words(text: str) -> bool:
    return any(map(str.isalnum, text))
