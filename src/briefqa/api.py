"""An open index: ask it, search it, share it between threads.

with briefqa.open("index") as qa:
    hits = qa.retrieve("which chips are banned?", k=5, since="2025-12-01")
    answer = qa.ask("which chips are banned?")
    qa.ask("why?", history=[answer]).understood         # "which chips are banned? why?"
"""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

from briefqa.answer import Answer, compose
from briefqa.checking import keep_good
from briefqa.citations import Citation, cite
from briefqa.confidence import Calibration
from briefqa.encoders import Encoder, load_encoder
from briefqa.encoders.remembering import Remembering
from briefqa.errors import EncoderMismatchError
from briefqa.followups import Turn, Understood, understand
from briefqa.lexicon import Lexicon, load_lexicon
from briefqa.llm import Claims, Endpoint, LanguageModel, Rewording, corpus_languages, gather_sources, write
from briefqa.newer import Newer, beside, find_newer
from briefqa.periods import Period, limit, read_period, without_period
from briefqa.question import asks_for_latest
from briefqa.ranking import FilterOptions, Hit, Ranking, make_filters, rank
from briefqa.settings import Settings
from briefqa.store import Filters, IndexInfo, IndexReader, Snapshot
from briefqa.tables import answer_from_table

if TYPE_CHECKING:
    from typing_extensions import Unpack

# Hits that an answer is made from; the first few are quoted, the others shown as "also retrieved".
_HITS_FOR_ANSWER = 10


class _Found(NamedTuple):
    """What was found for a question. asked: what was ranked: what is meant, without the period that limits it."""

    ranking: Ranking
    snapshot: Snapshot
    meant: Understood
    asked: str
    period: Period


class BriefQA:
    """An open index. Safe to share between threads; takes up a new build between two questions.

    encoder: what the index must have been built with, by name or as an Encoder of your own; left out, whatever it was
    built with. llm: the language model that words answers; left out, the one that BRIEFQA_LLM_BASE_URL and
    BRIEFQA_LLM_MODEL name, and with neither, as with an empty Endpoint(), answers are quotes.
    today: the day that questions are asked on, from which "last week" is counted; left out, the day that it is.
    own_encoder: the Encoder that was given as an object; None for one by name.
    Raises IndexNotFoundError, IndexCorruptError, EncoderMismatchError, EncoderNotFoundError.
    """

    def __init__(
        self,
        index: str | Path | None = None,
        encoder: str | Encoder | None = None,
        llm: Endpoint | None = None,
        today: datetime.date | None = None,
    ) -> None:
        self.own_encoder = encoder if encoder is not None and not isinstance(encoder, str) else None
        settings = Settings.from_environment(
            index=index, encoder=self.own_encoder.name if self.own_encoder else encoder
        )
        self.index = settings.index
        self._today = today
        self._cache_dir = settings.cache_dir
        self._encoder: Encoder | None = None
        endpoint = Endpoint.from_settings(settings) if llm is None else llm
        self._model = LanguageModel(endpoint) if endpoint.configured else None
        self._rewording = Rewording(self._model) if self._model else None
        self._claims: Claims | None = None
        self._lock = threading.Lock()
        self.store = IndexReader(settings.index)
        built_with = self.info().encoder
        if settings.encoder and settings.encoder != built_with:
            self.close()
            raise EncoderMismatchError.between(settings.index, built_with, settings.encoder)

    def __enter__(self) -> BriefQA:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the index; what is being answered is answered first."""
        self.store.close()

    def info(self) -> IndexInfo:
        """Return what is known of the index as a whole: generation, encoder, sizes, problems of the last build."""
        with self.store.snapshot() as snapshot:
            return snapshot.info()

    def retrieve(
        self,
        question: str,
        k: int = 5,
        history: Sequence[Turn] = (),
        **filters: Unpack[FilterOptions],
    ) -> list[Hit]:
        """Return the k chunks that may answer the question, best first.

        history: what was asked before, see `ask`. filters: those of FilterOptions; they apply before ranking. A period
        that the question names ("since December", "上周的简报") limits them further, see periods.py.
        Raises QuestionError for an empty question, or a history or filter that cannot be understood.
        """
        return list(self.rank(question, k, make_filters(**filters), history).hits)

    def ask(
        self,
        question: str,
        history: Sequence[Turn] = (),
        **filters: Unpack[FilterOptions],
    ) -> Answer:
        """Answer the question from the corpus, with citations.

        history: the earlier answers of the conversation, oldest first, or their questions as text. A follow-up ("那H20
        呢？", "why?") is then answered as what it stands for, which `Answer.understood` says; a question that is
        complete by itself is answered as without a history. filters, errors: those of `retrieve`; a period that the
        question names is `Answer.period`.

        Every citation was checked on the generation that answered, see checking.py. A language model's failure is no
        error: the answer is then made of quotes, and its notice says why.
        """
        *_, answer = self.ask_stream(question, history, **filters)
        return answer

    def ask_stream(
        self,
        question: str,
        history: Sequence[Turn] = (),
        **filters: Unpack[FilterOptions],
    ) -> Iterator[Answer]:
        """Yield the answer as it is written: each is longer than the one before, the last is what `ask` returns.

        Only the last is checked whole; where the language model fails, it is the quoted answer instead.
        """
        with self._ranked(question, _HITS_FOR_ANSWER, make_filters(**filters), history) as found:
            quoted = self._compose(question, found)
            claims = self._load_claims(found.snapshot) if self._model and quoted.answered else None
            gathered = gather_sources(found.meant.question, found.ranking) if claims else []
            sources = keep_good(gathered, found.ranking.hits, found.snapshot)
            newer = self._newer(cite(sources), found) if claims else ()
        if self._model is None or claims is None:
            yield quoted
            return
        known = [(citation, later) for citation in cite(sources) for later in newer if later.number == citation.number]
        for answer in write(quoted, sources, self._model, claims):
            yield replace(answer, newer=beside(answer.citations, known)) if answer.worded_by else answer

    def quote(self, question: str, **filters: Unpack[FilterOptions]) -> Answer:
        """Answer in the briefs' own words alone, in some 30 ms: a language model is not asked, even if there is one."""
        filtered = make_filters(**filters)
        with self._ranked(question, _HITS_FOR_ANSWER, filtered, (), reword=False) as found:
            return self._compose(question, found)

    def rank(self, question: str, k: int, filters: Filters, history: Sequence[Turn] = ()) -> Ranking:
        """Return the k best hits and what else is known of the ranking; `retrieve` and `ask` are made of this."""
        with self._ranked(question, k, filters, history) as found:
            return found.ranking

    @contextmanager
    def _ranked(
        self, question: str, k: int, filters: Filters, history: Sequence[Turn], reword: bool = True
    ) -> Iterator[_Found]:
        encoder, lexicon = self._load_encoder(), load_lexicon(self._cache_dir)
        today = self._today or datetime.date.today()
        meant = understand(question, history, lexicon, today)
        if self._rewording and reword:
            meant = self._reword(question, meant, history, self._rewording, lexicon)
        period = read_period(question, today) or read_period(meant.question, today)
        with self.store.snapshot() as snapshot:
            if period:
                allowed = snapshot.allowed(filters)
                dates = snapshot.dates if allowed is None else snapshot.dates[allowed]
                filters, period = limit(filters, period, dates, today)
            asked = without_period(meant.question, period) if period.applied else meant.question
            evidence = replace(meant.evidence, latest=asks_for_latest(meant.question))
            ranking = rank(asked, snapshot, encoder, lexicon, k, filters, evidence)
            yield _Found(ranking, snapshot, meant, asked, period)

    def _compose(self, question: str, found: _Found) -> Answer:
        meant, snapshot = found.meant, found.snapshot
        understood = meant.question if meant.question != question.strip() else ""
        calibration = Calibration.from_json(snapshot.calibration())
        table = answer_from_table(found.asked, found.ranking, snapshot, load_lexicon(self._cache_dir))
        quoted = compose(question, found.ranking, understood, snapshot, calibration, table, found.period)
        return replace(
            quoted,
            translations=meant.evidence.translations,
            generation=snapshot.generation,
            newer=self._newer(quoted.citations, found),
        )

    def _newer(self, citations: Sequence[Citation], found: _Found) -> tuple[Newer, ...]:
        return find_newer(found.asked, citations, found.ranking, found.snapshot, load_lexicon(self._cache_dir))

    def _reword(
        self, question: str, meant: Understood, history: Sequence[Turn], rewording: Rewording, lexicon: Lexicon
    ) -> Understood:
        """Let the language model word a follow-up, and translate the question into the corpus's languages."""
        answers = [turn for turn in history if isinstance(turn, Answer)]
        if meant.question != question.strip() and answers:
            rewritten = rewording.rewrite(question, [(turn.understood or turn.question, turn.text) for turn in answers])
            meant = meant if rewritten == question else replace(meant, question=rewritten)
        with self.store.snapshot() as snapshot:
            wanted = corpus_languages(snapshot.scripts, lexicon.language(meant.question))
        translations = rewording.translate(meant.question, wanted)
        return replace(meant, evidence=replace(meant.evidence, translations=translations))

    def _load_claims(self, snapshot: Snapshot) -> Claims:
        encoder, lexicon = self._load_encoder(), load_lexicon(self._cache_dir)
        with self._lock:
            if self._claims is None:
                self._claims = Claims(encoder, lexicon, snapshot.geometry)
            return self._claims

    def _load_encoder(self) -> Encoder:
        with self._lock:
            if self._encoder is None:
                info = self.info()
                encoder = self.own_encoder or load_encoder(info.encoder, self._cache_dir)
                if info.chunks and encoder.fingerprint != info.fingerprint:
                    raise EncoderMismatchError.between(self.index, info.fingerprint, encoder.fingerprint)
                self._encoder = Remembering(encoder)
            return self._encoder


_opened: dict[Path, BriefQA] = {}
_opened_lock = threading.Lock()


def open(
    index: str | Path | None = None,
    encoder: str | Encoder | None = None,
    llm: Endpoint | None = None,
    today: datetime.date | None = None,
) -> BriefQA:
    """Open an index for questions; see BriefQA for the arguments and errors."""
    return BriefQA(index, encoder, llm, today)


def retrieve(
    question: str,
    k: int = 5,
    history: Sequence[Turn] = (),
    *,
    index: str | Path | None = None,
    **filters: Unpack[FilterOptions],
) -> list[Hit]:
    """Return the best k hits from an index that is opened once and kept open."""
    return _kept_open(index).retrieve(question, k, history, **filters)


def ask(
    question: str,
    history: Sequence[Turn] = (),
    *,
    index: str | Path | None = None,
    **filters: Unpack[FilterOptions],
) -> Answer:
    """Answer from an index that is opened once and kept open."""
    return _kept_open(index).ask(question, history, **filters)


def _kept_open(index: str | Path | None) -> BriefQA:
    path = Settings.from_environment(index=index).index.absolute()
    with _opened_lock:
        if path not in _opened:
            _opened[path] = BriefQA(path)
        return _opened[path]
