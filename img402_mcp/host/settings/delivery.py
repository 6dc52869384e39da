"""How images reach their readers where the host does not send their bytes itself."""

import re
from dataclasses import dataclass

from img402_mcp.errors import SettingsError, quoted
from img402_mcp.host.settings.variables import A_DAY, Environ, FromVariables, setting, web_address, whole


def _image_url(environ: Environ) -> str | None:
    text = environ.get("IMG402_HOST_IMAGE_URL")
    way_out = "as readers reach the images; a path may follow"
    return web_address(text, "IMG402_HOST_IMAGE_URL", way_out) if text else None


def _accel(environ: Environ) -> str | None:
    text = environ.get("IMG402_HOST_ACCEL_LOCATION") or None
    if text is not None and not re.fullmatch(r"/([A-Za-z0-9_-]+/)+", text, re.ASCII):
        raise SettingsError(
            f"IMG402_HOST_ACCEL_LOCATION is {quoted(text)}; give the location as nginx has it, such as /stored/."
        )
    return text


@dataclass(frozen=True)
class Delivery(FromVariables):
    """`image_url` None: answers name images at the public URL. `max_age`: how many seconds an object may be cached.

    `accel`: the location at which nginx has the images' folder; None: the host sends the bytes.
    """

    image_url: str | None = setting(None, _image_url, "IMG402_HOST_IMAGE_URL")
    max_age: int = whole("IMG402_HOST_IMAGE_MAX_AGE", 300, (1, A_DAY))
    accel: str | None = setting(None, _accel, "IMG402_HOST_ACCEL_LOCATION")

    @property
    def edge_max_age(self) -> int | None:
        return self.max_age if self.image_url else None


def delivery(environ: Environ, objects: str | None) -> Delivery:
    """`objects`: the URL of the object store, if there is one."""
    if environ.get("IMG402_HOST_ACCEL_LOCATION") and objects is not None:
        raise SettingsError(
            "IMG402_HOST_ACCEL_LOCATION is for images in a folder, and IMG402_HOST_BLOBS names an object store. "
            "Leave one of them out."
        )
    return Delivery.read(environ)
