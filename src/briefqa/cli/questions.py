"""The commands that questions are put to: ask, search."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from briefqa.cli.options import (
    Articles,
    Category,
    Device,
    Format,
    Index,
    Json,
    LLMBaseURL,
    LLMKey,
    LLMModel,
    Question,
    Since,
    Store,
    Tags,
    Until,
    filters,
)
from briefqa.cli.printing import console, print_json


def ask(
    question: Question,
    index: Index = Path("index"),
    store: Store = "",
    since: Since = "",
    until: Until = "",
    tag: Tags = None,
    category: Category = "",
    article: Articles = None,
    device: Device = "",
    llm_base_url: LLMBaseURL = "",
    llm_model: LLMModel = "",
    llm_api_key: LLMKey = "",
    file_format: Annotated[Format | None, typer.Option("--format", help="Print the answer as a file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Answer a question from the briefs, with the sentences it rests on."""
    from briefqa.api import BriefQA
    from briefqa.llm.endpoint import Endpoint

    if as_json and file_format not in (None, Format.json):
        raise typer.BadParameter(f"--json and --format {file_format.value} are two formats: give one")
    endpoint = Endpoint(llm_base_url, llm_model, llm_api_key)
    with BriefQA(index, llm=endpoint, device=device or None, store=store) as qa:
        answer = qa.ask(question, **filters(since, until, tag, category, article))
    if file_format or as_json:
        from briefqa.export import EXPORTS

        typer.echo(EXPORTS[(file_format or Format.json).value].write([answer]), nl=False)
        return
    from briefqa.terminal import render_answer

    console().print(render_answer(answer))


def search(
    question: Question,
    index: Index = Path("index"),
    store: Store = "",
    k: Annotated[int, typer.Option("-k", help="How many sections.", min=1)] = 5,
    since: Since = "",
    until: Until = "",
    tag: Tags = None,
    category: Category = "",
    article: Articles = None,
    device: Device = "",
    as_json: Json = False,
) -> None:
    """Find the sections that may answer a question, best first."""
    from briefqa.api import BriefQA

    with BriefQA(index, device=device or None, store=store) as qa:
        hits = qa.retrieve(question, k, **filters(since, until, tag, category, article))
    if as_json:
        print_json(hits)
        return
    from briefqa.terminal import render_hits

    console().print(render_hits(hits))
