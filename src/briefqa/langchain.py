"""The briefs as a retriever of LangChain.

    retriever = BriefRetriever(index="index", k=5, since="2025-12")
    documents = retriever.invoke("which chips are banned?")
    documents[0].page_content, documents[0].metadata["url"], documents[0].metadata["quotes"][0]["text"]

It goes wherever a Runnable goes: `retriever | format | prompt | model`, `await retriever.ainvoke(…)`.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import Field

from briefqa.api import BriefQA, retrieve
from briefqa.ranking import FilterOptions, Hit, make_filters

__all__ = ["BriefRetriever"]

# Of a passage's sentences, best first: enough to quote from.
_QUOTES = 3


class BriefRetriever(BaseRetriever):
    """Finds the passages of the briefs that may answer a question, best first.

    index: an open BriefQA, or a folder, which is opened at the first question and kept open; left out, what
    BRIEFQA_INDEX says, or "index". k: how many passages. since, until, tags, category, articles: which briefs, see
    FilterOptions; `tags` are those of the briefs, a trace's go into `with_config(tags=…)`. Raises QuestionError for a
    filter that cannot be understood, and when it is asked the errors of `BriefQA.retrieve`.

    A document's metadata is plain JSON: article, anchor, heading, heading_path, title, date, author, source_url, url,
    source (the url, else article#anchor), score, rank, revision, and quotes, the best sentences or rows: text, header,
    start and end in the article's file.
    """

    index: BriefQA | Path | str | None = None
    k: int = Field(default=5, ge=1)
    since: str | datetime.date | None = None
    until: str | datetime.date | None = None
    tags: list[str] | None = None
    category: str | None = None
    articles: list[str] | None = None

    def model_post_init(self, context: Any, /) -> None:
        """Check the filters now rather than at the first question."""
        super().model_post_init(context)
        make_filters(**self._filters())

    def _filters(self) -> FilterOptions:
        return {
            "since": self.since,
            "until": self.until,
            "tags": self.tags,
            "category": self.category,
            "articles": self.articles,
        }

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        if isinstance(self.index, BriefQA):
            hits = self.index.retrieve(query, self.k, **self._filters())
        else:
            hits = retrieve(query, self.k, index=self.index, **self._filters())
        return [_document(hit) for hit in hits]


def _document(hit: Hit) -> Document:
    quotes = [
        {"text": span.text, "header": list(span.header), "start": span.start, "end": span.end}
        for span in hit.spans[:_QUOTES]
    ]
    return Document(
        page_content=hit.text,
        metadata={
            "article": hit.article,
            "anchor": hit.anchor,
            "heading": hit.heading,
            "heading_path": list(hit.heading_path),
            "title": hit.title,
            "date": hit.date,
            "author": hit.author,
            "source_url": hit.source_url,
            "url": hit.url,
            "source": hit.url or (f"{hit.article}#{hit.anchor}" if hit.anchor else hit.article),
            "score": hit.score,
            "rank": hit.rank,
            "revision": hit.revision,
            "quotes": quotes,
        },
    )
