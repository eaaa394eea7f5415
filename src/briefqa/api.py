"""An open index: ask it, search it, share it between threads.

with briefqa.open("index") as qa:
    hits = qa.retrieve("which chips are banned?", k=5, since="2025-12-01")
    answer = qa.ask("which chips are banned?")
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from briefqa.answer import Answer, compose
from briefqa.encoders import Encoder, load_encoder
from briefqa.errors import EncoderMismatchError
from briefqa.lexicon import load_lexicon
from briefqa.ranking import FilterOptions, Hit, Ranking, make_filters, rank
from briefqa.settings import Settings
from briefqa.store import IndexInfo, IndexReader
from briefqa.tables import answer_from_table

if TYPE_CHECKING:
    from typing_extensions import Unpack

# Hits that an answer is made from; the first few are quoted, the others shown as "also retrieved".
_HITS_FOR_ANSWER = 10


class BriefQA:
    """An open index. Safe to share between threads; takes up a new build between two questions.

    encoder: what the index must have been built with, by name or as an Encoder of your own; left out, whatever it was
    built with. Raises IndexNotFoundError, IndexCorruptError, EncoderMismatchError, EncoderNotFoundError.
    """

    def __init__(self, index: str | Path | None = None, encoder: str | Encoder | None = None) -> None:
        self._own = encoder if encoder is not None and not isinstance(encoder, str) else None
        settings = Settings.from_environment(index=index, encoder=self._own.name if self._own else encoder)
        self.index = settings.index
        self._cache_dir = settings.cache_dir
        self._encoder: Encoder | None = None
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
        **filters: Unpack[FilterOptions],
    ) -> list[Hit]:
        """Return the k chunks that may answer the question, best first.

        filters: those of FilterOptions; they apply before ranking.
        Raises QuestionError for an empty question or a filter that cannot be understood.
        """
        return list(self._rank(question, k, filters).hits)

    def ask(
        self,
        question: str,
        **filters: Unpack[FilterOptions],
    ) -> Answer:
        """Answer the question from the corpus, with citations; the filters are those of `retrieve`."""
        chosen = make_filters(**filters)
        with self.store.snapshot() as snapshot:
            lexicon = load_lexicon(self._cache_dir)
            ranking = rank(question, snapshot, self._load_encoder(), lexicon, _HITS_FOR_ANSWER, chosen)
            table = answer_from_table(question, ranking, snapshot, lexicon)
        return compose(question, ranking, table)

    def ask_stream(
        self,
        question: str,
        **filters: Unpack[FilterOptions],
    ) -> Iterator[Answer]:
        """Yield the answer as it is written: each is longer than the one before, the last is what `ask` returns."""
        yield self.ask(question, **filters)

    def _rank(self, question: str, k: int, options: FilterOptions) -> Ranking:
        filters = make_filters(**options)
        with self.store.snapshot() as snapshot:
            return rank(question, snapshot, self._load_encoder(), load_lexicon(self._cache_dir), k, filters)

    def _load_encoder(self) -> Encoder:
        with self._lock:
            if self._encoder is None:
                info = self.info()
                encoder = self._own or load_encoder(info.encoder, self._cache_dir)
                if info.chunks and encoder.fingerprint != info.fingerprint:
                    raise EncoderMismatchError.between(self.index, info.fingerprint, encoder.fingerprint)
                self._encoder = encoder
            return self._encoder


_opened: dict[Path, BriefQA] = {}
_opened_lock = threading.Lock()


def open(index: str | Path | None = None, encoder: str | Encoder | None = None) -> BriefQA:
    """Open an index for questions; see BriefQA for the errors."""
    return BriefQA(index, encoder)


def retrieve(
    question: str, k: int = 5, *, index: str | Path | None = None, **filters: Unpack[FilterOptions]
) -> list[Hit]:
    """Return the best k hits from an index that is opened once and kept open."""
    return _kept_open(index).retrieve(question, k, **filters)


def ask(question: str, *, index: str | Path | None = None, **filters: Unpack[FilterOptions]) -> Answer:
    """Answer from an index that is opened once and kept open."""
    return _kept_open(index).ask(question, **filters)


def _kept_open(index: str | Path | None) -> BriefQA:
    path = Settings.from_environment(index=index).index.absolute()
    with _opened_lock:
        if path not in _opened:
            _opened[path] = BriefQA(path)
        return _opened[path]
