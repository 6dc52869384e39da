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
from img402_mcp.host.settings.free import A_CENTURY, free_terms
from img402_mcp.host.settings.model import HostSettings, Network, PaidSettings, Timeouts, Upkeep
from img402_mcp.host.settings.names import APIS, HOST_VARIABLES
from img402_mcp.host.settings.variables import (
    A_DAY_OF_MINUTES,
    LARGEST,
    demand_strong,
    integer,
    service,
    split_url,
    usdc,
    web_address,
    without_secrets,
)
from img402_mcp.wire import x402
from img402_mcp.wire.evm import address_flaw, can_sign
from img402_mcp.wire.img402 import PaidTerms

PAID_MAX_BYTES = 5 * 1_048_576
PAID_DAYS = 365
PRICE = "0.01"
TOKEN_MINUTES = 10
TRUST_USED = "0.05"  # five uploads: what a facilitator's lost answer may cost, where no chain can be asked
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
        paid=_paid(environ),
        secret=_secret(environ.get("IMG402_HOST_SECRET") or None, database),
        apis=tuple(api.read(environ) for api in APIS),
        timeouts=Timeouts.read(environ),
        upkeep=Upkeep.read(environ),
        delivery=delivery(environ, objects),
    )


def _paid(environ: Mapping[str, str]) -> PaidSettings | None:
    pay_to = environ.get("IMG402_HOST_PAY_TO")
    if not pay_to:
        return None
    facilitator, facilitator_url = _facilitator(environ)
    network = _chain(environ, facilitator)
    price = usdc(environ, "IMG402_HOST_PRICE", PRICE, smallest=1)
    return PaidSettings(
        terms=PaidTerms(
            max_bytes=integer(environ, "IMG402_HOST_PAID_MAX_BYTES", PAID_MAX_BYTES, (1, LARGEST)),
            days=integer(environ, "IMG402_HOST_PAID_DAYS", PAID_DAYS, (0, A_CENTURY)) or None,
            price=x402.usdc(price),
            network=network.name,
            token_minutes=integer(environ, "IMG402_HOST_TOKEN_MINUTES", TOKEN_MINUTES, (1, A_DAY_OF_MINUTES)),
        ),
        price=price,
        network=network,
        pay_to=_pay_to(pay_to),
        facilitator=facilitator,
        facilitator_url=facilitator_url,
        rpc_url=service(environ, "IMG402_HOST_RPC_URL"),
        trust_used=usdc(environ, "IMG402_HOST_TRUST_USED", TRUST_USED),
    )


def _pay_to(text: str) -> str:
    if not can_sign():
        raise SettingsError(
            "IMG402_HOST_PAY_TO is set, but the package eth-account, which checks payments, is not installed: its "
            "dependency ckzg has no ready-made build for Python 3.15 or Windows on ARM. Unset it, or run the host with "
            "Python 3.11 to 3.14 on Linux, macOS or Windows x64."
        )
    flaw = address_flaw(text)
    if not flaw and text.lower() in {network.usdc.lower() for network in x402.NETWORKS.values()}:
        flaw = "is the contract of USDC itself, which pays nothing out"
    if flaw:
        raise SettingsError(f"IMG402_HOST_PAY_TO {quoted(text)} {flaw}. Give the address that is paid.")
    return text


def _facilitator(environ: Mapping[str, str]) -> tuple[str, str]:
    """Play money must be requested by name."""
    kind = environ.get("IMG402_HOST_FACILITATOR") or "remote"
    url = service(environ, "IMG402_HOST_FACILITATOR_URL")
    if kind not in ("remote", "play"):
        raise SettingsError(f"IMG402_HOST_FACILITATOR is {quoted(kind)}; it must be remote or play.")
    if kind == "play":
        return kind, ""
    if not url:
        raise SettingsError(
            "IMG402_HOST_PAY_TO is set, but nothing is set to check and settle payments. Set "
            "IMG402_HOST_FACILITATOR_URL to an x402 facilitator, or IMG402_HOST_FACILITATOR=play for play money."
        )
    return kind, url


def _chain(environ: Mapping[str, str], facilitator: str) -> x402.Network:
    name = environ.get("IMG402_HOST_NETWORK") or ("base-sepolia" if facilitator == "play" else "base")
    if name not in x402.NETWORKS:
        raise SettingsError(f"IMG402_HOST_NETWORK is {quoted(name)}; it must be {' or '.join(x402.NETWORKS)}.")
    if facilitator == "play" and name != x402.BASE_SEPOLIA.name:
        raise SettingsError(
            f"IMG402_HOST_FACILITATOR is play and IMG402_HOST_NETWORK is {name}. A signature over {name} is real "
            "money to anyone who has it, so use play money only with base-sepolia."
        )
    return x402.NETWORKS[name]


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
