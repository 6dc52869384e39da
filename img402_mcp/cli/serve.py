import os
import re
from types import SimpleNamespace as Flags

from img402_mcp.mcp_server import serve
from img402_mcp.mcp_server.settings import ServeFlags

_NOT_FILLED_IN = re.compile(r"\$\{user_config\.\w+\}")
"""What the host of an MCP bundle leaves in the place of a setting that its user did not fill in."""


def run(flags: Flags) -> int:
    words = {name: value for name, value in vars(flags).items() if name in ServeFlags._fields}
    words["allow_dirs"] = [name for name in (*flags.allow_dirs, *flags.folders) if not _NOT_FILLED_IN.fullmatch(name)]
    environ = {name: value for name, value in os.environ.items() if not _NOT_FILLED_IN.fullmatch(value)}
    return serve.serve(environ, ServeFlags(**words))
