"""The table of the APIs besides img402 that the host has settings for."""

from img402_mcp.host.settings.api import ApiHostSettings
from img402_mcp.host.settings.io42 import Io42HostSettings
from img402_mcp.host.settings.studio import StudioHostSettings

APIS: tuple[type[ApiHostSettings], ...] = (
    Io42HostSettings,
    StudioHostSettings,
)
