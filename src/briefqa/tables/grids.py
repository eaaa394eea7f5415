"""The tables of a hit, whole, and what their rows and columns are.

    (table,) = read_tables(hit, snapshot)
    table.header, table.rows[0].cells
    view = view_down(table)                 # its items are the rows, its attributes the columns
    view.names[2], view.items[0][2]         # "显存", "80 GB HBM3"

A hit is one chunk; a long table goes on in the next chunks of its section, and its rows are all read. `view_across` is
the same table turned over, for tables whose items stand side by side.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from briefqa.chunks import Span
from briefqa.markdown import CELL_JOINER
from briefqa.ranking import Hit
from briefqa.store import Snapshot
from briefqa.tables.amounts import DATE, as_year, plain, read_amount, read_unit

# Characters before a table in which its unit may stand: "单位：万元".
_UNIT_BEFORE = 120
_UNIT = re.compile(r"单位 ?[:：] ?(?:人民币)?(?P<zh>[^\s，,；;)）|]+)|\((?:figures )?(?P<en>in [^()|]+)\)")
# The line below a header, which stands nowhere inside a table.
_DELIMITER = re.compile(r"\n[ \t>]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*(?:\n|$)")
# A pipe inside a cell, in the source.
_ESCAPED_PIPE = re.compile(r"\\\||&#124;|&#x7c;|&vert;|&verbar;|&VerticalLine;", re.IGNORECASE)
_PIPE = re.compile(r"(?<!\\)\|")
_SPACE = re.compile(r"\s+")
_TOTAL = re.compile(
    r"(?:.{0,12}(?:合计|总计|小计|共计|总和|累计|总数)|平均值?|均值|中位数|全国|全球|全部|全市|全省"
    r"|(?:grand |sub-?)?totals?|.{1,30} totals?|sum|overall|all|average|mean|median|world(?:wide)?)"
    r"(?:数|额|金额|人数)?[:：]?"
)
_INDEX = re.compile(r"序号|编号|次序|排名|名次|行次|#|no\.?|nr\.?|rank(?:ing)?|id|index", re.IGNORECASE)
LIST = re.compile(r"[、,，;；] ?")
"""What parts the things that a cell lists."""
# What an outline puts before a label: 一、 （二） 3. 其中： 减：
_OUTLINE = re.compile(
    r"(?:[一二三四五六七八九十]{1,3}[、.．]|[(（][一二三四五六七八九十\d]{1,3}[)）]、?|\d{1,2}[.．、](?!\d)"
    r"|(?:其中|减|加|减少|增加|of which|including|less|plus) ?[:：])\s*"
)
_TAKEN_OFF = re.compile(r"[减加] ?[:：]|(?:less|plus) ?:", re.IGNORECASE)
_ACCOUNT = re.compile(r"项目|科目|items?|accounts?", re.IGNORECASE)
# A table with more rows than this lists items in them, not what is to be said of each.
_MOST_ACROSS = 50
# Rows of a section's tables that are read: 1,000 take 40 ms, the first time 90.
_MOST_ROWS = 2_000
_DISTINCT = 0.8


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row: its cells, one for each cell of the header, and the span that can be quoted."""

    cells: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a hit's section. caption: the sentence before it, or "". unit: scale and unit that stand before it,
    (1, "") if none.
    """

    hit: Hit
    caption: str
    header: tuple[str, ...]
    rows: tuple[TableRow, ...]
    unit: tuple[Decimal, str]

    @property
    def start(self) -> int:
        """Offset of its first row."""
        return self.rows[0].span.start


@dataclass(frozen=True, slots=True)
class View:
    """A table as items with attributes.

    names: of the attributes. items: of each item its cells, one for each attribute. label: the attribute that names
    the items. skipped: leading rows that belong to the header. across: items are columns and attributes rows.
    """

    table: Table
    names: tuple[str, ...]
    items: tuple[tuple[str, ...], ...]
    label: int
    skipped: int
    across: bool

    def place(self, item: int, attribute: int) -> tuple[int, int]:
        """Return row and column of a cell; row -1 is the header."""
        return (attribute - 1, item + 1) if self.across else (item + self.skipped, attribute)

    def is_total(self, item: int) -> bool:
        """Say whether an item is none: it sums up the others, is taken off their sum, or has no name."""
        cells = self.items[item]
        first = cells[self.label] or cells[0]
        if not first or is_total_label(first):
            return True
        # "减：坏账准备" is an item of an account, but no customer among customers.
        return _TAKEN_OFF.match(squeeze(first)) is not None and not _ACCOUNT.fullmatch(squeeze(self.names[self.label]))


def read_tables(hit: Hit, snapshot: Snapshot) -> list[Table]:
    """Return the tables of the hit's section, in the order of the text; none where the hit has no row of any."""
    if not any(span.kind == "row" for span in hit.spans):
        return []
    spans = snapshot.section_spans(hit.article, hit.anchor)
    rows = [span for span in spans if span.kind == "row"]
    pairs = zip(spans, spans[1:], strict=False)
    captions = {span.start: last.text for last, span in pairs if last.kind != "row" and len(last.text) <= _UNIT_BEFORE}
    if len(rows) > _MOST_ROWS:
        return []
    begin = max(0, rows[0].start - _UNIT_BEFORE - sum(len(cell) + 8 for cell in rows[0].header))
    source = snapshot.source(hit.article, begin, rows[-1].end)
    groups: list[list[Span]] = []
    for span in rows:
        last = groups[-1][-1] if groups else None
        if last and last.header == span.header and not _parted(source[last.end - begin : span.start - begin]):
            groups[-1].append(span)
        else:
            groups.append([span])
    tables = []
    for group in groups:
        read = [_read_row(span, source[span.start - begin : span.end - begin]) for span in group]
        if all(row is not None for row in read):
            unit = _unit_before(source[max(0, group[0].start - begin - 4 * _UNIT_BEFORE) : group[0].start - begin])
            caption = captions.get(group[0].start, "")
            tables.append(Table(hit, caption, group[0].header, tuple(row for row in read if row), unit))
    return tables


def _parted(between: str) -> bool:
    """Say whether two rows are of two tables: a header stands between them, or text."""
    lines = between.replace("\r\n", "\n").replace("\r", "\n")
    return _DELIMITER.search(lines) is not None or re.search(r"\n[ \t>]*\n", lines) is not None


def _unit_before(source: str) -> tuple[Decimal, str]:
    said = [match["zh"] or match["en"] for match in _UNIT.finditer(source)]
    return read_unit(f"({said[-1]})") if said else (Decimal(1), "")


def _read_row(span: Span, source: str) -> TableRow | None:
    """Split a row into its cells; with the help of its source where a cell holds what joins them."""
    parts = span.text.split(CELL_JOINER)
    width = len(span.header)
    if len(parts) == width:
        return TableRow(tuple(parts), span)
    # Leading cells that are empty stand before the span's source, trailing ones behind it.
    cells: list[str] = []
    while parts and not parts[0]:
        cells.append(parts.pop(0))
    for raw in _PIPE.split(source):
        own = sum(1 for pipe in _ESCAPED_PIPE.finditer(raw) if raw[: pipe.start()][-1:] == " " == raw[pipe.end() :][:1])
        cells.append(CELL_JOINER.join(parts[: own + 1]))
        del parts[: own + 1]
    cells += parts
    return TableRow(tuple(cells), span) if len(cells) == width and CELL_JOINER.join(cells) == span.text else None


def view_down(table: Table) -> View:
    """Return the table as it is usually meant: an item a row."""
    names = list(table.header)
    skipped = 0
    for row in table.rows:
        # A header of several lines: its first cell spans them all.
        if not row.cells[0] or row.cells[0] != table.header[0] or any(read_amount(cell) for cell in row.cells[1:]):
            break
        names = [name if cell in name else f"{name} {cell}" for name, cell in zip(names, row.cells, strict=True)]
        skipped += 1
    items = tuple(row.cells for row in table.rows[skipped:])
    return View(table, tuple(names), items, _label(names, items), skipped, across=False)


def view_across(table: Table) -> View | None:
    """Return the table turned over: an item a column; None where the columns have no names."""
    lines = [table.header, *(row.cells for row in table.rows)]
    if (
        len(table.header) < 3
        or view_down(table).skipped
        or any(not name or (read_amount(name) and not _is_time(name)) for name in table.header[1:])
    ):
        return None
    names = tuple(line[0] for line in lines)
    if any(read_amount(name) and not _is_time(name) for name in names[1:]):
        return None
    items = tuple(zip(*(line[1:] for line in lines), strict=True))
    return View(table, names, items, 0, 0, across=True)


def _label(names: Sequence[str], items: Sequence[tuple[str, ...]]) -> int:
    """Return the attribute that names the items: the first that is words, unless it repeats itself, or is times or
    lists, and another is none of it.
    """
    worded: list[tuple[int, float, bool]] = []  # attribute, share of different cells, whether it can be no name
    for attribute, name in enumerate(names):
        cells = [item[attribute] for item in items if item[attribute]]
        timed = sum(1 for cell in cells if _is_time(cell))
        amounts = sum(1 for cell in cells if read_amount(cell) is not None) - timed
        if not _INDEX.fullmatch(squeeze(name)) and cells and amounts * 2 < len(cells):
            unfit = timed + sum(1 for cell in cells if LIST.search(cell))
            worded.append((attribute, len(set(cells)) / len(cells), unfit * 2 >= len(cells)))
    if not worded:
        return 0
    first, distinct, unfit_first = worded[0]
    if distinct >= _DISTINCT and not unfit_first:
        return first
    return next((attribute for attribute, other, unfit in worded if other == 1 and not unfit), first)


def _is_time(text: str) -> bool:
    """Say whether a text is a year, a date or a span of time: what may name an item although it is a number."""
    amount = read_amount(text)
    return amount is not None and (as_year(amount).unit == DATE or amount.unit == "month" or not amount.exact)


def is_total_label(label: str) -> bool:
    """Say whether a row or a column of this name sums up the others."""
    return _TOTAL.fullmatch(strip_outline(squeeze(label)).casefold()) is not None


@lru_cache(maxsize=20_000)
def squeeze(text: str) -> str:
    """Return the text in ASCII forms without what is only there to fill a column: 合　 计 → 合计."""
    text = _SPACE.sub(" ", plain(text)).strip()
    return re.sub(r"(?<=[^\x00-\x7f]) | (?=[^\x00-\x7f])", "", text)


def strip_outline(label: str) -> str:
    """Return a label without the numbers and words that an outline puts before it."""
    while match := _OUTLINE.match(label):
        if match.end() == len(label):
            break
        label = label[match.end() :]
    return label
