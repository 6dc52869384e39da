"""The host's settings of io42: IMG402_HOST_IO42_*."""

from dataclasses import dataclass
from typing import ClassVar

from img402_mcp.errors import SettingsError
from img402_mcp.host.settings.variables import (
    A_DAY_OF_MINUTES,
    LARGEST,
    ApiHostSettings,
    Environ,
    at_most,
    integer,
    setting,
    whole,
)
from img402_mcp.wire import io42

_MIN, _MAX = "IMG402_HOST_IO42_MIN_PIXELS", "IMG402_HOST_IO42_MAX_PIXELS"
MAX_PIXELS = 65_535


def _pixels(environ: Environ) -> tuple[int, int]:
    fewest = integer(environ, _MIN, io42.MIN_PIXELS, (1, MAX_PIXELS))
    most = integer(environ, _MAX, io42.MAX_PIXELS, (1, MAX_PIXELS))
    if fewest > most:
        raise SettingsError(f"{_MIN} is {fewest} and {_MAX} {most}; swap them.")
    return fewest, most


@dataclass(frozen=True)
class Io42HostSettings(ApiHostSettings):
    """Limits of submissions; `pixels`: the minimum and maximum of each side. Hourly limits may be None."""

    name: ClassVar[str] = "io42"

    max_bytes: int = whole("IMG402_HOST_IO42_MAX_BYTES", io42.MAX_BYTES, (1, LARGEST))
    pixels: tuple[int, int] = setting((io42.MIN_PIXELS, io42.MAX_PIXELS), _pixels, _MIN, _MAX)
    url_minutes: int = whole("IMG402_HOST_IO42_URL_MINUTES", io42.URL_MINUTES, (1, A_DAY_OF_MINUTES))
    hourly: int | None = at_most("IMG402_HOST_IO42_HOURLY", io42.REQUESTS_AN_HOUR)
    # For all agents together: a hundred at their own limit, so that only a flood reaches it.
    hourly_all: int | None = at_most("IMG402_HOST_IO42_HOURLY_ALL", 10_000)
