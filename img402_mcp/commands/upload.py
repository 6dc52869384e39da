import argparse
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import anyio

from img402_mcp import config
from img402_mcp.commands.serve import add_allow_dir
from img402_mcp.errors import Img402Error
from img402_mcp.images.reading import Roots
from img402_mcp.upload import Corridor, Upload, open_corridor

SUMMARY = "Upload images and print their URLs, one a line."


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH")
    parser.add_argument("--paid", action="store_true", help="pay from the wallet, once for each file")
    add_allow_dir(parser)


def run(flags: argparse.Namespace) -> int:
    settings = config.settings(os.environ, allow_dirs=flags.allow_dir)
    roots = Roots.resolve(settings.allow_dirs)

    async def upload_each() -> list[bool]:
        async with AsyncExitStack() as stack:
            corridor = await stack.enter_async_context(open_corridor(settings, roots))
            upload = _paying(stack, corridor) if flags.paid else corridor.upload
            return [await _told(upload, path) for path in flags.paths]

    return 0 if all(anyio.run(upload_each)) else 1


async def _told(upload: Callable[[str], Awaitable[Upload]], path: str) -> bool:
    """One file that is refused hides none of the others."""
    try:
        print((await upload(path)).receipt.url, flush=True)
    except Img402Error as error:
        print(f"img402-mcp: {error}", file=sys.stderr)
        return False
    return True


def _paying(stack: AsyncExitStack, corridor: Corridor) -> Callable[[str], Awaitable[Upload]]:
    from img402_mcp.paid import open_paid  # noqa: PLC0415  # a free upload needs none of it

    return stack.enter_context(open_paid(corridor)).upload
