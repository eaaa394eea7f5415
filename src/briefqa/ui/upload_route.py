"""POST /upload: a new brief as the request's body, for those who may change the corpus.

    add_upload_route(app, lambda: corpus, may=is_admin, saved=lambda name: freshness.forget())
    # POST /upload?name=h200.md&replace=0, Content-Type: application/octet-stream
    # {"name": "h200.md", "words": "“h200.md” was added. …", "reason": "", "problems": []}

The content type is asked for because no form of another site can send it without the browser asking this server first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from briefqa.articles import Problem
from briefqa.ui.strings import LANGUAGES, Strings, chosen
from briefqa.ui.uploads import (
    Upload,
    UploadError,
    check_name,
    check_upload,
    most_upload_bytes,
    save_upload,
    too_large,
)

CONTENT_TYPE = "application/octet-stream"
_STATUS = {"exists": 409, "size": 413, "name": 422, "content": 422, "write": 500}


def add_upload_route(
    app: FastAPI,
    corpus_of: Callable[[], Path],
    may: Callable[[Request], bool],
    saved: Callable[[str], object] | None = None,
) -> None:
    """Add POST /upload to an app.

    corpus_of: the folder that briefs are stored in. may: whether who sent a request may change it. saved: called, in a
    worker thread, with the name of each file that was stored. Answers are JSON: the file's name, words for people in
    the language of `language=`, or else as chosen on the page or in the browser, problems (path, line, message), and a
    reason if it was refused: one of UploadError's, "forbidden" or "type".
    """

    @app.post("/upload")
    async def upload(request: Request, name: str = "", replace: str = "0", language: str = "") -> JSONResponse:
        strings = LANGUAGES.get(language) or chosen(request)
        if not may(request):
            return _answer(403, "", strings.upload_forbidden, "forbidden")
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != CONTENT_TYPE:
            return _answer(415, "", strings.upload_type, "type")
        try:
            data = await _body(request, check_name(name))
            stored, checked = await run_in_threadpool(_store, name, data, corpus_of(), replace == "1", saved)
        except UploadError as error:
            return _answer(_STATUS[error.reason], "", error.message(strings), error.reason, error.problems)
        return _answer(200, stored, _stored_words(stored, checked, strings), "", checked.warnings)


async def _body(request: Request, name: str) -> bytes:
    """Return the body, refused before more than the limit of it is in memory. Raises UploadError."""
    length, most = request.headers.get("content-length", ""), most_upload_bytes()
    if length.isascii() and length.isdigit() and int(length[:20]) > most:
        raise too_large(name)
    data = bytearray()
    try:
        async for chunk in request.stream():
            if len(data) + len(chunk) > most:
                raise too_large(name)
            data += chunk
    except ClientDisconnect:
        raise UploadError("write", "upload_broken_off", name=name) from None
    return bytes(data)


def _store(
    name: str, data: bytes, corpus: Path, replace: bool, saved: Callable[[str], object] | None
) -> tuple[str, Upload]:
    checked = check_upload(name, data, corpus)
    stored = save_upload(checked, corpus, replace)
    if saved:
        saved(stored)
    return stored, checked


def _stored_words(name: str, upload: Upload, strings: Strings) -> str:
    words = strings.upload_stored.format(name=name)
    return f"{words} {strings.upload_warnings}" if upload.warnings else words


def _answer(status: int, name: str, words: str, reason: str, problems: Iterable[Problem] = ()) -> JSONResponse:
    content: dict[str, Any] = {
        "name": name,
        "words": words,
        "reason": reason,
        "problems": [asdict(problem) for problem in problems],
    }
    return JSONResponse(content, status)
