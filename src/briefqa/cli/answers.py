"""The commands that take saved answers: export, verify."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Annotated

import typer

from briefqa.cli.options import Format, Index, Json, Store
from briefqa.cli.printing import print_json, print_problems


def export(
    saved: Annotated[Path, typer.Argument(help="What `ask --json` printed or the chat saved as JSON; - reads stdin.")],
    file_format: Annotated[Format, typer.Option("--format", help="What to make of it.")] = Format.markdown,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; else it is printed.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if there is one.")] = False,
) -> None:
    """Turn a saved answer or conversation into Markdown with footnotes, BibTeX, CSL-JSON, or JSON again."""
    from briefqa.export import EXPORTS
    from briefqa.saved import read_answers

    answers = read_answers(sys.stdin.buffer if str(saved) == "-" else saved)
    text = EXPORTS[file_format.value].write(answers)
    if output is None:
        typer.echo(text, nl=False)
    else:
        _write_export(text, output, force)


def _write_export(text: str, path: Path, force: bool) -> None:
    from briefqa.errors import ExportError

    try:
        with path.open("w" if force else "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise ExportError(f"{path} is there already: choose another name, or replace it with --force") from None
    except FileNotFoundError:
        raise ExportError(f"there is no folder {path.parent}: make it first") from None
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {error.strerror}") from None


def verify(
    answer: Annotated[
        Path,
        typer.Argument(help="File of an answer that was printed with --json, or of several; - reads it from stdin."),
    ],
    corpus: Annotated[
        Path | None,
        typer.Argument(envvar="BRIEFQA_CORPUS", help="Folder of articles; else where the index was built from."),
    ] = None,
    index: Index = Path("index"),
    store: Store = "",
    as_json: Json = False,
) -> None:
    """Check a saved answer: do the articles, as they are today, still say what it quotes?

    A line for each citation says whether it is ok, stale (its article has changed), misattributed (another place says
    it) or fabricated (none does), and where the quote stands now. Exit status 1 if anything is wrong.
    """
    from briefqa.saved import read_saved
    from briefqa.verification import verify as verify_answers

    saved = read_saved(sys.stdin.buffer if str(answer) == "-" else answer)
    verification = verify_answers(saved, index, corpus, store)
    if as_json:
        print_json({"good": verification.good, **dataclasses.asdict(verification)})
    else:
        from briefqa.terminal import verification_lines

        for line in verification_lines(verification):
            typer.echo(line)
        print_problems((problem.path, problem.line, problem.message) for problem in verification.problems)
    if not verification.good:
        raise typer.Exit(1)
