"""`limits()`: the limits that apply here, which answer "why was I refused"."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from img402_mcp import __version__
from img402_mcp.client.settings.model import Settings
from img402_mcp.client.settings.variables import HOSTED_API
from img402_mcp.errors import SettingsError, UploadFailed
from img402_mcp.mcp_server.results import Answer, structure_of
from img402_mcp.mcp_server.session import ToolContext
from img402_mcp.variable_names import report

if TYPE_CHECKING:
    from img402_mcp.client.upload import Uploader
    from img402_mcp.wire.img402 import Limits


class LimitsResult(NamedTuple):
    api: str
    api_answers: bool
    limits: str
    max_read_bytes: int
    allowed_dirs: list[str]
    allowed_because: list[str]
    working_dir: str
    state_dir: str
    version: str
    note: str = ""


async def limits(ctx: ToolContext) -> Answer[LimitsResult]:
    here = await ctx.session.uploader()
    answers, terms = await _terms(here)
    roots = here.roots
    answer = LimitsResult(
        api=here.settings.api_url,
        api_answers=answers,
        limits=terms,
        max_read_bytes=here.settings.max_bytes,
        allowed_dirs=[str(root) for root in roots.directories],
        allowed_because=[roots.reasons.get(root, "") for root in roots.directories],
        working_dir=_working_dir(),
        state_dir=_state_dir(here.settings),
        version=__version__,
        note=report(here.settings.unknown_variables),
    )
    return Answer(_text(answer), answer)


def _state_dir(settings: Settings) -> str:
    try:
        return str(settings.state_dir)
    except SettingsError as error:
        return f"({error})"


def _working_dir() -> str:
    try:
        return str(Path.cwd())
    except OSError:
        return "(it was deleted)"


async def _terms(here: "Uploader") -> tuple[bool, str]:
    from img402_mcp.client.apis.img402 import DOCUMENTED  # noqa: PLC0415  # a uploader is open by now

    documented = f"documented {DOCUMENTED}" if here.settings.api_url == HOSTED_API else "not known"
    try:
        api_limits = await here.service.limits(here.send)
    except UploadFailed as error:
        return False, f"{documented}. {error}"
    return True, _in_words(api_limits) if api_limits else f"{documented}; the API itself states none"


def _in_words(api_limits: "Limits") -> str:
    free = api_limits.free
    lives = [f"{_kept(tier.days)} up to {tier.max_bytes} bytes" for tier in free.tiers]
    duration = ", ".join(lives) or _kept(free.days)
    caps = [
        f"{count} uploads a day {whose}"
        for count, whose in ((free.uploads_a_day, "in all"), (free.uploads_a_day_per_address, "for each address"))
        if count is not None
    ]
    sentence = ", ".join((f"stated by the API: free up to {free.max_bytes} bytes", duration, *caps))
    if not (paid := api_limits.paid):
        return sentence
    return f"{sentence}; for {paid.price} USDC on {paid.network} up to {paid.max_bytes} bytes, {_kept(paid.days)}"


def _kept(days: int | None) -> str:
    return "kept for good" if days is None else f"kept {days} days"


def _text(answer: LimitsResult) -> str:
    return "\n".join(
        f"{name}: {', '.join(value) if isinstance(value, list) else value}"
        for name, value in structure_of(answer).items()
    )
