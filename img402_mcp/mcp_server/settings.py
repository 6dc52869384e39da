"""How the MCP server is reached: transport, address, names, token. Read from flags and the environment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

from img402_mcp.client.settings.folders import listed_folders
from img402_mcp.client.settings.names import APIS
from img402_mcp.client.settings.read import wallet
from img402_mcp.client.settings.variables import secret_in
from img402_mcp.errors import SettingsError, quoted

Transport = Literal["stdio", "streamable-http", "sse"]

_LOOPBACK = ("127.0.0.1", "localhost", "::1")

_LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")

_LOOPBACK_ORIGINS = tuple(f"http://{name}{port}" for name in _LOOPBACK_HOSTS for port in ("", ":*"))

_SHORTEST_TOKEN = 16


@dataclass(frozen=True)
class ServeSettings:
    """How the MCP server is reached. On stdio, only the transport matters."""

    transport: Transport = "stdio"
    host: str = "127.0.0.1"
    port: int = 0
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    token: str | None = field(default=None, repr=False)
    session_idle_seconds: float = 1800.0
    """A session over HTTP ends after so long without a request or an open stream."""
    most_sessions: int = 256
    """The most sessions at a time over HTTP; each keeps some 40 KB."""


class ServeFlags(NamedTuple):
    """The flags of `img402-mcp serve`, unchecked."""

    transport: str = "stdio"
    host: str = "127.0.0.1"
    port: int = 0
    allow_dirs: Sequence[str] = ()
    allowed_hosts: Sequence[str] = ()
    allowed_origins: Sequence[str] = ()
    token_file: str | None = None


def serve_settings(environ: Mapping[str, str], flags: ServeFlags) -> ServeSettings:
    """IMG402_SERVE_TOKEN or the token file. Raises SettingsError for a server that strangers could use."""
    if flags.transport not in get_args(Transport):
        raise SettingsError(f"--transport {quoted(flags.transport)} is not one of {', '.join(get_args(Transport))}.")
    token = _token(environ, flags.token_file)
    on_loopback = flags.host in _LOOPBACK or flags.host.startswith("127.")
    if odd := [name for name in flags.allowed_hosts if "/" in name]:
        raise SettingsError(
            f"--allowed-host {quoted(odd[0])} is not a name as in a Host header: mcp.example.org[:port]."
        )
    is_open_to_all = flags.transport != "stdio" and token is None
    if is_open_to_all and (wallet(environ) or any(environ.get(api.secret) for api in APIS)):
        raise SettingsError(
            "A wallet or an API's key is configured, and over HTTP any program of this machine could use it, so the "
            "server does not start without a bearer token (IMG402_SERVE_TOKEN or --token-file)."
        )
    if flags.transport != "stdio" and not on_loopback:
        _demand_protection(flags, token=token, dirs=bool(flags.allow_dirs or listed_folders(environ)))
    return ServeSettings(
        transport=flags.transport,  # type: ignore[arg-type]  # it is one of them: checked above
        host=flags.host,
        port=flags.port,
        allowed_hosts=_with_ports((*(_LOOPBACK_HOSTS if on_loopback else ()), *flags.allowed_hosts)),
        allowed_origins=(*(_LOOPBACK_ORIGINS if on_loopback else ()), *flags.allowed_origins),
        token=token,
    )


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
    """A name is allowed at any port; a name with a port only at that port."""
    return tuple(form for name in names for form in ((name,) if _has_port(name) else (name, f"{name}:*")))


def _has_port(name: str) -> bool:
    return name.rpartition(":")[2].isdigit() and not name.endswith("]")
