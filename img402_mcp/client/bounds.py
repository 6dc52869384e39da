"""The limits that an API has named, also in a refusal, so that the next try meets them."""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace

from img402_mcp.client.apis.img402 import DOCUMENTED_FREE_BYTES, sizes_in
from img402_mcp.client.files.image import Image
from img402_mcp.errors import UploadRejected
from img402_mcp.formats import FORMATS

MEDIA_TYPES = tuple(kind.media_type for kind in FORMATS)


@dataclass(frozen=True)
class Bounds:
    """The limits that the API has named so far."""

    limit: int | None = None
    media_types: Collection[str] = MEDIA_TYPES

    def after(self, error: UploadRejected, image: Image, original: Image) -> "Bounds | None":
        """The limits to meet after a refusal of `image`; None if nothing can be done about it."""
        kind = image.picture.format
        if error.code == "unsupported_format" and kind != original.picture.format:  # it was our choice
            return replace(self, media_types={*self.media_types} - {kind.media_type})
        limit = limit_in(error, len(image.data))
        return replace(self, limit=limit) if limit else None


def limit_in(error: UploadRejected, size: int) -> int | None:
    """The limit that a refusal names, else the next documented one below; None for a refusal of another kind.

    Its message may also name the file's size, rounded. Numbers that cannot be read are no reason to guess.
    """
    if error.code != "file_too_large":
        return None
    below = [named for named in sizes_in(error.api_message) if named < size]
    limits = [named for named in below if named < size * 0.98]
    if below:
        return max(limits) if limits else min(below)
    if re.search(r"\d", error.api_message):
        return None
    return max((limit for limit in DOCUMENTED_FREE_BYTES if limit < size), default=None)
