"""The table of tools: what the model reads of each. What a tool does is in its own file, without logic of its own."""

from collections.abc import Callable

from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations

from img402_mcp.mcp_server.tool import ServedTool, ToolEntry
from img402_mcp.mcp_server.tools.find_uploads import find_uploads
from img402_mcp.mcp_server.tools.get_upload_token import get_upload_token
from img402_mcp.mcp_server.tools.limits import limits
from img402_mcp.mcp_server.tools.publish_markdown import publish_markdown
from img402_mcp.mcp_server.tools.upload_batch import upload_batch
from img402_mcp.mcp_server.tools.upload_free import upload_free
from img402_mcp.mcp_server.tools.upload_with_token import upload_with_token

# What a hint's default says already is left out: a tool may destroy, is not idempotent, and reaches the open world.
ADDS = ToolAnnotations(destructive_hint=False)
ADDS_ONCE = ToolAnnotations(destructive_hint=False, idempotent_hint=True)
OVERWRITES = ToolAnnotations(destructive_hint=True)
PAYS = ToolAnnotations(destructive_hint=True)
PAYS_ONCE = ToolAnnotations(destructive_hint=True, idempotent_hint=True)
READS = ToolAnnotations(read_only_hint=True)
READS_HERE = ToolAnnotations(read_only_hint=True, open_world_hint=False)

TOOLS = [
    ToolEntry(
        upload_free,
        "Upload an image",
        "Upload a local image for free: public URL and markdown. Pass the path, not bytes. No delete.",
        ADDS,
    ),
    ToolEntry(upload_batch, "Upload images", "Upload many images (paths, globs) for free. pairs: as a table", ADDS),
    ToolEntry(
        publish_markdown,
        "Publish a document's images",
        "Upload the local images of a Markdown/HTML file for free and rewrite it, to `out` or the answer",
        OVERWRITES,
    ),
    ToolEntry(
        find_uploads,
        "Find earlier uploads",
        "Find earlier uploads and their URLs. query: part of a path or URL; expiring_within_days: only what expires "
        "that soon.",
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
        "Get an upload token",
        "Get a token for one paid upload. SPENDS MONEY where a wallet is set, else says how to pay. Rarely needed: "
        "upload_paid does both steps.",
        PAYS,
        spends=True,
    ),
    ToolEntry(
        limits,
        "Limits in force",
        "What is in force: the API and its limits, the allowed folders, the working directory, the version. Call it "
        "when an upload was refused.",
        READS,
    ),
]


def _of_wallet() -> list[ToolEntry]:
    from img402_mcp.mcp_server.tools.payment_status import payment_status  # noqa: PLC0415  # most sessions never pay
    from img402_mcp.mcp_server.tools.upload_paid import upload_paid  # noqa: PLC0415  # the same

    return [
        ToolEntry(
            upload_paid,
            "Upload an image for money",
            "Upload a local image to last. SPENDS MONEY (USDC) once a file; calling again never pays twice. Mostly "
            "upload_free is enough.",
            PAYS_ONCE,
            spends=True,
        ),
        ToolEntry(
            payment_status,
            "Payments",
            "The wallet's address, what was spent and is left, and what becomes of open payments. Never pays.",
            READS_HERE,
        ),
    ]


def _of_io42() -> list[ToolEntry]:
    from img402_mcp.mcp_server.tools.submit_image import submit_image  # noqa: PLC0415  # few sessions submit

    title, description = "Submit an image to io42", "Submit an image to io42. May SPEND MONEY once (its fee)."
    return [ToolEntry(submit_image, title, description, PAYS_ONCE, spends=True)]


def _of_studio() -> list[ToolEntry]:
    from img402_mcp.mcp_server.tools.upload_input import upload_input  # noqa: PLC0415  # few sessions have a studio

    return [
        ToolEntry(
            upload_input,
            "Upload a workflow's input",
            "Upload a local PNG, JPEG or WebP to the studio as a workflow's input. Pass upload_key to workflows; "
            "image_url is a preview that soon expires.",
            ADDS,
        )
    ]


_ADDED: dict[str, Callable[[], list[ToolEntry]]] = {"wallet": _of_wallet, "io42": _of_io42, "studio": _of_studio}


def tools(*configured: str) -> list[Tool]:
    """`configured`: "wallet", "io42", "studio". A session without one pays neither time nor context for its tools."""
    added = [entry for name, entries in _ADDED.items() if name in configured for entry in entries()]
    return [ServedTool.of(entry) for entry in (*TOOLS, *added)]
