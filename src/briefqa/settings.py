"""Every constant that shapes a result, with its unit and its reason, in one frozen dataclass.

settings = Settings.from_environment(encoder="BAAI/bge-m3")
settings.encoder          # what was said, else BRIEFQA_ENCODER, else the default
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from pathlib import Path

import platformdirs

DEFAULT_ENCODER = "bundled"


def _cache_dir() -> Path:
    return Path(platformdirs.user_cache_dir("briefqa", appauthor=False))


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user may set, by argument, flag or environment variable (BRIEFQA_ and the name in capitals)."""

    corpus: Path = Path("corpus")
    """Folder of articles."""
    index: Path = Path("index")
    """Folder of the index."""
    encoder: str = ""
    """"bundled", or a sentence-transformers model by name or folder; empty: the one that the index was built with."""
    cache_dir: Path = Path()
    """Where prepared model files are kept; the platform's cache folder (XDG_CACHE_HOME) unless set."""
    llm_base_url: str = ""
    """Address of an OpenAI-compatible endpoint, http://127.0.0.1:8080/v1; empty: OpenAI's, if there is a model."""
    llm_model: str = ""
    """Model that words answers there. No address and no model: answers are quotes."""
    llm_api_key: str = field(default="", repr=False)
    """What the endpoint wants to know its users by; a server of one's own wants nothing."""

    @classmethod
    def from_environment(cls, **given: object) -> Settings:
        """Return the settings: what is given (and not None), else the environment, else the default."""
        chosen: dict[str, object] = {"cache_dir": _cache_dir()}
        for setting in fields(cls):
            value = given.get(setting.name)
            if value is None:
                value = os.environ.get(f"BRIEFQA_{setting.name.upper()}") or None
            if value is not None:
                chosen[setting.name] = Path(str(value)).expanduser() if isinstance(setting.default, Path) else value
        return cls(**chosen)  # type: ignore[arg-type]
