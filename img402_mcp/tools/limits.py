"""`limits()`: what is in force here, the answer to "why was I refused"."""

from pathlib import Path
from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import BaseModel

from img402_mcp import __version__
from img402_mcp.config import HOSTED_API
from img402_mcp.errors import UploadFailed
from img402_mcp.services.img402 import DOCUMENTED
from img402_mcp.tools.doors import Visit, corridor, told
from img402_mcp.upload import Corridor
from img402_mcp.wire.img402 import Limits as StatedLimits

DESCRIPTION = (
    "Tell what is in force: the API and its limits, the folders that images may lie in, the working directory, "
    "the version. Call it when an upload was refused."
)


class Limits(BaseModel):
    api: str
    api_answers: bool
    limits: str
    max_file_bytes: int
    allowed_dirs: list[str]
    working_dir: str
    state_dir: str
    version: str


async def limits(ctx: Visit) -> Annotated[CallToolResult, Limits]:
    here = corridor(ctx)
    answers, terms = await _terms(here)
    answer = Limits(
        api=here.settings.api_url,
        api_answers=answers,
        limits=terms,
        max_file_bytes=here.settings.max_bytes,
        allowed_dirs=[str(root) for root in here.roots.directories],
        working_dir=str(Path.cwd()),
        state_dir=str(here.settings.state_dir),
        version=__version__,
    )
    return told(_text(answer), answer)


def tool() -> Tool:
    return Tool.from_function(
        limits,
        title="Limits in force",
        description=DESCRIPTION,
        annotations=ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=True),
    )


async def _terms(here: Corridor) -> tuple[bool, str]:
    documented = f"documented {DOCUMENTED}" if here.settings.api_url == HOSTED_API else "not known"
    try:
        stated = await here.service.limits(here.send)
    except UploadFailed as error:
        return False, f"{documented}. {error}"
    return True, _in_words(stated) if stated else f"{documented}; the API itself states none"


def _in_words(stated: StatedLimits) -> str:
    free = stated.free
    kept = f"kept {free.days} days" if free.days is not None else "kept for good"
    caps = [
        f"{count} uploads a day {whose}"
        for count, whose in ((free.uploads_a_day, "in all"), (free.uploads_a_day_per_address, "for each address"))
        if count is not None
    ]
    return ", ".join((f"stated by the API: free up to {free.max_bytes} bytes", kept, *caps))


def _text(answer: Limits) -> str:
    return "\n".join(
        f"{name}: {', '.join(value) if isinstance(value, list) else value}"
        for name, value in answer.model_dump().items()
    )
