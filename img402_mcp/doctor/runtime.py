"""What runs here: Python, its packages, the worker that fits images, and the server as an agent starts it."""

import platform
import struct
import sys
import tempfile
import zlib
from importlib.metadata import PackageNotFoundError, version
from typing import TextIO

from img402_mcp import __version__
from img402_mcp.client.fit.messages import reason_and_way_out
from img402_mcp.client.fit.subprocess import CannotFit, fitted
from img402_mcp.doctor.finding import CheckContext, Findings, fail, ok
from img402_mcp.formats import examine
from img402_mcp.formats.png import made_chunk

PACKAGES = ("mcp", "httpx2", "anyio", "pydantic", "pillow", "eth-account", "platformdirs")
_SIDE = 64
_SEE_WHY = "`img402-mcp serve` in a terminal shows why."
_INSTALL = "pip install --upgrade img402-mcp"
_WAYS_OUT = {
    "time": "Try again when this machine is less busy.",
    "memory": "Close other programs, or give this process more memory.",
}
"""Code of why an image could not be fitted -> the way out, where the installation is not the cause."""


async def python(_: CheckContext) -> Findings:
    missing = [name for name in PACKAGES if not _version(name)]
    if missing:
        return [fail(f"Not installed: {', '.join(missing)}.", _INSTALL)]
    versions = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    return [ok(f"img402-mcp {__version__} on Python {platform.python_version()}; {versions}")]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


async def fit(_: CheckContext) -> Findings:
    """A picture that is badly packed is made smaller, as a large screenshot would be."""
    data = _unpacked_png()
    try:
        done = await fitted(data, examine(data), len(data) // 2)
    except CannotFit as error:
        return [
            fail(
                f"Images cannot be made smaller here: {reason_and_way_out(error.code)[0]}.",
                _WAYS_OUT.get(error.code, _INSTALL),
            )
        ]
    return [ok(f"works ({done.step})")]


def _unpacked_png() -> bytes:
    lines = zlib.compress((b"\0" + bytes(_SIDE)) * _SIDE, level=0)
    head = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + made_chunk(b"IHDR", head) + made_chunk(b"IDAT", lines) + made_chunk(b"IEND")


async def server(context: CheckContext) -> Findings:
    """Not started where a setting cannot be read: `settings` reports that."""
    if context.broken:
        return []
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        try:
            names = await _tools(dict(context.environ), log)
        except Exception:  # noqa: BLE001  # whatever the SDK makes of a program that does not answer
            log.seek(0)
            reason = _last_word(log.read())
            return [fail(f"The MCP server does not start. {reason}".rstrip(), "" if reason else _SEE_WHY)]
    return [ok(f"starts and lists {len(names)} tools: {', '.join(names)}")]


async def _tools(environ: dict[str, str], log: TextIO) -> list[str]:
    from mcp import Client, StdioServerParameters  # noqa: PLC0415  # a client, for this check alone
    from mcp.client.stdio import stdio_client  # noqa: PLC0415

    program = StdioServerParameters(command=sys.executable, args=["-m", "img402_mcp"], env=environ)
    async with Client(stdio_client(program, errlog=log)) as client:
        return [tool.name for tool in (await client.list_tools()).tools]


def _last_word(log: str) -> str:
    """Our own sentence, and nothing of a traceback, which may show more than it should."""
    return next((line.partition(": ")[2] for line in log.splitlines() if line.startswith("img402-mcp: ")), "")
