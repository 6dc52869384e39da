"""The host's settings: `host_settings(environ)` reads every IMG402_HOST_* variable, and nothing else does."""

from img402_mcp.host.settings.model import (
    HostSettings,
    Io42HostSettings,
    Network,
    PaidSettings,
    StudioHostSettings,
    Timeouts,
    Upkeep,
)
from img402_mcp.host.settings.read import host_settings

__all__ = [
    "HostSettings",
    "Io42HostSettings",
    "Network",
    "PaidSettings",
    "StudioHostSettings",
    "Timeouts",
    "Upkeep",
    "host_settings",
]
