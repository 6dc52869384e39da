"""From bytes to an image that may be sent: complete, and without anything that no viewer shows."""

from dataclasses import replace
from pathlib import Path

from img402_mcp.client.files.image import Image, Trailing, image_of
from img402_mcp.client.files.refusal import FileRefused
from img402_mcp.client.fit.subprocess import flaw_in
from img402_mcp.client.scrub.segments import NotClean
from img402_mcp.client.scrub.strip import scrubbed
from img402_mcp.errors import ReadRefused


async def image_from(data: bytes, name: str, *, scrub: bool, fit: bool) -> Image:
    """For bytes that came without a path. `name` is for the snippet and the history. Raises ReadRefused."""
    trailing: Trailing = "keep" if scrub else "refuse"
    try:
        image = image_of(Path(name), data, trailing, converts=fit)
    except FileRefused as reason:
        raise ReadRefused(f"The {name} {reason.clause}. Nothing was sent.") from reason
    await demand_whole(image, f"The {name}")
    return clean(image, f"The {name}") if scrub and not image.must_be_converted else image


async def demand_whole(image: Image, what: str) -> None:
    """A repaired image is decoded once. Raises ReadRefused."""
    if not image.is_proven and (flaw := await flaw_in(image.data[: image.picture.end], image.picture)):
        raise ReadRefused(f"{what} {flaw}. Nothing was sent.")


def clean(image: Image, what: str) -> Image:
    """The image without anything that no viewer shows. Raises ReadRefused."""
    try:
        result = scrubbed(image.data, image.picture)
    except NotClean as error:
        raise ReadRefused(
            f"{what} {error}, so its metadata could not be removed; nothing was sent. "
            "Save it again from an image program, or set IMG402_SCRUB=off to send it as it is."
        ) from error
    removed = (f"removed: {', '.join(result.removed)}",) if result.removed else ()
    return replace(image, data=result.data, picture=result.picture, done=(*image.done, *removed))
