"""The host's settings of the studio: IMG402_HOST_STUDIO_*."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from img402_mcp.host.settings.api import ApiHostSettings
from img402_mcp.host.settings.variables import A_DAY_OF_MINUTES, LARGEST, integer
from img402_mcp.wire import studio

# For one token, and for all: a hundred tokens at their own limit, so that only a flood reaches it.
HOURLY, HOURLY_ALL = 100, 10_000
PREVIEW_MINUTES = 15  # long enough to look at it, short enough that a leaked link soon stops working


@dataclass(frozen=True)
class StudioHostSettings(ApiHostSettings):
    """Limits of the studio's inputs. Hourly limits may be None."""

    name: ClassVar[str] = "studio"
    variables: ClassVar[tuple[str, ...]] = (
        "IMG402_HOST_STUDIO_MAX_BYTES",
        "IMG402_HOST_STUDIO_PREVIEW_MINUTES",
        "IMG402_HOST_STUDIO_HOURLY",
        "IMG402_HOST_STUDIO_HOURLY_ALL",
    )

    max_bytes: int = studio.MAX_BYTES
    preview_minutes: int = PREVIEW_MINUTES
    hourly: int | None = HOURLY
    hourly_all: int | None = HOURLY_ALL

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        minutes = integer(environ, "IMG402_HOST_STUDIO_PREVIEW_MINUTES", PREVIEW_MINUTES, (1, A_DAY_OF_MINUTES))
        return cls(
            max_bytes=integer(environ, "IMG402_HOST_STUDIO_MAX_BYTES", studio.MAX_BYTES, (1, LARGEST)),
            preview_minutes=minutes,
            hourly=integer(environ, "IMG402_HOST_STUDIO_HOURLY", HOURLY, (0, LARGEST)) or None,
            hourly_all=integer(environ, "IMG402_HOST_STUDIO_HOURLY_ALL", HOURLY_ALL, (0, LARGEST)) or None,
        )
