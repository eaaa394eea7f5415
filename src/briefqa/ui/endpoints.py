"""The chat's named endpoints, for programs that call it with gradio_client.

    client = Client("http://127.0.0.1:7860")
    client.predict("which chips are banned?", api_name="/ask")["citations"]
    client.predict("which chips are banned?", k=3, since="2025-12", api_name="/retrieve")

What comes back is JSON, the fields of `Answer`, `Hit` and `BuildReport`. Callers are told what is wrong with what they
sent; other errors name folders of the server, so they go to its log.
"""

# Without `from __future__ import annotations`: Gradio reads the type of what is returned as it stands, and describes it
# to clients. `tuple[str, ...]` is a list there.

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import gradio as gr

from briefqa.answer import Answer
from briefqa.api import BriefQA
from briefqa.errors import BriefqaError, IndexLockedError, QuestionError
from briefqa.indexing import BuildReport
from briefqa.ranking import FilterOptions, Hit

Rebuild = Callable[[gr.Request], BuildReport]
"""Brings the index up to date for whoever sent the request. Raises Refused where they may not, else BriefqaError."""

# As many as the page answers at a time, but counted apart: programs do not take the places of people.
_CALLS_AT_ONCE = 8
# More than anybody reads, or a model's context holds.
MOST_HITS = 50
_LONGEST_HISTORY = 100

_log = logging.getLogger(__name__)


class Refused(BriefqaError):
    """Who asked may not, or not now; the message is for them and says so."""


def add_endpoints(qa: BriefQA, rebuild: Rebuild | None = None) -> None:
    """Add /ask, /retrieve and, given what does it, /rebuild; to be called inside `with gr.Blocks()`."""

    def ask(
        question: str,
        history: tuple[str, ...] = (),
        since: str = "",
        until: str = "",
        tags: tuple[str, ...] = (),
        category: str = "",
        articles: tuple[str, ...] = (),
    ) -> Answer:
        """Answer a question from the briefs, with numbered citations: what `briefqa ask --json` prints.

        history: the earlier questions of the conversation, oldest first. since, until: only briefs of these dates, both
        included, as 2025-12-31, 2025-12 or 2025. tags, articles: only briefs with one of them. category: only briefs
        of it.
        """
        with _telling("the question could not be answered"):
            filters = _filters(since, until, tags, category, articles)
            return qa.ask(_text("question", question), _history(history), **filters)

    def retrieve(
        question: str,
        k: int = 5,
        since: str = "",
        until: str = "",
        tags: tuple[str, ...] = (),
        category: str = "",
        articles: tuple[str, ...] = (),
        history: tuple[str, ...] = (),
    ) -> list[Hit]:
        """List the k sections, 1 to 50, that may answer a question, best first, each with its text and sentences.

        since, until, tags, category, articles, history: those of /ask.
        """
        with _telling("the question could not be answered"):
            filters = _filters(since, until, tags, category, articles)
            return qa.retrieve(_text("question", question), _count(k), _history(history), **filters)

    calls: dict[str, Any] = {"concurrency_limit": _CALLS_AT_ONCE, "concurrency_id": "calls", "api_visibility": "public"}
    gr.api(ask, api_name="ask", **calls)
    gr.api(retrieve, api_name="retrieve", **calls)
    if rebuild is None:
        return

    def rebuild_index(request: gr.Request) -> dict[str, Any]:
        """Bring the index up to date with the briefs and report what changed; for administrators.

        Returned are articles_added, articles_updated, articles_removed, articles_unchanged, chunks_embedded,
        chunks_reused, seconds, and problems: file, line and message of each that could not be read.
        """
        with _telling("the index could not be brought up to date"):
            report = asdict(rebuild(request))
            # gradio_client takes whatever has a "path" for a file to be downloaded.
            report["problems"] = [{"file": problem.pop("path"), **problem} for problem in report["problems"]]
            return report

    gr.api(rebuild_index, api_name="rebuild", concurrency_limit=1, api_visibility="public")


@contextmanager
def _telling(failure: str) -> Iterator[None]:
    """Raise what Gradio sends to the caller: the message of an error that is theirs to mend, else that it failed."""
    try:
        yield
    except (QuestionError, Refused) as error:
        raise gr.Error(str(error), print_exception=False) from None
    except IndexLockedError:
        raise gr.Error("the index is being built already: try again later", print_exception=False) from None
    except Exception as error:
        if isinstance(error, BriefqaError):
            _log.warning("%s: %s", failure, error)
        else:
            _log.exception(failure)
        raise gr.Error(f"{failure}: the server's log says why", print_exception=False) from None


def _filters(since: object, until: object, tags: object, category: object, articles: object) -> FilterOptions:
    return {
        "since": _text("since", since),
        "until": _text("until", until),
        "tags": _texts("tags", tags),
        "category": _text("category", category),
        "articles": _texts("articles", articles),
    }


def _history(value: object) -> list[str]:
    turns = _texts("history", value)
    if len(turns) > _LONGEST_HISTORY:
        raise QuestionError(f"history has {len(turns):,} questions: send the last {_LONGEST_HISTORY} at most")
    return turns


def _count(value: object) -> int:
    if type(value) is not int or not 1 <= value <= MOST_HITS:
        raise QuestionError(f"k must be a whole number from 1 to {MOST_HITS}")
    return value


def _texts(name: str, value: object) -> list[str]:
    """Return a list of text; null is none, and one text a list of it. Gradio passes on whatever JSON was sent."""
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        value = [value]
    return [_text(name, item) for item in value]


def _text(name: str, value: object) -> str:
    """Return text; null is none. Half a character, which JSON can spell, could not be sent back."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise QuestionError(f"{name} has {type(value).__name__} where text is expected")
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise QuestionError(f"{name} has half of a surrogate pair, which is no character: send it whole")
    return value
