"""Where the chat stands: at the root of a host, below a path that a proxy takes away, or mounted in another app.

All of these come to ASGI's root_path, with which the scope's path begins. Links in pages are relative and need
none of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_ROOT_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)+")


def clean_root_path(path: str) -> str:
    """Return the path without a slash at its end, "" for the root. Raises ValueError for what is no such path."""
    path = path.rstrip("/")
    if path and not _ROOT_PATH.fullmatch(path):
        raise ValueError(
            f"{path!r} is no path to serve the chat at: give one like /briefs, of letters, digits, - . _ ~ and /"
        )
    return path


def inner_path(scope: Scope) -> str:
    """Return the path of a request below the place where the chat stands: "/", "/source/x", "/login"."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if root and (path == root or path.startswith(f"{root}/")):
        return path[len(root) :] or "/"
    return path


def cookie_path(scope: Scope) -> str:
    """Return the path that a cookie of the chat is for."""
    return quote(scope.get("root_path", "")) or "/"


class BelowPath:
    """Puts back the path that a proxy took away; of a proxy that takes away nothing, paths stay as they are."""

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        self.app = app
        self._root = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through with the path that it had before the proxy."""
        if scope["type"] in ("http", "websocket"):
            path: str = scope["path"]
            if path != self._root and not path.startswith(f"{self._root}/"):
                scope = {**scope, "path": self._root + path, "raw_path": quote(self._root + path).encode("ascii")}
            scope = {**scope, "root_path": self._root}
        await self.app(scope, receive, send)
