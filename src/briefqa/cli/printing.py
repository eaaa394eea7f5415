"""What several commands print: JSON, problems of files, a bar on long work."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from briefqa.writing import escape_hidden, one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


def print_json(value: Any, indent: int | None = 2) -> None:
    """Print a dataclass, a list of them, or plain values as JSON; without an indent on one line."""

    def plain(item: Any) -> Any:
        return dataclasses.asdict(item) if dataclasses.is_dataclass(item) and not isinstance(item, type) else item

    plainly = [plain(item) for item in value] if isinstance(value, list) else plain(value)
    typer.echo(escape_hidden(json.dumps(plainly, ensure_ascii=False, indent=indent)))


def print_problems(problems: Iterable[tuple[str | Path, int, str]]) -> None:
    """Print (path, line, message) of each file that could not be read, on stderr; line 0 is the file as a whole."""
    for path, line, message in problems:
        typer.echo(one_line(f"{path}:{line}: {message}" if line else f"{path}: {message}"), err=True)


def console(err: bool = False) -> Console:
    """Return where rich renderables are printed, stdout unless err."""
    from rich.console import Console

    return Console(stderr=err, highlight=False)


def progress(disable: bool = False) -> Progress:
    """Return a bar on stderr that is gone when the work is done."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:10}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console(err=True), transient=True, disable=disable)
