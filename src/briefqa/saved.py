"""Answers as JSON, and back.

    text = to_json([answer])                # the plain object that `briefqa ask --json` prints
    text = to_json(conversation)            # {"format": "briefqa-conversation/1", "turns": [answer, …]}
    answers = from_json(text)
    answers = read_answers(Path("answer.json"))
    for answer in read_saved(Path("answer.json")):      # as far as it can be checked; more may be left out of the file
        answer.text, answer.citations[0].quote, answer.retrieved

A file may be anyone's: whatever is not as expected raises SavedAnswerError, which names the field and the cure.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, cast

from briefqa.answer import Answer
from briefqa.checking import Place, printable, retrieved
from briefqa.citations import Citation
from briefqa.errors import SavedAnswerError
from briefqa.ranking import Hit
from briefqa.restoring import restore, shown
from briefqa.writing import escape_hidden

CONVERSATION = "briefqa-conversation/1"
# An answer is some 30 KB, most of it hits; the longest conversation a few MB.
_MOST_BYTES = 20_000_000
# A citation that fails is looked for in every article.
_MOST_CITATIONS = 10_000
_CURE = "save an answer with `briefqa ask QUESTION --json > answer.json`"


@dataclass(frozen=True, slots=True)
class SavedAnswer:
    """An answer as far as it can be checked.

    text: None where only citations were saved. answered: whether it is no refusal. retrieved: where the chunks of the
    hits stand; None where no hits were saved.
    """

    question: str
    text: str | None
    answered: bool
    citations: tuple[Citation, ...]
    retrieved: tuple[Place, ...] | None

    @classmethod
    def of(cls, answer: Answer) -> SavedAnswer:
        """Return the answer as it would be read from its file."""
        places = retrieved(answer.hits) if answer.hits else None
        return cls(answer.question, answer.text, answer.answered, answer.citations, places)


@dataclass(frozen=True, slots=True)
class _Span:
    """What is needed of a span to tell where it stands."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Hit:
    """What is needed of a hit to tell where it stands; hits may be saved without their spans."""

    article: str
    anchor: str
    spans: tuple[_Span, ...] = ()


@dataclass(frozen=True, slots=True)
class _Checkable:
    """What is needed of an answer to check it."""

    citations: tuple[Citation, ...]
    question: str = ""
    text: str | None = None
    answered: bool = True
    hits: tuple[_Hit, ...] | None = None


def to_json(answers: Sequence[Answer]) -> str:
    """Return one answer as an object, any other number of them as a conversation."""
    turns = [dataclasses.asdict(answer) for answer in answers]
    text = json.dumps(
        turns[0] if len(turns) == 1 else {"format": CONVERSATION, "turns": turns}, ensure_ascii=False, indent=2
    )
    # Half a character, which no file can hold, stays an escape; so does what a terminal would obey.
    return escape_hidden(text) + "\n"


def from_json(text: str | bytes, name: str = "saved answer") -> tuple[Answer, ...]:
    """Return the answers of what `to_json` wrote. name: of the file, for messages. Raises SavedAnswerError."""
    value = _load(text, name)
    with _naming(name):
        return tuple(restore(Answer, item, where) for where, item in _turns(value))


def read_answers(source: Path | BinaryIO) -> tuple[Answer, ...]:
    """Read a file, or what is open for reading as one. Raises SavedAnswerError."""
    return from_json(*_read(source))


def read_saved(source: Path | BinaryIO) -> list[SavedAnswer]:
    """Read as much of a file's answers as can be checked, or of a list of citations. Raises SavedAnswerError."""
    return parse_saved(*_read(source))


def parse_saved(data: bytes, name: str) -> list[SavedAnswer]:
    """Read saved answers out of JSON. name: of the file, for messages. Raises SavedAnswerError."""
    value = _load(data, name)
    with _naming(name):
        if isinstance(value, list) and any(isinstance(item, dict) and "quote" in item for item in value):
            answers = [SavedAnswer("", None, True, restore(tuple[Citation, ...], value, halves=False), None)]
        else:
            answers = [_checkable(restore(_Checkable, item, where, halves=False)) for where, item in _turns(value)]
        if not answers:
            raise SavedAnswerError("turns is an empty list")
    if sum(len(answer.citations) for answer in answers) > _MOST_CITATIONS:
        raise SavedAnswerError(f"{name} has more than {_MOST_CITATIONS:,} citations: split it")
    return answers


def _read(source: Path | BinaryIO) -> tuple[bytes, str]:
    """Return what a file holds, one byte more than is allowed at most, and what it is called."""
    name = str(source) if isinstance(source, Path) else "standard input"
    try:
        if not isinstance(source, Path):
            return source.read(_MOST_BYTES + 1), name
        with source.open("rb") as file:
            return file.read(_MOST_BYTES + 1), name
    except FileNotFoundError:
        raise SavedAnswerError(f"no saved answer at {name}: {_CURE}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SavedAnswerError(f"{printable(name)} cannot be read ({reason}): {_CURE}") from error


def _load(data: str | bytes, name: str) -> Any:
    """Return what JSON says, in any encoding that shells write."""
    if len(data) > _MOST_BYTES:
        raise SavedAnswerError(f"{name} is larger than {_MOST_BYTES // 1_000_000} MB: no answer is; {_CURE}")
    try:
        return json.loads(data, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise SavedAnswerError(f"{name}:{error.lineno}: not JSON ({error.msg}): {_CURE}") from None
    except RecursionError:
        raise SavedAnswerError(f"{name}: nested too deep to be an answer: {_CURE}") from None
    except ValueError as error:
        raise SavedAnswerError(f"{name}: not JSON ({printable(str(error))}): {_CURE}") from None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _turns(value: Any) -> list[tuple[str, Any]]:
    """Return the answers of a file, each with its path, whichever of its shapes the file has."""
    where = ""
    if isinstance(value, dict):
        if not value.keys() & {"format", "turns"}:
            return [("", value)]
        if value.get("format", CONVERSATION) != CONVERSATION:
            raise SavedAnswerError(f"format is {shown(value['format'])}, this version of briefqa reads {CONVERSATION}")
        if "turns" not in value:
            raise SavedAnswerError("turns is missing")
        where, value = "turns", restore(list, value["turns"], "turns")
    elif not isinstance(value, list):
        raise SavedAnswerError("it is no answer and no list of answers or citations")
    elif not value:
        raise SavedAnswerError("it is an empty list")
    wrapped = [isinstance(item, dict) and isinstance(item.get("answer"), dict) for item in value]
    return [
        (f"{where}[{number}].answer", item["answer"]) if inside else (f"{where}[{number}]", item)
        for number, (item, inside) in enumerate(zip(value, wrapped, strict=True))
    ]


def _checkable(saved: _Checkable) -> SavedAnswer:
    places = retrieved(cast("Sequence[Hit]", saved.hits or ())) or None  # they have what that looks at
    return SavedAnswer(saved.question, saved.text, saved.answered, saved.citations, places)


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Put the file's name and the cure around what is wrong with a field."""
    try:
        yield
    except SavedAnswerError as error:
        raise SavedAnswerError(f"{name}: {error}: {_CURE}") from None
