"""A file to an article: front matter, sections with their anchors, and an offset for each visible character.

    article = read_article(path, Path("corpus"))
    block = article.sections[0].blocks[0]
    article.text[block.start : block.end]      # the Markdown that `block.text` was made of

A file that cannot be read raises ArticleError; one that is read with a loss says so in its `warnings`. What no brief
has and only a bomb needs is refused (`settings.Limits`): whatever the file, it is read within about a second.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from briefqa.corpus import Problem, is_article_name, list_articles, read_bytes, slug_of, slug_of_name
from briefqa.dates import read_date
from briefqa.errors import ArticleError
from briefqa.markdown import CELL_JOINER, Block, Document, Heading, read_markdown
from briefqa.settings import Limits
from briefqa.writing import MOST_MARKS, alike_letters, one_line, shown, stacks_marks

__all__ = [
    "CELL_JOINER",
    "Article",
    "Block",
    "Problem",
    "Section",
    "decode",
    "is_article_name",
    "list_articles",
    "parse_article",
    "parse_file",
    "read_article",
    "slug_of",
]

MOST_EXPANDED = 10_000
"""Characters that may come of ligatures beside twice the text: one of them is 18, and words are compared in full."""
MIN_GB18030_SHARE = 0.7
"""Of the characters beyond ASCII, those that stand in runs of common Chinese; a brief has .99. Other bytes that happen
to be valid GB18030 give rare characters, or single ones (an accented letter and its neighbour)."""
MIN_FREQUENT_SHARE = 0.08
"""Of the characters beyond ASCII, those that are among the hundred most frequent of Chinese; a brief has .2 to .4.
Japanese (Shift JIS) and Korean (EUC-KR) read as GB18030 give common characters too, but any of them."""

_COMMON_CHINESE = re.compile("[\u4e00-\u9fff\u3000-\u303f\uff01-\uff5e\u2014\u2018-\u201d\u2026]{2,}")
_FREQUENT_CHINESE = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多"
    "经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日月业公市部资新产品将与及等被"
)
_KEYS = frozenset(("title", "date", "category", "tags", "source_url", "author", "summary"))
_UNCLOSED = re.compile(r"-{3,}[ \t]*[\r\n]\s*[A-Za-z_][\w-]*[ \t]*[:：]")
_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster, where PyYAML was built with libyaml


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the blocks up to the next heading, or the blocks before the first one.

    anchor, heading, heading_path, level: "", "", () and 0 before the first heading. heading_path: the headings above it
    and its own, outermost first. line: 1-based, of the heading. start, end: offsets in the file, heading included.
    """

    anchor: str
    heading: str
    heading_path: tuple[str, ...]
    level: int
    line: int
    blocks: tuple[Block, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Article:
    """One file of the corpus.

    slug: its path below the corpus, posix, without suffix, NFC. path: the same with suffix, as it is on disk.
    date: "YYYY-MM-DD" or "". sha256: of the file's bytes. text: the file without a byte order mark; every offset counts
    its characters. warnings: what was read with a loss.
    """

    slug: str
    path: str
    title: str
    date: str
    category: str
    tags: tuple[str, ...]
    source_url: str
    author: str
    summary: str
    sha256: str
    text: str
    sections: tuple[Section, ...]
    warnings: tuple[Problem, ...]


def decode(data: bytes) -> str:
    """Return the text of a file: UTF-8, or GB18030 where that makes Chinese of it.

    Raises ArticleError for an empty file, a binary one and every other encoding.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")):
        raise ArticleError("the file is UTF-16 or UTF-32: save it as UTF-8")
    if b"\0" in data:
        line = _line_of(data, data.index(b"\0"))
        raise ArticleError("the file has NUL bytes, so it is no text: remove it or save it as UTF-8", line)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        guess = _decode_chinese(data)
        if guess is None:
            line = _line_of(data, error.start)
            raise ArticleError(f"byte 0x{data[error.start]:02x} is not UTF-8: save the file as UTF-8", line) from None
        text = guess
    if not text.strip():
        raise ArticleError("empty: write something into the file or remove it")
    return text


def _line_of(data: bytes, position: int) -> int:
    return data[:position].replace(b"\r\n", b"\n").replace(b"\r", b"\n").count(b"\n") + 1


def _decode_chinese(data: bytes) -> str | None:
    """Decode GB18030, or return None if that is not what the bytes are."""
    lossy = data.decode("utf-8", "replace")
    bad = lossy.count("\ufffd")
    if sum(char > "\x7f" for char in lossy) - bad > bad:
        return None  # damaged UTF-8, which GB18030 often decodes to Chinese nonsense
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        return None
    common = sum(len(run) for run in _COMMON_CHINESE.findall(text))
    beyond = sum(char > "\x7f" for char in text)
    frequent = sum(char in _FREQUENT_CHINESE for char in text)
    return text if common >= MIN_GB18030_SHARE * beyond and frequent >= MIN_FREQUENT_SHARE * beyond else None


class _FrontMatter:
    """The top level of a YAML mapping, as its author wrote it: nodes are composed and never constructed.

    So an alias that stands for gigabytes costs nothing, `title: 1e3` stays "1e3", and a warning knows its line.
    """

    def __init__(self, source: str, path: str, limits: Limits) -> None:
        self.warnings: list[Problem] = []
        self._path = path
        self._source = source
        self._longest = limits.max_value_chars
        if len(source) > limits.max_front_matter_chars:
            most = f"{limits.max_front_matter_chars:,} characters (max_front_matter_chars)"
            raise ArticleError(f"front matter is longer than {most}: shorten it", 1)
        try:
            root = yaml.compose(source, Loader=_YAML)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = self._line(mark.index if mark else getattr(error, "position", 0))
            what = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
            cure = f"quote the value or mend line {line}"
            raise ArticleError(f"front matter is not valid YAML ({what}): {cure}", line) from None
        except (RecursionError, ValueError):  # of PyYAML's own loader, where libyaml is missing
            raise ArticleError(
                "front matter cannot be read: write plain `key: value` lines, nested nowhere", 1
            ) from None
        if root is not None and not isinstance(root, yaml.MappingNode):
            line = self._line(root.start_mark.index)
            cure = "put a colon and a space after each key, or an empty line before the first ---"
            raise ArticleError(f"front matter has no `key: value` lines: {cure}", line)
        pairs = root.value if root is not None else []
        self._nodes: dict[str, Any] = {}
        for key, value in pairs:
            if isinstance(key, yaml.ScalarNode):
                again = key.value in self._nodes and key.value in _KEYS
                self._nodes[key.value] = value
                if again:
                    self.warn(key.value, f"{key.value} is given twice: remove all but this one, which counts")

    def _line(self, index: int) -> int:
        return self._source.count("\n", 0, index) + 2

    def warn(self, key: str, message: str) -> None:
        self.warnings.append(Problem(self._path, self._line(self._nodes[key].start_mark.index), message))

    def scalar(self, key: str) -> str:
        """Return a value on one line; "" if it is missing or, with a warning, of another kind."""
        node = self._nodes.get(key)
        if node is not None and not isinstance(node, yaml.ScalarNode):
            self.warn(key, f"{key} is a list or a mapping, so it is ignored: write one value")
        return self._cut(key, _scalar(node))

    def name(self, key: str) -> str:
        """Return a value by which people choose, as `shown` writes it; a warning tells letters that imitate others."""
        value = shown(self.scalar(key))
        self._compare(key, value)
        return value

    def _cut(self, key: str, value: str) -> str:
        if len(value) <= self._longest:
            return value
        self.warn(key, f"{key} is longer than {self._longest:,} characters (max_value_chars), so it is cut: shorten it")
        return value[: self._longest]

    def _compare(self, key: str, value: str) -> None:
        if word := alike_letters(value):
            self.warn(key, f"{key} has letters of two scripts that look alike in {word!r}: write it in one script")

    def date(self) -> str:
        """Return the date as YYYY-MM-DD; "" if it is missing or, with a warning, no date."""
        value = self.scalar("date")
        try:
            return read_date(value) if value else ""
        except ValueError as error:
            self.warn("date", f"date {value[:40]!r} {error}")
            return ""

    def tags(self) -> tuple[str, ...]:
        """Return the tags of a list or of "a, b", each once."""
        node = self._nodes.get("tags")
        if isinstance(node, yaml.SequenceNode):
            if not all(isinstance(item, yaml.ScalarNode) for item in node.value):
                self.warn("tags", "a tag is a list or a mapping, so it is ignored: write tags as [a, b]")
            tags = [_scalar(item) for item in node.value]
        else:
            tags = re.split("[,，、]", self.scalar("tags"))
        named = dict.fromkeys(shown(self._cut("tags", tag)).strip() for tag in tags)
        for tag in named:
            self._compare("tags", tag)
        return tuple(tag for tag in named if tag)


def _scalar(node: Any) -> str:
    if not isinstance(node, yaml.ScalarNode) or node.tag == "tag:yaml.org,2002:null":
        return ""
    return " ".join(one_line(str(node.value)).split())


def parse_article(text: str, slug: str, path: str, sha256: str = "", limits: Limits | None = None) -> Article:
    """Parse the text of one article.

    slug, path: as in Article. limits: left out, those of the environment. Raises ArticleError for a text without
    content, for broken front matter, and for more than the limits allow; what can be read in part is, with a warning.
    """
    limits = limits or Limits.from_environment()
    try:
        document = read_markdown(text, limits)
    except (RuntimeError, ValueError, IndexError) as error:
        raise ArticleError(f"the Markdown cannot be parsed ({error}): simplify what is nested in it") from error
    if not document.body and _UNCLOSED.match(text):
        raise ArticleError("front matter is never closed: put --- on a line of its own after its last key", 1)
    front = _FrontMatter(document.front_matter, path, limits)
    warnings = [Problem(path, line, message) for line, message in document.losses]
    if not any(isinstance(part, Block) for part in document.parts):
        reason = f" ({warnings[0].message})" if warnings else ""
        raise ArticleError(f"empty: there is no text to answer from{reason}: write some or remove the file")
    _check_characters(document, text)
    if word := alike_letters(path):
        warnings.append(Problem(path, 0, f"its name has letters of two scripts that look alike in {word!r}: rename it"))
    sections = tuple(_sections(document, len(text), path, warnings, limits))
    first_title = next((section.heading for section in sections if section.level == 1 and section.heading), "")
    return Article(
        slug=slug,
        path=path,
        title=front.name("title") or first_title or unicodedata.normalize("NFC", PurePosixPath(path).stem),
        date=front.date(),
        category=front.name("category"),
        tags=front.tags(),
        source_url=front.scalar("source_url"),
        author=front.scalar("author"),
        summary=front.scalar("summary"),
        sha256=sha256,
        text=text,
        sections=sections,
        warnings=tuple(sorted(front.warnings + warnings, key=lambda problem: problem.line)),
    )


def _check_characters(document: Document, text: str) -> None:
    """Raise ArticleError for characters that are few here and many, or slow, where texts are compared (NFKC)."""
    for part in document.parts:
        if stacks_marks(part.text):
            line = 1 + text.count("\n", 0, part.start)
            raise ArticleError(f"a character has more than {MOST_MARKS} marks upon it: remove them", line)
    visible = "\n".join([part.text for part in document.parts])
    if len(unicodedata.normalize("NFKC", visible)) > 2 * len(visible) + MOST_EXPANDED:
        raise ArticleError("the text is made of characters that stand for many others, such as \ufdfa: spell them out")


def _sections(document: Document, length: int, path: str, warnings: list[Problem], limits: Limits) -> Iterator[Section]:
    groups: list[tuple[Heading, list[Block]]] = [(Heading(0, "", "", 1, document.body), [])]
    for part in document.parts:
        if isinstance(part, Heading):
            groups.append((_cut(part, path, warnings, limits.max_value_chars), []))
        else:
            groups[-1][1].append(part)
    headings = [heading for heading, _ in groups[1:]]
    anchors = ["", *_anchors(headings, path, warnings)]
    ends = [*(heading.start for heading in headings), length]
    above: list[Heading] = []
    for (heading, blocks), anchor, end in zip(groups, anchors, ends, strict=True):
        if not heading.level and not blocks:
            continue
        while above and above[-1].level >= heading.level:
            above.pop()
        above.append(heading)
        heading_path = tuple(ancestor.text for ancestor in above if ancestor.text)
        level, line = heading.level, heading.line
        yield Section(anchor, heading.text, heading_path, level, line, tuple(blocks), heading.start, end)


def _cut(heading: Heading, path: str, warnings: list[Problem], longest: int) -> Heading:
    """Return a heading of no more than so many characters: it is embedded and kept with each of its sentences."""
    if len(heading.text) <= longest and len(heading.anchor) <= longest:
        return heading
    message = f"a heading is longer than {longest:,} characters (max_value_chars), so it is cut: shorten it"
    warnings.append(Problem(path, heading.line, message))
    return replace(heading, text=heading.text[:longest], anchor=heading.anchor[:longest])


def _anchors(headings: list[Heading], path: str, warnings: list[Problem]) -> list[str]:
    """Return an anchor for each heading, all different; the explicit ones are given out first."""
    anchors = [""] * len(headings)
    taken = {heading.anchor for heading in headings}
    seen: set[str] = set()
    suffixes: dict[str, int] = {}

    def unique(anchor: str) -> str:
        name = anchor
        while name in taken:
            suffixes[anchor] = suffixes.get(anchor, 0) + 1
            name = f"{anchor}-{suffixes[anchor]}"
        taken.add(name)
        return name

    for number, heading in enumerate(headings):
        if heading.anchor in seen:
            anchors[number] = unique(heading.anchor)
            message = f"anchor {{#{heading.anchor}}} is used twice, so here it is #{anchors[number]}: rename it"
            warnings.append(Problem(path, heading.line, message))
        elif heading.anchor:
            anchors[number] = heading.anchor
            seen.add(heading.anchor)
            if word := alike_letters(heading.anchor):
                message = f"the anchor has letters of two scripts that look alike in {word!r}: write it in one script"
                warnings.append(Problem(path, heading.line, message))
    return [anchor or unique(_anchor(heading.text)) for anchor, heading in zip(anchors, headings, strict=True)]


def _anchor(heading: str) -> str:
    """Make an anchor of a heading: letters, digits and their marks in small, "-" for a space, the rest dropped."""
    words = unicodedata.normalize("NFC", heading.casefold()).split()
    kept = ["".join([c for c in word if c in "-_" or unicodedata.category(c)[0] in "LNM"]) for word in words]
    return "-".join(word for word in kept if word) or "section"


def read_article(path: Path, corpus: Path, limits: Limits | None = None) -> Article:
    """Read one file below `corpus`. Raises ArticleError if it cannot be read or has nothing to read."""
    limits = limits or Limits.from_environment()
    return parse_file(read_bytes(path, limits.max_file_bytes), path.relative_to(corpus).as_posix(), limits)


def parse_file(data: bytes, path: str, limits: Limits | None = None) -> Article:
    """Parse the bytes of one file. path: below the corpus. Raises ArticleError as `read_article` does."""
    limits = limits or Limits.from_environment()
    if len(data) > limits.max_file_bytes:
        size = f"{limits.max_file_bytes / 1_000_000:,.3g} MB"
        raise ArticleError(f"the file is larger than {size} (max_file_bytes): split it into several articles")
    return parse_article(decode(data), slug_of_name(path), path, hashlib.sha256(data).hexdigest(), limits)
