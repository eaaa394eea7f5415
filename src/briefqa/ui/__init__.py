"""The chat in a browser: a Gradio page in a FastAPI app of our own.

briefqa.ui.serve("index", announce=print)       # what `briefqa chat` does, until Ctrl-C
app = briefqa.ui.create_app(qa)                 # for another server: uvicorn, tests
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from briefqa.errors import BriefqaError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from briefqa.api import BriefQA
    from briefqa.llm import Endpoint

__all__ = ["create_app", "serve"]

# Open pages keep a connection each; Ctrl-C waits this long for answers that are being written.
_SECONDS_TO_END = 1
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}


def create_app(qa: BriefQA) -> FastAPI:
    """Return the web app over an open index: the chat at /, briefs at /source/…, /healthz."""
    # Read when gradio is imported: no counting of visits, no questions to its maker's servers.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from briefqa.ui.app import make_app

    return make_app(qa)


def serve(
    index: str | Path | None = None,
    host: str = "127.0.0.1",
    port: int = 7860,
    announce: Callable[[str], object] | None = None,
    llm: Endpoint | None = None,
) -> None:
    """Serve the chat until Ctrl-C.

    port: 0 takes a free one. announce: called with one line once the page can be opened. llm: words the answers; left
    out, the one that the environment names.
    Raises the errors of BriefQA, and BriefqaError where nothing can listen there.
    """
    from briefqa.api import BriefQA

    with BriefQA(index, llm=llm) as qa, _listen(host, port) as listener:
        warm = _WarmUp(qa)
        warm.start()  # the encoder loads while gradio is imported
        app = create_app(qa)
        warm.finish()
        import uvicorn

        log = logging.getLogger("uvicorn.error")

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                if self.started and announce:
                    announce(f"briefqa chat is open at {_url(host, listener)}  (Ctrl-C stops it)")

            async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
                log.disabled = True  # each page that is still open would leave a traceback of its cut connection
                await super().shutdown(sockets)

        config = uvicorn.Config(
            app, log_config=None, access_log=False, timeout_graceful_shutdown=_SECONDS_TO_END, ws="none"
        )
        try:
            Server(config).run([listener])
        finally:
            log.disabled = False


def _listen(host: str, port: int) -> socket.socket:
    """Open the port before anything slow is done, or say in one line why that fails."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason = (
                f"port {port} is already in use: stop what runs there, or choose another with --port (0: any free one)"
            )
        elif error.errno == errno.EACCES:
            reason = f"port {port} needs an administrator's rights: choose one above 1023 with --port"
        else:
            reason = f"{host} is no address of this machine ({error.strerror}): leave --host out, or use 127.0.0.1"
        raise BriefqaError(reason) from error


def _url(host: str, listener: socket.socket) -> str:
    shown = _ANY_ADDRESS.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{listener.getsockname()[1]}/"


class _WarmUp(threading.Thread):
    """Loads the encoder beside other work, so that the first question does not wait for it."""

    def __init__(self, qa: BriefQA) -> None:
        super().__init__(daemon=True)
        self._qa = qa
        self._error: BriefqaError | None = None

    def run(self) -> None:
        try:
            self._qa.retrieve("warm-up", k=1)
        except BriefqaError as error:
            self._error = error

    def finish(self) -> None:
        """Wait for the end; raise what would have failed the first question."""
        self.join()
        if self._error:
            raise self._error
