"""How the database is opened for reading, and what is said where it cannot be read or written.

| the folder                                     | how it is read                                         |
|------------------------------------------------|--------------------------------------------------------|
| can be written, or a build or reader is there  | with SQLite's locks                                    |
| cannot be written, nobody is there             | without locks, watching the file for a change          |
| cannot be written, a killed build left a log   | not at all, until somebody opens it who may write there |
"""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from briefqa.errors import BriefqaError, IndexCorruptError, IndexWriteError
from briefqa.store.schema import DATABASE, FORMAT, not_found


@dataclass(frozen=True, slots=True)
class Database:
    """A database that is open for reading.

    place: device and number of the file. signature: of a file that SQLite cannot lock, because its folder cannot be
    written, what changes when it is written to; None of one that it locks.
    """

    connection: sqlite3.Connection
    place: tuple[int, int]
    signature: tuple[int, ...] | None = None


def place_of(path: Path) -> tuple[int, int] | None:
    """Return device and number of a file, which are others after it was replaced; None if it is not there."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def signature_of(path: Path) -> tuple[int, ...] | None:
    """Return what changes whenever the database is written to; None while a build may be doing so."""
    log = path.with_name(f"{path.name}-wal")
    try:
        if log.exists() and log.stat().st_size:
            return None
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def connect(path: Path) -> Database:
    """Open an existing database for reading, also in a folder that cannot be written."""
    place = place_of(path)
    if place is None:
        raise not_found(path)
    try:
        return Database(_connect(path, "mode=ro"), place)
    except sqlite3.OperationalError as error:  # a WAL database without its side files, in a read-only folder
        reason = error
    signature = signature_of(path)
    if signature is not None:  # else the newest build is in the log, which would be passed over
        try:
            return Database(_connect(path, "mode=ro&immutable=1"), place, signature)
        except sqlite3.OperationalError as error:
            reason = error
    raise IndexCorruptError(f"{path} cannot be opened ({reason}): check that you may read it and its folder")


def _connect(path: Path, options: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{options}", uri=True, check_same_thread=False, isolation_level=None
    )
    try:
        if check_format(connection, path) < FORMAT:
            raise IndexCorruptError(
                f"{path} was built by an older briefqa: run `briefqa build` once, it keeps what was embedded"
            )
        return connection
    except sqlite3.OperationalError:
        connection.close()
        raise
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # SQLite's message quotes what it could not read
        connection.close()
        raise corrupt(path, error) from error
    except BriefqaError:
        connection.close()
        raise


def check_format(connection: sqlite3.Connection, path: Path) -> int:
    """Return the format of the database.

    Raises IndexNotFoundError if nothing was committed to it yet, IndexCorruptError if it is another program's or a
    newer briefqa's.
    """
    if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise not_found(path)
    try:
        row = connection.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
    except sqlite3.OperationalError as error:
        if "no such" not in str(error):
            raise
        raise IndexCorruptError(f"{path} is no briefqa index: build into another folder") from error
    try:
        written = int(row[0]) if row else 0
    except (TypeError, ValueError) as error:
        raise corrupt(path, error) from error
    if written > FORMAT:
        raise IndexCorruptError(
            f"{path} has format {written}, this briefqa reads up to {FORMAT}: upgrade briefqa, or build in a new folder"
        )
    return written


# The byte of the shared-memory file that a writer locks: https://sqlite.org/walformat.html#locks
_WRITE_LOCK = 120
# What SQLite says where the database itself is sound: of the disk, of permissions, of who else uses it.
_AROUND = ("locked", "busy", "full", "I/O", "unable to open", "readonly", "protocol", "interrupted", "memory")


def is_locked(error: Exception) -> bool:
    """Say whether SQLite failed because somebody else is writing."""
    return "locked" in str(error) or "busy" in str(error)


def lock_holder(path: Path) -> int:
    """Return the process that is writing to a database, 0 where that is not known; only Linux says it.

    The file itself must not be opened for this: closing it would end all locks that this process has on it.
    """
    try:
        shared = path.with_name(f"{path.name}-shm").stat()
        held = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return 0
    device = f"{os.major(shared.st_dev):02x}:{os.minor(shared.st_dev):02x}:{shared.st_ino}"
    for line in held:  # 7: POSIX  ADVISORY  WRITE 4711 08:01:123456 120 120
        fields = line.split()
        if len(fields) == 8 and fields[3] == "WRITE" and fields[5] == device and fields[6].isdecimal():
            first, last = int(fields[6]), fields[7]
            if first <= _WRITE_LOCK and (last == "EOF" or _WRITE_LOCK <= int(last)) and fields[4].isdecimal():
                return int(fields[4])
    return 0


def unreadable(path: Path, error: sqlite3.Error) -> BriefqaError:
    """Return the error for a database that could not be read, with the cure."""
    if any(words in str(error) for words in _AROUND):
        return IndexCorruptError(f"{path} could not be read ({error}): check the disk and its folder, and try again")
    return corrupt(path, error)


def unwritable(index: Path, error: Exception) -> BriefqaError:
    """Return the error for an index that could not be written, with the cure."""
    if not isinstance(error, OSError) and not any(words in str(error) for words in _AROUND):
        return corrupt(index / DATABASE, error)
    return IndexWriteError(
        f"cannot write the index to {index} ({error}): make room there, or choose a folder that you may write to; "
        "what was built before is as it was"
    )


def corrupt(path: Path, reason: object) -> IndexCorruptError:
    """Return the error for a damaged database, with the cure."""
    return IndexCorruptError(
        f"{path} is damaged ({reason}): delete it and build again with `briefqa build CORPUS --index {path.parent}`, "
        "your articles are untouched"
    )
