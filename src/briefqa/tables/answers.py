"""Answers that stand in a table: the rows that match, and what can be computed from their cells.

    answer = answer_from_table("哪款芯片的显存带宽最高？", ranking, snapshot, lexicon)
    answer.statement            # 表中“显存带宽”最高的是B200：8 TB/s。
    answer.quotes[0].text       # "B200 | Blackwell | 禁止出口 | … | 192 GB HBM3e | 8 TB/s"
    answer.quotes[0].marked     # ((0, 5),)

A statement is made only where every word of the question has its place in the table, and every cell that decides it can
be read; a wrong one is worse than none, for the rows can be read without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from briefqa.lexicon import Lexicon
from briefqa.question import asks_for, frame_language
from briefqa.quotes import Quote
from briefqa.ranking import Ranking
from briefqa.store import Snapshot
from briefqa.tables.amounts import DATE, is_blank, is_value
from briefqa.tables.asked import PRICE, SPEED, Asked, read_question
from briefqa.tables.columns import add_up, first_items, holds, is_measure, read_column
from briefqa.tables.grids import Table, View, is_total_label, read_tables, view_across, view_down
from briefqa.tables.mentions import Condition, Reading, find_mentions
from briefqa.tables.statements import Statements

# Hits whose tables are read; those further down are rarely the ones that are meant.
_HITS_READ = 8
# How far behind the best hit, in the encoder's spread, rows still come before its sentences: those that match; those
# with the whole name of a row and of a column; those that something is computed from, for no sentence answers as well.
_NEAR = 1.0
_NEAR_BY_NAME = 2.5
_NEAR_COMPUTED = 5.0
# A look-up that part of the question does not fit is worth showing if it covers this much of the cell.
_MOSTLY = 0.75
# Of a cell that is matched by a part of it, this much must match for certain, and before such cells are counted.
_COUNTED_FROM = 0.5
# Rows in an answer: more are not read, they are looked up at the source.
_MOST_ROWS = 40
# A cell that lists several things: how many rows there are is not how many things.
_LIST = re.compile(r"[、;；]|, ")
_PART = re.compile(r"\s*(?:其中|减|加 ?[:：]|of which|less\b|including|total\b)|.*合计", re.IGNORECASE)
# Names of columns that the cheapest and the fastest can be told from.
_KINDS = {
    PRICE: re.compile("价|费|成本|金额|price|cost|fee|amount", re.IGNORECASE),
    SPEED: re.compile("增|速|率|带宽|growth|speed|rate|bandwidth", re.IGNORECASE),
}
_TIMES = frozenset(("second", "month"))


@dataclass(frozen=True, slots=True)
class TableAnswer:
    """What a table answers.

    statement: plain text in the frame's language, computed from the cells; "" for what is only looked up. quotes: the
    rows, those side by side in one. certain: whether all of the question has its place in the table, so that it is
    answered whatever the scores say.
    """

    statement: str
    quotes: tuple[Quote, ...]
    certain: bool


@dataclass(frozen=True, slots=True)
class _Found:
    """Items that answer, the attributes that decided, and what is said of them.

    sure: nothing of the question is left open. reach: how far behind the best hit, in the encoder's spread, it is still
    the answer.
    """

    items: tuple[int, ...]
    attributes: tuple[int, ...]
    statement: str = ""
    sure: bool = True
    reach: float = _NEAR_COMPUTED


def answer_from_table(question: str, ranking: Ranking, snapshot: Snapshot, lexicon: Lexicon) -> TableAnswer | None:
    """Answer from the tables of the first hits; None where none of them answers, or two of one section do."""
    hits = ranking.hits[:_HITS_READ]
    if not any(span.kind == "row" for hit in hits for span in hit.spans):
        return None
    asked = read_question(question, lexicon, snapshot.known_terms)
    if asked is None:
        return None
    statements = Statements(frame_language(question))
    read: set[tuple[str, int]] = set()
    for hit in hits:
        behind = (hits[0].score - hit.score) / max(ranking.spread, 1e-6)
        if read.issuperset((hit.article, span.start) for span in hit.spans if span.kind == "row"):
            continue
        tables = [table for table in read_tables(hit, snapshot) if (hit.article, table.start) not in read]
        read.update((hit.article, row.span.start) for table in tables for row in table.rows)
        answers = [_answer(asked, table, lexicon, statements, behind) for table in tables]
        found = [answer for answer in answers if answer]
        # What is the highest in one of two like tables is not the highest.
        twins = len({table.header for table in tables}) < len(tables)
        if (len(found) > 1 or twins) and any(answer.statement for answer in found):
            return None
        if found:
            return found[0]
    return None


def _answer(asked: Asked, table: Table, lexicon: Lexicon, statements: Statements, behind: float) -> TableAnswer | None:
    for view in (view_down(table), view_across(table)):
        reading = find_mentions(asked, view, lexicon) if view else None
        if view and reading and (reading.columns or reading.conditions):
            found = _Case(asked, view, reading, statements).answer()
            quotes = _quotes(view, found.items, found.attributes) if found and behind <= found.reach else ()
            if found and quotes:
                shown = sum(len(quote.cells) for quote in quotes)
                statement = found.statement + statements.not_shown(len(found.items), shown)
                return TableAnswer(statement.strip(), quotes, found.sure)
    return None


@dataclass(frozen=True, slots=True)
class _Case:
    """A question, a view of a table, and what the one says of the other."""

    asked: Asked
    view: View
    reading: Reading
    statements: Statements

    def answer(self) -> _Found | None:
        """Return what answers; None where it is not clear what is asked, or a cell leaves it open."""
        asked, reading = self.asked, self.reading
        asks = [reading.asks(places) for places in (asked.count, asked.total, asked.average)]
        decided = not (reading.open or reading.denied or asked.yes_or_no)
        if decided and (reading.superlatives or reading.comparisons or any(asks)):
            return self._computed()
        if reading.superlatives or reading.comparisons or reading.denied:
            return None
        return self._looked_up()

    def _looked_up(self) -> _Found | None:
        """Return the items that the question names, or all of them where it asks for each."""
        view, reading = self.view, self.reading
        sure = not reading.open and not self.asked.yes_or_no
        decided = tuple(dict.fromkeys((*(c.attribute for c in reading.conditions), *self._named())))
        whole_column = any(column.whole for column in reading.columns)
        if not reading.conditions:
            measures = [attribute for attribute in self._named() if attribute != view.label]
            items = tuple(i for i, cells in enumerate(view.items) if any(cells[a] for a in measures))
            if not items or not whole_column or not reading.asks(self.asked.each) or (view.across and not sure):
                return None
            return _Found(items, decided, sure=sure, reach=_NEAR if sure else 0.0)
        items = _matching(view, reading.conditions)
        if not items or any(condition.denied for condition in reading.conditions) or not self._tells(items):
            return None
        whole = all(condition.whole for condition in reading.conditions)
        if not whole and self.asked.several:
            return None  # what matches may be one of the things that are asked, and the others are missing
        if sure:
            reach = _NEAR_BY_NAME if whole and whole_column else _NEAR
            return _Found(items, decided, sure=_much_of(reading.conditions), reach=reach)
        if any(c.attribute != view.label or c.share < _MOSTLY for c in reading.conditions):
            return None
        if (whole and len(reading.conditions) > 1) or (whole_column and len(items) == 1 and not self.asked.several):
            return _Found(items, decided, sure=False, reach=0.0)
        return None

    def _tells(self, items: Iterable[int]) -> bool:
        """Say whether the rows hold more than the question says: a date for when, a number for how much."""
        known = {condition.attribute for condition in self.reading.conditions}
        wanted = asks_for(self.asked.text)
        cells = [cell for item in items for a, cell in enumerate(self.view.items[item]) if a not in known]
        return wanted is None or wanted.search(" ".join(cells)) is not None

    def _computed(self) -> _Found | None:
        """Return what a superlative, a comparison, a sum or a count comes to."""
        view, reading, asked = self.view, self.reading, self.asked
        conditions = reading.conditions
        counts, averages = reading.asks(asked.count), reading.asks(asked.average)
        adds = averages or reading.asks(asked.total)
        if reading.asks(asked.per) or (adds and (reading.superlatives or reading.comparisons)):
            return None  # the highest of each, or the highest average: of groups, which are not told
        if not _has_names(view) or any(c.denied for c in conditions) or not _much_of(conditions):
            return None
        items = [item for item in range(len(view.items)) if not view.is_total(item)]
        matching = set(_matching(view, conditions))
        chosen = [item for item in items if item in matching]
        asked_for = self._asked_for()
        said = [
            self.statements.equal(view.names[c.attribute], [view.items[item][c.attribute] for item in sorted(c.items)])
            for c in conditions
        ]
        attributes = [condition.attribute for condition in conditions]
        left_out = 0
        for comparison in reading.comparisons:
            measure = self._measure(comparison.places, items, comparison.amount.unit, asked_for)
            column = None if measure is None else read_column(view, measure, items)
            if measure is None or column is None:
                return None
            kept = [(item, holds(column, item, comparison)) for item in chosen if item in column.amounts]
            if any(meets is None for _, meets in kept):
                return None
            left_out += len(set(column.left_out) & set(chosen))
            chosen = [item for item, meets in kept if meets]
            attributes.append(measure)
            name = view.names[measure]
            said.append(self.statements.compared(name, comparison.sign, comparison.written, column.dated))
        if left_out and (reading.superlatives or adds):
            return None
        condition = self.statements.all_of(said)
        label = view.label if asked_for is None or asked_for in attributes else asked_for
        if reading.superlatives and view.label in self._named():
            label = view.label  # the status of the city with most buses: that of one city
        # The province of the largest city need not be the largest province.
        repeats = _repeats(view, label, items)
        if repeats and reading.superlatives:
            return None
        if reading.superlatives:
            contradicts = counts or any(c.attribute == label for c in conditions)
            return None if contradicts else self._extreme(chosen, condition, attributes, label, asked_for)
        if adds and (not counts or not said):
            return self._added(chosen, condition, attributes, asked_for)
        if counts and not said:
            return self._counted_all(items, label) if label == view.label == asked_for else None
        measured = asked_for is not None and is_measure(view, asked_for, items)
        if counts and (measured or any(c.attribute == view.label for c in conditions)):
            return self._looked_up()  # how many employees: a number that stands in a cell
        if not said or not chosen:
            return None
        names = [view.items[item][label] for item in chosen]
        found = _Found(tuple(chosen), (*attributes, label))
        listed = not all(names) or any(_LIST.search(name) for name in names)
        if listed or (repeats and reading.comparisons) or any(c.alike for c in conditions):
            return found
        statement = self.statements.count(view.names[label], names, condition) + self.statements.left_out(left_out)
        return _Found(tuple(chosen), (*attributes, label), statement)

    def _counted_all(self, items: Sequence[int], label: int) -> _Found | None:
        names = [self.view.items[item][label] for item in items]
        if len(self.reading.columns) > 1 or len(set(names)) < len(names) or any(_LIST.search(name) for name in names):
            return None
        return _Found(tuple(items), (label,), self.statements.count(self.view.names[label], names, ""), reach=_NEAR)

    def _extreme(
        self, chosen: Sequence[int], condition: str, attributes: Sequence[int], label: int, asked_for: int | None
    ) -> _Found | None:
        """Return the highest or lowest of the chosen items, with all that share its place."""
        superlative, *others = self.reading.superlatives
        measure = self._measure(superlative.places, chosen, superlative.kind, asked_for)
        column = None if measure is None else read_column(self.view, measure, chosen)
        label = self.view.label if measure == label else label
        if measure is None or column is None or others or measure == label:
            return None
        dated = superlative.kind == DATE
        if (dated and not column.years) or (not dated and column.dated):
            return None
        if (of := _KINDS.get(superlative.kind)) and not of.search(self.view.names[measure]):
            return None
        if superlative.kind == SPEED and any(amount.unit in _TIMES for amount in column.amounts.values()):
            return None  # who takes the least time is the fastest
        best = first_items(column, superlative)
        names = [self.view.items[item][label] for item in best]
        if not names or not all(names):
            return None
        values = [self.view.items[item][measure] for item in best]
        kind = ("date-" if dated else "") + ("max" if superlative.sign > 0 else "min")
        statement = self.statements.first(
            self.view.names[measure], names, values, condition, kind, superlative.many, superlative.nth
        ) + self.statements.left_out(len(column.left_out))
        decided = tuple(dict.fromkeys((*attributes, measure, label, *self._named())))
        return _Found(tuple(best), decided, statement)

    def _added(
        self, chosen: Sequence[int], condition: str, attributes: Sequence[int], asked_for: int | None
    ) -> _Found | None:
        """Return the total row where the table has one, else the sum or the average of the cells."""
        view = self.view
        averaged = self.reading.asks(self.asked.average)
        places = self.asked.average if averaged else self.asked.total
        measure = self._measure(places, chosen, "", asked_for)
        if measure is None or measure == view.label:
            return None
        totals = [item for item, cells in enumerate(view.items) if is_total_label(cells[view.label] or cells[0])]
        if totals and not averaged and not condition:
            return _Found((totals[-1],), (view.label, measure))
        column = read_column(view, measure, chosen)
        if column is None or any(_PART.match(view.items[item][view.label]) for item in chosen):
            return None
        added = add_up(column, averaged)
        if added is None or any(not is_blank(view.items[item][measure]) for item in column.left_out):
            return None
        value = _written(*added, [view.items[item][measure] for item in column.amounts])
        statement = self.statements.sum(
            view.names[measure], value, len(column.amounts), condition, averaged
        ) + self.statements.left_out(len(column.left_out))
        return _Found(tuple(column.amounts), (*attributes, measure), statement)

    def _named(self) -> list[int]:
        return [column.attribute for column in self.reading.columns]

    def _asked_for(self) -> int | None:
        """Return the attribute beside "which" or "how many", the one that the answer is to name: that behind it, else
        that before it.
        """
        found = []
        for places in (self.asked.which & ~self.reading.named, self.asked.count & ~self.reading.named):
            for column in self.reading.columns if places else ():
                gap = self.asked.gap(column.places, places)
                if gap <= 1:
                    found.append((column.places < places, gap, column.attribute))
        return min(found)[2] if found else None

    def _measure(self, places: int, items: Sequence[int], unit: str, asked_for: int | None) -> int | None:
        """Return the attribute that is compared: of those named the nearest; where none is, the only one of a unit."""
        columns = self.reading.columns
        named = [column for column in columns if column.attribute != asked_for or len(columns) == 1]
        fitting = [column for column in named if is_measure(self.view, column.attribute, items)]
        gaps = sorted((self.asked.gap(column.places, places), column.attribute) for column in fitting)
        if gaps:
            return None if len(gaps) > 1 and gaps[0][0] == gaps[1][0] and gaps[0][1] != gaps[1][1] else gaps[0][1]
        if unit == PRICE:
            priced = [a for a, name in enumerate(self.view.names) if _KINDS[PRICE].search(name)]
            return priced[0] if len(priced) == 1 and is_measure(self.view, priced[0], items) else None
        if not unit or any(column.attribute != self.view.label for column in named):
            return None
        of_unit = [a for a in range(len(self.view.names)) if a != self.view.label and self._has_unit(a, items, unit)]
        return of_unit[0] if len(of_unit) == 1 else None

    def _has_unit(self, attribute: int, items: Sequence[int], unit: str) -> bool:
        column = read_column(self.view, attribute, items) if is_measure(self.view, attribute, items) else None
        return column is not None and any(amount.unit == unit for amount in column.amounts.values())


def _matching(view: View, conditions: Iterable[Condition]) -> tuple[int, ...]:
    """Return the items that meet the conditions: any of those for one attribute, and all attributes."""
    allowed: dict[int, set[int]] = {}
    for condition in conditions:
        allowed.setdefault(condition.attribute, set()).update(condition.items)
    return tuple(item for item in range(len(view.items)) if all(item in items for items in allowed.values()))


def _repeats(view: View, attribute: int, items: Sequence[int]) -> bool:
    return len({view.items[item][attribute] for item in items}) < len(items)


def _much_of(conditions: Iterable[Condition]) -> bool:
    """Say whether what matches is much of each cell, and no word in passing."""
    return all(condition.share >= _COUNTED_FROM for condition in conditions)


def _has_names(view: View) -> bool:
    """Say whether the header holds names; where it is a row of values, that one would be missed."""
    header = view.table.header
    return any(header) and not any(is_value(cell) for cell in header)


def _written(value: Decimal, decimals: int, cells: Sequence[str]) -> str:
    """Return a number with what stands before and behind the number of every cell; without, where that differs."""
    around = set()
    for cell in cells:
        digits = [at for at, char in enumerate(cell) if char.isdigit()]
        around.add((cell[: digits[0]].strip("-−+( "), cell[digits[-1] + 1 :].rstrip(")")) if digits else ("", ""))
    before, behind = around.pop() if len(around) == 1 else ("", "")
    rounded = round(value, decimals + 2).normalize()
    return f"{before}{rounded:,.{max(decimals, -int(rounded.as_tuple().exponent))}f}{behind}"


def _quotes(view: View, items: Iterable[int], attributes: Iterable[int]) -> tuple[Quote, ...]:
    """Return the rows of these items, rows side by side in one quote, with the cells of the attributes marked."""
    marked: dict[int, set[int]] = {}
    decided = tuple(attributes)
    for item in items:
        for attribute in decided:
            row, column = view.place(item, attribute)
            if row >= 0:
                marked.setdefault(row, set()).add(column)
    runs: list[list[int]] = []
    for row in sorted(marked)[:_MOST_ROWS]:
        if runs and runs[-1][-1] == row - 1:
            runs[-1].append(row)
        else:
            runs.append([row])
    return tuple(_quote(view.table, run, marked) for run in runs)


def _quote(table: Table, run: Sequence[int], marked: dict[int, set[int]]) -> Quote:
    rows = [table.rows[row] for row in run]
    return Quote(
        hit=table.hit,
        text="\n".join(row.span.text for row in rows),
        header=table.header,
        start=rows[0].span.start,
        end=rows[-1].span.end,
        marked=tuple(tuple(sorted(marked[row])) for row in run),
        cells=tuple(row.cells for row in rows),
    )
