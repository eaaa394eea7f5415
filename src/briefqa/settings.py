"""What a user may set, with its unit and its reason, in frozen dataclasses.

settings = Settings.from_environment(encoder="BAAI/bge-m3")
settings.encoder          # what was said, else BRIEFQA_ENCODER, else the default
Limits.from_environment().max_file_bytes
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from pathlib import Path

import platformdirs

from briefqa.errors import SettingsError

DEFAULT_ENCODER = "bundled"
_YES = {"1", "true", "yes", "on"}
_NO = {"0", "false", "no", "off"}


def _cache_dir() -> Path:
    return Path(platformdirs.user_cache_dir("briefqa", appauthor=False))


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user may set, by argument, flag or environment variable (BRIEFQA_ and the name in capitals)."""

    corpus: Path = Path("corpus")
    """Folder of articles."""
    index: Path = Path("index")
    """Folder of the index; with a store elsewhere, of what stays here: conversations and log-ins."""
    store: str = ""
    """Address of a Milvus that holds the index, milvus://host:19530 or milvus:///path.db; empty: the folder does."""
    encoder: str = ""
    """"bundled", or a sentence-transformers model by name or folder; empty: the one that the index was built with."""
    cache_dir: Path = Path()
    """Where prepared model files are kept; the platform's cache folder (XDG_CACHE_HOME) unless set."""
    device: str = ""
    """Device of torch's that embeds: cpu, cuda, cuda:1, mps; empty: a graphics card where there is one."""
    llm_base_url: str = ""
    """Address of an OpenAI-compatible endpoint, http://127.0.0.1:8080/v1; empty: OpenAI's, if there is a model."""
    llm_model: str = ""
    """Model that words answers there. No address and no model: answers are quotes."""
    llm_api_key: str = field(default="", repr=False)
    """What the endpoint wants to know its users by; a server of one's own wants nothing."""
    follow_links: bool = False
    """Whether links to folders, and to files outside of the corpus, are followed. The folder's own files may be checked
    by people; what a link leads to is whatever the machine holds."""

    @property
    def place(self) -> str:
        """Where the index is, in words."""
        return self.store or str(self.index)

    @classmethod
    def from_environment(cls, **given: object) -> Settings:
        """Return the settings: what is given (and not None), else the environment, else the default."""
        chosen: dict[str, object] = {"cache_dir": _cache_dir()}
        for setting in fields(cls):
            value = given.get(setting.name)
            if value is None:
                value = os.environ.get(f"BRIEFQA_{setting.name.upper()}") or None
            if value is not None:
                chosen[setting.name] = _read(setting.name, setting.default, value)
        return cls(**chosen)  # type: ignore[arg-type]


def _read(name: str, default: object, value: object) -> object:
    """Return what was said of a setting as what its default is. Raises SettingsError."""
    if isinstance(default, Path):
        return Path(str(value)).expanduser()
    if isinstance(default, bool) and isinstance(value, str):
        if value.casefold() not in _YES | _NO:
            raise SettingsError(f"BRIEFQA_{name.upper()} is {value[:40]!r}: say 1 or 0")
        return value.casefold() in _YES
    return value


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of what others wrote is read. Each is set by an environment variable: BRIEFQA_ and its name in capitals.

    No brief comes near them; what does is an export, a log or a bomb, and is told as a problem that names the limit.
    A file that is indexed already is read again when it changes, or by `briefqa build --full`.
    """

    max_file_bytes: int = 1_000_000
    """Bytes of a file. A brief is some 10 KB, a long notice 200 KB; 1 MB of prose is read in half a second."""
    max_front_matter_chars: int = 64_000
    """Characters between the `---`. A front matter is a page at most."""
    max_value_chars: int = 500
    """Characters of a heading, a title and each other value: they are kept with every sentence below them."""
    max_elements: int = 100_000
    """Lines, sentences and pieces of markup in a file, 10 µs each: a list item is 6, a cell 3, a mark like * 1."""
    max_columns: int = 500
    """Columns of a table."""
    max_header_chars: int = 4_000
    """Characters of a table's header, which every row repeats."""
    max_request_bytes: int = 1_000_000
    """Bytes of a request to the chat, other than an upload, which may be as long as a file."""

    @classmethod
    def from_environment(cls) -> Limits:
        """Return the limits that the environment sets, the rest by default. Raises SettingsError."""
        return cls(**{limit.name: _number(limit.name) for limit in fields(cls) if _said(limit.name)})


def _said(name: str) -> str:
    return os.environ.get(f"BRIEFQA_{name.upper()}", "")


def _number(name: str) -> int:
    said = _said(name).replace("_", "")
    if not (said.isascii() and said.isdigit() and 0 < len(said) <= 12 and int(said)):
        raise SettingsError(f"BRIEFQA_{name.upper()} is {_said(name)[:40]!r}: say a number, such as 1000000")
    return int(said)
