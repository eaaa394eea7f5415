"""Values of JSON as the dataclasses that they were made of, by the types of the fields.

    restore(Citation, {"number": 1, "article": "policy", …})       # Citation(number=1, …)
    restore(tuple[Citation, ...], value, "citations")              # "citations[0].number is "1", not a whole number"

A missing field has its default, and an unknown one, of a later version, is passed over. What is wrong raises
SavedAnswerError, one line that names the field by its path.
"""

from __future__ import annotations

import dataclasses
import json
import types
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from briefqa.errors import SavedAnswerError

T = TypeVar("T")

_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false", tuple: "a list", list: "a list"}
_LONGEST_VALUE = 40  # characters of a value that is shown in a message


def restore(kind: type[T], value: Any, field: str = "", halves: bool = True) -> T:
    """Return a JSON value as a type: a dataclass, a tuple, a union with None, a literal, or a plain type.

    field: the path of the value, "citations[0]". halves: whether text may hold half a surrogate pair, which Python
    takes and neither a file nor a database does.
    """
    return cast("T", _Restorer(halves).restore(kind, value, field))


class _Restorer:
    def __init__(self, halves: bool) -> None:
        self._halves = halves

    def restore(self, kind: Any, value: Any, field: str) -> Any:
        origin, inner = get_origin(kind), get_args(kind)
        if dataclasses.is_dataclass(kind):
            return self._dataclass(cast("type", kind), value, field)
        if origin is tuple:
            return self._tuple(inner, value, field)
        if origin in (Union, types.UnionType):
            return self._union(inner, value, field)
        if origin is Literal:
            if value not in inner:
                raise _wrong(field, " or ".join(map(repr, inner)), value)
            return value
        if kind is float and type(value) is int and abs(value) < 2**53:
            return float(value)
        if type(value) is not kind:
            raise _wrong(field, _name(kind), value)
        if kind is str and not self._halves and any("\ud800" <= char <= "\udfff" for char in value):
            raise SavedAnswerError(f"{field} is half a surrogate pair, which no text is")
        return value

    def _dataclass(self, kind: type, value: Any, field: str) -> Any:
        if not isinstance(value, dict):
            raise _wrong(field, _name(kind), value)
        given = {}
        for each in dataclasses.fields(kind):
            path, of = f"{field}.{each.name}" if field else each.name, field_types(kind)[each.name]
            if each.name in value:
                given[each.name] = self.restore(of, value[each.name], path)
            elif each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING:
                raise SavedAnswerError(f"{path} is missing, it must be {_name(of)}")
        return kind(**given)

    def _tuple(self, inner: tuple[Any, ...], value: Any, field: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise _wrong(field, "a list", value)
        kinds = inner[:1] * len(value) if inner[-1:] == (Ellipsis,) else inner
        if len(kinds) != len(value):
            raise _wrong(field, f"a list of {len(kinds)}", value)
        return tuple(
            self.restore(of, item, f"{field}[{i}]") for i, (of, item) in enumerate(zip(kinds, value, strict=True))
        )

    def _union(self, inner: tuple[Any, ...], value: Any, field: str) -> Any:
        """Return the value as the first of the types that it fits; the error is that of the last."""
        if value is None and types.NoneType in inner:
            return None
        *first, last = (kind for kind in inner if kind is not types.NoneType)
        for kind in first:
            try:
                return self.restore(kind, value, field)
            except SavedAnswerError:
                continue
        return self.restore(last, value, field)


def shown(value: Any) -> str:
    """Return a value for a message, the beginning of one that is long or deep."""
    text = ""
    for piece in json.JSONEncoder().iterencode(value):
        text += piece
        if len(text) > _LONGEST_VALUE:
            return f"{text[:_LONGEST_VALUE]}…"
    return text


@cache
def field_types(kind: type) -> dict[str, Any]:
    """Return the type of each field of a dataclass."""
    return get_type_hints(kind)


def _name(kind: Any) -> str:
    return "an object" if dataclasses.is_dataclass(kind) else _NAMES.get(get_origin(kind) or kind, str(kind))


def _wrong(field: str, wanted: str, value: Any) -> SavedAnswerError:
    return SavedAnswerError(f"{field or 'it'} is {shown(value)}, not {wanted}")
