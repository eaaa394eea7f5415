"""The web app: routes of our own, Gradio's page below them, a gate before both, and headers that keep all at home."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import gradio as gr
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse

from briefqa.api import BriefQA
from briefqa.ui import reading
from briefqa.ui.access import Access, Gate
from briefqa.ui.headers import AtHome
from briefqa.ui.login import add_login
from briefqa.ui.logins import Logins
from briefqa.ui.page import build_page, head
from briefqa.ui.paths import BelowPath
from briefqa.ui.sessions import Sessions
from briefqa.ui.strings import choose
from briefqa.ui.theme import make_theme

# Nothing is uploaded, but Gradio's upload route exists.
_MOST_UPLOADED_BYTES = 1
# Threads beside those that wait for answers: for entering, exporting, and all else that takes milliseconds.
_SPARE_THREADS = 32


def make_app(qa: BriefQA, access: Access, root_path: str, workers: int) -> FastAPI:
    """Return the app; see briefqa.ui.create_app. root_path: as clean_root_path returns it."""
    logins = None
    if access.passwords is not None:
        logins = Logins(access.passwords, Sessions(qa.index / "sessions.db"))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        if logins is not None:
            logins.sessions.close()

    app = FastAPI(title="briefqa", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    if logins is not None:
        add_login(app, logins)
    # The last one is the outermost.
    app.add_middleware(Gate, access, logins)
    app.add_middleware(AtHome)
    if root_path:
        app.add_middleware(BelowPath, root_path)

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

    page, i18n = build_page(qa, workers)
    # Gradio runs functions in threads: with another number than 40 in threads of its own, so that briefs can be read
    # however many answers are waited for. Its launch() sets both; a mounted page has no other way.
    page.max_threads = page._queue.max_thread_count = max(41, workers + _SPARE_THREADS)
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        root_path=root_path or None,
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
