"""The command line: the only place that prints or exits.

    briefqa build corpus --index index
    briefqa ask "which chips are banned?"

Exit status: 0, 1 for a failure, 2 for wrong usage. A user's mistake is one line on stderr, never a traceback.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from briefqa.errors import BriefqaError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from briefqa.evaluate import Evaluation, GoldenQuestion
    from briefqa.indexing import BuildReport
    from briefqa.ranking import FilterOptions

app = typer.Typer(
    name="briefqa",
    help="Ask a corpus of briefs a question in any language and get an answer you can check.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Index = Annotated[Path, typer.Option("--index", envvar="BRIEFQA_INDEX", help="Folder of the index.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Question = Annotated[str, typer.Argument(help="In any language.")]
Since = Annotated[str, typer.Option(help="Only articles from this date on: 2025-12-01, 2025-12 or 2025.")]
Until = Annotated[str, typer.Option(help="Only articles up to this date, included.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="Only articles with one of these tags; repeatable.")]
Category = Annotated[str, typer.Option(help="Only articles of this category.")]
Articles = Annotated[list[str] | None, typer.Option("--article", help="Only these articles; repeatable.")]
LLMBaseURL = Annotated[
    str,
    typer.Option(
        "--llm-base-url", envvar="BRIEFQA_LLM_BASE_URL", help="OpenAI-compatible endpoint that words answers."
    ),
]
LLMModel = Annotated[str, typer.Option("--llm-model", envvar="BRIEFQA_LLM_MODEL", help="Its model.")]
LLMKey = Annotated[
    str,
    typer.Option(
        "--llm-api-key",
        envvar="BRIEFQA_LLM_API_KEY",
        show_default=False,
        help="Its key, if it wants one; in the environment other users cannot see it.",
    ),
]
ENCODER_HELP = "bundled, or a sentence-transformers model by name or folder."


class Format(str, Enum):
    """What answers can be exported to: the names in briefqa.export.EXPORTS, which would take long to import."""

    markdown = "markdown"
    json = "json"
    bibtex = "bibtex"
    csl = "csl"


def main() -> None:
    """Run the command line; a BriefqaError becomes one line and its exit status."""
    logging.basicConfig(format="briefqa: %(message)s", level=logging.WARNING)
    try:
        app()
    except BriefqaError as error:
        typer.echo(f"briefqa: {error}", err=True)
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


@app.command()
def build(
    corpus: Annotated[Path, typer.Argument(envvar="BRIEFQA_CORPUS", help="Folder of articles.")] = Path("corpus"),
    index: Index = Path("index"),
    encoder: Annotated[str, typer.Option(envvar="BRIEFQA_ENCODER", help=ENCODER_HELP)] = "",
    full: Annotated[bool, typer.Option("--full", help="Forget the old index and embed everything again.")] = False,
    as_json: Json = False,
) -> None:
    """Bring the index up to date with the articles: only what changed is embedded again."""
    from briefqa.indexing import build as build_index

    if as_json:
        _print_json(build_index(corpus, index, encoder or None, full=full))
        return
    _report(_build_with_bar(corpus, index, encoder, full))


def _build_with_bar(corpus: Path, index: Path, encoder: str, full: bool) -> BuildReport:
    from briefqa.indexing import build as build_index

    with _progress() as bar:
        tasks = {step: bar.add_task(step, total=None, visible=False) for step in ("reading", "embedding")}
        return build_index(
            corpus,
            index,
            encoder or None,
            full=full,
            progress=lambda step, done, total: bar.update(tasks[step], completed=done, total=total, visible=True),
        )


def _report(report: BuildReport) -> None:
    typer.echo(
        f"{report.articles_added} articles added, {report.articles_updated} updated, "
        f"{report.articles_removed} removed, {report.articles_unchanged} unchanged; "
        f"{report.chunks_embedded} chunks embedded, {report.chunks_reused} reused; {report.seconds:.1f} s"
    )
    _problems((problem.path, problem.line, problem.message) for problem in report.problems)


def _problems(problems: Any) -> None:
    for path, line, message in problems:
        typer.echo(f"{path}:{line}: {message}" if line else f"{path}: {message}", err=True)


@app.command()
def ask(
    question: Question,
    index: Index = Path("index"),
    since: Since = "",
    until: Until = "",
    tag: Tags = None,
    category: Category = "",
    article: Articles = None,
    llm_base_url: LLMBaseURL = "",
    llm_model: LLMModel = "",
    llm_api_key: LLMKey = "",
    file_format: Annotated[Format | None, typer.Option("--format", help="Print the answer as a file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Answer a question from the briefs, with the sentences it rests on."""
    from briefqa.api import BriefQA
    from briefqa.llm import Endpoint

    if as_json and file_format not in (None, Format.json):
        raise typer.BadParameter(f"--json and --format {file_format.value} are two formats: give one")
    with BriefQA(index, llm=Endpoint(llm_base_url, llm_model, llm_api_key)) as qa:
        answer = qa.ask(question, **_filters(since, until, tag, category, article))
    if file_format or as_json:
        from briefqa.export import EXPORTS

        typer.echo(EXPORTS[(file_format or Format.json).value].write([answer]), nl=False)
        return
    from briefqa.terminal import render_answer

    _console().print(render_answer(answer))


@app.command()
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


@app.command()
def search(
    question: Question,
    index: Index = Path("index"),
    k: Annotated[int, typer.Option("-k", help="How many sections.", min=1)] = 5,
    since: Since = "",
    until: Until = "",
    tag: Tags = None,
    category: Category = "",
    article: Articles = None,
    as_json: Json = False,
) -> None:
    """Find the sections that may answer a question, best first."""
    from briefqa.api import BriefQA

    with BriefQA(index) as qa:
        hits = qa.retrieve(question, k, **_filters(since, until, tag, category, article))
    if as_json:
        _print_json(hits)
        return
    from briefqa.terminal import render_hits

    _console().print(render_hits(hits))


@app.command()
def status(
    index: Index = Path("index"),
    corpus: Annotated[
        Path | None, typer.Argument(envvar="BRIEFQA_CORPUS", help="Folder of articles; else where it was built from.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what the index holds, whether the articles have moved on, and what the last build could not read."""
    from briefqa.api import BriefQA
    from briefqa.indexing import corpus_changes

    with BriefQA(index) as qa:
        info = qa.info()
    folder = corpus or Path(info.corpus)
    changes = corpus_changes(folder, index) if folder.is_dir() else None
    if as_json:
        _print_json(
            {
                **dataclasses.asdict(info),
                "problems": [dict(zip(("path", "line", "message"), problem, strict=True)) for problem in info.problems],
                "corpus_ahead": None if changes is None else changes.ahead,
            }
        )
        return
    ahead = f"{folder} is not there" if changes is None else f"{changes.ahead} articles ahead of the index"
    for name, value in (
        ("index", index),
        ("generation", f"{info.generation}, built {info.built_at}"),
        ("encoder", info.encoder),
        ("articles", f"{info.articles} ({info.chunks} chunks, {info.spans} spans)"),
        ("corpus", f"{folder}: up to date" if changes is not None and not changes.ahead else f"{folder}: {ahead}"),
        ("problems", len(info.problems)),
    ):
        typer.echo(f"{name:11} {value}")
    _problems(info.problems)


@app.command()
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
    as_json: Json = False,
) -> None:
    """Check a saved answer: do the articles, as they are today, still say what it quotes?

    A line for each citation says whether it is ok, stale (its article has changed), misattributed (another place says
    it) or fabricated (none does), and where the quote stands now. Exit status 1 if anything is wrong.
    """
    from briefqa.saved import read_saved
    from briefqa.verification import verify as verify_answers

    saved = read_saved(sys.stdin.buffer if str(answer) == "-" else answer)
    verification = verify_answers(saved, index, corpus)
    if as_json:
        _print_json({"good": verification.good, **dataclasses.asdict(verification)})
    else:
        from briefqa.terminal import verification_lines

        for line in verification_lines(verification):
            typer.echo(line)
        _problems((problem.path, problem.line, problem.message) for problem in verification.problems)
    if not verification.good:
        raise typer.Exit(1)


@app.command("eval")
def evaluate_golden_set(
    golden: Annotated[Path, typer.Argument(help="JSON lines: question, expected, difficulty, language.")],
    index: Index = Path("index"),
    plot: Annotated[Path | None, typer.Option("--plot", help="Draw the scores into this file, a .png.")] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="First fit the confidence to these questions, and keep it in the index.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Score the index with questions of which it is known where the corpus answers them.

    GOLDEN has one question a line, with every section that answers it, or [] if none does:

    {"question": "which chips are banned?", "expected": ["policy#banned"], "difficulty": "easy", "language": "en"}

    Shown are hit@1, hit@5, MRR@10 and nDCG@10, what was refused, and what was found in place of the expected sections.
    """
    from briefqa.evaluate import read_golden_set

    questions = read_golden_set(golden)
    if plot is not None:
        from briefqa.plotting import check_plot

        # Before minutes of questions, not after them.
        check_plot(plot)
    if calibrate:
        _calibrate(index, questions, bar=not as_json)
    evaluation = _evaluate(index, questions, bar=not as_json)
    _problems((golden, unknown.line, unknown.message) for unknown in evaluation.unknown)
    if plot is not None:
        from briefqa.plotting import plot_evaluation

        plot_evaluation(evaluation, plot)
    if as_json:
        _print_json(evaluation)
        return
    from briefqa.terminal import render_evaluation

    _console().print(render_evaluation(evaluation))


def _calibrate(index: Path, questions: list[GoldenQuestion], bar: bool) -> None:
    from briefqa.api import BriefQA
    from briefqa.calibration import fit, keep, observe, separation
    from briefqa.confidence import SHIPPED

    with BriefQA(index) as qa, _progress(disable=not bar) as shown:
        task = shown.add_task("calibrating", total=len(questions))
        observations = observe(
            qa, questions, progress=lambda done, total: shown.update(task, completed=done, total=total)
        )
    calibration = fit([observations])
    keep(calibration, index)
    for name, constants in (("as shipped", SHIPPED), ("calibrated", calibration)):
        found = separation(observations, constants)
        typer.echo(
            f"{name}: auroc {found.auroc:.3f}, false answers {found.false_answers:.3f} of {found.unanswerable},"
            f" false refusals {found.false_refusals:.3f} of {found.answerable}, brier {found.brier:.3f}",
            err=True,
        )


def _evaluate(index: Path, questions: list[GoldenQuestion], bar: bool) -> Evaluation:
    from briefqa.api import BriefQA
    from briefqa.evaluate import evaluate
    from briefqa.llm import Endpoint

    # What is scored is what was found; a language model would only word it.
    with BriefQA(index, llm=Endpoint()) as qa, _progress(disable=not bar) as shown:
        task = shown.add_task("asking", total=len(questions))
        return evaluate(qa, questions, progress=lambda done, total: shown.update(task, completed=done, total=total))


@app.command()
def chat(
    index: Index = Path("index"),
    host: Annotated[
        str, typer.Option(help="Address to listen on; the default is for this machine alone.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 7860,
    llm_base_url: LLMBaseURL = "",
    llm_model: LLMModel = "",
    llm_api_key: LLMKey = "",
) -> None:
    """Open the chat in the browser's reach; stop it with Ctrl-C."""
    from briefqa.llm import Endpoint
    from briefqa.ui import serve

    serve(index, host, port, announce=typer.echo, llm=Endpoint(llm_base_url, llm_model, llm_api_key))


def _filters(since: str, until: str, tag: list[str] | None, category: str, article: list[str] | None) -> FilterOptions:
    return {"since": since, "until": until, "tags": tag, "category": category, "articles": article}


def _console(err: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=err, highlight=False)


def _progress(disable: bool = False) -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:10}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=_console(err=True), transient=True, disable=disable)


def _print_json(value: Any) -> None:
    def plain(item: Any) -> Any:
        return dataclasses.asdict(item) if dataclasses.is_dataclass(item) and not isinstance(item, type) else item

    typer.echo(
        json.dumps(
            [plain(item) for item in value] if isinstance(value, list) else plain(value), ensure_ascii=False, indent=2
        )
    )
