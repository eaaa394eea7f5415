"""The web app: routes of our own, Gradio's page below them, and headers that keep all of it at home."""

from __future__ import annotations

import re

import gradio as gr
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from briefqa.api import BriefQA
from briefqa.ui import reading
from briefqa.ui.page import build_page, head
from briefqa.ui.strings import choose
from briefqa.ui.theme import make_theme

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
# Nothing is uploaded, but Gradio's upload route exists.
_MOST_UPLOADED_BYTES = 1


def make_app(qa: BriefQA) -> FastAPI:
    """Return the app; see briefqa.ui.create_app."""
    app = FastAPI(title="briefqa", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(_AtHome)

    @app.get("/healthz")
    def healthz() -> JSONResponse:
        return JSONResponse({"generation": qa.info().generation})

    @app.get("/source/{article:path}")
    def source(request: Request, article: str, start: str = "", end: str = "", check: str = "") -> HTMLResponse:
        strings = choose(request.headers.get("accept-language", ""))
        if not article:
            status, html = 200, reading.library_page(qa, strings)
        else:
            status, html = reading.article_page(qa, article, _offset(start), _offset(end), check, strings)
        headers = {"Content-Security-Policy": reading.policy(), "Vary": "Accept-Language", "Cache-Control": "no-cache"}
        return HTMLResponse(html, status, headers)

    page, i18n = build_page(qa)
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        i18n=i18n,
        theme=make_theme(),
        head=head(),
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size=_MOST_UPLOADED_BYTES,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
    )
    return app


def _offset(value: str) -> int:
    """Return an offset from an address; 0 for what is none."""
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0


class _AtHome:
    """Adds the security headers to every response, and takes other hosts out of Gradio's page."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        page = scope["path"] == "/"
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
                headers.setdefault("Referrer-Policy", "no-referrer")
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
