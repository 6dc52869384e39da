"""The client's settings: `client_settings(environ)` reads every variable of the client, and nothing else does."""

from img402_mcp.client.settings.apis import APIS
from img402_mcp.client.settings.folders import listed_folders
from img402_mcp.client.settings.model import (
    MAX_BYTES,
    Approve,
    Money,
    PaidFlow,
    Settings,
    WalletSource,
)
from img402_mcp.client.settings.names import CLIENT_VARIABLES
from img402_mcp.client.settings.payments import wallet
from img402_mcp.client.settings.read import client_settings
from img402_mcp.client.settings.variables import HOSTED_API, HOSTED_PAYEE, secret_in

__all__ = [
    "APIS",
    "CLIENT_VARIABLES",
    "HOSTED_API",
    "HOSTED_PAYEE",
    "MAX_BYTES",
    "Approve",
    "Money",
    "PaidFlow",
    "Settings",
    "WalletSource",
    "client_settings",
    "listed_folders",
    "secret_in",
    "wallet",
]
