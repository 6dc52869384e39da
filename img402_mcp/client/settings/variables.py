"""Parsers for the kinds of values that variables have. Each raises SettingsError: what came, what was wanted."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from img402_mcp.errors import SettingsError, quoted

HOSTED_API = "https://img402.dev"

# The payee that the hosted API's 402 is published with (docs/specs/img402.md).
HOSTED_PAYEE = "0x77f3c9bcb898ad1d30e9a336e2cc3108d88d6c09"


def web_address(name: str, text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        shown = f"...@{text.rpartition('@')[2]}" if "@" in text else text
        raise SettingsError(f"{name} {quoted(shown)} is not an http(s) address, such as {HOSTED_API}.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SettingsError(f"{name} must be a plain address, without a user, password, query or fragment.")
    return canonical(parts)


def bearer(name: str, secret: str) -> str:
    if not re.fullmatch(r"[!-~]+", secret, re.ASCII):
        raise SettingsError(f"{name} must be printable ASCII characters without spaces; check its beginning and end.")
    return secret


def chosen(name: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise SettingsError(f"{name} {quoted(value)} is not one of {', '.join(known)}.")
    return value


def switch(environ: Mapping[str, str], name: str, default: str = "on") -> bool:
    return chosen(name, environ.get(name) or default, ("on", "off")) == "on"


def usdc(environ: Mapping[str, str], name: str, default: int) -> int:
    if not (text := environ.get(name)):
        return default
    from img402_mcp.wire.x402 import atomic  # noqa: PLC0415  # lazy: most sessions have no such setting

    try:
        return atomic(text)
    except ValueError as error:
        raise SettingsError(f"{name}: {error}.") from None


def address(environ: Mapping[str, str], name: str) -> str | None:
    if not (address := environ.get(name)):
        return None
    from img402_mcp.wire.evm import address_flaw  # noqa: PLC0415  # lazy: most sessions have no such setting

    if flaw := address_flaw(address):
        raise SettingsError(f"{name} {quoted(address)} {flaw}. An address looks like {HOSTED_PAYEE}.")
    return address


def file_path(name: str | Path, setting: str) -> Path:
    """`~` is the home folder, where the user has one."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise SettingsError(f"{setting} has a ~, and this user has no home folder. Give the path in full.") from None


def secret_in(file: str, setting: str) -> str:
    try:
        return file_path(file, setting).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{setting} {quoted(file)} could not be read: {error}.") from error


def canonical(parts: SplitResult) -> str:
    """One spelling for each API, since payees and payments are recorded by it."""
    host = (parts.hostname or "").rstrip(".")
    host = f"[{host}]" if ":" in host else host
    usual = {"https": 443, "http": 80}[parts.scheme]
    port = "" if parts.port in {None, usual} else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"
