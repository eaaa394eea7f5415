"""The headers that keep all of the chat at home, and a Gradio page that names no other host."""

from __future__ import annotations

import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from briefqa.ui.paths import inner_path

# Gradio's page needs inline code and eval (its HTML templates); what it must not do is talk to other hosts.
_PAGE_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
# Gradio's template carries preview pictures and names of its own project; no page of ours should.
_PREVIEW_TAGS = re.compile(rb'<meta\s+(?:property|name)="(?:og|twitter):[^>]*>\s*')


class AtHome:
    """Adds the security headers to every response, and takes other hosts out of Gradio's page."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, and see to what is answered."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        page = inner_path(scope) == "/"
        if page:  # plain, so that it can be read below
            scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]}
        start: Message | None = None
        body = b""

        async def filtered(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                headers.setdefault("Content-Security-Policy", _PAGE_POLICY)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                # Not no-referrer: browsers would send forms without their origin, and the gate could not tell whose.
                headers.setdefault("Referrer-Policy", "same-origin")
                if page and headers.get("content-type", "").startswith("text/html"):
                    start = message
                    return
            elif start is not None and message["type"] == "http.response.body":
                body += message.get("body", b"")
                if message.get("more_body"):
                    return
                body = _PREVIEW_TAGS.sub(b"", body)
                MutableHeaders(raw=start["headers"])["content-length"] = str(len(body))
                await send(start)
                message = {"type": "http.response.body", "body": body}
            await send(message)

        await self.app(scope, receive, filtered)
