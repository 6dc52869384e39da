"""The table of the APIs besides img402 that the host has settings for."""

from img402_mcp.host.settings.io42 import Io42HostSettings
from img402_mcp.host.settings.studio import StudioHostSettings
from img402_mcp.host.settings.variables import ApiHostSettings

APIS: tuple[type[ApiHostSettings], ...] = (
    Io42HostSettings,
    StudioHostSettings,
)
