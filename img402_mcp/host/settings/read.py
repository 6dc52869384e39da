"""The host's settings: the only reader of IMG402_HOST_*. An empty variable counts as unset."""

from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import unquote

from platformdirs import user_data_dir
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from img402_mcp.errors import SettingsError, quoted
from img402_mcp.host.settings.delivery import delivery
from img402_mcp.host.settings.free import free_terms
from img402_mcp.host.settings.model import HostSettings, Network, PaidSettings, Timeouts, Upkeep
from img402_mcp.host.settings.names import APIS, HOST_VARIABLES
from img402_mcp.host.settings.variables import demand_strong, split_url, web_address, without_secrets

OBJECT_STORES = ("s3", "gs", "az")
_WHERE_FROM = ", such as the output of `openssl rand -hex 32`. Leave it out to have one made in the data folder."


def host_settings(
    environ: Mapping[str, str],
    *,
    data: str | Path | None = None,
    public_url: str | None = None,
    default_public_url: str | None = None,
) -> HostSettings:
    """A flag wins over its variable; `default_public_url` (the bound socket's) is used where neither is given."""
    HOST_VARIABLES.check(environ)
    usual = Path(user_data_dir("img402-mcp", appauthor=False)) / "host"
    folder = Path(data or environ.get("IMG402_HOST_DATA") or usual).expanduser().absolute()
    blobs, objects = _blobs(environ.get("IMG402_HOST_BLOBS") or "", folder / "blobs")
    database = _database(environ.get("IMG402_HOST_DATABASE"), folder / "index.sqlite")
    proxies = environ.get("IMG402_HOST_TRUSTED_PROXIES") or ""
    return HostSettings(
        data=folder,
        blobs=blobs,
        objects=objects,
        database=database,
        public_url=web_address(
            public_url or environ.get("IMG402_HOST_PUBLIC_URL") or default_public_url or "",
            "The public URL",
            "as clients reach this host, with --public-url or IMG402_HOST_PUBLIC_URL",
        ),
        free=free_terms(environ),
        trusted_proxies=tuple(_network(it.strip()) for it in proxies.split(",") if it.strip()),
        paid=PaidSettings.read(environ) if environ.get("IMG402_HOST_PAY_TO") else None,
        secret=_secret(environ.get("IMG402_HOST_SECRET") or None, database),
        apis=tuple(api.read(environ) for api in APIS),
        timeouts=Timeouts.read(environ),
        upkeep=Upkeep.read(environ),
        delivery=delivery(environ, objects),
    )


def _secret(text: str | None, database: URL) -> str | None:
    if text is None and database.get_backend_name() == "postgresql":
        raise SettingsError(
            "IMG402_HOST_DATABASE is PostgreSQL, which several hosts may share, and tokens and signed URLs of one "
            "must work on all: set IMG402_HOST_SECRET to the same text on each, such as the output of "
            "`openssl rand -hex 32`."
        )
    if text is not None:
        demand_strong(text, "IMG402_HOST_SECRET", _WHERE_FROM)
    return text


def _blobs(text: str, default: Path) -> tuple[Path, str | None]:
    """The folder, and the URL of the object store where there is one."""
    if not text:
        return default, None
    if "://" not in text:
        return Path(text).expanduser().absolute(), None
    url = split_url(text)
    if url and url.scheme == "file" and url.netloc in ("", "localhost") and url.path:
        return Path(unquote(url.path)), None
    if url and url.scheme in OBJECT_STORES and url.hostname and not {*"@?#"} & {*text}:
        return default, text
    raise SettingsError(
        f"IMG402_HOST_BLOBS is {quoted(without_secrets(text))}; give a folder, file:///folder, or "
        "s3://bucket/prefix (also gs:// and az://) with the keys in AWS_*, GOOGLE_* or AZURE_*."
    )


def _database(text: str | None, default: Path) -> URL:
    if not text:
        return URL.create("sqlite", database=str(default))
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        url = URL.create("unreadable")
    if url.drivername in ("postgresql", "postgres"):  # as everybody else writes it
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() not in ("sqlite", "postgresql") or url.database in (None, "", ":memory:"):
        raise SettingsError(
            f"IMG402_HOST_DATABASE ({url.get_backend_name()}) cannot be used; give sqlite:////folder/index.sqlite "
            "or postgresql://user:password@server/name."
        )
    return url


def _network(entry: str) -> Network:
    try:
        return ip_network(entry)
    except ValueError:
        raise SettingsError(
            f"IMG402_HOST_TRUSTED_PROXIES holds {quoted(entry)}; give addresses or networks with commas "
            "between them, such as 127.0.0.1, 10.0.0.0/8."
        ) from None
