"""The chat in a browser: a Gradio page in a FastAPI app of our own.

briefqa.ui.serve("index", announce=print)       # what `briefqa chat` does, until Ctrl-C
app = briefqa.ui.create_app(qa)                 # for another server: uvicorn, tests
briefqa.ui.mount(app, "/briefqa", "index")      # in a FastAPI app that is there already
"""

from __future__ import annotations

import gc
import logging
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from briefqa.errors import BriefqaError, PasswordFileError
from briefqa.listening import in_url, listen
from briefqa.passwords import PasswordFile

if TYPE_CHECKING:
    from fastapi import FastAPI

    from briefqa.api import BriefQA
    from briefqa.llm import Endpoint

__all__ = ["WORKERS", "create_app", "mount", "serve"]

# Answers that are worked on at a time. Quoting takes 30 ms of one core, a language model seconds of waiting: more than
# the cores, so that nobody waits for another's model.
WORKERS = 16
# Open pages keep a connection each; Ctrl-C waits this long for answers that are being written.
_SECONDS_TO_END = 1
# A proxy on this machine says whose requests it hands on; to others that say so, nobody listens.
_TRUSTED_PROXIES = "127.0.0.1,::1"


def create_app(
    qa: BriefQA,
    *,
    passwords: Mapping[str, str] | None = None,
    admins: Collection[str] = (),
    local: bool = False,
    root_path: str = "",
    workers: int = WORKERS,
    corpus: str | Path | None = None,
    watch: bool = False,
) -> FastAPI:
    """Return the web app over an open index: the chat at /, briefs at /source/…, /healthz.

    passwords: the Argon2id hash of each name that may log in, a briefqa.passwords.PasswordFile for one; None: whoever
    reaches the app may read the briefs. admins: the names that may also rebuild and upload. local: for a server that
    listens on a loopback address with no proxy before it: answers to no name but this machine's, and who asks is admin.
    root_path: where a proxy serves the app, if not at /; whether it takes the path away or not. workers: how many
    answers are worked on at a time. corpus: the folder of briefs; left out, the one that the index was built from.
    watch: bring the index up to date with each change to it, as long as the app runs.
    Raises ConversationsError, and ValueError for a root_path that is none, and for admins without passwords.
    """
    if admins and passwords is None:
        raise ValueError("admins are known by their log-in: give passwords too")
    # Read when gradio is imported: no counting of visits, no questions to its maker's servers.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from briefqa.ui.access import Access
    from briefqa.ui.app import make_app
    from briefqa.ui.paths import clean_root_path

    access = Access(passwords, frozenset(admins), local and passwords is None)
    folder = Path(corpus) if corpus else Path(qa.info().corpus)
    return make_app(qa, access, clean_root_path(root_path), workers, folder, watch)


def mount(
    app: FastAPI,
    path: str = "/briefqa",
    index: BriefQA | str | Path | None = None,
    *,
    passwords: Mapping[str, str] | None = None,
    admins: Collection[str] = (),
    corpus: str | Path | None = None,
    workers: int = WORKERS,
    watch: bool = False,
    llm: Endpoint | None = None,
) -> None:
    """Add the chat to a FastAPI app, below a path.

    index: its folder, closed again when the app ends, or an open BriefQA, which stays its opener's. Without passwords
    whoever reaches the path may read the briefs, and nobody is admin: guard it as the rest of the app is. llm: as in
    `serve`. For the rest see create_app.
    Raises the errors of BriefQA, and ValueError as create_app does.
    """
    from briefqa.api import BriefQA
    from briefqa.ui.paths import clean_root_path

    path = clean_root_path(path)
    qa = index if isinstance(index, BriefQA) else BriefQA(index, llm=llm)
    inner = create_app(qa, passwords=passwords, admins=admins, corpus=corpus, workers=workers, watch=watch)
    app.mount(path, inner)
    outer_lifespan = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Mapping[str, object] | None]:
        """Start and end the chat with the app: Starlette does not for what is mounted."""
        async with outer_lifespan(app) as state, inner.router.lifespan_context(inner):
            yield state
        if qa is not index:
            qa.close()

    app.router.lifespan_context = lifespan  # type: ignore[assignment]  # with a state or without one, as the outer has it


def serve(
    index: str | Path | None = None,
    host: str = "127.0.0.1",
    port: int = 7860,
    announce: Callable[[str], object] | None = None,
    llm: Endpoint | None = None,
    *,
    device: str | None = None,
    auth: str | Path | None = None,
    admins: Collection[str] = (),
    root_path: str | None = None,
    corpus: str | Path | None = None,
    workers: int = WORKERS,
    watch: bool = False,
    warn: Callable[[str], object] | None = None,
    store: str | None = None,
) -> None:
    """Serve the chat until Ctrl-C.

    port: 0 takes a free one. announce: called with one line once the page can be opened. llm: words the answers; left
    out, the one that the environment names. device, store: as in briefqa.open. auth: the file of those who may log in.
    admins: who of them may rebuild and upload; without auth that is whoever uses a loopback address. root_path: where
    a proxy serves the chat, "/" for its root; None: there is no proxy. corpus, workers, watch: as in create_app.
    warn: called with one line if others can read the briefs without a log-in.
    Raises the errors of BriefQA, PasswordFileError, and BriefqaError where nothing can listen there.
    """
    from briefqa.api import BriefQA

    passwords = _read_auth(auth, admins) if auth is not None else None
    with BriefQA(index, llm=llm, device=device, store=store) as qa, listen(host, port) as listener:
        warm = _WarmUp(qa)
        warm.start()  # the encoder loads while gradio is imported
        loopback = ip_address(listener.getsockname()[0]).is_loopback
        local = loopback and passwords is None and root_path is None
        app = create_app(
            qa,
            passwords=passwords,
            admins=admins,
            local=local,
            root_path=root_path or "",
            workers=workers,
            corpus=corpus,
            watch=watch,
        )
        warm.finish()
        import uvicorn

        log = logging.getLogger("uvicorn.error")
        url = f"http://{in_url(host)}:{listener.getsockname()[1]}/"

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                if self.started and announce:
                    announce(f"briefqa chat is open at {url}  (Ctrl-C stops it)")
                if self.started and warn and passwords is None and not loopback:
                    warn(f"anyone who reaches {host or 'this machine'} can read the briefs: give --auth FILE")

            async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
                log.disabled = True  # each page that is still open would leave a traceback of its cut connection
                await super().shutdown(sockets)

        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=_SECONDS_TO_END,
            ws="none",
            forwarded_allow_ips=os.environ.get("FORWARDED_ALLOW_IPS", _TRUSTED_PROXIES),
        )
        gc.freeze()  # what was loaded stays: to look through it for garbage takes 150 ms, in the middle of a question
        try:
            Server(config).run([listener])
        finally:
            gc.unfreeze()
            log.disabled = False


def _read_auth(auth: str | Path, admins: Collection[str]) -> PasswordFile:
    passwords = PasswordFile(auth)
    for name in admins:
        if name not in passwords:
            raise PasswordFileError(
                f"{auth} has nobody of the name {name}: add them with `briefqa password {name} --auth {auth}`"
            )
    return passwords


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
