"""An open index: ask it, search it, share it between threads.

with briefqa.open("index") as qa:
    hits = qa.retrieve("which chips are banned?", k=5, since="2025-12-01")
    answer = qa.ask("which chips are banned?")
    qa.ask("why?", history=[answer]).understood         # "which chips are banned? why?"
"""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from briefqa.answer import Answer, compose
from briefqa.checking import keep_good
from briefqa.citations import Citation, cite
from briefqa.confidence import Calibration
from briefqa.encoders import Encoder, load_encoder
from briefqa.encoders.remembering import Remembering
from briefqa.errors import EncoderMismatchError
from briefqa.followups import Turn, Understood, understand
from briefqa.lexicon import Lexicon, load_lexicon
from briefqa.llm.endpoint import Endpoint, LanguageModel
from briefqa.newer import Newer, beside, find_newer
from briefqa.periods import Period, limit, read_period, without_period
from briefqa.question import asks_for_latest, check_question
from briefqa.quotes import Quote
from briefqa.ranking import FilterOptions, Hit, Ranking, make_filters, rank
from briefqa.settings import Settings
from briefqa.stages import Observer, Watch
from briefqa.store import Filters, IndexInfo, Reader, Snapshot, open_reader

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from briefqa.llm import Claims, Rewording

_T = TypeVar("_T")
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
    """An open index. Safe to share between threads.

    It takes up a new build between two questions, and with it another encoder, if that has a name. An Encoder object of
    your own cannot be exchanged: questions then raise EncoderMismatchError.

    encoder: what the index must have been built with, by name or as an Encoder of your own; left out, whatever it was
    built with. llm: the language model that words answers; left out, the one that BRIEFQA_LLM_BASE_URL and
    BRIEFQA_LLM_MODEL name, and with neither, as with an empty Endpoint(), answers are quotes.
    today: the day that questions are asked on, from which "last week" is counted; left out, the day that it is.
    device: of torch's, "cpu", "cuda" or "mps", for an encoder of sentence-transformers; left out, what torch finds.
    store: the address of a Milvus that holds the index, see docs/milvus.md; left out, BRIEFQA_STORE, else the folder.
    address: that address, "" where it is the folder. own_encoder: the Encoder that was given as an object; None for one
    by name. observers: called with a briefqa.stages.Record when a question has ended; append your own.
    Raises IndexNotFoundError, IndexCorruptError, StoreError, EncoderMismatchError, EncoderNotFoundError, DeviceError.
    """

    def __init__(
        self,
        index: str | Path | None = None,
        encoder: str | Encoder | None = None,
        llm: Endpoint | None = None,
        today: datetime.date | None = None,
        device: str | None = None,
        store: str | None = None,
    ) -> None:
        self.own_encoder = encoder if encoder is not None and not isinstance(encoder, str) else None
        name = self.own_encoder.name if self.own_encoder else encoder
        settings = Settings.from_environment(index=index, encoder=name, device=device, store=store)
        self.index = settings.index
        self.address = settings.store
        self._today = today
        self.device = settings.device
        self._cache_dir = settings.cache_dir
        self._encoder: Encoder | None = None
        endpoint = Endpoint.from_settings(settings) if llm is None else llm
        self._model = LanguageModel(endpoint) if endpoint.configured else None
        self._rewording = _load_rewording(self._model) if self._model else None
        self._claims: Claims | None = None
        self._lock = threading.Lock()
        self.observers: list[Observer] = []
        self.store: Reader = open_reader(settings.index, settings.store)
        built_with = self.info().encoder
        if settings.encoder and settings.encoder != built_with:
            self.close()
            raise EncoderMismatchError.between(self.store.place, built_with, settings.encoder)

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
        return self.store.read(lambda snapshot: snapshot.info())

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
        with Watch("retrieve", self.observers) as watch:
            hits = self._ranked(question, k, make_filters(**filters), history, watch, _only_ranking).hits
            watch.outcome = "found"
            return list(hits)

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
        with Watch("ask", self.observers) as watch:

            def quote(found: _Found) -> tuple[Answer, Claims | None, list[Quote], tuple[Newer, ...]]:
                with watch.stage("compose"):
                    quoted = self._compose(question, found)
                if self._model is None or not quoted.answered:
                    return quoted, None, [], ()
                from briefqa.llm import gather_sources

                gathered = gather_sources(found.meant.question, found.ranking)
                sources = keep_good(gathered, found.ranking.hits, found.snapshot)
                return quoted, self._load_claims(found.snapshot), sources, self._newer(cite(sources), found)

            filtered = make_filters(**filters)
            quoted, claims, sources, newer = self._ranked(question, _HITS_FOR_ANSWER, filtered, history, watch, quote)
            answer = quoted
            if self._model is None or claims is None:
                yield quoted
            else:
                cited = cite(sources)
                known = [(citation, later) for citation in cited for later in newer if later.number == citation.number]
                from briefqa.llm import write

                with watch.stage("write"):
                    for written in write(quoted, sources, self._model, claims):
                        answer = written
                        if written.worded_by:
                            answer = replace(written, newer=beside(written.citations, known))
                        yield answer
            watch.outcome = _outcome(answer)

    def quote(self, question: str, **filters: Unpack[FilterOptions]) -> Answer:
        """Answer in the briefs' own words alone, in some 30 ms: a language model is not asked, even if there is one."""
        filtered = make_filters(**filters)

        def compose_from(found: _Found) -> Answer:
            return self._compose(question, found)

        return self._ranked(question, _HITS_FOR_ANSWER, filtered, (), Watch("quote"), compose_from, reword=False)

    def rank(self, question: str, k: int, filters: Filters, history: Sequence[Turn] = ()) -> Ranking:
        """Return the k best hits and what else is known of the ranking; `retrieve` and `ask` are made of this."""
        return self._ranked(question, k, filters, history, Watch("rank"), _only_ranking)

    def _ranked(
        self,
        question: str,
        k: int,
        filters: Filters,
        history: Sequence[Turn],
        watch: Watch,
        use: Callable[[_Found], _T],
        reword: bool = True,
    ) -> _T:
        """Return what `use` makes of what is found for a question."""
        today = self._today or datetime.date.today()
        with watch.stage("understand"):
            question = check_question(question)
            lexicon = load_lexicon(self._cache_dir)
            meant = understand(question, history, lexicon, today)
        if self._rewording and reword:
            with watch.stage("reword"):
                meant = self._reword(question, meant, history, self._rewording, lexicon)
        named = read_period(question, today) or read_period(meant.question, today)
        evidence = replace(meant.evidence, latest=asks_for_latest(meant.question))

        def answer(snapshot: Snapshot) -> _T:
            watch.generation = snapshot.generation
            encoder = self._load_encoder(snapshot)
            with watch.stage("rank"):
                limited, period = filters, named
                if named:
                    dates = snapshot.some_dates(filters, named.since, named.until)
                    limited, period = limit(filters, named, dates, today)
                asked = without_period(meant.question, period) if period.applied else meant.question
                ranking = rank(asked, snapshot, encoder, lexicon, k, limited, evidence)
            watch.hits = len(ranking.hits)
            return use(_Found(ranking, snapshot, meant, asked, period))

        return self.store.read(answer)

    def _compose(self, question: str, found: _Found) -> Answer:
        meant, snapshot = found.meant, found.snapshot
        understood = meant.question if meant.question != question.strip() else ""
        calibration = Calibration.from_json(snapshot.calibration())
        table = None
        if any(span.kind == "row" for hit in found.ranking.hits for span in hit.spans):
            from briefqa.tables import answer_from_table  # 60 ms, mostly patterns

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
        if meant.question != question and answers:
            rewritten = rewording.rewrite(question, [(turn.understood or turn.question, turn.text) for turn in answers])
            meant = meant if rewritten == question else replace(meant, question=rewritten)
        from briefqa.llm import corpus_languages

        scripts = self.store.read(lambda snapshot: snapshot.script_counts())
        wanted = corpus_languages(scripts, lexicon.language(meant.question))
        translations = rewording.translate(meant.question, wanted)
        return replace(meant, evidence=replace(meant.evidence, translations=translations))

    def _load_claims(self, snapshot: Snapshot) -> Claims:
        from briefqa.llm import Claims

        encoder, lexicon = self._load_encoder(snapshot), load_lexicon(self._cache_dir)
        with self._lock:
            if self._claims is None or self._claims.encoder is not encoder:
                self._claims = Claims(encoder, lexicon, snapshot.geometry)
            return self._claims

    def _load_encoder(self, snapshot: Snapshot) -> Encoder:
        """Return the encoder that a generation was built with; what is remembered of another one goes with it."""
        loaded = self._encoder
        if loaded and snapshot.fingerprint == loaded.fingerprint:
            return loaded  # also while another thread loads the next one, which takes seconds
        with self._lock:
            loaded = self._encoder
            if loaded and snapshot.fingerprint == loaded.fingerprint:
                return loaded
            if loaded and not snapshot.n_chunks:
                return loaded  # nothing to compare with
            if loaded:
                self.store.check_newest(snapshot)  # else the last old question would load the old encoder
            encoder = self.own_encoder or load_encoder(snapshot.encoder, self._cache_dir, self.device)
            if snapshot.n_chunks and encoder.fingerprint != snapshot.fingerprint:
                raise EncoderMismatchError.between(self.store.place, snapshot.fingerprint, encoder.fingerprint)
            self._encoder = Remembering(encoder)
            self._claims = None
            return self._encoder


def _load_rewording(model: LanguageModel) -> Rewording:
    from briefqa.llm import Rewording

    return Rewording(model)


def _only_ranking(found: _Found) -> Ranking:
    return found.ranking


def _outcome(answer: Answer) -> str:
    if not answer.answered:
        return "refused"
    if answer.worded_by:
        return "worded"
    return "unworded" if answer.notice else "quoted"


_opened: dict[tuple[Path, str], BriefQA] = {}
_opened_lock = threading.Lock()


def open(
    index: str | Path | None = None,
    encoder: str | Encoder | None = None,
    llm: Endpoint | None = None,
    today: datetime.date | None = None,
    device: str | None = None,
    store: str | None = None,
) -> BriefQA:
    """Open an index for questions; see BriefQA for the arguments and errors."""
    return BriefQA(index, encoder, llm, today, device, store)


def retrieve(
    question: str,
    k: int = 5,
    history: Sequence[Turn] = (),
    *,
    index: str | Path | None = None,
    store: str | None = None,
    **filters: Unpack[FilterOptions],
) -> list[Hit]:
    """Return the best k hits from an index that is opened once and kept open."""
    return _kept_open(index, store).retrieve(question, k, history, **filters)


def ask(
    question: str,
    history: Sequence[Turn] = (),
    *,
    index: str | Path | None = None,
    store: str | None = None,
    **filters: Unpack[FilterOptions],
) -> Answer:
    """Answer from an index that is opened once and kept open."""
    return _kept_open(index, store).ask(question, history, **filters)


def _kept_open(index: str | Path | None, store: str | None) -> BriefQA:
    settings = Settings.from_environment(index=index, store=store)
    place = settings.index.absolute(), settings.store
    with _opened_lock:
        if place not in _opened:
            _opened[place] = BriefQA(place[0], store=place[1])
        return _opened[place]
