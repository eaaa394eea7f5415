"""Folders of files that are computed once and read by every later start.

    folder = prepared(cache_dir / "use-0.2.1-1", write)   # None: the cache cannot be written

| what a crash, a copy or another process can leave | what the next call does |
|---|---|
| nothing                                           | writes a temporary folder beside it and renames that |
| a temporary folder of a writer that was killed    | leaves it for a day, then deletes it |
| a folder without a manifest, or a file of another size | writes it anew |
| files with other times (copied, or touched)       | compares checksums: notes the new times, or writes anew |
| the folder of a process that was faster           | takes that one |
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
import zlib
from collections.abc import Callable
from pathlib import Path

_MANIFEST = "manifest.json"
_BLOCK = 1 << 20
_DAY = 86_400.0  # seconds; no writer takes that long, so what is older belongs to one that was killed


def prepared(folder: Path, write: Callable[[Path], None]) -> Path | None:
    """Return `folder` with all its files as `write` left them, calling `write` only when they are not there.

    write is given an empty folder to fill, and has to fill it with the same bytes every time. Files are not read
    unless their times changed: reading 80 MB costs more than answering a question. None: the folder cannot be
    written. What `write` raises, other than OSError, is passed on.
    """
    if _whole(folder):
        return folder
    new = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        new = _temporary(folder)
        write(new)
        _write_manifest(new, {path.relative_to(new).as_posix(): _checksum(path) for path in _files(new)})
        return _put(new, folder)
    except OSError:
        return None
    finally:
        if new is not None:
            shutil.rmtree(new, ignore_errors=True)


def _put(new: Path, folder: Path) -> Path | None:
    """Rename `new` to `folder`; what is damaged there is moved out of the way, what is whole is kept."""
    for _ in range(3):
        try:
            new.rename(folder)
            return folder
        except OSError:
            if _whole(folder):
                return folder
            # Not deleted in place: a process that mapped the damaged files keeps them until it ends.
            aside = _temporary(folder)
            try:
                folder.rename(aside / folder.name)
            except FileNotFoundError:
                pass  # another process was faster
            finally:
                shutil.rmtree(aside, ignore_errors=True)
    return None


def _temporary(folder: Path) -> Path:
    """Make an empty folder beside `folder`, readable to whom the umask says (mkdtemp's are private)."""
    path = folder.with_name(f"{folder.name}.tmp-{secrets.token_hex(8)}")
    path.mkdir()
    return path


def _sweep(folder: Path) -> None:
    for left in folder.parent.glob(f"{folder.name}.tmp-*"):
        try:
            old = time.time() - left.stat().st_mtime > _DAY
        except FileNotFoundError:
            continue  # its writer has just renamed it
        if old:
            shutil.rmtree(left, ignore_errors=True)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != _MANIFEST)


def _checksum(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            value = zlib.crc32(block, value)
    return value


def _write_manifest(folder: Path, checksums: dict[str, int]) -> None:
    """Note size, time and checksum of every file. checksums: by path below `folder`."""
    entries = {}
    for name, checksum in checksums.items():
        stat = (folder / name).stat()
        entries[name] = [stat.st_size, stat.st_mtime_ns, checksum]
    part = folder / f"{_MANIFEST}.{os.getpid()}"
    part.write_text(json.dumps(entries), encoding="utf-8")
    part.replace(folder / _MANIFEST)


def _whole(folder: Path) -> bool:
    try:
        entries = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        moved = False
        for name, (size, mtime_ns, checksum) in entries.items():
            path = folder / name
            stat = path.stat()
            if stat.st_size != size:
                return False
            if stat.st_mtime_ns != mtime_ns:
                if _checksum(path) != checksum:
                    return False
                moved = True
    except (OSError, ValueError, TypeError, AttributeError):
        return False
    if moved:
        try:
            _write_manifest(folder, {name: entry[2] for name, entry in entries.items()})
        except OSError:
            pass  # a cache that can only be read; the next start compares again
    return bool(entries)
