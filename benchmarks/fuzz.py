"""Throw texts at the parser of articles that nobody would write, and see that it neither fails nor hangs.

    python benchmarks/fuzz.py                  # two minutes
    python benchmarks/fuzz.py --seconds 600 --seed 7

Texts are made of pieces of Markdown and YAML, of random bytes, and of the sample briefs, mutated; hypothesis makes them
and shrinks what fails. Of each the whole way is gone: bytes → article → chunks and spans → what a reader sees → page.
What is checked is in `check`. Each step may take a second of processor time; what hangs in C ends with a traceback.
"""

from __future__ import annotations

import argparse
import faulthandler
import itertools
import signal
import sys
import time
from bisect import bisect_left
from collections import Counter
from pathlib import Path
from types import FrameType

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from briefqa.articles import Article, parse_file
from briefqa.chunks import Chunk, chunk_article
from briefqa.errors import ArticleError
from briefqa.ui.source import render_article
from briefqa.verbatim import VisibleSection, Wording, visible_article

CORPUS = Path(__file__).parents[1] / "corpus"
SECONDS_A_CASE = 1.0
EXAMPLES_A_ROUND = 500
WINDOW = 60  # tokens of the imaginary encoder: small, so that sections are split

MARKDOWN = [
    *("\n", "\n\n", " ", "  \n", "\t", "    ", "\\", "\\\n", "\r\n", "\r", "> ", ">", "- ", "-\t", "1. ", "9) ", "* "),
    *(
        "# ",
        "## ",
        "###### ",
        " #",
        "---\n",
        "===\n",
        "```\n",
        "~~~\n",
        "```",
        "`",
        "``",
        "*",
        "**",
        "***",
        "_",
        "__",
        "~~",
    ),
    *(
        "[",
        "]",
        "(",
        ")",
        "![",
        "](",
        "](u)",
        "[a]",
        "[a]: /u\n",
        "[^1]",
        "<",
        ">",
        "<b>",
        "</b>",
        "<br />",
        "<!--",
        "-->",
    ),
    *("<div>\n", "</div>\n\n", "<https://a.b/c>", "<a@b.cd>", "&amp;", "&#65;", "&#0;", "&#xD800;", "&ngE;", "&", ";"),
    *("|", " | ", "\\|", "|--|--|\n", "\n|-|-|\n", ":-:", "{#a}", "{#b .c}", "{", "}", "{#芯}", "{.x}\n", "!"),
    *(
        "芯片",
        "出口。",
        "“许可”",
        "（见。）",
        "2025年12月15日",
        "25%",
        "H200",
        "U.S. ",
        "e.g. ",
        "A. ",
        "No. 5",
        "a",
        "word ",
    ),
    *(".", "!?", "。", "…", "，", "；", "'", '"', "”", "「", "」", "1.", "3.5", "\u3000", "\u00a0", "\u200b", "\u202e"),
    *(
        "e\u0301",
        "\u0301",
        "\ufdfa",
        "ß",
        "İ",
        "ﬁ",
        "👩\u200d💻",
        "\U0010ffff",
        "\ue000",
        "\ufffd",
        "\x0b",
        "\x0c",
        "\x1c",
        "\x85",
    ),
    *("\u2028", "\u2029", "\ufeff", "\x1b[2J", "\x7f"),
]
YAML = [
    *("title: ", "date: ", "tags: ", "category: ", "source_url: ", "x: ", "\n", " ", "  ", "\t", "- ", "? ", ": ", ":"),
    *(
        "[",
        "]",
        "{",
        "}",
        ",",
        "&a ",
        "*a",
        "<<: ",
        "!!str ",
        "!!python/object:x ",
        "!",
        "|\n",
        ">\n",
        "'",
        '"',
        "#",
        "%",
    ),
    *(
        '"\\uD800"',
        '"\\x00"',
        "2025-12-15",
        "2025年12月15日",
        "1e999",
        "~",
        "null",
        "true",
        "芯片",
        "a",
        "---",
        "...",
        "\u202e",
    ),
]
SAMPLES = [path.read_bytes() for path in sorted(CORPUS.glob("*.md"))]


def _joined(pieces: list[str], most: int) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(pieces), max_size=most).map("".join)


def _repeated(pieces: list[str]) -> st.SearchStrategy[str]:
    """Return a few pieces, over and over: what takes quadratic time shows here."""
    few = st.lists(st.sampled_from(pieces), min_size=1, max_size=4).map("".join)
    return st.tuples(few, st.integers(1, 3_000), _joined(pieces, 3)).map(lambda made: made[0] * made[1] + made[2])


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    """Return a sample brief with parts of it taken out, doubled, or replaced by pieces or bytes."""
    data = draw(st.sampled_from(SAMPLES))
    noise = st.one_of(st.binary(max_size=8), _joined(MARKDOWN, 6).map(str.encode), _joined(YAML, 4).map(str.encode))
    for _ in range(draw(st.integers(1, 8))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 200)))
        part = data[start:end] * draw(st.integers(0, 3))
        data = data[:start] + part + draw(noise) + data[end:]
    return data


KEYS = ["title", "date", "tags", "category", "source_url", "author", "x"]
VALUES = [
    *(
        "a",
        "芯片",
        '"a: b"',
        "[a, 'b']",
        "{a: b}",
        "|\n  a\n  b",
        ">\n  a",
        "2025-12-15",
        "2025年12月",
        "1e999",
        "~",
        "&a b",
    ),
    *('"\\u202e"', '"\\0"', "!!int x", "- a", "é", "e\u0301", "pоlicy", "https://a.b/c?d#e", "javascript:x"),
]
LINES = st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(VALUES)).map(": ".join), max_size=8).map("\n".join)
FRONT = st.one_of(
    st.just(""),
    st.just(""),
    LINES.map(lambda lines: f"---\n{lines}\n---\n\n"),
    _joined(YAML, 30).map(lambda lines: f"---\n{lines}\n---\n"),
    _repeated(YAML).map(lambda lines: f"---\n{lines}\n---\n"),
)
WHOLE = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=200)
BODY = st.one_of(_joined(MARKDOWN, 60), _repeated(MARKDOWN), WHOLE)
TEXTS = st.one_of(BODY, BODY, st.tuples(FRONT, BODY).map("".join))
FILES = st.one_of(
    TEXTS.map(str.encode),
    TEXTS.map(str.encode),
    TEXTS.map(lambda text: text.encode("gb18030")),
    _mutated(),
    st.binary(max_size=300),
)


class Hang(Exception):
    """A case took longer than it may."""


def _too_long(signum: int, frame: FrameType | None) -> None:
    raise Hang


def check(data: bytes) -> str:
    """Go the whole way with a file, and return what became of it. Raises AssertionError, Hang, and whatever fails."""
    faulthandler.dump_traceback_later(60, exit=True)
    signal.signal(signal.SIGPROF, _too_long)
    signal.setitimer(signal.ITIMER_PROF, 6 * SECONDS_A_CASE)
    try:
        return _check(data)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.cancel_dump_traceback_later()


def _check(data: bytes) -> str:
    started = time.process_time()
    try:
        article = parse_file(data, "fuzz.md")
    except ArticleError as error:
        assert str(error).isprintable(), str(error)
        assert 0 <= error.line <= 1 + data.count(b"\n") + data.count(b"\r")
        assert time.process_time() - started < SECONDS_A_CASE, "refusing took too long"
        return "refused"
    for problem in article.warnings:
        assert problem.message.isprintable() and 0 <= problem.line <= 1 + data.count(b"\n") + data.count(b"\r")
    _check_article(article)
    started = _in_time(started, "reading")
    chunks = chunk_article(article, WINDOW, lambda text: len(text) // 2 + 1)
    started = _in_time(started, "splitting")
    _check_chunks(article, chunks)
    started = time.process_time()
    _check_quotes(article, chunks)
    started = _in_time(started, "quoting")
    anchors = [section.anchor for section in article.sections if section.level]
    for chunk in chunks[:1]:
        for span in chunk.spans[:2]:
            quoted = "".join(render_article(article.text, anchors, span.start, span.end).quoted)
            assert _letters(quoted) == _letters(span.text), (quoted, span.text)
    _in_time(started, "showing")
    return "read with a loss" if article.warnings else "read"


def _in_time(started: float, step: str) -> float:
    now = time.process_time()
    assert now - started < SECONDS_A_CASE, f"{step} took {now - started:.1f} s"
    return time.process_time()


def _check_article(article: Article) -> None:
    """Anchors are unique, sections and blocks in order and inside each other, and each character stands in the file."""
    anchors = [section.anchor for section in article.sections]
    assert len(set(anchors)) == len(anchors), anchors
    assert all(before.end <= after.start for before, after in itertools.pairwise(article.sections))
    for section in article.sections:
        assert 0 <= section.start <= section.end <= len(article.text)
        assert all(before.end <= after.start for before, after in itertools.pairwise(section.blocks))
        for block in section.blocks:
            assert section.start <= block.start < block.end <= section.end
            assert len(block.offsets) == len(block.text) and block.text
            assert all(before <= after for before, after in itertools.pairwise(block.offsets))
            for char, offset in zip(block.text, block.offsets, strict=True):
                source = article.text[offset : offset + 1]
                joined = char in " |\n"  # a line break, or what stands between cells
                assert char == source or source in ("&", "\t", "\r", "\n") or joined, (char, source)


def _check_chunks(article: Article, chunks: list[Chunk]) -> None:
    """Chunks hold all blocks, in their order, and their spans lie inside them."""
    shown = "".join(block.text for section in article.sections for block in section.blocks)
    assert _letters("".join(chunk.text for chunk in chunks)) == _letters(shown)
    assert len({chunk.id for chunk in chunks}) == len(chunks)
    assert all(before.end <= after.start for before, after in itertools.pairwise(chunks))
    for chunk in chunks:
        assert 0 <= chunk.start < chunk.end <= len(article.text)
        assert all(before.end <= after.start for before, after in itertools.pairwise(chunk.spans))
        assert all(chunk.start <= span.start < span.end <= chunk.end for span in chunk.spans)


def _check_quotes(article: Article, chunks: list[Chunk]) -> None:
    """What is quoted is what a reader sees between its offsets."""
    visible = visible_article(article)
    for chunk in chunks[:200]:
        section = visible.section(chunk.anchor)
        assert section is not None
        for span in chunk.spans[:50]:
            wording = Wording.of(span.text, span.header)
            if wording.bare and not any(_cuts_word(section, at) for at in (span.start, span.end)):
                assert section.says(wording, span.start, span.end), (span.text, span.start, span.end)


def _cuts_word(section: VisibleSection, offset: int) -> bool:
    """Say whether a part of a sentence begins or ends inside a word or a number, which is then never quoted."""
    at = bisect_left(section.offsets, offset)
    before, after = section.text[at - 1 : at], section.text[at : at + 1]
    return bool(before and after) and all(char.isalnum() or char in ".," for char in (before, after))


def _letters(text: str) -> str:
    return "".join(char for char in text if char.isalnum())


def fuzz(seconds: float, first_seed: int) -> Counter[str]:
    """Check files until the time is over, and return how many ended how. Raises what failed, shrunk."""
    ended: Counter[str] = Counter()
    end = time.monotonic() + seconds
    for number in itertools.count(first_seed):
        if time.monotonic() > end:
            return ended

        @seed(number)
        @settings(
            max_examples=EXAMPLES_A_ROUND,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        @given(FILES)
        def one_round(data: bytes) -> None:
            if time.monotonic() < end:
                ended[check(data)] += 1

        one_round()
    raise AssertionError  # itertools.count has no end


def main() -> None:
    """Run as a command."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started = time.monotonic()
    ended = fuzz(options.seconds, options.seed)
    told = ", ".join(f"{count:,} {end}" for end, count in ended.most_common())
    print(f"{ended.total():,} files in {time.monotonic() - started:.0f} s, no crash and no hang: {told}")


if __name__ == "__main__":
    sys.exit(main())
