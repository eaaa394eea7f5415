"""The connection to agents: standard input and output, or HTTP.

The protocol is answered before the encoder is loaded: the first question waits for that, the start does not.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings

from briefqa.errors import BriefqaError
from briefqa.listening import ANY_ADDRESS, in_url, listen
from briefqa.mcp.tools import make_server

if TYPE_CHECKING:
    from briefqa.api import BriefQA

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_SCHEMES = ("http", "https")  # a proxy before this server may speak TLS
_SECONDS_TO_END = 1


def serve(
    index: str | Path | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
    allowed_hosts: Sequence[str] = (),
    announce: Callable[[str], object] | None = None,
    store: str | None = None,
) -> None:
    """Serve an index to agents until they close the connection or Ctrl-C.

    port: left out, standard input and output are the connection; else streamable HTTP, 0 takes a free one.
    allowed_hosts: names of this machine under which it may be called besides `host` and loopback; calls by other names
    are refused, since a page in a browser could make them. announce: called with one line when HTTP is open.
    store: as in BriefQA. Raises IndexNotFoundError, IndexCorruptError, StoreError, and BriefqaError where nothing can
    listen there.
    """
    from briefqa.settings import Settings
    from briefqa.store import open_reader

    settings = Settings.from_environment(index=index, store=store)
    open_reader(settings.index, settings.store).close()  # a missing index is told now, and not to the agent
    if port is None:
        with _opening(settings.index, settings.store) as qa:
            make_server(qa).run("stdio")
        return
    if host in ANY_ADDRESS and not allowed_hosts:
        raise BriefqaError(f"on {host or 'any address'} others call this machine by a name: say it with --allowed-host")
    with listen(host, port) as listener, _opening(settings.index, settings.store) as qa:
        _serve_http(make_server(qa), listener, host, allowed_hosts, announce)


def _serve_http(
    server: MCPServer[Any],
    listener: socket.socket,
    host: str,
    allowed_hosts: Sequence[str],
    announce: Callable[[str], object] | None,
) -> None:
    import uvicorn

    shown, port = in_url(host), listener.getsockname()[1]
    names = [*_LOOPBACK, *allowed_hosts, shown]
    app = server.streamable_http_app(
        stateless_http=True,  # no tool remembers anything, so agents need no session and survive a restart
        json_response=True,
        transport_security=TransportSecuritySettings(
            allowed_hosts=[form for name in names for form in (name, f"{name}:*")],
            allowed_origins=[
                f"{scheme}://{form}" for name in names for form in (name, f"{name}:*") for scheme in _SCHEMES
            ],
        ),
    )

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started and announce:
                announce(f"briefqa mcp is open at http://{shown}:{port}/mcp")

    config = uvicorn.Config(
        app, log_config=None, access_log=False, timeout_graceful_shutdown=_SECONDS_TO_END, ws="none"
    )
    Server(config).run([listener])


@contextmanager
def _opening(index: Path, store: str) -> Iterator[Callable[[], BriefQA]]:
    """Open the index and load its encoder beside other work; gives what waits for that, and raises what it raised."""
    opened: Future[BriefQA] = Future()

    def work() -> None:
        try:
            from briefqa.api import BriefQA

            qa = BriefQA(index, store=store)
            qa.retrieve("warm-up", k=1)
            opened.set_result(qa)
        except BaseException as error:
            opened.set_exception(error)

    # A daemon, so that Ctrl-C does not wait for it.
    threading.Thread(target=work, daemon=True).start()
    try:
        yield opened.result
    finally:
        if opened.exception() is None:  # waits: the interpreter must not end below a library that is being loaded
            opened.result().close()
