"""The command line: the only place that prints or exits.

    briefqa build corpus --index index
    briefqa ask "which chips are banned?"

Exit status: 0, 1 for a failure, 2 for wrong usage. A user's mistake is one line on stderr, never a traceback. What is
heavy is imported by the command that needs it.

| module | what |
|---|---|
| `options`   | options and arguments that several commands take |
| `printing`  | what several commands print |
| `indexes`   | build, status |
| `questions` | ask, search |
| `answers`   | export, verify |
| `agents`    | mcp |
| `golden`    | eval |
| `serving`   | chat, password, feedback |
| `watching`  | watch |
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from briefqa.cli.agents import mcp
from briefqa.cli.answers import export, verify
from briefqa.cli.golden import evaluate_golden_set
from briefqa.cli.indexes import build, status
from briefqa.cli.questions import ask, search
from briefqa.cli.serving import chat, feedback, password
from briefqa.cli.watching import watch
from briefqa.errors import BriefqaError
from briefqa.logs import log_for_people
from briefqa.writing import one_line

__all__ = ["app", "main"]

app = typer.Typer(
    name="briefqa",
    help="Ask a corpus of briefs a question in any language and get an answer you can check.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main() -> None:
    """Run the command line; a BriefqaError becomes one line and its exit status."""
    log_for_people()
    try:
        app()
    except BriefqaError as error:
        typer.echo(f"briefqa: {one_line(str(error))}", err=True)
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        sys.exit(130)


@app.callback(invoke_without_command=True)
def overview(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Ask a corpus of briefs a question in any language and get an answer you can check."""
    if version:
        from briefqa import __version__

        typer.echo(f"briefqa {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


# As the overview lists them.
app.command()(build)
app.command()(watch)
app.command()(ask)
app.command()(search)
app.command("eval")(evaluate_golden_set)
app.command()(export)
app.command()(verify)
app.command()(status)
app.command()(chat)
app.command()(password)
app.command()(feedback)
app.command()(mcp)
