"""What a reader sees of an article that is stored, to check quotes against."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from briefqa.articles import Block, Section
from briefqa.markdown import read_markdown
from briefqa.store.schema import StoredArticle
from briefqa.verbatim import VisibleArticle, visible_section


def see(article: StoredArticle, text: str, sections: Sequence[Section]) -> VisibleArticle:
    """Return what a reader sees of an article. text: of its file. sections: without their blocks."""
    blocks = [part for part in read_markdown(text).parts if isinstance(part, Block)]
    starts = [block.start for block in blocks]
    seen = [
        visible_section(section, blocks[bisect_left(starts, section.start) : bisect_left(starts, section.end)])
        for section in sections
    ]
    return VisibleArticle(article.slug, article.sha256, article.title, article.date, article.source_url, tuple(seen))
