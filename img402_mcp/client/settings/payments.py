"""What may be paid, and with which wallet."""

import re
from collections.abc import Mapping
from typing import get_args

from img402_mcp.client.settings.model import (
    Approve,
    Money,
    PaidFlow,
    WalletSource,
)
from img402_mcp.client.settings.variables import (
    HOSTED_API,
    HOSTED_PAYEE,
    address,
    chosen,
    file_path,
    secret_in,
    usdc,
)
from img402_mcp.errors import SettingsError


def money(environ: Mapping[str, str], api_url: str) -> Money:
    """IMG402_MAX_PAYMENT, _DAILY_BUDGET, _PAY_TO, _NETWORKS, _APPROVE, _PAID_FLOW, _RPC_URL and the wallet's."""
    expected = HOSTED_PAYEE if api_url == HOSTED_API else None
    return Money(
        wallet=wallet(environ),
        max_payment=usdc(environ, "IMG402_MAX_PAYMENT", Money.max_payment),
        daily_budget=usdc(environ, "IMG402_DAILY_BUDGET", Money.daily_budget),
        pay_to=address(environ, "IMG402_PAY_TO") or expected,
        networks=_networks(environ),
        approve=chosen("IMG402_APPROVE", environ.get("IMG402_APPROVE") or "auto", get_args(Approve)),  # type: ignore[arg-type]
        flow=chosen("IMG402_PAID_FLOW", environ.get("IMG402_PAID_FLOW") or "token", get_args(PaidFlow)),  # type: ignore[arg-type]
        rpc_url=environ.get("IMG402_RPC_URL") or None,
    )


def _networks(environ: Mapping[str, str]) -> tuple[str, ...]:
    if not (text := environ.get("IMG402_NETWORKS")):
        return Money.networks
    from img402_mcp.wire.x402 import NETWORKS  # noqa: PLC0415  # lazy: most sessions have no such setting

    named = (name.strip() for name in text.split(","))
    return tuple(chosen("IMG402_NETWORKS", name, tuple(NETWORKS)) for name in named if name)


def wallet(environ: Mapping[str, str]) -> WalletSource | None:
    key, file = environ.get("IMG402_WALLET_KEY"), environ.get("IMG402_WALLET_FILE")
    if key and file:
        raise SettingsError("IMG402_WALLET_KEY and IMG402_WALLET_FILE are both set: keep one, the file if you can.")
    if key:
        return WalletSource(key=_key(key))
    if file:
        return WalletSource(file=file_path(file, "IMG402_WALLET_FILE"), password=_password(environ))
    return None


def _key(key: str) -> str:
    if not re.fullmatch(r"(0x)?[0-9a-fA-F]{64}", key, re.ASCII):
        raise SettingsError(f"IMG402_WALLET_KEY must be 64 hexadecimal digits; what is set has {len(key)} characters.")
    return key


def _password(environ: Mapping[str, str]) -> str:
    if file := environ.get("IMG402_WALLET_PASSWORD_FILE"):
        return secret_in(file, "IMG402_WALLET_PASSWORD_FILE")
    if password := environ.get("IMG402_WALLET_PASSWORD"):
        return password
    raise SettingsError(
        "IMG402_WALLET_FILE needs its password: set IMG402_WALLET_PASSWORD_FILE (or IMG402_WALLET_PASSWORD). It is "
        "not asked for, since elsewhere the input belongs to the protocol."
    )
