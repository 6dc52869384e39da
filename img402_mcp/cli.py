"""The commands. Without one, `img402-mcp` serves MCP over stdio, which is what an agent's configuration starts."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial

from img402_mcp import __version__, config
from img402_mcp.errors import SettingsError
from img402_mcp.serve import address_of, imports_are_done, listen, run_app, serve

_EVERY_ADDRESS = ("", "0.0.0.0", "::")  # noqa: S104  # to recognise it


Command = Callable[[argparse.Namespace], int]


def parsed(arguments: Sequence[str]) -> Callable[[], int]:
    """The command that the arguments ask for, ready to run."""
    flags = _parser().parse_args(arguments)
    command: Command = flags.command
    return partial(command, flags)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="img402-mcp", description="A local image becomes a public URL. Without a command: serve MCP over stdio."
    )
    parser.add_argument("--version", action="version", version=f"img402-mcp {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, command, summary, add_flags in COMMANDS:
        subparser = commands.add_parser(name, help=summary, description=summary)
        add_flags(subparser)
        subparser.set_defaults(command=command)
    return parser


def _add_serve_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--transport", default="stdio", choices=["stdio", "streamable-http", "sse"])
    parser.add_argument("--host", default="127.0.0.1", help="the address to bind in the HTTP modes")
    parser.add_argument("--port", type=int, default=8402, help="0: any free one")
    parser.add_argument("--allowed-host", action="append", default=[], metavar="H", help="a Host header to accept")
    parser.add_argument("--allowed-origin", action="append", default=[], metavar="O", help="an Origin to accept")
    parser.add_argument("--token-file", metavar="FILE", help="holds the bearer token; or set IMG402_SERVE_TOKEN")
    _add_allow_dir(parser)


def _add_allow_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--allow-dir",
        action="append",
        default=[],
        metavar="DIR",
        help="a folder whose images may be uploaded; repeatable",
    )


def _serve(flags: argparse.Namespace) -> int:
    words = config.ServeFlags(
        transport=flags.transport,
        host=flags.host,
        port=flags.port,
        allow_dirs=flags.allow_dir,
        allowed_hosts=flags.allowed_host,
        allowed_origins=flags.allowed_origin,
        token_file=flags.token_file,
    )
    return serve(os.environ, words)


def _add_host_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="the address to bind")
    parser.add_argument("--port", type=int, default=4020, help="0: any free one")
    parser.add_argument("--data", metavar="DIR", help="the folder for images and their index")
    parser.add_argument("--public-url", metavar="URL", help="the address in the answers; default: the bound one")


def _host(flags: argparse.Namespace) -> int:
    try:
        from img402_mcp.host.app import create_app  # noqa: PLC0415  # an extra
        from img402_mcp.host.settings import host_settings  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise SettingsError(f"The host needs {error.name}: pip install 'img402-mcp[host]'.") from error
    listener = listen(flags.host, flags.port)
    # Nobody can open http://0.0.0.0: where every address is bound, the public one must be named.
    bound = None if flags.host in _EVERY_ADDRESS else address_of(listener)
    settings = host_settings(os.environ, data=flags.data, public_url=flags.public_url, default_public_url=bound)
    logging.getLogger("img402_mcp.host").setLevel(logging.INFO)
    print(
        f"img402-mcp: the img402 API is at {address_of(listener)}, images in {settings.data}",
        file=sys.stderr,
        flush=True,
    )
    imports_are_done()
    return run_app(create_app(settings), listener)


def _add_upload_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH")
    _add_allow_dir(parser)


def _upload(flags: argparse.Namespace) -> int:
    import anyio  # noqa: PLC0415  # for this command alone

    from img402_mcp.images.reading import Roots  # noqa: PLC0415
    from img402_mcp.upload import open_corridor  # noqa: PLC0415

    settings = config.settings(os.environ, allow_dirs=flags.allow_dir)
    roots = Roots.resolve(settings.allow_dirs)

    async def upload_each() -> None:
        async with open_corridor(settings, roots) as corridor:
            for path in flags.paths:
                print((await corridor.upload(path)).receipt.url, flush=True)

    anyio.run(upload_each)
    return 0


def _demo(_: argparse.Namespace) -> int:
    from img402_mcp.demo import main  # noqa: PLC0415  # for this command alone

    return main()


COMMANDS: tuple[
    tuple[str, Callable[[argparse.Namespace], int], str, Callable[[argparse.ArgumentParser], None]], ...
] = (
    ("serve", _serve, "Serve MCP over stdio, Streamable HTTP or SSE.", _add_serve_flags),
    ("upload", _upload, "Upload images and print their URLs, one a line.", _add_upload_flags),
    ("host", _host, "Host the img402 API on this machine.", _add_host_flags),
    ("demo", _demo, "Show the whole way of an image on this machine, without any account or network.", lambda _: None),
)
