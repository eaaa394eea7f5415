"""An encoder that remembers the last questions, for they are asked again: with other filters, in parts, in `eval`.

encoder = Remembering(load_encoder("bundled", cache_dir))
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from briefqa.encoders import Encoder

# Questions: a conversation's, or one and its parts.
_REMEMBERED = 64


class Remembering:
    """An Encoder around another one; safe to share between threads."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._rows: OrderedDict[str, npt.NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()
        self.name = encoder.name
        self.fingerprint = encoder.fingerprint
        self.dim = encoder.dim
        self.max_tokens = encoder.max_tokens

    def count_tokens(self, text: str) -> int:
        """Count the text's own tokens."""
        return self._encoder.count_tokens(text)

    def encode_query(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return unit rows (n, dim) of questions, those that are remembered without encoding them."""
        with self._lock:
            found = {text: self._rows[text] for text in texts if text in self._rows}
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        if missing:
            found |= dict(zip(missing, self._encoder.encode_query(missing), strict=True))
        with self._lock:
            for text, row in found.items():
                self._rows[text] = row
                self._rows.move_to_end(text)
            while len(self._rows) > _REMEMBERED:
                self._rows.popitem(last=False)
        return np.stack([found[text] for text in texts]) if texts else self._encoder.encode_query([])

    def encode_document(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> npt.NDArray[np.float32]:
        """Return unit rows (n, dim) of texts to be found."""
        return self._encoder.encode_document(texts, progress)
