"""A sentence-transformers model, loaded quietly and fed in batches of about equal numbers of tokens.

model = Batched.load("BAAI/bge-m3")
model.encode(["which chips are banned?"], "query")      # float32 (1, dim), unit rows
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from briefqa.threads import Turns, cores, let_threads_sleep

Rows = npt.NDArray[np.float32]
Progress = Callable[[int], None]

_BATCH_TOKENS = 2048
"""Tokens of one batch on a processor. Of 256 to 8192, the fastest in bfloat16 where each core has a batch of its own,
by 5 % over 1024; in float32 all from 1024 to 4096 are near each other. Fixed batches of 32 texts reach two fifths."""
_BATCH_TOKENS_ACCELERATOR = 16_384
"""The same on a graphics card, which small batches leave idle; some 100 MB of activations for a model of 384."""
_BATCH_TEXTS = 256
"""Texts of one batch at most, so that progress is seen on very short ones."""
_FEW_BATCHES = 8
"""Batches from which several are embedded at a time: a second's work and more."""
_MOST_AT_A_TIME = 4
"""Batches embedded at a time at most; each has its own activations, some 100 MB."""


class Batched:
    """A loaded model; safe to share between threads."""

    def __init__(self, model: Any) -> None:
        self.model = model
        # The Rust tokenizer is not re-entrant: setting its padding in a second thread raises "Already borrowed". The
        # rest of a model is: `encode` begins with the first of these, or the second before version 6.
        self._tokenizing = threading.RLock()
        for name in ("preprocess", "tokenize"):
            if hasattr(model, name):
                setattr(model, name, _exclusive(getattr(model, name), self._tokenizing))
        on_processor = model.device.type == "cpu"
        self._turns = Turns(cores() if on_processor else 1)
        self._budget = _BATCH_TOKENS if on_processor else _BATCH_TOKENS_ACCELERATOR
        self._at_a_time = min(cores(), _MOST_AT_A_TIME) if on_processor else 1

    @classmethod
    def load(cls, source: str, device: str = "", **kwargs: Any) -> Batched:
        """Load a model by name or folder, on a device of torch's; left out, on the graphics card if there is one.

        Takes what SentenceTransformer takes, and raises what it raises.
        """
        let_threads_sleep()
        with _quiet():
            from sentence_transformers import SentenceTransformer

            return cls(SentenceTransformer(source, device=device or None, **kwargs))

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.model.get_embedding_dimension())

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count each text's own tokens, without prompt and special tokens."""
        with self._tokenizing:
            return _count(self.model.tokenizer, texts)

    def encode(
        self, texts: Sequence[str], task: Literal["query", "document"], progress: Progress | None = None
    ) -> Rows:
        """Return unit rows (n, dim), with the model's own prompt for the task."""
        rows = np.empty((len(texts), self.dim), np.float32)
        batches = list(self._batches(self.count_tokens(texts)))
        encoded = partial(self._encode_batch, texts, task)
        with self._mapping(len(batches)) as in_order:
            for batch, part in zip(batches, in_order(encoded, batches), strict=True):
                rows[batch] = part
                if progress is not None:
                    progress(len(batch))
        # After the fact, in float32: rows normalised in bfloat16 are up to 0.4 % too long or short.
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        return rows

    def _encode_batch(self, texts: Sequence[str], task: str, batch: Sequence[int]) -> Rows:
        encode = self.model.encode_query if task == "query" else self.model.encode_document
        with self._turns.take():
            part = encode([texts[i] for i in batch], batch_size=len(batch), show_progress_bar=False)
        return np.asarray(part, np.float32)

    @contextmanager
    def _mapping(self, batches: int) -> Iterator[Callable[..., Iterable[Rows]]]:
        """Yield a `map`: of this thread, on all cores, for few batches, else of several threads, each on its share.

        Those need not wait for each other after each of a batch's hundred products: of two cores 1.6 are at work in the
        one way, and nearly both in the other.
        """
        if batches < _FEW_BATCHES or self._at_a_time == 1:
            yield map
            return
        pool = ThreadPoolExecutor(self._at_a_time)
        try:
            yield pool.map
        finally:
            pool.shutdown(cancel_futures=True)  # those of an interrupted build

    def _batches(self, lengths: Sequence[int]) -> Iterator[list[int]]:
        """Yield lists of text numbers: neighbours in length, so that hardly anything is padding; longest first."""
        order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
        start = 0
        window = self.model.max_seq_length or max(lengths, default=1)
        while start < len(order):
            longest = min(max(lengths[order[start]], 1), window)
            end = start + min(max(self._budget // longest, 1), _BATCH_TEXTS)
            yield order[start:end]
            start = end


def _exclusive(function: Callable[..., Any], lock: threading.RLock) -> Callable[..., Any]:
    """Return the function for one thread at a time."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with lock:
            return function(*args, **kwargs)

    return call


def _count(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    if callable(tokenizer):  # transformers'
        kwargs = {"add_special_tokens": False, "truncation": False, "verbose": False}
        return [len(ids) for ids in tokenizer(list(texts), **kwargs)["input_ids"]] if texts else []
    if hasattr(tokenizer, "encode_batch"):  # tokenizers', of static embeddings
        return [len(one.ids) for one in tokenizer.encode_batch(list(texts), add_special_tokens=False)]
    return [len(tokenizer.tokenize(text)) for text in texts]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the libraries say and draw while they load off the terminal; errors still raise."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import sentence_transformers  # noqa: F401  (sets up the loggers that are turned down below)
        from transformers.utils import logging as transformers_logging

        bars = transformers_logging.is_progress_bar_enabled()
        loggers = [logging.getLogger(name) for name in ("transformers", "sentence_transformers", "huggingface_hub")]
        levels = [logger.level for logger in loggers]
        transformers_logging.disable_progress_bar()
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
            if bars:
                transformers_logging.enable_progress_bar()
