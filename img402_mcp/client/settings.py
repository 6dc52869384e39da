"""The settings of the client wing: the only place that reads its environment. Flags override the environment."""

import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import SplitResult, urlsplit

from img402_mcp.errors import SettingsError, quoted

HOSTED_API = "https://img402.dev"
IO42_API = "https://io42.xyz/api"
# The largest file that any API of the project takes is 25 MB.
MAX_BYTES = 25 * 1024 * 1024

# The payee that the hosted API's 402 is published with (seed 000).
HOSTED_PAYEE = "0x77f3c9bcb898ad1d30e9a336e2cc3108d88d6c09"

Approve = Literal["auto", "ask"]
PaidFlow = Literal["token", "inline"]
Transport = Literal["stdio", "streamable-http", "sse"]
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")
_LOOPBACK_ORIGINS = tuple(f"http://{name}{port}" for name in _LOOPBACK_HOSTS for port in ("", ":*"))
_SHORTEST_TOKEN = 16


@dataclass(frozen=True)
class WalletSource:
    """Where the key is: itself, or an encrypted keystore and its password."""

    key: str | None = field(default=None, repr=False)
    file: Path | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Money:
    """What may be paid. Amounts are atomic units of USDC."""

    wallet: WalletSource | None = None
    max_payment: int = 10_000
    daily_budget: int = 1_000_000
    pay_to: str | None = None
    """None: the payee of the first payment to an API."""
    networks: tuple[str, ...] = ("base",)
    approve: Approve = "auto"
    flow: PaidFlow = "token"
    rpc_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Io42Settings:
    url: str
    """The API's base, up to and with `/api`, without a slash at its end."""
    key: str = field(repr=False)
    max_fee: int = 0
    """The most that one fee may cost, in atomic units of USDC; 0: none is paid."""
    pay_to: str | None = None
    """None: the payee of the first fee."""
    forwarded_for: str | None = None


@dataclass(frozen=True)
class StudioSettings:
    url: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class Settings:
    api_url: str
    """Without a slash at its end."""
    allow_dirs: tuple[Path, ...]
    """The folders whose images may be uploaded; resolved where the uploader is opened."""
    named_state_dir: Path | None = None
    max_bytes: int = MAX_BYTES
    scrub: bool = True
    """What a file tells beside its picture is taken out before it is sent."""
    history: bool = True
    """What was uploaded is remembered in the state folder."""
    verify: bool = True
    """A new URL is asked once whether the image is there."""
    money: Money = Money()
    io42: Io42Settings | None = None
    studio: StudioSettings | None = None

    @property
    def state_dir(self) -> Path:
        if self.named_state_dir is not None:
            return self.named_state_dir
        from platformdirs import user_data_path  # noqa: PLC0415  # lazy: it costs start-up time

        return user_data_path("img402-mcp", appauthor=False)


@dataclass(frozen=True)
class Serving:
    """How the MCP server is reached. On stdio the rest is unused."""

    transport: Transport = "stdio"
    host: str = "127.0.0.1"
    port: int = 0
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class ServeFlags:
    """The words of `img402-mcp serve`, unchecked."""

    transport: str = "stdio"
    host: str = "127.0.0.1"
    port: int = 0
    allow_dirs: Sequence[str] = ()
    allowed_hosts: Sequence[str] = ()
    allowed_origins: Sequence[str] = ()
    token_file: str | None = None


def settings(
    environ: Mapping[str, str],
    *,
    api_url: str | None = None,
    allow_dirs: Sequence[str | Path] = (),
    state_dir: str | Path | None = None,
) -> Settings:
    """IMG402_API_URL, IMG402_ALLOW_DIRS (separated by os.pathsep), IMG402_STATE_DIR, IMG402_SCRUB, _HISTORY, _VERIFY,
    and what `_money`, `_io42` and `_studio` read.

    Raises SettingsError.
    """
    named = state_dir or environ.get("IMG402_STATE_DIR")
    url = _api_url("IMG402_API_URL", api_url or environ.get("IMG402_API_URL") or HOSTED_API)
    return Settings(
        api_url=url,
        allow_dirs=_named("--allow-dir", allow_dirs) or _listed(environ) or _default_dirs(),
        named_state_dir=Path(named).expanduser() if named else None,
        scrub=_switch(environ, "IMG402_SCRUB"),
        history=_switch(environ, "IMG402_HISTORY"),
        verify=_switch(environ, "IMG402_VERIFY"),
        money=_money(environ, url),
        io42=_io42(environ),
        studio=_studio(environ),
    )


def serving(environ: Mapping[str, str], flags: ServeFlags) -> Serving:
    """IMG402_SERVE_TOKEN or the token file. Raises SettingsError for a server that strangers could use."""
    if flags.transport not in get_args(Transport):
        raise SettingsError(f"--transport {quoted(flags.transport)} is none of {', '.join(get_args(Transport))}.")
    token = _token(environ, flags.token_file)
    on_loopback = flags.host in _LOOPBACK or flags.host.startswith("127.")
    if odd := [name for name in flags.allowed_hosts if "/" in name]:
        raise SettingsError(f"--allowed-host {quoted(odd[0])} is no name as in a Host header: mcp.example.org[:port].")
    if flags.transport != "stdio" and token is None and _holds_something(environ):
        raise SettingsError(
            "A wallet or an API's key is configured, and over HTTP any program of this machine could use it, so the "
            "server does not start without a bearer token (IMG402_SERVE_TOKEN or --token-file)."
        )
    if flags.transport != "stdio" and not on_loopback:
        _demand_protection(flags, token=token, dirs=bool(flags.allow_dirs or _listed(environ)))
    return Serving(
        transport=flags.transport,  # type: ignore[arg-type]  # it is one of them: checked above
        host=flags.host,
        port=flags.port,
        allowed_hosts=_with_ports((*(_LOOPBACK_HOSTS if on_loopback else ()), *flags.allowed_hosts)),
        allowed_origins=(*(_LOOPBACK_ORIGINS if on_loopback else ()), *flags.allowed_origins),
        token=token,
    )


def _holds_something(environ: Mapping[str, str]) -> bool:
    return bool(_wallet(environ) or environ.get("IMG402_IO42_KEY") or environ.get("IMG402_STUDIO_TOKEN"))


def _api_url(name: str, text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        shown = f"...@{text.rpartition('@')[2]}" if "@" in text else text
        raise SettingsError(f"{name} {quoted(shown)} is no http(s) address, such as {HOSTED_API}.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SettingsError(f"{name} must be a plain address, without a user, password, query or fragment.")
    return _canonical(parts)


def _money(environ: Mapping[str, str], api_url: str) -> Money:
    """IMG402_MAX_PAYMENT, _DAILY_BUDGET, _PAY_TO, _NETWORKS, _APPROVE, _PAID_FLOW, _RPC_URL and the wallet's."""
    expected = HOSTED_PAYEE if api_url == HOSTED_API else None
    return Money(
        wallet=_wallet(environ),
        max_payment=_usdc(environ, "IMG402_MAX_PAYMENT", Money.max_payment),
        daily_budget=_usdc(environ, "IMG402_DAILY_BUDGET", Money.daily_budget),
        pay_to=_address(environ, "IMG402_PAY_TO") or expected,
        networks=tuple(_chosen("IMG402_NETWORKS", name, ("base", "base-sepolia")) for name in _networks(environ)),
        approve=_chosen("IMG402_APPROVE", environ.get("IMG402_APPROVE") or "auto", get_args(Approve)),  # type: ignore[arg-type]
        flow=_chosen("IMG402_PAID_FLOW", environ.get("IMG402_PAID_FLOW") or "token", get_args(PaidFlow)),  # type: ignore[arg-type]
        rpc_url=environ.get("IMG402_RPC_URL") or None,
    )


def _io42(environ: Mapping[str, str]) -> Io42Settings | None:
    """IMG402_IO42_KEY, _URL, _MAX_FEE, _PAY_TO and _FORWARDED_FOR."""
    url = _api_url("IMG402_IO42_URL", environ.get("IMG402_IO42_URL") or IO42_API)
    if not (key := environ.get("IMG402_IO42_KEY")):
        return None
    return Io42Settings(
        url=url,
        key=_bearer("IMG402_IO42_KEY", key),
        max_fee=_usdc(environ, "IMG402_IO42_MAX_FEE", Io42Settings.max_fee),
        pay_to=_address(environ, "IMG402_IO42_PAY_TO"),
        forwarded_for=_forwarded_for(environ),
    )


def _studio(environ: Mapping[str, str]) -> StudioSettings | None:
    """IMG402_STUDIO_URL and IMG402_STUDIO_TOKEN: both or none."""
    url, token = environ.get("IMG402_STUDIO_URL"), environ.get("IMG402_STUDIO_TOKEN")
    if not url and not token:
        return None
    if not url or not token:
        raise SettingsError("The studio needs both IMG402_STUDIO_URL and IMG402_STUDIO_TOKEN; one of them is not set.")
    return StudioSettings(_api_url("IMG402_STUDIO_URL", url), _bearer("IMG402_STUDIO_TOKEN", token))


def _bearer(name: str, secret: str) -> str:
    if not re.fullmatch(r"[!-~]+", secret, re.ASCII):
        raise SettingsError(f"{name} must be printable ASCII characters without spaces; look at its ends.")
    return secret


def _forwarded_for(environ: Mapping[str, str]) -> str | None:
    if not (address := environ.get("IMG402_IO42_FORWARDED_FOR")):
        return None
    try:
        return str(ip_address(address))
    except ValueError:
        raise SettingsError(f"IMG402_IO42_FORWARDED_FOR {quoted(address)} is no IP address.") from None


def _networks(environ: Mapping[str, str]) -> list[str]:
    return [name.strip() for name in (environ.get("IMG402_NETWORKS") or "base").split(",") if name.strip()]


def _chosen(name: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise SettingsError(f"{name} {quoted(value)} is none of {', '.join(known)}.")
    return value


def _switch(environ: Mapping[str, str], name: str) -> bool:
    return _chosen(name, environ.get(name) or "on", ("on", "off")) == "on"


def _usdc(environ: Mapping[str, str], name: str, default: int) -> int:
    if not (text := environ.get(name)):
        return default
    from img402_mcp.wire.x402 import atomic  # noqa: PLC0415  # lazy: most sessions have no such setting

    try:
        return atomic(text)
    except ValueError as error:
        raise SettingsError(f"{name}: {error}.") from None


def _address(environ: Mapping[str, str], name: str) -> str | None:
    address = environ.get(name) or None
    if address is not None and not re.fullmatch(r"0x[0-9a-fA-F]{40}", address, re.ASCII):
        raise SettingsError(f"{name} {quoted(address)} is no address such as {HOSTED_PAYEE}.")
    return address


def _wallet(environ: Mapping[str, str]) -> WalletSource | None:
    key, file = environ.get("IMG402_WALLET_KEY"), environ.get("IMG402_WALLET_FILE")
    if key and file:
        raise SettingsError("IMG402_WALLET_KEY and IMG402_WALLET_FILE are both set: keep one, the file if you can.")
    if key:
        return WalletSource(key=_key(key))
    if file:
        return WalletSource(file=Path(file).expanduser(), password=_password(environ))
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


def secret_in(file: str, setting: str) -> str:
    try:
        return Path(file).expanduser().read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{setting} {quoted(file)} could not be read: {error}.") from error


def _canonical(parts: SplitResult) -> str:
    """One spelling for one API, since what is pinned and paid goes by it."""
    host = (parts.hostname or "").rstrip(".")
    host = f"[{host}]" if ":" in host else host
    usual = {"https": 443, "http": 80}[parts.scheme]
    port = "" if parts.port in {None, usual} else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"


def _listed(environ: Mapping[str, str]) -> tuple[Path, ...]:
    if not (listed := environ.get("IMG402_ALLOW_DIRS", "")):
        return ()
    return _named("IMG402_ALLOW_DIRS", [name for name in listed.split(os.pathsep) if name.strip()] or [""])


def _named(setting: str, names: Sequence[str | Path]) -> tuple[Path, ...]:
    """An unset shell variable gives an empty name, which would be the working directory, whatever that is."""
    if any(not str(name).strip() for name in names):
        raise SettingsError(f"{setting} names an empty folder; is a variable in it not set? Name the folder itself.")
    return tuple(Path(name).expanduser() for name in names)


def _default_dirs() -> tuple[Path, ...]:
    """The working directory, unless it is everything or the whole home folder, and where screenshots are put."""
    home = Path.home().resolve()
    try:
        here = Path.cwd().resolve()
    except OSError:  # it was deleted
        here = home
    working = () if home.is_relative_to(here) else (here,)
    shared = (Path("/tmp"),) if Path("/tmp").is_dir() else ()  # noqa: S108  # read from, never written to
    return tuple(dict.fromkeys((*working, Path(tempfile.gettempdir()), *shared)))


def _token(environ: Mapping[str, str], token_file: str | None) -> str | None:
    token = environ.get("IMG402_SERVE_TOKEN", "")
    if token_file is not None:
        token = secret_in(token_file, "--token-file")
    elif not token:
        return None
    if len(token) < _SHORTEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise SettingsError(
            f"The bearer token must be at least {_SHORTEST_TOKEN} printable ASCII characters without spaces; "
            "`openssl rand -hex 32` makes a good one."
        )
    return token


def _demand_protection(flags: ServeFlags, *, token: str | None, dirs: bool) -> None:
    missing = [
        way_out
        for given, way_out in (
            (token, "a bearer token (IMG402_SERVE_TOKEN or --token-file)"),
            (dirs, "the folders it may read (--allow-dir or IMG402_ALLOW_DIRS)"),
            (flags.allowed_hosts, "the names it is reached by (--allowed-host)"),
        )
        if not given
    ]
    if missing:
        raise SettingsError(
            f"On {quoted(flags.host)} other machines can reach this server and have your files uploaded: it does not "
            f"start without {' and '.join(missing)}. For this machine alone use --host 127.0.0.1."
        )


def _with_ports(names: Sequence[str]) -> tuple[str, ...]:
    """A name stands for itself and for itself at any port; a name with a port for that port alone."""
    return tuple(form for name in names for form in ((name,) if _has_port(name) else (name, f"{name}:*")))


def _has_port(name: str) -> bool:
    return name.rpartition(":")[2].isdigit() and not name.endswith("]")
