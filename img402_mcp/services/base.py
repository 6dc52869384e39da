"""What every upload API has in common: the shape of its room, a multipart body, a URL that may be shown."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

from img402_mcp.errors import BadAnswer, quoted
from img402_mcp.images.reading import Image
from img402_mcp.sending import Send


@dataclass(frozen=True)
class Receipt:
    """Where the image is now. `expires_at` None: never, or not known, which a note then says."""

    url: str
    id: str
    content_type: str
    size_bytes: int
    expires_at: datetime | None
    notes: tuple[str, ...] = ()


class Service(Protocol):
    @property
    def name(self) -> str: ...

    async def upload(self, image: Image, send: Send) -> Receipt:
        """Raises UploadRejected or UploadFailed."""
        ...


def multipart(field: str, image: Image) -> tuple[dict[str, str], tuple[bytes, ...]]:
    """Headers and body of a form with one file. The file's own name stays here: it can tell more than the picture."""
    boundary = secrets.token_hex(16)
    kind = image.picture.format
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="image.{kind.extension}"\r\n'
        f"Content-Type: {kind.media_type}\r\n\r\n"
    )
    body = (head.encode("ascii"), image.data, f"\r\n--{boundary}--\r\n".encode("ascii"))
    return {"Content-Type": f"multipart/form-data; boundary={boundary}"}, body


# Whatever could end a markdown link, an HTML attribute or a line is no part of a URL that we show.
_SHOWABLE = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+/[A-Za-z0-9._~:/?@!$&'()*+,;=%#-]*")


def showable(url: str, api_url: str) -> str:
    """The URL that the API named, if it is one to hand on: https, or http where the API itself is on http."""
    if len(url) > 2048 or not _SHOWABLE.fullmatch(url) or not _schemes_fit(url, api_url):
        raise BadAnswer(
            f"{urlsplit(api_url).netloc} took the image but named no usable URL: {quoted(url)}. Trying again will not "
            "help; its operator must know."
        )
    return url


def _schemes_fit(url: str, api_url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return bool(parts.hostname) and parts.scheme in {"https", urlsplit(api_url).scheme}
