"""A column of amounts, and what can be computed from it for certain.

column = read_column(view, 5, items)
column.amounts[0]                       # Amount(3.35, 3.35, 1000000000000, "byte/second")
first_items(column, superlative)        # [3]
holds(column, 3, comparison)            # True; None where a range or a unit leaves it open
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from briefqa.tables.amounts import DATE, Amount, as_year, has_number, in_unit, is_blank, read_amount, read_unit
from briefqa.tables.asked import Comparison, Superlative
from briefqa.tables.grids import View

# Units of which a number without one may be anything: 0.3 beside 30%.
_NEVER_LEFT_OUT = frozenset(("%", "pp", DATE))
# Digits of a number that is added up. Decimal keeps 28, so sums of thousands of them, and two more decimals, are exact.
_MOST_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Column:
    """The amounts of an attribute, which can be compared with each other.

    amounts: by item, those with a value. left_out: items that have none. uniform: whether all are written in the same
    scale and unit, so that what is written may be compared with a number that has none. assumed: whether that unit
    stands before the table, and may not be meant for this column.
    """

    amounts: dict[int, Amount]
    left_out: tuple[int, ...]
    uniform: bool
    assumed: bool = False

    @property
    def dated(self) -> bool:
        """Whether these are dates."""
        return any(amount.unit == DATE for amount in self.amounts.values())

    @property
    def years(self) -> bool:
        """Whether these are dates, or numbers that may be years."""
        return all(as_year(amount).unit == DATE for amount in self.amounts.values())


def read_column(view: View, attribute: int, items: Sequence[int]) -> Column | None:
    """Read the cells of an attribute; None where one cannot be read for certain, or they cannot be compared."""
    amounts: dict[int, Amount] = {}
    left_out = []
    scale, unit = read_unit(view.names[attribute])
    assumed = (scale, unit) == (Decimal(1), "") and not view.across
    if assumed:
        scale, unit = view.table.unit
    for item in items:
        cell = view.items[item][attribute]
        amount = read_amount(cell)
        if amount is not None:
            amounts[item] = in_unit(amount, scale, unit)
        elif has_number(cell) and not is_blank(cell):
            return None
        else:
            left_out.append(item)
    units = {amount.unit for amount in amounts.values() if amount.low or amount.high or amount.unit}
    if DATE in units and len(units) > 1:
        amounts = {item: as_year(amount) for item, amount in amounts.items()}
        units = {amount.unit for amount in amounts.values()}
    if len(units - {""}) > 1 or (len(units) > 1 and units & _NEVER_LEFT_OUT) or len(amounts) < len(left_out):
        return None
    unit = next(iter(units - {""}), "")
    scales = {amount.scale for amount in amounts.values() if amount.low or amount.high}
    amounts = {item: replace(amount, unit=unit) for item, amount in amounts.items()}
    return Column(amounts, tuple(left_out), len(scales) <= 1, assumed) if amounts else None


def is_measure(view: View, attribute: int, items: Sequence[int]) -> bool:
    """Say whether an attribute's cells are amounts, most of them."""
    cells = [view.items[item][attribute] for item in items]
    amounts = sum(1 for cell in cells if read_amount(cell) is not None)
    return amounts > 0 and amounts * 2 >= sum(1 for cell in cells if not is_blank(cell))


def first_items(column: Column, superlative: Superlative) -> list[int]:
    """Return the items that come first, best first, ties included; none where a range or a tie leaves it open."""
    many, nth = superlative.many, superlative.nth
    # The best and the worst that each can be, higher is better.
    span = {item: _span(amount, superlative.sign) for item, amount in column.amounts.items()}
    order = sorted(span, key=lambda item: (-span[item][1], item))
    if len(order) < 2 or len(order) < nth or len(order) <= (many if many > 1 else 0):
        return []
    if nth > 1:
        value = span[order[nth - 1]]
        same = [item for item in order if span[item] == value]
        return same if len(same) == 1 and all(low == high for low, high in span.values()) else []
    last = span[order[many - 1]]
    chosen = order[:many] + [item for item in order[many:] if span[item] == last and last[0] == last[1]]
    rest = [span[item][1] for item in order[len(chosen) :]]
    if rest and max(rest) >= min(span[item][0] for item in chosen):
        return []
    tied = len(chosen) > many
    return chosen if many > 1 or not tied or all(span[item] == last for item in chosen) else []


def _span(amount: Amount, sign: int) -> tuple[Decimal, Decimal]:
    return (amount.least, amount.most) if sign > 0 else (-amount.most, -amount.least)


def holds(column: Column, item: int, comparison: Comparison) -> bool | None:
    """Say whether an item's amount is as compared; None where that cannot be said."""
    amount, bound = column.amounts[item], comparison.amount
    if column.dated:
        bound = as_year(bound)
    if bound.low == bound.high == 0:
        bound = replace(bound, unit=amount.unit, scale=amount.scale)
    if amount.unit == DATE or bound.unit or (column.assumed and bound.scale != 1):
        if amount.unit != bound.unit:
            return None
    elif bound.scale == 1 and not column.uniform:
        return None
    if bound.unit or bound.scale != 1:
        least, most, low, high = amount.least, amount.most, bound.least, bound.most
    else:
        least, most, low, high = amount.low, amount.high, bound.low, bound.high
    meets, misses = {
        ">": (least > high, most <= high),
        "<": (most < low, least >= low),
        ">=": (least >= low, most < low),
        "<=": (most <= high, least > high),
        "between": (least >= low and most <= high, most < low or least > high),
        "after": (least > high, most < low),
        "before": (most < low, least > high),
    }[comparison.sign]
    return True if meets else False if misses else None


def add_up(column: Column, averaged: bool) -> tuple[Decimal, int] | None:
    """Return the sum or the average in the cells' own scale, and the most decimals of a cell; None where it means
    nothing, or has more digits than are computed with.
    """
    amounts = list(column.amounts.values())
    if not column.uniform or column.dated or len(amounts) < 2 or not all(amount.exact for amount in amounts):
        return None
    if not averaged and amounts[0].unit in ("%", "pp"):
        return None
    values = [amount.low for amount in amounts]
    decimals = max(max(0, -int(value.as_tuple().exponent)) for value in values)
    if decimals + max(value.adjusted() for value in values) >= _MOST_DIGITS or _has_subtotals(values):
        return None
    total = sum(values, Decimal(0))
    return (total / len(values) if averaged else total), decimals


def _has_subtotals(values: Sequence[Decimal]) -> bool:
    """Say whether a value is the sum of those right before or behind it: it is a total by another name."""
    for at, value in enumerate(values):
        for side in (values[at + 1 :], values[:at][::-1]):
            added = Decimal(0)
            for number, other in enumerate(side, 1):
                added += other
                if number > 1 and added == value and value:
                    return True
    return False
