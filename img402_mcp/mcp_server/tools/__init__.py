"""The table of tools: what the model reads about each. Each tool has its own file, which contains no other logic."""

from importlib import import_module

from mcp.server.mcpserver.tools import Tool

from img402_mcp.mcp_server.tool import ADDS, ADDS_ONCE, OVERWRITES, PAYS, READS, READS_HERE, ServedTool, ToolEntry
from img402_mcp.mcp_server.tools.find_uploads import find_uploads
from img402_mcp.mcp_server.tools.get_upload_token import get_upload_token
from img402_mcp.mcp_server.tools.limits import limits
from img402_mcp.mcp_server.tools.publish_markdown import publish_markdown
from img402_mcp.mcp_server.tools.upload_batch import upload_batch
from img402_mcp.mcp_server.tools.upload_free import upload_free
from img402_mcp.mcp_server.tools.upload_with_token import upload_with_token

TOOLS = [
    ToolEntry(
        upload_free,
        "Upload an image",
        "Upload a local image free. Pass the path, not bytes. keep: make it last",
        ADDS,
    ),
    ToolEntry(upload_batch, "Upload images", "Upload paths or globs free. pairs: a table", ADDS),
    ToolEntry(
        publish_markdown,
        "Publish a document",
        "Upload a Markdown/HTML file's local images free and rewrite it, to `out` or answer",
        OVERWRITES,
    ),
    ToolEntry(
        find_uploads,
        "Find uploads",
        "Find earlier uploads by a part of their path or URL; expiring_within_days: what expires so soon.",
        READS_HERE,
    ),
    ToolEntry(
        upload_with_token,
        "Upload with a token",
        "Upload with a token from get_upload_token or an x402 client. Pays nothing.",
        ADDS_ONCE,
    ),
    ToolEntry(
        get_upload_token,
        "Upload token",
        "A token for one paid upload. SPENDS MONEY where a wallet is set, else says how to pay. Rarely needed: "
        "upload_paid does both.",
        PAYS,
        spends=True,
    ),
    ToolEntry(
        limits,
        "Limits in force",
        "The API and its limits, the allowed folders, the version. Call it when an upload was refused.",
        READS,
    ),
]
ADDED = {
    "wallet": ("upload_paid", "payment_status"),
    "io42": ("submit_image",),
    "studio": ("upload_input",),
}
"""A wallet, or an API besides img402 -> the tools that it adds, each with its `ENTRY` in the file of its name."""


def tools(*configured: str) -> list[Tool]:
    """`configured`: keys of ADDED. Tools that are not configured cost a session neither time nor context."""
    names = (name for what, several in ADDED.items() if what in configured for name in several)
    added: list[ToolEntry] = [import_module(f"{__name__}.{name}").ENTRY for name in names]
    return [ServedTool.of(entry) for entry in (*TOOLS, *added)]
