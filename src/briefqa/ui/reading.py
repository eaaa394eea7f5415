"""The pages of the reading room that need no script: one for each brief, and the list of them.

    GET /source/                                                      # all briefs, the newest first
    GET /source/h200-export-policy?start=593&end=651&check=…#policy-details

They stand in the chat's source panel and, alone, in a colleague's browser. A brief's name is looked up in the index and
never on disk. Their policy allows one style sheet and one script, by their hashes, and nothing from anywhere.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from html import escape
from importlib.resources import files

from briefqa.api import BriefQA
from briefqa.store import StoredArticle
from briefqa.ui.links import original_url, quote_check, source_path
from briefqa.ui.source import render_article
from briefqa.ui.strings import Strings

# The anchor in the address leads to the section; a long section needs one more step to its quote.
_SCROLL = "document.querySelector('mark')?.scrollIntoView({block: 'center'})"
_ROOT = "../"


@cache
def style(*names: str) -> str:
    """Return style sheets of ours, joined: base, brief, chat, corpus."""
    folder = files("briefqa.ui").joinpath("styles")
    return "\n".join(folder.joinpath(f"{name}.css").read_text("utf-8") for name in names)


@cache
def policy() -> str:
    """Return the Content-Security-Policy of these pages."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_hash(_style())}'",
            f"script-src '{_hash(_SCROLL)}'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'self'",
        )
    )


def _style() -> str:
    return style("base", "brief")


def _hash(code: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(code.encode("utf-8")).digest()).decode("ascii")


def article_page(
    qa: BriefQA, slug: str, start: int, end: int, check: str, strings: Strings, alone: bool = True
) -> tuple[int, str]:
    """Return the status and the HTML of a brief's page, with the quote between the offsets marked.

    check: `quote_check` of the quote; where the brief has changed since, nothing is marked and a line says so. alone:
    whether the page scrolls to the quote by itself, which the chat does for its panel.
    """
    root = _ROOT * (slug.count("/") + 1)
    with qa.store.snapshot() as snapshot:
        found = snapshot.article(slug)
    if found is None:
        body = f'<main><p class="notice">{escape(strings.article_unknown)}</p></main>'
        return 404, _document(strings.library, _nav(root, strings) + body, strings.language, alone)
    article, text, sections = found
    anchors = [section.anchor for section in sections if section.level]
    rendered = render_article(text, anchors, start, end, article.title)
    notice = ""
    if end > start and check and quote_check("".join(rendered.quoted)) != check:
        notice = f'<p class="notice">{escape(strings.article_changed)}</p>'
        rendered = render_article(text, anchors, title=article.title)
    anchor = next((section.anchor for section in sections if section.start <= start < section.end), "")
    original = original_url(article.source_url, anchor if rendered.quoted else "", rendered.quoted)
    facts = [escape(fact) for fact in (article.date, article.category, article.author) if fact]
    if original:
        link = f'<a href="{escape(original)}" target="_blank" rel="noopener noreferrer">{escape(strings.original)}</a>'
        facts.append(link)
    title = f'<header><h1>{escape(article.title)}</h1><p class="facts">{" · ".join(facts)}</p></header>'
    content = f'<main>{title}{notice}<article lang="{_language(text)}">{rendered.html}</article></main>'
    return 200, _document(article.title, _nav(root, strings) + content, strings.language, alone)


def library_page(qa: BriefQA, strings: Strings, alone: bool = True) -> str:
    """Return the HTML of the list of all briefs, the newest first."""
    with qa.store.snapshot() as snapshot:
        articles = snapshot.articles()
    items = "".join(_library_item(article) for article in articles)
    none = "" if articles else f'<p class="notice">{escape(strings.corpus_empty)}</p>'
    body = f'<main><header><h1>{escape(strings.library)}</h1></header>{none}<ul class="library">{items}</ul></main>'
    return _document(strings.library, body, strings.language, alone)


def _library_item(article: StoredArticle) -> str:
    link = escape(_ROOT + source_path(article.slug))
    facts = " · ".join(escape(fact) for fact in (article.date, article.category) if fact)
    summary = f'<p lang="{_language(article.summary)}">{escape(article.summary)}</p>' if article.summary else ""
    return f'<li><a href="{link}">{escape(article.title)}</a><p class="facts">{facts}</p>{summary}</li>'


def _nav(root: str, strings: Strings) -> str:
    return f'<nav><a href="{root}source/">← {escape(strings.all_briefs)}</a></nav>'


def _language(text: str) -> str:
    """Return "zh" for a text that is Chinese for a good part, else "en": line breaking and fonts depend on it."""
    han = sum("\u4e00" <= char <= "\u9fff" for char in text)
    return "zh" if han * 5 > len(text) else "en"


def _document(title: str, body: str, language: str, alone: bool) -> str:
    script = f"<script>{_SCROLL}</script>" if alone else ""
    return (
        f'<!doctype html><html lang="{language}" class="bq-page"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_style()}</style></head>"
        f"<body>{body}{script}</body></html>"
    )
