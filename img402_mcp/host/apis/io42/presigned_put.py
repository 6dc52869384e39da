"""The body of a PUT to a signed URL: exactly the announced file, enforced while its bytes arrive.

After a refusal the URL still works for the right file.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.requests import Request

from img402_mcp.errors import quoted
from img402_mcp.formats import FORMATS, Buffer, Picture
from img402_mcp.host.errors import ApiError
from img402_mcp.host.storage.dimensions import DimensionsReader
from img402_mcp.host.storage.receive import Incoming, counted
from img402_mcp.host.storage.signed_urls import Permit
from img402_mcp.host.storage.spool import Body, arriving

_BY_MEDIA_TYPE = {form.media_type: form for form in FORMATS}


class PresignedBody(Incoming):
    """`pixels`: the minimum and the maximum of each side."""

    def __init__(self, body: Body, permit: Permit, pixels: tuple[int, int]) -> None:
        form = _BY_MEDIA_TYPE[permit.media_type]
        super().__init__(body, permit.size, (form,))
        self._promised, self._pixels, self._early_size = permit.size, pixels, DimensionsReader(form)

    def write(self, piece: Buffer) -> None:
        if self.size + len(piece) > self._promised:
            raise wrong_size("more", self._promised)
        super().write(piece)
        if size := self._early_size.feed(piece):
            self._check_pixels(size)

    def examine(self) -> Picture:
        picture = super().examine()
        self._check_pixels((picture.width, picture.height))
        return picture

    def _check_pixels(self, size: tuple[int, int]) -> None:
        fewest, most = self._pixels
        if not all(fewest <= side <= most for side in size):
            raise ApiError(
                "wrong_dimensions",
                f"The picture has {size[0]}x{size[1]} pixels; {fewest}x{fewest} to {most}x{most} are accepted. "
                "Resize it, and ask for an upload URL for the new file.",
            )


def wrong_size(came: str, promised: int) -> ApiError:
    return ApiError("wrong_size", f"The body has {came} bytes; this URL is for a file of exactly {promised}.")


@asynccontextmanager
async def promised_image(
    request: Request, spool: Path, permit: Permit, pixels: tuple[int, int]
) -> AsyncGenerator[PresignedBody]:
    """The received file. A store examines it before it takes it over; otherwise it is deleted when the block ends."""
    _check_headers(request, permit)
    with arriving(spool) as body:
        promised = PresignedBody(body, permit, pixels)
        async for piece in counted(request, permit.size + 1, permit.size):
            promised.write(piece)
        if promised.size < permit.size:
            raise wrong_size(str(promised.size), permit.size)
        yield promised


def _check_headers(request: Request, permit: Permit) -> None:
    came = request.headers.get("content-type", "")
    if came.strip().lower() != permit.media_type:
        raise ApiError("wrong_type", f"The Content-Type is {quoted(came)}; this URL is for {permit.media_type}.")
    length = request.headers.get("content-length")
    if length is not None and length != str(permit.size):
        raise wrong_size(quoted(length, 20), permit.size)
