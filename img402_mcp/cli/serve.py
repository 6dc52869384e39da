import os
import re
from types import SimpleNamespace as Flags

from img402_mcp.mcp_server import serve
from img402_mcp.mcp_server.settings import ServeFlags

_NOT_FILLED_IN = re.compile(r"\$\{user_config\.\w+\}")
"""What the host of an MCP bundle leaves in the place of a setting that its user did not fill in. Some leave nothing."""


def run(flags: Flags) -> int:
    words = {name: value for name, value in vars(flags).items() if name in ServeFlags._fields}
    folders = (name for name in flags.folders if name.strip() and not _NOT_FILLED_IN.fullmatch(name))
    words["allow_dirs"] = [*flags.allow_dirs, *folders]
    environ = {name: value for name, value in os.environ.items() if not _NOT_FILLED_IN.fullmatch(value)}
    return serve.serve(environ, ServeFlags(**words))
