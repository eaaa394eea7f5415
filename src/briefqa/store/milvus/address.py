"""Where an index in Milvus is: the address that people write, and what pymilvus is told.

    read_address("milvus://db.example:19530/press")     # a server; press: the index's name there
    read_address("milvus:///home/ann/briefs.db")        # milvus-lite, in this process

A token is no part of an address, which stands in logs and in the list of processes; it is in MILVUS_TOKEN.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from briefqa.errors import SettingsError

DEFAULT_NAME = "briefqa"
_PORT = 19530
# "__" parts the words of its collections' names.
_NAME = re.compile("(?!.*__)[A-Za-z][A-Za-z0-9_]{0,79}(?<!_)")
_EXAMPLES = "milvus://host:19530, https://host:19530/name, or milvus:///path.db for milvus-lite"


@dataclass(frozen=True, slots=True)
class Address:
    """Where an index in Milvus is.

    uri: for pymilvus. name: of the index there, the first part of its collections' names. lite: whether it is a
    milvus-lite in this process. shown: for people.
    """

    uri: str
    name: str
    lite: bool
    shown: str

    @property
    def missing(self) -> bool:
        """Whether it is a milvus-lite that is not there yet; to open it would make it."""
        return self.lite and not Path(self.uri).exists()


def read_address(text: str) -> Address:
    """Read an address. Raises SettingsError."""
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _wrong(text) from None
    if parts.username is not None or parts.password is not None:
        raise SettingsError("the store's address has a user or a token in it: take it out, and put it in MILVUS_TOKEN")
    if parts.scheme not in ("milvus", "http", "https") or parts.query or parts.fragment:
        raise _wrong(text)
    if not host:
        if parts.scheme == "milvus" and not parts.netloc and parts.path.endswith(".db") and parts.path.startswith("/"):
            path = os.path.normpath(parts.path)  # one file has one name, by which it is known who uses it
            return Address(path, DEFAULT_NAME, True, f"milvus://{path}")
        raise _wrong(text)
    name = parts.path.strip("/") or DEFAULT_NAME
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"the index's name in {_shown(text)!r} is none: write letters, digits and single _, 80 at most"
        )
    scheme = "https" if parts.scheme == "https" else "http"
    port = port or (443 if scheme == "https" else _PORT)
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    shown = f"{parts.scheme}://{where}" + (f"/{name}" if name != DEFAULT_NAME else "")
    return Address(f"{scheme}://{where}", name, False, shown)


def _wrong(text: str) -> SettingsError:
    return SettingsError(f"the store {_shown(text)!r} is no address of a Milvus: write {_EXAMPLES}")


def _shown(text: str) -> str:
    """Return what was written, without what may be secret in it."""
    return re.sub("//[^/@]*@", "//…@", text.strip())[:200]
