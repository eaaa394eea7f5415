"""A language model's server that does what a test tells it: a reply in pieces, an error, silence, or nonsense."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Act = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """A request that was received. body: its JSON."""

    protocol_version = "HTTP/1.1"
    body: dict[str, Any]

    def do_POST(self) -> None:
        self.body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        assert isinstance(server, Server)
        server.requests.append(self)
        self.close_connection = True
        # The last act is repeated.
        server.acts[min(len(server.requests), len(server.acts)) - 1](self)

    def log_message(self, *_: object) -> None:
        pass

    @property
    def prompt(self) -> str:
        return "\n".join(message["content"] for message in self.body["messages"])

    def wait(self, seconds: float) -> None:
        """Say nothing for so long, or until the test ends."""
        assert isinstance(self.server, Server)
        self.server.ended.wait(seconds)

    def head(self, status: int = 200, kind: str = "text/event-stream", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Connection", "close")
        self.end_headers()

    def write(self, data: str | bytes) -> None:
        self.wfile.write(data.encode() if isinstance(data, str) else data)
        self.wfile.flush()

    def event(self, text: str | None, finish: str | None = None) -> None:
        choice = {"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": finish}
        self.write(f"data: {json.dumps({'id': '1', 'object': 'chat.completion.chunk', 'choices': [choice]})}\n\n")


class Server(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, *acts: Act) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.acts = acts
        self.requests: list[Request] = []
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, *_: object) -> None:
        pass  # the client hung up, as it should


@contextmanager
def serving(*acts: Act) -> Iterator[Server]:
    """Serve on loopback; each request gets the next act, the last one again and again."""
    server = Server(*acts)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


def says(text: str | Callable[[Request], str], size: int = 7) -> Act:
    """Reply with a text, in pieces of so many characters."""

    def act(request: Request) -> None:
        reply = text if isinstance(text, str) else text(request)
        request.head()
        for start in range(0, len(reply), size):
            request.event(reply[start : start + size])
        request.event(None, "stop")
        request.write("data: [DONE]\n\n")

    return act


def fails(status: int, message: str = "it failed", code: str = "", **headers: str) -> Act:
    """Reply with an error in OpenAI's form."""

    def act(request: Request) -> None:
        request.head(status, "application/json", **headers)
        request.write(json.dumps({"error": {"message": message, "type": "error", "code": code}}))

    return act


def sends(*parts: str | bytes, kind: str = "text/event-stream") -> Act:
    """Reply with these bytes, and hang up."""

    def act(request: Request) -> None:
        request.head(200, kind)
        for part in parts:
            request.write(part)

    return act
