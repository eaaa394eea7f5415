r"""A language model's reply as blocks of sentences that cite, with everything else in it made harmless.

    draft = read_draft("**Yes** [qkzt]. <b>No</b> [1]", ["qkzt"])
    draft.sentences[0].text, draft.sentences[0].keys                # ("Yes.", ("qkzt",))
    draft.render({"qkzt": 1}, doubted=[1])                          # "**Yes** [1]. \<b\>No\</b\> [?]"

A reply is untrusted like any text from outside. It may hold paragraphs, lists, emphasis and keys. A key in brackets of
any kind, or bare, is a citation; keys that were never given, and ordinals that the model made up, are dropped.
Headings, quotes, tables and code lose their markup, links and images their address, and what is left is escaped. Unseen
characters (controls, bidirectional overrides, private use) go, and so does what follows a chat template's mark for the
end of a reply, where small models go on and talk to themselves.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from briefqa.answer import escape_markdown
from briefqa.llm.names import quotations
from briefqa.llm.prompts import KEY_LENGTH, KEY_LETTERS
from briefqa.sentences import split_sentences
from briefqa.writing import is_cjk

DOUBT = "[?]"
"""Behind a sentence that its sources do not bear out."""

# Signs of our own inside a line, of the private use area, from which no reply keeps any: where emphasis begins and
# ends, and from _CITED on a citation of the first key, the second…
_STRONG, _STRONG_END, _EMPHASIS, _EMPHASIS_END = "\ue000\ue001\ue002\ue003"
_CITED = 0xE100
_SIGN = re.compile("[\ue000-\uf8ff]")
_CITATION = re.compile("[\ue100-\uf8ff]")
_MARKUP = {_STRONG: "**", _STRONG_END: "**", _EMPHASIS: "*", _EMPHASIS_END: "*"}
_OPENING = (_STRONG, _EMPHASIS)

_NEEDED = frozenset("\n\u200c\u200d")  # lines, and the joiners without which Persian and Hindi are misspelt
_END_OF_REPLY = re.compile(
    r"<\|(?:im_end|im_start|eot_id|end|endoftext|end_of_text|start_header_id|user|system|assistant)\|>"
    r"|<(?:end|start)_of_turn>|</s>|<｜[^<>\n]{1,30}｜>|\[/?INST\]"
)
_NO_TEXT = re.compile(r"\s*(?:```.*|~~~.*|[\s|:=*_+-]{3,})")
_ITEM = re.compile(r"(?:(?P<bullet>[-*+•·])\s+|(?P<number>\d{1,3})(?:[.)]\s+|、\s*))(?=\S)")
_LINE_MARKUP = re.compile(r"\A(?:#{1,6}\s+|>\s*|\|\s*)+")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_LINK = re.compile(r"!?\[(?P<label>[^\[\]]{0,300})\]\((?:[^()\n]|\([^()\n]{0,200}\)){0,2000}\)")
_OPENER, _CLOSER = r"[\[【［〔(（]", r"[\]】］〕)）]"
_INSIDE = r"[^\[\]【】［］〔〕()（）\n]{0,200}"
_BRACKETS = re.compile(f"(?P<open>{_OPENER})(?P<inside>{_INSIDE}){_CLOSER}")
# What stands beside keys in brackets and says nothing more. Four letters are a key, given or made up.
_BESIDE_KEYS = re.compile(
    r"\b(?:keys?|sources?|excerpts?|refs?|see|and|cite)\b|来源|出处|资料|参见|见|和|与|及|†|\b[a-z]{4}\b|\d{1,3}|[\W_]",
    re.IGNORECASE,
)
_ORDINALS = re.compile(r"\s*\^?\d{1,3}(?:[-–,，、;；\s^]+\d{1,3})*(?:\s*†.*)?\s*|\s*\?\s*")
_MADE_UP = re.compile(r"\s*[A-Za-z]{4}(?:[\s,，、;；/|&]+[A-Za-z]{4})*\s*")
_LIKE_A_KEY = re.compile(f"(?<![A-Za-z0-9])[{KEY_LETTERS}]{{{KEY_LENGTH}}}(?![A-Za-z0-9])")
_EMPHASES = [
    (re.compile(r"\*\*(?=[^\s*])([^*]{1,400}?)(?<=[^\s*])\*\*"), _STRONG, _STRONG_END),
    (re.compile(r"(?<!\w)__(?=[^\s_])([^_]{1,400}?)(?<=[^\s_])__(?!\w)"), _STRONG, _STRONG_END),
    (re.compile(r"(?<![A-Za-z0-9*])\*(?=[^\s*])([^*]{1,400}?)(?<=[^\s*])\*(?![A-Za-z0-9*])"), _EMPHASIS, _EMPHASIS_END),
    (re.compile(r"(?<!\w)_(?=[^\s_])([^_]{1,400}?)(?<=[^\s_])_(?!\w)"), _EMPHASIS, _EMPHASIS_END),
]
_HEADING = re.compile("\ue000[^\ue000-\uf8ff]*[^.!?。！？]\ue001")  # a line of nothing but bold words
# What may become a key, a tag or markup, at the end of a reply that is still being written.
_UNFINISHED = re.compile(
    rf"(?:!?\[[^\[\]\n]{{0,300}}\]\((?:[^()\n]|\([^()\n]{{0,200}}(?:\)|\Z)){{0,2000}}|\s*!?\\?{_OPENER}{_INSIDE}"
    r"|<[^<>\n]{0,40}|[\\*_`#]+)\Z"
)
_LAST_WORD = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{1,4}\Z")
# Addresses that a viewer of Markdown would make links of, and names that it would notify.
_ADDRESS = re.compile(r"(?i)\b(https?|ftp|file|mailto|data|javascript|vbscript)(?=:)|\b(www)(?=\.)|(?=@)")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a reply.

    text: as a reader sees it, without markers. keys: those that it cites, in order. quoted: what stands in quotation
    marks in it. leads: whether it is a heading or ends in a colon, and cites nothing. marked: text with signs for
    emphasis and citations in it. spaced: whether white space parts it from the sentence before.
    """

    text: str
    keys: tuple[str, ...]
    quoted: tuple[str, ...]
    leads: bool
    marked: str
    spaced: bool


@dataclass(frozen=True, slots=True)
class Block:
    """A line of a paragraph or an item of a list. prefix: "- ", "1. " or "". opens: whether a paragraph begins."""

    prefix: str
    sentences: tuple[Sentence, ...]
    opens: bool


@dataclass(frozen=True, slots=True)
class Draft:
    """A reply. keys: those that were given, in the order of the signs for them."""

    keys: tuple[str, ...]
    blocks: tuple[Block, ...]

    @property
    def sentences(self) -> list[Sentence]:
        """All sentences, in order."""
        return [sentence for block in self.blocks for sentence in block.sentences]

    @property
    def cited(self) -> list[str]:
        """The keys that are cited, in order of first use."""
        return list(dict.fromkeys(key for sentence in self.sentences for key in sentence.keys))

    def without_last(self) -> Draft:
        """Return the draft without its last sentence, which was cut short, if there are others."""
        *blocks, last = self.blocks
        if len(last.sentences) > 1:
            return replace(self, blocks=(*blocks, replace(last, sentences=last.sentences[:-1])))
        return replace(self, blocks=tuple(blocks)) if blocks else self

    def render(self, numbers: Mapping[str, int], doubted: Collection[int]) -> str:
        """Return Markdown. numbers: of the keys that are shown. doubted: of all sentences, counted from 0."""
        text = ""
        count = 0
        in_list = False
        for block in self.blocks:
            if text:
                text += "\n\n" if block.opens and not (in_list and block.prefix) else "\n"
            text += block.prefix
            for sentence in block.sentences:
                text += (" " if sentence.spaced else "") + self._rendered(sentence, numbers)
                text += f" {DOUBT}" if count in doubted else ""
                count += 1
            in_list = bool(block.prefix)
        return text

    def _rendered(self, sentence: Sentence, numbers: Mapping[str, int]) -> str:
        text, behind_marker, behind_opening = "", False, False
        for part in filter(None, re.split("([\ue000-\uf8ff])", sentence.marked)):
            if part in _MARKUP:
                text += _MARKUP[part]
            elif _CITATION.fullmatch(part):
                number = numbers.get(self.keys[ord(part) - _CITED])
                if number is not None:
                    text += f"[{number}]" if behind_marker or not text or behind_opening else f" [{number}]"
                    behind_marker = True
            else:
                # Behind [1] these would make a link, or the definition of one; and a word would stick to it.
                if behind_marker and part[0] in "(:":
                    text += "\\"
                elif behind_marker and part[0].isalnum() and not is_cjk(part[0]):
                    text += " "
                text += _escaped(part)
                behind_marker = False
            behind_opening = part in _OPENING
        return text


def _escaped(text: str) -> str:
    """Return text that Markdown shows as it is, without links where an address stands in it."""
    return _ADDRESS.sub(lambda match: f"{match[0]}\\", escape_markdown(text))


def read_draft(reply: str, keys: Sequence[str], hidden: str = "", finished: bool = True) -> Draft:
    """Read a reply. hidden: what is never shown, the word that only the prompt knows. finished: no more will come."""
    text = _END_OF_REPLY.split(_seen(reply), maxsplit=1)[0]
    if hidden:
        text = re.sub(rf"(?i)</?(?:source-)?{hidden}[^<>\n]*>?|{hidden}", " ", text)
    if not finished:
        text = _held_back(text, keys)
    blocks: list[Block] = []
    opens = True
    for line in text.split("\n"):
        line = line.strip()
        item = _ITEM.match(line)
        prefix = "" if item is None else "- " if item["bullet"] else f"{item['number']}. "
        signed = _signed(_LINE_MARKUP.sub("", line[item.end() :] if item else line, count=1), keys)
        if not line or _NO_TEXT.fullmatch(line) or not any(map(str.isalnum, signed)):
            _cite_behind(blocks, signed, keys)
            opens = True
            continue
        is_heading = line.startswith("#") or _HEADING.fullmatch(signed) is not None
        sentences = tuple(_sentences(signed, keys, is_heading))
        blocks.append(Block(prefix, sentences, opens or bool(prefix) or bool(blocks[-1].prefix)))
        opens = False
    return Draft(tuple(keys), tuple(blocks))


def _seen(text: str) -> str:
    """Return the text without characters that are not seen or that hide others; line ends are line feeds."""
    text = re.sub("\r\n?|[\u0085\u2028\u2029]", "\n", text).replace("\t", " ")
    return "".join(char for char in text if char in _NEEDED or char.isprintable() or unicodedata.category(char) == "Zs")


def _held_back(text: str, keys: Sequence[str]) -> str:
    """Return what can be shown of a reply that is being written: not the beginnings of keys, tags and markup."""
    text = _UNFINISHED.sub("", text)
    word = _LAST_WORD.search(text)
    if word and any(key.startswith(word[0].casefold()) for key in keys):
        text = text[: word.start()]
    return text


def _signed(line: str, keys: Sequence[str]) -> str:
    """Return a line with signs for its citations and emphasis and without other markup."""
    signs = {key: chr(_CITED + number) for number, key in enumerate(keys)}
    anywhere = f"(?:{'|'.join(map(re.escape, keys)) or '(?!)'})"
    bare = re.compile(f"(?i)(?<![A-Za-z0-9]){anywhere}(?![A-Za-z0-9])")

    def in_brackets(match: re.Match[str]) -> str:
        inside = match["inside"]
        found = "".join(signs[key.casefold()] for key in bare.findall(inside))
        if found and not _BESIDE_KEYS.sub("", bare.sub("", inside)):
            return found
        if match["open"] in "(（":
            return match[0]
        return "" if _ORDINALS.fullmatch(inside) or _MADE_UP.fullmatch(inside) else match[0]

    line = _LINK.sub(lambda match: f" {match['label']} ", _ESCAPED.sub(r"\1", line))
    line = _BRACKETS.sub(in_brackets, line)
    line = bare.sub(lambda match: signs[match[0].casefold()], line)
    line = re.sub(f"(?i){anywhere}|`|~~", "", _LIKE_A_KEY.sub("", line))
    line = re.sub(r"[(（]\s*[)）]", "", line)
    line = re.sub(r"[(（\[]\s*([\ue100-\uf8ff\s]+)[)）\]]", r"\1", line)
    for pattern, begin, end in _EMPHASES:
        line = pattern.sub(rf"{begin}\1{end}", line)
    line = re.sub("[\ue000\ue002]([\ue100-\uf8ff\\s]*)[\ue001\ue003]", r"\1", line)  # emphasis of a citation alone
    line = re.sub(r"\s+", " ", line).strip(" |")
    line = re.sub(r"\s+(?=[\ue100-\uf8ff])", "", line)
    return re.sub(r"([\ue100-\uf8ff])\1+", r"\1", line)


def _cite_behind(blocks: list[Block], signed: str, keys: Sequence[str]) -> None:
    """Give the citations of a line that holds nothing else to the sentence before it."""
    found = "".join(_CITATION.findall(signed))
    if found and blocks:
        *before, last = blocks[-1].sentences
        cited = tuple(dict.fromkeys((*last.keys, *_keys(found, keys))))
        last = replace(last, keys=cited, marked=last.marked + found)
        blocks[-1] = replace(blocks[-1], sentences=(*before, last))


def _keys(marked: str, keys: Sequence[str]) -> list[str]:
    return [keys[ord(sign) - _CITED] for sign in _CITATION.findall(marked)]


def _sentences(line: str, keys: Sequence[str], is_heading: bool) -> Iterator[Sentence]:
    """Yield the sentences of a line; citations belong to the one that they follow."""
    places = [place for place, char in enumerate(line) if not _SIGN.match(char)]
    clean = "".join(line[place] for place in places)
    ranges = split_sentences(clean)
    within_marks = quotations(clean)
    begins, spaced = 0, False
    for number, (start, end) in enumerate(ranges):
        ends, next_begins, next_spaced = len(line), len(line), False
        if number + 1 < len(ranges):
            between = range(places[end - 1] + 1, places[ranges[number + 1][0]])
            opening = next((place for place in between if line[place] in _OPENING), between.stop)
            ends = next_begins = opening
            next_spaced = any(line[place].isspace() for place in between)
        marked = line[begins:ends].strip()
        cited = tuple(dict.fromkeys(_keys(marked, keys)))
        quoted = (clean[max(start, first) : min(end, last)] for first, last in within_marks)
        text = clean[start:end]
        yield Sentence(
            text=text,
            keys=cited,
            quoted=tuple(part for part in quoted if part.strip()),
            leads=(is_heading or (number + 1 == len(ranges) and text.endswith((":", "：")))) and not cited,
            marked=marked,
            spaced=spaced,
        )
        begins, spaced = next_begins, next_spaced
