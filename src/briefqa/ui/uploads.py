"""New briefs from a browser: checked like any file of the corpus, stored whole or not at all.

    upload = check_upload("h200.md", data, corpus)  # raises UploadError
    save_upload(upload, corpus)                     # raises one with reason "exists" rather than overwrite
    save_upload(upload, corpus, replace=True)

A file's name and content are untrusted. Nothing but the last part of the name counts, the file lands in the corpus's
own folder, and what stands there under its name is replaced only when that was asked for, and only if it is a plain
file.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from briefqa.articles import Problem, is_article_name, parse_file, slug_of
from briefqa.errors import ArticleError, BriefqaError
from briefqa.settings import Limits
from briefqa.ui.strings import ENGLISH, Strings
from briefqa.writing import without_hidden

LONGEST_NAME_BYTES = 200
"""File systems take 255, of which some encrypted ones need a third for themselves."""

# What Windows cannot store, or takes for a stream or a device.
_UNPORTABLE = re.compile(r'[<>:"|?*]')
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|clock\$|(com|lpt)[0-9¹²³])\s*(\.|$)", re.IGNORECASE)
# The joiners of Persian and Hindi are the only invisible characters that a name may need.
_JOINERS = "\u200c\u200d"
_NEVER_SEEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
_NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV, errno.EACCES}
_storing = threading.Lock()


class UploadError(BriefqaError):
    """A file cannot be taken into the corpus.

    reason: "name", "size", "content", "exists" or "write". problems: of the content. Words of it for people: `message`.
    """

    def __init__(self, reason: str, words: str, problems: tuple[Problem, ...] = (), **facts: str) -> None:
        self.reason = reason
        self.problems = problems
        self._words = words
        self._facts = facts
        super().__init__(self.message(ENGLISH))

    def message(self, strings: Strings) -> str:
        """Return what is wrong, and the cure, in the reader's language."""
        words: str = getattr(strings, self._words)
        return words.format(**self._facts)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that may be stored. name: its name in the corpus. warnings: what is read with a loss."""

    name: str
    data: bytes
    warnings: tuple[Problem, ...]


def check_name(name: str) -> str:
    """Return the name that a file of this name gets in the corpus. Raises UploadError."""
    name = unicodedata.normalize("NFC", name.replace("\\", "/").rpartition("/")[2].strip())
    shown = name if len(name) <= 80 else f"{name[:79]}…"
    shown = "".join(char for char in shown if not _is_unseen(char))
    stem, suffix = os.path.splitext(name)
    if name.startswith("."):
        raise UploadError("name", "upload_name_dot", name=shown)
    if not is_article_name(name):
        raise UploadError("name", "upload_name_suffix", name=shown)
    if any(map(_is_unseen, name)) or without_hidden(name) != name:
        raise UploadError("name", "upload_name_hidden", name=shown)
    if not stem.strip(f" .{_JOINERS}") or _DEVICE.match(name):
        raise UploadError("name", "upload_name_reserved", name=shown)
    if _UNPORTABLE.search(name):
        raise UploadError("name", "upload_name_characters", name=shown)
    if len(name.encode("utf-8")) > LONGEST_NAME_BYTES:
        raise UploadError("name", "upload_name_long", name=shown)
    return name


def _is_unseen(char: str) -> bool:
    return unicodedata.category(char) in _NEVER_SEEN and char not in _JOINERS


def check_upload(name: str, data: bytes, corpus: Path) -> Upload:
    """Read a file as a build would. name: as the browser gave it. Raises UploadError, but never for one that exists."""
    name = check_name(name)
    if len(data) > most_upload_bytes():
        raise too_large(name)
    if not corpus.is_dir():
        raise UploadError("write", "corpus_gone")
    try:
        article = parse_file(data, name)
    except ArticleError as error:
        problem = Problem(name, error.line, str(error))
        words = "upload_line" if error.line else "upload_content"
        raise UploadError(
            "content", words, (problem,), name=name, line=str(error.line), message=problem.message
        ) from error
    return Upload(name, data, article.warnings)


def too_large(name: str) -> UploadError:
    """Return the error for a file that is larger than what a build reads."""
    return UploadError("size", "upload_size", name=name, most=f"{most_upload_bytes() / 1_000_000:,.3g}")


def most_upload_bytes() -> int:
    """Return how long a file may be: what a build would not read need not be stored."""
    return Limits.from_environment().max_file_bytes


def save_upload(upload: Upload, corpus: Path, replace: bool = False) -> str:
    """Store a checked file in the corpus, whole or not at all, and return the name that it has there.

    replace: write over the brief of that name, suffix and Unicode form aside; it keeps the name that it has on disk.
    Raises UploadError with reason "exists" where replace is False, and "write" where it cannot be stored.
    """
    try:
        with _storing, _written(upload.data, corpus) as written:
            twin = _twin(upload.name, corpus)
            if twin and not replace:
                raise UploadError("exists", "upload_exists", name=twin)
            if twin:
                _replace(written, corpus / twin)
            else:
                _add(written, corpus / upload.name)
            _sync_folder(corpus)
            return twin or upload.name
    except FileExistsError as error:
        raise UploadError("exists", "upload_exists", name=upload.name) from error
    except OSError as error:
        raise UploadError("write", "upload_write", name=upload.name, message=error.strerror or "?") from error


def _twin(name: str, corpus: Path) -> str:
    """Return the name of the file that a build takes for the same article; "" if there is none.

    Of several it is the one that a build reads. Whether "A.md" and "a.md" are the same is for the file system to say.
    """
    slug = slug_of(corpus / name, corpus)
    with os.scandir(corpus) as scan:
        names = [entry.name for entry in scan if is_article_name(entry.name)]
    twins = [other for other in names if slug_of(corpus / other, corpus) == slug]
    if not twins and os.path.lexists(corpus / name):
        taken = os.lstat(corpus / name)
        twins = [other for other in names if os.path.samestat(os.lstat(corpus / other), taken)] or [name]
    return min(twins, key=lambda other: (not other.lower().endswith(".md"), other), default="")


@contextmanager
def _written(data: bytes, corpus: Path) -> Iterator[Path]:
    """Write data to a new file that no build reads, for its name begins with a dot; it is gone in the end."""
    path = corpus / f".{secrets.token_hex(8)}.upload"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o666)  # the umask decides who may read it, as for any other brief
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        yield path
    finally:
        with suppress(FileNotFoundError):
            path.unlink()


def _add(written: Path, target: Path) -> None:
    """Give a file its name. Raises FileExistsError if anything has that name, be it a link that leads nowhere."""
    try:
        os.link(written, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL))  # no hard links there: take the name first
        os.replace(written, target)


def _replace(written: Path, target: Path) -> None:
    if not stat.S_ISREG(os.lstat(target).st_mode):
        raise UploadError("name", "upload_not_a_file", name=target.name)
    shutil.copymode(target, written, follow_symlinks=False)
    os.replace(written, target)  # replaces a link and never follows one


def _sync_folder(folder: Path) -> None:
    """Make a new name last through a power cut; Windows knows no such thing."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
