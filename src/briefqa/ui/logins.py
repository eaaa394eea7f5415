"""Logging in: a name and a password to a session, or to a name for one request; and no guessing without end.

logins = Logins(passwords, sessions)
await logins.log_in("alice", "correct horse", client="203.0.113.7")    # a token, or None
await logins.basic("Basic YWxpY2U6…", client="203.0.113.7")            # a name, or None: for scripts and agents
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from briefqa.passwords import LONGEST_NAME, LONGEST_PASSWORD, verify
from briefqa.ui.sessions import Sessions

# Argon2 takes 64 MiB and some 50 ms of a core: strangers shall not have all the cores, nor the memory.
_HASHING_THREADS = 2
# So many mistakes are free; then a minute's wait, and twice as long with each further one, up to an hour.
_FREE_FOR_NAME = 5
_FREE_FOR_CLIENT = 50
_FIRST_WAIT = 60.0  # seconds
_LONGEST_WAIT = 3600.0  # seconds
_MOST_REMEMBERED = 10_000
# A header that was right is taken for right for so long, else each request of a script would cost 50 ms.
_HEADER_HOLDS = 300.0  # seconds
_MOST_HEADERS = 256


class TooManyMistakes(Exception):
    """Too many wrong passwords; seconds: how long to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"wait {seconds} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class _Known:
    name: str
    hashed: str
    until: float


class Logins:
    """Checks names and passwords for a server. Of the event loop alone."""

    def __init__(self, passwords: Mapping[str, str], sessions: Sessions) -> None:
        self.passwords = passwords
        self.sessions = sessions
        self._mistakes = Mistakes()
        self._threads = ThreadPoolExecutor(_HASHING_THREADS, "briefqa-password")
        self._headers: OrderedDict[bytes, _Known] = OrderedDict()

    async def log_in(self, name: str, password: str, client: str) -> str | None:
        """Return the token of a new session, or None for a wrong name or password. Raises TooManyMistakes."""
        name = unicodedata.normalize("NFC", name.strip())
        if not await self._right(name, password, client):
            return None
        hashed = self.passwords.get(name)
        return self.sessions.start(name, hashed) if hashed is not None else None

    async def basic(self, authorization: str, client: str) -> str | None:
        """Return the name in an Authorization header of HTTP's Basic scheme (RFC 7617), or None unless it is right.

        Raises TooManyMistakes.
        """
        now = time.monotonic()
        key = hashlib.sha256(authorization.encode("latin-1", "replace")).digest()
        known = self._headers.get(key)
        if known and now < known.until and self.passwords.get(known.name) == known.hashed:
            return known.name
        pair = _basic_pair(authorization)
        if pair is None or not await self._right(*pair, client):
            return None
        hashed = self.passwords.get(pair[0])
        if hashed is None:
            return None
        self._headers[key] = _Known(pair[0], hashed, now + _HEADER_HOLDS)
        while len(self._headers) > _MOST_HEADERS:
            self._headers.popitem(last=False)
        return pair[0]

    async def _right(self, name: str, password: str, client: str) -> bool:
        if len(name) > LONGEST_NAME or len(password) > LONGEST_PASSWORD:
            return False
        self._mistakes.begin(client, name)
        loop = asyncio.get_running_loop()
        right = await loop.run_in_executor(self._threads, verify, self.passwords, name, password)
        if right:
            self._mistakes.forgive(client, name)
        return right


def _basic_pair(authorization: str) -> tuple[str, str] | None:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.casefold() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        return None
    return (unicodedata.normalize("NFC", name), password) if colon else None


class Mistakes:
    """Counts the wrong passwords of a client for a name, and of a client for all names; the oldest are forgotten.

    An attempt counts from its beginning, so that many at once are no way around the limit.
    """

    def __init__(self) -> None:
        self._counts: OrderedDict[tuple[str, ...], tuple[int, float]] = OrderedDict()

    def begin(self, client: str, name: str) -> None:
        """Count an attempt. Raises TooManyMistakes instead where a wait is due."""
        now = time.monotonic()
        limits = {(client, name): _FREE_FOR_NAME, (client,): _FREE_FOR_CLIENT}
        for key, free in limits.items():
            count, last = self._counts.get(key, (0, now))
            wait = min(_FIRST_WAIT * 2.0 ** min(count - free, 10), _LONGEST_WAIT) if count >= free else 0.0
            if now < last + wait:
                raise TooManyMistakes(int(last + wait - now) + 1)
        for key in limits:
            count, last = self._counts.pop(key, (0, now))
            self._counts[key] = (count + 1 if now - last < _LONGEST_WAIT else 1, now)
        while len(self._counts) > _MOST_REMEMBERED:
            self._counts.popitem(last=False)

    def forgive(self, client: str, name: str) -> None:
        """Take back an attempt that was no mistake, and those before it for this name."""
        self._counts.pop((client, name), None)
        count, last = self._counts.get((client,), (0, 0.0))
        if count > 1:
            self._counts[(client,)] = (count - 1, last)
        else:
            self._counts.pop((client,), None)
