"""The commands that make and describe an index: build, status."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from briefqa.cli.options import Device, Index, Json, LogJson, Store
from briefqa.cli.printing import print_json, print_problems, progress
from briefqa.writing import one_line

if TYPE_CHECKING:
    from briefqa.indexing import BuildReport


class Options(TypedDict):
    """How a build is made, as briefqa.build takes it."""

    full: bool
    wait: float
    workers: int | None
    ray: str | None
    device: str | None
    store: str


def build(
    corpus: Annotated[Path, typer.Argument(envvar="BRIEFQA_CORPUS", help="Folder of articles.")] = Path("corpus"),
    index: Index = Path("index"),
    store: Store = "",
    encoder: Annotated[
        str,
        typer.Option(envvar="BRIEFQA_ENCODER", help="bundled, or a sentence-transformers model by name or folder."),
    ] = "",
    full: Annotated[bool, typer.Option("--full", help="Forget the old index and embed everything again.")] = False,
    wait: Annotated[
        float,
        typer.Option("--wait", min=0, metavar="SECONDS", help="Wait so long for another build to end; inf: for ever."),
    ] = 0,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="How many processes embed; with --ray, of the cluster's.")
    ] = None,
    ray: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="Have a Ray cluster embed: local, auto, HOST:6379 or ray://HOST:10001."),
    ] = "",
    device: Device = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Say whether the index is behind, and return 1 if so; builds nothing.")
    ] = False,
    as_json: Json = False,
    log_json: LogJson = False,
) -> None:
    """Bring the index up to date with the articles: only what changed is embedded again."""
    how: Options = {
        "full": full,
        "wait": wait,
        "workers": workers,
        "ray": ray or None,
        "device": device or None,
        "store": store,
    }
    if check and (dry_run or full):
        raise typer.BadParameter("--check goes with neither --dry-run nor --full: give one")
    if check:
        _check(corpus, index, store, encoder, as_json)
    elif dry_run:
        _plan(corpus, index, store, encoder, full, as_json)
    else:
        try:
            _build(corpus, index, encoder, how, as_json)
        except KeyboardInterrupt:
            kept = "the index is as it was, and what is already embedded is kept: build again to go on"
            typer.echo(f"briefqa: stopped; {kept}", err=True)
            raise typer.Exit(130) from None


def _build(corpus: Path, index: Path, encoder: str, how: Options, as_json: bool) -> None:
    if as_json:
        from briefqa.indexing import build as build_index

        print_json(build_index(corpus, index, encoder or None, **how))
    else:
        _report(_build_with_bar(corpus, index, encoder, how))


def _check(corpus: Path, index: Path, store: str, encoder: str, as_json: bool) -> None:
    from briefqa.planning import find_lag

    lag = find_lag(corpus, index, encoder or None, store)
    if as_json:
        print_json({"behind": lag.behind, **dataclasses.asdict(lag)})
    elif lag.behind:
        counts = f"{len(lag.added)} articles to add, {len(lag.changed)} to update, {len(lag.removed)} to remove"
        typer.echo(f"behind: {counts}{lag.reason and '; '}{lag.reason}")
    else:
        typer.echo("up to date")
    if lag.behind:
        raise typer.Exit(1)


def _plan(corpus: Path, index: Path, store: str, encoder: str, full: bool, as_json: bool) -> None:
    from briefqa.planning import plan

    planned = plan(corpus, index, encoder or None, full=full, store=store)
    if as_json:
        print_json(planned)
        return
    for word, slugs in (
        ("add", planned.articles_added),
        ("update", planned.articles_changed),
        ("remove", planned.articles_removed),
    ):
        for slug in slugs:
            typer.echo(f"{word:6} {one_line(slug)}")
    typer.echo(
        f"{len(planned.articles_added)} articles would be added, {len(planned.articles_changed)} updated, "
        f"{len(planned.articles_removed)} removed, {planned.articles_unchanged} unchanged; "
        f"{planned.chunks_to_embed} chunks embedded, {planned.chunks_reused} reused"
        f"{planned.reason and '; '}{planned.reason}"
    )
    print_problems((problem.path, problem.line, problem.message) for problem in planned.problems)


def _build_with_bar(corpus: Path, index: Path, encoder: str, how: Options) -> BuildReport:
    from briefqa.indexing import build as build_index

    with progress() as bar:
        tasks = {step: bar.add_task(step, total=None, visible=False) for step in ("reading", "embedding")}
        return build_index(
            corpus,
            index,
            encoder or None,
            progress=lambda step, done, total: bar.update(tasks[step], completed=done, total=total, visible=True),
            **how,
        )


def _report(report: BuildReport) -> None:
    typer.echo(
        f"{report.articles_added} articles added, {report.articles_updated} updated, "
        f"{report.articles_removed} removed, {report.articles_unchanged} unchanged; "
        f"{report.chunks_embedded} chunks embedded, {report.chunks_reused} reused; {report.seconds:.1f} s"
    )
    print_problems((problem.path, problem.line, problem.message) for problem in report.problems)


def status(
    index: Index = Path("index"),
    store: Store = "",
    corpus: Annotated[
        Path | None, typer.Argument(envvar="BRIEFQA_CORPUS", help="Folder of articles; else where it was built from.")
    ] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Compare all of the index with itself: texts, offsets, terms, vectors.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what the index holds, whether the articles have moved on, and what the last build could not read."""
    from briefqa.api import BriefQA
    from briefqa.indexing import corpus_changes

    if deep and store:
        raise typer.BadParameter("--deep is for an index in a folder: what is in Milvus, Milvus looks after")
    if deep:
        _inspect(index, as_json)
    with BriefQA(index, store=store) as qa:
        info = qa.info()
    folder = corpus or Path(info.corpus)
    changes = corpus_changes(folder, index, store) if folder.is_dir() else None
    if as_json:
        print_json(
            {
                **dataclasses.asdict(info),
                "problems": [dict(zip(("path", "line", "message"), problem, strict=True)) for problem in info.problems],
                "corpus_ahead": None if changes is None else changes.ahead,
                **({"damage": []} if deep else {}),
            }
        )
        return
    ahead = f"{folder} is not there" if changes is None else f"{changes.ahead} articles ahead of the index"
    for name, value in (
        ("index", store or index),
        ("generation", f"{info.generation}, built {info.built_at}"),
        ("encoder", info.encoder),
        ("articles", f"{info.articles} ({info.chunks} chunks, {info.spans} spans)"),
        (
            "search",
            "; ".join(f"{kind} {search}" for kind, search in info.searches.items())
            or ("by Milvus" if store else "not measured"),
        ),
        ("corpus", f"{folder}: up to date" if changes is not None and not changes.ahead else f"{folder}: {ahead}"),
        ("problems", len(info.problems)),
        *([("damage", "none")] if deep else []),
    ):
        typer.echo(f"{name:11} {value}")
    print_problems(info.problems)


def _inspect(index: Path, as_json: bool) -> None:
    """Print what is wrong with an index, and raise IndexCorruptError if anything is."""
    from briefqa.lexicon import load_lexicon
    from briefqa.settings import Settings
    from briefqa.store.inspection import inspect, tell_damage

    faults = inspect(index, load_lexicon(Settings.from_environment().cache_dir).places)
    if faults and as_json:
        print_json({"damage": list(faults)})
    elif faults:
        print_problems((index, 0, fault) for fault in faults)
    if faults:
        raise tell_damage(index, faults)
