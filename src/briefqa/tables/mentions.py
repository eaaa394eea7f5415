"""Where a question names the columns and the cells of a table, and what of it no part of the table explains.

    reading = find_mentions(asked, view, lexicon)
    reading.columns[0].attribute            # 4, named as 显存
    reading.conditions[0].items             # the items whose cell the question names
    reading.open                            # tokens that are neither named, asked with, nor empty words

What a question says of a table is known for certain only where nothing is open: "which network has the highest
bandwidth?" is no question to a table of chips, though one of its columns is their bandwidth.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from briefqa.lexicon import Lexicon
from briefqa.tables import wording
from briefqa.tables.amounts import DATE, Amount, as_year, in_unit, read_amount, read_unit
from briefqa.tables.asked import Asked, Comparison, Superlative, Tokens, bits, run, tokenize, union
from briefqa.tables.grids import LIST, View, is_total_label, squeeze, strip_outline
from briefqa.tables.translations import is_foreign, match_translated

# Cells that are named by chance.
_EMPTY_CELLS = frozenset("其他 其它 other others yes no 是 否 有 无 none all total 合计".split())
_NUMERIC = re.compile(r"[-+()\d.,%\s（）－％]*")
_BRACKETED = re.compile(r"[(（][^()（）]*[)）]|[%％]$")
_LONGEST_CELL = 80  # characters; no question repeats a longer one
_LONGEST_SEARCHED = 200  # characters; a longer one is prose, which ranking knows how to search
# Of two columns that share words with a question, the one that is meant is covered by this much more.
_CLEARLY = 0.2


@dataclass(frozen=True, slots=True)
class Named:
    """A column that the question names. places: with which tokens. whole: with its whole name."""

    attribute: int
    places: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Condition:
    """Cells of one attribute that the question names. items: those that have one. whole: with the cell's whole text.

    share: of the least covered cell, 0..1. denied: whether such a cell denies what the question names. alike: whether
    other cells of the column hold the same words among others, so that these may not be all.
    """

    attribute: int
    items: frozenset[int]
    places: int
    whole: bool
    share: float = 1.0
    denied: bool = False
    alike: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What a question says of a view.

    columns, conditions: in the order of the question. superlatives, comparisons: those of the question that are no part
    of a name. named: all tokens that name something. open: tokens without a meaning for this table. denied: whether the
    question denies something.
    """

    columns: tuple[Named, ...]
    conditions: tuple[Condition, ...]
    superlatives: tuple[Superlative, ...]
    comparisons: tuple[Comparison, ...]
    named: int
    open: int
    denied: bool

    def asks(self, places: int) -> bool:
        """Say whether words of the question ask something, and are no part of a name."""
        return bool(places & ~self.named)


@dataclass(frozen=True, slots=True)
class _Candidate:
    places: int
    attribute: int
    items: frozenset[int] | None  # None: the column's name


def find_mentions(asked: Asked, view: View, lexicon: Lexicon) -> Reading:
    """Find what the question names: whole names first, the longest of them, then parts of names and translations."""
    columns, conditions = _whole_names(asked, view, lexicon)
    named = union([found.places for found in columns] + [found.places for found in conditions])
    denying = asked.negation & ~named
    superlatives = tuple(found for found in asked.superlatives if found.places & ~named)
    comparisons = tuple(found for found in asked.comparisons if found.places & ~named)
    operators = union([found.places for found in superlatives] + [found.places for found in comparisons])
    conditions += _equal_amounts(asked, view, columns, named | operators)
    named |= union(found.places for found in conditions)
    operators |= (asked.count | asked.total | asked.average | asked.each | asked.which) & ~named
    columns += _partial_names(asked, view, lexicon, columns, ~(named | operators))
    named |= union(found.places for found in columns)
    left = _content(asked, ~(named | operators | denying))
    if left:
        partial = _partial_cells(asked, view, lexicon, left)
        if not partial:
            left &= ~_in_context(asked, view, columns, lexicon, left)
            left = _content(asked, left)
            partial = _partial_cells(asked, view, lexicon, left) if left else None
        if partial:
            conditions.append(partial)
            named |= partial.places
            left = _content(asked, left & ~partial.places)
    whole = union([found.places for found in columns if found.whole] + [c.places for c in conditions if c.whole])
    for places in asked.quoted:
        if places & ~(whole | operators) and _in_context(asked, view, [], lexicon, places) != places:
            left |= places  # a name in quotation marks is meant as it stands
    return Reading(
        columns=tuple(sorted(columns, key=lambda column: column.places & -column.places)),
        conditions=tuple(sorted(conditions, key=lambda condition: condition.places & -condition.places)),
        superlatives=superlatives,
        comparisons=comparisons,
        named=named,
        open=left,
        denied=bool(denying & ~operators),
    )


def _whole_names(asked: Asked, view: View, lexicon: Lexicon) -> tuple[list[Named], list[Condition]]:
    """Return the columns and cells whose whole text stands in the question, where none that is longer does."""
    candidates = [*_named_columns(asked, view, lexicon), *_named_cells(asked, view, lexicon)]
    candidates.sort(
        key=lambda found: (found.places not in asked.quoted, -found.places.bit_count(), found.items is not None)
    )
    asking = [found.places for found in asked.superlatives] + [found.places for found in asked.comparisons]
    taken = 0
    chosen: list[_Candidate] = []
    for found in candidates:
        if any(found.places & places and places & ~found.places for places in asking):
            continue  # it cuts a phrase in two that asks something: 2020年 in 2020年以后
        if not found.places & taken:
            chosen.append(found)
            taken |= found.places
        elif any(found.places == other.places for other in chosen):
            chosen.append(found)
    columns: list[Named] = []
    cells: dict[int, list[_Candidate]] = defaultdict(list)
    for found in chosen:
        if found.items is None:
            columns.append(Named(found.attribute, found.places, whole=True))
        else:
            cells[found.places].append(found)
    conditions = []
    named_columns = {column.attribute for column in columns}
    for places, same in cells.items():
        if any(column.places == places for column in columns):
            continue  # a name of a column too: that is what it is meant as
        attributes = {found.attribute for found in same}
        if len(attributes) > 1:
            attributes = attributes & named_columns or attributes & {view.label} or attributes
        if len(attributes) == 1:
            (attribute,) = attributes
            items = frozenset().union(*(found.items or () for found in same if found.attribute == attribute))
            alike = places not in asked.quoted and _alike(asked, view, attribute, items, places, lexicon)
            conditions.append(Condition(attribute, items, places, whole=True, alike=alike))
    return columns, _without_chance(asked, conditions)


def _alike(asked: Asked, view: View, attribute: int, items: frozenset[int], places: int, lexicon: Lexicon) -> bool:
    """Say whether other cells of the attribute hold these words of the question among others."""
    words = asked.tokens[(places & -places).bit_length() - 1 : places.bit_length()]
    others = {cells[attribute] for item, cells in enumerate(view.items) if item not in items}
    return any(run(words, tokenize(cell, lexicon)) for cell in others if len(cell) <= _LONGEST_SEARCHED)


def _without_chance(asked: Asked, conditions: list[Condition]) -> list[Condition]:
    """Drop cells that are named beside a longer one of the same column, unless the question lists them."""
    kept = []
    for condition in conditions:
        longer = [
            other
            for other in conditions
            if other.attribute == condition.attribute and other.places.bit_count() > condition.places.bit_count()
        ]
        if condition.places.bit_count() > 2 or not longer or any(_listed(asked, condition, other) for other in longer):
            kept.append(condition)
    return kept


def _listed(asked: Asked, one: Condition, other: Condition) -> bool:
    first, second = sorted((one.places, other.places))
    start = asked.starts[first.bit_length() - 1] + 1
    end = asked.starts[(second & -second).bit_length() - 1]
    return (
        re.fullmatch(r"[^、,和与及;]{0,12}(?:[、,;]|和|与|及|以及|还有|\band\b|\bor\b).{0,4}", asked.text[start:end])
        is not None
    )


def _named_columns(asked: Asked, view: View, lexicon: Lexicon) -> Iterator[_Candidate]:
    for attribute, name in enumerate(view.names):
        for tokens in _variants(name, lexicon):
            found = [places for places in asked.occurrences(tokens) if _means_something(asked, places)]
            if found:
                yield from (_Candidate(places, attribute, None) for places in found)
                break


def _named_cells(asked: Asked, view: View, lexicon: Lexicon) -> Iterator[_Candidate]:
    known = set(asked.tokens)
    quoted = {squeeze(text): places for places, text in asked.quoted.items()}
    for attribute in range(len(view.names)):
        for cell, items in _cells(view, attribute).items():
            # In quotation marks a cell is meant as a whole, not as one of the things that it lists.
            whole = frozenset(item for item in items if view.items[item][attribute] == cell) if quoted else items
            if quoted and whole and squeeze(cell) in quoted:
                yield _Candidate(quoted[squeeze(cell)], attribute, whole)
            if len(cell) > _LONGEST_CELL or _NUMERIC.fullmatch(cell):
                continue
            for tokens in _variants(cell, lexicon):
                if not known.issuperset(tokens):
                    continue
                found = [places for places in asked.occurrences(tokens) if _means_something(asked, places, cell)]
                for places in found:
                    if meant := whole if places in asked.quoted else items:
                        yield _Candidate(places, attribute, meant)
                if found:
                    break


def _cells(view: View, attribute: int) -> dict[str, frozenset[int]]:
    """Return the items of each different cell, and of each thing that cells list."""
    found: dict[str, set[int]] = defaultdict(set)
    for item, cells in enumerate(view.items):
        cell = cells[attribute]
        for part in {cell, *(LIST.split(cell) if LIST.search(cell) and len(cell) <= _LONGEST_SEARCHED else ())}:
            if part:
                found[part].add(item)
    return {cell: frozenset(items) for cell, items in found.items()}


@lru_cache(maxsize=20_000)
def _variants(text: str, lexicon: Lexicon) -> tuple[Tokens, ...]:
    """Return the tokens of a name or a cell: whole, without an outline's numbers, and without brackets."""
    squeezed = squeeze(text)
    bare = strip_outline(squeezed)
    variants = (text, bare, _BRACKETED.sub("", bare))
    return tuple(dict.fromkeys(tokens for tokens in (tokenize(variant, lexicon) for variant in variants) if tokens))


def _means_something(asked: Asked, places: int, cell: str = "") -> bool:
    """Say whether these tokens are enough to name something: in quotation marks all are."""
    if places in asked.quoted:
        return True
    if cell and (squeeze(cell).casefold() in _EMPTY_CELLS or not places & ~asked.filler):
        return False
    first = (places & -places).bit_length() - 1
    return places.bit_count() > 1 or (len(asked.tokens[first]) > 1 and not asked.tokens[first][0].isdigit())


def _equal_amounts(asked: Asked, view: View, columns: list[Named], taken: int) -> list[Condition]:
    """Return the cells that are worth an amount of the question, where it is clear in which column."""
    found = []
    for places, amount in asked.amounts:
        if places & taken:
            continue
        equal: dict[int, frozenset[int]] = {}
        for attribute, name in enumerate(view.names):
            scale, unit = read_unit(name)
            items = frozenset(
                item for item, cells in enumerate(view.items) if _is_worth(cells[attribute], scale, unit, amount)
            )
            if items:
                equal[attribute] = items
        named = {column.attribute for column in columns} & equal.keys()
        clear = amount.unit or places in asked.quoted or (set(equal) == {view.label} and as_year(amount).unit == DATE)
        choice = named if named else set(equal) if clear else set()
        if len(choice) == 1:
            (attribute,) = choice
            found.append(Condition(attribute, equal[attribute], places, whole=True))
    return found


def _is_worth(cell: str, scale: Decimal, unit: str, amount: Amount) -> bool:
    """Say whether a cell is worth the amount. scale, unit: of its column."""
    own = read_amount(cell)
    if own is None:
        return False
    if amount.unit == DATE:
        own = as_year(own)
        return own.unit == DATE and amount.low <= own.low and own.high <= amount.high
    if not own.exact:
        return False
    if amount.unit or amount.scale != 1:
        own = in_unit(own, scale, unit)
        return own.unit in (amount.unit, "") and own.least == amount.least
    return own.low == amount.low


def _partial_names(asked: Asked, view: View, lexicon: Lexicon, whole: list[Named], free: int) -> list[Named]:
    """Return the columns that words of the question pick out from all others."""
    known = {column.attribute for column in whole}
    chosen: list[Named] = []
    while True:
        scored = []
        for attribute, name in enumerate(view.names):
            tokens = _variants(name, lexicon)
            if attribute in known or not tokens or is_total_label(name):
                continue
            places, held = asked.overlap(tokens[-1], free)
            more, more_held = match_translated(asked, tokens[-1], squeeze(name), lexicon, free & ~places)
            places, held = places | more, held | more_held
            if places & ~asked.filler:
                scored.append((places, held.bit_count() / len(tokens[-1]), attribute))
        if not scored:
            return chosen + _asked_by_a_character(asked, view, lexicon, known, free)
        scored.sort(key=lambda found: (-(found[0] & ~asked.filler).bit_count(), -found[1], found[2]))
        (places, share, attribute), *others = scored
        free &= ~places
        # Another column of the same words: which one is meant is not said.
        if not any(other & places == places and close > share - _CLEARLY for other, close, _ in others):
            chosen.append(Named(attribute, places, whole=share == 1))
            known.add(attribute)


def _asked_by_a_character(asked: Asked, view: View, lexicon: Lexicon, known: set[int], free: int) -> list[Named]:
    """Return the column that the single character behind "which" is of: 哪个省 asks for a 省份."""
    for number in bits(asked.which << 1 & ~asked.which & free & ~asked.filler):
        token = asked.tokens[number] if number < len(asked.tokens) else ""
        own = [a for a, name in enumerate(view.names) if a not in known and token in tokenize(name, lexicon)]
        if len(own) == 1 and len(token) == 1:
            return [Named(own[0], 1 << number, whole=False)]
    return []


def _partial_cells(asked: Asked, view: View, lexicon: Lexicon, left: int) -> Condition | None:
    """Return the cells that hold all words left of the question, if those of one column alone do."""
    found: dict[int, list[tuple[int, int, float, bool]]] = defaultdict(list)
    for attribute in range(len(view.names)):
        for item, cells in enumerate(view.items):
            cell = cells[attribute]
            if not cell or len(cell) > _LONGEST_SEARCHED or _NUMERIC.fullmatch(cell):
                continue
            tokens = _variants(cell, lexicon)
            if not tokens:
                continue
            places, held = asked.overlap(tokens[-1], left)
            if places & left != left and is_foreign(asked, cell):
                more, more_held = asked.translated(tokens[-1], left & ~places)
                places, held = places | more, held | more_held
            if _content(asked, left & ~places) == 0 and places:
                found[attribute].append((item, places, held.bit_count() / len(tokens[-1]), _denies(cell)))
    if len(found) != 1:
        found = {view.label: found[view.label]} if view.label in found else {}
    for attribute, matches in found.items():
        return Condition(
            attribute,
            frozenset(item for item, *_ in matches),
            union(places for _, places, *_ in matches),
            whole=False,
            share=min(share for *_, share, _ in matches),
            denied=any(denies for *_, denies in matches) and not asked.negation,
        )
    return None


def _denies(cell: str) -> bool:
    return wording.NEGATION.search(cell) is not None


def _in_context(asked: Asked, view: View, columns: list[Named], lexicon: Lexicon, left: int) -> int:
    """Return which of these tokens stand in the title, the headings or the sentence before the table, which say what
    table is meant, or in the columns that are named. Not in other columns: last year's sales are not this year's
    because that is a column too.
    """
    hit = view.table.hit
    found = 0
    for text in (
        hit.title,
        *hit.heading_path,
        view.table.caption,
        *(view.names[column.attribute] for column in columns),
    ):
        tokens = tokenize(text, lexicon)
        places, _ = asked.overlap(tokens, left)
        if is_foreign(asked, text):
            more, _ = asked.translated(tokens, left)
            places |= more
        found |= places
    names = {token for column in columns for token in tokenize(view.names[column.attribute], lexicon)}
    return found | union(1 << number for number in bits(left) if asked.tokens[number] in names)


def _content(asked: Asked, left: int) -> int:
    """Return the tokens that say something.

    Not a character that only holds others together, unless it is left of a word or of a name (李会晟), or asked for:
    哪省 and 哪国 are different questions.
    """
    everything = (1 << len(asked.tokens)) - 1
    left &= everything & ~asked.filler
    words = union(word.places for word in asked.words if word.places.bit_count() > 1)
    alone = 0
    for number in bits(left & ~words & ~(asked.which << 1)):
        bit = 1 << number
        if asked.tokens[number] in wording.LINKS and not left & (bit << 1 | bit >> 1):
            alone |= bit
    return left & ~alone
