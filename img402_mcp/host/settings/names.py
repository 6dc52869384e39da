"""The APIs besides img402 that the host has settings for, and every variable that it reads."""

from img402_mcp.host.settings.delivery import Delivery
from img402_mcp.host.settings.io42 import Io42HostSettings
from img402_mcp.host.settings.model import PaidSettings, Timeouts, Upkeep
from img402_mcp.host.settings.studio import StudioHostSettings
from img402_mcp.host.settings.variables import ApiHostSettings, FromVariables
from img402_mcp.variable_names import VariableNames

APIS: tuple[type[ApiHostSettings], ...] = (
    Io42HostSettings,
    StudioHostSettings,
)
_GROUPS: tuple[type[FromVariables], ...] = (PaidSettings, Timeouts, Upkeep, Delivery, *APIS)
_OTHERS = (
    *("IMG402_HOST_BLOBS", "IMG402_HOST_DATA", "IMG402_HOST_DATABASE", "IMG402_HOST_PUBLIC_URL"),
    *("IMG402_HOST_SECRET", "IMG402_HOST_TRUSTED_PROXIES"),
    *("IMG402_HOST_FREE_DAILY", "IMG402_HOST_FREE_DAILY_PER_ADDRESS", "IMG402_HOST_FREE_DAYS"),
    *("IMG402_HOST_FREE_MAX_BYTES", "IMG402_HOST_FREE_TIERS"),
)
HOST_VARIABLES = VariableNames(
    prefix="IMG402_HOST_",
    known=frozenset(_OTHERS).union(*(group.variables() for group in _GROUPS)),
    # A client on the same machine reads these two. Any other name that only lacks HOST_ is a mistake.
    others=("IMG402_PAY_TO", "IMG402_RPC_URL"),
)
