"""What the start-up is compared with: the SDK's server with one tool and the same trick, and nothing of ours."""

import gc

gc.disable()

import signal  # noqa: E402  # after the line above, as in the product
import sys  # noqa: E402

from mcp.server.mcpserver import MCPServer  # noqa: E402

server = MCPServer("bare", log_level="WARNING")


@server.tool()
def upload(path: str) -> str:
    """Stand for a tool."""
    return path


gc.freeze()
gc.enable()
sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # it is a text stream
signal.signal(signal.SIGINT, signal.SIG_DFL)
server.run("stdio")
