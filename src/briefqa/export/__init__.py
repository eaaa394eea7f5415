"""Answers as files: Markdown with footnotes, JSON that can be read again, BibTeX and CSL-JSON of the cited sections.

    from briefqa.export import from_json, to_json, to_markdown

    to_markdown([answer])                   # one answer, or a whole conversation with footnotes that count on
    from_json(to_json([answer]))            # (answer,)
    EXPORTS["bibtex"].write([answer])       # the same by name, with the suffix and media type of the file

Whatever briefs, people or a language model wrote stays text in all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from briefqa.answer import Answer
from briefqa.export.bibliography import to_bibtex, to_csl_json
from briefqa.export.footnotes import to_markdown
from briefqa.saved import from_json, to_json

__all__ = ["EXPORTS", "Export", "from_json", "to_bibtex", "to_csl_json", "to_json", "to_markdown"]


@dataclass(frozen=True, slots=True)
class Export:
    """A kind of file that answers can be written to.

    name: as people call it. media_type: without its charset, which is UTF-8. cited: whether it holds nothing but what
    was cited, so that a refusal leaves it empty.
    """

    name: str
    suffix: str
    media_type: str
    write: Callable[[Sequence[Answer]], str]
    cited: bool = False


EXPORTS = {
    "markdown": Export("Markdown", ".md", "text/markdown", to_markdown),
    "json": Export("JSON", ".json", "application/json", to_json),
    "bibtex": Export("BibTeX", ".bib", "application/x-bibtex", to_bibtex, cited=True),
    "csl": Export("CSL-JSON", ".csl.json", "application/vnd.citationstyles.csl+json", to_csl_json, cited=True),
}
