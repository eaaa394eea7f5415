"""The file of those who may log in: a name and the Argon2id hash of a password on each line, never the password.

    set_password("people", "alice", "correct horse")    # adds or replaces; the file is for its owner's eyes alone
    people = PasswordFile("people")                     # a mapping, read anew when the file has changed
    verify(people, "alice", "correct horse")            # True

Blank lines and lines that begin with # are left alone. What cannot be read is told by its line, never by its content,
which may be a password that somebody wrote there by hand.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import tempfile
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from briefqa.errors import PasswordFileError
from briefqa.writing import without_hidden

if TYPE_CHECKING:
    from argon2 import PasswordHasher

# What NIST SP 800-63B asks for, in characters.
SHORTEST_PASSWORD = 8
# In bytes: a hash of more would be work that a stranger can ask for.
LONGEST_PASSWORD = 1024
LONGEST_NAME = 64
_HASH = re.compile(r"\$argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]{16,}")
_log = logging.getLogger(__name__)


def read_passwords(path: str | Path) -> Mapping[str, str]:
    """Return the hash of each name. Raises PasswordFileError, which names the line and the cure."""
    hashes = {}
    for number, line in enumerate(_read(Path(path)).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        where = f"{path}:{number}"
        name, colon, hashed = line.strip().partition(":")
        if not colon or not _HASH.fullmatch(hashed):
            raise PasswordFileError(
                f"{where}: not a name and an Argon2id hash: take the line out and write it anew with "
                f"`briefqa password NAME --auth {path}`"
            )
        if _fault(name):
            raise PasswordFileError(f"{where}: the name {_fault(name)}: take the line out and choose another name")
        if name in hashes:
            raise PasswordFileError(f"{where}: {name} is there twice: take one of the lines out")
        hashes[name] = hashed
    if not hashes:
        raise PasswordFileError(f"{path} names nobody: add somebody with `briefqa password NAME --auth {path}`")
    return hashes


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise PasswordFileError(
            f"no password file at {path}: make it with `briefqa password NAME --auth {path}`"
        ) from None
    except UnicodeDecodeError:
        raise PasswordFileError(f"{path} is no password file: it is not UTF-8 text; name another file") from None
    except OSError as error:
        raise PasswordFileError(f"{path} cannot be read ({error.strerror}): name a file that can") from None


def set_password(path: str | Path, name: str, password: str) -> None:
    """Add a name, or replace its password; other lines stay as they are.

    Raises PasswordFileError for a name or password that cannot be one, or a file that cannot be written.
    """
    name = unicodedata.normalize("NFC", name)
    if fault := _fault(name):
        raise PasswordFileError(f"the name {fault}: choose another")
    if len(password) < SHORTEST_PASSWORD:
        raise PasswordFileError(f"the password is too short: choose one of {SHORTEST_PASSWORD} characters or more")
    if len(_bytes(password)) > LONGEST_PASSWORD:
        raise PasswordFileError(f"the password is too long: choose one of at most {LONGEST_PASSWORD} bytes")
    path = Path(path)
    lines = _read(path).splitlines() if path.exists() else []
    ours = f"{name}:{_hasher().hash(_bytes(password))}"
    at = [number for number, line in enumerate(lines) if _is_of(line, name)]
    kept = [line for number, line in enumerate(lines) if number not in at[1:]]
    if at:
        kept[at[0]] = ours
    else:
        kept.append(ours)
    _write(path, kept)


def remove_password(path: str | Path, name: str) -> None:
    """Take a name out of the file. Raises PasswordFileError where it is not there."""
    name, path = unicodedata.normalize("NFC", name), Path(path)
    lines = _read(path).splitlines()
    kept = [line for line in lines if not _is_of(line, name)]
    if len(kept) == len(lines):
        raise PasswordFileError(f"{path} has nobody of the name {name}: check how it is written there")
    _write(path, kept)


def _is_of(line: str, name: str) -> bool:
    return not line.startswith("#") and line.strip().startswith(f"{name}:")


def _write(path: Path, lines: list[str]) -> None:
    """Replace the file at once: whoever reads it sees the old lines or the new ones."""
    path = path.resolve()  # a link stays one
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
        with open(handle, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(temporary)
        raise PasswordFileError(f"{path} cannot be written ({error.strerror}): choose another place") from None


def _fault(name: str) -> str:
    """Say what is wrong with a name, "" for a good one. A colon ends it, here and in HTTP's Basic scheme."""
    if not name or name != name.strip() or name.startswith("#"):
        return "is empty, or begins or ends with what cannot be seen or with #"
    if ":" in name or not name.isprintable() or without_hidden(name) != name:
        return "has a colon or a character in it that cannot be seen"
    if len(name) > LONGEST_NAME:
        return f"has more than {LONGEST_NAME} characters"
    return ""


def verify(passwords: Mapping[str, str], name: str, password: str) -> bool:
    """Say whether this is the password of the name; it takes as long for a name that is not there (some 50 ms)."""
    from argon2.exceptions import InvalidHashError, VerificationError

    known = passwords.get(unicodedata.normalize("NFC", name))
    given = _bytes(password)
    fits = 0 < len(given) <= LONGEST_PASSWORD
    try:
        right = _hasher().verify(known or _nobodys_hash(), given if fits else b"")
    except (VerificationError, InvalidHashError):
        return False
    return right and fits and known is not None


def _bytes(password: str) -> bytes:
    """Return what is hashed: the same bytes from whichever keyboard the accents came."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


@cache
def _hasher() -> PasswordHasher:
    """Return what hashes: with the defaults of argon2-cffi, RFC 9106's choice for little memory (64 MiB)."""
    from argon2 import PasswordHasher

    return PasswordHasher()


@cache
def _nobodys_hash() -> str:
    return _hasher().hash(secrets.token_bytes(16))


class PasswordFile(Mapping[str, str]):
    """The names and hashes of a password file, as they are now: who is taken out of it is out at once.

    While the file cannot be read, what it last said holds, and the log says why. Raises PasswordFileError if it cannot
    be read to begin with.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._stamp = self._look()
        self._hashes = read_passwords(path)

    def _look(self) -> tuple[int, int, int]:
        try:
            found = self.path.stat()
        except OSError:
            return 0, 0, 0
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _now(self) -> Mapping[str, str]:
        stamp = self._look()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._hashes = read_passwords(self.path)
            except PasswordFileError as error:
                _log.error("%s; until then the old passwords hold", error)
        return self._hashes

    def __getitem__(self, name: str) -> str:
        return self._now()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())
