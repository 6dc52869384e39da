"""The host's settings: only `host_settings(environ)` reads the IMG402_HOST_* variables."""

from img402_mcp.host.settings.delivery import Delivery
from img402_mcp.host.settings.model import HostSettings, Network, PaidSettings, Timeouts, Upkeep
from img402_mcp.host.settings.read import host_settings

__all__ = ["Delivery", "HostSettings", "Network", "PaidSettings", "Timeouts", "Upkeep", "host_settings"]
