"""The settings of the client wing: the only place that reads its environment. Flags override the environment."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from img402_mcp.client.settings.folders import VARIABLE, default_folders, listed_folders, named_folders
from img402_mcp.client.settings.model import Approve, Money, PaidFlow, Settings, WalletSource
from img402_mcp.client.settings.names import APIS, CLIENT_VARIABLES
from img402_mcp.client.settings.variables import (
    HOSTED_API,
    HOSTED_PAYEE,
    address,
    chosen,
    file_path,
    secret_in,
    switch,
    usdc,
    web_address,
)
from img402_mcp.errors import SettingsError


def client_settings(
    environ: Mapping[str, str],
    *,
    api_url: str | None = None,
    allow_dirs: Sequence[str | Path] = (),
    state_dir: str | Path | None = None,
) -> Settings:
    """Raises SettingsError."""
    unknown = CLIENT_VARIABLES.check(environ)
    state = state_dir or environ.get("IMG402_STATE_DIR")
    url = web_address("IMG402_API_URL", api_url or environ.get("IMG402_API_URL") or HOSTED_API)
    named, listed = named_folders("--allow-dir", allow_dirs), listed_folders(environ)
    defaults = {} if named or listed else default_folders()
    return Settings(
        api_url=url,
        allow_dirs=named or listed or tuple(defaults),
        folders_named_by="--allow-dir" if named else VARIABLE if listed else "",
        default_reasons=defaults,
        named_state_dir=file_path(state, "IMG402_STATE_DIR") if state else None,
        scrub=switch(environ, "IMG402_SCRUB"),
        history=switch(environ, "IMG402_HISTORY"),
        keep=switch(environ, "IMG402_KEEP", "off"),
        verify=switch(environ, "IMG402_VERIFY"),
        money=_money(environ, url),
        apis=tuple(found for api in APIS if (found := api.read(environ))),
        unknown_variables=unknown,
    )


def _money(environ: Mapping[str, str], api_url: str) -> Money:
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
    if key and not re.fullmatch(r"(0x)?[0-9a-fA-F]{64}", key, re.ASCII):
        raise SettingsError(f"IMG402_WALLET_KEY must be 64 hexadecimal digits; this one has {len(key)} characters.")
    if key:
        return WalletSource(key=key)
    if file:
        return WalletSource(file=file_path(file, "IMG402_WALLET_FILE"), password=_password(environ))
    return None


def _password(environ: Mapping[str, str]) -> str:
    if file := environ.get("IMG402_WALLET_PASSWORD_FILE"):
        return secret_in(file, "IMG402_WALLET_PASSWORD_FILE")
    if password := environ.get("IMG402_WALLET_PASSWORD"):
        return password
    raise SettingsError(
        "IMG402_WALLET_FILE needs its password: set IMG402_WALLET_PASSWORD_FILE (or IMG402_WALLET_PASSWORD). It is "
        "not asked for, since stdin may belong to the protocol."
    )
