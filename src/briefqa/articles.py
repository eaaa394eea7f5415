"""Files of a corpus to articles: front matter, sections with their anchors, and an offset for each visible character.

    files, problems = list_articles(Path("corpus"))
    article = read_article(files[0], Path("corpus"))
    block = article.sections[0].blocks[0]
    article.text[block.start : block.end]      # the Markdown that `block.text` was made of

A file that cannot be read raises ArticleError; one that is read with a loss says so in its `warnings`.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from briefqa.dates import read_date
from briefqa.errors import ArticleError, CorpusError
from briefqa.markdown import CELL_JOINER, Block, Document, Heading, read_markdown
from briefqa.writing import one_line, without_hidden

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

MAX_FILE_BYTES = 5_000_000
"""A brief is some 10 KB, a long notice 200 KB; a larger file than this is an export or a log. 1 MB of prose parses in
about a second, the same of one-letter list items in ten."""
MAX_FRONT_MATTER_CHARS = 64_000
"""A front matter is a page at most; YAML of megabytes is slow to read."""
MIN_GB18030_SHARE = 0.7
"""Of the characters beyond ASCII, those that stand in runs of common Chinese; a brief has .99. Other bytes that happen
to be valid GB18030 give rare characters, or single ones (an accented letter and its neighbour)."""

_SUFFIXES = (".md", ".markdown")
_COMMON_CHINESE = re.compile("[\u4e00-\u9fff\u3000-\u303f\uff01-\uff5e\u2014\u2018-\u201d\u2026]{2,}")
_UNCLOSED = re.compile(r"-{3,}[ \t]*[\r\n]\s*[A-Za-z_][\w-]*[ \t]*[:：]")
_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster, where PyYAML was built with libyaml


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that could not be read, or was read with a loss.

    path: relative to the corpus, posix. line: 1-based, 0 for the file as a whole. message: one line, with the cure.
    """

    path: str
    line: int
    message: str


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
    return text if common >= MIN_GB18030_SHARE * sum(char > "\x7f" for char in text) else None


class _FrontMatter:
    """The top level of a YAML mapping, as its author wrote it: nodes are composed and never constructed.

    So an alias that stands for gigabytes costs nothing, `title: 1e3` stays "1e3", and a warning knows its line.
    """

    def __init__(self, source: str, path: str) -> None:
        self.warnings: list[Problem] = []
        self._path = path
        self._source = source
        if len(source) > MAX_FRONT_MATTER_CHARS:
            raise ArticleError(f"front matter is longer than {MAX_FRONT_MATTER_CHARS:,} characters: shorten it", 1)
        try:
            root = yaml.compose(source, Loader=_YAML)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = self._line(mark.index if mark else getattr(error, "position", 0))
            what = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
            cure = f"quote the value or mend line {line}"
            raise ArticleError(f"front matter is not valid YAML ({what}): {cure}", line) from None
        except RecursionError:
            raise ArticleError("front matter is nested too deep: write plain `key: value` lines", 1) from None
        if root is not None and not isinstance(root, yaml.MappingNode):
            line = self._line(root.start_mark.index)
            cure = "put a colon and a space after each key, or an empty line before the first ---"
            raise ArticleError(f"front matter has no `key: value` lines: {cure}", line)
        pairs = root.value if root is not None else []
        self._nodes = {key.value: value for key, value in pairs if isinstance(key, yaml.ScalarNode)}

    def _line(self, index: int) -> int:
        return self._source.count("\n", 0, index) + 2

    def warn(self, key: str, message: str) -> None:
        self.warnings.append(Problem(self._path, self._line(self._nodes[key].start_mark.index), message))

    def scalar(self, key: str) -> str:
        """Return a value on one line; "" if it is missing or, with a warning, of another kind."""
        node = self._nodes.get(key)
        if node is not None and not isinstance(node, yaml.ScalarNode):
            self.warn(key, f"{key} is a list or a mapping, so it is ignored: write one value")
        return _scalar(node)

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
        return tuple(dict.fromkeys(tag.strip() for tag in tags if tag.strip()))


def _scalar(node: Any) -> str:
    if not isinstance(node, yaml.ScalarNode) or node.tag == "tag:yaml.org,2002:null":
        return ""
    return " ".join(one_line(str(node.value)).split())


def parse_article(text: str, slug: str, path: str, sha256: str = "") -> Article:
    """Parse the text of one article.

    slug, path: as in Article. Raises ArticleError for a text without content and for broken front matter; what can be
    read in part is, with a warning.
    """
    try:
        document = read_markdown(text)
    except (RuntimeError, ValueError, IndexError) as error:
        raise ArticleError(f"the Markdown cannot be parsed ({error}): simplify what is nested in it") from error
    if not document.body and _UNCLOSED.match(text):
        raise ArticleError("front matter is never closed: put --- on a line of its own after its last key", 1)
    front = _FrontMatter(document.front_matter, path)
    warnings = [Problem(path, line, message) for line, message in document.losses]
    if not any(isinstance(part, Block) for part in document.parts):
        reason = f" ({warnings[0].message})" if warnings else ""
        raise ArticleError(f"empty: there is no text to answer from{reason}: write some or remove the file")
    sections = tuple(_sections(document, len(text), path, warnings))
    first_title = next((section.heading for section in sections if section.level == 1 and section.heading), "")
    return Article(
        slug=slug,
        path=path,
        title=front.scalar("title") or first_title or unicodedata.normalize("NFC", PurePosixPath(path).stem),
        date=front.date(),
        category=front.scalar("category"),
        tags=front.tags(),
        source_url=front.scalar("source_url"),
        author=front.scalar("author"),
        summary=front.scalar("summary"),
        sha256=sha256,
        text=text,
        sections=sections,
        warnings=tuple(sorted(front.warnings + warnings, key=lambda problem: problem.line)),
    )


def _sections(document: Document, length: int, path: str, warnings: list[Problem]) -> Iterator[Section]:
    groups: list[tuple[Heading, list[Block]]] = [(Heading(0, "", "", 1, document.body), [])]
    for part in document.parts:
        if isinstance(part, Heading):
            groups.append((part, []))
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
    return [anchor or unique(_anchor(heading.text)) for anchor, heading in zip(anchors, headings, strict=True)]


def _anchor(heading: str) -> str:
    """Make an anchor of a heading: letters, digits and their marks in small, "-" for a space, the rest dropped."""
    words = unicodedata.normalize("NFC", heading.casefold()).split()
    kept = ["".join([c for c in word if c in "-_" or unicodedata.category(c)[0] in "LNM"]) for word in words]
    return "-".join(word for word in kept if word) or "section"


def read_article(path: Path, corpus: Path) -> Article:
    """Read one file below `corpus`. Raises ArticleError if it cannot be read or has nothing to read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ArticleError(f"the file cannot be read ({reason}): check its permissions") from error
    return parse_file(data, path.relative_to(corpus).as_posix())


def parse_file(data: bytes, path: str) -> Article:
    """Parse the bytes of one file. path: below the corpus. Raises ArticleError as `read_article` does."""
    if len(data) > MAX_FILE_BYTES:
        raise ArticleError(f"the file is larger than {MAX_FILE_BYTES // 1_000_000} MB: split it into several articles")
    return parse_article(decode(data), _slug(path), path, hashlib.sha256(data).hexdigest())


def slug_of(path: Path, corpus: Path) -> str:
    """Return the slug that the article of this file has."""
    return _slug(path.relative_to(corpus).as_posix())


def _slug(relative: str) -> str:
    return unicodedata.normalize("NFC", PurePosixPath(relative).with_suffix("").as_posix())


def is_article_name(name: str) -> bool:
    """Say whether a file of this name is taken for an article."""
    return os.path.splitext(name)[1].lower() in _SUFFIXES


def list_articles(corpus: Path) -> tuple[list[Path], list[Problem]]:
    """Find the articles below a folder: *.md and *.markdown, sorted by slug, and what looks like one and is none.

    Names that begin with a dot are passed over. Raises CorpusError if the folder itself cannot be listed.
    """
    if not corpus.is_dir():
        state = "is not a folder" if corpus.exists() else "does not exist"
        raise CorpusError(f"corpus {corpus} {state}: name the folder that holds the articles")
    root = os.path.realpath(corpus)
    found: list[str] = []
    problems: list[Problem] = []
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(corpus / folder) as scan:
                entries = [entry for entry in scan if not entry.name.startswith(".")]
        except OSError as error:
            if not folder:
                message = f"corpus {corpus} cannot be read ({error.strerror}): check its permissions"
                raise CorpusError(message) from error
            problems.append(Problem(_printable(folder), 0, "the folder cannot be read: check its permissions"))
            continue
        for entry in entries:
            relative = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False) and not _is_odd(entry.name):
                folders.append(relative)
            message = _obstacle(entry, root)
            if message:
                problems.append(Problem(_printable(relative), 0, message))
            elif is_article_name(entry.name):
                found.append(relative)
    kept: dict[str, str] = {}
    for relative in sorted(found, key=lambda name: (_slug(name), not name.lower().endswith(".md"), name)):
        twin = kept.setdefault(_slug(relative), relative)
        if twin is not relative:
            message = f"its name is that of {twin}, suffix and Unicode form aside: rename one of the two"
            problems.append(Problem(relative, 0, message))
    problems.sort(key=lambda problem: problem.path)
    return [corpus / relative for relative in kept.values()], problems


def _printable(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "replace")


def _is_odd(name: str) -> bool:
    """Say whether a name cannot be shown as it is; half a character stands for a byte that is not UTF-8."""
    printable = _printable(name)
    return "\n" in printable or without_hidden(printable) != printable


def _obstacle(entry: os.DirEntry[str], root: str) -> str:
    """Say why an entry of a folder is no article though it looks like one; "" if it is one, or does not look so."""
    if entry.is_symlink():
        if os.path.isdir(entry.path):  # entry.is_dir() raises for a link to itself
            return "links to folders are not followed: move the folder into the corpus"
        if not is_article_name(entry.name):
            return ""
        target = os.path.realpath(entry.path)
        if not os.path.exists(target):
            return "the link leads nowhere: mend or remove it"
        if not Path(target).is_relative_to(root):
            return "the link leads out of the corpus: copy the file into it"
    if _is_odd(entry.name) and (is_article_name(entry.name) or entry.is_dir()):
        return "its name has characters that cannot be seen, or two lines: rename it"
    if not is_article_name(entry.name):
        return ""
    if entry.is_dir():
        return "a folder with the name of an article: rename it (what is in it is read)"
    if not entry.is_file():
        return "not a regular file: remove it"
    if _printable(entry.name) != entry.name:
        return "the file's name is not valid UTF-8: rename it"
    return ""
