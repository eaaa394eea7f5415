"""The port of a server: opened before anything slow is done.

with listen("127.0.0.1", 0) as listener:
    f"http://{in_url('127.0.0.1')}:{listener.getsockname()[1]}/"     # where a browser here finds it
"""

from __future__ import annotations

import errno
import socket

from briefqa.errors import BriefqaError

# What stands for all addresses of this machine, and the one of them that is always there.
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}


def listen(host: str, port: int) -> socket.socket:
    """Open a port, 0 for any free one. Raises BriefqaError, in one line that says why it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason = (
                f"port {port} is already in use: stop what runs there, or choose another with --port (0: any free one)"
            )
        elif error.errno == errno.EACCES:
            reason = f"port {port} needs an administrator's rights: choose one above 1023 with --port"
        else:
            reason = f"{host} is no address of this machine ({error.strerror}): leave --host out, or use 127.0.0.1"
        raise BriefqaError(reason) from error
    # asyncio sends at once (TCP_NODELAY) where the socket says that it is TCP's, which create_server leaves out. Else
    # each answer waits for the reader's system to acknowledge its headers, which takes 40 ms.
    return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, fileno=listener.detach())


def in_url(host: str) -> str:
    """Return a host as it stands in a URL that is opened on this machine."""
    return ANY_ADDRESS.get(host, f"[{host}]" if ":" in host else host)
