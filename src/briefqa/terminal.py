"""Answers and hits as rich renderables, for a terminal: quotes with their sources under them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from briefqa.answer import Answer, Citation
from briefqa.ranking import Hit


def render_answer(answer: Answer) -> RenderableType:
    """Return the answer: each quote with its number and where it stands, or the refusal."""
    if not answer.answered:
        from rich.markdown import Markdown

        return Markdown(answer.text)
    return Group(*(_render_citation(citation) for citation in answer.citations))


def _render_citation(citation: Citation) -> RenderableType:
    quote: RenderableType = Text(citation.quote)
    cells = citation.quote.split(" | ")
    if citation.header and len(cells) == len(citation.header):
        table = Table()
        for name in citation.header:
            table.add_column(Text(name), overflow="fold")
        table.add_row(*(Text(cell) for cell in cells))
        quote = table
    grid = _grid(2)
    grid.add_row(Text(f"[{citation.number}]", style="bold cyan"), quote)
    grid.add_row("", _source(citation.title, citation.heading, citation.date, citation.article, citation.anchor))
    if citation.url:
        grid.add_row("", Text(citation.url, style="dim", overflow="fold"))
    return Padding(grid, (0, 0, 1, 0))


def render_hits(hits: Sequence[Hit]) -> RenderableType:
    """Return the hits, each with its score, where it stands, and its best span."""
    if not hits:
        return Text("nothing found")
    grid = _grid(3)
    for hit in hits:
        best = hit.spans[0].text if hit.spans else hit.text
        grid.add_row(Text(f"{hit.rank}", style="bold cyan"), Text(f"{hit.score:.3f}", style="dim"), Text(best))
        grid.add_row("", "", _source(hit.title, hit.heading, hit.date, hit.article, hit.anchor))
        grid.add_row("")
    return grid


def _grid(columns: int) -> Table:
    """Return a borderless table that breaks Chinese lines; by default its cells would be cut short with an ellipsis."""
    grid = Table.grid(padding=(0, 1))
    for _ in range(columns):
        grid.add_column(overflow="fold")
    return grid


def _source(title: str, heading: str, date: str, article: str, anchor: str) -> Text:
    where = " › ".join(part for part in (title, heading) if part)
    parts = [where, date, f"{article}#{anchor}" if anchor else article]
    return Text(" · ".join(part for part in parts if part), style="dim")
