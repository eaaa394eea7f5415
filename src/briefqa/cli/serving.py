"""The commands about the chat: chat, password, feedback."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from briefqa.cli.options import Device, Index, Json, LLMBaseURL, LLMKey, LLMModel, LogJson, Store
from briefqa.cli.printing import console, print_json


def chat(
    index: Index = Path("index"),
    store: Store = "",
    host: Annotated[
        str, typer.Option(help="Address to listen on; the default is for this machine alone.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 7860,
    auth: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Who may log in: a file that `briefqa password` wrote. Else no log-in."),
    ] = None,
    admin: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Who of them may rebuild the index and upload briefs; repeatable."),
    ] = None,
    root_path: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Where a proxy serves the chat: /briefs, or / for the proxy's root."),
    ] = None,
    corpus: Annotated[
        Path | None,
        typer.Option(envvar="BRIEFQA_CORPUS", help="Folder of articles to rebuild from; else where it was built from."),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Keep the index up to date with the articles as they change.")
    ] = False,
    workers: Annotated[int, typer.Option(help="How many answers are worked on at a time.", min=1, max=1000)] = 16,
    device: Device = "",
    llm_base_url: LLMBaseURL = "",
    llm_model: LLMModel = "",
    llm_api_key: LLMKey = "",
    log_json: LogJson = False,
) -> None:
    """Open the chat in the browser's reach; stop it with Ctrl-C."""
    from briefqa.llm import Endpoint
    from briefqa.ui import serve
    from briefqa.ui.paths import clean_root_path

    if admin and auth is None:
        raise typer.BadParameter("--admin names somebody who logs in: give --auth FILE too")
    try:
        clean_root_path(root_path or "")
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--root-path") from None
    if watch:
        logging.getLogger("briefqa.ui.upkeep").setLevel(logging.INFO)  # each build is a line
    serve(
        index,
        host,
        port,
        announce=typer.echo,
        llm=Endpoint(llm_base_url, llm_model, llm_api_key),
        device=device or None,
        auth=auth,
        admins=admin or (),
        root_path=root_path,
        corpus=corpus,
        workers=workers,
        watch=watch,
        warn=lambda line: typer.echo(f"briefqa: {line}", err=True),
        store=store,
    )


def password(
    name: Annotated[str, typer.Argument(help="Whose password; it is asked for, or read as a line from stdin.")],
    auth: Annotated[Path, typer.Option(metavar="FILE", help="The file to write it to; made if there is none.")],
    remove: Annotated[bool, typer.Option("--remove", help="Take the name out of the file.")] = False,
) -> None:
    """Set the password with which somebody logs in to a chat that is served with --auth FILE."""
    from briefqa.passwords import remove_password, set_password

    if remove:
        remove_password(auth, name)
        typer.echo(f"{name} can no longer log in")
        return
    set_password(auth, name, _ask_for_password(name))
    typer.echo(f"{name} can log in to `briefqa chat --auth {auth}`")


def _ask_for_password(name: str) -> str:
    """Return the password: typed twice without being shown, or from a line of stdin. Never from the command line."""
    if sys.stdin.isatty():
        prompt: str = typer.prompt(f"Password of {name}", hide_input=True, confirmation_prompt="Once more", err=True)
        return prompt
    return sys.stdin.buffer.readline().decode("utf-8", "surrogateescape").rstrip("\r\n")


def feedback(index: Index = Path("index"), as_json: Json = False) -> None:
    """List what people thought of answers in the chat, the newest first."""
    from briefqa.conversations import read_feedback

    given = read_feedback(index)
    if as_json:
        print_json(given)
        return
    from briefqa.terminal import render_feedback

    console().print(render_feedback(given))
