"""When the briefs are of: a bar for each year, month or day, as buttons that limit the conversation to it.

    render_timeline(snapshot.articles(), scope, strings)
    # '<div class="bq-timeline" …><div><button class="h8" data-field="period" data-value="2025-12" …>'

The height of a bar is one of eight classes, h1 to h8: no style stands in the page's elements.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from html import escape

from briefqa.store import Filters, StoredArticle
from briefqa.ui.scope import period_bounds, period_words
from briefqa.ui.strings import Strings

HEIGHTS = 8
# A panel of 560 px has 9 px for each bar then; more would be too narrow to hit.
MOST_BARS = 60
_LONGEST_IN_MONTHS = 36
_LONGEST_IN_DAYS = 60


def render_timeline(articles: Iterable[StoredArticle], scope: Filters, strings: Strings) -> str:
    """Return the timeline of the articles that have a date; "" where none has.

    The bar of the scope's own period is pressed; those that a longer one covers are of class "in".
    """
    days = sorted(article.date for article in articles if article.date)
    if not days:
        return ""
    length = _period_length(days[0], days[-1])
    counts = Counter(day[:length] for day in days)
    most = max(counts.values())
    periods = _periods(counts, length)
    bars = "".join(_bar(period, counts[period], most, scope, strings) for period in periods)
    ends = f"<span>{_ends(periods[0], strings)}</span><span>{_ends(periods[-1], strings)}</span>"
    return (
        f'<div class="bq-timeline" role="group" aria-label="{escape(strings.timeline)}"><div>{bars}</div>'
        f'<p class="bq-ends" aria-hidden="true">{ends}</p></div>'
    )


def _ends(period: str, strings: Strings) -> str:
    return escape(period_words(period, strings))


def _period_length(first: str, last: str) -> int:
    """Return how many characters of a date name its bar: 4, 7 or 10."""
    if (date.fromisoformat(last) - date.fromisoformat(first)).days < _LONGEST_IN_DAYS:
        return 10
    return 7 if _months(last) - _months(first) < _LONGEST_IN_MONTHS else 4


def _months(day: str) -> int:
    return int(day[:4]) * 12 + int(day[5:7]) - 1


def _periods(counts: Counter[str], length: int) -> list[str]:
    """Return the periods of the bars, empty ones between them too; where they are too many, the newest full ones."""
    first, last = min(counts), max(counts)
    if length == 10:
        start = date.fromisoformat(first)
        return [(start + timedelta(n)).isoformat() for n in range((date.fromisoformat(last) - start).days + 1)]
    if length == 7:
        return [f"{n // 12:04}-{n % 12 + 1:02}" for n in range(_months(first), _months(last) + 1)]
    if int(last) - int(first) < MOST_BARS:
        return [f"{year:04}" for year in range(int(first), int(last) + 1)]
    return sorted(counts)[-MOST_BARS:]


def _bar(period: str, count: int, most: int, scope: Filters, strings: Strings) -> str:
    if not count:
        return "<span></span>"
    label = escape(
        strings.timeline_bar.format(period=period_words(period, strings), briefs=count_briefs(count, strings))
    )
    bounds = period_bounds(period)
    pressed = bounds == (scope.since, scope.until)
    within = " in" if bounds and _covered(bounds, scope) else ""
    return (
        f'<button type="button" class="h{-(-HEIGHTS * count // most)}{within}" data-event="apply" data-field="period"'
        f' data-value="{period}" aria-pressed="{str(pressed).lower()}" aria-label="{label}" title="{label}"></button>'
    )


def _covered(bounds: tuple[str, str], scope: Filters) -> bool:
    """Say whether a period and the dates of the scope have a day in common."""
    if not (scope.since or scope.until):
        return False
    return bounds[1] >= scope.since and (not scope.until or bounds[0] <= scope.until)


def count_briefs(count: int, strings: Strings) -> str:
    """Return "1 brief" or "3,142 briefs"."""
    return strings.corpus_one if count == 1 else strings.corpus_many.format(count=f"{count:,}")
