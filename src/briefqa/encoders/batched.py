"""A sentence-transformers model, loaded quietly and fed in batches of about equal numbers of tokens.

model = Batched.load("BAAI/bge-m3")
model.encode(["which chips are banned?"], "query")      # float32 (1, dim), unit rows
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from briefqa.threads import let_threads_sleep

Rows = npt.NDArray[np.float32]
Progress = Callable[[int], None]

_BATCH_TOKENS = 1024
"""Tokens of one batch on a processor. Of 256 to 8192, the fastest here in bfloat16 (8,800 tokens/s; 7,600 at either
end) and in float32 (3,650 to 3,250 at 4096): larger batches leave the cache. Fixed batches of 32 texts reach 1,450."""
_BATCH_TOKENS_ACCELERATOR = 16_384
"""The same on a graphics card, which small batches leave idle; some 100 MB of activations for a model of 384."""
_BATCH_TEXTS = 256
"""Texts of one batch at most, so that progress is seen on very short ones."""


class Batched:
    """A loaded model; safe to share between threads."""

    def __init__(self, model: Any) -> None:
        self.model = model
        # The Rust tokenizer is not re-entrant: setting its padding in a second thread raises "Already borrowed".
        self._lock = threading.Lock()
        self._budget = _BATCH_TOKENS if model.device.type == "cpu" else _BATCH_TOKENS_ACCELERATOR

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
        with self._lock:
            return self._count(texts)

    def _count(self, texts: Sequence[str]) -> list[int]:
        tokenizer = self.model.tokenizer
        if callable(tokenizer):  # transformers'
            kwargs = {"add_special_tokens": False, "truncation": False, "verbose": False}
            return [len(ids) for ids in tokenizer(list(texts), **kwargs)["input_ids"]] if texts else []
        if hasattr(tokenizer, "encode_batch"):  # tokenizers', of static embeddings
            return [len(one.ids) for one in tokenizer.encode_batch(list(texts), add_special_tokens=False)]
        return [len(tokenizer.tokenize(text)) for text in texts]

    def encode(
        self, texts: Sequence[str], task: Literal["query", "document"], progress: Progress | None = None
    ) -> Rows:
        """Return unit rows (n, dim), with the model's own prompt for the task."""
        rows = np.empty((len(texts), self.dim), np.float32)
        encode = self.model.encode_query if task == "query" else self.model.encode_document
        for batch in self._batches(self.count_tokens(texts)):
            with self._lock:
                part = encode([texts[i] for i in batch], batch_size=len(batch), show_progress_bar=False)
            rows[batch] = np.asarray(part, np.float32)
            if progress is not None:
                progress(len(batch))
        # After the fact, in float32: rows normalised in bfloat16 are up to 0.4 % too long or short.
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        return rows

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
