"""Sections to chunks that fit the encoder's window, chunks to spans: the sentences and table rows that can be quoted.

    chunks = chunk_article(article, encoder.max_tokens, encoder.count_tokens)
    chunks[0].id                   # "nvidia-h200#policy-details/0"
    chunks[0].spans[0].text        # one sentence; article.text[span.start:span.end] is its source, markup included

One chunk a section; only a section longer than the window is split, between sentences or rows where it can be.
The title and the heading path are embedded with the text (`chunk_passage`), and never shown as if they were text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from briefqa.articles import Article, Block, Section
from briefqa.markdown import CELL_JOINER
from briefqa.sentences import split_sentences

# Changes whenever the same article would give other chunks, spans or passages, or another date: the articles of an
# older index are then read anew, and what is the same keeps its vectors.
CHUNKING = "3"
# Where a sentence longer than the window may be cut, best first.
SEPARATORS = ["\n\n", "\n", "。", "！", "？", "；", "، ", ". ", "，", "、", ", ", " ", ""]
# Characters of a heading that are embedded: more than a heading has, and less than a window holds.
_LONGEST_HEADING = 200
# Characters. Nobody writes a longer one, and the splitter counts the tokens of each of its words, or characters.
_LONGEST_SENTENCE = 10_000
# Title and headings take at most this share of the window; the text takes the rest.
_HEADING_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Span:
    """One sentence or one table row: what can be quoted.

    text: as shown, markup stripped; of a row its own cells, joined by " | ". header: the header cells of a row.
    start, end: character offsets into the article file. score: how well it answers, higher is better, 0 unasked.
    """

    text: str
    header: tuple[str, ...]
    start: int
    end: int
    kind: str
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Chunk:
    """A section, or the part of a long one that fits the encoder's window.

    text: as shown. start, end: character offsets into the article file. part: 0, 1, … within the section.
    table_header: the header line of a table that an earlier part began.
    """

    article: str
    title: str
    anchor: str
    heading: str
    heading_path: tuple[str, ...]
    part: int
    text: str
    start: int
    end: int
    spans: tuple[Span, ...]
    table_header: str = ""

    @property
    def id(self) -> str:
        """The same for the same place in every build."""
        return f"{self.article}#{self.anchor}/{self.part}"


@dataclass(frozen=True, slots=True)
class _Piece:
    """A sentence, row, header or code line: characters first to last of its block, and what stands before it."""

    block: Block
    first: int
    last: int
    glue: str

    @property
    def text(self) -> str:
        return self.block.text[self.first : self.last]

    @property
    def start(self) -> int:
        return self.block.offsets[self.first]

    @property
    def end(self) -> int:
        return self.block.end if self.last == len(self.block.text) else self.block.offsets[self.last - 1] + 1


def chunk_article(article: Article, max_tokens: int, count_tokens: Callable[[str], int]) -> list[Chunk]:
    """Return the article's chunks in the order of the text.

    max_tokens: the encoder's window. count_tokens: the encoder's own count for a text.
    """
    chunks: list[Chunk] = []
    for section in article.sections:
        prefix = passage_prefix(article.title, article.slug, section.heading_path)
        budget = max(16, max_tokens - min(count_tokens(prefix), int(_HEADING_SHARE * max_tokens)) - 4)
        chunks += _chunk_section(article, section, budget, count_tokens)
    return chunks


def passage_prefix(title: str, slug: str, heading_path: tuple[str, ...]) -> str:
    """Return the title and headings as they are embedded before a text.

    A title that only repeats the file's name says nothing about the text and is left out.
    """
    parts = [] if title == slug.rsplit("/", 1)[-1] else [title]
    parts += [heading for heading in heading_path if heading not in parts]
    return " › ".join(part[:_LONGEST_HEADING] for part in parts if part)


def chunk_passage(chunk: Chunk) -> str:
    """Return what is embedded for the chunk."""
    prefix = passage_prefix(chunk.title, chunk.article, chunk.heading_path)
    return "\n".join(part for part in (prefix, chunk.table_header, chunk.text) if part)


def span_passage(chunk: Chunk, span: Span) -> str:
    """Return what is embedded for a span: its headings and its text, a row with its header cells repeated."""
    prefix = passage_prefix(chunk.title, chunk.article, chunk.heading_path)
    return "\n".join(part for part in (prefix, spell_row(span) if span.header else span.text) if part)


def spell_row(span: Span) -> str:
    """Return a table row as a sentence: 芯片型号：H20；对华出口状态：禁止."""
    cells = span.text.split(CELL_JOINER)
    pairs = zip(span.header, cells, strict=False)
    spelled = [f"{name}：{cell}" if name else cell for name, cell in pairs if cell]
    return "；".join(spelled + cells[len(span.header) :])


def _chunk_section(
    article: Article, section: Section, budget: int, count_tokens: Callable[[str], int]
) -> Iterator[Chunk]:
    pieces = [
        part for block in section.blocks for piece in _pieces(block) for part in _fit(piece, budget, count_tokens)
    ]
    table_header = ""
    for number, part in enumerate(_pack(pieces, budget, count_tokens)):
        first = part[0]
        yield Chunk(
            article=article.slug,
            title=article.title,
            anchor=section.anchor,
            heading=section.heading,
            heading_path=section.heading_path,
            part=number,
            text=first.text + "".join(piece.glue + piece.text for piece in part[1:]),
            start=first.start,
            end=part[-1].end,
            spans=tuple(
                Span(piece.text, piece.block.header, piece.start, piece.end, piece.block.kind)
                for piece in _quotable(part)
            ),
            table_header=table_header if first.block.kind == "row" else "",
        )
        table_header = next((piece.text for piece in reversed(part) if piece.block.kind == "header"), table_header)


def _quotable(pieces: list[_Piece]) -> list[_Piece]:
    """Leave out the header line of a table: its cells are repeated by each row."""
    following = [*(piece.block.kind for piece in pieces[1:]), ""]
    return [
        piece
        for piece, next_kind in zip(pieces, following, strict=True)
        if piece.block.kind != "header" or next_kind != "row"
    ]


def _pieces(block: Block) -> Iterator[_Piece]:
    """Yield a block's sentences; a row, a header and a line of code stay whole."""
    if block.kind in ("row", "header"):
        ranges = [(0, len(block.text))]
    elif block.kind == "code":
        ranges = _lines(block.text)
    else:
        ranges = split_sentences(block.text)
    yield from _located(block, ranges, "\n" if block.kind == "row" else "\n\n")


def _located(block: Block, ranges: list[tuple[int, int]], glue: str) -> Iterator[_Piece]:
    before = None
    for first, last in ranges:
        yield _Piece(block, first, last, glue if before is None else block.text[before:first])
        before = last


def _lines(text: str) -> list[tuple[int, int]]:
    ranges, position = [], 0
    for line in text.split("\n"):
        if line.strip():
            ranges.append((position, position + len(line)))
        position += len(line) + 1
    return ranges


def _fit(piece: _Piece, budget: int, count_tokens: Callable[[str], int]) -> list[_Piece]:
    """Cut a sentence that is longer than the window; rows stay whole, the encoder reads what it can of them."""
    if piece.block.kind in ("row", "header"):
        return [piece]
    if piece.last - piece.first > _LONGEST_SENTENCE:
        ranges = [
            (piece.first + first, piece.first + last) for first, last in _windows(piece.text, budget, count_tokens)
        ]
        return list(_located(piece.block, _beside_entities(piece.block, ranges), piece.glue))
    if count_tokens(piece.text) <= budget:
        return [piece]
    from langchain_text_splitters import RecursiveCharacterTextSplitter  # 0.3 s, and few sections need it

    splitter = RecursiveCharacterTextSplitter(
        SEPARATORS,
        keep_separator="end",
        chunk_size=budget,
        chunk_overlap=0,
        length_function=count_tokens,
        strip_whitespace=False,
    )
    ranges, position = [], piece.first
    for part in splitter.split_text(piece.text):
        first = position + len(part) - len(part.lstrip())
        position += len(part)
        if part.strip():
            ranges.append((first, first + len(part.strip())))
    return list(_located(piece.block, _beside_entities(piece.block, ranges), piece.glue))


def _beside_entities(block: Block, ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Move what would cut through an entity such as &ngE;, which stands for two characters, behind it."""
    moved: list[tuple[int, int]] = []
    before = 0
    for first, last in ranges:
        first = max(first, before)
        while 0 < last < len(block.text) and block.offsets[last] == block.offsets[last - 1]:
            last += 1
        before = last
        if first < last:
            moved.append((first, last))
    return moved


def _windows(text: str, budget: int, count_tokens: Callable[[str], int]) -> Iterator[tuple[int, int]]:
    """Cut a text at separators into parts that fill the window, and count each about twice."""
    position, size = 0, 2 * budget
    while position < len(text):
        size = min(size, len(text) - position)
        while size > 1 and (count := count_tokens(text[position : position + size])) > budget:
            size = max(1, min(size - 1, int(0.95 * size * budget / count)))
        end = position + size
        if end < len(text):
            places = ((text.rfind(sep, position + size // 2, end), len(sep)) for sep in SEPARATORS[:-1])
            end = next((at + length for at, length in places if at >= 0), end)
        part = text[position:end]
        if part.strip():
            first = position + len(part) - len(part.lstrip())
            yield first, first + len(part.strip())
        position, size = end, size + size // 8 + 1


def _pack(pieces: list[_Piece], budget: int, count_tokens: Callable[[str], int]) -> list[list[_Piece]]:
    """Group a section's pieces into as few runs as fit the window, of about equal length, tables whole."""
    sized = [(atom, sum(count_tokens(piece.text) for piece in atom)) for atom in _atoms(pieces, budget, count_tokens)]
    fewest = _fill(sized, budget, budget)
    if len(fewest) < 2:
        return fewest
    even = _fill(sized, budget, sum(size for _, size in sized) / len(fewest))
    return even if len(even) == len(fewest) else fewest


def _fill(sized: list[tuple[list[_Piece], int]], budget: int, target: float) -> list[list[_Piece]]:
    """Fill one run after the other up to about the target, and never past the budget unless an atom alone is."""
    runs: list[list[_Piece]] = []
    filled = 0
    for atom, size in sized:
        if runs and filled + size <= budget and filled + size / 2 <= target:
            runs[-1] += atom
            filled += size
        else:
            runs.append(list(atom))
            filled = size
    return runs


def _atoms(pieces: list[_Piece], budget: int, count_tokens: Callable[[str], int]) -> Iterator[list[_Piece]]:
    """Yield what must not be parted: a table that fits the window, else single pieces, a header with its first row."""
    groups: list[list[_Piece]] = []
    for piece in pieces:
        if piece.block.kind == "row" and groups and groups[-1][-1].block.kind in ("header", "row"):
            groups[-1].append(piece)
        else:
            groups.append([piece])
    for group in groups:
        if len(group) > 2 and sum(count_tokens(piece.text) for piece in group) > budget:
            head = 2 if group[0].block.kind == "header" else 1
            yield group[:head]
            yield from ([row] for row in group[head:])
        else:
            yield group
