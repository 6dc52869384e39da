"""One reader for each kind of environment variable. Each raises SettingsError with what came and what was wanted."""

from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from img402_mcp.errors import SettingsError, quoted
from img402_mcp.wire import x402

A_DAY = 86_400
A_DAY_OF_MINUTES = 1440
LARGEST = 1 << 40


def integer(environ: Mapping[str, str], name: str, default: int, bounds: tuple[int, int]) -> int:
    text = environ.get(name) or str(default)
    smallest, largest = bounds
    if not (text.isascii() and text.isdecimal() and len(text) <= 20 and smallest <= int(text) <= largest):
        no_limit = "; 0 means no limit" if smallest == 0 else ""
        raise SettingsError(f"{name} is {quoted(text)}; it must be a whole number, {smallest} to {largest}{no_limit}.")
    return int(text)


def switch(environ: Mapping[str, str], name: str, default: str) -> bool:
    text = environ.get(name) or default
    if text not in ("on", "off"):
        raise SettingsError(f"{name} is {quoted(text)}; it must be on or off.")
    return text == "on"


def usdc(environ: Mapping[str, str], name: str, default: str, smallest: int = 0) -> int:
    text = environ.get(name) or default
    try:
        amount = x402.atomic(text)
    except ValueError:
        amount = -1
    if amount < smallest:
        more = "" if smallest == 0 else ", more than 0"
        raise SettingsError(f"{name} is {quoted(text)}; it must be an amount of USDC{more}, such as {default}.")
    return amount


def service(environ: Mapping[str, str], name: str) -> str:
    text = environ.get(name) or ""
    url = split_url(text) if text else None
    if text and (url is None or url.scheme not in ("http", "https") or not url.hostname or "@" in text):
        raise SettingsError(f"{name} is not an http(s) address, or has a user name in it; give http(s)://name[/path].")
    return text


def split_url(text: str) -> SplitResult | None:
    """None also for text that could break out of a curl command or a header."""
    if not text.isascii() or not text.isprintable() or any(mark in text for mark in " \"'`\\<>$"):
        return None
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError:
        return None
    return url


def without_secrets(text: str) -> str:
    return f"...@{text.rpartition('@')[2]}" if "@" in text else text


def web_address(text: str, what: str, way_out: str) -> str:
    url = split_url(text)
    is_address = url is not None and url.scheme in ("http", "https") and url.hostname
    if url is None or not is_address or url.query or url.fragment or "@" in text:
        raise SettingsError(f"{what} is {quoted(without_secrets(text))}; give http(s)://name[:port] {way_out}.")
    return text.rstrip("/")
