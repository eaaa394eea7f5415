"""An encoder that can be sent to another process, and what a worker does with it there.

    portable = Portable.of(encoder)     # raises WorkersError where it cannot be sent
    embed(portable, texts)              # in the worker; loads the encoder once

An encoder that has a name is sent as its name and loaded anew: weights are read from disk faster than they are sent. An
object of the user's own is pickled. Either way its fingerprint must be the one that the build has.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from briefqa.encoders import Encoder, LoadsLate, load_encoder
from briefqa.errors import WorkersError


@dataclass(frozen=True, slots=True)
class Portable:
    """What a worker needs to have the encoder. pickled: of an Encoder object; empty for one that is loaded by name.

    cache_dir: None for a worker on another machine, which has its own.
    """

    name: str
    fingerprint: str
    device: str = ""
    cache_dir: Path | None = None
    pickled: bytes = b""

    @classmethod
    def of(cls, encoder: Encoder, dumps: Callable[[Encoder], bytes] = pickle.dumps) -> Portable:
        """Return an Encoder object as it is sent. Raises WorkersError where it cannot be."""
        try:
            return cls(encoder.name, encoder.fingerprint, pickled=dumps(encoder))
        except Exception as error:  # TypeError, AttributeError, PicklingError, and whatever a __reduce__ raises
            raise WorkersError(
                f"the encoder {encoder.name!r} cannot be sent to other processes ({_reason(error)}): "
                "make its class one that pickle takes, or build without workers"
            ) from error

    def load(self) -> Encoder:
        """Return the encoder, ready for many texts. Raises WorkersError, EncoderNotFoundError."""
        if self.pickled:
            try:
                encoder: Encoder = pickle.loads(self.pickled)
            except Exception as error:  # mostly a module that the worker cannot import
                raise WorkersError(
                    f"a worker cannot unpack the encoder {self.name!r} ({_reason(error)}): "
                    "put its class into a module that workers can import too"
                ) from error
        else:
            from briefqa.settings import Settings

            cache_dir = self.cache_dir or Settings.from_environment().cache_dir
            encoder = load_encoder(self.name, cache_dir, self.device)
        if encoder.fingerprint != self.fingerprint:
            raise WorkersError(
                f"a worker has another encoder ({encoder.fingerprint}) than this build ({self.fingerprint}): "
                "install the same versions there"
            )
        if isinstance(encoder, LoadsLate):
            encoder.load_bulk()
        return encoder


_loaded: tuple[Portable, Encoder] | None = None


def embed(portable: Portable, texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return the rows of texts to be found; the encoder stays loaded for the next ones."""
    global _loaded
    if _loaded is None or _loaded[0] != portable:
        _loaded = None  # not two models in memory at once
        _loaded = portable, portable.load()
    return _loaded[1].encode_document(texts)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {next(iter(str(error).strip().splitlines()), '')[:200]}"
