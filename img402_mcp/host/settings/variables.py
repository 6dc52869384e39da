"""One reader for each kind of environment variable. Each raises SettingsError with what came and what was wanted."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import ClassVar, Self, TypeVar
from urllib.parse import SplitResult, urlsplit

from img402_mcp.errors import SettingsError, quoted
from img402_mcp.wire import x402

A_DAY = 86_400
A_DAY_OF_MINUTES = 1440
LARGEST = 1 << 40
SECRET_LENGTH = 32

Environ = Mapping[str, str]
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class FromVariables:
    """Each field is made by `setting`, `whole` or `at_most`, which name its variables and how they are read."""

    @classmethod
    def variables(cls) -> Iterator[str]:
        return (name for it in fields(cls) for name in it.metadata["variables"])

    @classmethod
    def read(cls, environ: Environ) -> Self:
        """Raises SettingsError."""
        return cls(**{it.name: it.metadata["read"](environ) for it in fields(cls)})


@dataclass(frozen=True)
class ApiHostSettings(FromVariables):
    """The base of the settings of each API besides img402. The defaults are the documented limits."""

    name: ClassVar[str]


def setting(default: _Value, read: Callable[[Environ], _Value], *variables: str, secret: bool = False) -> _Value:
    return field(default=default, metadata={"read": read, "variables": variables}, repr=not secret)


def whole(name: str, default: int, bounds: tuple[int, int]) -> int:
    return setting(default, lambda environ: integer(environ, name, default, bounds), name)


def at_most(name: str, default: int | None, largest: int = LARGEST) -> int | None:
    """None: no limit, which the variable says with 0."""
    return setting(default, lambda environ: integer(environ, name, default or 0, (0, largest)) or None, name)


def switch(name: str, *, default: bool) -> bool:
    def read(environ: Environ) -> bool:
        text = environ.get(name) or ("on" if default else "off")
        if text not in ("on", "off"):
            raise SettingsError(f"{name} is {quoted(text)}; it must be on or off.")
        return text == "on"

    return setting(default, read, name)


def demand_strong(secret: str | bytes, named: str, way_out: str) -> None:
    """Raises SettingsError: with an empty or short secret anyone could delete every image and forge signed URLs."""
    text = secret if isinstance(secret, str) else secret.decode("latin-1")
    blank = "" if text.strip("\0 \t\r\n") or not text else ", all of them blank"
    if len(text) < SECRET_LENGTH or blank:
        raise SettingsError(f"{named} has {len(text)} characters{blank}; it must have {SECRET_LENGTH} or more{way_out}")


def integer(environ: Environ, name: str, default: int, bounds: tuple[int, int]) -> int:
    text = environ.get(name) or str(default)
    smallest, largest = bounds
    if not (text.isascii() and text.isdecimal() and len(text) <= 20 and smallest <= int(text) <= largest):
        no_limit = "; 0 means no limit" if smallest == 0 else ""
        raise SettingsError(f"{name} is {quoted(text)}; it must be a whole number, {smallest} to {largest}{no_limit}.")
    return int(text)


def usdc(name: str, default: str, smallest: int = 0) -> int:
    def read(environ: Environ) -> int:
        text = environ.get(name) or default
        try:
            amount = x402.atomic(text)
        except ValueError:
            amount = -1
        if amount < smallest:
            more = "" if smallest == 0 else ", more than 0"
            raise SettingsError(f"{name} is {quoted(text)}; it must be an amount of USDC{more}, such as {default}.")
        return amount

    return setting(x402.atomic(default), read, name)


def service(environ: Environ, name: str) -> str:
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
