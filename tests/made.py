"""Citations and answers as tests of what is made of them need them."""

from __future__ import annotations

from briefqa.answer import Answer, Citation
from briefqa.ranking import Hit


def citation(**changes: object) -> Citation:
    given: dict[str, object] = {
        "number": 1,
        "article": "policy",
        "anchor": "banned",
        "heading": "Banned",
        "title": "Policy",
        "date": "2025-12-15",
        "quote": "Rubin is banned.",
        "header": (),
        "start": 10,
        "end": 26,
        "url": "",
    }
    return Citation(**{**given, **changes})  # type: ignore[arg-type]


def answer(text: str, *citations: Citation, question: str = "q", hits: tuple[Hit, ...] = ()) -> Answer:
    return Answer(question, text, citations, bool(citations), 0.9, hits)


def hit(**changes: object) -> Hit:
    given: dict[str, object] = {
        "article": "policy",
        "anchor": "other",
        "heading": "Other",
        "heading_path": ("Other",),
        "title": "Policy",
        "date": "2025-12-15",
        "source_url": "",
        "url": "",
        "text": "Text.",
        "score": 0.5,
        "rank": 1,
        "spans": (),
    }
    return Hit(**{**given, **changes})  # type: ignore[arg-type]
