"""The table of the APIs besides img402 that the client can use."""

from img402_mcp.client.settings.api import ApiSettings
from img402_mcp.client.settings.io42 import Io42Settings
from img402_mcp.client.settings.studio import StudioSettings

APIS: tuple[type[ApiSettings], ...] = (
    Io42Settings,
    StudioSettings,
)
