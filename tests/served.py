"""What tests of the served chat share: the app over an index, and events as a page raises them."""

from __future__ import annotations

import asyncio
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from conftest import POLICY, VENDORS, BigramEncoder

import briefqa
from briefqa.api import BriefQA

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # starlette's and gradio's own
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from briefqa.ui import create_app

# The event that asks what stands in the composer.
ASK = ("submit", "click")


@contextmanager
def open_app(index: Path, encoder: BigramEncoder, **options: Any) -> Iterator[FastAPI]:
    """Open the app over an index; what gradio and starlette warn of is theirs."""

    async def build(qa: BriefQA) -> FastAPI:
        return create_app(qa, **options)

    with warnings.catch_warnings(), BriefQA(index, encoder) as qa:
        warnings.simplefilter("ignore")
        yield asyncio.run(build(qa))  # without a running loop gradio makes several, and never closes them


@contextmanager
def open_client(index: Path, encoder: BigramEncoder, **options: Any) -> Iterator[TestClient]:
    """Serve an index to a client."""
    with open_app(index, encoder, **options) as app, TestClient(app) as client:
        yield client


@contextmanager
def open_small(folder: Path) -> Iterator[TestClient]:
    """Serve two small briefs, one of them in a subfolder, to a client."""
    (folder / "corpus" / "industry").mkdir(parents=True)
    (folder / "corpus" / "policy.md").write_text(POLICY, encoding="utf-8")
    (folder / "corpus" / "industry" / "vendors.md").write_text(VENDORS, encoding="utf-8")
    briefqa.build(folder / "corpus", folder / "index", encoder=BigramEncoder())
    with open_client(folder / "index", BigramEncoder()) as client:
        yield client


def raise_event(
    client: TestClient, kinds: tuple[str, ...], data: list[object], said: object = None, below: str = "", nth: int = 0
) -> str:
    """Raise an event as the page does, and return all that it was told.

    kinds: of the event's targets, in order; nth: which of the events of these kinds. said: its own data.
    """
    events = client.get(f"{below}/config").json()["dependencies"]
    found = [event["id"] for event in events if tuple(kind for _, kind in event["targets"]) == kinds]
    join = {"fn_index": found[nth], "data": data, "event_data": said, "session_hash": "s"}
    assert client.post(f"{below}/gradio_api/queue/join", json=join).status_code == 200
    with client.stream("GET", f"{below}/gradio_api/queue/data?session_hash=s") as told:
        return "".join(told.iter_text())


def addresses(html: str) -> set[str]:
    """Return the addresses that a page names, but for the name of SVG itself, which nobody goes to."""
    return set(re.findall(r"https?://[^\"'\\ )]+", html)) - {"http://www.w3.org/2000/svg"}


def ask(client: TestClient, question: str = "Rubin芯片仍在禁止清单上吗？", below: str = "") -> str:
    """Ask through the page's own events, in a new conversation."""
    return raise_event(client, ASK, [question, 0, "", {}], below=below)
