"""The command that keeps an index up to date: watch."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from briefqa.cli.options import Device, Index, LogJson, Store
from briefqa.cli.printing import print_json, print_problems
from briefqa.errors import CorpusError

if TYPE_CHECKING:
    from briefqa.watching import WatchEvent


def watch(
    corpus: Annotated[Path, typer.Argument(envvar="BRIEFQA_CORPUS", help="Folder of articles.")] = Path("corpus"),
    index: Index = Path("index"),
    store: Store = "",
    encoder: Annotated[
        str,
        typer.Option(envvar="BRIEFQA_ENCODER", help="bundled, or a sentence-transformers model by name or folder."),
    ] = "",
    poll: Annotated[
        bool,
        typer.Option("--poll", help="Look every second; done by itself where the system tells of no changes."),
    ] = False,
    device: Device = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each event.")] = False,
    log_json: LogJson = False,
) -> None:
    """Keep the index up to date with the articles as they change, until Ctrl-C.

    What cannot be done is tried again, whatever it is.
    """
    from briefqa.watching import Watcher

    if not corpus.is_dir():
        raise CorpusError(f"corpus {corpus} is not a folder that is there: name the one that holds the articles")
    tell = _tell_as_json if as_json else _tell
    watcher = Watcher(
        corpus,
        index,
        encoder or None,
        poll=poll or None,
        tell=tell,
        ready=True,
        device=device or None,
        store=store,
    )
    try:
        watcher.run()
    except KeyboardInterrupt:
        sys.stdout.flush()
        os._exit(130)  # taking torch down takes seconds, and there is nothing to save


def _tell(event: WatchEvent) -> None:
    from briefqa.watching import Built, Trouble
    from briefqa.writing import one_line

    typer.echo(one_line(str(event)), err=isinstance(event, Trouble))
    if isinstance(event, Built):
        print_problems((problem.path, problem.line, problem.message) for problem in event.report.problems)


def _tell_as_json(event: WatchEvent) -> None:
    fields = dataclasses.asdict(event)
    report = fields.pop("report", {})
    print_json({"event": type(event).__name__.lower(), **fields, **report}, indent=None)
