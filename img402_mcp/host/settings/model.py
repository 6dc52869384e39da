"""The host's settings: one frozen object, read once from the environment by `read`."""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import TypeVar

from sqlalchemy.engine import URL

from img402_mcp.errors import SettingsError, quoted
from img402_mcp.host.settings.delivery import Delivery
from img402_mcp.host.settings.free import A_CENTURY
from img402_mcp.host.settings.variables import (
    A_DAY,
    A_DAY_OF_MINUTES,
    LARGEST,
    ApiHostSettings,
    Environ,
    FromVariables,
    at_most,
    service,
    setting,
    split_url,
    switch,
    usdc,
    whole,
)
from img402_mcp.wire import x402
from img402_mcp.wire.evm import address_flaw, can_sign
from img402_mcp.wire.img402 import FreeTerms, PaidTerms

Network = IPv4Network | IPv6Network

LARGEST_STORE = 1 << 60
AN_HOUR = 3600
OfApi = TypeVar("OfApi", bound=ApiHostSettings)


def _facilitator(environ: Environ) -> str:
    """Play money must be requested by name."""
    kind = environ.get("IMG402_HOST_FACILITATOR") or "remote"
    if kind not in ("remote", "play"):
        raise SettingsError(f"IMG402_HOST_FACILITATOR is {quoted(kind)}; it must be remote or play.")
    return kind


def _facilitator_url(environ: Environ) -> str:
    url = service(environ, "IMG402_HOST_FACILITATOR_URL")
    if _facilitator(environ) == "play":
        return ""
    if not url:
        raise SettingsError(
            "IMG402_HOST_PAY_TO is set, but nothing is set to check and settle payments. Set "
            "IMG402_HOST_FACILITATOR_URL to an x402 facilitator, or IMG402_HOST_FACILITATOR=play for play money."
        )
    return url


def _chain(environ: Environ) -> x402.Network:
    is_play = _facilitator(environ) == "play"
    name = environ.get("IMG402_HOST_NETWORK") or ("base-sepolia" if is_play else "base")
    if name not in x402.NETWORKS:
        raise SettingsError(f"IMG402_HOST_NETWORK is {quoted(name)}; it must be {' or '.join(x402.NETWORKS)}.")
    if is_play and name != x402.BASE_SEPOLIA.name:
        raise SettingsError(
            f"IMG402_HOST_FACILITATOR is play and IMG402_HOST_NETWORK is {name}. A signature over {name} is real "
            "money to anyone who has it, so use play money only with base-sepolia."
        )
    return x402.NETWORKS[name]


def _pay_to(environ: Environ) -> str:
    text = environ["IMG402_HOST_PAY_TO"]
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


@dataclass(frozen=True)
class PaidSettings(FromVariables):
    """`facilitator_url` is empty for play money. Amounts are atomic."""

    facilitator: str = setting("remote", _facilitator, "IMG402_HOST_FACILITATOR")
    facilitator_url: str = setting("", _facilitator_url, "IMG402_HOST_FACILITATOR_URL")
    network: x402.Network = setting(x402.BASE, _chain, "IMG402_HOST_NETWORK")  # noqa: RUF009  # frozen
    price: int = usdc("IMG402_HOST_PRICE", "0.01", smallest=1)
    max_bytes: int = whole("IMG402_HOST_PAID_MAX_BYTES", 5 * 1_048_576, (1, LARGEST))
    days: int | None = at_most("IMG402_HOST_PAID_DAYS", 365, A_CENTURY)
    token_minutes: int = whole("IMG402_HOST_TOKEN_MINUTES", 10, (1, A_DAY_OF_MINUTES))
    pay_to: str = setting("", _pay_to, "IMG402_HOST_PAY_TO")
    # Five uploads: what a facilitator's lost answer may cost, where no chain can be asked.
    trust_used: int = usdc("IMG402_HOST_TRUST_USED", "0.05")
    rpc_url: str = setting("", lambda it: service(it, "IMG402_HOST_RPC_URL"), "IMG402_HOST_RPC_URL", secret=True)

    @property
    def terms(self) -> PaidTerms:
        return PaidTerms(
            max_bytes=self.max_bytes,
            days=self.days,
            price=x402.usdc(self.price),
            network=self.network.name,
            token_minutes=self.token_minutes,
        )


@dataclass(frozen=True)
class Timeouts(FromVariables):
    """`connections` of one process; `head`, `body` and `answer` in seconds, `rate` in bytes a second."""

    # A process has 1024 descriptors by default; an upload needs two, and the database some.
    connections: int = whole("IMG402_HOST_CONNECTIONS", 400, (1, LARGEST))
    # Apache has 20, nginx 60. A head is one packet.
    head: int = whole("IMG402_HOST_HEAD_SECONDS", 10, (1, A_DAY))
    # Apache: 20 seconds and 500 bytes a second; Kestrel: 5 and 240. The slowest mobile net has 5000.
    body: int = whole("IMG402_HOST_BODY_SECONDS", 20, (1, A_DAY))
    rate: int = whole("IMG402_HOST_BODY_RATE", 500, (1, LARGEST))
    answer: int = whole("IMG402_HOST_ANSWER_SECONDS", 30, (1, A_DAY))


def _metrics(environ: Environ) -> tuple[str, int] | None:
    text = environ.get("IMG402_HOST_METRICS") or "off"
    if text == "off":
        return None
    url = split_url(f"//{text}")
    if url is None or not url.hostname or url.port is None or url.netloc != text or "@" in text:
        raise SettingsError(
            f"IMG402_HOST_METRICS is {quoted(text)}; give an address and a separate port, such as 127.0.0.1:9402, "
            "or off."
        )
    return url.hostname, url.port


@dataclass(frozen=True)
class Upkeep(FromVariables):
    """`metrics`: address and port; None: off. Seconds: `drain` before the socket closes, `stop` for running requests.

    `most_bytes` None: no limit.
    """

    delete_urls: bool = switch("IMG402_HOST_DELETE", default=True)
    metrics: tuple[str, int] | None = setting(None, _metrics, "IMG402_HOST_METRICS")
    most_bytes: int | None = at_most("IMG402_HOST_MAX_TOTAL_BYTES", None, LARGEST_STORE)
    # Room for the database's log and for arriving bodies; a system without that has other problems too.
    floor_bytes: int = whole("IMG402_HOST_MIN_FREE_BYTES", 256 * 1_048_576, (0, LARGEST_STORE))
    drain: int = whole("IMG402_HOST_DRAIN_SECONDS", 0, (0, AN_HOUR))
    # By default Docker kills after 10 seconds, Kubernetes after 30, systemd after 90.
    stop: int = whole("IMG402_HOST_STOP_SECONDS", 25, (1, AN_HOUR))


@dataclass(frozen=True)
class HostSettings:
    """`database` is a sqlalchemy URL, whose repr hides the password; `secret` None: one is kept in the data folder.

    `objects` is the URL of an object store. Where there is one, `blobs` is only for bodies that are still arriving.
    """

    data: Path
    blobs: Path
    database: URL
    public_url: str
    free: FreeTerms
    trusted_proxies: tuple[Network, ...] = ()
    paid: PaidSettings | None = None
    secret: str | None = field(default=None, repr=False)
    apis: tuple[ApiHostSettings, ...] = ()
    """Of the APIs besides img402; ask with `of`."""
    objects: str | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    upkeep: Upkeep = field(default_factory=Upkeep)
    delivery: Delivery = field(default_factory=Delivery)

    @property
    def image_url(self) -> str:
        """The base address of image URLs in answers."""
        return self.delivery.image_url or self.public_url

    def of(self, api: type[OfApi]) -> OfApi:
        """`settings.of(StudioHostSettings)`: that API's settings; the defaults where none were read."""
        return next((each for each in self.apis if isinstance(each, api)), api())
