"""What a conversation is limited to: how clicks change it, and how it is shown above the composer.

    scope = change_scope(Filters(), "tag", "芯片")           # toggled
    scope = change_scope(scope, "period", "2025-12")        # since 2025-12-01, until 2025-12-31
    render_scope(scope, strings, {"policy": "芯片出口政策"})

A scope is the store's `Filters`. Fields and values come from a browser, so they may be anything; what makes no sense
changes nothing.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from html import escape

from briefqa.errors import SavedAnswerError
from briefqa.question import frame_language
from briefqa.ranking import FilterOptions
from briefqa.restoring import restore
from briefqa.store import Filters
from briefqa.ui.strings import Strings
from briefqa.writing import one_line, without_hidden

# Longer than any path or tag that a brief has; a scope is kept for each open page.
LONGEST_VALUE = 4_096
MOST_TAGS = 32

_PERIOD = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
# A browser reports a year that is still being typed as 0002, 0020, 0202.
_FIRST_YEAR = 1000


def change_scope(scope: Filters, field: object, value: object) -> Filters:
    """Return the scope after a click.

    field: "tag", "category" or "article" with a value that is toggled; "period" with 2025, 2025-12 or 2025-12-15,
    toggled too; "since" or "until" with a date, or "" to take it away; "dates" takes both away, "clear" everything. An
    article is chosen alone, in place of others. A date that leaves no day between the two takes the other one away.
    """
    change = _CHANGES.get(field) if isinstance(field, str) else None
    if change is None or not isinstance(value, str) or len(value) > LONGEST_VALUE or without_hidden(value) != value:
        return scope
    return change(scope, value)


def _toggle_tag(scope: Filters, value: str) -> Filters:
    if value in scope.tags:
        return replace(scope, tags=tuple(tag for tag in scope.tags if tag != value))
    return replace(scope, tags=(*scope.tags, value)) if value and len(scope.tags) < MOST_TAGS else scope


def _toggle_category(scope: Filters, value: str) -> Filters:
    return replace(scope, category="" if value == scope.category else value) if value else scope


def _toggle_article(scope: Filters, value: str) -> Filters:
    if value in scope.articles:
        return replace(scope, articles=tuple(slug for slug in scope.articles if slug != value))
    return replace(scope, articles=(value,)) if value else scope


def _toggle_period(scope: Filters, value: str) -> Filters:
    bounds = period_bounds(value)
    if not bounds:
        return scope
    if bounds == (scope.since, scope.until):
        bounds = ("", "")
    return replace(scope, since=bounds[0], until=bounds[1])


def _set_since(scope: Filters, value: str) -> Filters:
    if value and not _is_day(value):
        return scope
    return replace(scope, since=value, until="" if value > scope.until else scope.until)


def _set_until(scope: Filters, value: str) -> Filters:
    if value and not _is_day(value):
        return scope
    return replace(scope, until=value, since="" if value and value < scope.since else scope.since)


_CHANGES: dict[str, Callable[[Filters, str], Filters]] = {
    "tag": _toggle_tag,
    "category": _toggle_category,
    "article": _toggle_article,
    "period": _toggle_period,
    "since": _set_since,
    "until": _set_until,
    "dates": lambda scope, _: replace(scope, since="", until=""),
    "clear": lambda scope, _: Filters(),
}


def period_bounds(period: str) -> tuple[str, str] | None:
    """Return the first and the last day of 2025, 2025-12 or 2025-12-15; None for what is no such period."""
    match = _PERIOD.fullmatch(period)
    if not match or int(match[1]) < _FIRST_YEAR:
        return None
    year, month, day = int(match[1]), int(match[2] or 1), int(match[3] or 1)
    try:
        first = date(year, month, day)
    except ValueError:
        return None
    if match[3]:
        return period, period
    last_month = month if match[2] else 12
    return first.isoformat(), date(year, last_month, calendar.monthrange(year, last_month)[1]).isoformat()


def _is_day(value: str) -> bool:
    return len(value) == len("2025-12-15") and period_bounds(value) is not None


def period_words(period: str, strings: Strings) -> str:
    """Return 2025, "December 2025" or 2025-12-15: a period as a reader sees it."""
    year, _, month = period.partition("-")
    if len(month) != 2:
        return period
    return strings.month.format(year=year, month=strings.months.split()[int(month) - 1])


def dates_words(since: str, until: str, strings: Strings) -> str:
    """Return the words for a range of dates; "" for none."""
    for period in (since[:4], since[:7], since):
        if since and period_bounds(period) == (since, until):
            return period_words(period, strings)
    if since and until:
        return strings.dates_between.format(since=since, until=until)
    return strings.dates_since.format(date=since) if since else strings.dates_until.format(date=until) if until else ""


def render_scope(scope: Filters, strings: Strings, titles: Mapping[str, str]) -> str:
    """Return the chips that say what the conversation is limited to, each removes itself; "" if it is not.

    titles: slug → title of the articles in the scope; one that is missing is shown by its slug.
    """
    limits = [("article", slug, titles.get(slug) or slug) for slug in scope.articles]
    if scope.since or scope.until:
        limits.append(("dates", "", dates_words(scope.since, scope.until, strings)))
    if scope.category:
        limits.append(("category", scope.category, scope.category))
    limits += [("tag", tag, tag) for tag in scope.tags]
    if not limits:
        return ""
    chips = "".join(f"<li>{_removing(field, value, words, strings)}</li>" for field, value, words in limits)
    return (
        f'<div class="bq-scope" role="group" aria-label="{escape(strings.scope)}"><span>{escape(strings.scope)}</span>'
        f"<ul>{chips}</ul>{render_clear(strings)}</div>"
    )


def _removing(field: str, value: str, words: str, strings: Strings) -> str:
    words = one_line(words)
    label = strings.scope_remove.format(limit=words)
    return (
        f'<button type="button" class="bq-limit" data-event="apply" data-field="{field}" data-value="{escape(value)}"'
        f' aria-label="{escape(label)}" title="{escape(label)}">'
        f'<span lang="{frame_language(words)}">{escape(words)}</span><span aria-hidden="true"> ×</span></button>'
    )


def render_clear(strings: Strings) -> str:
    """Return the button that takes every limit away."""
    return (
        '<button type="button" class="bq-unlimit" data-event="apply" data-field="clear" data-value="">'
        f"{escape(strings.scope_clear)}</button>"
    )


def read_scope(held: object) -> Filters:
    """Return the scope that a browser holds, none for what is no scope."""
    try:
        scope = restore(Filters, held, halves=False)
    except SavedAnswerError:
        return Filters()
    values = (scope.since, scope.until, scope.category, *scope.tags, *scope.articles)
    dates = all(not day or _is_day(day) for day in (scope.since, scope.until))
    fits = len(scope.tags) <= MOST_TAGS and len(scope.articles) <= MOST_TAGS and not scope.without
    return scope if dates and fits and all(len(value) <= LONGEST_VALUE for value in values) else Filters()


def filter_options(scope: Filters) -> FilterOptions:
    """Return the scope as `ask` and `retrieve` take it."""
    return {
        "since": scope.since,
        "until": scope.until,
        "tags": scope.tags,
        "category": scope.category,
        "articles": scope.articles,
    }


def scope_words(scope: Filters, strings: Strings, titles: Mapping[str, str]) -> str:
    """Return the scope in a line of words; "" for none. titles: as for render_scope."""
    dates = dates_words(scope.since, scope.until, strings) if scope.since or scope.until else ""
    names = [titles.get(slug) or slug for slug in scope.articles]
    return " · ".join(one_line(part) for part in (*names, dates, scope.category, *scope.tags) if part)
