"""The corpus as HTML: what can limit the conversation, the list of briefs, and what changed since the last build.

    render_filters(snapshot, scope, strings)
    render_briefs(snapshot, scope, "芯片 出口", strings)

Pure functions; all that a brief says of itself is escaped. What can be pressed is a button with data-event, data-field
and data-value, which `change_scope` understands; a link of class bq-source opens in the source panel.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from html import escape

from briefqa.indexing import Changes
from briefqa.lexicon import load_lexicon
from briefqa.question import frame_language
from briefqa.settings import Settings
from briefqa.store import Filters, IndexInfo, Snapshot, StoredArticle
from briefqa.ui.links import source_path
from briefqa.ui.scope import render_clear
from briefqa.ui.strings import Strings
from briefqa.ui.timeline import count_briefs, render_timeline
from briefqa.writing import one_line, without_hidden

MOST_LISTED = 200
MOST_NAMES = 20
MOST_PROBLEMS = 100
LONGEST_SEARCH = 200
_FIRST_TAGS = 10
_MOST_TAGS = 300
_TAGS_OF_A_BRIEF = 12
_MOST_SECTIONS = 60


def render_filters(snapshot: Snapshot, scope: Filters, strings: Strings) -> str:
    """Return the filters: dates with their timeline, categories and tags as chips, the most frequent first.

    The counts are those of the whole corpus, so that chips keep their places; the timeline shows what the other filters
    let pass. The page sends the value of a date input, whose name is the field, when it changes.
    """
    articles = snapshot.articles()
    if not articles:
        return ""
    others = replace(scope, since="", until="", articles=(), without=())
    timeline = render_timeline(snapshot.articles(others) if others else articles, scope, strings)
    categories = Counter(article.category for article in articles if article.category)
    tags = Counter(tag for article in articles for tag in article.tags)
    clear = render_clear(strings) if scope else ""
    return (
        f'<section class="bq-filters" aria-label="{escape(strings.filters)}">{_dates(scope, strings)}{timeline}'
        f"{_chips('category', strings.categories, categories, (scope.category,), strings)}"
        f"{_chips('tag', strings.tags, tags, scope.tags, strings)}{clear}</section>"
    )


def _dates(scope: Filters, strings: Strings) -> str:
    fields = (("since", strings.date_since, scope.since), ("until", strings.date_until, scope.until))
    inputs = "".join(
        f'<label>{escape(words)} <input type="date" name="{name}" value="{escape(value)}"></label>'
        for name, words, value in fields
    )
    return f'<div class="bq-dates" role="group" aria-label="{escape(strings.dates)}">{inputs}</div>'


def _chips(field: str, title: str, counts: Counter[str], chosen: Sequence[str], strings: Strings) -> str:
    """Return the values of a field as chips, past the first ones folded away; a chosen one is always there."""
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    listed = ordered[:_MOST_TAGS]
    listed += [value for value in chosen if value and value not in listed]
    if not listed:
        return ""
    chips = [_chip(field, value, counts[value], value in chosen) for value in listed]
    rest = ""
    if len(chips) > _FIRST_TAGS:
        opened = " open" if any(value in chosen for value in listed[_FIRST_TAGS:]) else ""
        more = strings.more.format(count=f"{max(len(counts), len(chips)) - _FIRST_TAGS:,}")
        left = len(ordered) - _MOST_TAGS
        note = f'<p class="bq-note">{escape(strings.and_more.format(count=f"{left:,}"))}</p>' if left > 0 else ""
        folded = f"<div>{''.join(chips[_FIRST_TAGS:])}</div>{note}"
        rest = f"<details{opened}><summary>{escape(more)}</summary>{folded}</details>"
    shown = f"<h3>{escape(title)}</h3><div>{''.join(chips[:_FIRST_TAGS])}</div>{rest}"
    return f'<div class="bq-chips" role="group" aria-label="{escape(title)}">{shown}</div>'


def _chip(field: str, value: str, count: int, pressed: bool) -> str:
    return (
        f'<button type="button" class="bq-chip" data-event="apply" data-field="{field}" data-value="{escape(value)}"'
        f' aria-pressed="{str(pressed).lower()}"><span lang="{frame_language(value)}">{escape(value)}</span>'
        f' <span class="bq-count">{count:,}</span></button>'
    )


def render_briefs(snapshot: Snapshot, scope: Filters, search: str, strings: Strings) -> str:
    """Return the list of the briefs in the scope whose titles hold all words of the search, the newest first.

    A scope of single briefs leaves the others in the list, so that another one can be chosen.
    """
    found = snapshot.articles(replace(scope, articles=()))
    words, fold = _search_words(search)
    if words:
        found = [article for article in found if all(word in fold(article.title) for word in words)]
    if not found:
        empty = strings.briefs_none if words or scope or snapshot.info().articles else strings.corpus_empty
        return f'<p class="bq-empty" role="status">{escape(empty)}</p>'
    listed = found[:MOST_LISTED]
    count = count_briefs(len(found), strings)
    if len(found) > len(listed):
        count = strings.briefs_some.format(shown=f"{len(listed):,}", count=f"{len(found):,}")
    headings = snapshot.headings(article.slug for article in listed)
    items = "".join(_brief(article, headings[article.slug], scope, strings) for article in listed)
    return f'<p class="bq-listed" role="status">{escape(count)}</p><ul class="bq-briefs">{items}</ul>'


def _search_words(search: object) -> tuple[list[str], Callable[[str], str]]:
    """Return the words of a search and what makes titles comparable to them: one width, case and Chinese script."""
    if not isinstance(search, str) or not search.strip():
        return [], str
    fold = load_lexicon(Settings.from_environment().cache_dir).tokenizer.fold
    return fold(without_hidden(search[:LONGEST_SEARCH])).split(), fold


def _brief(article: StoredArticle, headings: Sequence[tuple[str, str]], scope: Filters, strings: Strings) -> str:
    named = [(anchor, heading) for anchor, heading in headings if heading and heading != article.title]
    when = f'<time datetime="{escape(article.date)}">{escape(article.date)}</time>' if article.date else ""
    facts = " · ".join(fact for fact in (when, escape(article.category)) if fact)
    tags = "".join(f'<li lang="{frame_language(tag)}">{escape(tag)}</li>' for tag in article.tags[:_TAGS_OF_A_BRIEF])
    return (
        f'<li class="bq-brief"><h3>{_link(source_path(article.slug), article.title)}</h3>'
        + (f'<p class="bq-facts">{facts}</p>' if facts else "")
        + (f'<ul class="bq-tags" aria-label="{escape(strings.tags)}">{tags}</ul>' if tags else "")
        + _sections(article.slug, named, strings)
        + _only(article, article.slug in scope.articles, strings)
        + "</li>"
    )


def _link(path: str, words: str) -> str:
    return (
        f'<a class="bq-source" href="{escape(path)}" target="_blank" lang="{frame_language(words)}">{escape(words)}</a>'
    )


def _sections(slug: str, headings: Sequence[tuple[str, str]], strings: Strings) -> str:
    if not headings:
        return ""
    words = strings.sections_one if len(headings) == 1 else strings.sections_many.format(count=f"{len(headings):,}")
    shown = headings[:_MOST_SECTIONS]
    items = "".join(f"<li>{_link(source_path(slug, anchor), heading)}</li>" for anchor, heading in shown)
    left = len(headings) - len(shown)
    items += f"<li>{escape(strings.and_more.format(count=f'{left:,}'))}</li>" if left else ""
    return f'<details class="bq-sections"><summary>{escape(words)}</summary><ul>{items}</ul></details>'


def _only(article: StoredArticle, pressed: bool, strings: Strings) -> str:
    label = f"{strings.only_this}: {article.title}"
    return (
        f'<button type="button" class="bq-only" data-event="apply" data-field="article"'
        f' data-value="{escape(article.slug)}" aria-pressed="{str(pressed).lower()}" aria-label="{escape(label)}">'
        f"{escape(strings.only_this)}</button>"
    )


def render_changes(changes: Changes | None, info: IndexInfo, strings: Strings) -> str:
    """Return when the index was built, how the corpus differs from it, and what that build could not read.

    changes: None where the corpus is not there.
    """
    when = info.built_at.partition("+")[0].replace("T", " ")
    time = f'<time datetime="{escape(info.built_at)}">{escape(when)} UTC</time>'
    before, after = (part.format(generation=info.generation) for part in strings.built.split("{time}"))
    if changes is None:
        told = f"<p>{escape(strings.corpus_gone)}</p>"
    elif not changes.ahead:
        told = f"<p>{escape(strings.up_to_date)}</p>"
    else:
        told = (
            _names(strings.changes_added, changes.added, strings)
            + _names(strings.changes_changed, changes.changed, strings)
            + _names(strings.changes_removed, changes.removed, strings)
        )
    current = "" if changes is None or changes.ahead else " bq-up-to-date"
    return (
        f'<section class="bq-changes{current}" aria-label="{escape(strings.changes)}">'
        f"<p>{escape(before)}{time}{escape(after)}</p>{told}{render_problems(info.problems, strings)}</section>"
    )


def _names(title: str, names: Sequence[str], strings: Strings) -> str:
    if not names:
        return ""
    items = "".join(f"<li>{escape(one_line(name))}</li>" for name in names[:MOST_NAMES])
    left = len(names) - MOST_NAMES
    items += f"<li>{escape(strings.and_more.format(count=f'{left:,}'))}</li>" if left > 0 else ""
    return f"<h3>{escape(title)}</h3><ul>{items}</ul>"


def render_problems(problems: Iterable[tuple[str, int, str]], strings: Strings) -> str:
    """Return what a build could not read, or read with a loss, as a list; "" for nothing.

    problems: (path, line, message); line 0 is the file as a whole.
    """
    told = [f"{path}:{line}: {message}" if line else f"{path}: {message}" for path, line, message in problems]
    if not told:
        return ""
    items = "".join(f"<li>{escape(one_line(line))}</li>" for line in told[:MOST_PROBLEMS])
    left = len(told) - MOST_PROBLEMS
    items += f"<li>{escape(strings.and_more.format(count=f'{left:,}'))}</li>" if left > 0 else ""
    return f'<div class="bq-problems"><h3>{escape(strings.problems)}</h3><ul>{items}</ul></div>'
