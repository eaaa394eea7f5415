"""The briefs for agents: a server of the Model Context Protocol with the tools ask, retrieve and read_section.

briefqa.mcp.serve("index")                                 # over standard input and output, as agents start it
briefqa.mcp.serve("index", port=8000, announce=print)      # streamable HTTP at http://127.0.0.1:8000/mcp

    results   what the tools return: JSON for programs, text for models
    tools     what the tools do
    serving   the connection

It needs the extra `mcp`; without it the import raises BriefqaError. Inside this package too, `mcp` is the SDK.
"""

from briefqa.errors import BriefqaError

try:
    import mcp.server.mcpserver  # noqa: F401
except ImportError:
    raise BriefqaError("mcp, version 2 or newer, is not installed: pip install 'briefqa[mcp]'") from None

from briefqa.mcp.serving import serve
from briefqa.mcp.tools import make_server

__all__ = ["make_server", "serve"]
