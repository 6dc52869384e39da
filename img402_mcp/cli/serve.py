import os
from types import SimpleNamespace as Flags

from img402_mcp.mcp_server import serve
from img402_mcp.mcp_server.settings import ServeFlags


def run(flags: Flags) -> int:
    words = {name: value for name, value in vars(flags).items() if name in ServeFlags._fields}
    return serve.serve(os.environ, ServeFlags(**words))
