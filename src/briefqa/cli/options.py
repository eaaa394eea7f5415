"""Options and arguments that several commands take."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from briefqa.ranking import FilterOptions

Index = Annotated[Path, typer.Option("--index", envvar="BRIEFQA_INDEX", help="Folder of the index.")]
Store = Annotated[
    str,
    typer.Option(
        "--store",
        envvar="BRIEFQA_STORE",
        metavar="ADDRESS",
        help="Milvus that holds the index: milvus://host:19530 or milvus:///path.db; its token in MILVUS_TOKEN.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Question = Annotated[str, typer.Argument(help="In any language.")]
Since = Annotated[str, typer.Option(help="Only articles from this date on: 2025-12-01, 2025-12 or 2025.")]
Until = Annotated[str, typer.Option(help="Only articles up to this date, included.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="Only articles with one of these tags; repeatable.")]
Category = Annotated[str, typer.Option(help="Only articles of this category.")]
Articles = Annotated[list[str] | None, typer.Option("--article", help="Only these articles; repeatable.")]
Device = Annotated[
    str,
    typer.Option(
        envvar="BRIEFQA_DEVICE", help="What embeds: cpu, cuda, cuda:1, mps; else a graphics card if there is one."
    ),
]
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


def _log_as_json(wanted: bool) -> None:
    if wanted:
        from briefqa.logs import log_as_json

        log_as_json()


LogJson = Annotated[
    bool, typer.Option("--log-json", callback=_log_as_json, help="Log to stderr, a JSON object a line.", is_eager=True)
]


class Format(str, Enum):
    """What answers can be exported to: the names in briefqa.export.EXPORTS, which would take long to import."""

    markdown = "markdown"
    json = "json"
    bibtex = "bibtex"
    csl = "csl"


def filters(since: str, until: str, tag: list[str] | None, category: str, article: list[str] | None) -> FilterOptions:
    """Return what the options of these names say, as the Python functions take it."""
    return {"since": since, "until": until, "tags": tag, "category": category, "articles": article}
