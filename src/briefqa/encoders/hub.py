"""Any sentence-transformers model, by its name on the Hugging Face hub or by folder.

encoder = HubEncoder.load("BAAI/bge-m3")            # downloaded once, then read from the hub's own cache
encoder = HubEncoder.load("models/my-encoder")
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from briefqa.encoders.batched import Batched, Progress, Rows
from briefqa.encoders.unicode import fit
from briefqa.errors import EncoderNotFoundError

_log = logging.getLogger("briefqa")

_PROBE_SECONDS = 10.0
"""The hub has this long to say whether it has a model. Asked by sentence-transformers it is tried 18 times, 70 s."""
_WINDOW = 512
"""Tokens of a text for a model that states no limit of its own."""
_E5 = re.compile(r"(^|[/_-])e5[_-](small|base|large)(-v2)?$", re.IGNORECASE)
"""Models that are trained with the prompts below, and whose published configuration does not carry them."""
_E5_PROMPTS = {"query": "query: ", "document": "passage: "}


class HubEncoder:
    """One loaded model; safe to share between threads."""

    def __init__(self, name: str, model: Batched, identity: str) -> None:
        """name: what the user said. identity: of the weights, the same wherever they lie."""
        self.name = name
        self._model = model
        self.dim = model.dim
        prompts = {task: text for task, text in sorted(model.model.prompts.items()) if text}
        self.fingerprint = f"{identity}, {self.dim} dimensions, prompts {json.dumps(prompts)}"
        window = model.model.max_seq_length or _WINDOW
        longest = max(model.count_tokens(list(prompts.values())), default=0)
        specials = getattr(model.model.tokenizer, "num_special_tokens_to_add", lambda: 0)()
        self.max_tokens = max(int(window) - specials - longest, 1)

    @classmethod
    def load(cls, source: str, name: str | None = None, device: str = "") -> HubEncoder:
        """Load the model at `source`, a folder or a name on the hub.

        name: what to call it, `source` unless given. device: of torch's. Raises EncoderNotFoundError.
        """
        folder = Path(source).expanduser()
        if folder.is_dir():
            return cls(name or source, _loaded(source, str(folder), device), f"folder {_folder_identity(folder)}")
        if _looks_like_a_path(source):
            raise EncoderNotFoundError(f"There is no folder {source!r}; give one with a sentence-transformers model.")
        if _is_cached(source):
            try:
                # Not asking the hub at all: it would cost a second, and may not be reachable.
                return cls(name or source, _loaded(source, source, device, local_files_only=True), source)
            except EncoderNotFoundError:
                pass  # a download that was cut short
        _check_hub(source)
        _log.warning("The encoder %s is downloaded once from huggingface.co and kept.", source)
        return cls(name or source, _loaded(source, source, device), source)

    def count_tokens(self, text: str) -> int:
        """Count the text's own tokens, without prompt and special tokens."""
        return self._model.count_tokens([fit(text)])[0]

    def encode_query(self, texts: Sequence[str]) -> Rows:
        """Return unit rows (n, dim) of questions."""
        return self._model.encode([fit(text) for text in texts], "query")

    def encode_document(self, texts: Sequence[str], progress: Progress | None = None) -> Rows:
        """Return unit rows (n, dim) of texts to be found. progress: given the number of texts done in each step."""
        return self._model.encode([fit(text) for text in texts], "document", progress)


def _loaded(said: str, source: str, device: str, **kwargs: Any) -> Batched:
    try:
        model = Batched.load(source, device=device, **kwargs)
    except Exception as error:  # the libraries raise OSError, ValueError, KeyError, RuntimeError and more
        reason = next(iter(str(error).strip().splitlines()), "")[:200]
        raise EncoderNotFoundError(
            f"The encoder {said!r} cannot be loaded ({type(error).__name__}: {reason}); "
            "give the name or the folder of a sentence-transformers model."
        ) from error
    if not any(model.model.prompts.values()) and _E5.search(Path(source).name):
        model.model.prompts.update(_E5_PROMPTS)
    return model


def _looks_like_a_path(name: str) -> bool:
    return name.startswith((".", "~", "/")) or "\\" in name or name.count("/") > 1 or Path(name).exists()


def _repositories(name: str) -> list[str]:
    """Return the names on the hub that sentence-transformers means by `name`."""
    return [name] if "/" in name else [f"sentence-transformers/{name}", name]


def _is_cached(name: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    folder = os.environ.get("SENTENCE_TRANSFORMERS_HOME")
    try:
        found = [try_to_load_from_cache(one, "config.json", cache_dir=folder) for one in _repositories(name)]
    except ValueError:  # no name that the hub could have
        return False
    return any(isinstance(path, str) for path in found)


def _check_hub(name: str) -> None:
    """Ask the hub for the model, once and briefly. Raises EncoderNotFoundError with what to do."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    for repository in _repositories(name):
        try:
            HfApi().model_info(repository, timeout=_PROBE_SECONDS)
            return
        except GatedRepoError as error:
            message = f"The encoder {name!r} is only given to those who are logged in; set HF_TOKEN."
            raise EncoderNotFoundError(message) from error
        except RepositoryNotFoundError:
            continue
        except ValueError:
            break  # no name that the hub could have
        except Exception as error:  # no network, a proxy, a hub that is down: httpx and OSError, many classes
            raise EncoderNotFoundError(
                f"The encoder {name!r} is not on this machine and huggingface.co cannot be reached; check the spelling "
                "and the network, or give the folder of a model."
            ) from error
    raise EncoderNotFoundError(
        f"There is no encoder {name!r} on huggingface.co, and no such folder; check the spelling."
    )


def _folder_identity(folder: Path) -> str:
    """Hash what a model is: its configuration files, and the sizes of the others (reading weights takes too long)."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        place = path.relative_to(folder).as_posix()
        if place.startswith(".") or path.suffix == ".md":
            continue
        digest.update(f"{place} {path.stat().st_size}\n".encode())
        if path.name.endswith(("config.json", "modules.json", "config_sentence_transformers.json")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
