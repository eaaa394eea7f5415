"""The port of a server: what it says when it cannot be had, and that nothing waits to be sent."""

from __future__ import annotations

import asyncio
import socket

import pytest

from briefqa.errors import BriefqaError
from briefqa.listening import in_url, listen


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_servers_send_at_once_over_its_connections(host: str) -> None:
    sent_at_once: list[bool] = []

    async def serve() -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            found = writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            sent_at_once.append(bool(found))
            writer.close()

        with listen(host, 0) as listener:
            async with await asyncio.start_server(answer, sock=listener):
                reader, writer = await asyncio.open_connection(host, listener.getsockname()[1])
                assert await reader.read() == b""
                writer.close()

    try:
        asyncio.run(serve())
    except BriefqaError as error:  # a machine without IPv6
        assert host == "::1"
        pytest.skip(str(error))
    assert sent_at_once == [True]


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("", "127.0.0.1"), ("0.0.0.0", "127.0.0.1")])
def test_an_address_is_one_that_a_browser_here_can_open(host: str, shown: str) -> None:
    with listen(host, 0) as listener:
        port = listener.getsockname()[1]
        assert in_url(host) == shown
        socket.create_connection((shown, port), timeout=5).close()
    assert in_url("::1") == in_url("::") == "[::1]"


def test_a_port_that_cannot_be_had_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BriefqaError, match=rf"^port {port} is already in use: .* --port"):
            listen("127.0.0.1", port)
    with pytest.raises(BriefqaError, match=r"^203\.0\.113\.7 is no address of this machine \(.*\): leave --host out"):
        listen("203.0.113.7", 0)

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket, "create_server", refuse)
    with pytest.raises(BriefqaError, match="^port 80 needs an administrator's rights: .* --port"):
        listen("127.0.0.1", 80)
