"""What a browser sends with an event, sense and nonsense, as the page's handlers get it."""

from __future__ import annotations

import json
import warnings
from typing import Any

from briefqa.ui.access import Visitor

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # starlette's and gradio's own
    import gradio as gr
    from starlette.requests import Request

# What JSON can say and no page of ours does.
NONSENSE: list[Any] = [
    *(None, True, 0, -1, 1.5, float("nan"), 2**70),
    *("", " ", "\x00", "\ud800", "\u202e", "nobody's", "x" * 65, "政" * 100_000, "'; DROP TABLE turn; --", "%", "../x"),
    *([], [[]], ["a", None], {}, {"a": {"b": []}}, {"__class__": "x"}),
    json.loads("[" * 200 + "]" * 200),
]
SCOPES: list[Any] = [
    *NONSENSE,
    {"since": 5},
    {"since": "2025-13-45"},
    {"since": "\ud800"},
    {"since": "' OR 1=1"},
    {"tags": "x"},
    {"tags": [None]},
    {"tags": ["\ud83d"]},
    {"tags": [{}]},
    {"tags": ["x"] * 10_000},
    {"category": "x" * 1_000_000},
    {"category": ["x"]},
    {"articles": ["\ud800"]},
    {"articles": ["../../etc/passwd", "\x00"]},
    {"without": ["policy"] * 1000},
    {"without": 1},
    {"until": "2025-12-15", "unknown": {"a": 1}},
]


def request(owner: str = "bob", query: str = "", cookie: str = "", language: str = "en", **who: Any) -> gr.Request:
    headers = [(b"accept-language", language.encode()), (b"cookie", cookie.encode())]
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": query.encode(), "headers": headers}
    return gr.Request(Request({**scope, "briefqa.visitor": Visitor(owner, **who)}))


def event(**data: Any) -> gr.EventData:
    return gr.EventData(None, data)
