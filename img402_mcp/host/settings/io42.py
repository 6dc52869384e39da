"""The host's settings of io42: IMG402_HOST_IO42_*."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from img402_mcp.errors import SettingsError
from img402_mcp.host.settings.api import ApiHostSettings
from img402_mcp.host.settings.variables import A_DAY_OF_MINUTES, LARGEST, integer
from img402_mcp.wire import io42

# For all agents together: a hundred at their own limit, so that only a flood reaches it.
HOURLY_ALL = 10_000
MAX_PIXELS = 65_535


@dataclass(frozen=True)
class Io42HostSettings(ApiHostSettings):
    """Limits of submissions; `pixels`: the minimum and maximum of each side. Hourly limits may be None."""

    name: ClassVar[str] = "io42"
    variables: ClassVar[tuple[str, ...]] = (
        "IMG402_HOST_IO42_MAX_BYTES",
        "IMG402_HOST_IO42_MIN_PIXELS",
        "IMG402_HOST_IO42_MAX_PIXELS",
        "IMG402_HOST_IO42_URL_MINUTES",
        "IMG402_HOST_IO42_HOURLY",
        "IMG402_HOST_IO42_HOURLY_ALL",
    )

    max_bytes: int = io42.MAX_BYTES
    pixels: tuple[int, int] = (io42.MIN_PIXELS, io42.MAX_PIXELS)
    url_minutes: int = io42.URL_MINUTES
    hourly: int | None = io42.REQUESTS_AN_HOUR
    hourly_all: int | None = HOURLY_ALL

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        return cls(
            max_bytes=integer(environ, "IMG402_HOST_IO42_MAX_BYTES", io42.MAX_BYTES, (1, LARGEST)),
            pixels=_pixels(environ),
            url_minutes=integer(environ, "IMG402_HOST_IO42_URL_MINUTES", io42.URL_MINUTES, (1, A_DAY_OF_MINUTES)),
            hourly=integer(environ, "IMG402_HOST_IO42_HOURLY", io42.REQUESTS_AN_HOUR, (0, LARGEST)) or None,
            hourly_all=integer(environ, "IMG402_HOST_IO42_HOURLY_ALL", HOURLY_ALL, (0, LARGEST)) or None,
        )


def _pixels(environ: Mapping[str, str]) -> tuple[int, int]:
    fewest = integer(environ, "IMG402_HOST_IO42_MIN_PIXELS", io42.MIN_PIXELS, (1, MAX_PIXELS))
    most = integer(environ, "IMG402_HOST_IO42_MAX_PIXELS", io42.MAX_PIXELS, (1, MAX_PIXELS))
    if fewest > most:
        raise SettingsError(
            f"IMG402_HOST_IO42_MIN_PIXELS is {fewest} and IMG402_HOST_IO42_MAX_PIXELS {most}; swap them."
        )
    return fewest, most
