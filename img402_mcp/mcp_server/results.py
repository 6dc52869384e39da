"""What the doors share: the uploaders of this session, errors that reach the model, answers in text and structure."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import anyio
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel, ConfigDict

from img402_mcp.client.result_text import upload_fields, upload_text
from img402_mcp.errors import Img402Error

if TYPE_CHECKING:
    from img402_mcp.client.io42_submit import Io42Submitter
    from img402_mcp.client.paid_upload import PaidUploader
    from img402_mcp.client.studio_upload import StudioUploader
    from img402_mcp.client.upload import Progress, Upload, Uploader, UploadOptions


T = TypeVar("T")


class Once(Generic[T]):
    """Opened at the first call: what that imports would cost start-up time."""

    def __init__(self, opening: Callable[[], Awaitable[T]]) -> None:
        self._opening = opening
        self._opened: T | None = None
        self._lock = anyio.Lock()

    async def __call__(self) -> T:
        async with self._lock:
            if self._opened is None:
                self._opened = await self._opening()
            return self._opened


@dataclass(frozen=True)
class Uploaders:
    free: "Once[Uploader]"
    paid: "Once[PaidUploader] | None" = None
    """None: no wallet is set."""
    submitting: "Once[Io42Submitter] | None" = None
    inputs: "Once[StudioUploader] | None" = None
    """None: that API is not configured, and its tool is not listed."""


ToolContext = Context[Uploaders, Any]


async def free_uploader(ctx: ToolContext) -> "Uploader":
    return await ctx.request_context.lifespan_context.free()


async def paid_uploader(ctx: ToolContext) -> "PaidUploader | None":
    """None: no wallet is set."""
    paid = ctx.request_context.lifespan_context.paid
    return await paid() if paid else None


@asynccontextmanager
async def errors_as_tool_errors() -> AsyncIterator[None]:
    """Only a ToolError's text reaches the model."""
    try:
        yield
    except Img402Error as error:
        raise ToolError(str(error)) from error


def progress_of(ctx: ToolContext) -> "Progress":
    async def progress(sent: int, total: int) -> None:
        await ctx.report_progress(sent, total, "uploading")

    return progress


class ToolResult(BaseModel):
    # defer_build: made ready at the first answer; the schema that is listed comes from elsewhere.
    model_config = ConfigDict(defer_build=True)


class UploadResult(ToolResult):
    url: str
    id: str
    content_type: str
    size_bytes: int
    expires_at: str | None
    width: int
    height: int
    markdown: str
    reused: bool = False
    done: str = ""
    verified: bool | None = None
    note: str = ""
    delete_url: str = ""


Fit = Literal["auto", "never"]


def upload_options(fit: Fit, width: int = 0, *, fresh: bool = False) -> "UploadOptions":
    from img402_mcp.client.upload import UploadOptions  # noqa: PLC0415  # the uploader imports it

    return UploadOptions(fit == "auto", fresh, width)


def tool_result(text: str, answer: BaseModel) -> CallToolResult:
    """Some hosts show the model the text alone, others the structure alone: the whole answer goes into both."""
    return CallToolResult(
        content=[TextContent(type="text", text=text)],
        structured_content=answer.model_dump(mode="json", exclude_defaults=True),
    )


def upload_result(upload: "Upload") -> CallToolResult:
    return tool_result(upload_text(upload), UploadResult.model_validate(upload_fields(upload)))
