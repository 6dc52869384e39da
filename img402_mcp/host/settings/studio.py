"""The host's settings of the studio: IMG402_HOST_STUDIO_*."""

from dataclasses import dataclass
from typing import ClassVar

from img402_mcp.host.settings.variables import A_DAY_OF_MINUTES, LARGEST, ApiHostSettings, at_most, whole
from img402_mcp.wire import studio


@dataclass(frozen=True)
class StudioHostSettings(ApiHostSettings):
    """Limits of the studio's inputs. Hourly limits may be None."""

    name: ClassVar[str] = "studio"

    max_bytes: int = whole("IMG402_HOST_STUDIO_MAX_BYTES", studio.MAX_BYTES, (1, LARGEST))
    # Long enough to look at it, short enough that a leaked link soon stops working.
    preview_minutes: int = whole("IMG402_HOST_STUDIO_PREVIEW_MINUTES", 15, (1, A_DAY_OF_MINUTES))
    # For one token, and for all: a hundred tokens at their own limit, so that only a flood reaches it.
    hourly: int | None = at_most("IMG402_HOST_STUDIO_HOURLY", 100)
    hourly_all: int | None = at_most("IMG402_HOST_STUDIO_HOURLY_ALL", 10_000)
