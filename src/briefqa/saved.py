"""Saved answers: what `briefqa ask --json` printed, a list of its citations, or a conversation that was exported.

    for answer in read_saved(Path("answer.json")):
        answer.text, answer.citations[0].quote, answer.retrieved

The file may be anyone's: whatever is not as expected raises SavedAnswerError, which names the field and the cure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from briefqa.answer import Answer
from briefqa.checking import Place, one_line, retrieved
from briefqa.citations import Citation
from briefqa.errors import SavedAnswerError

# An answer is some 30 KB, most of it hits; the longest conversation a few MB.
_MOST_BYTES = 20_000_000
# A citation that fails is looked for in every article.
_MOST_CITATIONS = 10_000
_CURE = "save an answer with `briefqa ask QUESTION --json > answer.json`"
# Of the fields of a citation, what JSON has for them.
_KINDS = {"int": "a whole number", "str": "a string", "tuple[str, ...]": "a list of strings"}


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


def read_saved(source: Path | BinaryIO) -> list[SavedAnswer]:
    """Read a file, or what is open for reading as one. Raises SavedAnswerError."""
    name = str(source) if isinstance(source, Path) else "standard input"
    try:
        if isinstance(source, Path):
            with source.open("rb") as file:
                data = file.read(_MOST_BYTES + 1)
        else:
            data = source.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise SavedAnswerError(f"no saved answer at {name}: {_CURE}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SavedAnswerError(f"{one_line(name)} cannot be read ({reason}): {_CURE}") from error
    return parse_saved(data, name)


def parse_saved(data: bytes, name: str) -> list[SavedAnswer]:
    """Read saved answers out of JSON. name: of the file, for messages. Raises SavedAnswerError."""
    if len(data) > _MOST_BYTES:
        raise SavedAnswerError(f"{name} is larger than {_MOST_BYTES // 1_000_000} MB: no answer is; {_CURE}")
    try:
        value = json.loads(data, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise SavedAnswerError(f"{name}:{error.lineno}: not JSON ({error.msg}): {_CURE}") from None
    except RecursionError:
        raise SavedAnswerError(f"{name}: nested too deep to be an answer: {_CURE}") from None
    except ValueError as error:
        raise SavedAnswerError(f"{name}: not JSON ({one_line(str(error))}): {_CURE}") from None
    answers = list(_Reader(name).answers(value))
    if sum(len(answer.citations) for answer in answers) > _MOST_CITATIONS:
        raise SavedAnswerError(f"{name} has more than {_MOST_CITATIONS:,} citations: split it")
    return answers


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


class _Reader:
    """Reads what JSON gave, and knows the file's name for its complaints."""

    def __init__(self, name: str) -> None:
        self._name = name

    def answers(self, value: Any) -> Iterator[SavedAnswer]:
        """Yield the answers of a file, whichever of its shapes it has."""
        if isinstance(value, dict) and "turns" in value:
            where, value = "turns", value["turns"]
        elif isinstance(value, dict):
            yield self._answer(value, "")
            return
        else:
            where = ""
        if not isinstance(value, list):
            self._fail(where, "no answer and no list of answers or citations")
        if not value:
            self._fail(where, "an empty list")
        if not where and any(isinstance(item, dict) and "quote" in item for item in value):
            yield SavedAnswer("", None, True, self._citations(value, ""), None)
            return
        for number, item in enumerate(value):
            place = f"{where}[{number}]"
            if isinstance(item, dict) and isinstance(item.get("answer"), dict):
                place, item = f"{place}.answer", item["answer"]
            yield self._answer(item, place)

    def _answer(self, value: Any, where: str) -> SavedAnswer:
        if not isinstance(value, dict) or "citations" not in value:
            self._fail(where, "no answer: it has no citations")
        path = f"{where}." if where else ""
        answered = value.get("answered", True)
        if not isinstance(answered, bool):
            self._fail(f"{path}answered", "neither true nor false")
        return SavedAnswer(
            question=self._string(value.get("question", ""), f"{path}question"),
            text=self._string(value["text"], f"{path}text") if "text" in value else None,
            answered=answered,
            citations=self._citations(value["citations"], f"{path}citations"),
            retrieved=self._retrieved(value.get("hits"), f"{path}hits"),
        )

    def _citations(self, value: Any, where: str) -> tuple[Citation, ...]:
        return tuple(self._citation(item, f"{where}[{i}]") for i, item in enumerate(self._list(value, where)))

    def _citation(self, value: Any, where: str) -> Citation:
        if not isinstance(value, dict):
            self._fail(where, "no citation")
        given: dict[str, Any] = {}
        for field in fields(Citation):
            path, item = f"{where}.{field.name}", value.get(field.name, field.default)
            if item is MISSING:
                self._fail(path, f"missing, it must be {_KINDS[str(field.type)]}")
            if field.type == "int":
                given[field.name] = self._whole(item, path)
            elif field.type == "str":
                given[field.name] = self._string(item, path)
            else:
                given[field.name] = tuple(
                    self._string(part, f"{path}[{i}]") for i, part in enumerate(self._list(item, path))
                )
        return Citation(**given)

    def _retrieved(self, value: Any, where: str) -> tuple[Place, ...] | None:
        """Return where the hits stand; None if there are none, or they are saved without their spans."""
        places = []
        for number, hit in enumerate(self._list(value or [], where)):
            path = f"{where}[{number}]"
            if not isinstance(hit, dict):
                self._fail(path, "no hit")
            spans = self._list(hit.get("spans", []), f"{path}.spans")
            offsets = [
                tuple(
                    self._whole(span.get(name) if isinstance(span, dict) else None, f"{path}.spans[{i}].{name}")
                    for name in ("start", "end")
                )
                for i, span in enumerate(spans)
            ]
            article, anchor = (self._string(hit.get(name), f"{path}.{name}") for name in ("article", "anchor"))
            if offsets:
                start, end = min(start for start, _ in offsets), max(end for _, end in offsets)
                places.append(Place(article, anchor, start, end))
        return tuple(places) or None

    def _list(self, value: Any, where: str) -> list[Any]:
        if not isinstance(value, list):
            self._fail(where, "no list")
        return value

    def _string(self, value: Any, where: str) -> str:
        if not isinstance(value, str):
            self._fail(where, "no string")
        try:
            value.encode()
        except UnicodeEncodeError:
            self._fail(where, "half a surrogate pair, which no text is")
        return value

    def _whole(self, value: Any, where: str) -> int:
        if type(value) is not int:
            self._fail(where, "no whole number")
        return value

    def _fail(self, where: str, what: str) -> NoReturn:
        raise SavedAnswerError(f"{self._name}: {where or 'it'} is {what}: {_CURE}")
