"""The web app: routes of our own, Gradio's page below them, a gate before both, and headers that keep all at home."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import gradio as gr
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from briefqa.api import BriefQA
from briefqa.conversations import Conversations
from briefqa.settings import Limits
from briefqa.ui import reading
from briefqa.ui.access import Access, Gate, visitor
from briefqa.ui.bodies import Bodies
from briefqa.ui.freshness import Freshness, news_lines
from briefqa.ui.headers import AtHome
from briefqa.ui.login import add_login
from briefqa.ui.logins import Logins
from briefqa.ui.metrics import Metrics
from briefqa.ui.page import build_page, head
from briefqa.ui.paths import BelowPath, inner_path
from briefqa.ui.rebuilding import Rebuilding
from briefqa.ui.room import Room
from briefqa.ui.sessions import Sessions
from briefqa.ui.shelf import Shelf
from briefqa.ui.strings import chosen
from briefqa.ui.theme import make_theme
from briefqa.ui.upkeep import Upkeep
from briefqa.ui.upload_route import add_upload_route

# Briefs have a route of their own; nothing is uploaded by Gradio's.
_MOST_UPLOADED_BYTES = 1
# Threads beside those that wait for answers: for entering, exporting, and all else that takes milliseconds.
_SPARE_THREADS = 32


def make_app(qa: BriefQA, access: Access, root_path: str, workers: int, corpus: Path, watch: bool = False) -> FastAPI:
    """Return the app; see briefqa.ui.create_app. root_path: as clean_root_path returns it."""
    freshness = Freshness(qa, corpus)
    upkeep = Upkeep(corpus, qa.index, qa.own_encoder, freshness.forget, qa.device, qa.address) if watch else None
    if qa.address:  # the index is elsewhere, and conversations stay here
        with suppress(OSError):
            qa.index.mkdir(parents=True, exist_ok=True)
    kept = Conversations(qa.index)
    room = Room(qa, kept, workers)
    logins = None
    if access.passwords is not None:
        logins = Logins(access.passwords, Sessions(qa.index / "sessions.db"))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if upkeep is not None:
            upkeep.start()
        yield
        room.close()
        if upkeep is not None:
            upkeep.end()
        kept.close()
        if logins is not None:
            logins.sessions.close()

    app = FastAPI(title="briefqa", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    if logins is not None:
        add_login(app, logins)
    # The last one is the outermost: whoever may not come in cannot have a body read either.
    limited = {"/upload", "/login"}
    app.add_middleware(Bodies, Limits.from_environment().max_request_bytes, limited, inner_path)
    app.add_middleware(Gate, access, logins)
    app.add_middleware(AtHome)
    if root_path:
        app.add_middleware(BelowPath, root_path)

    rebuilding = Rebuilding(
        corpus, qa.index, qa.own_encoder, ended=freshness.forget, device=qa.device, store=qa.address
    )
    _add_reading(app, qa)
    _add_news(app, freshness)
    metrics = Metrics(qa, freshness)
    qa.observers.append(metrics.observe)
    _add_metrics(app, metrics)
    add_upload_route(app, lambda: corpus, lambda request: visitor(request).admin, lambda name: freshness.forget())

    page, i18n = build_page(qa, room, Shelf(qa, freshness, rebuilding), workers)
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
        head=head(reading.style("base", "chat", "corpus")),
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size=_MOST_UPLOADED_BYTES,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
    )
    return app


def _add_reading(app: FastAPI, qa: BriefQA) -> None:
    """Add the pages of briefs, and the address by which a supervisor knows that the server is well."""

    @app.get("/healthz")
    def healthz() -> JSONResponse:
        return JSONResponse({"generation": qa.info().generation})

    @app.get("/source/{article:path}")
    def source(request: Request, article: str, start: str = "", end: str = "", check: str = "") -> HTMLResponse:
        strings = chosen(request)
        # The panel's frame runs no scripts, and scrolls by itself.
        alone = request.headers.get("sec-fetch-dest") != "iframe"
        if not article:
            status, html = 200, reading.library_page(qa, strings, alone)
        else:
            status, html = reading.article_page(qa, article, _offset(start), _offset(end), check, strings, alone)
        headers = {"Content-Security-Policy": reading.policy(), "Vary": "Accept-Language, Cookie, Sec-Fetch-Dest"}
        return HTMLResponse(html, status, {**headers, "Cache-Control": "no-cache"})


def _add_metrics(app: FastAPI, metrics: Metrics) -> None:
    """Add what Prometheus asks for."""

    @app.get("/metrics")
    def read_metrics() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _add_news(app: FastAPI, freshness: Freshness) -> None:
    """Add what open pages ask every few seconds: whether what they show is still new."""

    @app.get("/news")
    def news(request: Request, generation: str = "") -> JSONResponse:
        found = freshness.news(_offset(generation))
        told = {
            "generation": found.generation,
            "ahead": found.ahead,
            "words": " ".join(news_lines(found, chosen(request))),
        }
        return JSONResponse(told, headers={"Cache-Control": "no-store"})


def _offset(value: str) -> int:
    """Return an offset from an address; 0 for what is none."""
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0
