"""What the tools return: models whose JSON schema agents are told, and the same as text for models to read.

returned(RetrieveResult(sections=[…]), "1. …") # a CallToolResult with both
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel, Field

from briefqa.writing import one_line

Article = Annotated[str, Field(description="The brief, as read_section takes it.")]
Anchor = Annotated[str, Field(description='Its section, as read_section takes it; "" is what stands before headings.')]
Heading = Annotated[str, Field(description="The section's heading.")]
Date = Annotated[str, Field(description="The brief's date, 2025-12-31, or empty.")]
URL = Annotated[str, Field(description="Where the section was published, or empty.")]


class SectionName(BaseModel, frozen=True):
    """A section without its text."""

    article: Article
    anchor: Anchor
    title: str
    heading: Heading
    date: Date
    url: URL


class Cited(SectionName, frozen=True):
    """A quote and where it stands."""

    number: Annotated[int, Field(description="The number in the markers [1] of the text.")]
    quote: Annotated[str, Field(description='Word for word; of table rows the cells, joined by " | ".')]
    header: Annotated[list[str], Field(description="The header cells of table rows.")]


class Later(SectionName, frozen=True):
    """A section of a later brief on the subject of a quote."""

    number: Annotated[int, Field(description="The number of the quote that it is newer than.")]


class Found(SectionName, frozen=True):
    """A passage that may answer, all of a section or a part of a long one."""

    rank: int
    text: str
    sentences: Annotated[
        list[str], Field(description="What of it is nearest to the question, best first, word for word.")
    ]


class AskResult(BaseModel, frozen=True):
    """What `ask` returns."""

    answered: Annotated[bool, Field(description="Whether the briefs answer the question.")]
    confidence: Annotated[float, Field(description="0 to 1, the probability that they do.")]
    text: Annotated[str, Field(description="The answer in Markdown with markers [1], or a refusal.")]
    citations: list[Cited]
    newer: Annotated[list[Later], Field(description="Later sections on what is quoted; read them before you cite it.")]
    nearest: Annotated[list[SectionName], Field(description="The nearest sections, where nothing answers.")]
    notice: Annotated[str, Field(description="What did not work meanwhile, or empty.")]


class RetrieveResult(BaseModel, frozen=True):
    """What `retrieve` returns."""

    sections: Annotated[list[Found], Field(description="Best first.")]


class SectionResult(SectionName, frozen=True):
    """What `read_section` returns."""

    text: Annotated[str, Field(description="The section's Markdown as it stands in the brief.")]
    next_offset: Annotated[int, Field(description="Where to go on in a long section; 0 where this was the end.")]


Result = TypeVar("Result", bound=SectionName)


def take(kind: type[Result], source: Any, **given: Any) -> Result:
    """Return what has the fields of a citation or a hit that go by the same names."""
    return kind(**{name: getattr(source, name) for name in kind.model_fields if name not in given}, **given)


def returned(result: BaseModel, text: str) -> CallToolResult:
    """Return both ways of saying it: a result's JSON, and a text for agents that show no JSON to their model."""
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=result.model_dump())


def answer_text(result: AskResult, quotes: bool) -> str:
    """Return an answer or a refusal with the sections it names. quotes: whether the text is not made of them."""
    lines = [result.text, "", "Sources:"] if result.answered else [result.text.split("\n\n", 1)[0]]
    for cited in result.citations:
        lines.append(f"[{cited.number}] {source_line(cited)}")
        if quotes:
            lines.append(f"    {one_line(cited.quote)}")
        lines += [f"    newer: {source_line(later)}" for later in result.newer if later.number == cited.number]
    lines += [f"- {source_line(section)}" for section in result.nearest]
    return "\n".join([*lines, "", f"({one_line(result.notice)})"] if result.notice else lines)


def source_line(section: SectionName) -> str:
    """Return what to cite of a section, and what read_section wants to know."""
    name = " › ".join(dict.fromkeys(part for part in (section.title, section.heading) if part))
    place = f"article={section.article!r}, anchor={section.anchor!r}"
    return one_line(" · ".join(part for part in (name, section.date, section.url, place) if part))
