"""Answers as JSON, and back.

    text = to_json([answer])                # the plain object that `briefqa ask --json` prints
    text = to_json(conversation)            # {"format": "briefqa-conversation/1", "turns": [answer, …]}
    answers = from_json(text)

Fields follow the dataclasses. Read back, a missing one has its default, and an unknown one, of a later version, is
passed over.
"""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Sequence
from functools import cache
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from briefqa.answer import Answer
from briefqa.errors import SavedAnswerError
from briefqa.writing import escape_hidden

CONVERSATION = "briefqa-conversation/1"
_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false", type(None): "null"}


def to_json(answers: Sequence[Answer]) -> str:
    """Return one answer as an object, any other number of them as a conversation."""
    turns = [dataclasses.asdict(answer) for answer in answers]
    text = json.dumps(
        turns[0] if len(turns) == 1 else {"format": CONVERSATION, "turns": turns}, ensure_ascii=False, indent=2
    )
    # Half a character, which no file can hold, stays an escape; so does what a terminal would obey.
    return escape_hidden(text) + "\n"


def from_json(text: str) -> tuple[Answer, ...]:
    """Return the answers of what `to_json` wrote. Raises SavedAnswerError, which names the field that is wrong."""
    try:
        saved = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise SavedAnswerError("this is no saved answer: it is nested too deeply") from None
    except ValueError as error:
        raise SavedAnswerError(
            f"this is no JSON ({error}): save an answer with `briefqa ask QUESTION --json`"
        ) from None
    if not isinstance(saved, dict) or not ({"format", "question"} & saved.keys()):
        raise SavedAnswerError("this is no saved answer: save one with `briefqa ask QUESTION --json`")
    if "format" not in saved:
        return (_restored(Answer, saved, ""),)
    if saved["format"] != CONVERSATION:
        raise SavedAnswerError(f"format is {_shown(saved['format'])}: this version of briefqa reads {CONVERSATION!r}")
    if "turns" not in saved:
        raise SavedAnswerError("turns is missing")
    return cast("tuple[Answer, ...]", _restored(tuple[Answer, ...], saved["turns"], "turns"))


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _restored(kind: Any, value: Any, field: str) -> Any:
    """Return a JSON value as the type that a field is declared with. field: its path, "citations[0].quote"."""
    if dataclasses.is_dataclass(kind):
        return _dataclass(cast("type", kind), value, field)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is tuple:
        if not isinstance(value, list):
            raise _wrong(field, "a list", value)
        kinds = inner[:1] * len(value) if inner[-1:] == (Ellipsis,) else inner
        if len(kinds) != len(value):
            raise _wrong(field, f"a list of {len(kinds)}", value)
        return tuple(
            _restored(of, item, f"{field}[{i}]") for i, (of, item) in enumerate(zip(kinds, value, strict=True))
        )
    if origin in (Union, types.UnionType):
        return _one_of(inner, value, field)
    if origin is Literal:
        if value not in inner:
            raise _wrong(field, " or ".join(map(repr, inner)), value)
        return value
    if kind is float and type(value) is int and abs(value) < 2**53:
        return float(value)
    if type(value) is not kind:
        raise _wrong(field, _NAMES.get(kind, str(kind)), value)
    return value


def _dataclass(kind: type, value: Any, field: str) -> Any:
    if not isinstance(value, dict):
        raise _wrong(field, "an object", value)
    given = {}
    for each in dataclasses.fields(kind):
        path = f"{field}.{each.name}" if field else each.name
        if each.name in value:
            given[each.name] = _restored(_types(kind)[each.name], value[each.name], path)
        elif each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING:
            raise SavedAnswerError(f"{path} is missing")
    return kind(**given)


def _one_of(kinds: tuple[Any, ...], value: Any, field: str) -> Any:
    """Return the value as the first of the types that it fits; the error is that of the last."""
    for kind in kinds[:-1]:
        try:
            return _restored(kind, value, field)
        except SavedAnswerError:
            continue
    return _restored(kinds[-1], value, field)


@cache
def _types(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _wrong(field: str, wanted: str, value: Any) -> SavedAnswerError:
    return SavedAnswerError(f"{field} is {_shown(value)}, not {wanted}")


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
