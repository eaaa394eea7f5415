"""Requests that are no longer than the limit, whatever the routes behind it would read.

    app.add_middleware(Bodies, most=1_000_000, but={"/upload"}, path=inner_path)

A body is taken in before the app sees the request, so no route and no library can be made to hold more of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


def _path(scope: Scope) -> str:
    return str(scope["path"])


class Bodies:
    """Answers 413 to a request with a longer body.

    most: bytes. but: the paths that have a limit of their own. path: returns the path of a request in the app.
    """

    def __init__(
        self, app: ASGIApp, most: int, but: Collection[str] = (), path: Callable[[Scope], str] = _path
    ) -> None:
        self.app = app
        self._most = most
        self._but = frozenset(but)
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or say that it is too long."""
        if scope["type"] != "http" or self._path(scope) in self._but:
            await self.app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"")
        too_long = length.isdigit() and int(length[:20]) > self._most
        body = bytearray()
        taken: Message = {"type": "http.request", "more_body": True}
        while not too_long and taken["type"] == "http.request" and taken.get("more_body"):
            taken = await receive()
            body += taken.get("body", b"")
            too_long = len(body) > self._most
        if too_long:
            # What is still to come is not read, so the connection cannot be used again.
            refusal = PlainTextResponse(f"A request may have {self._most:,} bytes: send less.\n", 413)
            refusal.headers["Connection"] = "close"
            await refusal(scope, receive, send)
            return
        waiting: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]
        if taken["type"] != "http.request":  # gone before all of it was sent
            waiting = [taken]

        async def replay() -> Message:
            return waiting.pop() if waiting else await receive()

        await self.app(scope, replay, send)
