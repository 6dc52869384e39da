import argparse
import os

from img402_mcp.mcp_server import serve
from img402_mcp.mcp_server.settings import ServeFlags

SUMMARY = "Serve MCP over stdio, Streamable HTTP or SSE."


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--transport", default="stdio", choices=["stdio", "streamable-http", "sse"])
    parser.add_argument("--host", default="127.0.0.1", help="the address to bind in the HTTP modes")
    parser.add_argument("--port", type=int, default=8402, help="0: any free one")
    parser.add_argument("--allowed-host", action="append", default=[], metavar="H", help="a Host header to accept")
    parser.add_argument("--allowed-origin", action="append", default=[], metavar="O", help="an Origin to accept")
    parser.add_argument("--token-file", metavar="FILE", help="holds the bearer token; or set IMG402_SERVE_TOKEN")
    add_allow_dir(parser)


def add_allow_dir(parser: argparse.ArgumentParser) -> None:
    help_text = "a folder whose images may be uploaded; repeatable"
    parser.add_argument("--allow-dir", action="append", default=[], metavar="DIR", help=help_text)


def run(flags: argparse.Namespace) -> int:
    words = ServeFlags(
        transport=flags.transport,
        host=flags.host,
        port=flags.port,
        allow_dirs=flags.allow_dir,
        allowed_hosts=flags.allowed_host,
        allowed_origins=flags.allowed_origin,
        token_file=flags.token_file,
    )
    return serve.serve(os.environ, words)
