"""Answers, hits and scores as rich renderables, for a terminal: quotes with their sources under them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from briefqa.answer import Answer, Citation, period_note
from briefqa.checking import printable, section_name
from briefqa.newer import Newer
from briefqa.quotes import split_rows
from briefqa.ranking import Hit
from briefqa.writing import without_hidden

if TYPE_CHECKING:
    from rich.console import OverflowMethod

    from briefqa.conversations import Feedback
    from briefqa.evaluate import Evaluation, Scores
    from briefqa.verification import Verification

# Sections that are shown in place of the expected ones; more would bury the next miss.
_SECTIONS_A_MISS = 3


def render_answer(answer: Answer) -> RenderableType:
    """Return the answer: what is said of the quotes, each quote with its number and where it stands, or the refusal."""
    from rich.markdown import Markdown

    if not answer.answered:
        return Markdown(answer.text)
    notes = [note for note in (answer.notice, period_note(answer)) if note]
    parts: list[RenderableType] = [_text(note, style="yellow") for note in notes]
    parts.append(Markdown(answer.text if answer.worded_by else answer.text.split("\n\n", 1)[0]))
    newer = {later.number: later for later in answer.newer}
    quotes = Group(*(_render_citation(citation, newer.get(citation.number)) for citation in answer.citations))
    return Group(*(Padding(part, (0, 0, 1, 0)) for part in parts), quotes)


def _render_citation(citation: Citation, newer: Newer | None) -> RenderableType:
    quote: RenderableType = _text(citation.quote)
    rows = split_rows(citation.quote, citation.header)
    if rows:
        table = Table()
        for name in citation.header:
            table.add_column(_text(name), overflow="fold")
        for row in rows:
            table.add_row(*(_text(cell) for cell in row))
        quote = table
    grid = _grid(2)
    grid.add_row(Text(f"[{citation.number}]", style="bold cyan"), quote)
    grid.add_row("", _source(citation.title, citation.heading, citation.date, citation.article, citation.anchor))
    if citation.url:
        grid.add_row("", _text(citation.url, style="dim", overflow="fold"))
    if newer:
        where = _source(newer.title, newer.heading, newer.date, newer.article, newer.anchor)
        grid.add_row("", Text.assemble(("newer: ", "yellow"), where))
    return Padding(grid, (0, 0, 1, 0))


def render_hits(hits: Sequence[Hit]) -> RenderableType:
    """Return the hits, each with its score, where it stands, and its best span."""
    if not hits:
        return Text("nothing found")
    grid = _grid(3)
    for hit in hits:
        best = hit.spans[0].text if hit.spans else hit.text
        grid.add_row(Text(f"{hit.rank}", style="bold cyan"), Text(f"{hit.score:.3f}", style="dim"), _text(best))
        grid.add_row("", "", _source(hit.title, hit.heading, hit.date, hit.article, hit.anchor))
        grid.add_row("")
    return grid


def render_feedback(given: Sequence[Feedback]) -> RenderableType:
    """Return the feedback: the rating, the question with the comment, and which sections were cited."""
    if not given:
        return Text("no feedback yet: readers give it with the thumbs below an answer in the chat")
    grid = _grid(2)
    for one in given:
        mark = Text("+", style="bold green") if one.rating == "up" else Text("-", style="bold red")
        grid.add_row(mark, _text(one.question, style="bold"))
        if one.comment:
            grid.add_row("", _text(one.comment))
        answered = one.answer.worded_by or "quoted" if one.answer.answered else "refused"
        grid.add_row("", _text(f"{one.given_at[:16].replace('T', ' ')} UTC · {answered}", style="dim"))
        for citation in one.answer.citations:
            grid.add_row(
                "", _source(citation.title, citation.heading, citation.date, citation.article, citation.anchor)
            )
        grid.add_row("")
    return grid


def verification_lines(verification: Verification) -> Iterator[str]:
    """Yield a line for each citation, and one for all of them; lines that another program may read are not wrapped."""
    for position, answer in enumerate(verification.answers, 1):
        if len(verification.answers) > 1:
            yield f"answer {position}: {printable(answer.question)}".rstrip(": ")
        for check in answer.citations:
            citation = check.citation
            number, where = printable(str(citation.number)), section_name(citation.article, citation.anchor)
            message = f": {check.message}" if check.message else ""
            yield f"{check.failure or 'ok':13} [{number}] {where}{message}"
        for problem in answer.problems:
            yield f"{'problem':13} {problem}"
    checks = [check for answer in verification.answers for check in answer.citations]
    good = sum(not check.failure for check in checks)
    yield f"{good} of {len(checks)} citations are good, checked against {verification.against}"


def render_evaluation(evaluation: Evaluation) -> RenderableType:
    """Return the scores over all, per language and per difficulty, what was refused, and the misses."""
    parts: list[RenderableType] = [_render_scores(evaluation), _render_refusals(evaluation)]
    if evaluation.misses:
        parts.append(_render_misses(evaluation))
    return Group(*parts)


def _render_scores(evaluation: Evaluation) -> RenderableType:
    table = Table()
    table.add_column("")
    for name in ("n", "hit@1", "hit@5", "MRR@10", "nDCG@10"):
        table.add_column(name, justify="right")
    table.add_row("all", *_score_cells(evaluation.overall), style="bold", end_section=True)
    for language, scores in evaluation.by_language.items():
        table.add_row(_text(language or "-"), *_score_cells(scores))
        within = evaluation.by_language_and_difficulty[language]
        # One difficulty would repeat the line above it.
        for difficulty, part in within.items() if len(within) > 1 else ():
            table.add_row(_text(f"  {difficulty or '-'}"), *_score_cells(part), style="dim")
    table.add_section()
    for difficulty, scores in evaluation.by_difficulty.items():
        table.add_row(_text(difficulty or "-"), *_score_cells(scores))
    return table


def _score_cells(scores: Scores) -> list[str]:
    means = (scores.hit_at_1, scores.hit_at_5, scores.mrr_at_10, scores.ndcg_at_10)
    return [str(scores.questions), *(f"{mean:.3f}" if scores.questions else "-" for mean in means)]


def _render_refusals(evaluation: Evaluation) -> RenderableType:
    refusals = evaluation.refusals
    lines = [
        Text(f"refused, and the corpus does not answer: {refusals.unanswerable_refused} of {refusals.unanswerable}"),
        *(_text(f"  answered: {question}", style="dim") for question in evaluation.wrongly_answered),
        Text(f"refused, though the corpus answers: {refusals.answerable_refused} of {refusals.answerable}"),
        *(_text(f"  refused: {question}", style="dim") for question in evaluation.wrongly_refused),
    ]
    return Padding(Group(*lines), (0, 0, 1, 0))


def _render_misses(evaluation: Evaluation) -> RenderableType:
    grid = _grid(2)
    for miss in evaluation.misses:
        group = " ".join(part for part in (miss.language, miss.difficulty) if part)
        place = f"at place {miss.rank}" if miss.rank else "not among the first ten"
        # What stood above the expected section: one section, if it came second.
        instead = miss.found[: miss.rank - 1] if miss.rank else miss.found
        found = ", ".join(f"{found.section} {found.score:.3f}" for found in instead[:_SECTIONS_A_MISS])
        grid.add_row(Text("·", style="bold cyan"), Text.assemble(_text(miss.question), _text(f" {group}", "dim")))
        expected = _text(", ".join(miss.expected))
        grid.add_row("", Text.assemble(("expected: ", "dim"), expected, (f" ({place})", "dim")))
        grid.add_row("", Text.assemble(("found instead: ", "dim"), _text(found or "nothing")))
    title = Text(f"misses at the first place: {len(evaluation.misses)} of {evaluation.overall.questions}")
    return Group(title, grid)


def _grid(columns: int) -> Table:
    """Return a borderless table that breaks Chinese lines; by default its cells would be cut short with an ellipsis."""
    grid = Table.grid(padding=(0, 1))
    for _ in range(columns):
        grid.add_column(overflow="fold")
    return grid


def _source(title: str, heading: str, date: str, article: str, anchor: str) -> Text:
    where = " › ".join(part for part in (title, heading) if part)
    parts = [where, date, f"{article}#{anchor}" if anchor else article]
    return _text(" · ".join(part for part in parts if part), style="dim")


def _text(text: str, style: str = "", overflow: OverflowMethod | None = None) -> Text:
    """Return text of briefs for a terminal, without what a terminal would obey: rich takes out but a few of those."""
    return Text(without_hidden(text), style=style, overflow=overflow)
