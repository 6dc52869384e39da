"""How images reach their readers where the host does not send their bytes itself."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from img402_mcp.errors import SettingsError, quoted
from img402_mcp.host.settings.variables import A_DAY, integer, web_address


@dataclass(frozen=True)
class Delivery:
    """`image_url` None: answers name images at the public URL. `max_age`: how many seconds an object may be cached.

    `accel`: the location at which nginx has the images' folder; None: the host sends the bytes.
    """

    image_url: str | None = None
    max_age: int = 300
    accel: str | None = None

    @property
    def edge_max_age(self) -> int | None:
        return self.max_age if self.image_url else None


def delivery(environ: Mapping[str, str], objects: str | None) -> Delivery:
    """`objects`: the URL of the object store, if there is one."""
    image_url = environ.get("IMG402_HOST_IMAGE_URL") or None
    as_readers_do = "as readers reach the images; a path may follow"
    return Delivery(
        image_url=web_address(image_url, "IMG402_HOST_IMAGE_URL", as_readers_do) if image_url else None,
        max_age=integer(environ, "IMG402_HOST_IMAGE_MAX_AGE", Delivery().max_age, (1, A_DAY)),
        accel=_accel(environ.get("IMG402_HOST_ACCEL_LOCATION") or None, objects),
    )


def _accel(text: str | None, objects: str | None) -> str | None:
    if text is not None and objects is not None:
        raise SettingsError(
            "IMG402_HOST_ACCEL_LOCATION is for images in a folder, and IMG402_HOST_BLOBS names an object store. "
            "Leave one of them out."
        )
    if text is not None and not re.fullmatch(r"/([A-Za-z0-9_-]+/)+", text, re.ASCII):
        raise SettingsError(
            f"IMG402_HOST_ACCEL_LOCATION is {quoted(text)}; give the location as nginx has it, such as /stored/."
        )
    return text
