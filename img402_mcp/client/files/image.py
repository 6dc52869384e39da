"""One whole image, read from a path."""

import hashlib
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

from img402_mcp.client.files.look_alikes import read_named
from img402_mcp.client.files.paths import as_refusals
from img402_mcp.client.files.refusal import FileRefused
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.files.safe_open import OPENING, Disk, Opening, read_bytes
from img402_mcp.formats import FORMATS, LOOKED_AT, MAGIC_LENGTH, NotAnImage, Picture, repaired, sniff
from img402_mcp.formats.lookalikes import CONVERTIBLE, convertible


@dataclass(frozen=True)
class Image:
    """The bytes to send: the file's own, or the prepared ones; `done` then lists the steps."""

    path: Path
    data: bytes = field(repr=False)
    picture: Picture
    source: str = field(default="", repr=False)
    """The sha256 of the file on the disk, in hexadecimal."""
    done: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    is_proven: bool = True
    """False: it was repaired, and is decoded before it is sent, to be sure that it is complete."""

    @property
    def must_be_converted(self) -> bool:
        """No API takes its format. Its size in pixels is unknown until it is converted."""
        return self.picture.format in CONVERTIBLE

    def __post_init__(self) -> None:
        if not self.source:
            object.__setattr__(self, "source", hashlib.sha256(self.data).hexdigest())


Trailing = Literal["refuse", "keep"]


def read_image(  # noqa: PLR0913  keywords, each with a default
    path: str,
    roots: Roots,
    *,
    limit: int,
    opening: Opening | None = None,
    trailing: Trailing = "refuse",
    exact: bool = False,
    converts: bool = False,
) -> Image:
    """One complete image of at most `limit` bytes, or ReadRefused. It blocks, so call it in a thread.

    Bytes after the image's end are refused; with `trailing="keep"` they are in its `data`, for the scrub to cut.
    `converts`: formats that can be converted later are taken, too.
    `exact`: a file with a similar name is not taken, since money moves.
    """
    with as_refusals(path, roots):
        read = partial(read_bytes, limit=limit, disk=Disk(opening or OPENING))
        located, data, notes = read_named(path, roots, read, exact=exact)
        return replace(image_of(located, data, trailing, converts=converts), notes=notes)


def image_of(path: Path, data: bytes, trailing: Trailing, *, converts: bool) -> Image:
    """A file that viewers show although it breaks its format is an image too, and is repaired. Raises FileRefused."""
    try:
        found = repaired(data)
    except NotAnImage as error:
        if converts and (kind := convertible(data[:LOOKED_AT])):
            return Image(path, data, Picture(kind, 0, 0, len(data)))
        *most, last = (each.name for each in FORMATS)
        only = "" if sniff(data[:MAGIC_LENGTH]) else f"; only {', '.join(most)} and {last} images are sent"
        raise FileRefused(f"{error}{only}") from None
    if found.surplus and trailing == "refuse":
        raise FileRefused(
            f"is refused: {found.surplus:,} bytes follow the image's end; the file may hold more than the picture"
        )
    if not found.repairs:
        return Image(path, data, found.picture)
    whole = bytes(found.data if found.surplus else found.data[: found.picture.end])
    done = (f"repaired: {', '.join(found.repairs)}",)
    return Image(path, whole, found.picture, hashlib.sha256(data).hexdigest(), done, is_proven=found.data is data)
