"""The APIs besides img402, and every variable that the client reads. `check` refuses a misspelt one."""

from img402_mcp.client.settings.io42 import Io42Settings
from img402_mcp.client.settings.model import ApiSettings
from img402_mcp.client.settings.studio import StudioSettings
from img402_mcp.variable_names import VariableNames

APIS: tuple[type[ApiSettings], ...] = (Io42Settings, StudioSettings)
"""Those besides img402 that the client can use."""

CLIENT_VARIABLES = VariableNames(
    prefix="IMG402_",
    known=frozenset(
        {
            "IMG402_ALLOW_DIRS",
            "IMG402_API_URL",
            "IMG402_APPROVE",
            "IMG402_DAILY_BUDGET",
            "IMG402_HISTORY",
            "IMG402_KEEP",
            "IMG402_MAX_PAYMENT",
            "IMG402_NETWORKS",
            "IMG402_PAID_FLOW",
            "IMG402_PAY_TO",
            "IMG402_RPC_URL",
            "IMG402_SCRUB",
            "IMG402_SERVE_TOKEN",
            "IMG402_STATE_DIR",
            "IMG402_VERIFY",
            "IMG402_WALLET_FILE",
            "IMG402_WALLET_KEY",
            "IMG402_WALLET_PASSWORD",
            "IMG402_WALLET_PASSWORD_FILE",
        }
    ).union(*(api.variables for api in APIS)),
    renamed={"IMG402_LEDGER": "IMG402_HISTORY"},
    # A host may run in the same environment; it checks its own.
    others=("IMG402_HOST_",),
)
