"""The command that serves an index to agents: mcp."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from briefqa.cli.options import Index, LogJson, Store


def mcp(
    index: Index = Path("index"),
    store: Store = "",
    port: Annotated[
        int | None,
        typer.Option(help="Serve HTTP on this port, 0: any free one; else standard input.", min=0, max=65535),
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; the default is for this machine alone.")
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(help="A name of this machine that others call it by over HTTP; repeatable."),
    ] = None,
    log_json: LogJson = False,
) -> None:
    """Serve the briefs to agents by the Model Context Protocol.

    Its tools are ask, retrieve and read_section. An agent starts this command by itself, once it is in its settings.
    """
    if port is None and (host is not None or allowed_host):
        raise typer.BadParameter("--host and --allowed-host are for HTTP: give a --port too")
    from briefqa.mcp import serve

    if port is not None:
        serve(index, host or "127.0.0.1", port, allowed_host or (), announce=typer.echo, store=store)
        return
    if sys.stdin.isatty():
        typer.echo("briefqa mcp waits for an agent on its standard input; Ctrl-C stops it", err=True)
    # The thread that waits for a line of standard input would keep Ctrl-C waiting too; there is nothing to save.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        serve(index, store=store)
    finally:
        signal.signal(signal.SIGINT, before)
