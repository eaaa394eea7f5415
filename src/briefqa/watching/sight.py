"""What lies in a corpus, without reading it, and whether its file system tells of changes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from briefqa.articles import is_article_name
from briefqa.changes import Signature, signature_of

# File systems of which another machine, or the host of a virtual one, may change a file without a word.
_SILENT = frozenset(
    "9p afs beegfs ceph cifs coda drvfs fuse glusterfs gpfs lustre nfs nfs4 orangefs prl_fs pvfs2 smb3 smbfs vboxsf "
    "virtiofs vmhgfs".split()
)
_MOUNTS = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True)
class Sight:
    """What lay in a corpus at one moment, by absolute paths.

    files: the signature of each that may be an article, empty if it cannot be looked at. folders: the number that the
    file system gave each, the corpus itself among them.
    """

    files: dict[str, Signature]
    folders: dict[str, int]

    def written_since(self, before: Sight) -> set[str]:
        """Return the files that were there before and were written to in place; not those that another one replaced."""
        return {
            path
            for path, signature in self.files.items() - before.files.items()
            if signature and before.files.get(path, ())[-1:] == signature[-1:]
        }

    def differing(self, other: Sight) -> set[str]:
        """Return the files that are in one of the two alone, or are not the same in both."""
        return {path for path, _ in self.files.items() ^ other.files.items()}


def look(corpus: Path) -> Sight:
    """Return what lies in a corpus; links to folders are not followed. Raises OSError if it cannot be listed."""
    files: dict[str, Signature] = {}
    folders: dict[str, int] = {}
    root = os.path.abspath(corpus)
    ahead = [(root, os.stat(root).st_ino)]
    while ahead:
        folder, number = ahead.pop()
        try:
            with os.scandir(folder) as scan:
                for entry in scan:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        ahead.append((entry.path, entry.inode()))
                    elif is_article_name(entry.name):
                        files[entry.path] = signature_at(entry.path)
        except OSError:
            if not folders:
                raise
            continue  # gone since its parent was listed, or closed to us; a build says so
        folders[folder] = number
    return Sight(files, folders)


def signature_at(path: str) -> Signature:
    """Return the signature of a file, empty if it cannot be looked at."""
    try:
        return signature_of(os.stat(path))
    except OSError:
        return ()


def tells_of_changes(corpus: Path) -> bool:
    """Say whether the system tells of all changes below a folder, as far as it is known: not of network mounts."""
    kind = _file_system(os.path.realpath(corpus))
    return kind not in _SILENT and not kind.startswith("fuse.")


def _file_system(path: str) -> str:
    """Return the type of the file system that a path lies on; empty where only Linux would say."""
    found, length = "", -1
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    for line in lines:
        before, _, after = line.partition(" - ")
        # Spaces and their like are written as octal escapes.
        place = before.split(" ")[4].encode("utf-8", "surrogateescape").decode("unicode_escape").encode("latin-1")
        mount = os.fsdecode(place).rstrip("/")
        if (path == mount or path.startswith(f"{mount}/")) and len(mount) >= length:
            found, length = after.split(" ")[0], len(mount)
    return found
