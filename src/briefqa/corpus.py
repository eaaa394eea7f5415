"""The files of a corpus: which are articles, what they are called, and how they are read without being fooled.

    files, problems = list_articles(Path("corpus"))
    slug_of(files[0], Path("corpus"))       # "industry/vendors"
    data = read_bytes(files[0], 1_000_000)

What stands in the folder was put there by others. Links out of it are not followed unless `follow_links` says so, and
nothing but regular files is opened: a pipe would hang a build, a device has no end.
"""

from __future__ import annotations

import os
import posixpath
import stat
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from briefqa.errors import ArticleError, CorpusError
from briefqa.settings import Settings
from briefqa.writing import is_invisible, without_hidden

_SUFFIXES = (".md", ".markdown")


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that could not be read, or was read with a loss.

    path: relative to the corpus, posix. line: 1-based, 0 for the file as a whole. message: one line, with the cure.
    """

    path: str
    line: int
    message: str


def slug_of(path: Path, corpus: Path) -> str:
    """Return the slug that the article of this file has."""
    return slug_of_name(name_below(path, corpus))


def name_below(path: Path, corpus: Path) -> str:
    """Return a path below the corpus, with slashes: what Path.relative_to does, in a tenth of the time."""
    root = os.path.join(corpus, "") if str(corpus) != "." else ""
    whole = str(path)
    return whole[len(root) :].replace(os.sep, "/") if whole.startswith(root) else path.relative_to(corpus).as_posix()


def slug_of_name(relative: str) -> str:
    """Return the slug of a file by its path below the corpus, posix."""
    return unicodedata.normalize("NFC", posixpath.splitext(relative)[0])


def is_article_name(name: str) -> bool:
    """Say whether a file of this name is taken for an article."""
    return os.path.splitext(name)[1].lower() in _SUFFIXES


def read_bytes(path: Path, most: int) -> bytes:
    """Read a regular file, no more than `most` bytes and one; what is longer is too long.

    Raises ArticleError for what cannot be read, and for a pipe, a socket or a device, at once.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ArticleError("not a regular file: remove it")
            return file.read(most + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ArticleError(f"the file cannot be read ({reason}): check its permissions") from error


def list_articles(corpus: Path, follow_links: bool | None = None) -> tuple[list[Path], list[Problem]]:
    """Find the articles below a folder: *.md and *.markdown, sorted by slug, and what looks like one and is none.

    Names that begin with a dot are passed over. follow_links: whether links to folders, and to files outside of the
    corpus, are followed; left out, what the setting says. Raises CorpusError if the folder itself cannot be listed.
    """
    if not corpus.is_dir():
        state = "is not a folder" if corpus.exists() else "does not exist"
        raise CorpusError(f"corpus {corpus} {state}: name the folder that holds the articles")
    follow = Settings.from_environment(follow_links=follow_links).follow_links
    root = os.path.realpath(corpus)
    found: list[str] = []
    problems: list[Problem] = []
    folders = [""]
    scanned = {root}
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(corpus / folder) as scan:
                entries = sorted((entry for entry in scan if not entry.name.startswith(".")), key=lambda e: e.name)
        except OSError as error:
            if not folder:
                message = f"corpus {corpus} cannot be read ({error.strerror}): check its permissions"
                raise CorpusError(message) from error
            problems.append(Problem(_printable(folder), 0, "the folder cannot be read: check its permissions"))
            continue
        for entry in entries:
            relative = f"{folder}/{entry.name}" if folder else entry.name
            message = _obstacle(entry, root, follow)
            if _is_folder(entry, follow) and not _is_odd(entry.name):
                target = os.path.realpath(entry.path)
                if target in scanned:
                    message = "the link leads to a folder that is read already: remove it"
                else:
                    scanned.add(target)
                    folders.append(relative)
            if message:
                problems.append(Problem(_printable(relative), 0, message))
            elif is_article_name(entry.name):
                found.append(relative)
    kept: dict[str, str] = {}
    for relative in sorted(found, key=lambda name: (slug_of_name(name), not name.lower().endswith(".md"), name)):
        twin = kept.setdefault(slug_of_name(relative), relative)
        if twin is not relative:
            message = f"its name is that of {twin}, suffix and Unicode form aside: rename one of the two"
            problems.append(Problem(relative, 0, message))
    problems.sort(key=lambda problem: problem.path)
    return [corpus / relative for relative in kept.values()], problems


def _is_folder(entry: os.DirEntry[str], follow_links: bool) -> bool:
    if not entry.is_symlink():
        return entry.is_dir(follow_symlinks=False)
    return follow_links and os.path.isdir(entry.path)  # entry.is_dir() raises for a link to itself


def _printable(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "replace")


def _is_odd(name: str) -> bool:
    """Say whether a name cannot be shown as it is; half a character stands for a byte that is not UTF-8."""
    printable = _printable(name)
    return "\n" in printable or without_hidden(printable) != printable or any(map(is_invisible, printable))


def _obstacle(entry: os.DirEntry[str], root: str, follow_links: bool) -> str:
    """Say why an entry of a folder is no article though it looks like one; "" if it is one, or does not look so."""
    if entry.is_symlink():
        if os.path.isdir(entry.path):
            if not follow_links:
                return "links to folders are not followed: move the folder into the corpus"
            return _oddity(entry.name)
        if not is_article_name(entry.name):
            return ""
        target = os.path.realpath(entry.path)
        if not os.path.exists(target):
            return "the link leads nowhere: mend or remove it"
        if not follow_links and not Path(target).is_relative_to(root):
            return "the link leads out of the corpus: copy the file into it"
    if is_article_name(entry.name) or entry.is_dir():
        oddity = _oddity(entry.name)
        if oddity:
            return oddity
    if not is_article_name(entry.name):
        return ""
    if entry.is_dir():
        return "a folder with the name of an article: rename it (what is in it is read)"
    if not entry.is_file():
        return "not a regular file: remove it"
    if _printable(entry.name) != entry.name:
        return "the file's name is not valid UTF-8: rename it"
    return ""


def _oddity(name: str) -> str:
    return "its name has characters that cannot be seen, or two lines: rename it" if _is_odd(name) else ""
